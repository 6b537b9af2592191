//! Which accounts a policy's rings cover, and through which OUs they can be named to StackSets.
//!
//! An OU is in the ring that names it, or else the nearest OU above it.
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

/// The accounts that a ring covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// OUs that are meant as a whole, with their active accounts.
    pub(super) whole: BTreeMap<OuId, BTreeSet<AccountId>>,
    /// Single accounts, by the topmost OU in which they are named.
    pub(super) pinned: BTreeMap<OuId, BTreeSet<AccountId>>,
    /// OUs that are covered, and not as a whole.
    pub(super) in_part: BTreeSet<OuId>,
}

impl Cover {
    /// All accounts.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.whole.values().chain(self.pinned.values()).flatten()
    }
}

/// An organization, divided between the rings of a policy.
pub(super) struct Division<'a> {
    organization: &'a Organization,
    excluded: &'a Excluded,
    /// The OUs that rings name, with the ring's number.
    named: BTreeMap<&'a OuId, usize>,
}

impl<'a> Division<'a> {
    /// Lays the OUs of the rings, in their order, over the tree.
    pub(super) fn new(
        organization: &'a Organization,
        rings: &'a [BTreeSet<OuId>],
        excluded: &'a Excluded,
    ) -> Self {
        let rings = rings.iter().enumerate();
        let named = rings.flat_map(|(ring, ous)| ous.iter().map(move |ou| (ou, ring))).collect();
        Self { organization, excluded, named }
    }

    /// The number of the ring that an OU is in: the nearest OU that a ring names decides.
    pub(super) fn ring_of(&self, ou: &OuId) -> Option<usize> {
        self.organization.ancestors(ou).find_map(|above| self.named.get(above).copied())
    }

    /// The excluded OU that an OU is in, if any.
    pub(super) fn excluded_by<'b>(&'b self, ou: &'b OuId) -> Option<&'b OuId> {
        self.organization.ancestors(ou).find(|above| self.excluded.ous.contains(*above))
    }

    /// What a ring covers.
    pub(super) fn cover(&self, ring: usize) -> Cover {
        let mut cover = Cover::default();
        for (target, _) in self.named.iter().filter(|(_, of)| **of == ring) {
            let parent = self.organization.unit(target).and_then(|unit| unit.parent.as_ref());
            let is_inner = parent.and_then(|parent| self.ring_of(parent)) == Some(ring);
            if !is_inner && self.excluded_by(target).is_none() {
                // Below an OU of another ring there may be one of this ring again. Its accounts are named
                // through the one above both, since no OU may be named together with one above it.
                let top = self
                    .organization
                    .ancestors(target)
                    .filter(|above| self.named.get(above) == Some(&ring))
                    .last();
                self.cut(target, top.unwrap_or(target), ring, &mut cover);
            }
        }
        cover
    }

    /// The accounts that get nothing from the stack sets. `scope` are the OUs that the rings were to cover
    /// together, where the policy says so.
    pub(super) fn skipped(&self, covers: &[Cover], scope: Option<&BTreeSet<OuId>>) -> Vec<Skipped> {
        let covered: BTreeSet<&AccountId> = covers.iter().flat_map(Cover::accounts).collect();
        self.organization
            .accounts()
            .filter(|account| !covered.contains(&account.id))
            .map(|account| Skipped {
                account: account.id.clone(),
                ou: self.organization.path(&account.parent),
                because: self.reason(account, scope),
            })
            .collect()
    }

    /// Whether the whole subtree is meant. Accounts that are not active stay in it: StackSets skips them.
    fn is_clean(&self, ou: &OuId, ring: usize) -> bool {
        self.organization.subtree(ou).into_iter().all(|unit| {
            !self.excluded.ous.contains(unit)
                && self.named.get(unit).is_none_or(|of| *of == ring)
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

    fn cut(&self, ou: &OuId, top: &OuId, ring: usize, cover: &mut Cover) {
        if self.is_clean(ou, ring) {
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
            let is_other = self.named.get(child).is_some_and(|of| *of != ring);
            if !is_other && !self.excluded.ous.contains(child) {
                self.cut(child, top, ring, cover);
            }
        }
    }

    /// Why an account that is not covered is not.
    fn reason(&self, account: &Account, scope: Option<&BTreeSet<OuId>>) -> SkipReason {
        if account.id == *self.organization.management_account() {
            return SkipReason::ManagementAccount;
        }
        if let Some(reason) = self.excluded.accounts.get(&account.id) {
            return reason.clone();
        }
        let is_in_scope = |scope: &BTreeSet<OuId>| {
            self.organization.ancestors(&account.parent).any(|above| scope.contains(above))
        };
        if self.ring_of(&account.parent).is_none() && !scope.is_some_and(is_in_scope) {
            return SkipReason::NotTargeted;
        }
        match self.excluded_by(&account.parent) {
            Some(ou) => SkipReason::ExcludedOu { ou: self.organization.path(ou) },
            None if self.ring_of(&account.parent).is_none() => SkipReason::InNoRing,
            None => SkipReason::NotActive { state: account.state.clone() },
        }
    }
}
