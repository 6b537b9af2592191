//! Why an account or an OU is in a policy, or is not, and what it gets.

use std::{fmt, sync::Arc};

use jiff::civil::Date;
use serde::Serialize;

use crate::{
    ids::{
        AccountId, BaselineId, CalendarArn, OperatingSystem, OuId, PolicyName, Region, RingName,
    },
    state::{AccountState, RegionStatus, ScheduleLine, SkipReason},
};

/// A line of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileLine {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u64,
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The answer to the question why somebody is in a policy, or is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Which policy.
    pub policy: PolicyName,
    /// Who was asked about, and what there is to say.
    pub about: About,
    /// The Region that was asked about, if one was.
    pub region: Option<RegionExplained>,
    /// What of the policy does not fit the organization, and what else there is to know.
    pub notes: Vec<String>,
}

/// Who was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// An account.
    Account(Box<AccountExplained>),
    /// An OU.
    Ou(Box<OuExplained>),
}

/// Why an account is in, or is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountExplained {
    /// Which account.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// The path of the OU that it sits in.
    pub ou: String,
    /// Whether it can be used.
    pub state: AccountState,
    /// Why it gets nothing: every reason, that of the plan first. There is none where it is in.
    pub reasons: Vec<Reason>,
    /// How it is reached; none where it is not in.
    pub reach: Option<AccountReach>,
    /// The ring that it is in, or would be in were it not for the reasons.
    pub ring: Option<RingExplained>,
}

impl AccountExplained {
    /// Whether it is in.
    pub fn is_in(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Why an account or an OU gets nothing: one reason of perhaps several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Why.
    pub because: SkipReason,
    /// Where the file says so; none where it does not, or AWS does.
    pub line: Option<FileLine>,
    /// What else there is to know about it.
    pub remark: Option<String>,
}

/// How an account is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AccountReach {
    /// With an OU that StackSets are given as a whole.
    WholeOu {
        /// The path of that OU.
        ou: String,
        /// What becomes of accounts that join it.
        joiners: Joiners,
    },
    /// By its ID, since its own OU can't be had as a whole.
    NamedAccount {
        /// The path of the OU that is named together with the ID.
        through: String,
        /// What keeps its own OU from being had as a whole.
        because: Vec<Obstacle>,
    },
    /// By stacks of its own, as the management account.
    OwnStacks,
}

/// What becomes of accounts that join an OU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Joiners {
    /// StackSets enroll them by themselves.
    Enrolled,
    /// The next apply does.
    NextApply,
}

/// What keeps an OU from being had as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Obstacle {
    /// An OU in it is excluded.
    ExcludedOu {
        /// Its path.
        ou: String,
        /// Where the file says so; none where it is excluded by default.
        line: Option<FileLine>,
    },
    /// An account in it is excluded.
    ExcludedAccount {
        /// Which.
        account: AccountId,
        /// The path of its OU.
        ou: String,
        /// Where the file says so.
        line: Option<FileLine>,
    },
    /// An OU in it is in another ring.
    OtherRing {
        /// Its path.
        ou: String,
        /// That ring.
        ring: RingName,
        /// Where the file says so.
        line: Option<FileLine>,
    },
}

/// Why an OU is in, or is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OuExplained {
    /// Which OU.
    pub id: OuId,
    /// Its path.
    pub path: String,
    /// How many accounts are in it and below.
    pub accounts: usize,
    /// How many of them are in, by ring.
    pub rings: Vec<RingCount>,
    /// How many of them are not, by the reason that the plan says.
    pub left_out: Vec<LeftOut>,
    /// Why the OU as such is not in: every reason.
    pub reasons: Vec<Reason>,
    /// How it is reached; none where it is not in.
    pub reach: Option<OuReach>,
    /// OUs below it that rings name.
    pub targets_below: Vec<RingTarget>,
    /// The ring that it is in, or would be in were it not for the reasons.
    pub ring: Option<RingExplained>,
}

/// Accounts of a ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RingCount {
    /// Which ring.
    pub ring: RingName,
    /// Where it stands.
    pub line: FileLine,
    /// How many accounts.
    pub accounts: usize,
}

/// Accounts that get nothing, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Why.
    pub because: SkipReason,
    /// How many accounts.
    pub accounts: usize,
}

/// How an OU is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum OuReach {
    /// As a whole, or with one above it.
    WholeOu {
        /// The path of the OU that StackSets are given.
        ou: String,
        /// What becomes of accounts that join it.
        joiners: Joiners,
    },
    /// In part.
    InPart {
        /// The paths of OUs in it that are had as a whole.
        whole: Vec<String>,
        /// How many accounts in it are named by their IDs.
        named_accounts: usize,
        /// What keeps it from being had as a whole.
        because: Vec<Obstacle>,
    },
}

/// An OU that a ring names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RingTarget {
    /// Which ring.
    pub ring: RingName,
    /// The path of the OU.
    pub ou: String,
    /// Where the ring names it.
    pub line: FileLine,
}

/// What a Region that was asked about is to a ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegionExplained {
    /// Which Region.
    pub region: Region,
    /// Where the ring names it; none where it does not, or there is no ring.
    pub line: Option<FileLine>,
    /// Whether the owner account can use it; none where that account does not know it.
    pub status: Option<RegionStatus>,
}

/// What a ring gives to its accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RingExplained {
    /// Which ring.
    pub name: RingName,
    /// Where it stands.
    pub line: FileLine,
    /// The OU that it names and that whoever was asked about is in.
    pub target: Option<RingTarget>,
    /// OUs above that one that other rings name: the deepest one wins.
    pub passed_over: Vec<RingTarget>,
    /// Its Regions.
    pub regions: Vec<Region>,
    /// Which nodes, in words.
    pub nodes: String,
    /// When nodes are scanned and patched, by Region; in the Region alone that was asked about, if one was.
    pub schedule: Vec<RunExplained>,
    /// What of the schedule State Manager has no words for.
    pub unsaid: Vec<String>,
    /// Change Calendars that must be open for an installation.
    pub calendars: Vec<CalendarArn>,
    /// When patches are approved, where neither rule nor baseline says it.
    pub approvals: ApprovalsExplained,
    /// The rules of each operating system.
    pub baselines: Vec<BaselineExplained>,
    /// Patches that are rejected for now.
    pub exceptions: Vec<ExceptionExplained>,
}

/// When nodes are scanned or patched in a Region, and where the file says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunExplained {
    /// When.
    #[serde(flatten)]
    pub run: ScheduleLine,
    /// Where the file says so.
    pub line: FileLine,
}

/// When patches are approved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Approvals {
    /// So long after their release.
    AfterDays {
        /// Days.
        days: u16,
    },
    /// Released up to a day, in UTC, which is included.
    Until {
        /// The day.
        date: Date,
        /// The word for it, where the file does not say the day itself.
        word: Option<&'static str>,
    },
    /// These, and no other.
    Only {
        /// By their names.
        patches: Vec<String>,
    },
    /// By the word of a baseline that is taken as it is.
    AsTheBaselineSays,
    /// At once, since AWS knows no release dates of these patches.
    AtOnce,
}

impl fmt::Display for Approvals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterDays { days: 0 } => f.write_str("as soon as they are released"),
            Self::AfterDays { days: 1 } => f.write_str("1 day after their release"),
            Self::AfterDays { days } => write!(f, "{days} days after their release"),
            Self::Until { date, word: None } => write!(f, "released up to {date}"),
            Self::Until { date, word: Some(word) } => {
                write!(f, "released up to {date} ({word})")
            }
            Self::Only { patches } if patches.is_empty() => f.write_str("none"),
            Self::Only { patches } => write!(f, "only {}", patches.join(", ")),
            Self::AsTheBaselineSays => f.write_str("as the baseline says"),
            Self::AtOnce => {
                f.write_str("at once, since AWS knows no release dates of these patches")
            }
        }
    }
}

/// When patches are approved, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ApprovalsExplained {
    /// When.
    pub approvals: Approvals,
    /// Where the file says so; none where it does not.
    pub line: Option<FileLine>,
    /// The rule whose patches are meant, where it is one.
    pub rule: Option<FileLine>,
}

/// Where the rules of an operating system come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BaselineOrigin {
    /// AWS's default.
    Aws,
    /// A baseline that exists, by ID or ARN.
    Existing {
        /// Which.
        id: BaselineId,
    },
    /// A baseline that exists, by name.
    Named {
        /// Its name.
        name: String,
    },
    /// Rules of the file, from which orgpatch makes one.
    Rules {
        /// How many.
        count: usize,
    },
}

/// The rules of an operating system, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaselineExplained {
    /// Which operating system.
    pub system: OperatingSystem,
    /// Where its rules come from.
    pub origin: BaselineOrigin,
    /// Where the file says so; none where it does not.
    pub line: Option<FileLine>,
    /// When their patches are approved; for each rule, where the file has them.
    pub approvals: Vec<ApprovalsExplained>,
}

/// A patch that is rejected for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExceptionExplained {
    /// Which patch.
    pub patch: String,
    /// On which operating system.
    pub system: OperatingSystem,
    /// The last day.
    pub until: Date,
    /// Who answers for it.
    pub owner: String,
    /// Where it is written why.
    pub ticket: String,
    /// Where the file says so.
    pub line: FileLine,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvals_are_told_in_words() {
        let date = "2026-11-01".parse().unwrap();
        let said = |approvals: Approvals| approvals.to_string();

        assert_eq!(said(Approvals::AfterDays { days: 1 }), "1 day after their release");
        assert_eq!(said(Approvals::AfterDays { days: 7 }), "7 days after their release");
        assert_eq!(said(Approvals::Until { date, word: None }), "released up to 2026-11-01");
        assert_eq!(
            said(Approvals::Until { date, word: Some("month-start") }),
            "released up to 2026-11-01 (month-start)"
        );
        let patches = vec!["KB1".to_owned(), "KB2".to_owned()];
        assert_eq!(said(Approvals::Only { patches }), "only KB1, KB2");
    }
}
