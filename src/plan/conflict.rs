//! Other patch policies that reach the same nodes.
//!
//! Each patch run replaces a node's compliance data, and two at a time make one of them exit, so two
//! policies on one node make both of them lie.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    ids::{AccountId, Region, StackSetName},
    plan::{BlockReason, Blocked, steps::Remarks},
    state::{ConflictCheck, Desired, Observed, Ownership, Ring, Seen, StackSetSeen},
};

/// Finds them. An error blocks; a warning is only said.
pub(super) fn conflicts(desired: &Desired, observed: &Observed, remarks: &mut Remarks) {
    if desired.conflict_check == ConflictCheck::Off {
        return;
    }
    let empty = BTreeMap::new();
    let sets = observed.stack_sets.present().unwrap_or(&empty);
    for ring in &desired.rings {
        let Some((wanted, nodes)) = wanted(ring) else { continue };
        for (name, set) in sets {
            let set = match set {
                Seen::Present(set) => set,
                Seen::Unknown(because) if !is_named(desired, name) => {
                    remarks.warnings.push(format!(
                        "the stack set {name} could not be read, so it is not known whether it patches the same nodes: {because}"
                    ));
                    continue;
                }
                Seen::Unknown(_) | Seen::Absent => continue,
            };
            if Ownership::of(&set.tags, &desired.policy) == Ownership::Ours {
                continue;
            }
            let Some(words) = overlap(&wanted, &nodes, set) else { continue };
            match desired.conflict_check {
                ConflictCheck::Error => remarks.blocked.push(Blocked {
                    subject: format!("the stack set {name}"),
                    because: BlockReason::Conflict(words),
                }),
                ConflictCheck::Warn => {
                    remarks.warnings.push(format!("the stack set {name}: {words}"));
                }
                ConflictCheck::Off => {}
            }
        }
    }
}

fn is_named(desired: &Desired, name: &StackSetName) -> bool {
    desired.rings.iter().any(|ring| ring.names.whole == *name || ring.names.pinned == *name)
}

/// Where a ring will be, and on which nodes.
fn wanted(ring: &Ring) -> Option<(BTreeSet<(&AccountId, &Region)>, Nodes)> {
    let sets = &ring.deployment()?.stack_sets;
    let nodes = Nodes::of(&sets.values().next()?.parameters);
    let places = sets
        .values()
        .flat_map(|set| {
            set.targets
                .values()
                .flat_map(|target| &target.accounts)
                .flat_map(|account| set.regions.iter().map(move |region| (account, region)))
        })
        .collect();
    Some((places, nodes))
}

/// What two policies share, in words; nothing where they can't meet on a node.
fn overlap(
    wanted: &BTreeSet<(&AccountId, &Region)>,
    nodes: &Nodes,
    set: &StackSetSeen,
) -> Option<String> {
    if nodes.is_disjoint(&Nodes::of(&set.parameters)) {
        return None;
    }
    let shared: Vec<&(AccountId, Region)> = set
        .instances
        .keys()
        .filter(|(account, region)| wanted.contains(&(account, region)))
        .collect();
    let (account, region) = shared.first()?;
    let accounts: BTreeSet<&AccountId> = shared.iter().map(|(account, _)| account).collect();
    Some(format!(
        "a conflict: it patches nodes in {} of the same accounts, for example in {account}, {region}",
        accounts.len()
    ))
}

/// Which nodes a stack set's parameters mean, as far as that proves anything.
enum Nodes {
    /// Any; nothing can be proved.
    Any,
    /// Those with all of these keys, with one of the values; any value where there is none.
    Tags(BTreeMap<String, BTreeSet<String>>),
    /// These.
    Ids(BTreeSet<String>),
}

impl Nodes {
    /// Reads orgpatch's parameters and those of Quick Setup's patch policy.
    fn of(parameters: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        let values: Value = serde_json::from_str(get("TargetValues")).unwrap_or_default();
        let texts = |value: &Value| -> BTreeSet<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        match get("TargetType") {
            "Tags" if values.is_array() => Self::Tags(
                values
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|tag| {
                        Some((tag["Key"].as_str()?.to_owned(), texts(&tag["Values"])))
                    })
                    .collect(),
            ),
            "Tags" if !get("TargetTagValue").is_empty() => Self::Tags(BTreeMap::from([(
                get("TargetTagKey").to_owned(),
                BTreeSet::from([get("TargetTagValue").to_owned()]),
            )])),
            "InstanceIds" if values.is_array() => Self::Ids(texts(&values)),
            _ => Self::Any,
        }
    }

    /// Whether no node can be meant by both.
    fn is_disjoint(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tags(a), Self::Tags(b)) => a.iter().any(|(key, mine)| {
                b.get(key).is_some_and(|theirs| {
                    !mine.is_empty() && !theirs.is_empty() && mine.is_disjoint(theirs)
                })
            }),
            (Self::Ids(a), Self::Ids(b)) => a.is_disjoint(b),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(kind: &str, values: &str) -> Nodes {
        Nodes::of(&BTreeMap::from([
            ("TargetType".to_owned(), kind.to_owned()),
            ("TargetValues".to_owned(), values.to_owned()),
        ]))
    }

    #[test]
    fn only_what_proves_it_counts_as_other_nodes() {
        let blue = nodes("Tags", r#"[{"Key":"Ring","Values":["blue"]}]"#);
        let green =
            nodes("Tags", r#"[{"Key":"Ring","Values":["green"]},{"Key":"Tier","Values":[]}]"#);
        let ringed = nodes("Tags", r#"[{"Key":"Ring","Values":[]}]"#);
        let other_key = nodes("Tags", r#"[{"Key":"Team","Values":["a"]}]"#);
        let all = nodes("*", "[]");

        assert!(blue.is_disjoint(&green));
        assert!(!blue.is_disjoint(&blue));
        assert!(!blue.is_disjoint(&ringed));
        assert!(!blue.is_disjoint(&other_key));
        assert!(!blue.is_disjoint(&all));
        assert!(
            nodes("InstanceIds", r#"["i-1"]"#).is_disjoint(&nodes("InstanceIds", r#"["i-2"]"#))
        );
    }
}
