//! A plan that repeats what failed, and does nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, Region, RingName, StackSetName},
    plan::{
        Action, BlockReason, Blocked, Change, Coverage, Plan, Purpose, Step, WaitsFor,
        conflict::conflicts,
        coverage::AccountChange,
        planner::{assemble, left_to_people, owned_sets, plan, wait_for_running},
        sequence::Sequence,
        stack_set::{Outdated, SetPlan, named_through, retry},
        steps::{Chain, Remarks, Steps},
    },
    state::{Desired, InstanceStatus, Observed, Ring, Seen, StackSetSeen, StackStatus},
};

/// Plans to try again the instances of stack sets that an earlier operation left outdated, where the policy
/// still has them in that stack set. They get what their stack set has now, whatever the policy says by now.
///
/// Nothing is tried where what every instance needs is not there, or where a conflict stands in the way.
pub fn retry_failed(desired: &Desired, observed: &Observed) -> Plan {
    let mut sequence = Sequence::default();
    let mut remarks = Remarks::default();
    let mut coverage = Coverage::default();
    let mut left_out = BTreeSet::new();
    for ring in &desired.rings {
        let mut problems = Vec::new();
        let sets = owned_sets(desired, ring, observed, &mut problems);
        problems.extend(without_home(desired, ring, observed));
        let is_blocked = !problems.is_empty();
        remarks.blocked.append(&mut problems);
        let mut steps = Steps { ring: &ring.name, list: Vec::new() };
        if !is_blocked && !wait_for_running(&mut steps, &sets) {
            for (name, have) in &sets {
                let Some(have) = have else { continue };
                let left = repeat(&mut steps, desired, ring, name, have, &mut left_out);
                left_to_people(desired, name, &left, &mut remarks);
            }
        }
        covered(desired, ring, &sets, &steps.list, &mut coverage);
        sequence.append(steps.list, WaitsFor::Success);
    }
    conflicts(desired, observed, &mut remarks);
    if !left_out.is_empty() {
        let named: Vec<String> =
            left_out.iter().map(|(account, region)| format!("{account} {region}")).collect();
        remarks.warnings.push(format!(
            "not tried, since the policy leaves them out by now or has them in another stack set: {}",
            named.join(", ")
        ));
    }
    let is_more = |step: &Step| !step.is_retry() && !step.action.is_wait();
    if plan(desired, observed).steps.iter().any(is_more) {
        remarks.warnings.push(
            "this repeats only what failed; `orgpatch plan` shows what else there is to do"
                .to_owned(),
        );
    }
    let plan = assemble(desired, observed, sequence.steps, remarks, coverage);
    Plan { purpose: Purpose::Repair, ..plan }
}

/// What every instance needs, and is not there: the first scan must never come before the override object.
fn without_home(desired: &Desired, ring: &Ring, observed: &Observed) -> Option<Blocked> {
    ring.deployment()?;
    let stack = observed.stack(&desired.owner.home_region, &ring.names.home_stack);
    let overrides = observed.overrides.get(&ring.names.bucket).unwrap_or(&Seen::Absent);
    let because = match (stack, overrides) {
        (Seen::Unknown(because), _) => BlockReason::Unknown(because),
        (_, Seen::Unknown(because)) => BlockReason::Unknown(because.clone()),
        (Seen::Present(stack), Seen::Present(_)) if stack.status == StackStatus::Settled => {
            return None;
        }
        _ => BlockReason::Missing(
            "its home stack or its override object is not there, or is being changed, so nothing can be tried again; apply without `--retry-failed`".to_owned(),
        ),
    };
    Some(Blocked { subject: format!("ring {}", ring.name), because })
}

/// Repeats what failed in one stack set; gives the instances that only a person can bring back, and adds
/// those that are not this set's any more to `left_out`.
fn repeat(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &Ring,
    name: &StackSetName,
    have: &StackSetSeen,
    left_out: &mut BTreeSet<(AccountId, Region)>,
) -> SetPlan {
    let mut left = SetPlan::default();
    let want = ring.deployment().and_then(|deployment| deployment.stack_sets.get(name));
    let mut outdated = Outdated::new();
    for ((account, region), instance) in &have.instances {
        if !desired.names.active.contains(account) || instance.status == InstanceStatus::Current {
            continue;
        }
        let want = want.filter(|want| want.regions.contains(region));
        let ou = want.and_then(|want| named_through(want, account, instance.ou.as_ref()));
        match (instance.status, ou) {
            (_, None) => {
                left_out.insert((account.clone(), region.clone()));
            }
            (InstanceStatus::Inoperable, Some(_)) => {
                left.inoperable.insert((account.clone(), region.clone()));
            }
            (_, Some(ou)) => {
                outdated.entry((ou, account)).or_default().insert(region.clone());
            }
        }
    }
    if let Some(want) = want {
        let mut chain = Chain { steps, name, after: BTreeSet::new() };
        retry(&mut chain, outdated, want.preferences, "an earlier operation left them outdated");
    }
    left
}

/// What becomes of each account: those that are tried again change, and nobody gets or loses anything.
fn covered(
    desired: &Desired,
    ring: &Ring,
    sets: &[(StackSetName, Option<&StackSetSeen>)],
    steps: &[Step],
    coverage: &mut Coverage,
) {
    let Some(deployment) = ring.deployment() else { return };
    let wanted: BTreeSet<&AccountId> = deployment
        .stack_sets
        .values()
        .flat_map(|set| set.targets.values())
        .flat_map(|target| &target.accounts)
        .collect();
    let mut changes: BTreeMap<AccountId, AccountChange> = BTreeMap::new();
    for ((account, region), _) in
        sets.iter().filter_map(|(_, have)| *have).flat_map(|s| &s.instances)
    {
        if !wanted.contains(account) || !desired.names.active.contains(account) {
            continue;
        }
        let change = changes
            .entry(account.clone())
            .or_insert_with(|| AccountChange::unchanged(ring.name.clone()));
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
    fn unchanged(ring: RingName) -> Self {
        Self {
            change: Change::Unchanged,
            ring,
            left: None,
            added: BTreeSet::new(),
            removed: BTreeSet::new(),
            remade: BTreeSet::new(),
            changed: BTreeSet::new(),
            kept: BTreeSet::new(),
        }
    }
}
