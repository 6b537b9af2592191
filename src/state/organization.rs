//! The tree of organizational units and accounts.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, OrganizationId, OuId};

/// What Organizations says of an account (`State`, since September 2025; before, `Status`).
///
/// Only [`AccountState::Active`] is deployable; a state that is not known yet is not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountState {
    /// In use.
    Active,
    /// Sign-up is not finished.
    PendingActivation,
    /// Restricted by AWS.
    Suspended,
    /// Being closed, and still usable.
    PendingClosure,
    /// Closed by its owner, within the 90 days.
    Closed,
    /// A state that this version does not know, or none at all.
    Other(String),
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::PendingActivation => "pending activation",
            Self::Suspended => "suspended",
            Self::PendingClosure => "pending closure",
            Self::Closed => "closed",
            Self::Other(text) if text.is_empty() => "of unknown state",
            Self::Other(text) => text,
        })
    }
}

/// A member account, or the management account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its twelve digits.
    pub id: AccountId,
    /// Its name, for people.
    pub name: String,
    /// The OU, or the root, that it sits in directly.
    pub parent: OuId,
    /// Whether it can be used.
    pub state: AccountState,
}

/// An organizational unit, or the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its ID.
    pub id: OuId,
    /// Its name; `Root` for the root.
    pub name: String,
    /// The OU above it; none for the root.
    pub parent: Option<OuId>,
}

/// Why units and accounts do not make a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATree {
    /// No unit is a root, or several are.
    #[error("the organization has {0} roots; exactly one was expected")]
    Roots(usize),
    /// A unit or account names a parent that was not listed.
    #[error("`{child}` is said to be in `{parent}`, which was not listed")]
    Parent {
        /// The one below.
        child: String,
        /// The one that is missing.
        parent: OuId,
    },
    /// Units that can't be reached from the root.
    #[error("`{0}` cannot be reached from the root")]
    Detached(OuId),
}

/// An organization: one root, units below it, and accounts in them.
///
/// Every parent is present and every unit can be reached from the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OrganizationRecord", into = "OrganizationRecord")]
pub struct Organization {
    id: OrganizationId,
    management_account: AccountId,
    root: OuId,
    units: BTreeMap<OuId, Unit>,
    accounts: BTreeMap<AccountId, Account>,
    children: BTreeMap<OuId, Vec<OuId>>,
    members: BTreeMap<OuId, Vec<AccountId>>,
}

/// The form in which an organization is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationRecord {
    id: OrganizationId,
    management_account: AccountId,
    units: Vec<Unit>,
    accounts: Vec<Account>,
}

impl TryFrom<OrganizationRecord> for Organization {
    type Error = NotATree;

    fn try_from(record: OrganizationRecord) -> Result<Self, NotATree> {
        let OrganizationRecord { id, management_account, units, accounts } = record;
        Self::new(id, management_account, units, accounts)
    }
}

impl From<Organization> for OrganizationRecord {
    fn from(organization: Organization) -> Self {
        let Organization {
            id,
            management_account,
            units,
            accounts,
            root: _,
            children: _,
            members: _,
        } = organization;
        Self {
            id,
            management_account,
            units: units.into_values().collect(),
            accounts: accounts.into_values().collect(),
        }
    }
}

impl Organization {
    /// Puts a tree together.
    ///
    /// # Errors
    ///
    /// Says what keeps it from being a tree.
    pub fn new(
        id: OrganizationId,
        management_account: AccountId,
        units: impl IntoIterator<Item = Unit>,
        accounts: impl IntoIterator<Item = Account>,
    ) -> Result<Self, NotATree> {
        let units: BTreeMap<OuId, Unit> =
            units.into_iter().map(|unit| (unit.id.clone(), unit)).collect();
        let accounts: BTreeMap<AccountId, Account> =
            accounts.into_iter().map(|account| (account.id.clone(), account)).collect();
        let roots: Vec<&Unit> = units.values().filter(|unit| unit.parent.is_none()).collect();
        let [root] = roots.as_slice() else { return Err(NotATree::Roots(roots.len())) };
        let root = root.id.clone();

        let mut children: BTreeMap<OuId, Vec<OuId>> = BTreeMap::new();
        for unit in units.values() {
            let Some(parent) = &unit.parent else { continue };
            if !units.contains_key(parent) {
                return Err(NotATree::Parent {
                    child: unit.id.to_string(),
                    parent: parent.clone(),
                });
            }
            children.entry(parent.clone()).or_default().push(unit.id.clone());
        }
        for below in children.values_mut() {
            below.sort_by(|a, b| (&units[a].name, a).cmp(&(&units[b].name, b)));
        }
        let mut members: BTreeMap<OuId, Vec<AccountId>> = BTreeMap::new();
        for account in accounts.values() {
            if !units.contains_key(&account.parent) {
                return Err(NotATree::Parent {
                    child: account.id.to_string(),
                    parent: account.parent.clone(),
                });
            }
            members.entry(account.parent.clone()).or_default().push(account.id.clone());
        }

        let organization =
            Self { id, management_account, root, units, accounts, children, members };
        let reached: std::collections::BTreeSet<&OuId> =
            organization.subtree(&organization.root).into_iter().collect();
        match organization.units.keys().find(|unit| !reached.contains(unit)) {
            Some(unit) => Err(NotATree::Detached(unit.clone())),
            None => Ok(organization),
        }
    }

    /// The organization's ID.
    pub fn id(&self) -> &OrganizationId {
        &self.id
    }

    /// The account that pays, which StackSets never reach.
    pub fn management_account(&self) -> &AccountId {
        &self.management_account
    }

    /// The root's ID.
    pub fn root(&self) -> &OuId {
        &self.root
    }

    /// A unit by its ID.
    pub fn unit(&self, id: &OuId) -> Option<&Unit> {
        self.units.get(id)
    }

    /// All units, the root included, in the order of their IDs.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.values()
    }

    /// An account by its ID.
    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// All accounts, in the order of their IDs.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The units directly below one, by name.
    pub fn children(&self, id: &OuId) -> &[OuId] {
        self.children.get(id).map_or(&[], Vec::as_slice)
    }

    /// The accounts that sit directly in a unit.
    pub fn members(&self, id: &OuId) -> impl Iterator<Item = &Account> {
        self.members.get(id).into_iter().flatten().map(|account| &self.accounts[account])
    }

    /// A unit and all units below it, a parent before its children.
    pub fn subtree<'a>(&'a self, id: &'a OuId) -> Vec<&'a OuId> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(unit) = found.get(next) {
            found.extend(self.children(unit));
            next += 1;
        }
        found
    }

    /// A unit and the units above it, the root last.
    pub fn ancestors<'a>(&'a self, id: &'a OuId) -> impl Iterator<Item = &'a OuId> {
        std::iter::successors(Some(id), |unit| self.units.get(*unit)?.parent.as_ref())
    }

    /// The path of a unit, for example `/Workloads/Prod`; `/` for the root.
    pub fn path(&self, id: &OuId) -> String {
        let mut names: Vec<&str> = self
            .ancestors(id)
            .filter_map(|unit| self.units.get(unit))
            .filter(|unit| unit.parent.is_some())
            .map(|unit| unit.name.as_str())
            .collect();
        names.reverse();
        format!("/{}", names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(id: &str, parent: Option<&str>) -> Unit {
        Unit {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            parent: parent.map(|parent| parent.parse().unwrap()),
        }
    }

    fn organization(units: Vec<Unit>) -> Result<Organization, NotATree> {
        Organization::new(
            "o-exampleorgid".parse().unwrap(),
            "111111111111".parse().unwrap(),
            units,
            [],
        )
    }

    #[test]
    fn units_that_are_no_tree_are_refused() {
        assert_eq!(organization(vec![]), Err(NotATree::Roots(0)));
        let circle = vec![
            unit("r-ab12", None),
            unit("ou-ab12-aaaaaaaa", Some("ou-ab12-bbbbbbbb")),
            unit("ou-ab12-bbbbbbbb", Some("ou-ab12-aaaaaaaa")),
        ];
        assert_eq!(
            organization(circle),
            Err(NotATree::Detached("ou-ab12-aaaaaaaa".parse().unwrap()))
        );
        assert!(matches!(
            organization(vec![unit("r-ab12", None), unit("ou-ab12-aaaaaaaa", Some("r-zz99"))]),
            Err(NotATree::Parent { .. })
        ));
    }

    #[test]
    fn a_path_names_the_units_from_the_top() {
        let organization = organization(vec![
            unit("r-ab12", None),
            unit("ou-ab12-aaaaaaaa", Some("r-ab12")),
            unit("ou-ab12-bbbbbbbb", Some("ou-ab12-aaaaaaaa")),
        ])
        .unwrap();

        assert_eq!(organization.path(organization.root()), "/");
        assert_eq!(
            organization.path(&"ou-ab12-bbbbbbbb".parse().unwrap()),
            "/ou-ab12-aaaaaaaa/ou-ab12-bbbbbbbb"
        );
    }
}
