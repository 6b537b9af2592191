//! What a policy asks for, in an organization that has been read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        AccountId, BucketName, CallAs, Digest, KeyArn, OperatingSystem, OrganizationId, OuId,
        PolicyName, Region, RingId, RingName, StackName, StackSetName,
    },
    state::{AccountState, BaselineWanted},
};

/// The key of the override object in its bucket, as Quick Setup names it.
pub const OVERRIDE_KEY: &str = "baseline_overrides.json";

/// The tag that says which policy a resource belongs to. What lacks it is not ours.
pub const POLICY_TAG: &str = "orgpatch:policy";

/// The tag that says which ring of the policy a resource belongs to.
pub const RING_TAG: &str = "orgpatch:ring";

/// The tag that holds the digest of what a resource was made from.
pub const DIGEST_TAG: &str = "orgpatch:digest";

/// The home stack's parameter that names the baseline of each operating system, as JSON.
///
/// Which baselines AWS's defaults are is only known once they have been looked up, so the planner
/// fills it.
pub const BASELINES_PARAMETER: &str = "Baselines";

/// The account that orgpatch runs in, and where in it the policy lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The management account, or a delegated administrator of StackSets.
    pub account: AccountId,
    /// Which of the two.
    pub call_as: CallAs,
    /// The Region of the baselines, the override bucket and the stack sets.
    pub home_region: Region,
}

/// All that a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Whose wish this is.
    pub policy: PolicyName,
    /// In which organization.
    pub organization: OrganizationId,
    /// From which account.
    pub owner: Owner,
    /// How much may change without a further word.
    pub guards: Guards,
    /// What is made of other policies on the same nodes.
    pub conflict_check: ConflictCheck,
    /// The rings, in the order in which they are rolled out.
    pub rings: Vec<Ring>,
    /// Accounts that get nothing, each with its reason.
    pub skipped: Vec<Skipped>,
    /// What the reader should know before they say yes.
    pub warnings: Vec<String>,
    /// Why rings that the file names no more may be there unseen, where not all could be looked at.
    pub unseen: Option<String>,
    /// The path and name of every OU and account that a plan may mention.
    pub names: Names,
}

impl Desired {
    /// Whether any ring is to be there, so that rings follow one after the other.
    pub fn is_rolled_out(&self) -> bool {
        self.rings.iter().any(|ring| ring.deployment().is_some())
    }
}

/// What people call the accounts and OUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The path of each OU, `/` for the root.
    pub units: BTreeMap<OuId, Arc<str>>,
    /// The name of each account.
    pub accounts: BTreeMap<AccountId, Arc<str>>,
    /// The OU above each OU; none above the root.
    pub above: BTreeMap<OuId, OuId>,
    /// The OU that each account sits in.
    pub parents: BTreeMap<AccountId, OuId>,
    /// The accounts that are active. In others, and in those that have left, nothing can be deleted.
    pub active: BTreeSet<AccountId>,
    /// Accounts that the policy would cover if they were active: what they have is left to them.
    pub resting: BTreeSet<AccountId>,
}

/// Limits on how much one apply may change without being told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// Accounts that may lose something.
    pub max_removed_accounts: usize,
    /// Accounts that may be touched at all; no limit where there is none.
    pub max_changed_accounts: Option<usize>,
}

/// What is made of other patch policies that reach the same nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictCheck {
    /// They keep the plan from being carried out.
    Error,
    /// They are said.
    Warn,
    /// Nobody looks.
    Off,
}

/// One ring: what it is called, and what it should be, or how it should go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Its name in the policy.
    pub name: RingName,
    /// Its five characters.
    pub id: RingId,
    /// What its parts are called.
    pub names: RingNames,
    /// What is wished of it.
    pub wish: Wish,
}

impl Ring {
    /// What it should be; none where it should be gone.
    pub fn deployment(&self) -> Option<&Deployment> {
        match &self.wish {
            Wish::There(deployment) => Some(deployment),
            Wish::Gone(_) => None,
        }
    }
}

/// What is wished of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It should be like this.
    There(Box<Deployment>),
    /// It should go, in this way.
    Gone(Leaving),
}

/// How a ring goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Why.
    pub because: String,
    /// What its stacks are updated to before they are deleted, so that they take back node tags, role
    /// tags and attached policies; none where those are to stay.
    pub take_back: Option<TakeBack>,
    /// What its home stack is updated to before it is deleted, so that the access logs outlive it; none
    /// where they go too.
    pub keep_logs: Option<KeepLogs>,
}

/// What makes a stack take back what was added outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeBack {
    /// The template.
    pub template: Template,
    /// Its parameters, every one.
    pub parameters: BTreeMap<String, String>,
}

/// What makes the access-log bucket outlive its stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepLogs {
    /// The template.
    pub template: Template,
    /// Its parameters, which keep the values that they have.
    pub parameters: BTreeSet<String>,
}

/// With whose key the override object is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Encryption {
    /// S3's own.
    S3,
    /// This one.
    Key(KeyArn),
}

/// The names of a ring's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingNames {
    /// The stack with the bucket and the hourly sync.
    pub home_stack: StackName,
    /// The bucket of the override object.
    pub bucket: BucketName,
    /// The stack set of whole OUs.
    pub whole: StackSetName,
    /// The stack set of single accounts.
    pub pinned: StackSetName,
    /// The management account's own stack, by Region.
    pub own_stacks: BTreeMap<Region, StackName>,
}

/// What a ring should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// In which Regions.
    pub regions: BTreeSet<Region>,
    /// When nodes are scanned and patched, for people.
    pub schedule: Vec<ScheduleLine>,
    /// The home stack, but for [`BASELINES_PARAMETER`].
    pub home: StackSpec,
    /// Where the rules of each operating system come from.
    pub baselines: BTreeMap<OperatingSystem, BaselineWanted>,
    /// With whose key the override object is encrypted.
    pub encryption: Encryption,
    /// The statement that the key's policy needs, as JSON, where the key is not S3's own.
    pub key_statement: Option<String>,
    /// The stack sets that have a target.
    pub stack_sets: BTreeMap<StackSetName, StackSetSpec>,
    /// The management account's own stacks, by Region.
    pub own_stacks: BTreeMap<Region, StackSpec>,
}

impl Deployment {
    /// The template that all accounts get, if any account gets one.
    pub fn patching_template(&self) -> Option<&Template> {
        let sets = self.stack_sets.values().map(|set| &set.template);
        sets.chain(self.own_stacks.values().map(|stack| &stack.template)).next()
    }
}

/// When nodes in one Region are scanned or patched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ScheduleLine {
    /// Where.
    pub region: Region,
    /// `scan` or `install`.
    pub what: &'static str,
    /// What State Manager is told, in UTC.
    pub expression: String,
    /// Days after the day of that.
    pub offset_days: u8,
    /// What the policy says, with the time zone: `sun 02:00 Europe/Dublin`.
    pub local: String,
}

/// A rendered template.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    body: Arc<str>,
    digest: Digest,
}

impl Template {
    /// The largest body that CloudFormation takes in a request, in bytes (quotas page).
    pub const MAX_INLINE: usize = 51_200;

    /// Takes a rendered body.
    pub fn new(body: String) -> Self {
        Self { digest: Digest::of(&body), body: body.into() }
    }

    /// The text that CloudFormation gets.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The digest of the body.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether the body must go through S3.
    pub fn is_large(&self) -> bool {
        self.body.len() > Self::MAX_INLINE
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.digest.short())
    }
}

impl Serialize for Template {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digest.serialize(serializer)
    }
}

/// A stack in the owner account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackSpec {
    /// Its name.
    pub name: StackName,
    /// Where it stands.
    pub region: Region,
    /// What it is made from.
    pub template: Template,
    /// The template's parameters, every one.
    pub parameters: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A stack set, with where its instances should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackSetSpec {
    /// Its name.
    pub name: StackSetName,
    /// What the console shows of it.
    pub description: String,
    /// What its stacks are made from.
    pub template: Template,
    /// The template's parameters, every one.
    pub parameters: BTreeMap<String, String>,
    /// Its tags, which its stacks get too.
    pub tags: BTreeMap<String, String>,
    /// Whether accounts that join a target get a stack by themselves.
    pub auto_deployment: Switch,
    /// Where, by the OU that is named to StackSets. No OU is above another.
    pub targets: BTreeMap<OuId, Target>,
    /// In which Regions, for every target.
    pub regions: BTreeSet<Region>,
    /// At which pace.
    pub preferences: Preferences,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::On => "on",
            Self::Off => "off",
        })
    }
}

/// A target of a stack set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Whether the whole OU is meant, or only the accounts.
    pub reach: Reach,
    /// The active accounts that it reaches today.
    pub accounts: BTreeSet<AccountId>,
}

/// How much of an OU is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The OU with all that is below it, now and later.
    WholeOu,
    /// The accounts that are named, and no other.
    NamedAccounts,
}

/// Whether a stack is deleted with its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retain {
    /// The stack is deleted.
    Delete,
    /// The stack stays, since its account can't be entered any more.
    Keep,
}

/// The pace of StackSets operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Preferences {
    /// Accounts at a time, in percent, 1 to 100, per Region.
    pub concurrency_percent: u8,
    /// Accounts that may fail, in percent, 0 to 100, per Region.
    pub tolerance_percent: u8,
    /// Whether Regions go one after the other.
    pub regions: RegionPace,
}

/// Whether Regions go one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionPace {
    /// All at the same time.
    Parallel,
    /// One after the other, in the order of their names.
    Sequential,
}

/// An account that gets nothing from this policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Skipped {
    /// Which account.
    pub account: AccountId,
    /// The path of the OU it sits in.
    pub ou: String,
    /// Why.
    pub because: SkipReason,
}

/// Why an account gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum SkipReason {
    /// It is in an OU that is excluded.
    ExcludedOu {
        /// The path of the excluded OU.
        ou: String,
    },
    /// It is excluded itself.
    ExcludedAccount {
        /// What the policy says about it.
        reason: String,
        /// Until when, if the policy says so.
        until: Option<String>,
    },
    /// It is not active.
    NotActive {
        /// Its state.
        state: AccountState,
    },
    /// It is the management account, which StackSets never reach.
    ManagementAccount,
    /// No target of the policy covers it.
    NotTargeted,
    /// It is below `targets.ous`, and no ring covers it.
    InNoRing,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExcludedOu { ou } => write!(f, "in the excluded OU {ou}"),
            Self::ExcludedAccount { reason, until } => {
                f.write_str("excluded by the policy")?;
                if !reason.is_empty() {
                    write!(f, ": {reason}")?;
                }
                until.as_ref().map_or(Ok(()), |until| write!(f, ", until {until}"))
            }
            Self::NotActive { state } => write!(f, "the account is {state}"),
            Self::ManagementAccount => {
                f.write_str("the management account, which StackSets never reach (see `management_account` in the policy)")
            }
            Self::NotTargeted => f.write_str("not below any of the targets"),
            Self::InNoRing => f.write_str("below `targets.ous`, and in none of the rings"),
        }
    }
}
