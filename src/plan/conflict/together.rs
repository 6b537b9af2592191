//! Policies that are given together.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::PolicyName,
    plan::conflict::{
        BOTH_UPLOAD, Conflict, Findings, INSTALLS, Maker, Places, Unread, With, places::Wanted,
        stack_sets::deployed,
    },
    state::{ConflictCheck, Desired, Observed, Ring, Seen},
};

/// What the policies meet: stack sets that are deployed, and each other. Each is told once, and so is what
/// could not be read.
pub fn conflicts_of(policies: &[(&Desired, &Observed)]) -> Findings {
    let mut findings = Findings::default();
    // Where one of the policies was found to meet another, so that the other does not tell it again.
    let mut told: BTreeMap<(&PolicyName, &PolicyName), Places> = BTreeMap::new();
    for (desired, observed) in policies {
        findings.unread.extend(unlisted(desired, observed));
        let Findings { conflicts, unread } = deployed(desired, observed);
        findings.unread.extend(unread);
        for mut conflict in conflicts {
            if let Some(other) = policy_of(&conflict, policies) {
                if let Some(by_other) = told.get(&(other, &desired.policy)) {
                    conflict.places.leave_out(by_other);
                }
                told.entry((&desired.policy, other)).or_default().join(&conflict.places);
            }
            if !conflict.places.is_empty() {
                findings.conflicts.push(conflict);
            }
        }
    }
    findings.conflicts.extend(between(policies));
    let mut seen: Vec<Unread> = Vec::new();
    findings.unread.retain(|unread| {
        let is_new = !seen.contains(unread);
        seen.push(unread.clone());
        is_new
    });
    findings
}

/// Where there is no list of stack sets, nothing is known of any.
fn unlisted(desired: &Desired, observed: &Observed) -> Option<Unread> {
    match &observed.stack_sets {
        Seen::Unknown(because) if desired.conflict_check != ConflictCheck::Off => Some(Unread {
            subject: format!("the list of stack sets in {}", desired.owner.home_region),
            because: because.clone(),
        }),
        _ => None,
    }
}

/// Which of the policies that were given has made the stack set of a conflict, if one has.
fn policy_of<'a>(
    conflict: &Conflict,
    policies: &[(&'a Desired, &Observed)],
) -> Option<&'a PolicyName> {
    let With::StackSet { maker: Maker::Policy(name), .. } = &conflict.with else { return None };
    policies.iter().map(|(desired, _)| &desired.policy).find(|policy| policy.as_str() == name)
}

/// Where policies that are given together meet each other, but for what the check of either finds in stack
/// sets that are deployed.
pub fn between(policies: &[(&Desired, &Observed)]) -> Vec<Conflict> {
    let mut found = Vec::new();
    for (number, (first, seen_by_first)) in policies.iter().enumerate() {
        for (second, seen_by_second) in &policies[number + 1..] {
            let Some(mut conflict) = meeting(first, second) else { continue };
            for (desired, observed, other) in
                [(first, seen_by_first, second), (second, seen_by_second, first)]
            {
                let known = deployed(desired, observed).conflicts;
                for known in known.iter().filter(|known| is_with(known, &other.policy)) {
                    conflict.places.leave_out(&known.places);
                }
            }
            if !conflict.places.is_empty() {
                found.push(conflict);
            }
        }
    }
    found
}

fn is_with(conflict: &Conflict, policy: &PolicyName) -> bool {
    matches!(
        &conflict.with,
        With::StackSet { maker: Maker::Policy(name), .. } if name == policy.as_str()
    )
}

/// Where two policies will be on nodes that may be the same ones.
fn meeting(first: &Desired, second: &Desired) -> Option<Conflict> {
    let check = stricter(first.conflict_check, second.conflict_check);
    if check == ConflictCheck::Off || first.policy == second.policy {
        return None;
    }
    let mut places = Places::default();
    let mut rings = BTreeSet::new();
    let others = Wanted::all(second);
    for wanted in Wanted::all(first) {
        for other in others.iter().filter(|other| !wanted.nodes.is_disjoint(&other.nodes)) {
            let shared = wanted.places().filter(|(account, region)| other.covers(account, region));
            for (account, region) in shared {
                places.add(&wanted.ring.name, account, region);
                if !rings.contains(&other.ring.name) {
                    rings.insert(other.ring.name.clone());
                }
            }
        }
    }
    let installs = [first, second].iter().any(|policy| {
        let deployments = policy.rings.iter().filter_map(Ring::deployment);
        deployments.flat_map(|deployment| &deployment.schedule).any(|line| line.what == "install")
    });
    Some(Conflict {
        policy: first.policy.clone(),
        check,
        places,
        with: With::Policy { name: second.policy.clone(), rings },
        effect: if installs {
            format!("{BOTH_UPLOAD}; whichever installs, {INSTALLS}")
        } else {
            BOTH_UPLOAD.to_owned()
        },
        help: "Exclude the OUs or accounts from one of the two policies, or target nodes by tags that exclude each other; `checks.conflicts: warn` in both lets them be.".to_owned(),
    })
}

fn stricter(one: ConflictCheck, other: ConflictCheck) -> ConflictCheck {
    match (one, other) {
        (ConflictCheck::Error, _) | (_, ConflictCheck::Error) => ConflictCheck::Error,
        (ConflictCheck::Warn, _) | (_, ConflictCheck::Warn) => ConflictCheck::Warn,
        (ConflictCheck::Off, ConflictCheck::Off) => ConflictCheck::Off,
    }
}
