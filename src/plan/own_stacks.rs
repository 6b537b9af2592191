//! The management account's own stacks, which StackSets can't make.

use std::collections::BTreeSet;

use crate::{
    plan::{
        Action, BlockReason, StepId, TemplateSource,
        stack::{blocked, plan_stack, stuck},
        steps::{Remarks, Steps},
        take_back::take_back_in_stack,
    },
    state::{Desired, Observed, Ownership, Ring, Seen, StackStatus, Wish},
};

/// Plans them, Region by Region. Returns the steps that take some away.
pub(super) fn plan_own_stacks(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &Ring,
    observed: &Observed,
    template: &TemplateSource,
    after: &BTreeSet<StepId>,
    remarks: &mut Remarks,
) -> BTreeSet<StepId> {
    let policy = &desired.policy;
    let mut removals = BTreeSet::new();
    let mut unreadable = Vec::new();
    for (region, name) in &ring.names.own_stacks {
        let prefix = format!("own-stack/{region}");
        let seen = observed.stack(region, name);
        let wanted = ring.deployment().and_then(|deployment| deployment.own_stacks.get(region));
        if let Some(spec) = wanted {
            if let Err(blocked) = plan_stack(steps, &prefix, policy, spec, template, seen, after) {
                remarks.blocked.push(blocked);
            }
            continue;
        }
        let stack = match seen {
            Seen::Absent => continue,
            // Nothing is wanted there, so nothing would be done but to take away what may be left.
            Seen::Unknown(because) if ring.deployment().is_some() => {
                unreadable.push((region.as_str(), because));
                continue;
            }
            Seen::Unknown(because) => {
                remarks.blocked.push(blocked(region, name, BlockReason::Unknown(because)));
                continue;
            }
            Seen::Present(stack) => stack,
        };
        let ownership = Ownership::of(&stack.tags, policy);
        if ownership != Ownership::Ours {
            remarks.blocked.push(blocked(
                region,
                name,
                BlockReason::NotOurs(ownership.to_string()),
            ));
            continue;
        }
        if stack.status == StackStatus::InProgress {
            let wait = Action::WaitForStack { region: region.clone(), name: name.clone() };
            let id = format!("{prefix}/wait");
            removals.insert(steps.push(&id, wait, "a change of it runs", BTreeSet::new()));
            continue;
        }
        let (because, how) = match &ring.wish {
            Wish::There(_) => {
                ("the policy does not cover the management account here any more", None)
            }
            Wish::Gone(leaving) => ("all of the policy is taken away", leaving.take_back.as_ref()),
        };
        let mut after = BTreeSet::new();
        if let Some(spec) = how.and_then(|how| take_back_in_stack(stack, how, (region, name))) {
            match stack.status {
                StackStatus::Settled | StackStatus::Proposed => {
                    let action = Action::TakeBackInStack { spec: Box::new(spec) };
                    let because = "they are not part of the stack, and would stay when it goes";
                    let id = format!("{prefix}/take-back");
                    after.insert(steps.push(&id, action, because, BTreeSet::new()));
                }
                StackStatus::Stuck => {
                    remarks.blocked.push(blocked(region, name, stuck(stack)));
                    continue;
                }
                // What never was has added nothing, and what is half deleted can't be updated.
                StackStatus::NeverMade | StackStatus::DeleteFailed | StackStatus::InProgress => {}
            }
        }
        let action = Action::DeleteStack { region: region.clone(), name: name.clone() };
        let id = format!("{prefix}/delete");
        removals.insert(steps.push(&id, action, because, after));
    }
    if let Some((_, because)) = unreadable.first() {
        let regions: Vec<&str> = unreadable.iter().map(|(region, _)| *region).collect();
        remarks.warnings.push(format!(
            "stacks of the management account could not be looked for in {}, where the policy wants none; one that is left there from an earlier version of the policy would stay: {because}",
            regions.join(", ")
        ));
    }
    removals
}
