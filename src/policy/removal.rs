//! What should be where a policy goes.

use crate::{
    state::{Desired, KeepLogs, Leaving, TakeBack, Wish},
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

/// All of a policy should be gone. It needs no target that still exists.
pub fn removal(
    policy: &Policy,
    surroundings: Surroundings<'_>,
    additions: Additions,
    logs: AccessLogs,
) -> Desired {
    let identity = Identity::of(policy, surroundings);
    let take_back = (additions == Additions::TakenBack).then(|| TakeBack {
        template: templates::removal(),
        parameters: templates::removal_parameters(
            &identity.id,
            surroundings.account,
            &policy.iam.permissions_boundary,
        ),
    });
    let keep_logs = (logs == AccessLogs::Kept).then(|| KeepLogs {
        template: templates::home_keeping_logs(),
        parameters: templates::KEEPING_LOGS.map(str::to_owned).into(),
    });
    let notes_nothing =
        take_back.is_some() && policy.iam.permissions_boundary == PermissionsBoundary::Aws;
    let id = identity.id.clone();
    let wish = Wish::Gone(Leaving { take_back, keep_logs });
    let mut desired = desired(policy, surroundings, identity.wished(wish));
    if notes_nothing {
        desired.warnings.push(format!(
            "with `permissions_boundary: aws` nobody could see what roles had before, so their tags QSConfigId-{id} and the two policies stay; node tags are taken back. Until their stacks are gone, the policy's own roles have no boundary"
        ));
    }
    desired
}
