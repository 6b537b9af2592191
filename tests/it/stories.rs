//! A plan reads well and is right: an organization, a plan as people read it, the rollout in the simulated
//! AWS, and a second plan that has nothing to do.

use orgpatch::{
    apply::{EventKind, Outcome, StepEnd},
    ids::CallAs,
    plan::{BlockReason, Plan, Refusal, Removals},
    report::{Progress, outcome_text},
    sim::example_snapshot,
    state::{AccountState, Snapshot, Switch},
};

use crate::builders::{
    MANAGEMENT, Stage, Wish, account_id, approve, assert_reads, edited, organization, ou_id,
    parsed, plain, snapshot, words,
};

/// A shop: a clean OU, one with something excluded inside, and one that no policy here covers.
const SHOP: &str = "
    /Workloads            tools
    /Workloads/Prod       web-1 web-2
    /Workloads/Prod/Data  orders
    /Workloads/Test       test-1 test-2
    /Workloads/Suspended  old-1(suspended) old-2
    /Security             audit
";

/// The same without anything to leave out, so that /Workloads is one target.
const CLEAN: &str = "
    /Workloads       tools
    /Workloads/Prod  web-1 web-2
    /Workloads/Test  test-1
    /Security        audit
    /Suspended
";

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1, eu-west-1]
schedule:
  scan: daily 01:00
  install: sun 02:00
  timezone: region
";

fn outcome(plan: &Plan, outcome: &Outcome) -> String {
    plain(&outcome_text(plan, outcome))
}

#[test]
fn a_first_rollout_names_every_account_and_says_why_the_rest_is_left_out() {
    let stage = Stage::new(SHOP);

    let plan = stage.plan(POLICY);

    assert_reads("first_rollout", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
}

#[test]
fn a_first_rollout_is_one_operation_for_each_stack_set() {
    let stage = Stage::with(SHOP, POLICY);

    let runs = stage.aws.operations_run();

    assert_eq!(runs.iter().map(|run| run.action).collect::<Vec<_>>(), ["CREATE", "CREATE"]);
}

#[test]
fn an_organization_that_matches_has_no_changes() {
    let stage = Stage::with(SHOP, POLICY);
    let writes = stage.aws.writes();

    let plan = stage.plan(POLICY);

    assert_reads("no_changes", &words(&plan));
    stage.apply_all(&plan);
    assert_eq!(stage.aws.writes(), writes);
}

#[test]
fn another_schedule_shows_both_sides() {
    let stage = Stage::with(SHOP, POLICY);
    let later = edited(POLICY, "sun 02:00", "sat 23:30");

    let plan = stage.plan(&later);

    assert_reads("another_schedule", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&later);
}

#[test]
fn a_change_of_clocks_shows_as_a_change_once_it_has_happened() {
    let mut stage = Stage::with(SHOP, POLICY);
    stage.today = "2027-03-28".parse().unwrap();

    let plan = stage.plan(POLICY);

    assert_reads("clocks_changed", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
}

#[test]
fn an_account_that_joins_a_whole_ou_is_enrolled_without_an_apply() {
    let stage = Stage::with(CLEAN, POLICY);

    stage.join("web-3", "/Workloads/Prod");
    stage.wait(10);

    stage.assert_matches(POLICY);
}

#[test]
fn an_account_that_joins_waits_for_the_next_apply_where_the_policy_says_so() {
    let by_hand = format!("{POLICY}new_accounts: next_apply\n");
    let stage = Stage::with(CLEAN, &by_hand);
    let web_3 = stage.join("web-3", "/Workloads/Prod");
    stage.wait(10);
    assert!(!stage.aws.ever_deployed().contains(&web_3));

    let plan = stage.plan(&by_hand);

    assert_reads("joined_with_next_apply", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&by_hand);
}

#[test]
fn an_account_that_joins_beside_an_excluded_ou_waits_for_the_next_apply() {
    let stage = Stage::with(SHOP, POLICY);
    let tools_2 = stage.join("tools-2", "/Workloads");
    stage.wait(10);
    assert!(!stage.aws.ever_deployed().contains(&tools_2));

    let plan = stage.plan(POLICY);

    assert_reads("joined_beside_an_excluded_ou", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
}

#[test]
fn an_ou_without_accounts_is_followed_and_then_enrolled() {
    let tree = "
        /Workloads/Prod   web-1
        /Workloads/Empty
        /Workloads/Suspended
    ";
    let stage = Stage::with(tree, POLICY);

    stage.join("first", "/Workloads/Empty");
    stage.wait(10);

    stage.assert_matches(POLICY);
}

#[test]
fn an_account_that_is_suspended_stays_in_its_ou_and_is_shown() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_2 = stage.account("web-2");
    stage.aws.suspend_account(&web_2);

    let plan = stage.plan(POLICY);

    assert_eq!(plan.steps, []);
    assert_reads("suspended_account", &words(&plan));
}

#[test]
fn an_update_passes_over_an_account_that_has_been_suspended() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_2 = stage.account("web-2");
    stage.aws.suspend_account(&web_2);
    let later = edited(POLICY, "daily 01:00", "daily 04:00");

    let plan = stage.plan(&later);

    assert!(approve(&plan, Removals::AsThePolicySays).is_ok(), "{}", words(&plan));
    assert_reads("update_with_a_suspended_account", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&later);
}

#[test]
fn a_region_that_is_taken_out_needs_consent() {
    let stage = Stage::with(SHOP, POLICY);
    let fewer = edited(POLICY, "[ap-northeast-1, eu-west-1]", "[ap-northeast-1]");

    let plan = stage.plan(&fewer);

    assert_reads("region_taken_out", &words(&plan));
    let refusal = approve(&plan, Removals::AsThePolicySays).unwrap_err();
    assert_eq!(refusal, Refusal::Removals { accounts: 6, allowed: 0 });
    assert_reads("region_taken_out.refusal", &format!("{refusal}\n{}", refusal.help()));
    assert!(approve(&plan, Removals::UpTo(5)).is_err());
    assert!(approve(&plan, Removals::UpTo(6)).is_ok());
    assert!(approve(&plan, Removals::ByName(parsed("monthly"))).is_err());
    stage.apply_all(&plan);
    stage.assert_matches(&fewer);
}

#[test]
fn a_region_that_is_added_touches_nothing_else() {
    let stage = Stage::with(SHOP, POLICY);
    let more = edited(POLICY, "eu-west-1]", "eu-west-1, us-east-1]");

    let plan = stage.plan(&more);

    assert_reads("region_added", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&more);
}

#[test]
fn the_management_account_gets_stacks_of_its_own() {
    let stage = Stage::with(SHOP, POLICY);
    let included = format!("{POLICY}management_account: include\n");

    let plan = stage.plan(&included);

    assert_reads("management_account_included", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&included);

    let left_again = stage.plan(POLICY);
    assert_reads("management_account_left_again", &words(&left_again));
    stage.apply_all(&left_again);
    stage.assert_matches(POLICY);
}

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

/// A stage with a stack set in it that has the name of ours and these tags.
fn with_a_set_of_our_name(tags: &[(&str, &str)]) -> Stage {
    let stage = Stage::new(SHOP);
    let desired = stage.look(POLICY, Wish::Kept).desired;
    let sets = &desired.rings[0].deployment.as_ref().unwrap().stack_sets;
    let mut spec = sets.values().next().unwrap().clone();
    spec.tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    stage.aws.put_stack_set(&spec, Switch::Off);
    stage
}

#[test]
fn a_foreign_stack_set_of_our_name_is_left_alone_and_refuses_the_apply() {
    for (name, tags) in [
        ("foreign_stack_set", &[("team", "network")][..]),
        ("stack_set_of_another_policy", &[("orgpatch:policy", "monthly")]),
    ] {
        let stage = with_a_set_of_our_name(tags);

        let plan = stage.plan(POLICY);

        assert_eq!(plan.steps, []);
        assert_reads(name, &words(&plan));
        let refusal = approve(&plan, Removals::ByName(plan.policy.clone())).unwrap_err();
        assert!(matches!(refusal, Refusal::InTheWay(_)), "{refusal:?}");
        assert_reads(&format!("{name}.refusal"), &format!("{refusal}\n{}", refusal.help()));
    }
}

#[test]
fn destroy_leaves_a_foreign_stack_set_alone() {
    let stage = with_a_set_of_our_name(&[("team", "network")]);

    let plan = stage.removal(POLICY);

    assert_eq!(plan.steps, []);
    assert!(matches!(plan.blocked[0].because, BlockReason::NotOurs(_)), "{:?}", plan.blocked);
}

#[test]
fn what_can_t_be_read_is_left_alone_even_where_it_is_wanted() {
    for call in [
        "cloudformation:ListStackSets",
        "cloudformation:DescribeStackSet",
        "cloudformation:ListStackInstances",
        "cloudformation:ListStackSetOperations",
        "cloudformation:DescribeStacks",
        "s3:GetObject",
        "ssm:GetPatchBaseline",
        "ssm:DescribePatchBaselines",
    ] {
        let stage = Stage::with(SHOP, POLICY);
        let later = edited(POLICY, "daily 01:00", "daily 04:00");
        let before = stage.stacks();
        stage.aws.deny_read(call);

        let plan = stage.plan(&later);

        assert_eq!(plan.steps, [], "{call}");
        assert!(
            plan.blocked.iter().all(|blocked| matches!(blocked.because, BlockReason::Unknown(_))),
            "{call}: {:?}",
            plan.blocked
        );
        assert!(!plan.is_empty(), "{call}: a plan with holes must not look like none");
        let writes = stage.aws.writes();
        stage.apply(&plan);
        assert_eq!((stage.stacks(), stage.aws.writes()), (before, writes), "{call}");
        stage.aws.heal();
        stage.roll_out(&later);
    }
}

#[test]
fn what_can_t_be_read_is_told_with_aws_s_own_words() {
    let stage = Stage::with(SHOP, POLICY);
    stage.aws.deny_read("cloudformation:ListStackInstances");

    let plan = stage.plan(POLICY);

    assert_reads("unreadable_stack_set", &words(&plan));
    assert_reads("unreadable_stack_set.outcome", &outcome(&plan, &stage.apply(&plan)));
}

#[test]
fn destroy_leaves_alone_what_it_can_t_read() {
    let stage = Stage::with(SHOP, POLICY);
    let before = stage.stacks();
    stage.aws.deny_read("cloudformation:ListStackInstances");

    let plan = stage.removal(POLICY);
    stage.apply(&plan);

    assert_eq!(stage.stacks(), before, "{}", words(&plan));
}

/// A shop of which one account in a whole OU fails; nothing is tolerated.
const STRICT: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1, eu-west-1]
schedule:
  scan: daily 01:00
rollout: { accounts: 50%, tolerate: 0%, regions: sequential }
";

#[test]
fn a_failed_account_is_told_with_its_reason_and_the_next_apply_tries_only_that() {
    let stage = Stage::new(CLEAN);
    let web_2 = stage.account("web-2");
    stage.aws.fail_account(&web_2, "The role quota of the account is used up");

    let plan = stage.plan(STRICT);
    let failed = stage.apply(&plan);

    assert!(!failed.is_complete());
    assert_reads("failed_account", &outcome(&plan, &failed));

    stage.aws.heal();
    let again = stage.plan(STRICT);
    assert_reads("failed_account_again", &words(&again));
    stage.apply_all(&again);
    stage.assert_matches(STRICT);
}

#[test]
fn nothing_is_tried_behind_a_step_that_failed() {
    let stage = Stage::new(CLEAN);
    stage.aws.fail_account(&parsed(MANAGEMENT), "The bucket quota of the account is used up");

    let plan = stage.plan(STRICT);
    let failed = stage.apply(&plan);

    assert_reads("failed_home_stack", &outcome(&plan, &failed));
    assert_eq!(stage.stacks(), [].into());
    assert_eq!(stage.aws.stack_sets(), [].into());
    stage.aws.heal();
    let again = stage.plan(STRICT);
    assert_reads("failed_home_stack_again", &words(&again));
    stage.apply_all(&again);
    stage.assert_matches(STRICT);
}

#[test]
fn a_running_apply_is_told_line_by_line() {
    let stage = Stage::new(CLEAN);
    stage.aws.fail_account(&stage.account("web-2"), "The role quota of the account is used up");
    let plan = stage.plan(STRICT);
    let mut progress = Progress::new(plan.steps.len());
    let mut lines = Vec::new();

    stage.apply_telling(&plan, |event| {
        // How far an operation has come depends on the pauses between two looks.
        if !matches!(event.kind, EventKind::Progress { .. }) {
            lines.extend(progress.line(&event));
        }
    });

    assert_reads("progress", &plain(&lines.join("\n")));
}

#[test]
fn a_failure_within_the_tolerance_is_told_and_tried_again() {
    let tolerant = edited(STRICT, "tolerate: 0%", "tolerate: 50%");
    let stage = Stage::new(CLEAN);
    let web_2 = stage.account("web-2");
    stage.aws.fail_account(&web_2, "The role quota of the account is used up");

    let plan = stage.plan(&tolerant);
    let part = stage.apply(&plan);

    assert!(part.steps.iter().any(|(_, end)| matches!(end, StepEnd::DoneInPart(_))));
    assert_reads("tolerated_failure", &outcome(&plan, &part));

    stage.aws.heal();
    let again = stage.plan(&tolerant);
    assert_reads("tolerated_failure_again", &words(&again));
    stage.apply_all(&again);
    stage.assert_matches(&tolerant);
}

#[test]
fn an_update_that_failed_in_one_account_is_tried_again() {
    let stage = Stage::with(CLEAN, STRICT);
    let later = edited(STRICT, "daily 01:00", "daily 04:00");
    stage.aws.fail_account(&stage.account("tools"), "An SCP denies iam:PutRolePolicy");

    let plan = stage.plan(&later);
    let failed = stage.apply(&plan);
    assert_reads("failed_update", &outcome(&plan, &failed));

    stage.aws.heal();
    let again = stage.plan(&later);
    assert_reads("failed_update_again", &words(&again));
    stage.apply_all(&again);
    stage.assert_matches(&later);
}

#[test]
fn a_policy_without_install_only_scans() {
    let scan_only = edited(POLICY, "  install: sun 02:00\n", "");
    let stage = Stage::new(SHOP);

    let plan = stage.plan(&scan_only);

    assert_reads("scan_only", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&scan_only);
}

#[test]
fn a_rate_and_a_cron_expression_are_taken_as_they_are() {
    let rate = edited(
        &edited(POLICY, "daily 01:00", "rate(12 hours)"),
        "sun 02:00",
        "cron(0 2 ? * TUE#3 *)",
    );
    let stage = Stage::new(SHOP);

    let plan = stage.plan(&rate);

    assert_reads("rate_and_cron", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(&rate);
}

#[test]
fn a_schedule_in_utc_is_the_same_everywhere_and_warns_of_no_clocks() {
    let utc = edited(POLICY, "timezone: region", "timezone: UTC");
    let stage = Stage::new(SHOP);

    let plan = stage.plan(&utc);

    assert!(!plan.warnings.iter().any(|warning| warning.contains("clocks")));
    assert_reads("utc", &words(&plan));
}

#[test]
fn a_guard_on_changes_refuses_until_the_policy_allows_them() {
    let stage = Stage::new(SHOP);
    let guarded = format!("{POLICY}guards: {{ max_changed_accounts: 5 }}\n");

    let refusal = approve(&stage.plan(&guarded), Removals::AsThePolicySays).unwrap_err();

    assert_eq!(refusal, Refusal::Changes { accounts: 6, allowed: 5 });
    let raised = edited(&guarded, "accounts: 5", "accounts: 6");
    assert!(approve(&stage.plan(&raised), Removals::AsThePolicySays).is_ok());
}

#[test]
fn a_running_operation_is_waited_for() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(POLICY);
    stage.apply_all(&plan);
    // Auto-deployment has just begun, and nobody waits for it.
    stage.join("web-3", "/Workloads/Prod");
    let later = edited(POLICY, "daily 01:00", "daily 04:00");

    let plan = stage.plan(&later);

    // What comes of it is not known yet, so nothing else is planned.
    assert_reads("running_operation", &words(&plan));
    assert!(plan.waits());
    stage.apply_all(&plan);
    stage.roll_out(&later);
}
