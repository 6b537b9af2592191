//! Stack sets that patch the same nodes: of other policies of orgpatch's, and of Quick Setup's.

use crate::{
    ids::{PolicyName, StackSetName},
    plan::conflict::{
        BOTH_UPLOAD, Conflict, Findings, INSTALLS, Maker, Places, Unread, With, nodes::Nodes,
        places::Wanted,
    },
    state::{
        ConflictCheck, Desired, HOST_MANAGEMENT_SETS, Observed, Ownership, PATCH_POLICY_SETS, Seen,
        StackSetSeen,
    },
};

/// Finds them, each once, however many accounts it meets the policy in.
pub(super) fn deployed(desired: &Desired, observed: &Observed) -> Findings {
    let mut findings = Findings::default();
    if desired.conflict_check == ConflictCheck::Off {
        return findings;
    }
    let mut wanted: Option<Vec<Wanted<'_>>> = None;
    for (name, set) in observed.stack_sets.present().into_iter().flatten() {
        let set = match set {
            Seen::Present(set) => set,
            Seen::Unknown(because) if !is_named(desired, name) => {
                let (subject, because) = (format!("the stack set {name}"), because.clone());
                findings.unread.push(Unread { subject, because });
                continue;
            }
            Seen::Unknown(_) | Seen::Absent => continue,
        };
        let Some(other) = Other::of(name, set, &desired.policy) else { continue };
        // Where there is nothing else, nobody needs to know where the rings will be.
        let wanted = wanted.get_or_insert_with(|| Wanted::all(desired));
        let places = shared(wanted, &other, set);
        if !places.is_empty() {
            findings.conflicts.push(Conflict {
                policy: desired.policy.clone(),
                check: desired.conflict_check,
                places,
                help: help(&other, desired, observed),
                with: With::StackSet { name: name.clone(), maker: other.maker },
                effect: other.effect,
            });
        }
    }
    findings
}

/// What to do. A policy of which nothing is there yet may be another one that was renamed.
fn help(other: &Other, desired: &Desired, observed: &Observed) -> String {
    let sets = observed.stack_sets.present().into_iter().flatten();
    let is_there = sets
        .filter_map(|(_, set)| set.present())
        .any(|set| Ownership::of(&set.tags, &desired.policy) == Ownership::Ours);
    match &other.maker {
        Maker::Policy(name) if !is_there => format!(
            "If `{}` is `{name}` renamed: put the old name back, or destroy `{name}` with its old file first. The names of all parts are made of the policy's, so nothing of it is found under another one. If they are two policies: {}",
            desired.policy, other.help
        ),
        _ => other.help.to_owned(),
    }
}

fn is_named(desired: &Desired, name: &StackSetName) -> bool {
    desired.rings.iter().any(|ring| ring.names.whole == *name || ring.names.pinned == *name)
}

/// Where a stack set is that may patch nodes of the rings.
fn shared(wanted: &[Wanted<'_>], other: &Other, set: &StackSetSeen) -> Places {
    let mut places = Places::default();
    let meeting: Vec<&Wanted<'_>> =
        wanted.iter().filter(|wanted| !wanted.nodes.is_disjoint(&other.nodes)).collect();
    for (account, region) in set.instances.keys() {
        if let Some(wanted) = meeting.iter().find(|wanted| wanted.covers(account, region)) {
            places.add(&wanted.ring.name, account, region);
        }
    }
    places
}

/// A stack set that is not the policy's, and patches.
struct Other {
    maker: Maker,
    nodes: Nodes,
    effect: String,
    help: &'static str,
}

impl Other {
    /// Reads what a stack set says of itself; none where it is the policy's own, or patches nothing.
    fn of(name: &StackSetName, set: &StackSetSeen, policy: &PolicyName) -> Option<Self> {
        const APART: &str = "Exclude the OUs or accounts from one of the two policies, target nodes by tags that exclude each other, or set `checks.conflicts` to `warn`.";
        let get = |parameter: &str| set.parameters.get(parameter).map(String::as_str);
        let patches = |maker, operation: &str| Self {
            maker,
            nodes: Nodes::of(&set.parameters),
            effect: match get(operation) {
                Some("ScanAndInstall") => format!("{BOTH_UPLOAD}; {INSTALLS}"),
                _ => BOTH_UPLOAD.to_owned(),
            },
            help: APART,
        };
        match Ownership::of(&set.tags, policy) {
            Ownership::Ours => None,
            Ownership::Policy(other) => Some(patches(Maker::Policy(other), "Operation")),
            Ownership::Foreign if name.as_str().starts_with(PATCH_POLICY_SETS) => {
                // The management account's part has the override file and no run.
                let runs = !name.as_str()[PATCH_POLICY_SETS.len()..].starts_with("MA-");
                runs.then(|| patches(Maker::QuickSetup, "ConfigurationOptionsPatchOperation"))
            }
            Ownership::Foreign if name.as_str().starts_with(HOST_MANAGEMENT_SETS) => {
                Self::host_management(set)
            }
            Ownership::Foreign => Some(patches(Maker::Unknown, "Operation")),
        }
    }

    /// Host management (`AWSQuickSetupType-SSMHostMgmt-CFN-TA`): `ScanInstances` is true unless it is said
    /// otherwise, and in an organization every node is meant, whatever the parameters for targets say.
    fn host_management(set: &StackSetSeen) -> Option<Self> {
        let get = |parameter: &str| set.parameters.get(parameter).map(String::as_str);
        let said = match get("ScanInstances") {
            Some("false") => return None,
            Some(_) => "",
            None => " (it does not say whether it scans, and by default it does)",
        };
        let is_local = get("QSType") == Some("LA");
        Some(Self {
            maker: Maker::HostManagement,
            nodes: if is_local { Nodes::of(&set.parameters) } else { Nodes::Any },
            effect: format!(
                "it scans nodes every day by the baselines of their own account{said}: what compliance shows mixes the two, and of two runs at once on a node one exits with the lock"
            ),
            help: "Turn off “Scan instances for missing patches daily” in the host management configuration, exclude its accounts from the policy, or set `checks.conflicts` to `warn`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::{InstanceSeen, InstanceStatus, POLICY_TAG, Switch};

    fn set(parameters: &[(&str, &str)], tags: &[(&str, &str)]) -> StackSetSeen {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let instance = InstanceSeen {
            ou: None,
            status: InstanceStatus::Current,
            reason: None,
            has_stack: true,
        };
        StackSetSeen {
            template: String::new(),
            parameters: map(parameters),
            tags: map(tags),
            auto_deployment: Switch::On,
            managed_execution: Switch::On,
            targets: BTreeMap::new(),
            instances: [(
                ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap()),
                instance,
            )]
            .into(),
            running: Vec::new(),
        }
    }

    fn other(name: &str, set: &StackSetSeen) -> Option<Other> {
        Other::of(&name.parse().unwrap(), set, &"weekly".parse().unwrap())
    }

    fn maker(name: &str, set: &StackSetSeen) -> Option<Maker> {
        other(name, set).map(|other| other.maker)
    }

    #[test]
    fn a_stack_set_is_known_by_its_tag_and_its_name() {
        let (ours, theirs) = ([(POLICY_TAG, "weekly")], [(POLICY_TAG, "other")]);

        assert_eq!(maker("orgpatch-weekly-main", &set(&[], &ours)), None);
        assert_eq!(
            maker("orgpatch-other-main", &set(&[], &theirs)),
            Some(Maker::Policy("other".to_owned()))
        );
        assert_eq!(maker("orgpatch-x", &set(&[], &[])), Some(Maker::Unknown));
        let quick_setup = maker("AWS-QuickSetup-PatchPolicy-TA-q4bkg", &set(&[], &[]));
        assert_eq!(quick_setup, Some(Maker::QuickSetup));
        let without_runs = maker("AWS-QuickSetup-PatchPolicy-MA-q4bkg", &set(&[], &[]));
        assert_eq!(without_runs, None);
    }

    #[test]
    fn host_management_counts_unless_it_says_that_it_does_not_scan() {
        const NAME: &str = "AWS-QuickSetup-SSMHostMgmt-TA-q4bkg";
        let of = |parameters: &[(&str, &str)]| other(NAME, &set(parameters, &[]));

        assert!(of(&[("ScanInstances", "false")]).is_none());
        let scans = of(&[("ScanInstances", "true")]).unwrap();
        assert_eq!(scans.maker, Maker::HostManagement);
        assert!(!scans.effect.contains("by default"), "{}", scans.effect);
        assert!(of(&[]).unwrap().effect.contains("by default"));
    }

    #[test]
    fn in_an_organization_host_management_means_every_node() {
        let of = |kind: &str| {
            let parameters = [
                ("QSType", kind),
                ("TargetType", "Tags"),
                ("TargetTagKey", "Ring"),
                ("TargetTagValue", "blue"),
            ];
            other("AWS-QuickSetup-SSMHostMgmt-TA-q4bkg", &set(&parameters, &[])).unwrap().nodes
        };

        assert_eq!(of("TA"), Nodes::Any);
        assert_eq!(of("LA"), Nodes::tagged("Ring", "blue"));
    }

    #[test]
    fn what_installs_says_by_whose_rules() {
        let effect = |operation: &str| {
            let parameters = [("ConfigurationOptionsPatchOperation", operation)];
            other("AWS-QuickSetup-PatchPolicy-TA-q4bkg", &set(&parameters, &[])).unwrap().effect
        };

        assert!(effect("ScanAndInstall").contains("its own rules"));
        assert!(!effect("Scan").contains("its own rules"));
    }
}
