//! Who a question is about: an account or an OU, as people name it.

use std::collections::BTreeMap;

use crate::{
    ids::{AccountId, OuId, Region},
    state::{Account, Organization, RegionStatus},
};

use super::{error::nearest, paths::Paths, regions};

/// An account or an OU, as somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An account, by its ID.
    Account(AccountId),
    /// An OU, by its ID.
    Ou(OuId),
    /// An OU, by its path; `/` is the root.
    Path(String),
    /// An account or an OU, by its name.
    Name(String),
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        let text = text.trim();
        if let Ok(id) = text.parse() {
            return Self::Account(id);
        }
        if let Ok(id) = text.parse() {
            return Self::Ou(id);
        }
        if text.starts_with('/') {
            let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
            return Self::Path(format!("/{}", parts.join("/")));
        }
        Self::Name(text.to_owned())
    }
}

/// A question about something that is not there, or that could be one of several.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnknownSubject {
    message: String,
    help: String,
}

impl UnknownSubject {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// What to ask instead.
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Account(&'a Account),
    Ou(&'a OuId),
}

impl Found<'_> {
    /// What tells it from others of the same name.
    fn told_apart(self, organization: &Organization) -> String {
        match self {
            Self::Account(account) => {
                format!("account {} in {}", account.id, organization.path(&account.parent))
            }
            Self::Ou(ou) => format!("OU {}", organization.path(ou)),
        }
    }
}

impl Subject {
    /// Looks it up.
    pub(super) fn find<'a>(
        &self,
        organization: &'a Organization,
    ) -> Result<Found<'a>, UnknownSubject> {
        match self {
            Self::Account(id) => organization.account(id).map(Found::Account).ok_or_else(|| {
                UnknownSubject::new(
                    format!("the organization has no account {id}"),
                    match near_account(organization, id) {
                        Some(near) => format!("Did you mean {} ({})?", near.id, near.name),
                        None => {
                            "Check the ID. The account may have left the organization.".to_owned()
                        }
                    },
                )
            }),
            Self::Ou(id) => {
                organization.unit(id).map(|unit| Found::Ou(&unit.id)).ok_or_else(|| {
                    UnknownSubject::new(
                        format!("the organization has no organizational unit {id}"),
                        "The ID is of another organization, or the OU has been deleted.",
                    )
                })
            }
            Self::Path(path) => with_path(organization, path),
            Self::Name(name) => with_name(organization, name),
        }
    }
}

fn near_account<'a>(organization: &'a Organization, id: &AccountId) -> Option<&'a Account> {
    let near = nearest(id.as_str(), organization.accounts().map(|account| account.id.as_str()))?;
    organization.accounts().find(|account| account.id.as_str() == near)
}

fn with_path<'a>(organization: &'a Organization, path: &str) -> Result<Found<'a>, UnknownSubject> {
    let paths: BTreeMap<String, &OuId> =
        organization.units().map(|unit| (organization.path(&unit.id), &unit.id)).collect();
    if let Some(&ou) = paths.get(path) {
        return Ok(Found::Ou(ou));
    }
    Err(UnknownSubject::new(
        format!("there is no organizational unit `{path}`"),
        match nearest(path, paths.keys().map(String::as_str)) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Name it by its path from the root, for example `/Workloads/Prod`.".to_owned(),
        },
    ))
}

fn with_name<'a>(organization: &'a Organization, name: &str) -> Result<Found<'a>, UnknownSubject> {
    let units = || organization.units().filter(|unit| unit.parent.is_some());
    let exact: Vec<Found<'a>> = organization
        .accounts()
        .filter(|account| account.name == name)
        .map(Found::Account)
        .chain(units().filter(|unit| unit.name == name).map(|unit| Found::Ou(&unit.id)))
        .collect();
    let found = if exact.is_empty() { spelled_otherwise(organization, name) } else { exact };
    if let [found] = found.as_slice() {
        return Ok(*found);
    }
    if !found.is_empty() {
        let found: Vec<String> =
            found.into_iter().map(|found| found.told_apart(organization)).collect();
        return Err(UnknownSubject::new(
            format!("`{name}` may be one of several: {}", found.join(", ")),
            "Name the account by its ID, or the OU by its path.",
        ));
    }
    if !name.is_empty() && name.chars().all(|letter| letter.is_ascii_digit()) {
        return Err(UnknownSubject::new(
            format!("no account or organizational unit is called `{name}`"),
            format!("The ID of an account has 12 digits, and this has {}.", name.len()),
        ));
    }
    let names = organization.accounts().map(|account| account.name.as_str());
    let names = names.chain(units().map(|unit| unit.name.as_str()));
    Err(UnknownSubject::new(
        format!("no account or organizational unit is called `{name}`"),
        match nearest(name, names) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Give the ID or the name of an account, or the path, name or ID of an OU."
                .to_owned(),
        },
    ))
}

/// What has the name but for capital letters; for OUs, but for spaces, `-` and `_` too, as in a policy.
fn spelled_otherwise<'a>(organization: &'a Organization, name: &str) -> Vec<Found<'a>> {
    let accounts = organization
        .accounts()
        .filter(|account| account.name.to_lowercase() == name.to_lowercase())
        .map(Found::Account);
    let ous = Paths::of(organization).named(name);
    let ous = ous.iter().filter_map(|ou| organization.unit(ou)).map(|unit| Found::Ou(&unit.id));
    accounts.chain(ous).collect()
}

/// Whether there is a Region of this name at all.
pub(super) fn known_region(
    region: &Region,
    regions: &BTreeMap<Region, RegionStatus>,
) -> Result<(), UnknownSubject> {
    if regions.contains_key(region) || regions::zone(region).is_some() {
        return Ok(());
    }
    let own = regions.keys().map(Region::as_str);
    let names = own.chain(regions::known().map(|name: &str| name));
    Err(UnknownSubject::new(
        format!("there is no Region `{region}`"),
        match nearest(region.as_str(), names) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Name it as AWS does, for example `eu-west-1`.".to_owned(),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{AccountState, Unit};

    fn unit(id: &str, name: &str, parent: Option<&str>) -> Unit {
        Unit {
            id: id.parse().unwrap(),
            name: name.to_owned(),
            parent: parent.map(|parent| parent.parse().unwrap()),
        }
    }

    fn account(id: &str, name: &str, parent: &str) -> Account {
        Account {
            id: id.parse().unwrap(),
            name: name.to_owned(),
            parent: parent.parse().unwrap(),
            state: AccountState::Active,
        }
    }

    fn organization() -> Organization {
        Organization::new(
            "o-exampleorgid".parse().unwrap(),
            "111111111111".parse().unwrap(),
            [
                unit("r-ab12", "Root", None),
                unit("ou-ab12-aaaaaaaa", "Prod", Some("r-ab12")),
                unit("ou-ab12-bbbbbbbb", "Policy Staging", Some("ou-ab12-aaaaaaaa")),
            ],
            [
                account("111111111111", "management", "r-ab12"),
                account("000000000001", "web", "ou-ab12-aaaaaaaa"),
                account("000000000002", "web", "ou-ab12-bbbbbbbb"),
                account("000000000003", "prod", "ou-ab12-bbbbbbbb"),
            ],
        )
        .unwrap()
    }

    fn found(text: &str) -> String {
        let organization = organization();
        Subject::from(text).find(&organization).unwrap().told_apart(&organization)
    }

    fn help(text: &str) -> String {
        let unknown = Subject::from(text).find(&organization()).unwrap_err();
        format!("{unknown}. {}", unknown.help())
    }

    #[test]
    fn accounts_and_ous_are_found_by_each_of_their_names() {
        assert_eq!(found("000000000001"), "account 000000000001 in /Prod");
        assert_eq!(found("prod"), "account 000000000003 in /Prod/Policy Staging");
        assert_eq!(found("Prod"), "OU /Prod");
        assert_eq!(found("Management"), "account 111111111111 in /");
        assert_eq!(found("policy-staging"), "OU /Prod/Policy Staging");
        assert_eq!(found("/Prod/"), "OU /Prod");
        assert_eq!(found("/"), "OU /");
        assert_eq!(found("ou-ab12-aaaaaaaa"), "OU /Prod");
    }

    #[test]
    fn a_name_that_several_have_is_refused_with_all_of_them() {
        assert_eq!(
            help("web"),
            "`web` may be one of several: account 000000000001 in /Prod, account 000000000002 in /Prod/Policy Staging. Name the account by its ID, or the OU by its path."
        );
        assert!(help("PROD").contains("account 000000000003 in /Prod/Policy Staging, OU /Prod"));
    }

    #[test]
    fn what_is_not_there_is_told_the_nearest() {
        assert!(help("000000000009").contains("Did you mean 00000000000"));
        assert!(help("managment").ends_with("Did you mean `management`?"));
        assert!(help("/Pord").ends_with("Did you mean `/Prod`?"));
        assert!(help("12345").contains("has 12 digits, and this has 5"));
        assert!(help("").contains("Give the ID or the name"));
    }

    #[test]
    fn a_region_that_nobody_knows_is_told_the_nearest() {
        let region = |name: &str| known_region(&name.parse().unwrap(), &BTreeMap::new());

        assert_eq!(region("eu-west-1"), Ok(()));
        assert_eq!(region("eu-wset-1").unwrap_err().help(), "Did you mean `eu-west-1`?");
    }
}
