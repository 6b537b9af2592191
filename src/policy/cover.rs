//! Which accounts a policy covers, and through which OUs they can be named to StackSets.
//!
//! StackSets can name whole OUs, or accounts within an OU. A whole OU takes everything below it, now
//! and later, so it may be named only where all of it is meant (it is *clean*). What is left are
//! single accounts, which are named within the topmost OU of the target that they are in: so no OU is
//! ever named together with one above it, and the OU stays the same when accounts come and go.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, OuId},
    state::{Account, AccountState, Organization, SkipReason, Skipped},
};

/// What a policy takes out again.
#[derive(Clone, Debug, Default)]
pub(super) struct Excluded {
    /// OUs, each with all that is below it.
    pub(super) ous: BTreeSet<OuId>,
    /// Accounts, each with its reason.
    pub(super) accounts: BTreeMap<AccountId, SkipReason>,
}

/// The accounts that are covered, and those that are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// OUs that are meant as a whole, with their active accounts.
    pub(super) whole: BTreeMap<OuId, BTreeSet<AccountId>>,
    /// Single accounts, by the topmost OU in which they are named.
    pub(super) pinned: BTreeMap<OuId, BTreeSet<AccountId>>,
    /// OUs that are covered, and not as a whole.
    pub(super) in_part: BTreeSet<OuId>,
    /// Accounts that get nothing from the stack sets.
    pub(super) skipped: Vec<Skipped>,
}

/// Lays the targets over the tree.
pub(super) fn cover(
    organization: &Organization,
    targets: &BTreeSet<OuId>,
    excluded: &Excluded,
) -> Cover {
    let tree = Tree { organization, excluded };
    let mut cover = Cover::default();
    for target in targets {
        let below_another =
            organization.ancestors(target).skip(1).any(|above| targets.contains(above));
        if !below_another && tree.excluded_by(target).is_none() {
            tree.cut(target, target, &mut cover);
        }
    }
    let covered: BTreeSet<&AccountId> =
        cover.whole.values().chain(cover.pinned.values()).flatten().collect();
    cover.skipped = organization
        .accounts()
        .filter(|account| !covered.contains(&account.id))
        .map(|account| Skipped {
            account: account.id.clone(),
            ou: organization.path(&account.parent),
            because: tree.reason(account, targets),
        })
        .collect();
    cover
}

struct Tree<'a> {
    organization: &'a Organization,
    excluded: &'a Excluded,
}

impl Tree<'_> {
    /// The excluded OU that an OU is in, if any.
    fn excluded_by<'a>(&'a self, ou: &'a OuId) -> Option<&'a OuId> {
        self.organization.ancestors(ou).find(|above| self.excluded.ous.contains(*above))
    }

    /// Whether the whole subtree is meant. Accounts that are not active stay in it: StackSets skips them.
    fn is_clean(&self, ou: &OuId) -> bool {
        self.organization.subtree(ou).into_iter().all(|unit| {
            !self.excluded.ous.contains(unit)
                && self
                    .organization
                    .members(unit)
                    .all(|account| !self.excluded.accounts.contains_key(&account.id))
        })
    }

    fn is_deployable(&self, account: &Account) -> bool {
        account.state == AccountState::Active
            && account.id != *self.organization.management_account()
            && !self.excluded.accounts.contains_key(&account.id)
    }

    fn cut(&self, ou: &OuId, top: &OuId, cover: &mut Cover) {
        if self.is_clean(ou) {
            let accounts = self
                .organization
                .subtree(ou)
                .into_iter()
                .flat_map(|unit| self.organization.members(unit))
                .filter(|account| self.is_deployable(account))
                .map(|account| account.id.clone())
                .collect();
            cover.whole.insert(ou.clone(), accounts);
            return;
        }
        cover.in_part.insert(ou.clone());
        let direct: Vec<AccountId> = self
            .organization
            .members(ou)
            .filter(|account| self.is_deployable(account))
            .map(|account| account.id.clone())
            .collect();
        if !direct.is_empty() {
            cover.pinned.entry(top.clone()).or_default().extend(direct);
        }
        for child in self.organization.children(ou) {
            if !self.excluded.ous.contains(child) {
                self.cut(child, top, cover);
            }
        }
    }

    /// Why an account that is not covered is not.
    fn reason(&self, account: &Account, targets: &BTreeSet<OuId>) -> SkipReason {
        if account.id == *self.organization.management_account() {
            return SkipReason::ManagementAccount;
        }
        if let Some(reason) = self.excluded.accounts.get(&account.id) {
            return reason.clone();
        }
        let targeted =
            self.organization.ancestors(&account.parent).any(|above| targets.contains(above));
        if !targeted {
            return SkipReason::NotTargeted;
        }
        match self.excluded_by(&account.parent) {
            Some(ou) => SkipReason::ExcludedOu { ou: self.organization.path(ou) },
            None => SkipReason::NotActive { state: account.state.clone() },
        }
    }
}
