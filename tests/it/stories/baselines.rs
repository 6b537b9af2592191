//! Rules as code become patch baselines, and what they say becomes the override object.

use std::collections::BTreeMap;

use orgpatch::{
    cloud::{Call, CloudRead as _},
    ids::OperatingSystem,
    plan::OVERRIDE_KEY,
    state::{Baseline, BaselineMade, BaselineSeen},
};

use super::*;
use crate::builders::run;

const RULES: &str = "\
version: 1
name: corp
home_region: ap-northeast-1
targets:
  regions: [ap-northeast-1]
schedule: { scan: daily 01:00, install: sun 02:00 }
baselines:
  amazon_linux_2023:
    - { classification: [Security], severity: [Critical, Important] }
    - { classification: [Bugfix], approve: { after_days: 14 }, compliance: medium }
  windows:
    rules:
      - { product: [WindowsServer2022], classification: [SecurityUpdates] }
    rejected: [KB5034439]
rings:
  - { name: staging, ous: [/Workloads/Test], approve: { after_days: 1 } }
  - { name: prod, ous: [/Workloads], approve: { until: month-start } }
exceptions:
  - { patch: \"kernel-*\", os: amazon_linux_2023, rings: [prod], owner: linux-team, ticket: OPS-812, until: 2026-12-31 }
";

/// The baselines that orgpatch has made, by name.
fn made(stage: &Stage) -> BTreeMap<String, BaselineMade> {
    let own = run(stage.aws.own_baselines_named("orgpatch-")).unwrap();
    own.named.into_iter().map(|made| (made.name.to_string(), made)).collect()
}

/// What a ring's nodes read.
fn overrides(stage: &Stage, ring: usize) -> BTreeMap<OperatingSystem, Baseline> {
    let bucket = stage.look(RULES, Wish::Kept).desired.rings[ring].names.bucket.clone();
    let object = run(stage.aws.object(&bucket, OVERRIDE_KEY)).unwrap().unwrap();
    let list: Vec<Baseline> = serde_json::from_slice(&object.body).unwrap();
    list.into_iter().map(|baseline| (baseline.operating_system, baseline)).collect()
}

fn days(baseline: &Baseline) -> Vec<(Option<i32>, Option<String>)> {
    let rules = baseline.approval_rules.patch_rules.iter();
    rules.map(|rule| (rule.approve_after_days, rule.approve_until_date.clone())).collect()
}

#[test]
fn rules_become_baselines_and_their_content_the_override_object() {
    let stage = Stage::new(SHOP);

    let plan = stage.plan(RULES);

    assert_reads("baselines_made", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(RULES);
    let made = made(&stage);
    // Three operating systems do not tell when a patch was released, so there AWS's default stays.
    assert_eq!(made.len(), 2 * 12);
    for (number, ring) in ["staging", "prod"].into_iter().enumerate() {
        let read = overrides(&stage, number);
        assert_eq!(read.len(), 15, "every operating system is in the file");
        for (name, made) in made.iter().filter(|(_, made)| made.tags["orgpatch:ring"] == ring) {
            let system = made.content.operating_system;
            assert_eq!(*name, format!("orgpatch-corp-{ring}-{system}"));
            assert!(made.content.says_the_same(&read[&system]), "{name}");
        }
    }
    let november = Some("2026-11-01".to_owned());
    let linux = &made["orgpatch-corp-prod-amazon_linux_2023"].content;
    assert_eq!(days(linux), [(None, november), (Some(14), None)]);
    assert_eq!(linux.rejected_patches, ["kernel-*"]);
    let staging = &made["orgpatch-corp-staging-amazon_linux_2023"].content;
    assert_eq!(days(staging), [(Some(1), None), (Some(14), None)]);
    assert!(staging.rejected_patches.is_empty());
}

#[test]
fn an_edited_rule_changes_the_baseline_and_the_file_and_no_stack_set() {
    let stage = Stage::with(SHOP, RULES);
    let before = made(&stage);
    let later = edited(RULES, "severity: [Critical, Important]", "severity: [Critical]");

    let plan = stage.plan(&later);

    assert_reads("baseline_rule_edited", &words(&plan));
    assert!(plan.steps.iter().all(|step| step.action.stack_set().is_none()));
    stage.apply_all(&plan);
    stage.assert_matches(&later);
    let ids = |made: &BTreeMap<String, BaselineMade>| -> Vec<_> {
        made.values().map(|made| made.id.clone()).collect()
    };
    assert_eq!(ids(&made(&stage)), ids(&before), "none was made anew");
}

#[test]
fn a_new_month_is_a_change_and_an_exception_that_is_over_falls_out() {
    let mut stage = Stage::with(SHOP, RULES);
    stage.today = "2026-11-30".parse().unwrap();
    stage.assert_matches(RULES);

    stage.today = "2027-01-01".parse().unwrap();
    let plan = stage.plan(RULES);

    let said = words(&plan);
    assert!(said.contains("released up to 2026-11-01 → released up to 2027-01-01"), "{said}");
    assert!(said.contains("amazon_linux_2023 rejected: gone, was kernel-*"), "{said}");
    assert!(said.contains("ended on 2026-12-31"), "{said}");
    stage.apply_all(&plan);
    stage.assert_matches(RULES);
}

#[test]
fn what_has_no_rules_any_more_loses_its_baseline_once_nothing_reads_it() {
    let stage = Stage::with(SHOP, RULES);
    let without = edited(RULES, ", approve: { after_days: 1 } }", " }");

    let plan = stage.plan(&without);

    let at = |id: &str| {
        let found = plan.steps.iter().position(|step| step.id.as_str().contains(id));
        found.unwrap_or_else(|| panic!("{id} in {}", words(&plan)))
    };
    assert!(at("staging/overrides") < at("staging-suse/"));
    stage.apply_all(&plan);
    stage.assert_matches(&without);
    let names: Vec<String> =
        made(&stage).into_keys().filter(|name| name.contains("-staging-")).collect();
    assert_eq!(names, ["orgpatch-corp-staging-amazon_linux_2023", "orgpatch-corp-staging-windows"]);
}

#[test]
fn a_baseline_of_somebody_elses_that_has_our_name_is_left_alone() {
    let stage = Stage::new(SHOP);
    let theirs = BaselineSeen {
        id: parsed("pb-0a0b0c0d0e0f01234"),
        name: "orgpatch-corp-prod-windows".to_owned(),
        content: Baseline::empty(OperatingSystem::Windows),
    };
    stage.aws.put_baseline(theirs.clone());

    let plan = stage.plan(RULES);

    let blocked = plan.blocked.iter().find(|b| b.subject.contains(&theirs.name)).unwrap();
    assert!(matches!(blocked.because, BlockReason::NotOurs(_)), "{blocked:?}");
    let refused = approve(&plan, Removals::AsThePolicySays).unwrap_err();
    assert!(matches!(refused, Refusal::InTheWay(_)), "{refused}");
    let again = run(stage.aws.baseline(&theirs.id)).unwrap().unwrap();
    assert_eq!(again, theirs);
}

#[test]
fn baselines_that_can_t_be_read_are_not_taken_for_absent() {
    let stage = Stage::with(SHOP, RULES);
    stage.aws.deny_read(Call::ListTagsForResource);

    let plan = stage.plan(RULES);

    assert!(plan.steps.is_empty(), "{}", words(&plan));
    assert!(plan.blocked.iter().any(|b| matches!(b.because, BlockReason::Unknown(_))));
}

#[test]
fn destroy_takes_the_baselines_after_all_that_reads_them() {
    let stage = Stage::with(SHOP, RULES);

    let plan = stage.removal(RULES);
    stage.apply_all(&plan);

    stage.assert_gone(RULES);
    assert!(made(&stage).is_empty());
    let order = |text: &str| plan.steps.iter().position(|s| s.id.as_str().contains(text)).unwrap();
    assert!(order("prod/home-stack/delete") < order("baseline/orgpatch-corp-prod-windows"));
    assert!(order("prod/home-stack/delete") < order("staging/home-stack/delete"));
}
