//! What is different between two baselines, in the words of a policy.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::OperatingSystem,
    plan::Difference,
    state::{Baseline, PatchFilter, PatchFilterGroup, PatchRule},
};

/// The differences of two sets of baselines, by operating system and field.
pub(super) fn of_baselines(before: &[Baseline], after: &[Baseline]) -> Vec<Difference> {
    let by_system = |list: &[Baseline]| -> BTreeMap<OperatingSystem, Baseline> {
        list.iter().map(|baseline| (baseline.operating_system, baseline.normalized())).collect()
    };
    let (before, after) = (by_system(before), by_system(after));
    let systems: BTreeSet<&OperatingSystem> = before.keys().chain(after.keys()).collect();
    let mut found = Found { differences: Vec::new() };
    for system in systems {
        match (before.get(system), after.get(system)) {
            (Some(before), Some(after)) => found.baseline(*system, before, after),
            (before, after) => {
                let what = system.to_string();
                found.push(&what, before.map(in_short), after.map(in_short));
            }
        }
    }
    found.differences
}

fn in_short(baseline: &Baseline) -> String {
    let rules = baseline.approval_rules.patch_rules.len();
    format!(
        "{rules} rule{}, {} approved, {} rejected",
        if rules == 1 { "" } else { "s" },
        baseline.approved_patches.len(),
        baseline.rejected_patches.len()
    )
}

struct Found {
    differences: Vec<Difference>,
}

impl Found {
    fn push(&mut self, what: &str, before: Option<String>, after: Option<String>) {
        if before != after {
            self.differences.push(Difference { what: what.to_owned(), before, after });
        }
    }

    /// Entries that are gone, and entries that are new.
    fn lists(&mut self, what: &str, before: &[String], after: &[String]) {
        for gone in before.iter().filter(|text| !after.contains(text)) {
            self.push(what, Some(gone.clone()), None);
        }
        for new in after.iter().filter(|text| !before.contains(text)) {
            self.push(what, None, Some(new.clone()));
        }
    }

    fn baseline(&mut self, system: OperatingSystem, before: &Baseline, after: &Baseline) {
        self.filters(&format!("{system} filter"), &before.global_filters, &after.global_filters);
        let (old, new) = (&before.approval_rules.patch_rules, &after.approval_rules.patch_rules);
        for number in 0..old.len().max(new.len()) {
            let what = format!("{system} rule {}", number + 1);
            match (old.get(number), new.get(number)) {
                (Some(old), Some(new)) => self.rule(&what, old, new),
                (old, new) => self.push(&what, old.map(rule_words), new.map(rule_words)),
            }
        }
        let of = |what: &str| format!("{system} {what}");
        self.lists(&of("approved"), &before.approved_patches, &after.approved_patches);
        self.push(
            &of("approved_compliance"),
            Some(before.approved_patches_compliance_level.clone()),
            Some(after.approved_patches_compliance_level.clone()),
        );
        self.push(
            &of("approved_non_security"),
            Some(before.approved_patches_enable_non_security.to_string()),
            Some(after.approved_patches_enable_non_security.to_string()),
        );
        self.lists(&of("rejected"), &before.rejected_patches, &after.rejected_patches);
        self.push(
            &of("rejected_action"),
            Some(before.rejected_patches_action.clone()),
            Some(after.rejected_patches_action.clone()),
        );
        let sources = |baseline: &Baseline| -> Vec<String> {
            let texts = baseline.sources.iter().map(|source| {
                format!(
                    "{} for {}: {}",
                    source.name,
                    source.products.join(", "),
                    source.configuration
                )
            });
            texts.map(|text| text.replace('\n', " ")).collect()
        };
        self.lists(&of("source"), &sources(before), &sources(after));
    }

    fn rule(&mut self, what: &str, before: &PatchRule, after: &PatchRule) {
        self.filters(what, &before.patch_filter_group, &after.patch_filter_group);
        self.push(&format!("{what} approve"), Some(approval(before)), Some(approval(after)));
        self.push(
            &format!("{what} compliance"),
            before.compliance_level.clone(),
            after.compliance_level.clone(),
        );
        let words = |rule: &PatchRule| rule.enable_non_security.map(|on| on.to_string());
        self.push(&format!("{what} non_security"), words(before), words(after));
    }

    fn filters(&mut self, what: &str, before: &PatchFilterGroup, after: &PatchFilterGroup) {
        let by_key = |group: &PatchFilterGroup| -> BTreeMap<String, Vec<String>> {
            let filters = group.patch_filters.iter().cloned();
            filters.map(|PatchFilter { key, values }| (key.to_lowercase(), values)).collect()
        };
        let (before, after) = (by_key(before), by_key(after));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let none = Vec::new();
        for key in keys {
            let values =
                |map: &BTreeMap<String, Vec<String>>| map.get(key).unwrap_or(&none).clone();
            self.lists(&format!("{what} {key}"), &values(&before), &values(&after));
        }
    }
}

fn rule_words(rule: &PatchRule) -> String {
    let filters = rule.patch_filter_group.patch_filters.iter();
    let filters: Vec<String> = filters
        .map(|PatchFilter { key, values }| format!("{} {}", key.to_lowercase(), values.join("|")))
        .collect();
    let level = rule.compliance_level.as_deref().filter(|level| *level != "UNSPECIFIED");
    let compliance = level.map_or_else(String::new, |level| format!(", compliance {level}"));
    let outside = if rule.enable_non_security == Some(true) { ", non_security" } else { "" };
    format!("{}: {}{compliance}{outside}", filters.join(", "), approval(rule))
}

/// When what a rule matches is approved.
fn approval(rule: &PatchRule) -> String {
    match (rule.approve_after_days, &rule.approve_until_date) {
        (Some(1), _) => "1 day after release".to_owned(),
        (Some(days), _) => format!("{days} days after release"),
        (None, Some(date)) => format!("released up to {date}"),
        (None, None) => "at once".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(days: Option<i32>, date: Option<&str>, values: &[&str]) -> Baseline {
        let values = values.iter().map(ToString::to_string).collect();
        let mut baseline = Baseline::empty(OperatingSystem::Windows);
        baseline.approval_rules.patch_rules.push(PatchRule {
            patch_filter_group: PatchFilterGroup {
                patch_filters: vec![PatchFilter { key: "CLASSIFICATION".to_owned(), values }],
            },
            compliance_level: None,
            approve_after_days: days,
            approve_until_date: date.map(str::to_owned),
            enable_non_security: None,
        });
        baseline
    }

    #[test]
    fn each_field_that_differs_is_told_in_the_policys_words() {
        let before = baseline(Some(7), None, &["SecurityUpdates", "Updates"]);
        let mut after = baseline(None, Some("2026-11-01"), &["SecurityUpdates"]);
        after.rejected_patches.push("KB5034439".to_owned());

        let found: Vec<String> = of_baselines(&[before], &[after])
            .into_iter()
            .map(|d| format!("{}: {:?} -> {:?}", d.what, d.before, d.after))
            .collect();

        assert_eq!(
            found,
            [
                r#"windows rule 1 classification: Some("Updates") -> None"#,
                r#"windows rule 1 approve: Some("7 days after release") -> Some("released up to 2026-11-01")"#,
                r#"windows rejected: None -> Some("KB5034439")"#,
            ]
        );
    }

    #[test]
    fn every_difference_of_two_baselines_is_told() {
        // Whatever is not equal must give a line, or a plan would change something in silence.
        let empty = Baseline::empty(OperatingSystem::Centos);
        let mut others = vec![empty.clone(); 6];
        others[0].approved_patches.push("CVE-2026-12345".to_owned());
        others[1].approved_patches_compliance_level = "HIGH".to_owned();
        others[2].approved_patches_enable_non_security = true;
        others[3].rejected_patches_action = "BLOCK".to_owned();
        others[4]
            .global_filters
            .patch_filters
            .push(PatchFilter { key: "PRODUCT".to_owned(), values: vec!["*".to_owned()] });
        others[5].sources.push(crate::state::PatchSource {
            name: "main".to_owned(),
            products: vec!["CentOS7.4".to_owned()],
            configuration: "[main]".to_owned(),
        });
        for other in others {
            assert_eq!(of_baselines(std::slice::from_ref(&empty), &[other]).len(), 1);
        }
    }
}
