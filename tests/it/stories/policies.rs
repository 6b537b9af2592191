//! Baselines, owners and the end of a policy.

use orgpatch::{
    cloud::{CloudErrorKind, CloudRead as _},
    state::OVERRIDE_KEY,
};

use super::*;
use crate::builders::{Wish, run};

#[test]
fn a_baseline_that_changed_is_written_anew() {
    let named = format!("{POLICY}baselines: {{ ubuntu: pb-0a1b2c3d4e5f60718 }}\n");
    let stage = Stage::with(SHOP, &named);
    let mut baseline = example_snapshot()
        .own_baselines
        .into_iter()
        .find(|baseline| baseline.name == "corp-ubuntu")
        .unwrap();
    baseline.content.rejected_patches.push("linux-image-*".to_owned());
    stage.aws.put_baseline(baseline);

    let plan = stage.plan(&named);

    assert_reads("baseline_changed", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&named);
}

#[test]
fn another_baseline_changes_the_home_stack_and_the_override_object() {
    let stage = Stage::with(SHOP, POLICY);
    let named = format!("{POLICY}baselines: {{ windows: pb-0f9e8d7c6b5a40312 }}\n");

    let plan = stage.plan(&named);

    assert_reads("another_baseline", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&named);
}

#[test]
fn another_key_has_the_same_rules_written_anew_with_it() {
    let stage = Stage::with(CLEAN, POLICY);
    let key = "arn:aws:kms:ap-northeast-1:111111111111:key/0a1b2c3d";
    let encrypted = format!("{POLICY}overrides: {{ encryption: {key} }}\n");
    let stored = |stage: &Stage| {
        let bucket = stage.look(POLICY, Wish::Kept).desired.rings[0].names.bucket.clone();
        run(stage.aws.object(&bucket, OVERRIDE_KEY)).unwrap().unwrap()
    };
    let before = stored(&stage);

    let plan = stage.plan(&encrypted);

    assert_reads("another_key", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&encrypted);
    let after = stored(&stage);
    assert_eq!((after.body, after.key.as_deref()), (before.body, Some(key)));

    stage.roll_out(POLICY);
    assert_eq!(stored(&stage).key, None);
}

#[test]
fn calendars_hold_back_installations_where_there_is_one_and_the_plan_says_where_not() {
    let held = edited(
        POLICY,
        "  timezone: region",
        "  timezone: region\n  calendars: [arn:aws:ssm:eu-west-1:111122223333:document/holidays]",
    );

    let plan = Stage::new(CLEAN).plan(&held);

    let said = plan
        .warnings
        .iter()
        .any(|warning| warning.contains("in ap-northeast-1") && warning.contains("not held back"));
    assert!(said, "{:#?}", plan.warnings);
}

#[test]
fn a_baseline_that_does_not_exist_or_is_for_another_system_blocks_the_ring() {
    let stage = Stage::new(SHOP);
    let wrong = format!(
        "{POLICY}baselines: {{ windows: pb-0a1b2c3d4e5f60718, suse: pb-00000000000000000 }}\n"
    );

    let plan = stage.plan(&wrong);

    assert_eq!(plan.steps, []);
    assert_reads("baseline_missing", &words(&plan));
}

#[test]
fn a_delegated_administrator_can_do_it_all_but_cover_the_management_account() {
    let organization = organization(SHOP);
    let audit = organization.accounts().find(|account| account.name == "audit").unwrap();
    let account = audit.id.clone();
    let stage = Stage::over(Snapshot {
        account,
        call_as: CallAs::DelegatedAdministrator,
        ..snapshot(organization)
    });
    let included = format!("{POLICY}management_account: include\n");

    let plan = stage.plan(&included);

    assert_reads("delegated_administrator", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&included);
    stage.apply_all(&stage.removal(&included));
    stage.assert_gone(&included);
}

#[test]
fn destroy_takes_all_of_it_away() {
    let included = format!("{POLICY}management_account: include\n");
    let stage = Stage::with(SHOP, &included);

    let plan = stage.removal(&included);

    assert_reads("destroy", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_gone(&included);
}

#[test]
fn destroy_deletes_instances_before_sets_and_empties_the_bucket_before_the_home_stack() {
    let stage = Stage::with(SHOP, POLICY);

    let plan = stage.removal(POLICY);

    let steps: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let position = |name: &str| steps.iter().position(|step| step.ends_with(name)).unwrap();
    let waits = |later: &str, sooner: &str| {
        let (later, sooner) = (position(later), position(sooner));
        assert!(plan.steps[later].after.contains(&plan.steps[sooner].id), "{steps:#?}");
    };
    waits("orgpatch-weekly-main/delete", "orgpatch-weekly-main/remove-1");
    waits("orgpatch-weekly-main-pinned/delete", "orgpatch-weekly-main-pinned/remove-1");
    waits("/empty", "orgpatch-weekly-main/delete");
    waits("/empty", "orgpatch-weekly-main-pinned/delete");
    waits("home-stack/delete", "/empty");
}

#[test]
fn destroy_leaves_behind_what_stands_in_accounts_that_can_t_be_entered() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_2 = stage.account("web-2");
    stage.aws.suspend_account(&web_2);

    let plan = stage.removal(POLICY);

    assert_reads("destroy_with_a_suspended_account", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_gone(POLICY);
}

#[test]
fn every_template_that_a_plan_sends_can_be_checked_before_anything_is_changed() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(&format!("{POLICY}management_account: include\n"));

    let templates = plan.templates();

    // The home stack's, and the one that all accounts share.
    assert_eq!(templates.len(), 2);
    for template in templates.into_values() {
        run(stage.aws.check_template(template.body())).unwrap();
    }
    let refused = run(stage.aws.check_template("{}")).unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::Refused);
}
