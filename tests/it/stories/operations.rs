//! What StackSets operations do to each other, and what the user is told to do.

use std::time::Duration;

use orgpatch::{
    apply::{Event, StepFailure},
    cloud::{Call, CloudErrorKind, CloudRead as _, CloudWrite as _},
    plan::{check, retry_failed},
    sim::{Fault, Lasts, On, What, When},
};

use super::*;
use crate::builders::run;

fn once(on: Call, what: What) -> Fault {
    Fault { on: On::Next(on), what, lasts: Lasts::Once }
}

/// Applies, and gives the outcome with the lines that were told, as far as they are no progress.
fn told(stage: &Stage, plan: &Plan) -> (Outcome, String) {
    let mut progress = Progress::new(plan.steps.len());
    let mut lines = Vec::new();
    let outcome = stage.apply_telling(plan, |event: Event<'_>| {
        if !matches!(event.kind, EventKind::Progress { .. }) {
            lines.extend(progress.line(&event));
        }
    });
    (outcome, plain(&lines.join("\n")))
}

#[test]
fn an_operation_that_is_in_the_way_is_waited_for() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(POLICY);
    for _ in 0..3 {
        stage.aws.inject(once(Call::CreateStackInstances, What::Answered(CloudErrorKind::Busy)));
    }

    let (outcome, lines) = told(&stage, &plan);

    assert!(outcome.is_complete());
    assert_reads("operation_in_the_way", &lines);
    stage.assert_matches(POLICY);
}

#[test]
fn an_operation_of_which_nobody_heard_whether_it_began_is_found_by_its_id_and_not_begun_twice() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(POLICY);
    stage.aws.inject(once(Call::CreateStackInstances, What::Lost(When::After)));
    stage.aws.inject(once(Call::DescribeStackSetOperation, What::Lost(When::Before)));

    let (outcome, _) = told(&stage, &plan);

    assert!(outcome.is_complete());
    let created = |run: &&orgpatch::sim::OperationRun| run.action == "CREATE";
    assert_eq!(stage.aws.operations_run().iter().filter(created).count(), 1);
    assert!(stage.aws.calls()[&Call::CreateStackInstances] > 1, "the call was not made again");
    stage.assert_matches(POLICY);
}

#[test]
fn a_set_that_somebody_else_has_changed_stops_and_the_next_run_goes_on() {
    let stage = Stage::with(CLEAN, POLICY);
    let later = edited(POLICY, "daily 01:00", "daily 04:00");
    let plan = stage.plan(&later);
    stage.aws.inject(once(Call::UpdateStackSet, What::Answered(CloudErrorKind::Stale)));

    let outcome = stage.apply(&plan);

    assert_reads("stale_stack_set", &super::outcome(&plan, &outcome));
    stage.roll_out(&later);
}

#[test]
fn an_operation_comes_after_those_that_wait_already() {
    let stage = Stage::with(CLEAN, POLICY);
    let later = edited(POLICY, "daily 01:00", "daily 04:00");
    let plan = stage.plan(&later);
    let set = stage.aws.stack_sets().into_iter().next().unwrap();
    let accounts = stage.aws.organization().accounts().count();
    assert!(accounts > 2);
    // Three accounts join at the same moment: auto-deployment has three operations.
    for name in ["new-1", "new-2", "new-3"] {
        stage.join(name, "/Workloads/Prod");
    }

    let outcome = stage.apply(&plan);

    assert!(outcome.is_complete());
    let runs = stage.aws.operations_run();
    let of_set: Vec<_> = runs.iter().filter(|run| run.set == set).collect();
    let update = of_set.iter().position(|run| run.action == "UPDATE").unwrap();
    assert_eq!(update, of_set.len() - 1, "{of_set:#?}");
    assert!(of_set[update].start >= of_set[update - 1].end, "{of_set:#?}");
    stage.assert_matches(&later);
}

#[test]
fn an_operation_that_somebody_stops_is_told_and_the_next_run_goes_on() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(STRICT);
    let stopped = std::cell::Cell::new(false);

    let outcome = stage.apply_telling(&plan, |event| {
        let running = stage.aws.operations_run().into_iter().find(|run| run.end.is_none());
        if let (EventKind::Progress { .. }, Some(running), false) =
            (event.kind, running, stopped.get())
        {
            stage.aws.stop_operation(&running.set, &running.id);
            stopped.set(true);
        }
    });

    assert!(stopped.get());
    assert_reads("stopped_operation", &super::outcome(&plan, &outcome));
    stage.roll_out(STRICT);
}

#[test]
fn ten_minutes_without_a_network_are_survived() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(POLICY);
    for begins in [0, 30, 60, 90, 150] {
        let stage = stage.again();
        stage.aws.lose_network(Duration::from_secs(begins), Duration::from_mins(10));

        let outcome = stage.apply(&plan);

        assert!(
            outcome.is_complete(),
            "lost after {begins} s: {}",
            super::outcome(&plan, &outcome)
        );
        stage.assert_matches(POLICY);
    }
}

#[test]
fn a_network_that_does_not_come_back_leaves_the_operation_running_and_says_so() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(POLICY);
    let fault = once(Call::DescribeStackSetOperation, What::Lost(When::Before));
    stage.aws.inject(Fault { lasts: Lasts::UntilHealed, ..fault });

    let (outcome, lines) = told(&stage, &plan);

    let lost = |end: &StepEnd| matches!(end, StepEnd::Failed(StepFailure::LostFromSight(..)));
    assert!(outcome.steps.iter().any(|(_, end)| lost(end)));
    assert!(lines.contains("trying again"), "{lines}");
    assert_reads("lost_from_sight", &super::outcome(&plan, &outcome));
    stage.aws.heal();
    stage.wait(60);
    stage.roll_out(POLICY);
}

/// Whoever shares the quotas with others is throttled, and still comes to the end.
#[test]
fn a_rollout_is_finished_although_others_use_up_most_of_every_rate() {
    let stage = Stage::new(CLEAN);
    stage.aws.share_rates(90);

    for hour in ["01:00", "02:00", "03:00", "04:00"] {
        let policy = edited(POLICY, "daily 01:00", &format!("daily {hour}"));
        let plan = stage.plan(&policy);
        assert!(stage.apply(&plan).is_complete());
        stage.assert_matches(&policy);
    }

    assert!(stage.aws.throttled() > 0);
}

#[test]
fn what_failed_is_tried_again_and_nothing_else_is_done() {
    let stage = Stage::new(CLEAN);
    let web_2 = stage.account("web-2");
    stage.aws.fail_account(&web_2, "The role quota of the account is used up");
    stage.apply(&stage.plan(STRICT));
    stage.aws.heal();
    // The policy has been edited since, and somebody new is there.
    let newcomer = stage.join("newcomer", "/Workloads/Prod");
    stage.wait(10);
    let later = edited(STRICT, "daily 01:00", "daily 04:00");
    let text = format!("{later}new_accounts: next_apply\n");
    let Look { desired, observed, .. } = stage.look(&text, Wish::Kept);
    let set = stage.aws.stack_sets().into_iter().next().unwrap();
    let template = |stage: &Stage| {
        let describe = stage.aws.stack_set(CallAs::ManagementAccount, &set);
        run(describe).unwrap().unwrap().template
    };
    let before = template(&stage);

    let plan = retry_failed(&desired, &observed);

    assert_eq!(check(&plan), []);
    assert_reads("retry_failed", &words(&plan));
    stage.apply_all(&plan);
    assert_eq!(template(&stage), before, "the policy is not what was asked for");
    let Look { desired, observed, .. } = stage.look(&text, Wish::Kept);
    let again = retry_failed(&desired, &observed);
    assert!(again.steps.is_empty());
    assert_reads("retry_failed_again", &words(&again));
    assert!(!again.losses.contains_key(&newcomer));
    stage.roll_out(STRICT);
}

#[test]
fn an_account_that_failed_and_moved_is_tried_again_where_it_is_now() {
    let by_hand = format!(
        "{}new_accounts: next_apply\n",
        edited(STRICT, "[/Workloads]", "[/Workloads/Prod, /Workloads/Test]")
    );
    let stage = Stage::new(CLEAN);
    let web_2 = stage.account("web-2");
    stage.aws.fail_account(&web_2, "The role quota of the account is used up");
    stage.apply(&stage.plan(&by_hand));
    stage.aws.heal();
    stage.aws.move_account(&web_2, &ou_id("/Workloads/Test"));

    let plan = stage.plan(&by_hand);

    stage.apply_all(&plan);
    stage.assert_matches(&by_hand);
}

#[test]
fn nothing_is_tried_again_without_the_rules_that_every_scan_reads() {
    let stage = Stage::new(CLEAN);
    stage.aws.fail_account(&stage.account("web-2"), "The role quota of the account is used up");
    stage.apply(&stage.plan(STRICT));
    stage.aws.heal();
    let names = stage.look(STRICT, Wish::Kept).desired.rings[0].names.clone();
    run(stage.aws.empty_bucket(&names.bucket)).unwrap();

    let Look { desired, observed, .. } = stage.look(STRICT, Wish::Kept);
    let plan = retry_failed(&desired, &observed);

    assert!(plan.steps.is_empty());
    assert!(matches!(plan.blocked[0].because, BlockReason::Missing(_)), "{:?}", plan.blocked);

    // What could not be read is not said to be missing.
    stage.aws.deny_read(Call::GetObject);
    let Look { desired, observed, .. } = stage.look(STRICT, Wish::Kept);
    let plan = retry_failed(&desired, &observed);
    assert!(plan.steps.is_empty());
    assert!(matches!(plan.blocked[0].because, BlockReason::Unknown(_)), "{:?}", plan.blocked);
}

#[test]
fn what_the_policy_excludes_by_now_is_not_tried_again() {
    let stage = Stage::new(CLEAN);
    let web_2 = stage.account("web-2");
    stage.aws.fail_account(&web_2, "The role quota of the account is used up");
    stage.apply(&stage.plan(STRICT));
    stage.aws.heal();
    let excluded = edited(
        STRICT,
        "schedule:",
        &format!("  exclude: {{ accounts: [\"{web_2}\"] }}\nschedule:"),
    );

    let Look { desired, observed, .. } = stage.look(&excluded, Wish::Kept);
    let plan = retry_failed(&desired, &observed);

    let tried = |plan: &Plan, account: &AccountId| {
        plan.steps.iter().any(|step| match &step.action {
            Action::AddInstances { targets, .. } => targets.accounts.contains(account),
            _ => false,
        })
    };
    assert!(!tried(&plan, &web_2));
    assert!(
        plan.warnings.iter().any(|warning| warning.contains(web_2.as_str())),
        "{:?}",
        plan.warnings
    );
    stage.apply(&plan);
    assert!(!stage.stacks().contains_key(&web_2));
}

#[test]
fn a_wish_to_stop_is_not_kept_waiting_by_a_look_that_gets_no_answer() {
    let stage = Stage::new(CLEAN);
    let plan = stage.plan(POLICY);
    let approved = approve(&plan, Removals::AsThePolicySays).unwrap();
    let (switch, stop) = orgpatch::apply::Stop::new();
    let lost = std::cell::Cell::new(None);
    let outcome = run(async {
        let applying = orgpatch::apply::apply(&approved, &stage.aws, &stop, "stopped", |event| {
            if matches!(event.kind, EventKind::Operation(_)) {
                stage.aws.lose_network(Duration::ZERO, Duration::from_hours(1));
                lost.set(Some(stage.aws.now()));
            }
        });
        let wishing = async {
            while lost.get().is_none() {
                stage.aws.pause(Duration::from_secs(1)).await;
            }
            stage.aws.pause(Duration::from_secs(2)).await;
            switch.wish();
        };
        futures_util::future::join(applying, wishing).await.0
    });

    assert!(outcome.is_interrupted());
    let waited = stage.aws.now().saturating_sub(lost.get().unwrap());
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[test]
fn a_bucket_that_somebody_emptied_gets_its_rules_again_and_nothing_else_changes() {
    let stage = Stage::with(CLEAN, POLICY);
    let names = stage.look(POLICY, Wish::Kept).desired.rings[0].names.clone();
    run(stage.aws.empty_bucket(&names.bucket)).unwrap();

    let plan = stage.plan(POLICY);

    let is_overrides =
        |action: &Action| matches!(action, Action::WriteOverrides { replaces: None, .. });
    assert!(plan.steps.len() == 1 && is_overrides(&plan.steps[0].action), "{}", words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
}
