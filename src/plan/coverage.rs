//! What becomes of each account: the part of a plan that people read first.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    ids::{AccountId, Region, RingName, StackSetName},
    plan::{Action, Step},
    state::{Desired, InstanceStatus, Observed, Ownership, Ring, Seen, ring_of},
};

/// What becomes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It has nothing now, and is covered.
    Add,
    /// It is covered, and something of it is different.
    Change,
    /// It loses something, in one Region at least.
    Remove,
    /// It is covered and stays as it is.
    Unchanged,
    /// It is covered and lacks something, and nothing can be planned for it now.
    Blocked,
}

/// What becomes of one account, Region by Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// What becomes of it in all.
    pub change: Change,
    /// The ring that covers it, or that covered it where none does any more.
    pub ring: RingName,
    /// The ring that it moves out of, where it moves from one to another.
    pub left: Option<RingName>,
    /// Regions that it gets.
    pub added: BTreeSet<Region>,
    /// Regions that it loses.
    pub removed: BTreeSet<Region>,
    /// Regions where its stack is deleted and made anew.
    pub remade: BTreeSet<Region>,
    /// Regions where something of what it keeps is different.
    pub changed: BTreeSet<Region>,
    /// Regions that it keeps, whether or not something changes there.
    pub kept: BTreeSet<Region>,
}

/// What becomes of every account that has something or is to get it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// By account.
    pub accounts: BTreeMap<AccountId, AccountChange>,
}

impl Coverage {
    /// How many accounts a change befalls.
    pub fn count(&self, change: Change) -> usize {
        self.accounts.values().filter(|account| account.change == change).count()
    }

    /// How many accounts lose something, be it only until it is made anew.
    pub fn losing(&self) -> usize {
        self.accounts.values().filter(|account| account.loses()).count()
    }
}

impl AccountChange {
    /// Whether it loses something, be it only until it is made anew.
    pub fn loses(&self) -> bool {
        !self.removed.is_empty() || !self.remade.is_empty()
    }
}

#[derive(Default)]
struct Sides {
    /// The rings that it has something of.
    from: BTreeSet<RingName>,
    /// The ring that covers it.
    ring: Option<RingName>,
    before: BTreeSet<Region>,
    after: BTreeSet<Region>,
    changed: BTreeSet<Region>,
    remade: BTreeSet<Region>,
    blocked: bool,
}

/// Counts from the two sides, not from the steps, so that it does not repeat a fault of theirs; the
/// steps only say which stacks are updated. What nothing is planned for stays as it is.
pub(super) fn coverage(desired: &Desired, observed: &Observed, steps: &[Step]) -> Coverage {
    let mut sides: BTreeMap<AccountId, Sides> = BTreeMap::new();
    let doing = steps.iter().filter(|step| !step.action.is_wait());
    let planned: BTreeSet<&StackSetName> =
        doing.filter_map(|step| step.action.stack_set()).collect();
    before(desired, observed, steps, &planned, &mut sides);
    for ring in &desired.rings {
        let Some(deployment) = ring.deployment() else { continue };
        let new_rules = steps.iter().any(|step| {
            step.ring == ring.name
                && matches!(&step.action, Action::WriteOverrides { replaces: Some(_), .. })
        });
        for set in deployment.stack_sets.values() {
            for account in set.targets.values().flat_map(|target| &target.accounts) {
                let side = sides.entry(account.clone()).or_default();
                side.ring = Some(ring.name.clone());
                if planned.contains(&set.name) {
                    side.after.extend(set.regions.iter().cloned());
                } else if !set.regions.is_subset(&side.before) {
                    side.blocked = true;
                }
                if new_rules {
                    // Another baseline changes what is installed, though no stack is touched.
                    side.changed.extend(set.regions.iter().cloned());
                }
            }
        }
    }
    for step in steps {
        match &step.action {
            Action::RemoveInstances { targets, .. } => {
                for account in &targets.accounts {
                    if let Some(side) = sides.get_mut(account) {
                        side.remade.extend(targets.regions.intersection(&side.before).cloned());
                    }
                }
            }
            // Where an instance is there already, it is tried again.
            Action::AddInstances { targets, .. } => {
                for account in &targets.accounts {
                    if let Some(side) = sides.get_mut(account) {
                        side.changed.extend(targets.regions.intersection(&side.before).cloned());
                    }
                }
            }
            _ => {}
        }
    }
    own_stacks(desired, observed, steps, &mut sides);
    Coverage {
        accounts: sides
            .into_iter()
            .map(|(account, sides)| (account, judged(sides, &desired.rings)))
            .collect(),
    }
}

/// What is there now.
fn before(
    desired: &Desired,
    observed: &Observed,
    steps: &[Step],
    planned: &BTreeSet<&StackSetName>,
    sides: &mut BTreeMap<AccountId, Sides>,
) {
    for (name, set) in observed.stack_sets.present().into_iter().flatten() {
        let Seen::Present(set) = set else { continue };
        if Ownership::of(&set.tags, &desired.policy) != Ownership::Ours {
            continue;
        }
        let is_updated = steps.iter().any(|step| {
            matches!(&step.action, Action::UpdateStackSet { spec, .. } if spec.name == *name)
        });
        for ((account, region), instance) in &set.instances {
            // Who can't be entered keeps what it has, unless a step gives it up; who was left out by
            // StackSets has nothing to give up.
            if !desired.names.active.contains(account)
                && (instance.status == InstanceStatus::SkippedSuspended
                    || !is_removed(steps, name, account, region))
            {
                continue;
            }
            let side = sides.entry(account.clone()).or_default();
            side.before.insert(region.clone());
            side.from.extend(ring_of(&set.tags, &desired.policy));
            if !planned.contains(name) {
                side.after.insert(region.clone());
            }
            // An update leaves out what is inoperable.
            if is_updated && instance.status != InstanceStatus::Inoperable {
                side.changed.insert(region.clone());
            }
        }
    }
}

/// Whether a step deletes this instance.
fn is_removed(steps: &[Step], set: &StackSetName, account: &AccountId, region: &Region) -> bool {
    steps.iter().any(|step| match &step.action {
        Action::RemoveInstances { stack_set, targets, .. } => {
            stack_set == set
                && targets.accounts.contains(account)
                && targets.regions.contains(region)
        }
        _ => false,
    })
}

/// The management account's own stacks.
fn own_stacks(
    desired: &Desired,
    observed: &Observed,
    steps: &[Step],
    sides: &mut BTreeMap<AccountId, Sides>,
) {
    for ring in &desired.rings {
        for (region, name) in &ring.names.own_stacks {
            let is_there = observed.stack(region, name).present().is_some_and(|stack| {
                Ownership::of(&stack.tags, &desired.policy) == Ownership::Ours
            });
            let mut step = None;
            for candidate in steps {
                match &candidate.action {
                    Action::CreateStack { spec, .. } | Action::UpdateStack { spec, .. }
                        if spec.name == *name && spec.region == *region =>
                    {
                        step = Some(&candidate.action);
                    }
                    Action::DeleteStack { name: deleted, region: of }
                        if deleted == name && of == region =>
                    {
                        step = step.or(Some(&candidate.action));
                    }
                    _ => {}
                }
            }
            if !is_there && step.is_none() {
                continue;
            }
            let side = sides.entry(desired.owner.account.clone()).or_default();
            if ring.deployment().is_some_and(|there| there.own_stacks.contains_key(region)) {
                side.ring = Some(ring.name.clone());
            }
            if is_there {
                side.from.insert(ring.name.clone());
                side.before.insert(region.clone());
            }
            match step {
                Some(Action::DeleteStack { .. }) => {}
                Some(_) => {
                    side.after.insert(region.clone());
                    if is_there {
                        side.changed.insert(region.clone());
                    }
                }
                None => {
                    side.after.insert(region.clone());
                }
            }
        }
    }
}

fn judged(sides: Sides, rings: &[Ring]) -> AccountChange {
    let Sides { from, ring, before, after, changed, remade, blocked } = sides;
    let left = from.iter().find(|from| ring.as_ref().is_some_and(|ring| ring != *from)).cloned();
    let first = || rings.first().map_or_else(RingName::main, |ring| ring.name.clone());
    let ring = ring.or_else(|| from.first().cloned()).unwrap_or_else(first);
    let added: BTreeSet<Region> = after.difference(&before).cloned().collect();
    let removed: BTreeSet<Region> = before.difference(&after).cloned().collect();
    let kept: BTreeSet<Region> = before.intersection(&after).cloned().collect();
    let remade: BTreeSet<Region> = remade.intersection(&after).cloned().collect();
    let changed: BTreeSet<Region> = changed.intersection(&kept).cloned().collect();
    let change = if !removed.is_empty() {
        Change::Remove
    } else if blocked {
        Change::Blocked
    } else if before.is_empty() {
        Change::Add
    } else if !added.is_empty() || !remade.is_empty() || !changed.is_empty() {
        Change::Change
    } else {
        Change::Unchanged
    };
    AccountChange { change, ring, left, added, removed, remade, changed, kept }
}
