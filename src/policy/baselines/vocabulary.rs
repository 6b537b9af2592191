//! By which keys AWS filters the patches of each operating system, and which of their values are known.
//!
//! The lists are those of AWS's documents (API reference of `DescribePatchProperties` and `PatchFilter`).
//! Only `DescribePatchProperties` itself knows them all, so a value that is not here may be right.

use crate::ids::OperatingSystem;

/// A key by which patches are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum FilterKey {
    /// Windows itself, or Microsoft's applications.
    PatchSet,
    /// For example `WindowsServer2022`.
    Product,
    /// A family of Microsoft's products.
    ProductFamily,
    /// What kind of patch it is.
    Classification,
    /// How severe Microsoft says it is.
    MsrcSeverity,
    /// The section of a Debian package.
    Section,
    /// The priority of a Debian package.
    Priority,
    /// How severe its publisher says it is.
    Severity,
}

use FilterKey::{
    Classification, MsrcSeverity, PatchSet, Priority, Product, ProductFamily, Section, Severity,
};

impl FilterKey {
    /// All that rules can have, in the order of AWS's enumeration.
    pub(in crate::policy) const ALL: [Self; 8] = [
        PatchSet,
        Product,
        ProductFamily,
        Classification,
        MsrcSeverity,
        Section,
        Priority,
        Severity,
    ];

    /// As a policy file spells it.
    pub(in crate::policy) fn key(self) -> &'static str {
        match self {
            PatchSet => "patch_set",
            Product => "product",
            ProductFamily => "product_family",
            Classification => "classification",
            MsrcSeverity => "msrc_severity",
            Section => "section",
            Priority => "priority",
            Severity => "severity",
        }
    }

    /// As the API spells it.
    pub(in crate::policy) fn aws_name(self) -> &'static str {
        match self {
            PatchSet => "PATCH_SET",
            Product => "PRODUCT",
            ProductFamily => "PRODUCT_FAMILY",
            Classification => "CLASSIFICATION",
            MsrcSeverity => "MSRC_SEVERITY",
            Section => "SECTION",
            Priority => "PRIORITY",
            Severity => "SEVERITY",
        }
    }

    /// The keys that an operating system has.
    pub(in crate::policy) fn of(system: OperatingSystem) -> &'static [Self] {
        match system {
            OperatingSystem::Windows => {
                &[PatchSet, Product, ProductFamily, Classification, MsrcSeverity]
            }
            OperatingSystem::Debian | OperatingSystem::Raspbian | OperatingSystem::Ubuntu => {
                &[Product, Section, Priority]
            }
            OperatingSystem::Macos => &[Product, Classification],
            OperatingSystem::AlmaLinux
            | OperatingSystem::AmazonLinux
            | OperatingSystem::AmazonLinux2
            | OperatingSystem::AmazonLinux2022
            | OperatingSystem::AmazonLinux2023
            | OperatingSystem::Centos
            | OperatingSystem::OracleLinux
            | OperatingSystem::RedhatEnterpriseLinux
            | OperatingSystem::RockyLinux
            | OperatingSystem::Suse => &[Product, Classification, Severity],
        }
    }

    /// The key that says on an operating system what this one says on others, if any does.
    pub(in crate::policy) fn counterpart(self, system: OperatingSystem) -> Option<Self> {
        const HOW_BAD: [FilterKey; 3] = [MsrcSeverity, Priority, Severity];
        let counterpart = || Self::of(system).iter().find(|key| HOW_BAD.contains(*key)).copied();
        HOW_BAD.contains(&self).then(counterpart).flatten()
    }

    /// Whether `*` stands for every value.
    pub(in crate::policy) fn takes_all(self) -> bool {
        matches!(self, Product | ProductFamily | Classification | Severity)
    }

    /// The values that are known; none where the key is open, or the list was never published.
    pub(in crate::policy) fn known(self, system: OperatingSystem) -> &'static [&'static str] {
        use OperatingSystem::{Macos, OracleLinux, Suse, Windows};
        match (self, system) {
            (Classification, Windows) => &[
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
            ],
            (Classification, Suse) => {
                &["Security", "Recommended", "Optional", "Feature", "Document", "Yast"]
            }
            // AWS's default baseline names this one.
            (Classification, Macos) => &["Security"],
            (Classification, _) => {
                &["Security", "Bugfix", "Enhancement", "Recommended", "Newpackage"]
            }
            (MsrcSeverity, _) => &["Critical", "Important", "Moderate", "Low", "Unspecified"],
            (Priority, _) => &["Required", "Important", "Standard", "Optional", "Extra"],
            (Severity, Suse) => &["Critical", "Important", "Moderate", "Low"],
            // The reference says Medium, and AWS's default baseline Moderate.
            (Severity, OracleLinux) => &["Critical", "Important", "Moderate", "Medium", "Low"],
            (Severity, _) => &["Critical", "Important", "Medium", "Low"],
            (PatchSet | Product | ProductFamily | Section, _) => &[],
        }
    }

    /// Whether any operating system has this value.
    pub(in crate::policy) fn is_known_elsewhere(self, value: &str) -> bool {
        OperatingSystem::ALL
            .into_iter()
            .filter(|system| Self::of(*system).contains(&self))
            .any(|system| self.known(system).contains(&value))
    }
}

/// How the products of an operating system begin, and one of them.
pub(in crate::policy) fn products(system: OperatingSystem) -> (&'static str, &'static str) {
    match system {
        OperatingSystem::AlmaLinux => ("AlmaLinux", "AlmaLinux9.2"),
        OperatingSystem::AmazonLinux => ("AmazonLinux201", "AmazonLinux2018.03"),
        OperatingSystem::AmazonLinux2 => ("AmazonLinux2", "AmazonLinux2"),
        OperatingSystem::AmazonLinux2022 => ("AmazonLinux2022", "AmazonLinux2022"),
        OperatingSystem::AmazonLinux2023 => ("AmazonLinux2023", "AmazonLinux2023"),
        OperatingSystem::Centos => ("CentOS", "CentOS7.4"),
        OperatingSystem::Debian => ("Debian", "Debian12"),
        OperatingSystem::Macos => ("MacOS", "MacOSX14.1"),
        OperatingSystem::OracleLinux => ("OracleLinux", "OracleLinux8.5"),
        OperatingSystem::Raspbian => ("Rasp", "Raspbian10"),
        OperatingSystem::RedhatEnterpriseLinux => {
            ("RedhatEnterpriseLinux", "RedhatEnterpriseLinux9.2")
        }
        OperatingSystem::RockyLinux => ("RockyLinux", "RockyLinux9.2"),
        OperatingSystem::Suse => ("Suse", "Suse15.5"),
        OperatingSystem::Ubuntu => ("Ubuntu", "Ubuntu22.04"),
        OperatingSystem::Windows => ("Windows", "WindowsServer2022"),
    }
}

/// Whether a product begins as those of an operating system do.
pub(in crate::policy) fn is_product(system: OperatingSystem, product: &str) -> bool {
    let (beginning, _) = products(system);
    match product.strip_prefix(beginning) {
        // `AmazonLinux2023` is not one of `AmazonLinux2`.
        Some(rest) if system == OperatingSystem::AmazonLinux2 => {
            rest.is_empty() || rest.starts_with('.')
        }
        Some(_) => true,
        None => false,
    }
}

/// The known text that a wrong one differs from by its case, its spaces and hyphens or a letter or two.
///
/// Nearer than the nearest of other words: a value that AWS has and this list has not must not be taken
/// for a misspelled one.
pub(in crate::policy) fn nearly<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = plain(wrong);
    known
        .iter()
        .copied()
        .map(|right| (strsim::osa_distance(&wrong, &plain(right)), right))
        .filter(|(distance, right)| *distance <= 2 && *distance * 3 <= right.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, right)| right)
}

/// The letters and digits in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operating_system_has_filters_in_awss_order_and_an_example_that_fits() {
        for system in OperatingSystem::ALL {
            let keys = FilterKey::of(system);
            let order = |key: &FilterKey| FilterKey::ALL.iter().position(|other| other == key);

            assert!(keys.contains(&Product), "{system}");
            assert!(keys.is_sorted_by_key(order), "{system}");
            assert!(is_product(system, products(system).1), "{system}");
        }
    }

    #[test]
    fn a_product_of_another_amazon_linux_does_not_fit() {
        assert!(is_product(OperatingSystem::AmazonLinux2, "AmazonLinux2.0"));
        assert!(!is_product(OperatingSystem::AmazonLinux2, "AmazonLinux2023"));
        assert!(!is_product(OperatingSystem::AmazonLinux, "AmazonLinux2"));
        assert!(!is_product(OperatingSystem::AmazonLinux2023, "WindowsServer2022"));
    }

    #[test]
    fn how_bad_a_patch_is_has_another_key_on_other_systems() {
        assert_eq!(Severity.counterpart(OperatingSystem::Windows), Some(MsrcSeverity));
        assert_eq!(MsrcSeverity.counterpart(OperatingSystem::Suse), Some(Severity));
        assert_eq!(Severity.counterpart(OperatingSystem::Ubuntu), Some(Priority));
        assert_eq!(Severity.counterpart(OperatingSystem::Macos), None);
        assert_eq!(Section.counterpart(OperatingSystem::Windows), None);
    }

    #[test]
    fn only_what_differs_by_case_or_a_letter_is_taken_for_misspelled() {
        let known = Classification.known(OperatingSystem::Windows);

        assert_eq!(nearly("securityupdates", known), Some("SecurityUpdates"));
        assert_eq!(nearly("Security Update", known), Some("SecurityUpdates"));
        assert_eq!(nearly("update-rollups", known), Some("UpdateRollups"));
        assert_eq!(nearly("Security", known), None);
        assert_eq!(nearly("High", Severity.known(OperatingSystem::AmazonLinux2)), None);
    }
}
