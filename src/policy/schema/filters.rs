//! What rules can choose patches by, on each kind of operating system.

use serde_json::{Map, Value, json};

use crate::ids::OperatingSystem;

use super::TEXT;

/// Operating systems whose rules have the same keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Windows,
    RedHat,
    Suse,
    Debian,
    Macos,
}

/// A filter of rules: its key, what it chooses by, and the values that are known. `*` among them stands for
/// every value. `DescribePatchProperties` has more.
type Filter = (&'static str, &'static str, &'static [&'static str]);

/// A rule has so many filters at most, and a filter so many values (API reference of `PatchFilterGroup` and
/// `PatchFilter`).
pub(super) const MOST_FILTERS: usize = 4;
const MOST_VALUES: usize = 20;

const CLASSIFICATION: &str = "Patches of these kinds.";
const SEVERITY: &str = "Patches that are so severe.";
const PRODUCT: &str = "Patches for these versions. \"*\" is any.";

const WINDOWS: [Filter; 4] = [
    (
        "classification",
        CLASSIFICATION,
        &[
            "CriticalUpdates",
            "DefinitionUpdates",
            "Drivers",
            "FeaturePacks",
            "SecurityUpdates",
            "ServicePacks",
            "Tools",
            "UpdateRollups",
            "Updates",
            "Upgrades",
            "*",
        ],
    ),
    (
        "msrc_severity",
        "Patches that Microsoft calls so severe.",
        &["Critical", "Important", "Moderate", "Low", "Unspecified"],
    ),
    (
        "product",
        PRODUCT,
        &[
            "WindowsServer2025",
            "WindowsServer2022",
            "WindowsServer2019",
            "WindowsServer2016",
            "WindowsServer2012R2",
            "WindowsServer2012",
            "*",
        ],
    ),
    (
        "product_family",
        "Patches for these families of products; with `patch_set: application`.",
        &["*"],
    ),
];

const RED_HAT: [Filter; 3] = [
    (
        "classification",
        CLASSIFICATION,
        &["Security", "Bugfix", "Enhancement", "Recommended", "Newpackage", "*"],
    ),
    ("severity", SEVERITY, &["Critical", "Important", "Moderate", "Medium", "Low", "*"]),
    ("product", PRODUCT, &["*"]),
];

const SUSE: [Filter; 3] = [
    (
        "classification",
        CLASSIFICATION,
        &["Security", "Recommended", "Optional", "Feature", "Document", "Yast", "*"],
    ),
    ("severity", SEVERITY, &["Critical", "Important", "Moderate", "Low", "*"]),
    ("product", PRODUCT, &["*"]),
];

const DEBIAN: [Filter; 3] = [
    (
        "priority",
        "Packages of these priorities.",
        &["Required", "Important", "Standard", "Optional", "Extra"],
    ),
    ("section", "Packages of these sections.", &[]),
    ("product", PRODUCT, &["*"]),
];

const MACOS: [Filter; 2] =
    [("classification", CLASSIFICATION, &["Security", "*"]), ("product", PRODUCT, &["*"])];

impl Family {
    pub(super) const ALL: [Self; 5] =
        [Self::Windows, Self::RedHat, Self::Suse, Self::Debian, Self::Macos];

    pub(super) fn of(system: OperatingSystem) -> Self {
        match system {
            OperatingSystem::Windows => Self::Windows,
            OperatingSystem::Suse => Self::Suse,
            OperatingSystem::Debian | OperatingSystem::Raspbian | OperatingSystem::Ubuntu => {
                Self::Debian
            }
            OperatingSystem::Macos => Self::Macos,
            OperatingSystem::AlmaLinux
            | OperatingSystem::AmazonLinux
            | OperatingSystem::AmazonLinux2
            | OperatingSystem::AmazonLinux2022
            | OperatingSystem::AmazonLinux2023
            | OperatingSystem::Centos
            | OperatingSystem::OracleLinux
            | OperatingSystem::RedhatEnterpriseLinux
            | OperatingSystem::RockyLinux => Self::RedHat,
        }
    }

    /// What its definitions are called with.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::RedHat => "red_hat",
            Self::Suse => "suse",
            Self::Debian => "debian",
            Self::Macos => "macos",
        }
    }

    fn filters(self) -> &'static [Filter] {
        match self {
            Self::Windows => &WINDOWS,
            Self::RedHat => &RED_HAT,
            Self::Suse => &SUSE,
            Self::Debian => &DEBIAN,
            Self::Macos => &MACOS,
        }
    }

    /// The filter keys of its rules.
    pub(super) fn filter_keys(self) -> Vec<&'static str> {
        let patch_set = (self == Self::Windows).then_some("patch_set");
        self.filters().iter().map(|(key, ..)| *key).chain(patch_set).collect()
    }

    /// Only Linux has repositories besides those for security.
    pub(super) fn is_linux(self) -> bool {
        matches!(self, Self::RedHat | Self::Suse | Self::Debian)
    }

    /// Debian and its kin don't say when a package was released.
    pub(super) fn knows_releases(self) -> bool {
        self != Self::Debian
    }
}

/// The filter keys of a family, as properties.
pub(super) fn filters(family: Family) -> Map<String, Value> {
    let name = family.name();
    family
        .filter_keys()
        .into_iter()
        .map(|key| (key.to_owned(), json!({ "$ref": format!("#/$defs/{key}_{name}") })))
        .collect()
}

/// What those refer to.
pub(super) fn definitions(family: Family) -> Map<String, Value> {
    let name = family.name();
    let filters = family.filters().iter();
    let mut definitions: Map<String, Value> = filters
        .map(|(key, description, known)| (format!("{key}_{name}"), filter(description, known)))
        .collect();
    if family == Family::Windows {
        definitions.insert("patch_set_windows".to_owned(), patch_set());
    }
    definitions
}

/// One value or several.
fn filter(description: &str, known: &[&str]) -> Value {
    // AWS adds values, so another one passes.
    let other = json!({ "type": TEXT, "minLength": 1, "maxLength": 64 });
    let value =
        if known.is_empty() { other } else { json!({ "anyOf": [{ "enum": known }, other] }) };
    let mut values = json!({
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_VALUES,
        "uniqueItems": true,
        "items": value,
    });
    if known.contains(&"*") {
        // It stands for every value, so it stands alone.
        values["if"] = json!({ "contains": { "const": "*" } });
        values["then"] = json!({ "maxItems": 1 });
    }
    json!({ "description": description, "anyOf": [value, values] })
}

/// A patch is in one of the two, so there is one value.
fn patch_set() -> Value {
    let value = json!({ "enum": ["os", "application"] });
    json!({
        "description": "Patches of the operating system, or of Microsoft's applications.",
        "anyOf": [value, { "type": "array", "minItems": 1, "maxItems": 1, "items": value }],
    })
}
