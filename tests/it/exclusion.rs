//! Excluded accounts never get a stack, now or later, and nobody else is left out.
//!
//! Who is excluded is said anew here, from the policy's words and the tree, so that a fault of the planner's
//! is not repeated.

use std::collections::{BTreeMap, BTreeSet};

use orgpatch::{
    ids::{AccountId, OuId},
    state::{AccountState, Organization, Reach, StackSetSpec},
};
use proptest::prelude::*;

use crate::{
    arbitrary::{Seat, Wanted, World, any_moves, any_world, config, seat},
    builders::{Stage, TODAY, account_id, assert_reads, desired, ou_id, policy, snapshot, words},
};

/// The accounts that a policy is meant for, in these seats.
fn covered(wanted: &Wanted, seats: &[Seat]) -> BTreeSet<AccountId> {
    seats
        .iter()
        .enumerate()
        .filter(|(number, seat)| wanted.covers(*number, seat))
        .map(|(number, _)| account_id(number + 1))
        .collect()
}

/// The stack sets that a policy asks for in an organization; none where it covers nobody.
fn stack_sets(world: &World, wanted: &Wanted) -> Vec<StackSetSpec> {
    let desired = desired(&policy(&wanted.text()), &snapshot(world.organization()), TODAY);
    let Ok(desired) = desired else { return Vec::new() };
    let deployments = desired.rings.iter().filter_map(|ring| ring.deployment());
    deployments.flat_map(|deployment| deployment.stack_sets.values().cloned()).collect()
}

/// Whether one OU is above another.
fn is_above(organization: &Organization, upper: &OuId, lower: &OuId) -> bool {
    organization.ancestors(lower).skip(1).any(|ou| ou == upper)
}

/// The active accounts that a call with these targets would reach, as AWS sees it.
fn reached(organization: &Organization, set: &StackSetSpec) -> BTreeMap<AccountId, usize> {
    let mut reached = BTreeMap::new();
    for (ou, target) in &set.targets {
        let below = organization.subtree(ou);
        let accounts = below.iter().flat_map(|ou| organization.members(ou)).filter(|account| {
            account.state == AccountState::Active
                && account.id != *organization.management_account()
                && (target.reach == Reach::WholeOu || target.accounts.contains(&account.id))
        });
        for account in accounts {
            *reached.entry(account.id.clone()).or_default() += 1;
        }
    }
    reached
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_policy_reaches_whom_it_means_once_and_nobody_else((world, wanted, _) in any_world()) {
        let organization = world.organization();
        let sets = stack_sets(&world, &wanted);

        let mut times: BTreeMap<AccountId, usize> = BTreeMap::new();
        for set in &sets {
            for (account, count) in reached(&organization, set) {
                *times.entry(account).or_default() += count;
            }
        }

        let once = covered(&wanted, &world.before).into_iter().map(|account| (account, 1)).collect();
        prop_assert_eq!(times, once);
    }

    #[test]
    fn no_stack_set_names_an_ou_and_one_above_it((world, wanted, _) in any_world()) {
        let organization = world.organization();

        for set in stack_sets(&world, &wanted) {
            for upper in set.targets.keys() {
                for lower in set.targets.keys() {
                    prop_assert!(!is_above(&organization, upper, lower), "{upper} above {lower}");
                }
            }
        }
    }

    #[test]
    fn who_was_never_meant_never_had_a_stack((world, wanted, moves) in any_moves()) {
        let text = wanted.text();
        let stage = Stage::over(snapshot(world.organization()));
        let fits = || desired(&policy(&text), &snapshot(stage.aws.organization()), TODAY).is_ok();
        let mut seats = world.before.clone();
        let mut meant = covered(&wanted, &seats);
        if fits() {
            stage.roll_out(&text);
        }

        for (number, next, applied) in moves {
            // What a suspended account had when it left its OU stays in it, detached: nobody can delete it
            // there, and orgpatch says so. When the account comes back, so does the stack.
            let comes_back =
                seats[number].state != AccountState::Active && next.state == AccountState::Active;
            if comes_back {
                continue;
            }
            // An account that is excluded by its ID stays where it is: see the story below. One that was
            // suspended with its stacks does not come back: they may have to be deleted by hand.
            let is_lost = seats[number].state == AccountState::Suspended
                && stage.aws.ever_deployed().contains(&account_id(number + 1));
            if !is_lost && !wanted.excluded_accounts.contains(&number) {
                seat(&stage, number, &next);
                seats[number] = next;
            }
            meant.extend(covered(&wanted, &seats));
            stage.wait(60);
            if applied && fits() {
                stage.roll_out(&text);
                prop_assert_eq!(with_stacks(&stage, &seats), covered(&wanted, &seats));
            }
            let deployed = stage.aws.ever_deployed();
            prop_assert!(deployed.is_subset(&meant), "{deployed:?} have or had stacks, {meant:?} were meant");
        }
    }
}

/// The active accounts that have stacks now.
fn with_stacks(stage: &Stage, seats: &[Seat]) -> BTreeSet<AccountId> {
    (0..seats.len())
        .filter(|number| seats[*number].state == AccountState::Active)
        .map(|number| account_id(number + 1))
        .filter(|id| !stage.aws.stacks_in(id).is_empty())
        .collect()
}

const TREE: &str = "
    /Workloads/Prod  web-1 web-2
    /Workloads/Test  vendor test-1
";

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1]
  exclude: { accounts: [{ id: \"000000000003\", reason: vendor appliance }] }
schedule:
  scan: daily 01:00
";

/// Auto-deployment follows OUs and can't leave an account out, so only a plan finds this one.
#[test]
fn an_account_excluded_by_its_id_that_moves_into_a_whole_ou_is_taken_out_by_the_next_apply() {
    let stage = Stage::with(TREE, POLICY);
    let vendor = stage.account("vendor");
    assert_eq!(vendor, account_id(3));
    assert!(!stage.aws.ever_deployed().contains(&vendor));

    stage.aws.move_account(&vendor, &ou_id("/Workloads/Prod"));
    stage.wait(60);
    assert!(!stage.aws.stacks_in(&vendor).is_empty(), "auto-deployment has followed it");
    let plan = stage.plan(POLICY);

    assert_reads("excluded_account_moved", &words(&plan));
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
    assert!(stage.aws.stacks_in(&vendor).is_empty());
}
