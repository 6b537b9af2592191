//! How a policy stands: what was observed, judged by what is desired.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    ids::{AccountId, Region, RingName, StackSetName},
    plan::Selection,
    state::{Desired, InstanceStatus, Observed, Ownership, Seen, StackStatus},
};

/// How one ring stands. Counts are accounts × Regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RingStatus {
    /// Which ring.
    pub ring: RingName,
    /// By Region: how many are current, outdated, failed, missing.
    pub regions: BTreeMap<Region, Counts>,
    /// What failed, with AWS's reason.
    pub failing: Vec<Failing>,
    /// Accounts that get nothing.
    pub skipped: usize,
    /// What could not be read.
    pub unknown: Vec<String>,
    /// Operations that run.
    pub running: Vec<String>,
    /// Whether the home stack and the override object are there.
    pub home: HomeStatus,
}

/// How the home stack and the override object stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HomeStatus {
    /// Both are there.
    Ready,
    /// One of them is missing.
    Missing,
    /// A change of the stack runs.
    InProgress,
    /// The stack is in a state in which it does not work.
    Failed,
    /// It could not be read.
    Unknown,
}

/// How many instances stand how, in one Region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// As they should be.
    pub current: usize,
    /// Not as they should be, without a failure.
    pub outdated: usize,
    /// Failed, or inoperable.
    pub failed: usize,
    /// Wanted, and not there.
    pub missing: usize,
    /// There, and left out by StackSets, since the account is suspended.
    pub skipped: usize,
}

/// An instance that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Failing {
    /// In which account.
    pub account: AccountId,
    /// In which Region.
    pub region: Region,
    /// AWS's reason, or the status where AWS gives none.
    pub reason: String,
}

/// Judges what was observed, ring by ring.
pub fn status(desired: &Desired, observed: &Observed) -> Vec<RingStatus> {
    status_within(desired, observed, &Selection::default())
}

/// The same for what is selected.
pub fn status_within(
    desired: &Desired,
    observed: &Observed,
    selection: &Selection,
) -> Vec<RingStatus> {
    let rings = desired.rings.iter().filter(|ring| selection.covers_ring(&ring.name));
    rings.map(|ring| of_ring(desired, ring, observed, selection)).collect()
}

fn of_ring(
    desired: &Desired,
    ring: &crate::state::Ring,
    observed: &Observed,
    selection: &Selection,
) -> RingStatus {
    let skipped = desired.skipped.iter();
    let mut status = RingStatus {
        ring: ring.name.clone(),
        regions: BTreeMap::new(),
        failing: Vec::new(),
        skipped: skipped.filter(|skipped| selection.covers_account(&skipped.account)).count(),
        unknown: Vec::new(),
        running: Vec::new(),
        home: home(desired, ring, observed),
    };
    for name in [&ring.names.whole, &ring.names.pinned] {
        of_set(&mut status, desired, ring, name, observed, selection);
    }
    let own = ring.deployment().into_iter().flat_map(|deployment| deployment.own_stacks.keys());
    for region in own.filter(|region| selection.covers(&desired.owner.account, region)) {
        let Some(name) = ring.names.own_stacks.get(region) else { continue };
        let account = &desired.owner.account;
        let counts = status.regions.entry(region.clone()).or_default();
        match observed.stack(region, name) {
            Seen::Absent => counts.missing += 1,
            Seen::Unknown(because) => {
                status.unknown.push(format!("the stack {name} in {region}: {because}"));
            }
            Seen::Present(stack) => match stack.status {
                StackStatus::Settled => counts.current += 1,
                StackStatus::InProgress | StackStatus::Proposed => counts.outdated += 1,
                StackStatus::NeverMade | StackStatus::DeleteFailed | StackStatus::Stuck => {
                    counts.failed += 1;
                    status.failing.push(Failing {
                        account: account.clone(),
                        region: region.clone(),
                        reason: stack
                            .reason
                            .clone()
                            .unwrap_or_else(|| "the stack could not be made".to_owned()),
                    });
                }
            },
        }
    }
    status.failing.sort();
    status
}

fn of_set(
    status: &mut RingStatus,
    desired: &Desired,
    ring: &crate::state::Ring,
    name: &StackSetName,
    observed: &Observed,
    selection: &Selection,
) {
    let wanted: BTreeSet<(&AccountId, &Region)> = ring
        .deployment()
        .into_iter()
        .filter_map(|deployment| deployment.stack_sets.get(name))
        .flat_map(|set| {
            set.targets
                .values()
                .flat_map(|target| &target.accounts)
                .flat_map(|account| set.regions.iter().map(move |region| (account, region)))
        })
        .filter(|(account, region)| selection.covers(account, region))
        .collect();
    let set = match observed.stack_set(name) {
        Seen::Unknown(because) => {
            status.unknown.push(format!("the stack set {name}: {because}"));
            return;
        }
        Seen::Absent => None,
        Seen::Present(set) => {
            Some(set).filter(|set| Ownership::of(&set.tags, &desired.policy) == Ownership::Ours)
        }
    };
    for (account, region) in &wanted {
        let is_there = set.is_some_and(|set| {
            set.instances.contains_key(&((*account).clone(), (*region).clone()))
        });
        if !is_there {
            status.regions.entry((*region).clone()).or_default().missing += 1;
        }
    }
    let Some(set) = set else { return };
    status.running.extend(
        set.running
            .iter()
            .map(|operation| format!("{name}: {} {}", operation.action, operation.id)),
    );
    let selected = set.instances.iter();
    let selected = selected.filter(|((account, region), _)| selection.covers(account, region));
    for ((account, region), instance) in selected {
        let counts = status.regions.entry(region.clone()).or_default();
        let failed = instance.status == InstanceStatus::Inoperable
            || (instance.status == InstanceStatus::Outdated && instance.reason.is_some());
        match instance.status {
            _ if failed => {
                counts.failed += 1;
                status.failing.push(Failing {
                    account: account.clone(),
                    region: region.clone(),
                    reason: instance.reason.clone().unwrap_or_else(|| "inoperable".to_owned()),
                });
            }
            InstanceStatus::Current => counts.current += 1,
            InstanceStatus::SkippedSuspended => counts.skipped += 1,
            InstanceStatus::Outdated | InstanceStatus::Inoperable => counts.outdated += 1,
        }
    }
}

fn home(desired: &Desired, ring: &crate::state::Ring, observed: &Observed) -> HomeStatus {
    match observed.stack(&desired.owner.home_region, &ring.names.home_stack) {
        Seen::Unknown(_) => HomeStatus::Unknown,
        Seen::Absent => HomeStatus::Missing,
        Seen::Present(stack) => match stack.status {
            StackStatus::InProgress | StackStatus::Proposed => HomeStatus::InProgress,
            StackStatus::NeverMade | StackStatus::DeleteFailed | StackStatus::Stuck => {
                HomeStatus::Failed
            }
            StackStatus::Settled => match observed.overrides.get(&ring.names.bucket) {
                Some(Seen::Present(_)) => HomeStatus::Ready,
                Some(Seen::Unknown(_)) => HomeStatus::Unknown,
                Some(Seen::Absent) | None => HomeStatus::Missing,
            },
        },
    }
}
