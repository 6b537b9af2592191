//! The planner: all rings, in order, and what becomes of each account.

use std::collections::BTreeSet;

use crate::{
    ids::{BucketName, Digest, StackSetName},
    plan::{
        Action, BlockReason, Blocked, Coverage, Fate, Plan, Purpose, RingOutline, Step, StepId,
        TemplateSource, baselines,
        conflict::conflicts,
        coverage::coverage,
        home::{HomePlan, plan_home, plan_home_removal},
        loss::losses,
        own_stacks::plan_own_stacks,
        sequence::{Draft, RingEnd, in_order},
        stack,
        stack_set::{Scope, SetPlan, blocked, plan_stack_set},
        steps::{Remarks, Steps},
        take_back,
    },
    state::{Desired, Observed, Ownership, Ring, Seen, StackSetSeen, Template, Wish, ring_of},
};

/// Plans the changes that take `observed` to `desired`.
///
/// The same arguments always give the same plan. Within a ring, the home stack and the override object
/// come before anything that reads them, and a ring waits for the one before it. CloudFormation runs
/// one operation on a stack set at a time, so the steps of one stack set wait for each other; those
/// of different stack sets do not, unless an account moves from one to the other. An owned stack set
/// that is not desired is removed, instances first. What could not be read, or is not owned, is
/// reported as blocked and not touched, and so is all that depends on it.
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut remarks = Remarks { blocked: Vec::new(), warnings: desired.warnings.clone() };
    let drafts = desired.rings.iter().map(|ring| {
        let mut steps = Steps { ring: &ring.name, list: Vec::new() };
        let mut remarks = Remarks::default();
        let end = plan_ring(&mut steps, desired, ring, observed, &mut remarks);
        Draft { ring, steps: steps.list, remarks, end }
    });
    let all_steps = in_order(drafts.collect(), desired, observed, &mut remarks);
    baselines::quota(desired, observed, &all_steps, &mut remarks.warnings);
    unseen_rings(desired, &mut remarks);
    conflicts(desired, observed, &mut remarks);
    let coverage = coverage(desired, observed, &all_steps);
    assemble(desired, observed, all_steps, remarks, coverage)
}

/// Makes a plan of what has been decided.
pub(super) fn assemble(
    desired: &Desired,
    observed: &Observed,
    all_steps: Vec<Step>,
    remarks: Remarks,
    coverage: Coverage,
) -> Plan {
    let Remarks { mut blocked, warnings } = remarks;
    blocked.sort();
    blocked.dedup();
    let losses = losses(desired, observed, &coverage);
    let digest = digest(&all_steps, &blocked);
    Plan {
        purpose: Purpose::Match,
        policy: desired.policy.clone(),
        owner: desired.owner.clone(),
        rings: desired.rings.iter().map(outline).collect(),
        steps: all_steps,
        blocked,
        skipped: desired.skipped.clone(),
        warnings,
        coverage,
        losses,
        guards: desired.guards,
        names: desired.names.clone(),
        digest,
        narrowed: None,
    }
}

fn outline(ring: &Ring) -> RingOutline {
    RingOutline {
        name: ring.name.clone(),
        id: ring.id.clone(),
        regions: ring.deployment().map(|deployment| deployment.regions.clone()).unwrap_or_default(),
        schedule: ring
            .deployment()
            .map(|deployment| deployment.schedule.clone())
            .unwrap_or_default(),
        fate: if ring.deployment().is_some() { Fate::Kept } else { Fate::Removed },
        because: match &ring.wish {
            Wish::There(_) => None,
            Wish::Gone(leaving) => Some(leaving.because.clone()),
        },
    }
}

/// Says what was not looked for. Who takes all of a policy away must know that it was all.
fn unseen_rings(desired: &Desired, remarks: &mut Remarks) {
    let Some(because) = &desired.unseen else { return };
    if desired.is_rolled_out() {
        remarks.warnings.push(format!(
            "rings that the policy does not name any more could not be looked for: {because}"
        ));
    } else {
        remarks.blocked.push(Blocked {
            subject: "rings that the policy does not name any more".to_owned(),
            because: BlockReason::Unknown(because.clone()),
        });
    }
}

pub(super) fn digest(steps: &[Step], blocked: &[Blocked]) -> Digest {
    // Serialization of these types cannot fail: they hold texts, numbers, lists and maps with text keys.
    Digest::of(serde_json::to_vec(&(steps, blocked)).unwrap_or_default())
}

fn plan_ring(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &Ring,
    observed: &Observed,
    remarks: &mut Remarks,
) -> RingEnd {
    let blocked_before = remarks.blocked.len();
    let mut problems = Vec::new();
    let sets = owned_sets(desired, ring, observed, &mut problems);
    if !problems.is_empty() {
        // One set that is in the way, or can't be read, holds up the ring: its parts belong together.
        remarks.blocked.extend(problems);
        return RingEnd::Blocked;
    }
    if wait_for_running(steps, &sets) {
        return RingEnd::Waits;
    }
    let ready = match ring.deployment() {
        None => BTreeSet::new(),
        Some(deployment) => {
            match plan_home(steps, desired, ring, deployment, observed, &mut remarks.warnings) {
                Ok(HomePlan::Ready(ready)) => ready,
                // What comes behind is planned once it is known what came of the change.
                Ok(HomePlan::Waiting) => {
                    // What is only begun with would be planned anew.
                    steps.list.retain(|step| step.action.is_wait());
                    for step in &mut steps.list {
                        step.after.clear();
                    }
                    return RingEnd::Waits;
                }
                Err(problems) => {
                    steps.list.clear();
                    remarks.blocked.extend(problems);
                    return RingEnd::Blocked;
                }
            }
        }
    };
    let (template, ready) = match ring.deployment() {
        Some(deployment) => {
            large_template(steps, &ring.names.bucket, deployment.patching_template(), ready)
        }
        None => (TemplateSource::Inline, ready),
    };

    let scope = Scope { names: &desired.names, wish: &ring.wish };
    let mut set_plans: Vec<SetPlan> = Vec::new();
    for (name, have) in &sets {
        let want = ring.deployment().and_then(|deployment| deployment.stack_sets.get(name));
        let set_plan = plan_stack_set(steps, name, want, *have, &template, scope, &ready);
        left_to_people(desired, name, &set_plan, remarks);
        set_plans.push(set_plan);
    }
    moves_wait(steps, &set_plans);
    let mut removed = plan_own_stacks(steps, desired, ring, observed, &template, &ready, remarks);
    if ring.deployment().is_none() {
        take_back::warn(desired, ring, &sets, observed, &mut remarks.warnings);
        removed.extend(set_plans.iter().filter_map(|set| set.last.clone()));
        // The bucket must be there as long as anything may read from it.
        let waits = steps.list.iter().any(|step| step.action.is_wait());
        let is_blocked = remarks.blocked.len() > blocked_before;
        let home = if is_blocked {
            Err(stack::blocked(
                &desired.owner.home_region,
                &ring.names.home_stack,
                BlockReason::Unknown(
                    "it stays until nothing else of the ring is blocked".to_owned(),
                ),
            ))
        } else if waits {
            Ok(())
        } else {
            plan_home_removal(steps, desired, ring, observed, &removed, &mut remarks.warnings)
        };
        remarks.blocked.extend(home.err());
    }
    drop_unused_template(&mut steps.list);
    let waits = steps.list.iter().any(|step| step.action.is_wait());
    if waits { RingEnd::Waits } else { RingEnd::Planned }
}

/// While an operation runs on a stack set of the ring, what the ring is, is about to change: accounts
/// may be on their way from one set to another. So the plan is to wait and nothing else, and the next
/// plan sees what came of it.
pub(super) fn wait_for_running(
    steps: &mut Steps<'_>,
    sets: &[(StackSetName, Option<&StackSetSeen>)],
) -> bool {
    for (name, have) in sets {
        let mut after = BTreeSet::new();
        for operation in have.iter().flat_map(|have| &have.running) {
            let id = format!("stack-set/{name}/wait/{}", operation.id);
            let because = format!("a {} operation runs", operation.action);
            let action = Action::WaitForOperation {
                stack_set: name.clone(),
                operation: operation.id.clone(),
            };
            after = BTreeSet::from([steps.push(&id, action, because, after)]);
        }
    }
    !steps.list.is_empty()
}

/// What only a person can mend, and what they have to do.
pub(super) fn left_to_people(
    desired: &Desired,
    name: &StackSetName,
    set: &SetPlan,
    remarks: &mut Remarks,
) {
    for (account, region) in &set.inoperable {
        remarks.blocked.push(Blocked {
            subject: format!("the instance of {name} in account {account}, {region}"),
            because: BlockReason::Stuck(
                "it is INOPERABLE, so every operation leaves it out: detach it with `aws cloudformation delete-stack-instances --retain-stacks`, delete its stack in that account, and apply again".to_owned(),
            ),
        });
    }
    for ou in &set.still_followed {
        let path = desired.names.units.get(ou).map_or(ou.as_str(), |path| path);
        remarks.blocked.push(Blocked {
            subject: format!("auto-deployment of {name} into {path}"),
            because: BlockReason::Stuck(format!(
                "it still follows {path}, which is no target any more, and can't be told otherwise without touching instances that stay: delete the stack instances of that OU by hand, with the OU as the only target, and apply again"
            )),
        });
    }
}

/// The stack sets of a ring, those that are there and those that are wanted, if all of them are ours.
pub(super) fn owned_sets<'a>(
    desired: &Desired,
    ring: &Ring,
    observed: &'a Observed,
    problems: &mut Vec<Blocked>,
) -> Vec<(StackSetName, Option<&'a StackSetSeen>)> {
    let named = [ring.names.whole.clone(), ring.names.pinned.clone()];
    let mut sets: Vec<StackSetName> = named.to_vec();
    if let Seen::Present(seen) = &observed.stack_sets {
        // A set of ours that no ring names is removed with the ring of its tag, or else with the first one.
        let is_first = desired.rings.first().is_some_and(|first| first.name == ring.name);
        let goes_with = |set: &StackSetSeen| match ring_of(&set.tags, &desired.policy) {
            Some(tagged) if desired.rings.iter().any(|ring| ring.name == tagged) => {
                tagged == ring.name
            }
            _ => is_first,
        };
        let is_named = |name: &StackSetName| {
            desired.rings.iter().any(|ring| ring.names.whole == *name || ring.names.pinned == *name)
        };
        let left_over = seen.iter().filter(|(name, set)| {
            !is_named(name)
                && set.present().is_some_and(|set| {
                    Ownership::of(&set.tags, &desired.policy) == Ownership::Ours && goes_with(set)
                })
        });
        sets.extend(left_over.map(|(name, _)| name.clone()));
    }
    sets.into_iter()
        .map(|name| {
            let have = match observed.stack_set(&name) {
                Seen::Absent => None,
                Seen::Unknown(because) => {
                    problems.push(blocked(&name, BlockReason::Unknown(because)));
                    None
                }
                Seen::Present(set) => match Ownership::of(&set.tags, &desired.policy) {
                    Ownership::Ours if is_of_another(desired, ring, set) => {
                        let because = "its tags say that it belongs to another ring of the policy";
                        problems.push(blocked(&name, BlockReason::NotOurs(because.to_owned())));
                        None
                    }
                    Ownership::Ours if other_owner(desired, set).is_none() => Some(set),
                    Ownership::Ours => {
                        let owner = other_owner(desired, set).unwrap_or_default();
                        let because = format!("it is administered from account {owner}");
                        problems.push(blocked(&name, BlockReason::NotOurs(because)));
                        None
                    }
                    other => {
                        problems.push(blocked(&name, BlockReason::NotOurs(other.to_string())));
                        None
                    }
                },
            };
            (name, have)
        })
        .collect()
}

/// Whether a set is another ring's, which has it under a name that this ring would give one too.
fn is_of_another(desired: &Desired, ring: &Ring, set: &StackSetSeen) -> bool {
    ring_of(&set.tags, &desired.policy)
        .is_some_and(|of| of != ring.name && desired.rings.iter().any(|other| other.name == of))
}

/// The account that a set's override bucket is in, if it is not this one.
fn other_owner<'a>(desired: &Desired, set: &'a StackSetSeen) -> Option<&'a str> {
    let owner = set.parameters.get("OwnerAccountId")?.as_str();
    Some(owner).filter(|owner| *owner != desired.owner.account.as_str())
}

/// A template that is too large for a request is put into the ring's bucket first.
fn large_template(
    steps: &mut Steps<'_>,
    bucket: &BucketName,
    template: Option<&Template>,
    ready: BTreeSet<StepId>,
) -> (TemplateSource, BTreeSet<StepId>) {
    let Some(template) = template.filter(|template| template.is_large()) else {
        return (TemplateSource::Inline, ready);
    };
    let key = format!("templates/{}.json", template.digest().short());
    let action = Action::UploadTemplate {
        bucket: bucket.clone(),
        key: key.clone(),
        template: template.clone(),
    };
    let upload = steps.push("template", action, "it is too large for a request", ready);
    (TemplateSource::Object { bucket: bucket.clone(), key }, BTreeSet::from([upload]))
}

/// A template is uploaded only where a step takes it from there.
fn drop_unused_template(steps: &mut Vec<Step>) {
    let is_used = steps.iter().any(|step| match &step.action {
        Action::CreateStackSet { template, .. }
        | Action::UpdateStackSet { template, .. }
        | Action::CreateStack { template, .. }
        | Action::UpdateStack { template, .. } => *template != TemplateSource::Inline,
        _ => false,
    });
    let upload = steps.iter().position(|step| matches!(step.action, Action::UploadTemplate { .. }));
    if let Some(upload) = upload.filter(|_| !is_used) {
        let upload = steps.remove(upload);
        for step in steps.iter_mut().filter(|step| step.after.contains(&upload.id)) {
            step.after.remove(&upload.id);
            step.after.extend(upload.after.iter().cloned());
        }
    }
}

/// An account that moves from one stack set to another must be gone from the one before it comes to the
/// other: the names of its roles are the same in both.
fn moves_wait(steps: &mut Steps<'_>, sets: &[SetPlan]) {
    for (number, to) in sets.iter().enumerate() {
        for (account, additions) in &to.additions {
            let elsewhere =
                sets.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, set)| set);
            let removals: BTreeSet<StepId> = elsewhere
                .filter_map(|from| from.removals.get(account))
                .flatten()
                .cloned()
                .collect();
            if removals.is_empty() {
                continue;
            }
            for step in steps.list.iter_mut().filter(|step| additions.contains(&step.id)) {
                step.after.extend(removals.iter().cloned());
            }
        }
    }
    // Steps are listed behind what they wait for, so that a plan reads in the order in which it runs.
    sort_by_dependency(&mut steps.list);
}

fn sort_by_dependency(steps: &mut Vec<Step>) {
    let mut placed: BTreeSet<StepId> = BTreeSet::new();
    let mut sorted = Vec::with_capacity(steps.len());
    while !steps.is_empty() {
        let known: BTreeSet<StepId> = steps.iter().map(|step| step.id.clone()).collect();
        let ready =
            |step: &Step| step.after.iter().all(|id| placed.contains(id) || !known.contains(id));
        let Some(next) = steps.iter().position(ready) else {
            // A circle would be a flaw of the planner, which `check` reports.
            sorted.append(steps);
            break;
        };
        let step = steps.remove(next);
        placed.insert(step.id.clone());
        sorted.push(step);
    }
    *steps = sorted;
}
