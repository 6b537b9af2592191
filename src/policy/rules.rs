//! What a policy says about patches: rules, approvals and exceptions.

use jiff::civil::Date;

use crate::{
    ids::{BaselineId, BaselineName, OperatingSystem, RingName},
    state::{PatchFilter, PatchSource, Switch},
};

use super::{error::Place, values::At};

/// Which patches are approved, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approve {
    /// So many days after their release, 0 to 360.
    AfterDays(u16),
    /// Released up to a day.
    Until(Until),
    /// These, and no other.
    Only(Vec<At<String>>),
}

/// A day up to which patches are approved, in UTC; the day itself is included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// This one.
    Date(Date),
    /// The first of the month of the plan.
    MonthStart,
    /// The first of the month before.
    PreviousMonthStart,
}

/// Where the rules of an operating system come from, as the file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaselineWish {
    /// AWS's default.
    Aws,
    /// A baseline that exists, by ID or ARN.
    Existing(BaselineId),
    /// A baseline that exists, by name.
    Named(BaselineName),
    /// Rules, from which orgpatch makes one.
    Rules(Box<BaselineRules>),
}

/// Rules as code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineRules {
    /// What every patch must match.
    pub filters: Vec<PatchFilter>,
    /// What is approved.
    pub rules: Vec<Rule>,
    /// Patches that are approved by name.
    pub approved: Vec<String>,
    /// The compliance level of those.
    pub approved_compliance: ComplianceLevel,
    /// Whether they may come from outside of the security repositories.
    pub approved_non_security: Switch,
    /// Patches that are rejected by name.
    pub rejected: Vec<String>,
    /// What becomes of those.
    pub rejected_action: RejectedAction,
    /// Further repositories.
    pub sources: Vec<PatchSource>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which patches, by AWS's keys.
    pub filters: Vec<PatchFilter>,
    /// When they are approved; by the ring's word where it says nothing.
    pub approve: Option<At<Approve>>,
    /// How bad it is that one is missing.
    pub compliance: Option<ComplianceLevel>,
    /// Whether patches may come from outside of the security repositories.
    pub non_security: Switch,
    /// Where it stands.
    pub place: Place,
}

/// How bad it is that a patch is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComplianceLevel {
    /// `CRITICAL`
    Critical,
    /// `HIGH`
    High,
    /// `MEDIUM`
    Medium,
    /// `LOW`
    Low,
    /// `INFORMATIONAL`
    Informational,
    /// `UNSPECIFIED`
    Unspecified,
}

impl ComplianceLevel {
    /// As the API spells it.
    pub fn aws_name(self) -> &'static str {
        match self {
            Self::Critical => "CRITICAL",
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
            Self::Informational => "INFORMATIONAL",
            Self::Unspecified => "UNSPECIFIED",
        }
    }
}

/// What becomes of rejected patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectedAction {
    /// They are installed where another patch needs them.
    AllowAsDependency,
    /// Neither they nor what needs them is installed.
    Block,
}

impl RejectedAction {
    /// As the API spells it.
    pub fn aws_name(self) -> &'static str {
        match self {
            Self::AllowAsDependency => "ALLOW_AS_DEPENDENCY",
            Self::Block => "BLOCK",
        }
    }
}

/// A patch that is rejected until a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Which.
    pub patch: At<String>,
    /// On which operating system.
    pub system: OperatingSystem,
    /// In which rings; in all where it does not say.
    pub rings: Option<Vec<At<RingName>>>,
    /// Who answers for it.
    pub owner: String,
    /// Where it is written why.
    pub ticket: String,
    /// The last day on which it holds.
    pub until: At<Date>,
}
