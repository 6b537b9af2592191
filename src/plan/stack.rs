//! A stack in the owner account.

use std::collections::BTreeSet;

use crate::{
    ids::{PolicyName, Region, StackName},
    plan::{
        Action, BlockReason, Blocked, Difference, StepId, TemplateSource, difference, steps::Steps,
    },
    state::{Ownership, Seen, StackSeen, StackSpec, StackStatus},
};

/// How far a stack is from what it should be.
pub(super) enum StackPlan {
    /// It will be right once these steps are done, which may be none.
    Ready(BTreeSet<StepId>),
    /// It is made, or made anew, by these steps.
    MadeAnew(BTreeSet<StepId>),
    /// A change of it runs, so nothing can be said yet.
    Waiting,
}

/// Plans one stack.
pub(super) fn plan_stack(
    steps: &mut Steps<'_>,
    prefix: &str,
    policy: &PolicyName,
    spec: &StackSpec,
    template: &TemplateSource,
    seen: Seen<&StackSeen>,
    after: &BTreeSet<StepId>,
) -> Result<StackPlan, Blocked> {
    let create = |steps: &mut Steps<'_>, because: &str, after: BTreeSet<StepId>| {
        let action =
            Action::CreateStack { spec: Box::new(spec.clone()), template: template.clone() };
        let id = format!("{prefix}/create");
        StackPlan::MadeAnew(BTreeSet::from([steps.push(&id, action, because, after)]))
    };
    let stack = match seen {
        Seen::Absent => return Ok(create(steps, "it does not exist", after.clone())),
        Seen::Unknown(because) => {
            return Err(blocked(&spec.region, &spec.name, BlockReason::Unknown(because)));
        }
        Seen::Present(stack) => stack,
    };
    let ownership = Ownership::of(&stack.tags, policy);
    if ownership != Ownership::Ours {
        return Err(blocked(&spec.region, &spec.name, BlockReason::NotOurs(ownership.to_string())));
    }
    match stack.status {
        StackStatus::Settled | StackStatus::Proposed => {}
        StackStatus::InProgress => {
            let action =
                Action::WaitForStack { region: spec.region.clone(), name: spec.name.clone() };
            steps.push(&format!("{prefix}/wait"), action, "a change of it runs", after.clone());
            return Ok(StackPlan::Waiting);
        }
        StackStatus::NeverMade | StackStatus::DeleteFailed => {
            let action =
                Action::DeleteStack { region: spec.region.clone(), name: spec.name.clone() };
            let because = "an earlier attempt left it in a state that can't be updated";
            let delete = steps.push(&format!("{prefix}/clear"), action, because, after.clone());
            return Ok(create(steps, "it has to be made anew", BTreeSet::from([delete])));
        }
        StackStatus::Stuck => {
            return Err(blocked(&spec.region, &spec.name, stuck(stack)));
        }
    }
    let changes = changes(stack, spec);
    if changes.is_empty() {
        return Ok(StackPlan::Ready(after.clone()));
    }
    let action =
        Action::UpdateStack { spec: Box::new(spec.clone()), template: template.clone(), changes };
    let id = format!("{prefix}/update");
    let update = steps.push(&id, action, "it differs from the policy", after.clone());
    Ok(StackPlan::Ready(BTreeSet::from([update])))
}

fn changes(stack: &StackSeen, spec: &StackSpec) -> Vec<Difference> {
    let mut changes = difference::of_templates(&stack.template, spec.template.body());
    changes.extend(difference::of_maps("parameter", &stack.parameters, &spec.parameters));
    changes.extend(difference::of_maps("tag", &stack.tags, &spec.tags));
    changes
}

/// Why a stack that can't be updated is left alone.
pub(super) fn stuck(stack: &StackSeen) -> BlockReason {
    let because = stack.reason.clone();
    BlockReason::Stuck(
        because.unwrap_or_else(|| "its last update could not be taken back".to_owned()),
    )
}

/// A stack that is left alone.
pub(super) fn blocked(region: &Region, name: &StackName, because: BlockReason) -> Blocked {
    Blocked { subject: format!("the stack {name} in {region}"), because }
}
