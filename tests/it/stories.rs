//! A plan reads well and is right: an organization, a plan as people read it, the rollout in the simulated
//! AWS, and a second plan that has nothing to do.

mod baselines;
mod conflicts;
mod moves;
mod operations;
mod policies;
mod removal;
mod rings;
mod safety;
mod trouble;

use std::collections::BTreeSet;

use orgpatch::{
    apply::{EventKind, Outcome, StepEnd},
    ids::{AccountId, CallAs},
    plan::{self, Action, BlockReason, Change, Plan, Refusal, Removals, plan},
    report::{Progress, outcome_text},
    sim::example_snapshot,
    state::{AccountState, Seen, Snapshot, StackStatus, Switch},
};

use crate::builders::{
    GONE, Look, MANAGEMENT, Stage, Wish, account_id, approve, assert_reads, edited, organization,
    ou_id, parsed, plain, snapshot, words,
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
