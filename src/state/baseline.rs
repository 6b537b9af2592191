//! What a patch baseline says, in the nine keys of the override object.

use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use crate::ids::{BaselineId, BaselineName, OperatingSystem};

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
    /// The same with everything said that may be left out, and lists in one order: what AWS answers for it.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut baseline = self.clone();
        let rules = &mut baseline.approval_rules.patch_rules;
        let groups = rules.iter_mut().map(|rule| &mut rule.patch_filter_group);
        for group in groups.chain([&mut baseline.global_filters]) {
            group.patch_filters.iter_mut().for_each(|filter| filter.values.sort());
            group.patch_filters.sort_by(|a, b| a.key.cmp(&b.key));
        }
        for rule in &mut baseline.approval_rules.patch_rules {
            rule.compliance_level.get_or_insert_with(unspecified);
            rule.enable_non_security.get_or_insert(false);
            // Nothing can be said there, whatever AWS answers.
            if !self.operating_system.tells_release_dates() {
                rule.approve_after_days = None;
                rule.approve_until_date = None;
            }
        }
        baseline.approved_patches.sort();
        baseline.rejected_patches.sort();
        baseline
    }

    /// Whether the other one says the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.normalized() == other.normalized()
    }

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

    /// The same with other approvals, and with more rejected patches.
    ///
    /// Where an operating system is not told when patches were released, its rules get neither days
    /// nor a date, whatever they had: AWS takes none in a baseline that is made.
    #[must_use]
    pub fn with(&self, approval: &Approval, rejected: &[String]) -> Self {
        let mut baseline = self.clone();
        let rules = &mut baseline.approval_rules.patch_rules;
        match approval {
            Approval::AsItIs => {}
            Approval::AfterDays(days) => {
                for rule in rules.iter_mut() {
                    rule.approve_after_days = Some(i32::from(*days));
                    rule.approve_until_date = None;
                }
            }
            Approval::UntilDate(day) => {
                for rule in rules.iter_mut() {
                    rule.approve_after_days = None;
                    rule.approve_until_date = Some(day.to_string());
                }
            }
            Approval::Only(names) => {
                rules.clear();
                add(&mut baseline.approved_patches, names);
            }
        }
        if !self.operating_system.tells_release_dates() {
            for rule in &mut baseline.approval_rules.patch_rules {
                rule.approve_after_days = None;
                rule.approve_until_date = None;
            }
        }
        add(&mut baseline.rejected_patches, rejected);
        baseline
    }
}

/// Adds the names that are not there yet.
fn add(names: &mut Vec<String>, more: &[String]) {
    for name in more {
        if !names.contains(name) {
            names.push(name.clone());
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

/// When patches are approved, in a baseline that is made from another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// As the other one says.
    AsItIs,
    /// So many days after their release, 0 to 360.
    AfterDays(u16),
    /// Released up to this day, in UTC.
    UntilDate(jiff::civil::Date),
    /// These, and no other.
    Only(Vec<String>),
}

/// Where the rules for an operating system come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineSource {
    /// AWS's own default, resolved in the home Region.
    Aws,
    /// A baseline that exists in the owner account's home Region.
    Existing(BaselineId),
    /// The one baseline there, of the account's own or AWS's, that has this name.
    Named(BaselineName),
}

/// What is wished of the rules of one operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaselineWanted {
    /// A baseline that exists, as it is.
    Taken(BaselineSource),
    /// One that orgpatch makes.
    Made(Box<BaselineMaking>),
}

impl BaselineWanted {
    /// The baseline that has to be looked up for it, if any.
    pub fn source(&self) -> Option<BaselineSource> {
        match self {
            Self::Taken(source) => Some(source.clone()),
            Self::Made(making) => match &making.content {
                MadeFrom::Rules(_) => None,
                MadeFrom::AwsDefault { .. } => Some(BaselineSource::Aws),
            },
        }
    }
}

/// A baseline that orgpatch makes, as far as it is known before AWS has been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineMaking {
    /// Its name.
    pub name: BaselineName,
    /// What the console shows of it.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it is to say.
    pub content: MadeFrom,
}

/// What a baseline is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MadeFrom {
    /// Rules of the policy.
    Rules(Baseline),
    /// AWS's default, with other approvals and more rejected patches.
    AwsDefault {
        /// When its patches are approved.
        approval: Approval,
        /// Patches that are rejected.
        rejected: Vec<String>,
    },
}

/// A baseline that orgpatch makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaselineSpec {
    /// Its name.
    pub name: BaselineName,
    /// What the console shows of it.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it says.
    pub content: Baseline,
}

/// A baseline of the account's own, with what tells whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineMade {
    /// What to ask for it again.
    pub id: BaselineId,
    /// Its name.
    pub name: BaselineName,
    /// What the console shows of it.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it says.
    pub content: Baseline,
}

/// The account's own baselines in the home Region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnBaselines {
    /// How many there are in all.
    pub count: usize,
    /// Those whose names were asked for.
    pub named: Vec<BaselineMade>,
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

/// A property of patches for which AWS tells the values that there are (`DescribePatchProperties`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatchProperty {
    /// `PRODUCT`
    Product,
    /// `PRODUCT_FAMILY`
    ProductFamily,
    /// `CLASSIFICATION`
    Classification,
    /// `MSRC_SEVERITY`
    MsrcSeverity,
    /// `PRIORITY`
    Priority,
    /// `SEVERITY`
    Severity,
}

impl PatchProperty {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Product,
        Self::ProductFamily,
        Self::Classification,
        Self::MsrcSeverity,
        Self::Priority,
        Self::Severity,
    ];

    /// As the API spells it, and as the key of a filter.
    pub fn aws_name(self) -> &'static str {
        match self {
            Self::Product => "PRODUCT",
            Self::ProductFamily => "PRODUCT_FAMILY",
            Self::Classification => "CLASSIFICATION",
            Self::MsrcSeverity => "MSRC_SEVERITY",
            Self::Priority => "PRIORITY",
            Self::Severity => "SEVERITY",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A baseline like AWS's defaults: one rule that approves after seven days.
    fn baseline(operating_system: OperatingSystem) -> Baseline {
        let filter = PatchFilter { key: "PRODUCT".to_owned(), values: vec!["*".to_owned()] };
        let rule = PatchRule {
            patch_filter_group: PatchFilterGroup { patch_filters: vec![filter] },
            compliance_level: Some(unspecified()),
            approve_after_days: Some(7),
            approve_until_date: None,
            enable_non_security: Some(false),
        };
        Baseline {
            approval_rules: ApprovalRules { patch_rules: vec![rule] },
            rejected_patches: vec!["telnet-*".to_owned()],
            ..Baseline::empty(operating_system)
        }
    }

    fn timing(baseline: &Baseline) -> Vec<(Option<i32>, Option<&str>)> {
        let rules = &baseline.approval_rules.patch_rules;
        rules
            .iter()
            .map(|rule| (rule.approve_after_days, rule.approve_until_date.as_deref()))
            .collect()
    }

    #[test]
    fn another_approval_takes_the_place_of_days_and_of_a_date() {
        let linux = baseline(OperatingSystem::AmazonLinux2023);
        let date = Approval::UntilDate(jiff::civil::date(2026, 11, 1));

        let until = linux.with(&date, &[]);
        assert_eq!(timing(&until), [(None, Some("2026-11-01"))]);
        assert_eq!(timing(&until.with(&Approval::AfterDays(0), &[])), [(Some(0), None)]);
        assert_eq!(linux.with(&Approval::AsItIs, &[]), linux);
    }

    #[test]
    fn where_release_dates_are_unknown_there_are_neither_days_nor_a_date() {
        for system in [OperatingSystem::Debian, OperatingSystem::Raspbian, OperatingSystem::Ubuntu]
        {
            for approval in [Approval::AsItIs, Approval::AfterDays(3)] {
                assert_eq!(timing(&baseline(system).with(&approval, &[])), [(None, None)]);
            }
        }
    }

    #[test]
    fn only_these_patches_means_no_rule_at_all() {
        let only = Approval::Only(vec!["KB5034439".to_owned()]);

        let windows = baseline(OperatingSystem::Windows).with(&only, &[]);

        assert!(timing(&windows).is_empty());
        assert_eq!(windows.approved_patches, ["KB5034439"]);
    }

    #[test]
    fn rejected_patches_are_added_once_each() {
        let more = ["kernel-*".to_owned(), "telnet-*".to_owned(), "kernel-*".to_owned()];

        let linux = baseline(OperatingSystem::AmazonLinux2023).with(&Approval::AsItIs, &more);

        assert_eq!(linux.rejected_patches, ["telnet-*", "kernel-*"]);
    }
}
