//! Accounts and OUs that are excluded, moved, suspended, and come back.

use super::*;

const AUDIT_POLICY: &str = "\
version: 1
name: everyone
home_region: ap-northeast-1
targets:
  ous: [/]
  regions: [ap-northeast-1]
  exclude:
    accounts:
      - { id: \"000000000005\", reason: vendor appliance, until: 2026-11-30 }
schedule:
  scan: daily 01:00
  install: sun 02:00
";

#[test]
fn an_excluded_account_is_shown_with_its_reason_until_its_day_is_over() {
    let mut stage = Stage::new(CLEAN);
    assert_eq!(stage.account("audit"), account_id(5));

    let plan = stage.plan(AUDIT_POLICY);

    assert_reads("excluded_account", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(AUDIT_POLICY);

    stage.today = "2026-11-30".parse().unwrap();
    stage.assert_matches(AUDIT_POLICY);

    stage.today = "2026-12-01".parse().unwrap();
    let after = stage.plan(AUDIT_POLICY);
    assert_reads("exclusion_is_over", &words(&after));
    stage.apply_all(&after);
    stage.assert_matches(AUDIT_POLICY);
}

#[test]
fn an_ou_that_is_taken_out_of_the_targets_loses_its_stacks() {
    let two = edited(POLICY, "[/Workloads]", "[/Workloads/Prod, /Security]");
    let one = edited(POLICY, "[/Workloads]", "[/Workloads/Prod]");
    let stage = Stage::with(SHOP, &two);

    let plan = stage.plan(&one);

    assert_reads("ou_taken_out", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&one);
    // Auto-deployment does not follow the OU any more either.
    let late = stage.join("late", "/Security");
    stage.wait(10);
    assert!(!stage.aws.ever_deployed().contains(&late));
    stage.assert_matches(&one);
}

#[test]
fn an_ou_excluded_later_loses_its_stacks_and_its_neighbours_are_remade_through_other_targets() {
    let stage = Stage::with(CLEAN, POLICY);
    let excluded = edited(
        POLICY,
        "schedule:",
        "  exclude: { ous: [Suspended, PolicyStaging, /Workloads/Test] }\nschedule:",
    );

    let plan = stage.plan(&excluded);

    assert_reads("ou_excluded_later", &words(&plan));
    // Those that are only remade lose something too, until they are.
    let losing = plan.coverage.losing();
    assert!(losing > plan.coverage.count(Change::Remove));
    let too_few = approve(&plan, Removals::UpTo(losing - 1)).unwrap_err();
    assert_eq!(too_few, Refusal::Removals { accounts: losing, allowed: losing - 1 });
    stage.apply_all(&plan);
    stage.assert_matches(&excluded);

    let lifted = stage.plan(POLICY);
    assert_reads("exclusion_lifted", &words(&lifted));
    stage.apply_all(&lifted);
    stage.assert_matches(POLICY);
}

#[test]
fn an_account_that_moved_into_suspended_loses_its_stacks_with_the_next_apply() {
    let by_hand = format!("{POLICY}new_accounts: next_apply\n");
    let stage = Stage::with(CLEAN, &by_hand);
    stage.aws.move_account(&stage.account("test-1"), &ou_id("/Suspended"));
    stage.wait(10);

    let plan = stage.plan(&by_hand);

    assert_reads("moved_into_suspended", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&by_hand);
}

#[test]
fn an_account_that_moved_into_suspended_loses_its_stacks_by_itself_with_auto_deployment() {
    let stage = Stage::with(CLEAN, POLICY);

    stage.aws.move_account(&stage.account("test-1"), &ou_id("/Suspended"));
    stage.wait(10);

    stage.assert_matches(POLICY);
}

#[test]
fn an_account_that_was_moved_and_then_suspended_is_let_go_without_its_stacks() {
    let by_hand = format!("{POLICY}new_accounts: next_apply\n");
    let stage = Stage::with(CLEAN, &by_hand);
    let test_1 = stage.account("test-1");
    stage.aws.move_account(&test_1, &ou_id("/Suspended"));
    stage.aws.suspend_account(&test_1);

    let plan = stage.plan(&by_hand);

    assert_reads("moved_and_suspended", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&by_hand);
    assert_eq!(stage.aws.stacks_in(&test_1).len(), 2, "nobody can enter it to delete them");
}

#[test]
fn an_account_that_was_suspended_at_the_rollout_and_is_active_again_gets_its_stacks() {
    let stage = Stage::new("/Workloads/Prod  web-1 web-2(suspended)");
    stage.roll_out(POLICY);
    let id = stage.account("web-2");
    let mut web_2 = stage.aws.organization().account(&id).unwrap().clone();
    web_2.state = AccountState::Active;
    stage.aws.add_account(web_2);
    stage.wait(10);

    stage.roll_out(POLICY);

    assert_eq!(stage.aws.stacks_in(&id).len(), 2);
}

#[test]
fn an_ou_that_loses_its_last_account_is_still_followed_after_one_apply() {
    let by_hand = format!("{POLICY}new_accounts: next_apply\n");
    let stage = Stage::with("/Workloads/Prod  web-1\n/Security  audit", &by_hand);
    stage.aws.move_account(&stage.account("web-1"), &ou_id("/Security"));
    // The management account keeps the policy from matching nobody.
    let enrolled = format!("{POLICY}management_account: include\n");

    stage.roll_out(&enrolled);

    stage.join("web-2", "/Workloads/Prod");
    stage.wait(10);
    stage.assert_matches(&enrolled);
}

#[test]
fn an_account_that_comes_to_the_other_stack_set_waits_until_it_has_left_the_first() {
    let stage = Stage::with(CLEAN, POLICY);
    // Auto-deployment has just begun, and nobody waits for it.
    stage.join("web-3", "/Workloads/Prod");
    let excluded =
        edited(POLICY, "schedule:", "  exclude: { accounts: [\"000000000002\"] }\nschedule:");

    stage.carry_out(&excluded, Wish::Kept);

    stage.assert_matches(&excluded);
}

/// A stage with an instance that AWS could not delete: its account was moved and suspended in one go.
fn with_an_inoperable_instance() -> Stage {
    let stage = Stage::with(CLEAN, POLICY);
    let mut account = stage.aws.organization().account(&stage.account("test-1")).unwrap().clone();
    account.parent = ou_id("/Security");
    account.state = AccountState::Suspended;
    stage.aws.add_account(account.clone());
    stage.wait(10);
    account.state = AccountState::Active;
    stage.aws.add_account(account);
    stage.wait(10);
    stage
}

#[test]
fn an_instance_that_aws_could_not_delete_is_let_go_where_it_is_not_wanted() {
    let stage = with_an_inoperable_instance();

    let plan = stage.plan(POLICY);

    assert_reads("inoperable_and_not_wanted", &words(&plan));
    stage.apply_all(&plan);
    assert!(stage.plan(POLICY).is_empty());
}

#[test]
fn an_instance_that_aws_could_not_delete_blocks_where_it_is_wanted() {
    let stage = with_an_inoperable_instance();
    let both = edited(POLICY, "[/Workloads]", "[/Workloads, /Security]");

    let plan = stage.plan(&both);

    assert_reads("inoperable_and_wanted", &words(&plan));
    let outcome = stage.apply(&plan);
    assert!(outcome.is_complete(), "what is not blocked is done");
    let again = stage.plan(&both);
    assert_eq!((again.steps, again.blocked), (Vec::new(), plan.blocked));
}

#[test]
fn an_ou_that_is_known_no_more_does_not_keep_another_from_being_let_go() {
    let first = edited(POLICY, "[/Workloads]", "[/Workloads, /Security]");
    let stage = Stage::with(CLEAN, &first);
    // The only account of the OU is suspended, and is given up by a call of its own.
    stage.aws.suspend_account(&stage.account("audit"));
    let other = "
        version: 1
        name: weekly
        home_region: ap-northeast-1
        targets: { ous: [/Workloads/Test], regions: [ap-northeast-1, eu-west-1] }
        schedule: { scan: daily 01:00, install: sun 02:00, timezone: region }
    ";

    stage.apply_all(&stage.plan(other));

    stage.assert_matches(other);
    let late = stage.join("late", "/Workloads/Prod");
    stage.wait(10);
    assert!(!stage.aws.ever_deployed().contains(&late), "its OU is still followed");
}
