//! The management account's own stacks, which StackSets can't make.

use std::collections::BTreeSet;

use crate::{
    ids::PolicyName,
    plan::{
        Action, BlockReason, Blocked, StepId, Steps, TemplateSource,
        home::{blocked, plan_stack},
    },
    state::{Observed, Ownership, Ring, Seen, StackStatus},
};

/// Plans them, Region by Region. Returns the steps that take some away.
pub(super) fn plan_own_stacks(
    steps: &mut Steps<'_>,
    policy: &PolicyName,
    ring: &Ring,
    observed: &Observed,
    template: &TemplateSource,
    after: &BTreeSet<StepId>,
    problems: &mut Vec<Blocked>,
) -> BTreeSet<StepId> {
    let mut removals = BTreeSet::new();
    for (region, name) in &ring.names.own_stacks {
        let prefix = format!("own-stack/{region}");
        let seen = observed.stack(region, name);
        let wanted =
            ring.deployment.as_ref().and_then(|deployment| deployment.own_stacks.get(region));
        if let Some(spec) = wanted {
            if let Err(blocked) = plan_stack(steps, &prefix, policy, spec, template, seen, after) {
                problems.push(blocked);
            }
            continue;
        }
        match seen {
            Seen::Absent => {}
            Seen::Unknown(because) => {
                problems.push(blocked(region, name, BlockReason::Unknown(because)));
            }
            Seen::Present(stack) => {
                let ownership = Ownership::of(&stack.tags, policy);
                if ownership != Ownership::Ours {
                    problems.push(blocked(
                        region,
                        name,
                        BlockReason::NotOurs(ownership.to_string()),
                    ));
                    continue;
                }
                let mut before = BTreeSet::new();
                if stack.status == StackStatus::InProgress {
                    let wait = Action::WaitForStack { region: region.clone(), name: name.clone() };
                    before.insert(steps.push(
                        &format!("{prefix}/wait"),
                        wait,
                        "a change of it runs",
                        BTreeSet::new(),
                        None,
                    ));
                }
                let action = Action::DeleteStack { region: region.clone(), name: name.clone() };
                let because = "the policy does not cover the management account here any more";
                removals.insert(steps.push(
                    &format!("{prefix}/delete"),
                    action,
                    because,
                    before,
                    None,
                ));
            }
        }
    }
    removals
}
