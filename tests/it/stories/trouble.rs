//! What is foreign, unreadable, failing or running already.

use orgpatch::cloud::Call;

use super::*;

/// A stage with a stack set in it that has the name of ours and these tags.
fn with_a_set_of_our_name(tags: &[(&str, &str)]) -> Stage {
    let stage = Stage::new(SHOP);
    let desired = stage.look(POLICY, Wish::Kept).desired;
    let sets = &desired.rings[0].deployment().unwrap().stack_sets;
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
        Call::ListStackSets,
        Call::DescribeStackSet,
        Call::ListStackInstances,
        Call::ListStackSetOperations,
        Call::DescribeStacks,
        Call::GetObject,
        Call::GetPatchBaseline,
        Call::DescribePatchBaselines,
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
    stage.aws.deny_read(Call::ListStackInstances);

    let plan = stage.plan(POLICY);

    assert_reads("unreadable_stack_set", &words(&plan));
    assert_reads("unreadable_stack_set.outcome", &outcome(&plan, &stage.apply(&plan)));
}

#[test]
fn destroy_leaves_alone_what_it_can_t_read() {
    let stage = Stage::with(SHOP, POLICY);
    let before = stage.stacks();
    stage.aws.deny_read(Call::ListStackInstances);

    let plan = stage.removal(POLICY);
    stage.apply(&plan);

    assert_eq!(stage.stacks(), before, "{}", words(&plan));
}

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

#[test]
fn a_name_typed_for_a_removal_does_not_lift_the_guard_on_changes() {
    let stage = Stage::with(CLEAN, POLICY);
    let fewer =
        format!("{}guards: {{ max_changed_accounts: 1 }}\n", edited(POLICY, ", eu-west-1]", "]"));

    let plan = stage.plan(&fewer);
    let refusal = approve(&plan, Removals::ByName(plan.policy.clone())).unwrap_err();

    assert!(matches!(refusal, Refusal::Changes { allowed: 1, .. }), "{refusal}");
}

#[test]
fn destroy_keeps_the_bucket_as_long_as_one_stack_can_t_be_read() {
    let stage = Stage::with(CLEAN, &format!("{POLICY}management_account: include\n"));
    let Look { desired, mut observed, .. } = stage.look(POLICY, GONE);
    let home = desired.rings[0].names.home_stack.clone();
    for ((_, name), seen) in &mut observed.stacks {
        if name.as_str().ends_with("-eu-west-1") {
            *seen = Seen::Unknown("denied".to_owned());
        }
    }

    let plan = plan(&desired, &observed);

    assert_eq!(plan::check(&plan), []);
    assert!(plan.steps.iter().all(|step| match &step.action {
        Action::EmptyBucket { .. } => false,
        Action::DeleteStack { name, .. } => *name != home,
        _ => true,
    }));
    assert!(plan.blocked.iter().any(|blocked| blocked.subject.contains(home.as_str())));
}

#[test]
fn a_bucket_without_its_stack_blocks_since_the_stack_is_elsewhere() {
    let stage = Stage::with(CLEAN, POLICY);
    for wish in [Wish::Kept, GONE] {
        let Look { desired, mut observed, .. } = stage.look(POLICY, wish);
        let home = desired.rings[0].names.home_stack.clone();
        for ((_, name), seen) in &mut observed.stacks {
            if *name == home {
                *seen = Seen::Absent;
            }
        }

        let plan = plan(&desired, &observed);

        let blocked = plan.blocked.iter().find(|blocked| blocked.subject.contains("the bucket"));
        assert!(blocked.is_some_and(|blocked| blocked.because.to_string().contains("home_region")));
        assert!(plan.steps.iter().all(|step| !matches!(step.action, Action::EmptyBucket { .. })));
    }
}
