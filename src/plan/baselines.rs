//! Patch baselines that orgpatch makes from a policy's rules, one for each operating system of a ring.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice::from_ref,
};

use crate::{
    ids::{BaselineName, OperatingSystem, RingName},
    plan::{
        Action, BlockReason, Blocked, Difference, Step, StepId, baseline_difference::of_baselines,
        difference, steps::Steps,
    },
    state::{
        Baseline, BaselineMade, BaselineMaking, BaselineSeen, BaselineSource, BaselineSpec,
        BaselineWanted, Deployment, Desired, MadeFrom, Observed, Ownership, Ring, Seen, ring_of,
    },
};

/// Baselines of its own that an account may have in a Region (Systems Manager quotas; adjustable).
const MOST: usize = 50;

/// What the rules of an operating system are, once AWS has been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Those of a baseline that exists.
    Taken(BaselineSeen),
    /// Those of a baseline that orgpatch makes.
    Made(BaselineSpec),
}

impl Resolved {
    /// What the hourly sync looks the baseline up by: its ID or ARN, or its name where orgpatch makes it.
    pub(super) fn reference(&self) -> &str {
        match self {
            Self::Taken(seen) => seen.id.as_str(),
            Self::Made(spec) => spec.name.as_str(),
        }
    }

    /// What it says.
    pub(super) fn content(&self) -> &Baseline {
        match self {
            Self::Taken(seen) => &seen.content,
            Self::Made(spec) => &spec.content,
        }
    }
}

/// The rules of every operating system, and those for which AWS has no default.
pub(super) struct ResolvedAll {
    pub(super) rules: BTreeMap<OperatingSystem, Resolved>,
    pub(super) without: Vec<OperatingSystem>,
}

/// Finds the rules of every operating system.
///
/// # Errors
///
/// The baselines that could not be read, or that the policy names and that do not exist.
pub(super) fn resolve(
    deployment: &Deployment,
    observed: &Observed,
) -> Result<ResolvedAll, Vec<Blocked>> {
    let mut rules = BTreeMap::new();
    let mut without = Vec::new();
    let mut blocked = Vec::new();
    for (system, wanted) in &deployment.baselines {
        let Some(source) = wanted.source() else {
            if let BaselineWanted::Made(making) = wanted
                && let MadeFrom::Rules(content) = &making.content
            {
                rules.insert(*system, Resolved::Made(spec(making, content.clone())));
            }
            continue;
        };
        let named = match &source {
            BaselineSource::Aws => format!("AWS's default baseline for {system}"),
            BaselineSource::Existing(id) => format!("the baseline {id} for {system}"),
            BaselineSource::Named(name) => format!("the baseline {name} for {system}"),
        };
        let because = match (observed.baselines.get(&(*system, source.clone())), &source) {
            (Some(Seen::Present(seen)), _) if seen.content.operating_system == *system => {
                rules.insert(*system, from(wanted, seen));
                continue;
            }
            (Some(Seen::Present(seen)), _) => BlockReason::Missing(format!(
                "it is a baseline for {}",
                seen.content.operating_system
            )),
            // Not every partition and Region has one for every operating system.
            (Some(Seen::Absent), BaselineSource::Aws) => {
                without.push(*system);
                continue;
            }
            (Some(Seen::Absent), BaselineSource::Existing(_) | BaselineSource::Named(_)) => {
                BlockReason::Missing("it does not exist in the home Region".to_owned())
            }
            (Some(Seen::Unknown(because)), _) => BlockReason::Unknown(because.clone()),
            (None, _) => BlockReason::Unknown("nobody looked for it".to_owned()),
        };
        blocked.push(Blocked { subject: named, because });
    }
    if rules.is_empty() && blocked.is_empty() {
        blocked.push(Blocked {
            subject: "AWS's default baselines".to_owned(),
            because: BlockReason::Missing("there are none in the home Region".to_owned()),
        });
    }
    if blocked.is_empty() { Ok(ResolvedAll { rules, without }) } else { Err(blocked) }
}

fn from(wanted: &BaselineWanted, seen: &BaselineSeen) -> Resolved {
    match wanted {
        BaselineWanted::Made(making) => match &making.content {
            MadeFrom::AwsDefault { approval, rejected } => {
                let content = seen.content.with(approval, rejected);
                // What is AWS's default all the same need not be made.
                if content.says_the_same(&seen.content) {
                    Resolved::Taken(seen.clone())
                } else {
                    Resolved::Made(spec(making, content))
                }
            }
            MadeFrom::Rules(content) => Resolved::Made(spec(making, content.clone())),
        },
        BaselineWanted::Taken(_) => Resolved::Taken(seen.clone()),
    }
}

fn spec(making: &BaselineMaking, content: Baseline) -> BaselineSpec {
    let BaselineMaking { name, description, tags, content: _ } = making.clone();
    BaselineSpec { name, description, tags, content }
}

/// What became of a ring's own baselines.
pub(super) struct BaselinePlan {
    /// The steps after which all are as they should be.
    pub(super) ready: BTreeSet<StepId>,
    /// Those that the ring has no use for any more, which go once nothing reads them.
    pub(super) unused: Vec<BaselineMade>,
}

/// Plans the baselines that a ring makes.
pub(super) fn plan_baselines(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &Ring,
    rules: &BTreeMap<OperatingSystem, Resolved>,
    observed: &Observed,
    warnings: &mut Vec<String>,
) -> Result<BaselinePlan, Vec<Blocked>> {
    let wanted: BTreeMap<&BaselineName, &BaselineSpec> = rules
        .values()
        .filter_map(|resolved| match resolved {
            Resolved::Made(spec) => Some((&spec.name, spec)),
            Resolved::Taken(_) => None,
        })
        .collect();
    let own = match &observed.own_baselines {
        Seen::Present(own) => own,
        Seen::Absent | Seen::Unknown(_) if wanted.is_empty() => {
            let why = match &observed.own_baselines {
                Seen::Unknown(because) => because.as_str(),
                Seen::Absent | Seen::Present(_) => "nobody looked",
            };
            warnings.push(format!(
                "whether baselines are left that the ring {} made before is not known: {why}",
                ring.name
            ));
            return Ok(BaselinePlan { ready: BTreeSet::new(), unused: Vec::new() });
        }
        Seen::Absent => return Err(vec![unread("nobody looked for them")]),
        Seen::Unknown(because) => return Err(vec![unread(because)]),
    };
    let mut ready = BTreeSet::new();
    let mut blocked = Vec::new();
    for (name, spec) in wanted.iter().map(|(name, spec)| (*name, *spec)) {
        let there: Vec<&BaselineMade> = own.named.iter().filter(|b| b.name == *name).collect();
        match there.as_slice() {
            [] => {
                let empty = Baseline::empty(spec.content.operating_system);
                let action = Action::CreateBaseline {
                    spec: Box::new(spec.clone()),
                    changes: of_baselines(&[empty], from_ref(&spec.content)),
                };
                let id = format!("baseline/{name}/create");
                ready.insert(steps.push(&id, action, "it does not exist", BTreeSet::new()));
            }
            [one] => match update(steps, desired, &ring.name, one, spec) {
                Ok(step) => ready.extend(step),
                Err(because) => blocked.push(of(name, because)),
            },
            several => blocked.push(of(
                name,
                BlockReason::Ambiguous(format!(
                    "{} baselines have this name: {}",
                    several.len(),
                    several.iter().map(|b| b.id.as_str()).collect::<Vec<_>>().join(", ")
                )),
            )),
        }
    }
    if !blocked.is_empty() {
        return Err(blocked);
    }
    let unused = of_ring(desired, &ring.name, observed)
        .into_iter()
        .filter(|made| !wanted.contains_key(&made.name))
        .collect();
    Ok(BaselinePlan { ready, unused })
}

/// Says where all rings together make more than an account may have.
pub(super) fn quota(
    desired: &Desired,
    observed: &Observed,
    steps: &[Step],
    warnings: &mut Vec<String>,
) {
    let Some(own) = observed.own_baselines.present() else { return };
    let made = steps.iter().filter(|s| matches!(s.action, Action::CreateBaseline { .. })).count();
    if made > 0 && own.count + made > MOST {
        warnings.push(format!(
            "the account has {} patch baselines of its own in {}, and the policy makes {made} more; Systems Manager takes {MOST} unless the quota was raised, and the ring that comes past it fails. Fewer are made where fewer rings have `approve` or `exceptions`",
            own.count, desired.owner.home_region
        ));
    }
}

/// Updates a baseline that is there, where it differs.
fn update(
    steps: &mut Steps<'_>,
    desired: &Desired,
    ring: &RingName,
    have: &BaselineMade,
    spec: &BaselineSpec,
) -> Result<Option<StepId>, BlockReason> {
    let ownership = Ownership::of(&have.tags, &desired.policy);
    if ownership != Ownership::Ours {
        return Err(BlockReason::NotOurs(ownership.to_string()));
    }
    if ring_of(&have.tags, &desired.policy).as_ref() != Some(ring) {
        let because = "its tags say that it belongs to another ring of the policy".to_owned();
        return Err(BlockReason::NotOurs(because));
    }
    if have.content.operating_system != spec.content.operating_system {
        let of = have.content.operating_system;
        return Err(BlockReason::NotOurs(format!("it is a baseline for {of}")));
    }
    let mut changes = Vec::new();
    if !have.content.says_the_same(&spec.content) {
        changes.extend(of_baselines(from_ref(&have.content), from_ref(&spec.content)));
    }
    if have.description != spec.description {
        changes.push(Difference {
            what: "description".to_owned(),
            before: Some(have.description.clone()),
            after: Some(spec.description.clone()),
        });
    }
    changes.extend(difference::of_maps("tag", &have.tags, &spec.tags));
    if changes.is_empty() {
        return Ok(None);
    }
    let is_aws = |key: &&String| key.starts_with("aws:");
    let action = Action::UpdateBaseline {
        id: have.id.clone(),
        spec: Box::new(spec.clone()),
        untag: have
            .tags
            .keys()
            .filter(|key| !spec.tags.contains_key(*key) && !is_aws(key))
            .cloned()
            .collect(),
        changes,
    };
    let id = format!("baseline/{}/update", have.name);
    Ok(Some(steps.push(&id, action, "it differs from the policy", BTreeSet::new())))
}

/// Plans to delete baselines that nothing reads any more once these steps are done.
pub(super) fn delete_baselines(
    steps: &mut Steps<'_>,
    unused: &[BaselineMade],
    because: &str,
    after: &BTreeSet<StepId>,
) {
    for made in unused {
        let action = Action::DeleteBaseline { id: made.id.clone(), name: made.name.clone() };
        let id = format!("baseline/{}/{}/delete", made.name, made.id);
        steps.push(&id, action, because, after.clone());
    }
}

/// The baselines that a ring that goes has made.
///
/// # Errors
///
/// Where they could not be read: what is not known must not be taken for nothing.
pub(super) fn of_ring_that_goes(
    desired: &Desired,
    ring: &RingName,
    observed: &Observed,
) -> Result<Vec<BaselineMade>, Blocked> {
    match &observed.own_baselines {
        Seen::Unknown(because) => Err(unread(because)),
        Seen::Present(_) | Seen::Absent => Ok(of_ring(desired, ring, observed)),
    }
}

/// The baselines that a ring has made.
fn of_ring(desired: &Desired, ring: &RingName, observed: &Observed) -> Vec<BaselineMade> {
    let own = observed.own_baselines.present().into_iter().flat_map(|own| &own.named);
    own.filter(|made| ring_of(&made.tags, &desired.policy).as_ref() == Some(ring))
        .cloned()
        .collect()
}

fn of(name: &BaselineName, because: BlockReason) -> Blocked {
    Blocked { subject: format!("the baseline {name}"), because }
}

fn unread(because: &str) -> Blocked {
    Blocked {
        subject: "the account's own baselines".to_owned(),
        because: BlockReason::Unknown(because.to_owned()),
    }
}
