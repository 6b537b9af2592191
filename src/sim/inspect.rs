//! What there is, for tests and rehearsals. Looking this way is no call.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::OperationStatus,
    ids::{AccountId, BucketName, OperationId, OuId, Region, StackName, StackSetName},
    sim::{
        operation::Operation,
        schedule::{Ending, Planned},
        simulated::SimulatedAws,
    },
    state::{Organization, StackSeen, StackStatus},
};

/// An operation that was asked for, with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRun {
    /// Of which stack set.
    pub set: StackSetName,
    /// Its ID.
    pub id: OperationId,
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub action: &'static str,
    /// The OUs that it names.
    pub targets: BTreeSet<OuId>,
    /// How many instances it is about, once its turn has come.
    pub instances: usize,
    /// What it did in each Region.
    pub regions: BTreeMap<Region, RegionRun>,
    /// When it was asked for.
    pub requested: Duration,
    /// When its turn came.
    pub start: Option<Duration>,
    /// When it ended.
    pub end: Option<Duration>,
    /// How it stands.
    pub status: OperationStatus,
}

/// What an operation did in one Region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionRun {
    /// How many instances it was about there.
    pub instances: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many were not tried, since others had failed or somebody stopped it.
    pub cancelled: usize,
    /// How many were left out, since their accounts are not active.
    pub skipped: usize,
    /// When the first one that was tried began.
    pub begins: Duration,
    /// When the last one ended.
    pub ends: Duration,
}

fn regions(operation: &Operation) -> BTreeMap<Region, RegionRun> {
    let mut regions: BTreeMap<Region, RegionRun> = BTreeMap::new();
    for Planned { place: (_, region), begins, ends, ending } in &operation.schedule.planned {
        let run = regions
            .entry(region.clone())
            .or_insert(RegionRun { begins: Duration::MAX, ..RegionRun::default() });
        run.instances += 1;
        let was_tried = match ending {
            Ending::Succeeded => true,
            Ending::Failed(_) => {
                run.failed += 1;
                true
            }
            Ending::Cancelled(_) => {
                run.cancelled += 1;
                false
            }
            Ending::Skipped => {
                run.skipped += 1;
                false
            }
        };
        if was_tried {
            run.begins = run.begins.min(*begins);
            run.ends = run.ends.max(*ends);
        }
    }
    // Where nothing was tried, nothing began.
    for run in regions.values_mut().filter(|run| run.begins == Duration::MAX) {
        run.begins = operation.begun.unwrap_or(operation.requested);
        run.ends = run.begins;
    }
    regions
}

impl OperationRun {
    fn new(set: &StackSetName, operation: &Operation) -> Self {
        Self {
            set: set.clone(),
            id: operation.id.clone(),
            action: operation.action,
            targets: operation.ous(),
            instances: operation.schedule.planned.len(),
            regions: regions(operation),
            requested: operation.requested,
            start: operation.begun,
            end: operation.ended.then_some(operation.ends),
            status: operation.status(),
        }
    }
}

impl SimulatedAws {
    /// The organization as it is by now.
    pub fn organization(&self) -> Organization {
        self.world_now().organization.clone()
    }

    /// The stacks that stand in an account, by Region and by the name of the stack or stack set.
    ///
    /// Stacks that outlived their stack set are among them.
    pub fn stacks_in(&self, account: &AccountId) -> BTreeSet<(Region, String)> {
        let world = self.world_now();
        let mut stacks = BTreeSet::new();
        for (name, set) in &world.stack_sets {
            let here = set.instances.iter().filter(|(place, _)| place.0 == *account);
            let standing = here.filter(|(_, instance)| instance.stack);
            stacks.extend(standing.map(|((_, region), _)| (region.clone(), name.to_string())));
        }
        for ((_, region), names) in world.retained.iter().filter(|(place, _)| place.0 == *account) {
            stacks.extend(names.keys().map(|name| (region.clone(), name.clone())));
        }
        if world.account == *account {
            let own =
                world.stacks.iter().filter(|(_, stack)| stack.status != StackStatus::NeverMade);
            stacks.extend(own.map(|((region, name), _)| (region.clone(), name.to_string())));
        }
        stacks
    }

    /// The accounts that had a stack of any stack set at any time.
    pub fn ever_deployed(&self) -> BTreeSet<AccountId> {
        self.world_now().deployed.clone()
    }

    /// The stack sets that exist.
    pub fn stack_sets(&self) -> BTreeSet<StackSetName> {
        self.world_now().stack_sets.keys().cloned().collect()
    }

    /// The stacks of the owner account.
    pub fn stacks(&self) -> BTreeMap<(Region, StackName), StackSeen> {
        let world = self.world_now();
        let stacks = world.stacks.iter();
        stacks.map(|(place, stack)| (place.clone(), stack.seen())).collect()
    }

    /// The buckets that exist.
    pub fn buckets(&self) -> BTreeSet<BucketName> {
        self.world_now().buckets.keys().cloned().collect()
    }

    /// An object's bytes.
    pub fn object_bytes(&self, bucket: &BucketName, key: &str) -> Option<Vec<u8>> {
        let world = self.world_now();
        Some(world.buckets.get(bucket)?.object(key)?.body)
    }

    /// All operations of all stack sets, deleted ones included, in the order in which they were asked for.
    pub fn operations_run(&self) -> Vec<OperationRun> {
        let world = self.world_now();
        let sets =
            world.deleted_sets.iter().map(|(name, set)| (name, set)).chain(&world.stack_sets);
        let mut runs: Vec<OperationRun> = sets
            .flat_map(|(name, set)| {
                set.operations.iter().map(move |operation| OperationRun::new(name, operation))
            })
            .collect();
        runs.sort_by_key(|run| run.requested);
        runs
    }
}
