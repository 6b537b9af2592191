//! From errors to exit codes.

use crate::{
    apply::LockRefusal,
    cloud::{CloudError, CloudErrorKind},
    discover::DiscoverError,
    plan::{Refusal, Unselected},
    policy::Problems,
    rehearsal::Unrehearsed,
};

/// How a command ends. The numbers are part of the command line's word (README).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed.
    Failed,
    /// 2: `plan --detailed-exitcode` found changes.
    Changes,
    /// 3: applied in part.
    InPart,
    /// 4: refused before any change.
    Refused,
    /// 130: interrupted.
    Interrupted,
    /// 252: wrong usage, or a policy file that can't be read.
    Usage,
    /// 253: no credentials, or not allowed.
    NotAllowed,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::InPart => 3,
            Self::Refused => 4,
            Self::Interrupted => 130,
            Self::Usage => 252,
            Self::NotAllowed => 253,
        }
    }

    /// The worse of two, for a command that does several things.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        let badness = |exit: Self| match exit {
            Self::Done => 0,
            Self::Changes => 1,
            Self::Refused => 2,
            Self::InPart => 3,
            Self::Failed => 4,
            Self::NotAllowed => 5,
            Self::Usage => 6,
            Self::Interrupted => 7,
        };
        if badness(other) > badness(self) { other } else { self }
    }
}

/// Why a command could not do its work.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How it ends.
    pub exit: Exit,
    /// What is wrong.
    pub message: Message,
    /// What to do.
    pub help: Option<String>,
}

/// What is wrong, ready to print or with "error: " still to come.
#[derive(Clone, Debug)]
pub enum Message {
    /// A fragment: `error: ` comes before it.
    Fragment(String),
    /// A whole text with places and snippets.
    Whole(String),
}

impl Failure {
    /// A failure with its exit code and a lower-case fragment.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Message::Fragment(message.into()), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Several failures as one, each told in full. The worst decides how it ends.
    pub(super) fn together(failures: Vec<Self>) -> Option<Self> {
        let exit = failures.iter().map(|failure| failure.exit).reduce(Exit::or_worse)?;
        match <[Self; 1]>::try_from(failures) {
            Ok([one]) => Some(one),
            Err(several) => {
                let texts: Vec<String> = several.iter().map(Self::text).collect();
                Some(Self { exit, message: Message::Whole(texts.join("\n\n")), help: None })
            }
        }
    }

    /// All of it, as it is printed.
    pub(super) fn text(&self) -> String {
        let message = match &self.message {
            Message::Fragment(text) => format!("error: {text}"),
            Message::Whole(text) => text.clone(),
        };
        match &self.help {
            Some(help) => format!("{message}\n  help: {help}"),
            None => message,
        }
    }

    /// A policy that can't be read, or does not fit the organization.
    pub(super) fn policy(exit: Exit, problems: &Problems) -> Self {
        Self { exit, message: Message::Whole(problems.to_string()), help: None }
    }
}

fn exit_of(kind: CloudErrorKind) -> Exit {
    match kind {
        CloudErrorKind::NoCredentials | CloudErrorKind::Denied => Exit::NotAllowed,
        CloudErrorKind::Settings => Exit::Usage,
        _ => Exit::Failed,
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Self {
        let failure = Self::new(exit_of(error.kind), error.to_string());
        match error.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

impl From<DiscoverError> for Failure {
    fn from(error: DiscoverError) -> Self {
        let exit = match &error {
            DiscoverError::Cloud(error) => exit_of(error.kind),
            DiscoverError::NoStanding { .. } => Exit::NotAllowed,
            DiscoverError::Tree(_)
            | DiscoverError::EndlessListing
            | DiscoverError::Moving(_)
            | DiscoverError::LimitedFeatures(_)
            | DiscoverError::NoTrustedAccess
            | DiscoverError::NoActiveAccount(_) => Exit::Failed,
        };
        let failure = Self::new(exit, error.to_string());
        match error.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

impl From<Unrehearsed> for Failure {
    fn from(error: Unrehearsed) -> Self {
        match error {
            Unrehearsed::Organization(error) => error.into(),
            Unrehearsed::Policy(problems) => Self::policy(Exit::Failed, &problems),
            Unrehearsed::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<LockRefusal> for Failure {
    fn from(refusal: LockRefusal) -> Self {
        let exit = match &refusal {
            LockRefusal::Unwritten(error) => exit_of(error.kind),
            _ => Exit::Refused,
        };
        Self::new(exit, format!("{refusal}; nothing was changed")).help(refusal.help())
    }
}

impl From<Unselected> for Failure {
    fn from(error: Unselected) -> Self {
        Self::new(Exit::Usage, error.to_string()).help(error.help())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(Exit::Refused, format!("{refusal}; nothing was changed")).help(refusal.help())
    }
}
