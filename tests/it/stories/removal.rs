//! What `destroy` takes back before the stacks go, and what it leaves.

use orgpatch::{
    apply::StepFailure,
    policy::{AccessLogs, Additions},
};

use super::*;
use crate::builders::Wish;

const KEEP_ROLES: Wish = Wish::Removed(Additions::Left, AccessLogs::Deleted);
const KEEP_LOGS: Wish = Wish::Removed(Additions::TakenBack, AccessLogs::Kept);

/// The IDs of a plan's steps that end so.
fn steps<'a>(plan: &'a Plan, end: &str) -> Vec<&'a str> {
    plan.steps.iter().map(|step| step.id.as_str()).filter(|id| id.ends_with(end)).collect()
}

/// The accounts that have something to take back, by a plan.
fn accounts_taking_back(plan: &Plan) -> BTreeSet<AccountId> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::TakeBack { places, .. } => Some(places),
            _ => None,
        })
        .flatten()
        .map(|(account, _)| account.clone())
        .collect()
}

#[test]
fn nothing_is_deleted_before_it_has_taken_back_what_it_added() {
    let included = format!("{POLICY}management_account: include\n");
    let plan = Stage::with(SHOP, &included).removal(&included);

    let mut taken_back = BTreeSet::new();
    for step in &plan.steps {
        match &step.action {
            Action::TakeBack { spec, .. } => drop(taken_back.insert(spec.name.to_string())),
            Action::TakeBackInStack { spec } => drop(taken_back.insert(spec.name.to_string())),
            Action::RemoveInstances { stack_set, .. } => {
                assert!(taken_back.contains(stack_set.as_str()), "{}", step.id);
            }
            Action::DeleteStack { name, .. } if !name.as_str().ends_with("-home") => {
                assert!(taken_back.contains(name.as_str()), "{}", step.id);
                assert!(step.after.iter().any(|id| id.as_str().ends_with("/take-back")));
            }
            _ => {}
        }
    }
    assert_eq!(taken_back.len(), 4, "{}", words(&plan));
}

#[test]
fn while_it_takes_back_nobody_is_enrolled() {
    let stage = Stage::with(SHOP, POLICY);

    let plan = stage.removal(POLICY);

    let followed: Vec<Switch> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::TakeBack { spec, .. } => Some(spec.auto_deployment),
            _ => None,
        })
        .collect();
    assert_eq!(followed, [Switch::Off; 2]);
}

#[test]
fn an_account_that_keeps_something_keeps_its_stacks_and_is_named_and_only_it_is_tried_again() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_1 = stage.account("web-1");
    let reason = "ResourceLogicalId:TakenBack, ResourceStatusReason:WaitCondition received failed message: 'not taken back: detaching policy AmazonSSMManagedInstanceCore from role web failed: AccessDenied' for uniqueId: take-back";
    stage.aws.fail_account(&web_1, reason);
    let before = stage.aws.stack_sets();

    let plan = stage.removal(POLICY);
    let outcome = stage.apply(&plan);

    assert_reads("left_behind", &self::outcome(&plan, &outcome));
    assert!(outcome.steps.iter().any(|(_, end)| matches!(
        end,
        StepEnd::Failed(StepFailure::LeftBehind(failures)) if failures.len() == 2
    )));
    assert_eq!(stage.aws.stack_sets(), before);
    assert!(!stage.aws.stacks_in(&web_1).is_empty());

    stage.aws.heal();
    let again = stage.removal(POLICY);
    assert_reads("left_behind_again", &words(&again));
    assert_eq!(accounts_taking_back(&again), BTreeSet::from([web_1]));
    stage.apply_all(&again);
    stage.assert_gone(POLICY);
}

#[test]
fn what_is_left_behind_once_more_stops_it_once_more() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_1 = stage.account("web-1");
    stage.aws.fail_account(&web_1, "no");
    stage.apply(&stage.removal(POLICY));

    let outcome = stage.apply(&stage.removal(POLICY));

    let failed =
        |(_, end): &&(_, StepEnd)| matches!(end, StepEnd::Failed(StepFailure::LeftBehind(_)));
    assert_eq!(outcome.steps.iter().filter(failed).count(), 1, "{outcome:#?}");
    assert!(!stage.aws.stacks_in(&web_1).is_empty());
}

#[test]
fn keeping_roles_needs_nothing_to_be_taken_back() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_1 = stage.account("web-1");
    stage.aws.fail_account(&web_1, "no");
    stage.apply(&stage.removal(POLICY));

    let plan = stage.look(POLICY, KEEP_ROLES).plan;

    assert_reads("keep_roles", &words(&plan));
    assert_eq!(steps(&plan, "/take-back"), Vec::<&str>::new());
    stage.apply_all(&plan);
    stage.assert_gone(POLICY);
}

#[test]
fn keeping_logs_leaves_their_bucket_and_nothing_else() {
    let stage = Stage::with(CLEAN, POLICY);
    let plan = stage.look(POLICY, KEEP_LOGS).plan;

    assert_reads("keep_logs", &words(&plan));
    stage.apply_all(&plan);

    let buckets = stage.aws.buckets();
    let names: Vec<&str> = buckets.iter().map(orgpatch::ids::BucketName::as_str).collect();
    assert!(matches!(names[..], [name] if name.contains("-access-log-")), "{names:?}");
    assert_eq!(stage.aws.stacks().len(), 0);
    assert_eq!(stage.look(POLICY, KEEP_LOGS).plan.steps, []);
}

#[test]
fn who_changes_their_mind_gets_it_all_back() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_1 = stage.account("web-1");
    stage.aws.fail_account(&web_1, "no");
    stage.apply(&stage.removal(POLICY));
    stage.aws.heal();

    let plan = stage.plan(POLICY);

    assert!(!plan.steps.is_empty());
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
}

#[test]
fn with_awss_own_boundary_it_says_that_roles_keep_what_they_have() {
    let bounded = format!("{POLICY}iam: {{ permissions_boundary: aws }}\n");
    let plan = Stage::with(CLEAN, &bounded).removal(&bounded);

    assert!(plan.warnings.iter().any(|warning| warning.contains("nobody could see")));
    let unbounded = Stage::with(CLEAN, POLICY).removal(POLICY);
    assert!(!unbounded.warnings.iter().any(|warning| warning.contains("nobody could see")));
}

#[test]
fn a_stack_of_the_management_account_that_can_t_be_updated_is_left_to_people() {
    let included = format!("{POLICY}management_account: include\n");
    let stage = Stage::with(CLEAN, &included);
    let Look { desired, mut observed, .. } = stage.look(&included, GONE);
    let own =
        observed.stacks.iter_mut().find(|((_, name), _)| name.as_str().ends_with("eu-west-1"));
    let (_, Seen::Present(stack)) = own.unwrap() else { panic!("the stack is there") };
    stack.status = StackStatus::Stuck;

    let plan = plan(&desired, &observed);

    assert!(plan.blocked.iter().any(|blocked| matches!(blocked.because, BlockReason::Stuck(_))));
    assert_eq!(steps(&plan, "own-stack/eu-west-1/delete"), Vec::<&str>::new());
    assert_eq!(steps(&plan, "home-stack/delete"), Vec::<&str>::new());
}

#[test]
fn an_account_that_moves_before_the_second_attempt_is_still_reached() {
    let stage = Stage::with(CLEAN, POLICY);
    let web_1 = stage.account("web-1");
    stage.aws.fail_account(&web_1, "no");
    stage.apply(&stage.removal(POLICY));
    stage.aws.heal();
    stage.aws.move_account(&web_1, &ou_id("/Security"));

    let again = stage.removal(POLICY);

    assert_eq!(accounts_taking_back(&again), BTreeSet::from([web_1]));
    stage.apply_all(&again);
    stage.assert_gone(POLICY);
}

#[test]
fn where_no_stack_ever_was_there_is_nothing_to_take_back() {
    let stage = Stage::new(CLEAN);
    let web_1 = stage.account("web-1");
    stage.aws.fail_account(&web_1, "no");
    let tolerant = format!("{POLICY}rollout: {{ tolerate: 50% }}\n");
    stage.apply(&stage.plan(&tolerant));

    let plan = stage.removal(&tolerant);

    assert!(!accounts_taking_back(&plan).contains(&web_1), "{}", words(&plan));
    stage.apply_all(&plan);
    stage.assert_gone(&tolerant);
}

#[test]
fn logs_that_were_to_be_kept_are_kept_by_a_later_run_that_does_not_say_so() {
    let stage = Stage::with(CLEAN, POLICY);
    let mut aborted = stage.look(POLICY, KEEP_LOGS).plan;
    let kept =
        aborted.steps.iter().position(|step| matches!(step.action, Action::KeepAccessLogs { .. }));
    aborted.steps.truncate(kept.unwrap() + 1);
    stage.apply(&aborted);

    let plan = stage.removal(POLICY);

    assert!(plan.warnings.iter().any(|warning| warning.contains("the access logs stay")));
    stage.apply_all(&plan);
    let buckets = stage.aws.buckets();
    let names: Vec<&str> = buckets.iter().map(orgpatch::ids::BucketName::as_str).collect();
    assert!(matches!(names[..], [name] if name.contains("-access-log-")), "{names:?}");
}

#[test]
fn a_half_removed_policy_still_says_from_which_account_it_is_administered() {
    let stage = Stage::with(CLEAN, POLICY);
    stage.aws.fail_account(&stage.account("web-1"), "no");
    stage.apply(&stage.removal(POLICY));
    let Look { desired, mut observed, .. } = stage.look(POLICY, GONE);
    let elsewhere = "222222222222";
    let Seen::Present(sets) = &mut observed.stack_sets else { panic!("they could be listed") };
    for set in sets.values_mut() {
        let Seen::Present(set) = set else { continue };
        let owner = set.parameters.insert("OwnerAccountId".to_owned(), elsewhere.to_owned());
        assert_eq!(owner.as_deref(), Some(MANAGEMENT));
    }

    let plan = plan(&desired, &observed);

    assert!(plan.blocked.iter().any(|blocked| matches!(
        &blocked.because,
        BlockReason::NotOurs(words) if words.contains("administered from account 222222222222")
    )));
    assert_eq!(steps(&plan, "/take-back"), Vec::<&str>::new());
    assert_eq!(steps(&plan, "/delete"), Vec::<&str>::new());
}

#[test]
fn a_home_stack_that_is_half_deleted_says_how_its_logs_can_still_be_kept() {
    let stage = Stage::with(CLEAN, POLICY);
    let Look { desired, mut observed, .. } = stage.look(POLICY, KEEP_LOGS);
    let home = observed.stacks.iter_mut().find(|((_, name), _)| name.as_str().ends_with("-home"));
    let (_, Seen::Present(stack)) = home.unwrap() else { panic!("the stack is there") };
    stack.status = StackStatus::DeleteFailed;

    let plan = plan(&desired, &observed);

    let help: Vec<&str> = plan.blocked.iter().map(|blocked| blocked.because.help()).collect();
    assert_eq!(help, ["Copy what is to be kept, then run without the option."]);
    assert_eq!(steps(&plan, "home-stack/delete"), Vec::<&str>::new());
}
