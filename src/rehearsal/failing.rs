//! What one failing account does to a rollout.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    apply::StepEnd,
    ids::{AccountId, StackSetName},
    plan::{Action, Approved, Plan, StepId},
    rehearsal::run::Tries,
    sim::SimulatedAws,
};

/// The rollout once more, with one account in which nothing can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingAccount {
    /// Which account: one of those that get something, chosen by the seed.
    pub account: AccountId,
    /// Accounts × Regions that the rollout is about.
    pub instances: usize,
    /// Those that fail.
    pub failed: usize,
    /// Those that are not tried for that: in operations that stop, and in steps that are not begun.
    pub untried: usize,
    /// The steps that fail.
    pub failing_steps: Vec<StepId>,
    /// The steps that are not begun for that.
    pub skipped_steps: Vec<StepId>,
    /// By stack set, how many accounts have to fail in one Region until it stops, at the least; none where all
    /// may fail.
    pub stops_at: BTreeMap<StackSetName, Option<usize>>,
    /// When that rollout ends, by the clock of the timeline.
    pub ends: Duration,
}

/// Carries out the plan beside the real rehearsal; none where it gives nothing to any member account.
pub(super) async fn one_failing_account(
    approved: &Approved,
    aws: &SimulatedAws,
    seed: u64,
) -> Option<FailingAccount> {
    let plan = approved.plan();
    let account = chosen(plan, seed)?;
    let aws = aws.clone();
    aws.fail_account(&account, "rehearsed: nothing can be made in this account");
    let run = Tries::unwatched(approved, &aws).await;
    let outcome = run.outcome?;

    let instances: usize = plan.steps.iter().map(instances).sum();
    let (mut failed, mut done) = (0, 0);
    for run in aws.operations_run() {
        for region in run.regions.values() {
            failed += region.failed;
            done += region.instances - region.failed - region.cancelled - region.skipped;
        }
    }
    let with = |is_meant: fn(&StepEnd) -> bool| {
        let meant = outcome.steps.iter().filter(|(_, end)| is_meant(end));
        meant.map(|(id, _)| id.clone()).collect()
    };
    Some(FailingAccount {
        account,
        instances,
        failed,
        untried: instances.saturating_sub(failed + done),
        failing_steps: with(|end| matches!(end, StepEnd::Failed(_))),
        skipped_steps: with(|end| matches!(end, StepEnd::Skipped(_))),
        stops_at: stops_at(plan),
        ends: aws.now(),
    })
}

/// One of the accounts that stack sets reach. (In the owner account the home stack itself would fail.)
pub(super) fn chosen(plan: &Plan, seed: u64) -> Option<AccountId> {
    let reached: Vec<&AccountId> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::AddInstances { targets, .. } => Some(&targets.accounts),
            _ => None,
        })
        .flatten()
        .collect();
    pick(&reached, seed).map(|account| (*account).clone())
}

/// One of them, spread over all by the seed: neighbouring seeds give places that are far apart.
pub(super) fn pick<T>(all: &[T], seed: u64) -> Option<&T> {
    let count = u64::try_from(all.len()).ok().filter(|count| *count > 0)?;
    let spread = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    all.get(usize::try_from(spread % count).ok()?)
}

fn instances(step: &crate::plan::Step) -> usize {
    match &step.action {
        Action::AddInstances { targets, .. } => targets.accounts.len() * targets.regions.len(),
        _ => 0,
    }
}

/// One more than may fail in a Region of a step, by the stack set that it works on.
fn stops_at(plan: &Plan) -> BTreeMap<StackSetName, Option<usize>> {
    let mut least: BTreeMap<StackSetName, Option<usize>> = BTreeMap::new();
    for step in &plan.steps {
        let Action::AddInstances { stack_set, targets, preferences, .. } = &step.action else {
            continue;
        };
        let accounts = targets.accounts.len();
        if accounts == 0 {
            continue;
        }
        let stops = accounts * usize::from(preferences.tolerance_percent) / 100 + 1;
        let stops = Some(stops).filter(|stops| *stops <= accounts);
        let known = least.entry(stack_set.clone()).or_insert(stops);
        *known = [*known, stops].into_iter().flatten().min();
    }
    least
}
