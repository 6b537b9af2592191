//! The `rings` key: parts of the organization that follow one after the other.

use std::collections::BTreeMap;

use crate::{
    ids::{OperatingSystem, Region, RingName},
    templates::Nodes,
};

use super::{
    approve, baselines,
    error::{self, Place, Problem},
    fields::{self, Fields},
    file::{Node, Value},
    patching,
    rules::{Approve, BaselineWish},
    schedule, targets,
    values::{At, OuRef, Patching, RingWish, Schedule},
};

const KEYS: [&str; 8] =
    ["name", "ous", "approve", "schedule", "patching", "nodes", "baselines", "regions"];

/// What a ring takes over where it says nothing itself.
pub(super) struct Defaults {
    pub(super) regions: Vec<At<Region>>,
    pub(super) nodes: Nodes,
    pub(super) schedule: Schedule,
    pub(super) patching: Patching,
    pub(super) baselines: BTreeMap<OperatingSystem, At<BaselineWish>>,
    pub(super) approve: Option<At<Approve>>,
}

/// Reads the rings; without the key there is one, `main`, that covers the OUs of `targets`.
pub(super) fn read(
    policy: &Fields<'_>,
    targeted: Option<(&[At<OuRef>], &Place)>,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Option<Vec<RingWish>> {
    let Some(node) = policy.get("rings", problems) else {
        // Where the key has no value, that has been said.
        let (ous, place) = targeted?;
        return Some(vec![defaults.ring(RingName::main(), place.clone(), ous.to_vec())]);
    };
    let items = fields::list(node, "rings", problems);
    if items.is_empty() && matches!(node.value, Value::List(_)) {
        problems.push(
            Problem::at(&node.place, "`rings` is empty, so the policy would cover nothing")
                .help("Name a ring at least, or leave the key out: then there is one ring, which covers `targets.ous`."),
        );
    }
    let before = error::errors(problems);
    let mut rings: Vec<RingWish> = Vec::new();
    for item in items {
        let Some(ring) = ring(item, defaults, problems) else { continue };
        if rings.iter().any(|other| other.name == ring.name) {
            problems.push(
                Problem::at(&ring.place, format!("two rings are called `{}`", ring.name))
                    .help("Names of stack sets and buckets are made of the ring's name, so each needs its own."),
            );
        }
        rings.push(ring);
    }
    one_name_each(&rings, problems);
    one_ring_each(&rings, problems);
    (error::errors(problems) == before && !rings.is_empty()).then_some(rings)
}

impl Defaults {
    fn ring(&self, name: RingName, place: Place, ous: Vec<At<OuRef>>) -> RingWish {
        RingWish {
            name,
            place,
            ous,
            regions: self.regions.clone(),
            nodes: self.nodes.clone(),
            schedule: self.schedule.clone(),
            patching: self.patching.clone(),
            baselines: self.baselines.clone(),
            approve: self.approve.clone(),
        }
    }
}

fn ring(node: &Node, defaults: &Defaults, problems: &mut Vec<Problem>) -> Option<RingWish> {
    let fields = fields::map(node, "rings", &KEYS, problems)?;
    let name: Option<At<RingName>> = fields
        .need("name", "name: staging", problems)
        .and_then(|node| fields::name(node, "rings.name", problems));
    let path =
        name.as_ref().map_or_else(|| "rings".to_owned(), |name| format!("rings.{}", name.value));
    let ous = fields
        .need("ous", "ous: [/Workloads/NonProd]", problems)
        .map(|node| targets::covered_ous(node, &format!("{path}.ous"), problems));
    let regions = match fields.get("regions", problems) {
        None => defaults.regions.clone(),
        Some(node) => targets::region_list(node, &format!("{path}.regions"), problems),
    };
    let nodes = match fields.get("nodes", problems) {
        None => Some(defaults.nodes.clone()),
        Some(node) => targets::nodes(node, &format!("{path}.nodes"), problems),
    };
    let schedule = match fields.get("schedule", problems) {
        None => Some(defaults.schedule.clone()),
        Some(node) => {
            schedule::read(node, &format!("{path}.schedule"), Some(&defaults.schedule), problems)
        }
    };
    let patching = match fields.get("patching", problems) {
        None => Some(defaults.patching.clone()),
        Some(node) => {
            patching::read(node, &format!("{path}.patching"), &defaults.patching, problems)
        }
    };
    let mut baselines = defaults.baselines.clone();
    if let Some(node) = fields.get("baselines", problems) {
        baselines.extend(baselines::read(node, &format!("{path}.baselines"), problems));
    }
    let approve = match fields.get("approve", problems) {
        None => defaults.approve.clone(),
        Some(node) => approve::read(node, &format!("{path}.approve"), problems),
    };
    let At { value: name, place } = name?;
    Some(RingWish {
        name,
        place,
        ous: ous?,
        regions,
        nodes: nodes?,
        schedule: schedule?,
        patching: patching?,
        baselines,
        approve,
    })
}

/// The names that AWS sees are made of the ring's and what follows it, so two of them may come out equal:
/// ring `a-pinned` and the stack set of ring `a` for single accounts.
fn one_name_each(rings: &[RingWish], problems: &mut Vec<Problem>) {
    for ring in rings {
        for suffix in ["pinned", "home"] {
            let taken = format!("{}-{suffix}", ring.name);
            if let Some(other) = rings.iter().find(|other| other.name.as_str() == taken) {
                problems.push(
                    Problem::at(
                        &other.place,
                        format!("a ring can't be called `{taken}` beside one called `{}`", ring.name),
                    )
                    .help(format!("`orgpatch-…-{taken}` is a name of parts of the ring `{}`. Choose another name.", ring.name)),
                );
            }
        }
    }
}

/// An OU that two rings name in the same words. Other words for the same OU are found once the organization
/// is known.
fn one_ring_each(rings: &[RingWish], problems: &mut Vec<Problem>) {
    for (number, ring) in rings.iter().enumerate() {
        for ou in &ring.ous {
            let earlier =
                rings[..number].iter().find(|other| other.ous.iter().any(|o| o.value == ou.value));
            if let Some(earlier) = earlier {
                problems.push(in_two_rings(ou, &earlier.name, &ring.name));
            }
        }
    }
}

/// The problem of an OU in two rings.
pub(super) fn in_two_rings(ou: &At<OuRef>, one: &RingName, other: &RingName) -> Problem {
    Problem::at(
        &ou.place,
        format!("`{}` is in the ring `{one}` and in the ring `{other}`", ou.value),
    )
    .help("An OU is in one ring. Of an OU and one below it, each may be in another ring: the lower one wins.")
}
