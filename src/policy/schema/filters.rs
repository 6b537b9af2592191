//! What rules can choose patches by, on each kind of operating system.

use serde_json::{Map, Value, json};

use crate::{
    ids::OperatingSystem,
    policy::baselines::{FilterKey, products},
};

use super::TEXT;

/// A rule has so many filters at most, and a filter so many values (API reference of `PatchFilterGroup` and
/// `PatchFilter`).
pub(super) const MOST_FILTERS: usize = 4;
const MOST_VALUES: usize = 20;

/// Operating systems whose rules have the same keys, and mostly the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Windows,
    RedHat,
    Suse,
    Debian,
    Macos,
}

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

    fn systems(self) -> impl Iterator<Item = OperatingSystem> {
        OperatingSystem::ALL.into_iter().filter(move |system| Self::of(*system) == self)
    }

    /// The keys that its rules can filter by.
    fn keys(self) -> &'static [FilterKey] {
        self.systems().next().map(FilterKey::of).unwrap_or_default()
    }

    /// The same as a policy file spells them.
    pub(super) fn filter_keys(self) -> Vec<&'static str> {
        self.keys().iter().map(|key| key.key()).collect()
    }

    /// The values of a key that are known of one of its systems.
    fn known(self, key: FilterKey) -> Vec<&'static str> {
        let mut known = Vec::new();
        for system in self.systems() {
            let product = (key == FilterKey::Product).then(|| products(system).1);
            for value in key.known(system).iter().copied().chain(product) {
                if !known.contains(&value) {
                    known.push(value);
                }
            }
        }
        known.extend(key.takes_all().then_some("*"));
        known
    }

    pub(super) fn is_linux(self) -> bool {
        self.systems().all(OperatingSystem::is_linux)
    }

    pub(super) fn tells_release_dates(self) -> bool {
        self.systems().all(OperatingSystem::tells_release_dates)
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
    family
        .keys()
        .iter()
        .map(|key| (format!("{}_{name}", key.key()), filter(*key, &family.known(*key))))
        .collect()
}

/// One value or several.
fn filter(key: FilterKey, known: &[&str]) -> Value {
    if key == FilterKey::PatchSet {
        return patch_set();
    }
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
    if key.takes_all() {
        // It stands for every value, so it stands alone.
        values["if"] = json!({ "contains": { "const": "*" } });
        values["then"] = json!({ "maxItems": 1 });
    }
    json!({ "description": meaning(key), "anyOf": [value, values] })
}

/// A patch is in one of the two, so there is one value.
fn patch_set() -> Value {
    let value = json!({ "enum": ["os", "application"] });
    json!({
        "description": meaning(FilterKey::PatchSet),
        "anyOf": [value, { "type": "array", "minItems": 1, "maxItems": 1, "items": value }],
    })
}

fn meaning(key: FilterKey) -> &'static str {
    match key {
        FilterKey::PatchSet => {
            "Patches of the operating system, or of Microsoft's applications, which need `product_family` and `product` too."
        }
        FilterKey::Product => "Patches for these versions. \"*\" is any.",
        FilterKey::ProductFamily => {
            "Patches for these families of products, with `patch_set: application`. \"*\" is any."
        }
        FilterKey::Classification => "Patches of these kinds. \"*\" is any.",
        FilterKey::MsrcSeverity => "Patches that Microsoft calls so severe.",
        FilterKey::Section => "Packages of these sections.",
        FilterKey::Priority => "Packages of these priorities.",
        FilterKey::Severity => "Patches that their publisher calls so severe. \"*\" is any.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_family_is_so_of_each_of_its_systems() {
        for system in OperatingSystem::ALL {
            let family = Family::of(system);

            assert_eq!(family.keys(), FilterKey::of(system), "{system}");
            assert_eq!(family.is_linux(), system.is_linux(), "{system}");
            assert_eq!(family.tells_release_dates(), system.tells_release_dates(), "{system}");
            for key in FilterKey::of(system) {
                let known = family.known(*key);
                assert!(key.known(system).iter().all(|value| known.contains(value)), "{system}");
            }
        }
    }
}
