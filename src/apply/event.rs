//! What is told of a running apply.

use crate::{
    cloud::CloudError,
    ids::{AccountId, OperationId, Region},
    plan::{Step, StepId},
};

/// Something that happened to a step.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Which step.
    pub step: &'a Step,
    /// What happened.
    pub kind: EventKind<'a>,
}

/// What happened to a step.
#[derive(Clone, Debug)]
pub enum EventKind<'a> {
    /// It begins.
    Started,
    /// It waits, and then goes on.
    Waiting(WaitingFor<'a>),
    /// Its operation runs at AWS under this ID.
    Operation(&'a OperationId),
    /// Its operation has come so far.
    Progress {
        /// Accounts × Regions that are done, where that is known.
        done: Option<usize>,
        /// Accounts × Regions that failed.
        failed: usize,
        /// Accounts × Regions in all.
        total: usize,
    },
    /// It has ended.
    Ended(&'a StepEnd),
}

/// What a step waits for.
#[derive(Clone, Copy, Debug)]
pub enum WaitingFor<'a> {
    /// Another operation that runs on the same stack set.
    OtherOperation,
    /// An answer: this call got none, or came too fast, and is made again.
    Answer(&'a CloudError),
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// All of it is done.
    Done,
    /// It is done, and no more failed than is tolerated.
    DoneInPart(Vec<InstanceFailure>),
    /// It failed.
    Failed(StepFailure),
    /// It was not tried, since this step failed or was left running.
    Skipped(StepId),
    /// It was not tried, since the user wished to stop.
    NotStarted,
    /// It runs on at AWS, since the user wished to stop.
    LeftRunning(Option<OperationId>),
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepFailure {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CloudError),
    /// An operation ended, and too many instances failed.
    #[error("operation {operation} failed in {}{}", places(.failures.len()), untried(*.cancelled))]
    Instances {
        /// The operation.
        operation: OperationId,
        /// Where, with AWS's reasons.
        failures: Vec<InstanceFailure>,
        /// Instances that were not tried after that.
        cancelled: usize,
        /// AWS's words about the operation as a whole.
        reason: Option<String>,
    },
    /// Not everything could be taken back that a ring added outside of its stacks, which therefore stay.
    #[error("not everything could be taken back in {}, so the stacks stay", places(.0.len()))]
    LeftBehind(Vec<InstanceFailure>),
    /// An operation runs on, if it was begun, and how it stands could not be seen any more.
    #[error("operation {0} may run on at AWS, and can't be seen any more: {1}")]
    LostFromSight(OperationId, CloudError),
    /// Somebody stopped the operation.
    #[error("operation {0} was stopped by somebody else")]
    Stopped(OperationId),
    /// A stack could not be made, changed or deleted.
    #[error("the stack was not changed: {}", .0.join("; "))]
    Stack(Vec<String>),
    /// A change set could not be made.
    #[error("CloudFormation refuses the change: {0}")]
    ChangeSet(String),
}

fn places(count: usize) -> String {
    match count {
        0 => "no account that AWS names".to_owned(),
        1 => "1 account and Region".to_owned(),
        _ => format!("{count} accounts × Regions"),
    }
}

fn untried(count: usize) -> String {
    if count == 0 { String::new() } else { format!("; {count} more were not tried") }
}

impl StepFailure {
    /// What the reader can do about it.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Call(error) => error.help(),
            Self::LostFromSight(..) => Some(
                "Nothing behind it was begun. Run the same command again once AWS can be reached: it waits for the operation, then goes on.",
            ),
            Self::Instances { .. } => Some(
                "Mend the cause in those accounts, then run the same command again: it repeats only what failed.",
            ),
            Self::LeftBehind(_) => Some(
                "Mend the cause in those accounts and run the same command again: it tries only these. Or run it with `--keep-roles`: then the stacks go, and what is named here stays. Until one of the two, accounts that have taken back are not patched any more; those named here are, but their nodes may lack what was taken back before it failed.",
            ),
            Self::Stopped(_) => Some(
                "Find out who stopped it and why. Running the same command again goes on where it stopped.",
            ),
            Self::Stack(_) | Self::ChangeSet(_) => Some(
                "Nothing behind it was tried. Mend the cause, then run the same command again.",
            ),
        }
    }
}

/// An account and Region in which an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceFailure {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// AWS's reason.
    pub reason: String,
}

/// How every step of a plan ended, in the order of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Each step with its end.
    pub steps: Vec<(StepId, StepEnd)>,
}

impl Outcome {
    /// Whether everything is done, everywhere.
    pub fn is_complete(&self) -> bool {
        self.steps.iter().all(|(_, end)| *end == StepEnd::Done)
    }

    /// Whether the user stopped it.
    pub fn is_interrupted(&self) -> bool {
        self.steps
            .iter()
            .any(|(_, end)| matches!(end, StepEnd::NotStarted | StepEnd::LeftRunning(_)))
    }

    /// Whether anything at all was done.
    pub fn did_anything(&self) -> bool {
        self.steps.iter().any(|(_, end)| matches!(end, StepEnd::Done | StepEnd::DoneInPart(_)))
    }
}
