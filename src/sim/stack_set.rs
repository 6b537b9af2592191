//! A stack set, and what it keeps.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    ids::{AccountId, OuId, Region},
    sim::{
        operation::{Operation, Task},
        schedule::{Ending, Planned},
    },
    state::{InstanceSeen, InstanceStatus, Retain, StackSetSpec, Switch},
};

/// An account and a Region: where one instance is.
pub(super) type Place = (AccountId, Region);

/// The parameter by which two stack sets make roles of the same names.
const RING_PARAMETER: &str = "RingId";

/// What every instance of a stack set gets.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) template: Arc<str>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) auto_deployment: Switch,
}

impl Content {
    pub(super) fn new(spec: &StackSetSpec, template: Arc<str>) -> Self {
        Self {
            template,
            parameters: spec.parameters.clone(),
            tags: spec.tags.clone(),
            auto_deployment: spec.auto_deployment,
        }
    }
}

/// A stack set.
#[derive(Clone, Debug)]
pub(super) struct StackSet {
    /// The token of its creation.
    pub(super) token: String,
    pub(super) content: Content,
    pub(super) managed_execution: Switch,
    /// The OUs that auto-deployment follows, with their Regions.
    pub(super) targets: BTreeMap<OuId, BTreeSet<Region>>,
    pub(super) instances: BTreeMap<Place, Instance>,
    /// All of its operations, the oldest first.
    pub(super) operations: Vec<Operation>,
    /// Which of them have not ended. The first one runs.
    pub(super) queue: VecDeque<usize>,
    /// What instances were like before each change, kept while listings lag.
    pub(super) journal: Vec<(Duration, Place, Option<Instance>)>,
    /// By how much listings lag.
    pub(super) lag: Duration,
}

/// One instance.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) ou: OuId,
    pub(super) status: InstanceStatus,
    pub(super) reason: Option<String>,
    /// Whether there is a stack.
    pub(super) stack: bool,
}

impl From<Instance> for InstanceSeen {
    fn from(instance: Instance) -> Self {
        let Instance { ou, status, reason, stack: has_stack } = instance;
        Self { ou: Some(ou), status, reason, has_stack }
    }
}

/// Stacks that outlived their instances, by place: the name of each one's stack set, and its ring.
pub(super) type Retained = BTreeMap<Place, BTreeMap<String, Option<String>>>;

impl StackSet {
    /// The ring whose names its stacks use.
    pub(super) fn ring(&self) -> Option<&str> {
        self.content.parameters.get(RING_PARAMETER).map(String::as_str)
    }

    /// The operation that runs.
    pub(super) fn running(&self) -> Option<&Operation> {
        self.queue.front().map(|index| &self.operations[*index])
    }

    /// Puts an instance in a place, or takes it away.
    pub(super) fn put(&mut self, place: Place, instance: Option<Instance>, at: Duration) {
        let before = match instance {
            Some(instance) => self.instances.insert(place.clone(), instance),
            None => self.instances.remove(&place),
        };
        if !self.lag.is_zero() {
            self.journal.push((at, place, before));
        }
    }

    /// The instances as a listing shows them.
    pub(super) fn listed(&self, now: Duration) -> BTreeMap<Place, InstanceSeen> {
        let mut listed = self.instances.clone();
        let settled = now.saturating_sub(self.lag);
        for (at, place, before) in self.journal.iter().rev().take_while(|entry| entry.0 > settled) {
            match before {
                Some(instance) => listed.insert(place.clone(), instance.clone()),
                None => listed.remove(place),
            };
            debug_assert!(*at <= now, "nothing has happened yet that is to come");
        }
        listed.into_iter().map(|(place, instance)| (place, instance.into())).collect()
    }

    /// Lets all come true that the running operation does until then.
    pub(super) fn advance(
        &mut self,
        name: &str,
        until: Duration,
        retained: &mut Retained,
        deployed: &mut BTreeSet<AccountId>,
    ) {
        let Some(index) = self.queue.front().copied() else { return };
        let ring = self.ring().map(str::to_owned);
        loop {
            let operation = &mut self.operations[index];
            let Some(planned) = operation.schedule.planned.get(operation.applied) else { return };
            if planned.ends > until {
                return;
            }
            operation.applied += 1;
            let task = operation.task;
            let Planned { place, ends, ending, begins: _ } = planned.clone();
            operation.failed += u32::from(matches!(ending, Ending::Failed(_)));
            let Some(instance) = self.instances.get(&place).cloned() else { continue };
            let had_stack = instance.stack;
            let after = instance.after(task, &ending);
            if after.as_ref().is_some_and(|after| after.stack) && !deployed.contains(&place.0) {
                deployed.insert(place.0.clone());
            }
            if after.is_none() && had_stack && task == Task::Delete(Retain::Keep) {
                let stacks = retained.entry(place.clone()).or_default();
                stacks.insert(name.to_owned(), ring.clone());
            }
            self.put(place, after, ends);
        }
    }
}

impl Instance {
    /// What becomes of it.
    fn after(self, task: Task, ending: &Ending) -> Option<Self> {
        let (status, reason, stack) = match (task, ending) {
            (Task::Make, Ending::Succeeded) => (InstanceStatus::Current, None, true),
            (Task::Delete(_), Ending::Succeeded) => return None,
            (_, Ending::Skipped) => (InstanceStatus::SkippedSuspended, None, self.stack),
            (Task::Make, Ending::Failed(reason)) => {
                (InstanceStatus::Outdated, Some(reason.clone()), self.stack)
            }
            (Task::Delete(_), Ending::Failed(reason)) => {
                (InstanceStatus::Inoperable, Some(reason.clone()), self.stack)
            }
            (_, Ending::Cancelled(reason)) => {
                (InstanceStatus::Outdated, Some((*reason).to_owned()), self.stack)
            }
        };
        Some(Self { ou: self.ou, status, reason, stack })
    }
}
