//! Patching that somebody set up in an account by itself, where no stack set of the owner account shows it.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use crate::{ids::BaselineId, state::Switch};

/// How the stack sets of Quick Setup's patch policies begin.
pub const PATCH_POLICY_SETS: &str = "AWS-QuickSetup-PatchPolicy-";

/// How the stack sets of Quick Setup's host management begin.
pub const HOST_MANAGEMENT_SETS: &str = "AWS-QuickSetup-SSMHostMgmt-";

/// The document whose results are those of an association, and stand beside a node's patch data.
pub const ASSOCIATION_DOCUMENT: &str = "AWS-RunPatchBaselineAssociation";

/// The documents of AWS's that scan for patches and install them.
const PATCHING_DOCUMENTS: [&str; 3] =
    ["AWS-RunPatchBaseline", ASSOCIATION_DOCUMENT, "AWS-RunPatchBaselineWithHooks"];

/// Which of the patching documents a name or an ARN means, if it means one.
pub fn patching_document(name_or_arn: &str) -> Option<&'static str> {
    let name = match name_or_arn.strip_prefix("arn:") {
        Some(arn) => arn.rsplit_once("document/")?.1,
        None => name_or_arn,
    };
    PATCHING_DOCUMENTS.into_iter().find(|document| *document == name)
}

/// Something in one account and Region that runs a patching document, or gives nodes other rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForeignPatching {
    /// An association of State Manager.
    Association(PatchAssociation),
    /// A maintenance window with tasks that patch.
    Window(PatchWindow),
    /// A patch group with baselines of its own.
    Group(PatchGroup),
}

/// What a run of a patching document does (`Operation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchOperation {
    /// It looks for missing patches.
    Scan,
    /// It installs them.
    Install,
    /// It was not said.
    Unknown,
}

impl PatchOperation {
    /// Reads the document's parameter.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            Some("Scan") => Self::Scan,
            Some("Install") => Self::Install,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for PatchOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scan => "scan",
            Self::Install => "install",
            Self::Unknown => "scan or install",
        })
    }
}

/// A condition on nodes, as `Targets` has it. Those of one list must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTarget {
    /// `InstanceIds`, `tag:<key>`, `tag-key`, `resource-groups:Name` …
    pub key: String,
    /// Any of these.
    pub values: Vec<String>,
}

/// An association that runs a patching document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchAssociation {
    /// Its ID.
    pub id: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The document, without the ARN around it.
    pub document: String,
    /// What it does.
    pub operation: PatchOperation,
    /// On which nodes.
    pub targets: Vec<NodeTarget>,
    /// When, in UTC; none where it runs only when it is made or changed.
    pub schedule: Option<String>,
    /// Days after the day of that.
    pub offset_days: u8,
}

/// A maintenance window, with those of its tasks that patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchWindow {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it opens at all.
    pub enabled: Switch,
    /// When it opens.
    pub schedule: String,
    /// In which time zone; UTC where there is none.
    pub timezone: Option<String>,
    /// Days after the day of that.
    pub offset_days: u8,
    /// Hours that it is open.
    pub duration_hours: u8,
    /// Hours before its end after which no task begins.
    pub cutoff_hours: u8,
    /// The tasks that patch.
    pub tasks: Vec<PatchTask>,
}

/// A task of a maintenance window that runs a patching document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchTask {
    /// Its ID.
    pub id: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The document, without the ARN around it.
    pub document: String,
    /// What it does.
    pub operation: PatchOperation,
    /// The nodes of any of these. A list without a condition is any node.
    pub targets: Vec<Vec<NodeTarget>>,
}

/// A patch group: nodes by the value of the tag `Patch Group` or `PatchGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchGroup {
    /// The tag's value.
    pub name: String,
    /// The baselines that it is registered with, one an operating system.
    pub baselines: BTreeSet<BaselineId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patching_document_is_known_by_its_name_and_by_its_arn() {
        for (text, expected) in [
            ("AWS-RunPatchBaseline", Some("AWS-RunPatchBaseline")),
            (
                "arn:aws-cn:ssm:cn-north-1:111122223333:document/AWS-RunPatchBaselineWithHooks",
                Some("AWS-RunPatchBaselineWithHooks"),
            ),
            ("arn:aws:ssm:eu-west-1::document/AWS-RunPatchBaseline", Some("AWS-RunPatchBaseline")),
            ("AWS-RunPatchBaselineX", None),
            ("AWS-UpdateSSMAgent", None),
            ("arn:aws:lambda:eu-west-1:111122223333:function:AWS-RunPatchBaseline", None),
        ] {
            assert_eq!(patching_document(text), expected, "{text}");
        }
    }
}
