//! A plan in the making.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, RingName, StackSetName},
    plan::{Action, Blocked, Step, StepId, WaitsFor},
};

/// What a plan says beside its steps.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) blocked: Vec<Blocked>,
    pub(super) warnings: Vec<String>,
}

/// Steps in the making.
#[derive(Debug)]
pub(super) struct Steps<'a> {
    pub(super) ring: &'a RingName,
    pub(super) list: Vec<Step>,
}

impl Steps<'_> {
    /// Adds a step and returns its name.
    pub(super) fn push(
        &mut self,
        id: &str,
        action: Action,
        because: impl Into<String>,
        after: BTreeSet<StepId>,
    ) -> StepId {
        let id = StepId::new(format!("{}/{id}", self.ring));
        self.list.push(Step {
            id: id.clone(),
            ring: self.ring.clone(),
            action,
            because: because.into(),
            after,
            waits_for: WaitsFor::Success,
        });
        id
    }
}

/// Removals and additions by account, from which moves between stack sets are seen.
pub(super) type ByAccount = BTreeMap<AccountId, BTreeSet<StepId>>;

/// Steps on one stack set, each waiting for the one before: CloudFormation runs one operation at a time.
pub(super) struct Chain<'a, 'b> {
    pub(super) steps: &'a mut Steps<'b>,
    pub(super) name: &'a StackSetName,
    pub(super) after: BTreeSet<StepId>,
}

impl Chain<'_, '_> {
    pub(super) fn push(&mut self, id: &str, action: Action, because: &str) -> StepId {
        let id = format!("stack-set/{}/{id}", self.name);
        let after = std::mem::take(&mut self.after);
        let step = self.steps.push(&id, action, because, after);
        self.after = BTreeSet::from([step.clone()]);
        step
    }
}
