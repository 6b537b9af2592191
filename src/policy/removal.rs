//! What should be where a policy goes.

use crate::{
    ids::{RingId, RingName},
    state::{Desired, KeepLogs, Leaving, Ring, TakeBack, Wish},
    templates::{self, PermissionsBoundary},
};

use super::{
    identity::{Identity, Surroundings, desired},
    values::Policy,
};

/// What becomes of what was added outside of a ring's stacks: node tags, role tags, attached policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Additions {
    /// It is taken back before the stacks go.
    TakenBack,
    /// It stays where it is.
    Left,
}

/// What becomes of the log of who read the overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogs {
    /// It is deleted with its bucket.
    Deleted,
    /// Its bucket outlives the stack.
    Kept,
}

/// All of a policy should be gone: its rings, and others that were found of it. It needs no target that still
/// exists.
pub fn removal(
    policy: &Policy,
    surroundings: Surroundings<'_>,
    additions: Additions,
    logs: AccessLogs,
) -> Desired {
    let others = surroundings.rings.iter().filter(|ring| policy.ring(ring).is_none());
    let rings = policy.rings.iter().map(|ring| &ring.name).chain(others);
    // In the order in which they are rolled out, the last one goes first.
    let mut rings: Vec<Ring> = rings
        .map(|ring| {
            let because = "all of the policy is taken away".to_owned();
            let leaving = leaving(policy, ring, surroundings, (additions, logs), because);
            Identity::of(policy, ring, surroundings).wished(Wish::Gone(leaving))
        })
        .collect();
    rings.reverse();
    let mut desired = desired(policy, surroundings, rings);
    if additions == Additions::TakenBack {
        desired.warnings.extend(notes_nothing(policy, &desired.rings));
    }
    desired
}

/// A ring that should be gone while the policy stays.
pub(super) fn gone(
    policy: &Policy,
    ring: &RingName,
    surroundings: Surroundings<'_>,
    because: String,
) -> Ring {
    let how = (Additions::TakenBack, AccessLogs::Deleted);
    let leaving = leaving(policy, ring, surroundings, how, because);
    Identity::of(policy, ring, surroundings).wished(Wish::Gone(leaving))
}

fn leaving(
    policy: &Policy,
    ring: &RingName,
    surroundings: Surroundings<'_>,
    (additions, logs): (Additions, AccessLogs),
    because: String,
) -> Leaving {
    let id = RingId::derive(surroundings.organization.id(), &policy.name, ring);
    let take_back = (additions == Additions::TakenBack).then(|| TakeBack {
        template: templates::removal(),
        parameters: templates::removal_parameters(
            &id,
            surroundings.account,
            &policy.iam.permissions_boundary,
        ),
    });
    let keep_logs = (logs == AccessLogs::Kept).then(|| KeepLogs {
        template: templates::home_keeping_logs(),
        parameters: templates::KEEPING_LOGS.map(str::to_owned).into(),
    });
    Leaving { because, take_back, keep_logs }
}

/// What a boundary keeps from being taken back.
pub(super) fn notes_nothing(policy: &Policy, rings: &[Ring]) -> Option<String> {
    let going: Vec<String> = rings
        .iter()
        .filter(|ring| ring.deployment().is_none())
        .map(|ring| format!("QSConfigId-{}", ring.id))
        .collect();
    let is_blind = policy.iam.permissions_boundary == PermissionsBoundary::Aws;
    (is_blind && !going.is_empty()).then(|| {
        format!(
            "with `permissions_boundary: aws` nobody could see what roles had before, so their tags {} and the two policies stay; node tags are taken back. Until their stacks are gone, the policy's own roles have no boundary",
            going.join(", ")
        )
    })
}
