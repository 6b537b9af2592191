//! What a patch baseline says, in the nine keys of the override object.

use serde::{Deserialize, Serialize};

use crate::ids::{BaselineId, OperatingSystem};

/// One element of `baseline_overrides.json`: the rules for one operating system.
///
/// The nine keys, and no others, are what the agent forwards (`BaselineOverride` in the SSM API);
/// each is always present, since the agent turns a missing one into a null that the API refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Baseline {
    /// Whose rules these are.
    pub operating_system: OperatingSystem,
    /// What every patch must match.
    #[serde(default)]
    pub global_filters: PatchFilterGroup,
    /// What is approved, and when.
    #[serde(default)]
    pub approval_rules: ApprovalRules,
    /// Patches that are approved by name.
    #[serde(default)]
    pub approved_patches: Vec<String>,
    /// The compliance level of those.
    #[serde(default = "unspecified")]
    pub approved_patches_compliance_level: String,
    /// Whether they may come from outside of the security repositories.
    #[serde(default)]
    pub approved_patches_enable_non_security: bool,
    /// Patches that are rejected by name.
    #[serde(default)]
    pub rejected_patches: Vec<String>,
    /// What becomes of those.
    #[serde(default = "allow_as_dependency")]
    pub rejected_patches_action: String,
    /// Further repositories.
    #[serde(default)]
    pub sources: Vec<PatchSource>,
}

fn unspecified() -> String {
    "UNSPECIFIED".to_owned()
}

fn allow_as_dependency() -> String {
    "ALLOW_AS_DEPENDENCY".to_owned()
}

impl Baseline {
    /// A baseline that approves nothing.
    pub fn empty(operating_system: OperatingSystem) -> Self {
        Self {
            operating_system,
            global_filters: PatchFilterGroup::default(),
            approval_rules: ApprovalRules::default(),
            approved_patches: Vec::new(),
            approved_patches_compliance_level: unspecified(),
            approved_patches_enable_non_security: false,
            rejected_patches: Vec::new(),
            rejected_patches_action: allow_as_dependency(),
            sources: Vec::new(),
        }
    }
}

/// Filters that must all match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PatchFilterGroup {
    /// At most four.
    #[serde(default)]
    pub patch_filters: Vec<PatchFilter>,
}

/// One key and the values that match it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PatchFilter {
    /// For example `CLASSIFICATION`.
    pub key: String,
    /// At most twenty.
    #[serde(default)]
    pub values: Vec<String>,
}

/// The rules of a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApprovalRules {
    /// At most ten.
    #[serde(default)]
    pub patch_rules: Vec<PatchRule>,
}

/// One rule: which patches, and after how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PatchRule {
    /// Which patches.
    pub patch_filter_group: PatchFilterGroup,
    /// How bad it is that one is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compliance_level: Option<String>,
    /// Days after release, 0 to 360.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_after_days: Option<i32>,
    /// Released up to this day, `YYYY-MM-DD` in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_until_date: Option<String>,
    /// Whether patches may come from outside of the security repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_non_security: Option<bool>,
}

/// A further repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PatchSource {
    /// Its name.
    pub name: String,
    /// For which products.
    #[serde(default)]
    pub products: Vec<String>,
    /// The repository file's text.
    pub configuration: String,
}

/// Where the rules for an operating system come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineSource {
    /// AWS's own default, resolved in the home Region.
    Aws,
    /// A baseline that exists in the owner account's home Region.
    Existing(BaselineId),
}

/// A baseline as it was read: which one it is, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineSeen {
    /// What to ask for it again.
    pub id: BaselineId,
    /// Its name, for people.
    pub name: String,
    /// What it says.
    pub content: Baseline,
}
