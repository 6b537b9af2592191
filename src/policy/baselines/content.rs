//! What a baseline says on a day: from rules to the nine keys.

use jiff::civil::Date;

use crate::{
    ids::OperatingSystem,
    policy::rules::{Approve, BaselineRules, Rule, Until},
    state::{Approval, ApprovalRules, Baseline, PatchFilterGroup, PatchRule, Switch},
};

use super::patch_names;

/// After how many days a patch is approved where nothing says so, as in AWS's defaults.
const DEFAULT_DAYS: u16 = 7;

/// What a ring's `approve` means on a day for an operating system that is left to AWS.
pub(super) fn approval(system: OperatingSystem, approve: &Approve, today: Date) -> Approval {
    match approve {
        Approve::AfterDays(_) | Approve::Until(_) if !system.tells_release_dates() => {
            Approval::AsItIs
        }
        Approve::AfterDays(days) => Approval::AfterDays(*days),
        Approve::Until(until) => Approval::UntilDate(day(*until, today)),
        Approve::Only(names) => Approval::Only(
            names
                .iter()
                .map(|name| &name.value)
                .filter(|name| patch_names::fits(system, name))
                .cloned()
                .collect(),
        ),
    }
}

/// What a baseline of rules says on a day. The nearest `approve` wins: that of the rule, then that of the
/// ring, then seven days. `rejected` comes beside what the rules reject.
pub(super) fn made(
    system: OperatingSystem,
    rules: &BaselineRules,
    ring: Option<&Approve>,
    rejected: &[String],
    today: Date,
) -> Baseline {
    let baseline = Baseline {
        operating_system: system,
        global_filters: PatchFilterGroup { patch_filters: rules.filters.clone() },
        approval_rules: ApprovalRules {
            patch_rules: rules.rules.iter().map(|rule| patch_rule(rule, ring, today)).collect(),
        },
        approved_patches: rules.approved.clone(),
        approved_patches_compliance_level: rules.approved_compliance.aws_name().to_owned(),
        approved_patches_enable_non_security: rules.approved_non_security == Switch::On,
        rejected_patches: rules.rejected.clone(),
        rejected_patches_action: rules.rejected_action.aws_name().to_owned(),
        sources: rules.sources.clone(),
    };
    // Of days and dates each rule has its own already.
    let only = ring
        .map(|ring| approval(system, ring, today))
        .filter(|approval| matches!(approval, Approval::Only(_)));
    baseline.with(&only.unwrap_or(Approval::AsItIs), rejected)
}

fn patch_rule(rule: &Rule, ring: Option<&Approve>, today: Date) -> PatchRule {
    let own = rule.approve.as_ref().map(|approve| &approve.value);
    let (days, date) = match own.or(ring) {
        Some(Approve::AfterDays(days)) => (Some(*days), None),
        Some(Approve::Until(until)) => (None, Some(day(*until, today))),
        Some(Approve::Only(_)) | None => (Some(DEFAULT_DAYS), None),
    };
    PatchRule {
        patch_filter_group: PatchFilterGroup { patch_filters: rule.filters.clone() },
        compliance_level: rule.compliance.map(|level| level.aws_name().to_owned()),
        approve_after_days: days.map(i32::from),
        approve_until_date: date.map(|date| date.to_string()),
        enable_non_security: Some(rule.non_security == Switch::On),
    }
}

/// The day that is meant, which AWS includes.
fn day(until: Until, today: Date) -> Date {
    let first = today.first_of_month();
    match until {
        Until::Date(date) => date,
        Until::MonthStart => first,
        Until::PreviousMonthStart => first.yesterday().map_or(first, Date::first_of_month),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::RngSeed};

    use super::*;
    use crate::{
        policy::{
            error::Place,
            rules::{ComplianceLevel, RejectedAction},
            values::At,
        },
        state::PatchFilter,
    };

    const TODAY: Date = date(2026, 11, 24);

    fn at<T>(value: T) -> At<T> {
        At { value, place: Place { line: 1, column: 1, bytes: None } }
    }

    fn only(names: &[&str]) -> Approve {
        Approve::Only(names.iter().map(|name| at((*name).to_owned())).collect())
    }

    fn rule(approve: Option<Approve>) -> Rule {
        Rule {
            filters: vec![PatchFilter {
                key: "CLASSIFICATION".to_owned(),
                values: vec!["Security".to_owned()],
            }],
            approve: approve.map(at),
            compliance: Some(ComplianceLevel::High),
            non_security: Switch::Off,
            place: Place { line: 1, column: 1, bytes: None },
        }
    }

    fn rules(rules: Vec<Rule>) -> BaselineRules {
        BaselineRules {
            filters: Vec::new(),
            rules,
            approved: vec!["openssl".to_owned()],
            approved_compliance: ComplianceLevel::Critical,
            approved_non_security: Switch::On,
            rejected: vec!["telnet".to_owned()],
            rejected_action: RejectedAction::Block,
            sources: Vec::new(),
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
    fn a_baseline_says_all_that_its_rules_say() {
        let more = ["kernel-*".to_owned()];

        let baseline =
            made(OperatingSystem::AmazonLinux2023, &rules(vec![rule(None)]), None, &more, TODAY);

        let json = serde_json::to_value(&baseline).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "OperatingSystem": "AMAZON_LINUX_2023",
                "GlobalFilters": { "PatchFilters": [] },
                "ApprovalRules": { "PatchRules": [{
                    "PatchFilterGroup": {
                        "PatchFilters": [{ "Key": "CLASSIFICATION", "Values": ["Security"] }]
                    },
                    "ComplianceLevel": "HIGH",
                    "ApproveAfterDays": 7,
                    "EnableNonSecurity": false
                }] },
                "ApprovedPatches": ["openssl"],
                "ApprovedPatchesComplianceLevel": "CRITICAL",
                "ApprovedPatchesEnableNonSecurity": true,
                "RejectedPatches": ["telnet", "kernel-*"],
                "RejectedPatchesAction": "BLOCK",
                "Sources": []
            })
        );
    }

    #[test]
    fn the_nearest_approve_wins() {
        let of = |own: Option<Approve>, ring: Option<&Approve>| {
            let rules = rules(vec![rule(own)]);
            let baseline = made(OperatingSystem::Windows, &rules, ring, &[], TODAY);
            format!("{:?}", timing(&baseline))
        };
        let ring = Approve::Until(Until::MonthStart);

        assert_eq!(of(None, None), "[(Some(7), None)]");
        assert_eq!(of(None, Some(&ring)), "[(None, Some(\"2026-11-01\"))]");
        assert_eq!(of(Some(Approve::AfterDays(0)), Some(&ring)), "[(Some(0), None)]");
    }

    #[test]
    fn months_begin_with_their_first_day() {
        assert_eq!(day(Until::MonthStart, TODAY), date(2026, 11, 1));
        assert_eq!(day(Until::PreviousMonthStart, TODAY), date(2026, 10, 1));
        assert_eq!(day(Until::PreviousMonthStart, date(2027, 1, 31)), date(2026, 12, 1));
        assert_eq!(day(Until::Date(date(2026, 3, 31)), TODAY), date(2026, 3, 31));
    }

    #[test]
    fn only_leaves_each_operating_system_the_names_that_are_its_own() {
        let only = only(&["CVE-2026-12345", "KB5034439", "openssl"]);
        let of = |system| approval(system, &only, TODAY);
        let names =
            |names: &[&str]| Approval::Only(names.iter().map(|name| (*name).to_owned()).collect());

        assert_eq!(of(OperatingSystem::Windows), names(&["KB5034439"]));
        assert_eq!(of(OperatingSystem::AmazonLinux2023), names(&["CVE-2026-12345", "openssl"]));
        assert_eq!(of(OperatingSystem::Ubuntu), names(&["openssl"]));
        let baseline = made(
            OperatingSystem::Windows,
            &rules(vec![rule(Some(Approve::AfterDays(3)))]),
            Some(&only),
            &[],
            TODAY,
        );
        assert!(timing(&baseline).is_empty());
        assert_eq!(baseline.approved_patches, ["openssl", "KB5034439"]);
    }

    #[test]
    fn days_and_dates_leave_awss_default_as_it_is_where_release_dates_are_unknown() {
        let of = |system: OperatingSystem, approve: Approve| approval(system, &approve, TODAY);

        assert_eq!(of(OperatingSystem::Ubuntu, Approve::AfterDays(1)), Approval::AsItIs);
        assert_eq!(
            of(OperatingSystem::Debian, Approve::Until(Until::MonthStart)),
            Approval::AsItIs
        );
        assert_eq!(of(OperatingSystem::Windows, Approve::AfterDays(1)), Approval::AfterDays(1));
    }

    fn any_when() -> impl Strategy<Value = Approve> {
        prop_oneof![
            (0_u16..=360).prop_map(Approve::AfterDays),
            (1_i8..=28).prop_map(|day| Approve::Until(Until::Date(date(2026, 2, day)))),
            Just(Approve::Until(Until::MonthStart)),
            Just(Approve::Until(Until::PreviousMonthStart)),
        ]
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(20_261_124),
            ..ProptestConfig::default()
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn a_rule_has_days_or_a_date_and_neither_where_release_dates_are_unknown(
            system in select(OperatingSystem::ALL.to_vec()),
            own in vec(option::of(any_when()), 0..=10),
            ring in option::of(prop_oneof![
                4 => any_when(),
                1 => Just(only(&["CVE-2026-12345", "KB5034439", "openssl"])),
            ]),
            today in (1_i8..=12, 1_i8..=28).prop_map(|(month, day)| date(2026, month, day)),
        ) {
            let count = own.len();
            let rules = rules(own.into_iter().map(rule).collect());
            let more = ["telnet".to_owned(), "kernel".to_owned()];

            let baseline = made(system, &rules, ring.as_ref(), &more, today);

            let is_only = matches!(ring, Some(Approve::Only(_)));
            let timing = timing(&baseline);
            prop_assert_eq!(timing.len(), if is_only { 0 } else { count });
            for (days, date) in timing {
                let said = usize::from(days.is_some()) + usize::from(date.is_some());
                prop_assert_eq!(said, usize::from(system.tells_release_dates()));
                prop_assert!(days.is_none_or(|days| (0..=360).contains(&days)));
                prop_assert!(date.is_none_or(|date| date.len() == 10));
            }
            prop_assert_eq!(&baseline.rejected_patches, &["telnet", "kernel"]);
            prop_assert_eq!(made(system, &rules, ring.as_ref(), &more, today), baseline);
        }
    }
}
