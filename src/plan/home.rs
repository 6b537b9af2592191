//! The home stack and the override object: what everything else of a ring waits for.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{OperatingSystem, PolicyName, Region, StackName},
    plan::{Action, BlockReason, Blocked, Difference, StepId, Steps, TemplateSource, difference},
    state::{
        BASELINES_PARAMETER, Baseline, BaselineSeen, BaselineSource, Deployment, Observed,
        Ownership, Ring, Seen, StackSeen, StackSpec, StackStatus,
    },
};

/// What stands between a ring and its deployment, as far as the home Region is concerned.
///
/// Returns the steps that the rest of the ring waits for, or what blocks all of it.
pub(super) fn plan_home(
    steps: &mut Steps<'_>,
    policy: &PolicyName,
    ring: &Ring,
    deployment: &Deployment,
    observed: &Observed,
) -> Result<BTreeSet<StepId>, Vec<Blocked>> {
    let (spec, content) = home_stack(deployment, observed)?;
    let seen = observed.stack(&spec.region, &spec.name);
    let ready = plan_stack(
        steps,
        "home-stack",
        policy,
        &spec,
        &TemplateSource::Inline,
        seen,
        &BTreeSet::new(),
    )
    .map_err(|blocked| vec![blocked])?;

    let bucket = &ring.names.bucket;
    let seen = observed.overrides.get(bucket).cloned().unwrap_or(Seen::Absent);
    let (replaces, before) = match &seen {
        Seen::Unknown(because) => {
            return Err(vec![Blocked {
                subject: format!("the override object in {bucket}"),
                because: BlockReason::Unknown(because.clone()),
            }]);
        }
        Seen::Absent => (None, Vec::new()),
        Seen::Present(object) => {
            if object.content.as_ref() == Some(&content) {
                return Ok(ready);
            }
            (Some(object.etag.clone()), object.content.clone().unwrap_or_default())
        }
    };
    let because = if replaces.is_some() {
        "baselines have changed"
    } else {
        "nodes read their rules from it"
    };
    let changes = difference::of_baselines(&before, &content);
    let write = steps.push(
        "overrides",
        Action::WriteOverrides { bucket: bucket.clone(), replaces, content, changes },
        because,
        ready,
        None,
    );
    Ok(BTreeSet::from([write]))
}

/// The home stack with all of its parameters, and what the override object should say.
///
/// # Errors
///
/// The baselines that could not be read, or do not exist.
pub fn home_stack(
    deployment: &Deployment,
    observed: &Observed,
) -> Result<(StackSpec, Vec<Baseline>), Vec<Blocked>> {
    let baselines = resolved(&deployment.baselines, observed)?;
    let mut spec = deployment.home.clone();
    spec.parameters.insert(BASELINES_PARAMETER.to_owned(), parameter(&baselines));
    let content = baselines.into_values().map(|baseline| baseline.content.clone()).collect();
    Ok((spec, content))
}

/// The baselines of all operating systems, or what keeps them from being known.
fn resolved<'a>(
    sources: &BTreeMap<OperatingSystem, BaselineSource>,
    observed: &'a Observed,
) -> Result<BTreeMap<OperatingSystem, &'a BaselineSeen>, Vec<Blocked>> {
    let mut found = BTreeMap::new();
    let mut blocked = Vec::new();
    for (system, source) in sources {
        let named = match source {
            BaselineSource::Aws => format!("AWS's default baseline for {system}"),
            BaselineSource::Existing(id) => format!("the baseline {id} for {system}"),
        };
        let mut block = |because| blocked.push(Blocked { subject: named.clone(), because });
        match observed.baselines.get(&(*system, source.clone())) {
            Some(Seen::Present(baseline)) if baseline.content.operating_system == *system => {
                found.insert(*system, baseline);
            }
            Some(Seen::Present(baseline)) => block(BlockReason::Missing(format!(
                "it is a baseline for {}",
                baseline.content.operating_system
            ))),
            Some(Seen::Absent) => {
                block(BlockReason::Missing("it does not exist in the home Region".to_owned()));
            }
            Some(Seen::Unknown(because)) => block(BlockReason::Unknown(because.clone())),
            None => block(BlockReason::Unknown("nobody looked for it".to_owned())),
        }
    }
    if blocked.is_empty() { Ok(found) } else { Err(blocked) }
}

fn parameter(baselines: &BTreeMap<OperatingSystem, &BaselineSeen>) -> String {
    let ids: BTreeMap<&str, &str> =
        baselines.iter().map(|(system, seen)| (system.aws_name(), seen.id.as_str())).collect();
    serde_json::to_string(&ids).unwrap_or_default()
}

/// One stack in the owner account. Returns the steps that leave it as it should be.
pub(super) fn plan_stack(
    steps: &mut Steps<'_>,
    prefix: &str,
    policy: &PolicyName,
    spec: &StackSpec,
    template: &TemplateSource,
    seen: Seen<&StackSeen>,
    after: &BTreeSet<StepId>,
) -> Result<BTreeSet<StepId>, Blocked> {
    let create = |steps: &mut Steps<'_>, because: &str, after: BTreeSet<StepId>| {
        let action =
            Action::CreateStack { spec: Box::new(spec.clone()), template: template.clone() };
        BTreeSet::from([steps.push(&format!("{prefix}/create"), action, because, after, None)])
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
    let mut after = after.clone();
    match stack.status {
        StackStatus::Settled | StackStatus::Proposed => {}
        StackStatus::InProgress => {
            let action =
                Action::WaitForStack { region: spec.region.clone(), name: spec.name.clone() };
            after = BTreeSet::from([steps.push(
                &format!("{prefix}/wait"),
                action,
                "a change of it runs",
                after,
                None,
            )]);
        }
        StackStatus::NeverMade | StackStatus::DeleteFailed => {
            let action =
                Action::DeleteStack { region: spec.region.clone(), name: spec.name.clone() };
            let because = "an earlier attempt left it in a state that can't be updated";
            let delete = steps.push(&format!("{prefix}/clear"), action, because, after, None);
            return Ok(create(steps, "it has to be made anew", BTreeSet::from([delete])));
        }
        StackStatus::Stuck => {
            let because = stack
                .reason
                .clone()
                .unwrap_or_else(|| "its last update could not be taken back".to_owned());
            return Err(blocked(&spec.region, &spec.name, BlockReason::Stuck(because)));
        }
    }
    let changes = changes(stack, spec);
    if changes.is_empty() {
        return Ok(after);
    }
    let action =
        Action::UpdateStack { spec: Box::new(spec.clone()), template: template.clone(), changes };
    Ok(BTreeSet::from([steps.push(
        &format!("{prefix}/update"),
        action,
        "it differs from the policy",
        after,
        None,
    )]))
}

fn changes(stack: &StackSeen, spec: &StackSpec) -> Vec<Difference> {
    let mut changes = difference::of_templates(&stack.template, spec.template.body());
    changes.extend(difference::of_maps("parameter", &stack.parameters, &spec.parameters));
    changes.extend(difference::of_maps("tag", &stack.tags, &spec.tags));
    changes
}

pub(super) fn blocked(region: &Region, name: &StackName, because: BlockReason) -> Blocked {
    Blocked { subject: format!("the stack {name} in {region}"), because }
}

/// The home stack of a ring that should be gone: buckets first, then the stack.
pub(super) fn plan_home_removal(
    steps: &mut Steps<'_>,
    policy: &PolicyName,
    ring: &Ring,
    region: &Region,
    observed: &Observed,
    after: &BTreeSet<StepId>,
) -> Result<(), Blocked> {
    let name = &ring.names.home_stack;
    let stack = match observed.stack(region, name) {
        Seen::Absent => return Ok(()),
        Seen::Unknown(because) => return Err(blocked(region, name, BlockReason::Unknown(because))),
        Seen::Present(stack) => stack,
    };
    let ownership = Ownership::of(&stack.tags, policy);
    if ownership != Ownership::Ours {
        return Err(blocked(region, name, BlockReason::NotOurs(ownership.to_string())));
    }
    let mut after = after.clone();
    if stack.status == StackStatus::InProgress {
        let action = Action::WaitForStack { region: region.clone(), name: name.clone() };
        after = BTreeSet::from([steps.push(
            "home-stack/wait",
            action,
            "a change of it runs",
            after,
            None,
        )]);
    }
    // What the stack says it made, and the name that is ours by construction where it says nothing.
    let mut buckets: BTreeSet<_> =
        stack.outputs.values().filter_map(|output| output.parse().ok()).collect();
    buckets.insert(ring.names.bucket.clone());
    let mut emptied = BTreeSet::new();
    for bucket in buckets {
        let id = format!("bucket/{bucket}/empty");
        let because = "a bucket can't be deleted with its stack while anything is in it";
        emptied.insert(steps.push(
            &id,
            Action::EmptyBucket { bucket },
            because,
            after.clone(),
            None,
        ));
    }
    let action = Action::DeleteStack { region: region.clone(), name: name.clone() };
    steps.push("home-stack/delete", action, "nothing uses it any more", emptied, None);
    Ok(())
}
