//! All that exists, and how it goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::TrustedAccess,
    ids::{
        AccountId, BucketName, CallAs, OperatingSystem, OperationId, Region, StackName,
        StackSetName,
    },
    sim::{
        baseline::OwnBaseline,
        bucket::Bucket,
        operation::{Operation, Work},
        pace::Assumptions,
        stack::Stack,
        stack_set::{Retained, StackSet},
    },
    state::{BaselineSeen, ForeignPatching, Organization, Preferences, RegionStatus, Snapshot},
};

/// The simulated world.
///
/// It stands still between calls. [`World::advance`] lets come true what was to happen until then.
#[derive(Clone)]
pub(super) struct World {
    pub(super) account: AccountId,
    pub(super) call_as: CallAs,
    pub(super) organization: Organization,
    pub(super) regions: BTreeMap<Region, RegionStatus>,
    pub(super) aws_baselines: BTreeMap<OperatingSystem, BaselineSeen>,
    pub(super) own_baselines: Vec<OwnBaseline>,
    pub(super) trusted_access: TrustedAccess,
    pub(super) now: Duration,
    /// How long things take.
    pub(super) pace: Assumptions,
    /// By how much listings of new things lag.
    pub(super) lag: Duration,
    pub(super) stack_sets: BTreeMap<StackSetName, StackSet>,
    pub(super) deleted_sets: Vec<(StackSetName, StackSet)>,
    pub(super) retained: Retained,
    pub(super) stacks: BTreeMap<(Region, StackName), Stack>,
    pub(super) buckets: BTreeMap<BucketName, Bucket>,
    /// What somebody set up in the accounts themselves.
    pub(super) foreign: BTreeMap<(AccountId, Region), Vec<ForeignPatching>>,
    /// Accounts in which nothing can be made, and why.
    pub(super) failing: BTreeMap<AccountId, String>,
    /// Accounts that had a stack of a stack set at any time.
    pub(super) deployed: BTreeSet<AccountId>,
    /// How many operations auto-deployment has begun.
    pub(super) auto_operations: u64,
}

/// What happens next.
enum Event {
    OperationEnds(StackSetName),
    StackSettles(Region, StackName),
}

impl World {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        let Snapshot {
            format_version: _,
            taken_at: _,
            account,
            call_as,
            region: _,
            organization,
            regions,
            aws_baselines,
            own_baselines,
        } = snapshot;
        Self {
            account,
            call_as,
            organization,
            regions,
            aws_baselines,
            own_baselines: own_baselines.into_iter().map(OwnBaseline::recorded).collect(),
            trusted_access: TrustedAccess::Enabled,
            now: Duration::ZERO,
            pace: Assumptions::default(),
            lag: Duration::ZERO,
            stack_sets: BTreeMap::new(),
            deleted_sets: Vec::new(),
            retained: Retained::new(),
            stacks: BTreeMap::new(),
            buckets: BTreeMap::new(),
            foreign: BTreeMap::new(),
            failing: BTreeMap::new(),
            deployed: BTreeSet::new(),
            auto_operations: 0,
        }
    }

    /// Lets everything come true that happens until then, in the order in which it happens.
    pub(super) fn advance(&mut self, until: Duration) {
        while let Some((at, event)) = self.next_event().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.advance_instances();
            match event {
                Event::OperationEnds(set) => self.end_operation(&set),
                Event::StackSettles(region, stack) => self.settle_stack(&region, &stack),
            }
        }
        self.now = self.now.max(until);
        self.advance_instances();
    }

    fn next_event(&self) -> Option<(Duration, Event)> {
        let operation = self
            .stack_sets
            .iter()
            .filter_map(|(name, set)| Some((set.running()?.ends, name)))
            .min()
            .map(|(ends, name)| (ends, Event::OperationEnds(name.clone())));
        let stack = self
            .stacks
            .iter()
            .filter_map(|(place, stack)| Some((stack.settles()?, place)))
            .min()
            .map(|(ends, (region, name))| {
                (ends, Event::StackSettles(region.clone(), name.clone()))
            });
        [operation, stack].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn advance_instances(&mut self) {
        let Self { stack_sets, retained, deployed, now, .. } = self;
        for (name, set) in stack_sets {
            set.advance(name.as_str(), *now, retained, deployed);
        }
    }

    fn end_operation(&mut self, name: &StackSetName) {
        let Some(set) = self.stack_sets.get_mut(name) else { return };
        if let Some(index) = set.queue.pop_front() {
            set.operations[index].ended = true;
        }
        self.begin(name);
    }

    /// Hands an operation to a stack set. It begins at once, unless another one runs.
    pub(super) fn submit(
        &mut self,
        name: &StackSetName,
        id: OperationId,
        work: Work,
        preferences: Preferences,
    ) {
        let now = self.now;
        let Some(set) = self.stack_sets.get_mut(name) else { return };
        set.queue.push_back(set.operations.len());
        set.operations.push(Operation::new(id, work, preferences, now));
        if set.queue.len() == 1 {
            self.begin(name);
        }
    }

    /// Begins the operation whose turn it is.
    fn begin(&mut self, name: &StackSetName) {
        let Some(mut set) = self.stack_sets.remove(name) else { return };
        if let Some(index) = set.queue.front().copied() {
            let (start, end) = self.pace.around(set.operations[index].id.as_str());
            let begins = self.now + start;
            let schedule = self.set_to_work(&mut set, index, begins);
            let operation = &mut set.operations[index];
            operation.begun = Some(self.now);
            operation.ends = schedule.ends + end;
            operation.schedule = schedule;
        }
        self.stack_sets.insert(name.clone(), set);
    }
}
