//! What AWS answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        AccountId, BucketName, OperatingSystem, OperationId, OuId, PolicyName, Region, RingName,
        StackName, StackSetName,
    },
    state::{Baseline, BaselineSeen, BaselineSource, OwnBaselines, POLICY_TAG, RING_TAG, Switch},
};

/// The result of looking for one thing.
///
/// Unknown is not absent: what is absent may be created, what is unknown must be left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// AWS said that it does not exist.
    Absent,
    /// It exists, like this.
    Present(T),
    /// The look failed, for this reason.
    Unknown(String),
}

impl<T> Seen<T> {
    /// The thing, where it was seen.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(thing) => Some(thing),
            Self::Absent | Self::Unknown(_) => None,
        }
    }
}

/// What to look for on behalf of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// Stack sets whose names begin so are looked at: ours, those that took our names, and those that may
    /// patch the same nodes.
    pub stack_set_prefixes: Vec<String>,
    /// Stacks in the owner account.
    pub stacks: BTreeSet<(Region, StackName)>,
    /// Buckets whose override object is read.
    pub buckets: BTreeSet<BucketName>,
    /// Baselines whose content is read.
    pub baselines: BTreeSet<(OperatingSystem, BaselineSource)>,
}

/// All that was seen on behalf of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Stack sets by name. Unknown where the listing itself failed.
    pub stack_sets: Seen<BTreeMap<StackSetName, Seen<StackSetSeen>>>,
    /// Stacks in the owner account.
    pub stacks: BTreeMap<(Region, StackName), Seen<StackSeen>>,
    /// The override object of each bucket.
    pub overrides: BTreeMap<BucketName, Seen<OverrideSeen>>,
    /// Baselines.
    pub baselines: BTreeMap<(OperatingSystem, BaselineSource), Seen<BaselineSeen>>,
    /// The account's own baselines.
    pub own_baselines: Seen<OwnBaselines>,
}

impl Observed {
    /// What was seen of a stack set.
    pub fn stack_set(&self, name: &StackSetName) -> Seen<&StackSetSeen> {
        match &self.stack_sets {
            Seen::Unknown(because) => Seen::Unknown(because.clone()),
            Seen::Absent => Seen::Absent,
            Seen::Present(sets) => match sets.get(name) {
                None | Some(Seen::Absent) => Seen::Absent,
                Some(Seen::Present(set)) => Seen::Present(set),
                Some(Seen::Unknown(because)) => Seen::Unknown(because.clone()),
            },
        }
    }

    /// What was seen of a stack; unknown where nobody looked.
    ///
    /// A stack that is only proposed has nothing in it, so it is as good as absent.
    pub fn stack(&self, region: &Region, name: &StackName) -> Seen<&StackSeen> {
        match self.stacks.get(&(region.clone(), name.clone())) {
            None => Seen::Unknown("nobody looked for it".to_owned()),
            Some(Seen::Absent) => Seen::Absent,
            Some(Seen::Present(stack)) if stack.status == StackStatus::Proposed => Seen::Absent,
            Some(Seen::Present(stack)) => Seen::Present(stack),
            Some(Seen::Unknown(because)) => Seen::Unknown(because.clone()),
        }
    }
}

/// A stack set as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSetSeen {
    /// The template's text.
    pub template: String,
    /// The parameters.
    pub parameters: BTreeMap<String, String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// Whether accounts that join get a stack by themselves.
    pub auto_deployment: Switch,
    /// Whether operations that do not conflict may run together.
    pub managed_execution: Switch,
    /// The OUs that auto-deployment follows, with their Regions.
    pub targets: BTreeMap<OuId, BTreeSet<Region>>,
    /// Its instances.
    pub instances: BTreeMap<(AccountId, Region), InstanceSeen>,
    /// Operations that run or wait, the oldest first.
    pub running: Vec<OperationSeen>,
}

/// A stack instance as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSeen {
    /// The OU that was named when it was made, by which it must be named again.
    pub ou: Option<OuId>,
    /// How it stands.
    pub status: InstanceStatus,
    /// AWS's words about that.
    pub reason: Option<String>,
    /// Whether there is a stack (`StackId`). An instance may stand for an attempt that never made one.
    pub has_stack: bool,
}

/// How a stack instance stands (`Status` and `StackInstanceStatus.DetailedStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceStatus {
    /// It has what its stack set says.
    Current,
    /// It does not yet, or an attempt failed.
    Outdated,
    /// A deletion or import failed; operations leave it out until it is detached.
    Inoperable,
    /// Its account is suspended, so StackSets left it out.
    SkippedSuspended,
}

/// An operation of a stack set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationSeen {
    /// Its ID.
    pub id: OperationId,
    /// `CREATE`, `UPDATE`, `DELETE` or `DETECT_DRIFT`.
    pub action: String,
}

/// A stack as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSeen {
    /// How it stands.
    pub status: StackStatus,
    /// AWS's words about that.
    pub reason: Option<String>,
    /// The template's text.
    pub template: String,
    /// The parameters.
    pub parameters: BTreeMap<String, String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The outputs.
    pub outputs: BTreeMap<String, String>,
}

/// How a stack stands, as far as it matters here (`StackStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackStatus {
    /// It can be updated.
    Settled,
    /// A change runs.
    InProgress,
    /// It is only a name that a change set was made for (`REVIEW_IN_PROGRESS`). It has nothing in it,
    /// no tags either, and can be made.
    Proposed,
    /// It never came to be (`ROLLBACK_COMPLETE`, `CREATE_FAILED` …) and must be deleted before it can
    /// be made.
    NeverMade,
    /// A deletion failed. It can be deleted again.
    DeleteFailed,
    /// An update could not be taken back (`UPDATE_ROLLBACK_FAILED`), which only a person can mend.
    Stuck,
}

/// The override object as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideSeen {
    /// What identifies this version of it.
    pub etag: String,
    /// Its content; none where it is not an array of baselines.
    pub content: Option<Vec<Baseline>>,
    /// The KMS key that it is encrypted with; none where that is S3's own.
    pub key: Option<String>,
}

/// Who a tagged thing belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// This policy.
    Ours,
    /// Another policy of orgpatch.
    Policy(String),
    /// Nobody that orgpatch knows.
    Foreign,
}

impl Ownership {
    /// Reads the tags.
    pub fn of(tags: &BTreeMap<String, String>, policy: &PolicyName) -> Self {
        match tags.get(POLICY_TAG) {
            Some(name) if name == policy.as_str() => Self::Ours,
            Some(name) => Self::Policy(name.clone()),
            None => Self::Foreign,
        }
    }
}

/// The ring that a tagged thing of a policy belongs to; none where it is another policy's, or does not say.
pub fn ring_of(tags: &BTreeMap<String, String>, policy: &PolicyName) -> Option<RingName> {
    (Ownership::of(tags, policy) == Ownership::Ours).then(|| tags.get(RING_TAG)?.parse().ok())?
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("it belongs to this policy"),
            Self::Policy(name) => write!(f, "it belongs to the policy `{name}`"),
            Self::Foreign => write!(f, "it has no tag {POLICY_TAG}, so it is not orgpatch's"),
        }
    }
}

/// Whether a Region can be used by the owner account (`RegionOptStatus` of the Account API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionStatus {
    /// It can.
    Enabled,
    /// It exists, and is not enabled.
    Disabled,
}
