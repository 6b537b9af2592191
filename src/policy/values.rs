//! What a policy file says, checked, and not yet laid over an organization.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ids::{
        AccountId, BucketName, CalendarArn, Digest, OperatingSystem, OuId, PolicyName,
        PrincipalArn, Region, RingName,
    },
    state::{ConflictCheck, Encryption, Guards, Preferences, Switch},
    templates::{Nodes, PermissionsBoundary, Reboot},
};

use super::{
    error::{Place, Problem, Problems, Warned},
    rules::{Approve, BaselineWish, Exception},
};

/// A value with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// A policy: one file, read and checked by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(super) file: Arc<str>,
    pub(super) text: Arc<str>,
    /// Its name.
    pub name: PolicyName,
    /// Who answers for it; becomes a tag.
    pub owner: Option<String>,
    /// The Region of baselines, override bucket and stack sets.
    pub home_region: At<Region>,
    /// Whether the management account is covered, by its own stacks.
    pub management_account: ManagementAccount,
    /// What becomes of accounts that join.
    pub new_accounts: NewAccounts,
    /// Who is meant, and who is not.
    pub targets: Targets,
    /// The rings, in the order in which they are rolled out. There is one at least: without the key it is
    /// `main`, and covers `targets.ous`.
    pub rings: Vec<RingWish>,
    /// Patches that are rejected until a day.
    pub exceptions: Vec<Exception>,
    /// The pace of the deployment.
    pub rollout: Preferences,
    /// What may be done to nodes' roles.
    pub iam: Iam,
    /// How the override object is kept.
    pub overrides: Overrides,
    /// Where command output goes, if anywhere.
    pub logs: Option<Logs>,
    /// Whether Explorer is enabled in the accounts.
    pub explorer: Switch,
    /// How much may change without a further word.
    pub guards: Guards,
    /// What is made of other policies on the same nodes.
    pub conflict_check: ConflictCheck,
    /// Tags of everything that is made.
    pub tags: BTreeMap<String, String>,
    /// What may be wrong, and is taken all the same.
    pub warnings: Vec<Problem>,
}

impl Policy {
    /// The file it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether the file names no rings, so that there is one that covers `targets.ous`.
    pub(super) fn is_without_rings(&self) -> bool {
        matches!((self.rings.as_slice(), &self.targets.ous), ([ring], Some(ous)) if ring.ous == *ous)
    }

    /// What the key is called that names a ring's OUs.
    pub(super) fn ous_key(&self, ring: &RingWish) -> String {
        if self.is_without_rings() {
            "targets.ous".to_owned()
        } else {
            format!("rings.{}.ous", ring.name)
        }
    }

    /// The names of its rings, in their order.
    pub fn ring_names(&self) -> Vec<RingName> {
        self.rings.iter().map(|ring| ring.name.clone()).collect()
    }

    /// A ring by its name.
    pub fn ring(&self, name: &RingName) -> Option<&RingWish> {
        self.rings.iter().find(|ring| ring.name == *name)
    }

    /// What identifies the text that it was read from.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// Warnings of the policy, ready to be shown.
    pub fn warned<'a>(&'a self, warnings: &'a [Problem]) -> Warned<'a> {
        Warned::new(&self.file, &self.text, warnings)
    }

    /// Says what is wrong with the policy in an organization.
    pub(super) fn problems(&self, problems: Vec<Problem>) -> Problems {
        Problems::new(&self.file, &self.text, problems)
    }
}

/// A ring as the file means it: what it does not say itself is what the policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingWish {
    /// Its name.
    pub name: RingName,
    /// Where it stands in the file; `targets.ous` for the ring of a policy that names none.
    pub place: Place,
    /// The OUs that it covers, with all below them but for those of other rings.
    pub ous: Vec<At<OuRef>>,
    /// In which Regions.
    pub regions: Vec<At<Region>>,
    /// Which nodes of the accounts.
    pub nodes: Nodes,
    /// When nodes are scanned and patched.
    pub schedule: Schedule,
    /// How nodes are patched.
    pub patching: Patching,
    /// Where the rules come from; an operating system that is not named gets AWS's default.
    pub baselines: BTreeMap<OperatingSystem, At<BaselineWish>>,
    /// Which patches are approved, and when: the ring's word, else the policy's.
    pub approve: Option<At<Approve>>,
}

/// Whether the management account is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagementAccount {
    /// It is left out.
    Exclude,
    /// It gets stacks of its own.
    Include,
}

/// What becomes of accounts that join a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewAccounts {
    /// StackSets enrolls them by itself.
    Enroll,
    /// The next apply does.
    NextApply,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The OUs that the rings cover together, where the policy says so.
    pub ous: Option<Vec<At<OuRef>>>,
    /// OUs that are taken out again; none where the default stands.
    pub excluded_ous: Option<Vec<At<OuRef>>>,
    /// Accounts that are taken out.
    pub excluded_accounts: Vec<ExcludedAccount>,
}

/// How a policy names an OU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OuRef {
    /// By path, `/Workloads/Prod`; `/` is the root.
    Path(String),
    /// By ID.
    Id(OuId),
    /// By name, wherever it is.
    Name(String),
}

impl std::fmt::Display for OuRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(text) | Self::Name(text) => f.pad(text),
            Self::Id(id) => f.pad(id.as_str()),
        }
    }
}

/// An account that gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcludedAccount {
    /// Which.
    pub id: At<AccountId>,
    /// Why, in the policy's words.
    pub reason: String,
    /// The last day of the exclusion.
    pub until: Option<jiff::civil::Date>,
}

/// When nodes are scanned and patched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When nodes are scanned.
    pub scan: At<When>,
    /// When they are patched; never, where there is none.
    pub install: Option<At<When>>,
    /// In whose time.
    pub timezone: Timezone,
    /// Change Calendars that must be open for an installation, each in its own Region.
    pub calendars: Vec<At<CalendarArn>>,
}

/// In whose time a schedule is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timezone {
    /// UTC.
    Utc,
    /// That of each Region.
    Region,
}

/// When something runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Every day at a local time.
    Daily(jiff::civil::Time),
    /// Every week on a day at a local time.
    Weekly(jiff::civil::Weekday, jiff::civil::Time),
    /// Every month on a day at a local time.
    Monthly(Monthly, jiff::civil::Time),
    /// As State Manager takes it, in UTC.
    Cron(String),
    /// As State Manager takes it; runs begin when the association is made.
    Rate(String),
}

/// A day of every month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monthly {
    /// The first to fourth of this day of the week.
    Nth(jiff::civil::Weekday, u8),
    /// The last of this day of the week.
    Last(jiff::civil::Weekday),
    /// So many days, 0 to 20, after the second Tuesday.
    PatchTuesday(u8),
}

/// How nodes are patched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patching {
    /// Whether a node is restarted.
    pub reboot: Reboot,
    /// Nodes at a time, per account and Region: a number or a percentage.
    pub concurrency: String,
    /// Nodes that may fail, per account and Region: a number or a percentage.
    pub error_threshold: String,
}

/// What may be done to nodes' roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iam {
    /// Whether policies are attached to roles that nodes already have.
    pub attach: Switch,
    /// What bounds the roles that orgpatch makes.
    pub permissions_boundary: PermissionsBoundary,
}

/// How the override object is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overrides {
    /// With whose key it is encrypted.
    pub encryption: Encryption,
    /// Who may read it beside the ring's nodes and the owner account.
    pub auditor: Option<PrincipalArn>,
}

/// Where command output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// The bucket.
    pub bucket: BucketName,
    /// The prefix of the keys; may be empty.
    pub prefix: String,
    /// The bucket's Region.
    pub region: Region,
}
