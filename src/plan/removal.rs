//! Which instances of a stack set go, and how they can be named without touching any that stay.
//!
//! An instance can only be named by the OU through which it was made. A whole OU takes everything below
//! it, whatever it was made through, so it is named as a whole only where nothing below it stays.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    ids::{AccountId, OuId, Region},
    plan::{Fate, InstanceTargets},
    state::{
        InstanceSeen, InstanceStatus, Names, Reach, Retain, StackSetSeen, StackSetSpec, Switch,
    },
};

/// Instances to delete.
#[derive(Debug, Default)]
pub(super) struct Removal {
    /// All instances that go.
    pub(super) instances: BTreeSet<(AccountId, Region)>,
    /// OUs that auto-deployment follows, that are no target, and that can't be let go without touching
    /// instances that stay.
    pub(super) still_followed: BTreeSet<OuId>,
    /// OUs and Regions that lose the last instance made through them. Whether auto-deployment still follows
    /// them after that, AWS does not say, so they are named again.
    pub(super) emptied: BTreeSet<(OuId, Region)>,
    /// Whole OUs: the Regions in which they go, and the accounts that were made through them.
    whole: BTreeMap<OuId, BTreeMap<Region, BTreeSet<AccountId>>>,
    /// Single accounts: the OU by which each must be named, whether its stack can be deleted, and the Regions.
    single: BTreeMap<(OuId, AccountId, Retain), BTreeSet<Region>>,
}

/// Finds out what goes.
pub(super) fn removal(
    want: Option<&StackSetSpec>,
    have: &StackSetSeen,
    names: &Names,
    fate: Fate,
) -> Removal {
    let set = Set { want, have, names, fate };
    let mut removal = Removal::default();
    let mut by_ou: BTreeMap<&OuId, BTreeMap<&Region, Vec<&AccountId>>> = BTreeMap::new();
    let mut staying: BTreeMap<&Region, Vec<(&AccountId, &OuId)>> = BTreeMap::new();
    for ((account, region), instance) in &have.instances {
        let Some(ou) = set.recorded_ou(account, instance) else { continue };
        if set.stays(ou, account, region) {
            staying.entry(region).or_default().push((account, ou));
        } else {
            removal.instances.insert((account.clone(), region.clone()));
            by_ou.entry(ou).or_default().entry(region).or_default().push(account);
        }
    }
    let recorded: BTreeSet<&OuId> = by_ou.keys().copied().chain(have.targets.keys()).collect();
    for ou in recorded {
        let empty = BTreeMap::new();
        let going = by_ou.get(ou).unwrap_or(&empty);
        let followed = have.targets.get(ou).into_iter().flatten();
        let regions: BTreeSet<&Region> = going.keys().copied().chain(followed).collect();
        for region in regions {
            let here = going.get(region).map_or(&[][..], Vec::as_slice);
            let stay = staying.get(region).map_or(&[][..], Vec::as_slice);
            if !here.is_empty() && !stay.iter().any(|(_, through)| *through == ou) {
                removal.emptied.insert((ou.clone(), region.clone()));
            }
            set.name_them(ou, region, here, stay, &mut removal);
        }
    }
    removal
}

/// A stack set as it should be and as it is.
struct Set<'a> {
    want: Option<&'a StackSetSpec>,
    have: &'a StackSetSeen,
    names: &'a Names,
    fate: Fate,
}

impl<'a> Set<'a> {
    /// The OU by which an instance must be named. Where AWS does not say, the target that covers it.
    fn recorded_ou(&self, account: &AccountId, instance: &'a InstanceSeen) -> Option<&'a OuId> {
        let covering = || {
            let targets = self.want.into_iter().flat_map(|want| &want.targets);
            targets.filter(|(_, target)| target.accounts.contains(account)).map(|(ou, _)| ou).next()
        };
        instance.ou.as_ref().or_else(covering).or_else(|| self.names.parents.get(account))
    }

    /// Whether an instance that was made through an OU is as it should be.
    fn stays(&self, ou: &OuId, account: &AccountId, region: &Region) -> bool {
        let Some(want) = self.want else {
            // A set that nobody else needs stays as long as somebody has something of it who is not
            // active and would be covered otherwise.
            return self.fate == Fate::Kept && self.names.resting.contains(account);
        };
        if !want.regions.contains(region) {
            return false;
        }
        // Who is not active, and would be covered otherwise, keeps what it has: StackSets skips it, and
        // what is detached can never be taken back.
        let is_covered = self.names.resting.contains(account)
            || want.targets.values().any(|target| target.accounts.contains(account));
        if want.targets.contains_key(ou) {
            return is_covered;
        }
        // Through which OU it was made only matters where auto-deployment follows that OU.
        let is_followed = want.auto_deployment == Switch::On && self.have.targets.contains_key(ou);
        is_covered && !is_followed
    }

    /// Decides how the instances go that were made through one OU, in one Region.
    fn name_them(
        &self,
        ou: &OuId,
        region: &Region,
        going: &[&AccountId],
        staying: &[(&AccountId, &OuId)],
        removal: &mut Removal,
    ) {
        let is_wanted = self
            .want
            .is_some_and(|want| want.targets.contains_key(ou) && want.regions.contains(region));
        // Auto-deployment must not follow an OU that is no target any more.
        let unfollow = !is_wanted
            && self.want.is_some_and(|want| want.auto_deployment == Switch::On)
            && self.have.targets.get(ou).is_some_and(|regions| regions.contains(region));
        let takes_others = staying.iter().any(|(account, through)| {
            self.is_within(Some(*through), ou)
                || self.is_within(self.names.parents.get(*account), ou)
        });
        let as_a_whole = !is_wanted && !takes_others;
        let mut whole = BTreeSet::new();
        for account in going {
            let retain = self.retain(account, region);
            if as_a_whole && retain == Retain::Delete {
                whole.insert((*account).clone());
            } else {
                let key = (ou.clone(), (*account).clone(), retain);
                removal.single.entry(key).or_default().insert(region.clone());
            }
        }
        if as_a_whole && (unfollow || !whole.is_empty()) {
            removal.whole.entry(ou.clone()).or_default().insert(region.clone(), whole);
        } else if unfollow {
            removal.still_followed.insert(ou.clone());
        }
    }

    /// Nothing can be deleted in an account that can't be entered, nor where a deletion has failed before.
    fn retain(&self, account: &AccountId, region: &Region) -> Retain {
        let status =
            self.have.instances.get(&(account.clone(), region.clone())).map(|seen| seen.status);
        if !self.names.active.contains(account) || status == Some(InstanceStatus::Inoperable) {
            Retain::Keep
        } else {
            Retain::Delete
        }
    }

    /// Whether an OU is another or below it. One that is not known any more may be anywhere.
    fn is_within(&self, inner: Option<&OuId>, outer: &OuId) -> bool {
        let Some(inner) = inner else { return true };
        if !self.names.units.contains_key(inner) {
            return true;
        }
        std::iter::successors(Some(inner), |ou| self.names.above.get(*ou)).any(|ou| ou == outer)
    }
}

/// One call that deletes instances.
pub(super) struct RemovalCall {
    pub(super) targets: InstanceTargets,
    pub(super) retain: Retain,
}

/// OUs, and the accounts that are meant in them.
type Named = BTreeMap<OuId, BTreeSet<AccountId>>;

impl Removal {
    /// The calls, in an order in which none takes away what another one names: single accounts first,
    /// then whole OUs, the lower ones before those above them.
    pub(super) fn calls(&self, names: &Names, most_ous: usize) -> Vec<RemovalCall> {
        let mut single: BTreeMap<(Retain, &BTreeSet<Region>), Named> = BTreeMap::new();
        for ((ou, account, retain), regions) in &self.single {
            let group = single.entry((*retain, regions)).or_default();
            group.entry(ou.clone()).or_default().insert(account.clone());
        }
        let mut whole: BTreeMap<(Reverse<usize>, BTreeSet<&Region>), Named> = BTreeMap::new();
        for (ou, regions) in &self.whole {
            let above = std::iter::successors(names.above.get(ou), |ou| names.above.get(*ou));
            let rank = above.filter(|above| self.whole.contains_key(*above)).count();
            let accounts = regions.values().flatten().cloned().collect();
            let group = whole.entry((Reverse(rank), regions.keys().collect())).or_default();
            group.insert(ou.clone(), accounts);
        }
        let single = single.into_iter().flat_map(|((retain, regions), named)| {
            batches(named, most_ous).into_iter().map(move |(ous, accounts)| RemovalCall {
                targets: InstanceTargets {
                    ous,
                    reach: Reach::NamedAccounts,
                    accounts,
                    regions: regions.clone(),
                },
                retain,
            })
        });
        let whole = whole.into_iter().flat_map(|((_, regions), named)| {
            let regions: BTreeSet<Region> = regions.into_iter().cloned().collect();
            batches(named, most_ous).into_iter().map(move |(ous, accounts)| RemovalCall {
                targets: InstanceTargets {
                    ous,
                    reach: Reach::WholeOu,
                    accounts,
                    regions: regions.clone(),
                },
                retain: Retain::Delete,
            })
        });
        single.chain(whole).collect()
    }
}

/// At most so many OUs together, with the accounts in them.
pub(super) fn batches(named: Named, most_ous: usize) -> Vec<(BTreeSet<OuId>, BTreeSet<AccountId>)> {
    let all: Vec<(OuId, BTreeSet<AccountId>)> = named.into_iter().collect();
    all.chunks(most_ous)
        .map(|batch| {
            let ous = batch.iter().map(|(ou, _)| ou.clone()).collect();
            let accounts = batch.iter().flat_map(|(_, accounts)| accounts).cloned().collect();
            (ous, accounts)
        })
        .collect()
}
