//! Other patching that reaches the same nodes.
//!
//! Each patch run replaces a node's compliance data, and two at a time make one of them exit, so two
//! policies on one node make both of them lie.

mod deep;
mod nodes;
mod places;
mod stack_sets;
mod times;
mod together;

use std::{collections::BTreeSet, fmt};

pub use deep::{Deep, deep_conflicts, deep_places};
pub use places::Places;
pub use together::{between, conflicts_of};

use crate::{
    ids::{PolicyName, RingName, StackSetName},
    plan::{BlockReason, Blocked, steps::Remarks},
    state::{ConflictCheck, Desired, Observed, PatchOperation},
};

/// Something that patches nodes of a policy, or patches beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Whose nodes they are.
    pub policy: PolicyName,
    /// What is made of it: what `checks.conflicts` says, and no more than a warning where nothing
    /// else runs on the same nodes.
    pub check: ConflictCheck,
    /// Where the two meet.
    pub places: Places,
    /// With what.
    pub with: With,
    /// What comes of it: who overwrites whom.
    pub effect: String,
    /// What to do.
    pub help: String,
}

impl Conflict {
    /// The conflict without what it is with, as a plan tells it.
    fn words(&self) -> String {
        let rings = places::named_rings(&self.places.rings());
        format!("a conflict: it patches nodes of {rings} in {}; {}", self.places, self.effect)
    }
}

/// What patches beside a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum With {
    /// Another policy that was given together with it.
    Policy {
        /// Its name.
        name: PolicyName,
        /// Its rings that meet.
        rings: BTreeSet<RingName>,
    },
    /// A stack set.
    StackSet {
        /// Its name.
        name: StackSetName,
        /// Who made it.
        maker: Maker,
    },
    /// An association.
    Association {
        /// Its name, or its ID where it has none.
        name: String,
        /// What it runs.
        document: String,
        /// What that does.
        operation: PatchOperation,
        /// When, in UTC; none where it runs only when it is made or changed.
        schedule: Option<String>,
    },
    /// A task of a maintenance window.
    WindowTask {
        /// The window's name.
        window: String,
        /// The task's name, or its ID where it has none.
        task: String,
        /// What it runs.
        document: String,
        /// What that does.
        operation: PatchOperation,
        /// When the window opens, with its time zone.
        schedule: String,
    },
    /// A patch group.
    PatchGroup {
        /// The value of the tag.
        name: String,
    },
}

/// Who made a stack set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// Another policy of orgpatch's.
    Policy(String),
    /// A patch policy of Quick Setup's.
    QuickSetup,
    /// Quick Setup's host management, which scans daily.
    HostManagement,
    /// Nobody that orgpatch knows, though it has a name such as orgpatch gives.
    Unknown,
}

impl fmt::Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { name, .. } => write!(f, "the policy {name}"),
            Self::StackSet { name, .. } => write!(f, "the stack set {name}"),
            Self::Association { name, .. } => write!(f, "the association {name}"),
            Self::WindowTask { window, task, .. } => {
                write!(f, "the task {task} of the maintenance window {window}")
            }
            Self::PatchGroup { name } => write!(f, "the patch group {name}"),
        }
    }
}

impl With {
    /// More about it, where there is more to say.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Policy { rings, .. } => Some(places::named_rings(&rings.iter().collect())),
            Self::StackSet { maker, .. } => match maker {
                Maker::Policy(name) => Some(format!("of the policy {name}")),
                Maker::QuickSetup => Some("a patch policy of Quick Setup's".to_owned()),
                Maker::HostManagement => Some("Quick Setup's host management".to_owned()),
                Maker::Unknown => None,
            },
            Self::Association { document, operation, schedule, .. } => {
                let when = schedule.as_deref().unwrap_or("when it is made or changed");
                Some(format!("{document}, {operation}, {when}"))
            }
            Self::WindowTask { document, operation, schedule, .. } => {
                Some(format!("{document}, {operation}, {schedule}"))
            }
            Self::PatchGroup { .. } => None,
        }
    }
}

/// What was found, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What patches beside the policies.
    pub conflicts: Vec<Conflict>,
    /// What nothing is known of. It is never the same as no conflict.
    pub unread: Vec<Unread>,
}

impl Findings {
    /// Adds what was found elsewhere.
    pub fn extend(&mut self, more: Self) {
        self.conflicts.extend(more.conflicts);
        self.unread.extend(more.unread);
    }
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// What.
    pub subject: String,
    /// Why, in AWS's words.
    pub because: String,
}

/// What every two runs on one node do to each other.
const BOTH_UPLOAD: &str = "each upload of patch compliance replaces the other's, so both show what the last run found, and of two runs at once on a node one exits with the lock";

/// What an installation by other rules brings.
const INSTALLS: &str =
    "it installs what its own rules approve, which the ring may not have approved";

/// Puts what is deployed beside a policy into its plan. An error blocks; a warning is only said.
pub(super) fn conflicts(desired: &Desired, observed: &Observed, remarks: &mut Remarks) {
    let Findings { conflicts, unread } = stack_sets::deployed(desired, observed);
    remarks.warnings.extend(unread.into_iter().map(|Unread { subject, because }| {
        format!(
            "{subject} could not be read, so it is not known whether it patches the same nodes: {because}"
        )
    }));
    for conflict in conflicts {
        let (subject, words) = (conflict.with.to_string(), conflict.words());
        match conflict.check {
            ConflictCheck::Error => {
                remarks.blocked.push(Blocked { subject, because: BlockReason::Conflict(words) });
            }
            ConflictCheck::Warn => remarks.warnings.push(format!("{subject}: {words}")),
            ConflictCheck::Off => {}
        }
    }
}
