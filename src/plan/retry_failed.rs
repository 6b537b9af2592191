//! A plan that repeats what failed, and does nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, StackSetName},
    plan::{
        Action, Change, Coverage, Plan, Step,
        coverage::AccountChange,
        planner::{assemble, left_to_people, owned_sets, plan, wait_for_running},
        stack_set::{Outdated, SetPlan, retry},
        steps::{Chain, Remarks, Steps},
    },
    state::{Desired, InstanceStatus, Observed, Ring, StackSetSeen},
};

/// Plans to try again the instances of stack sets that an earlier operation left outdated, where the policy
/// still covers them. They get what their stack set has now, whatever the policy says by now.
pub fn retry_failed(desired: &Desired, observed: &Observed) -> Plan {
    let mut all_steps = Vec::new();
    let mut remarks = Remarks::default();
    let mut coverage = Coverage::default();
    for ring in &desired.rings {
        let mut problems = Vec::new();
        let sets = owned_sets(desired, ring, observed, &mut problems);
        remarks.blocked.append(&mut problems);
        let mut steps = Steps { ring: &ring.name, list: Vec::new() };
        if !wait_for_running(&mut steps, &sets) {
            for (name, have) in &sets {
                let Some(have) = have else { continue };
                let inoperable = repeat(&mut steps, desired, ring, name, have);
                left_to_people(desired, name, &inoperable, &mut remarks);
            }
        }
        covered(ring, &sets, &steps.list, &mut coverage);
        all_steps.extend(steps.list);
    }
    let is_more = |step: &Step| !step.is_retry() && !step.action.is_wait();
    if plan(desired, observed).steps.iter().any(is_more) {
        remarks.warnings.push(
            "this repeats only what failed; `orgpatch plan` shows what else there is to do"
                .to_owned(),
        );
    }
    assemble(desired, observed, all_steps, remarks, coverage)
}

/// Repeats what failed in one stack set; gives the instances that only a person can bring back.
fn repeat(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &Ring,
    name: &StackSetName,
    have: &StackSetSeen,
) -> SetPlan {
    let mut left = SetPlan::default();
    let want = ring.deployment().and_then(|deployment| deployment.stack_sets.get(name));
    let Some(want) = want else { return left };
    let covered = |account: &AccountId| {
        desired.names.active.contains(account)
            && want.targets.values().any(|target| target.accounts.contains(account))
    };
    let mut outdated = Outdated::new();
    for ((account, region), instance) in &have.instances {
        if !covered(account) || !want.regions.contains(region) {
            continue;
        }
        match (instance.status, &instance.ou) {
            (InstanceStatus::Outdated | InstanceStatus::SkippedSuspended, Some(ou)) => {
                outdated.entry((ou, account)).or_default().insert(region.clone());
            }
            (InstanceStatus::Inoperable, _) => {
                left.inoperable.insert((account.clone(), region.clone()));
            }
            _ => {}
        }
    }
    let mut chain = Chain { steps, name, after: BTreeSet::new() };
    retry(&mut chain, outdated, want.preferences, "an earlier operation left them outdated");
    left
}

/// What becomes of each account: those that are tried again change, and nobody gets or loses anything.
fn covered(
    ring: &Ring,
    sets: &[(StackSetName, Option<&StackSetSeen>)],
    steps: &[Step],
    coverage: &mut Coverage,
) {
    if ring.deployment().is_none() {
        return;
    }
    let mut changes: BTreeMap<AccountId, AccountChange> = BTreeMap::new();
    for ((account, region), _) in
        sets.iter().filter_map(|(_, have)| *have).flat_map(|s| &s.instances)
    {
        let change = changes.entry(account.clone()).or_insert_with(AccountChange::unchanged);
        change.kept.insert(region.clone());
    }
    for step in steps {
        let Action::AddInstances { targets, .. } = &step.action else { continue };
        for account in &targets.accounts {
            let Some(change) = changes.get_mut(account) else { continue };
            change.change = Change::Change;
            change.changed.extend(targets.regions.iter().cloned());
        }
    }
    for (account, change) in changes {
        coverage.accounts.entry(account).or_insert(change);
    }
}

impl AccountChange {
    fn unchanged() -> Self {
        Self {
            change: Change::Unchanged,
            added: BTreeSet::new(),
            removed: BTreeSet::new(),
            remade: BTreeSet::new(),
            changed: BTreeSet::new(),
            kept: BTreeSet::new(),
        }
    }
}
