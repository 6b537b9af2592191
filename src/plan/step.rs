//! What a plan is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;

use crate::{
    ids::{
        AccountId, BaselineId, BaselineName, BucketName, Digest, OperationId, OuId, PolicyName,
        Region, RingName, StackName, StackSetName,
    },
    plan::{Coverage, Difference, Loss, Narrowed},
    state::{
        Baseline, BaselineSpec, Guards, Names, Owner, Preferences, Reach, Retain, ScheduleLine,
        Skipped, StackSetSpec, StackSpec, Template,
    },
};

/// What would be done, what would not be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it is for.
    pub purpose: Purpose,
    /// Whose plan it is.
    pub policy: PolicyName,
    /// Where it would be carried out.
    pub owner: Owner,
    /// The rings, in order, for people.
    pub rings: Vec<RingOutline>,
    /// What to do; each step after those it waits for.
    pub steps: Vec<Step>,
    /// What is left alone, and what keeps it so.
    pub blocked: Vec<Blocked>,
    /// Accounts that get nothing.
    pub skipped: Vec<Skipped>,
    /// What the reader should know.
    pub warnings: Vec<String>,
    /// What becomes of each account.
    pub coverage: Coverage,
    /// Why accounts lose something.
    pub losses: BTreeMap<AccountId, Loss>,
    /// How much may change without a further word.
    pub guards: Guards,
    /// What people call accounts and OUs.
    pub names: Names,
    /// The digest of the steps and of what is blocked.
    pub digest: Digest,
    /// What it was narrowed to; none where it is the whole plan.
    pub narrowed: Option<Narrowed>,
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// That the organization matches the policy.
    Match,
    /// That what failed is tried again, and nothing else.
    Repair,
}

impl Plan {
    /// The templates that the steps send, each once.
    pub fn templates(&self) -> BTreeMap<&Digest, &Template> {
        let sent = self.steps.iter().filter_map(|step| match &step.action {
            Action::CreateStack { spec, .. }
            | Action::UpdateStack { spec, .. }
            | Action::TakeBackInStack { spec }
            | Action::KeepAccessLogs { spec } => Some(&spec.template),
            Action::CreateStackSet { spec, .. }
            | Action::UpdateStackSet { spec, .. }
            | Action::TakeBack { spec, .. } => Some(&spec.template),
            _ => None,
        });
        sent.map(|template| (template.digest(), template)).collect()
    }

    /// Whether it waits for something that runs, after which one has to look and plan again.
    pub fn waits(&self) -> bool {
        self.steps.iter().any(|step| step.action.is_wait())
    }

    /// Whether there is nothing to do and nothing in the way.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.blocked.is_empty()
    }
}

/// A ring, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RingOutline {
    /// Its name.
    pub name: RingName,
    /// Its five characters.
    pub id: crate::ids::RingId,
    /// Its Regions.
    pub regions: BTreeSet<Region>,
    /// When nodes are scanned and patched.
    pub schedule: Vec<ScheduleLine>,
    /// Whether it should be there or be taken away.
    pub fate: Fate,
    /// Why it is taken away, where it is.
    pub because: Option<String>,
}

/// Whether a ring should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It should be there.
    Kept,
    /// It should be taken away.
    Removed,
}

/// The name of a step, which says what it does: `main/stack-set/orgpatch-x-main/update`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StepId(Arc<str>);

impl StepId {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// The ring that it is for.
    pub ring: RingName,
    /// What to do.
    pub action: Action,
    /// Why.
    pub because: String,
    /// The steps that must be done before.
    pub after: BTreeSet<StepId>,
    /// How well they must have gone.
    pub waits_for: WaitsFor,
}

/// How well what a step waits for must have gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// No more may have failed than is tolerated.
    #[default]
    Success,
    /// Nothing may have failed: what comes takes something away that others were to get before.
    AllOfIt,
}

impl Step {
    /// Whether it tries instances again that are there already.
    pub fn is_retry(&self) -> bool {
        matches!(&self.action, Action::AddInstances { aim: Aim::Retry, .. })
    }
}

/// What making instances is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// Instances that are missing.
    New,
    /// Instances that an earlier operation left outdated. To StackSets it is the same call.
    Retry,
}

/// A change to one thing, with all that is needed to make it.
///
/// A variant carries both sides of what it changes, so that a reader of the plan sees the difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Wait for an operation that runs already.
    WaitForOperation {
        /// The set that it runs on.
        stack_set: StackSetName,
        /// Its ID.
        operation: OperationId,
    },
    /// Wait for a change of a stack that runs already.
    WaitForStack {
        /// Where.
        region: Region,
        /// Which.
        name: StackName,
    },
    /// Put a template that is too large for a request where CloudFormation can read it.
    UploadTemplate {
        /// Where.
        bucket: BucketName,
        /// Under which key.
        key: String,
        /// The template.
        template: Template,
    },
    /// Make a stack in the owner account.
    CreateStack {
        /// What it should be.
        spec: Box<StackSpec>,
        /// Where its template is taken from.
        template: TemplateSource,
    },
    /// Change a stack in the owner account.
    UpdateStack {
        /// What it should be.
        spec: Box<StackSpec>,
        /// Where its template is taken from.
        template: TemplateSource,
        /// What is different now.
        changes: Vec<Difference>,
    },
    /// Delete a stack in the owner account.
    DeleteStack {
        /// Where.
        region: Region,
        /// Which.
        name: StackName,
    },
    /// Make a patch baseline in the home Region.
    CreateBaseline {
        /// What it should be.
        spec: Box<BaselineSpec>,
        /// What it says, beside one that says nothing.
        changes: Vec<Difference>,
    },
    /// Change a patch baseline in the home Region.
    UpdateBaseline {
        /// Which.
        id: BaselineId,
        /// What it should be.
        spec: Box<BaselineSpec>,
        /// Tags that go.
        untag: BTreeSet<String>,
        /// What is different now.
        changes: Vec<Difference>,
    },
    /// Delete a patch baseline in the home Region.
    DeleteBaseline {
        /// Which.
        id: BaselineId,
        /// Its name.
        name: BaselineName,
    },
    /// Delete everything in a bucket.
    EmptyBucket {
        /// Which.
        bucket: BucketName,
    },
    /// Write the override object.
    WriteOverrides {
        /// Where.
        bucket: BucketName,
        /// The version that is replaced; none where there is none.
        #[serde(skip)]
        replaces: Option<String>,
        /// What it will say.
        content: Vec<Baseline>,
        /// What is different now.
        changes: Vec<Difference>,
    },
    /// Make a stack set without instances.
    CreateStackSet {
        /// What it should be.
        spec: Box<StackSetSpec>,
        /// Where its template is taken from.
        template: TemplateSource,
    },
    /// Let operations that do not conflict run together.
    TurnOnManagedExecution {
        /// Of which set.
        stack_set: StackSetName,
    },
    /// Give a stack set and all its instances another template, parameters, tags or auto-deployment.
    UpdateStackSet {
        /// What it should be.
        spec: Box<StackSetSpec>,
        /// Where its template is taken from.
        template: TemplateSource,
        /// What is different now.
        changes: Vec<Difference>,
    },
    /// Make instances, or try again those that are outdated.
    AddInstances {
        /// Which of the two.
        aim: Aim,
        /// In which set.
        stack_set: StackSetName,
        /// Where.
        targets: InstanceTargets,
        /// At which pace.
        preferences: Preferences,
    },
    /// Have the stacks of a stack set take back what was added outside of them: all are updated to a
    /// template that does so. Nothing that waits for it is done unless it is done in each of the places.
    TakeBack {
        /// What the set becomes for that.
        spec: Box<StackSetSpec>,
        /// Where there is something to take back.
        places: BTreeSet<(AccountId, Region)>,
    },
    /// The same in a stack in the owner account.
    TakeBackInStack {
        /// What the stack becomes for that.
        spec: Box<StackSpec>,
    },
    /// Have the access-log bucket outlive the home stack: it is updated to a template that says so.
    KeepAccessLogs {
        /// What the stack becomes for that.
        spec: Box<StackSpec>,
    },
    /// Delete instances.
    RemoveInstances {
        /// In which set.
        stack_set: StackSetName,
        /// Where.
        targets: InstanceTargets,
        /// Whether their stacks are deleted.
        retain: Retain,
        /// At which pace.
        preferences: Preferences,
    },
    /// Delete a stack set that has no instances by then.
    DeleteStackSet {
        /// Which.
        stack_set: StackSetName,
    },
}

impl Action {
    /// Whether it only waits for what runs already. What comes behind it has to be planned anew.
    pub fn is_wait(&self) -> bool {
        matches!(self, Self::WaitForOperation { .. } | Self::WaitForStack { .. })
    }

    /// The stack set that it works on, where it does.
    pub fn stack_set(&self) -> Option<&StackSetName> {
        match self {
            Self::WaitForOperation { stack_set, .. }
            | Self::TurnOnManagedExecution { stack_set }
            | Self::AddInstances { stack_set, .. }
            | Self::RemoveInstances { stack_set, .. }
            | Self::DeleteStackSet { stack_set } => Some(stack_set),
            Self::CreateStackSet { spec, .. }
            | Self::UpdateStackSet { spec, .. }
            | Self::TakeBack { spec, .. } => Some(&spec.name),
            Self::WaitForStack { .. }
            | Self::UploadTemplate { .. }
            | Self::CreateStack { .. }
            | Self::UpdateStack { .. }
            | Self::TakeBackInStack { .. }
            | Self::KeepAccessLogs { .. }
            | Self::DeleteStack { .. }
            | Self::CreateBaseline { .. }
            | Self::UpdateBaseline { .. }
            | Self::DeleteBaseline { .. }
            | Self::EmptyBucket { .. }
            | Self::WriteOverrides { .. } => None,
        }
    }
}

/// The targets of one StackSets call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceTargets {
    /// The OUs that are named, at most fifty.
    pub ous: BTreeSet<OuId>,
    /// Whether they are meant as a whole.
    pub reach: Reach,
    /// The accounts that are reached.
    pub accounts: BTreeSet<AccountId>,
    /// In which Regions.
    pub regions: BTreeSet<Region>,
}

/// Where CloudFormation takes a template from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateSource {
    /// From the request.
    Inline,
    /// From an object, since it is too large for a request.
    Object {
        /// The bucket.
        bucket: BucketName,
        /// The key.
        key: String,
    },
}

/// Something that is left alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Blocked {
    /// What.
    pub subject: String,
    /// Why.
    pub because: BlockReason,
}

/// Why something is left alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum BlockReason {
    /// It exists, and is not this policy's. In AWS's or the tag's words.
    NotOurs(String),
    /// It could not be read. In AWS's words.
    Unknown(String),
    /// Something that the policy names does not exist.
    Missing(String),
    /// It was made from another home Region.
    Elsewhere(String),
    /// It is in a state from which only a person can bring it back.
    Stuck(String),
    /// It is being deleted, so that what is to stay can't be taken out of it.
    TooLate(String),
    /// Several have the name by which it is known.
    Ambiguous(String),
    /// It waits for a ring before it that is blocked or can't go on now.
    BehindAnother(String),
    /// It is another policy's, and patches the same nodes.
    Conflict(String),
}

impl BlockReason {
    /// Whether it stands in the way of everything, so that nothing is changed at all.
    pub fn refuses(&self) -> bool {
        match self {
            Self::NotOurs(_) | Self::Conflict(_) => true,
            Self::Unknown(_)
            | Self::Missing(_)
            | Self::Elsewhere(_)
            | Self::Stuck(_)
            | Self::Ambiguous(_)
            | Self::BehindAnother(_)
            | Self::TooLate(_) => false,
        }
    }

    /// What the reader can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotOurs(_) => {
                "Rename the policy, or remove what stands in its way, if nobody needs it."
            }
            Self::Unknown(_) => {
                "Nothing was assumed about it. Mend the cause (often a missing permission) and run the same command again."
            }
            Self::Missing(_) => "Correct the policy, or create what it names.",
            Self::Ambiguous(_) => {
                "Delete those that are not needed, or rename them, and run the same command again."
            }
            Self::BehindAnother(_) => {
                "Mend what blocks the ring before it: rings are rolled out one after the other. `--ring` plans one by itself."
            }
            Self::TooLate(_) => "Copy what is to be kept, then run without the option.",
            Self::Elsewhere(_) => {
                "Set `home_region` back. To move, destroy with the old one first, then apply with the new one."
            }
            Self::Conflict(_) => {
                "Exclude the OUs or accounts from one of the two policies, target nodes by tags that exclude each other, turn the other one off, or set `checks.conflicts` to `warn`. `orgpatch conflicts` says more."
            }
            Self::Stuck(_) => {
                "Bring it back by hand in the CloudFormation console, then run the same command again."
            }
        }
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs(text)
            | Self::Missing(text)
            | Self::Elsewhere(text)
            | Self::Stuck(text)
            | Self::TooLate(text)
            | Self::Ambiguous(text)
            | Self::BehindAnother(text)
            | Self::Conflict(text) => f.write_str(text),
            Self::Unknown(text) => write!(f, "it could not be read: {text}"),
        }
    }
}

/// The bytes of the override object: what nodes and the hourly sync read.
pub fn override_body(content: &[Baseline]) -> Vec<u8> {
    let mut body = serde_json::to_vec_pretty(content).unwrap_or_default();
    body.push(b'\n');
    body
}
