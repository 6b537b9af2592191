//! Nothing is removed because something was seen wrongly: what vanishes, moves or is renamed is told, and
//! needs consent.

use std::time::Duration;

use orgpatch::{
    cloud::CloudErrorKind,
    discover::{self, DiscoverError},
    plan::{Consent, Loss},
    sim::{Assumptions, Fault, Lasts, On, Paths, SimulatedAws, What},
    state::Unit,
};

use super::*;
use crate::builders::{TODAY, policy, run};

/// The words for why an account loses something.
fn loss(plan: &Plan, account: &AccountId) -> String {
    plan.losses.get(account).map(ToString::to_string).unwrap_or_default()
}

fn refused(plan: &Plan) -> Refusal {
    approve(plan, Removals::AsThePolicySays).unwrap_err()
}

#[test]
fn an_account_that_is_missing_from_the_listing_is_told_and_not_touched_without_consent() {
    let stage = Stage::with(CLEAN, POLICY);
    let before = stage.stacks();
    let web_1 = stage.account("web-1");
    stage.aws.hide_account(&web_1);

    let plan = stage.plan(POLICY);

    assert_eq!(plan.losses.get(&web_1), Some(&Loss::NotListed));
    assert_reads("account_not_listed", &words(&plan));
    assert_eq!(refused(&plan), Refusal::Removals { accounts: 1, allowed: 0 });
    assert_eq!(stage.stacks(), before);
}

#[test]
fn an_organization_of_which_any_part_can_t_be_read_is_an_error_and_never_a_shorter_one() {
    for paths in [Paths::Answered, Paths::Missing] {
        let whole = SimulatedAws::new(snapshot(organization(SHOP))).with_paths(paths);
        let standing = run(discover::standing(&whole)).unwrap();
        let before = whole.requests();
        let read = run(discover::organization(&whole, &standing.facts)).unwrap();
        let calls = whole.requests() - before;
        assert!(calls > 5);

        for number in 1..=calls {
            for kind in [CloudErrorKind::Denied, CloudErrorKind::Throttled, CloudErrorKind::Other] {
                let aws = SimulatedAws::new(snapshot(organization(SHOP))).with_paths(paths);
                let (on, what) = (On::Nth(number), What::Answered(kind));
                aws.inject(Fault { on, what, lasts: Lasts::Once });

                match run(discover::organization(&aws, &standing.facts)) {
                    Err(DiscoverError::Cloud(error)) => assert_eq!(error.kind, kind),
                    Ok(organization) => assert_eq!(organization, read, "{paths:?}, call {number}"),
                    Err(other) => panic!("{paths:?}, call {number}: {other}"),
                }
            }
        }
    }
}

#[test]
fn an_account_that_moves_while_ous_are_read_one_by_one_is_not_taken_for_gone() {
    let tenth = Duration::from_millis(100);
    // Some answers come later than others.
    let assumptions = Assumptions { call: tenth..=tenth * 40, ..Assumptions::default() };
    let aws = SimulatedAws::new(snapshot(organization(SHOP)))
        .with_paths(Paths::Missing)
        .with_assumptions(assumptions);
    let mover = aws.organization().accounts().find(|a| a.name == "orders").unwrap().id.clone();
    let mut ends = Vec::new();
    for after in (0..600).step_by(3) {
        let aws = aws.clone();
        let read = run(async {
            let standing = discover::standing(&aws).await.unwrap();
            let moving = async {
                use orgpatch::cloud::CloudWrite as _;
                aws.pause(tenth * after).await;
                aws.move_account(&mover, &ou_id("/"));
            };
            let reading = discover::organization(&aws, &standing.facts);
            futures_util::future::join(reading, moving).await.0
        });
        match read {
            Ok(organization) => {
                assert!(
                    organization.account(&mover).is_some(),
                    "moved after {after} tenths of a second"
                );
                ends.push(true);
            }
            Err(error) => {
                assert_eq!(
                    error,
                    DiscoverError::Moving(mover.clone()),
                    "moved after {after} tenths of a second"
                );
                ends.push(false);
            }
        }
    }
    assert!(ends.contains(&true) && ends.contains(&false), "{ends:?}");
}

/// The OU at this path with another name or place.
fn changed(path: &str, name: &str, parent: &str) -> Unit {
    Unit { id: ou_id(path), name: name.to_owned(), parent: Some(ou_id(parent)) }
}

#[test]
fn an_ou_that_is_renamed_is_not_found_and_nothing_is_planned() {
    let stage = Stage::with(CLEAN, POLICY);
    stage.aws.change_unit(changed("/Workloads", "Landing", "/"));

    let problems =
        crate::builders::desired(&policy(POLICY), &snapshot(stage.aws.organization()), TODAY)
            .unwrap_err();

    assert_reads("ou_renamed", &problems.to_string());
}

#[test]
fn an_ou_that_is_renamed_to_an_excluded_name_needs_consent_and_says_why() {
    let stage = Stage::with(CLEAN, POLICY);
    stage.aws.change_unit(changed("/Workloads/Test", "Suspended", "/Workloads"));

    let plan = stage.plan(POLICY);

    let test_1 = stage.account("test-1");
    assert_eq!(
        loss(&plan, &test_1),
        "it is in /Workloads/Suspended: in the excluded OU /Workloads/Suspended"
    );
    assert!(matches!(refused(&plan), Refusal::Removals { .. }));
}

#[test]
fn an_ou_that_is_moved_out_of_the_targets_needs_consent_and_says_where_it_is() {
    let stage = Stage::with(CLEAN, POLICY);
    stage.aws.change_unit(changed("/Workloads/Prod", "Prod", "/Security"));

    let plan = stage.plan(POLICY);

    let web_1 = stage.account("web-1");
    assert_eq!(
        loss(&plan, &web_1),
        "it was moved: reached through /Workloads, and now in /Security/Prod (not below any of the targets)"
    );
    assert!(matches!(refused(&plan), Refusal::Removals { .. }));
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
}

#[test]
fn an_account_that_moves_into_suspended_between_plan_and_apply_is_another_plan() {
    let by_hand = format!("{POLICY}new_accounts: next_apply\n");
    let stage = Stage::with(CLEAN, &by_hand);
    let later = edited(&by_hand, "daily 01:00", "daily 04:00");
    let seen = stage.plan(&later).digest;
    stage.aws.move_account(&stage.account("test-1"), &ou_id("/Suspended"));

    let now = stage.plan(&later);

    let consent =
        Consent { removals: Removals::AsThePolicySays, expected_digest: Some(seen.to_string()) };
    let refused = now.clone().approve(&consent).unwrap_err();
    assert!(matches!(refused, Refusal::OtherDigest { .. }), "{refused}");
    let without = Consent { expected_digest: None, ..consent };
    assert!(matches!(now.approve(&without), Err(Refusal::Removals { .. })));
}
