//! The home stack and the override object: what everything else of a ring waits for.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{BucketName, OperatingSystem, Region, StackName},
    plan::{
        Action, BlockReason, Blocked, Difference, StepId, TemplateSource,
        baseline_difference::of_baselines,
        baselines::{
            self, BaselinePlan, Resolved, ResolvedAll, delete_baselines, of_ring_that_goes,
            plan_baselines,
        },
        difference,
        stack::{StackPlan, blocked, plan_stack, stuck},
        steps::Steps,
    },
    state::{
        BASELINES_PARAMETER, Baseline, BaselineSpec, Deployment, Desired, Encryption, KeepLogs,
        Leaving, Observed, OverrideSeen, Ownership, Ring, Seen, StackSeen, StackSpec, StackStatus,
        Wish,
    },
};

/// The outputs of the home stack that name the buckets it made.
const BUCKET_OUTPUTS: [&str; 2] = ["OverrideBucket", "AccessLogBucket"];

/// How far the home Region is from what it should be.
pub(super) enum HomePlan {
    /// It will be right once these steps are done.
    Ready(BTreeSet<StepId>),
    /// A change of the stack runs, so nothing can be said yet.
    Waiting,
}

/// Plans the home stack and the override object, or says what blocks all of the ring.
pub(super) fn plan_home(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &Ring,
    deployment: &Deployment,
    observed: &Observed,
    warnings: &mut Vec<String>,
) -> Result<HomePlan, Vec<Blocked>> {
    let ResolvedAll { rules, without } = baselines::resolve(deployment, observed)?;
    let Home { spec, content, without, .. } = of_rules(deployment, &rules, without);
    for system in without {
        warnings.push(format!(
            "AWS has no default baseline for {system} in {}, so its nodes would fail with exit code 163; name a baseline of your own if you have such nodes",
            spec.region
        ));
    }
    let BaselinePlan { ready: made, unused } =
        plan_baselines(steps, desired, ring, &rules, observed, warnings)?;
    let bucket = &ring.names.bucket;
    let seen = observed.stack(&spec.region, &spec.name);
    let overrides = observed.overrides.get(bucket).unwrap_or(&Seen::Absent);
    match &seen {
        Seen::Present(stack) if stack.status == StackStatus::DeleteFailed => {
            empty_buckets(steps, buckets(stack, ring).into_iter(), &made);
        }
        // A bucket without its stack means that the stack is somewhere else.
        Seen::Absent => {
            bucket_without_stack(ring, observed, &spec.region).map_err(|blocked| vec![blocked])?;
        }
        Seen::Present(_) | Seen::Unknown(_) => {}
    }
    // The home template is always small enough for a request, which a test holds.
    let inline = TemplateSource::Inline;
    let before = steps.list.iter().map(|step| step.id.clone()).collect();
    let stack = plan_stack(steps, "home-stack", &desired.policy, &spec, &inline, seen, &before)
        .map_err(|blocked| vec![blocked])?;
    let (ready, seen) = match stack {
        StackPlan::Waiting => return Ok(HomePlan::Waiting),
        // A bucket that is made anew has nothing in it, whatever the old one had.
        StackPlan::MadeAnew(ready) => (ready, &Seen::Absent),
        StackPlan::Ready(ready) => (ready, overrides),
    };
    let ready = write_overrides(steps, (ring, deployment), content, seen, ready)?;
    delete_baselines(steps, &unused, "the ring has no use for it any more", &ready);
    Ok(HomePlan::Ready(ready))
}

/// Plans the override object, and gives the steps after which it is right.
fn write_overrides(
    steps: &mut Steps<'_>,
    (ring, deployment): (&Ring, &Deployment),
    content: Vec<Baseline>,
    seen: &Seen<OverrideSeen>,
    ready: BTreeSet<StepId>,
) -> Result<BTreeSet<StepId>, Vec<Blocked>> {
    let bucket = &ring.names.bucket;
    let mut changes = Vec::new();
    let (replaces, before) = match seen {
        Seen::Unknown(because) => {
            return Err(vec![Blocked {
                subject: format!("the override object in {bucket}"),
                because: BlockReason::Unknown(because.clone()),
            }]);
        }
        Seen::Absent => (None, Vec::new()),
        Seen::Present(object) => {
            let encrypted = encrypted_with(&deployment.encryption, object.key.as_deref());
            let is_same = object.content.as_ref().is_some_and(|have| say_the_same(have, &content));
            if is_same && encrypted.is_none() {
                return Ok(ready);
            }
            changes.extend(encrypted);
            (Some(object.etag.clone()), object.content.clone().unwrap_or_default())
        }
    };
    let because = if replaces.is_none() {
        "nodes read their rules from it"
    } else if changes.is_empty() {
        "baselines have changed"
    } else {
        "it is to be encrypted with another key"
    };
    changes.extend(of_baselines(&before, &content));
    let action = Action::WriteOverrides { bucket: bucket.clone(), replaces, content, changes };
    let write = steps.push("overrides", action, because, ready);
    Ok(BTreeSet::from([write]))
}

/// Whether two override objects say the same, in whichever order AWS gives a baseline's lists.
fn say_the_same(one: &[Baseline], other: &[Baseline]) -> bool {
    let normalized = |content: &[Baseline]| -> Vec<Baseline> {
        content.iter().map(Baseline::normalized).collect()
    };
    normalized(one) == normalized(other)
}

/// How the key of the override object differs from the one that is wished, if it does.
fn encrypted_with(wished: &Encryption, key: Option<&str>) -> Option<Difference> {
    let shown = |key: Option<&str>| key.unwrap_or("S3's own keys").to_owned();
    let wished = match wished {
        Encryption::S3 => None,
        Encryption::Key(key) => Some(key.as_str()),
    };
    (wished != key).then(|| Difference {
        what: "encryption".to_owned(),
        before: Some(shown(key)),
        after: Some(shown(wished)),
    })
}

/// What the home Region should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The home stack with all of its parameters.
    pub spec: StackSpec,
    /// What the override object should say.
    pub content: Vec<Baseline>,
    /// The baselines that orgpatch makes.
    pub made: Vec<BaselineSpec>,
    /// Operating systems that are left out, since AWS has no default baseline for them there.
    pub without: Vec<OperatingSystem>,
}

/// The home stack with all of its parameters, and what the override object should say.
///
/// # Errors
///
/// The baselines that could not be read, or that the policy names and that do not exist.
pub fn home_stack(deployment: &Deployment, observed: &Observed) -> Result<Home, Vec<Blocked>> {
    let ResolvedAll { rules, without } = baselines::resolve(deployment, observed)?;
    Ok(of_rules(deployment, &rules, without))
}

fn of_rules(
    deployment: &Deployment,
    rules: &BTreeMap<OperatingSystem, Resolved>,
    without: Vec<OperatingSystem>,
) -> Home {
    let references: BTreeMap<&str, &str> =
        rules.iter().map(|(system, rules)| (system.aws_name(), rules.reference())).collect();
    let mut spec = deployment.home.clone();
    let parameter = serde_json::to_string(&references).unwrap_or_default();
    spec.parameters.insert(BASELINES_PARAMETER.to_owned(), parameter);
    let content = rules.values().map(|rules| rules.content().clone()).collect();
    let made = rules.values().filter_map(|rules| match rules {
        Resolved::Made(spec) => Some(spec.clone()),
        Resolved::Taken(_) => None,
    });
    Home { spec, content, made: made.collect(), without }
}

/// The buckets of a home stack: what it says it made, and the name that is ours by construction.
fn buckets(stack: &StackSeen, ring: &Ring) -> BTreeSet<BucketName> {
    let outputs =
        BUCKET_OUTPUTS.iter().filter_map(|output| stack.outputs.get(*output)?.parse().ok());
    outputs.chain([ring.names.bucket.clone()]).collect()
}

/// Plans steps that empty buckets, which can't be deleted with their stack while anything is in them.
fn empty_buckets(
    steps: &mut Steps<'_>,
    buckets: impl Iterator<Item = BucketName>,
    after: &BTreeSet<StepId>,
) -> BTreeSet<StepId> {
    let because = "a bucket can't be deleted with its stack while anything is in it";
    buckets
        .map(|bucket| {
            let id = format!("bucket/{bucket}/empty");
            steps.push(&id, Action::EmptyBucket { bucket }, because, after.clone())
        })
        .collect()
}

/// The home stack of a ring that should be gone: buckets first, then the stack.
pub(super) fn plan_home_removal(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &Ring,
    observed: &Observed,
    after: &BTreeSet<StepId>,
    warnings: &mut Vec<String>,
) -> Result<(), Blocked> {
    let unused = of_ring_that_goes(desired, &ring.name, observed)?;
    let region: &Region = &desired.owner.home_region;
    let name: &StackName = &ring.names.home_stack;
    let stack = match observed.stack(region, name) {
        Seen::Unknown(because) => return Err(blocked(region, name, BlockReason::Unknown(because))),
        Seen::Present(stack) => stack,
        Seen::Absent => {
            bucket_without_stack(ring, observed, region)?;
            delete_baselines(steps, &unused, "nothing uses it any more", after);
            return Ok(());
        }
    };
    let ownership = Ownership::of(&stack.tags, &desired.policy);
    if ownership != Ownership::Ours {
        return Err(blocked(region, name, BlockReason::NotOurs(ownership.to_string())));
    }
    if stack.status == StackStatus::InProgress {
        let action = Action::WaitForStack { region: region.clone(), name: name.clone() };
        steps.push("home-stack/wait", action, "a change of it runs", after.clone());
        return Ok(());
    }
    let mut emptied = buckets(stack, ring);
    let mut after = after.clone();
    let keeps = match &ring.wish {
        Wish::Gone(Leaving { keep_logs: Some(how), .. }) => {
            after = keep_logs(steps, stack, how, (region, name), after)?;
            true
        }
        // An earlier attempt was told to keep them, and the bucket outlives its stack already.
        _ => outlives(&stack.template),
    };
    if keeps {
        emptied.retain(|bucket| *bucket == ring.names.bucket);
        warnings.extend(stack.outputs.get("AccessLogBucket").map(|bucket| {
            format!("the access logs stay in the bucket {bucket}, which is nobody's then: delete it when they are not needed any more")
        }));
    }
    let emptied = empty_buckets(steps, emptied.into_iter(), &after);
    let action = Action::DeleteStack { region: region.clone(), name: name.clone() };
    let deleted = steps.push("home-stack/delete", action, "nothing uses it any more", emptied);
    delete_baselines(steps, &unused, "nothing uses it any more", &BTreeSet::from([deleted]));
    Ok(())
}

/// Whether a home stack's access-log bucket outlives it.
fn outlives(template: &str) -> bool {
    let template: serde_json::Value = serde_json::from_str(template).unwrap_or_default();
    template.pointer("/Resources/AccessLogBucket/DeletionPolicy").is_some_and(|p| p == "Retain")
}

/// Has the access-log bucket outlive the home stack.
fn keep_logs(
    steps: &mut Steps<'_>,
    stack: &StackSeen,
    how: &KeepLogs,
    place: (&Region, &StackName),
    after: BTreeSet<StepId>,
) -> Result<BTreeSet<StepId>, Blocked> {
    let (region, name) = place;
    if difference::of_templates(&stack.template, how.template.body()).is_empty() {
        return Ok(after);
    }
    match stack.status {
        StackStatus::Settled | StackStatus::Proposed | StackStatus::InProgress => {}
        // There is no log of a stack that never was.
        StackStatus::NeverMade => return Ok(after),
        StackStatus::Stuck => return Err(blocked(region, name, stuck(stack))),
        StackStatus::DeleteFailed => {
            let because = "its deletion has failed before, so it can't be updated any more to keep the access logs (`--keep-logs`)";
            return Err(blocked(region, name, BlockReason::TooLate(because.to_owned())));
        }
    }
    let kept = |(key, _): &(&String, &String)| how.parameters.contains(*key);
    let parameters = stack.parameters.iter().filter(kept);
    let spec = StackSpec {
        name: name.clone(),
        region: region.clone(),
        template: how.template.clone(),
        parameters: parameters.map(|(key, value)| (key.clone(), value.clone())).collect(),
        tags: stack.tags.clone(),
    };
    let action = Action::KeepAccessLogs { spec: Box::new(spec) };
    let because = "the log of who read the overrides is to stay";
    Ok(BTreeSet::from([steps.push("home-stack/keep-logs", action, because, after)]))
}

/// Where the ring's bucket is there and its stack is not, the stack is somewhere else.
fn bucket_without_stack(ring: &Ring, observed: &Observed, region: &Region) -> Result<(), Blocked> {
    match observed.overrides.get(&ring.names.bucket) {
        None | Some(Seen::Absent) => Ok(()),
        Some(Seen::Present(_) | Seen::Unknown(_)) => Err(Blocked {
            subject: format!("the bucket {}", ring.names.bucket),
            because: BlockReason::Elsewhere(format!(
                "it is there, but its stack is not in {region}: was `home_region` changed in the policy since it was applied?"
            )),
        }),
    }
}
