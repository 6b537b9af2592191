//! AWS's published rates are used well and never exceeded for long: reading an organization, in virtual time.

use std::{num::NonZeroU32, time::Duration};

use orgpatch::{
    cloud::{Call, MaxRate, Quota},
    discover,
    sim::{Assumptions, Paths, SimulatedAws, synthetic_snapshot},
};

use crate::builders::run;

const ACCOUNTS: usize = 4_000;
const OUS: usize = 200;

/// About what a request to another continent takes.
const LATENCY: Duration = Duration::from_millis(150);

/// Reads the whole organization; gives the virtual time that it took.
fn read(aws: &SimulatedAws) -> Duration {
    run(async {
        let standing = discover::standing(aws).await.unwrap();
        let begun = aws.now();
        let organization = discover::organization(aws, &standing.facts).await.unwrap();
        assert_eq!(organization, aws.organization());
        aws.now().saturating_sub(begun)
    })
}

fn aws() -> SimulatedAws {
    let assumptions = Assumptions { call: LATENCY..=LATENCY, ..Assumptions::default() };
    SimulatedAws::new(synthetic_snapshot(ACCOUNTS, OUS, 2)).with_assumptions(assumptions)
}

/// The least time in which the service lets these calls be made.
fn least(aws: &SimulatedAws, quota: Quota) -> Duration {
    let calls = aws.calls().into_iter().filter(|(call, _)| Quota::of(*call) == quota);
    quota.rate().least_time(calls.map(|(_, count)| count).sum())
}

#[test]
fn nine_tenths_of_the_permitted_rate_are_used_and_nothing_is_refused() {
    for paths in [Paths::Answered, Paths::Missing] {
        let aws = aws().with_paths(paths);

        let took = read(&aws);

        // Accounts and OUs have a quota each, and are read at the same time.
        let least = least(&aws, Quota::ForParent).max(least(&aws, Quota::Accounts));
        assert!(least > Duration::from_secs(20), "{least:?} is too short to say anything");
        assert!(took * 9 <= least * 10, "{paths:?}: {took:?} where {least:?} would do");
        assert_eq!(aws.throttled(), 0, "{paths:?}");
    }
}

#[test]
fn an_organization_is_read_with_the_fewest_calls() {
    let aws = aws().with_pages(orgpatch::sim::Pages::Full);

    read(&aws);

    // Who am I, and may StackSets act, is asked beside it.
    let of_organizations = [Quota::Accounts, Quota::ForParent, Quota::Roots, Quota::Organization];
    let calls = aws.calls().into_iter();
    let calls = calls.filter(|(call, _)| of_organizations.contains(&Quota::of(*call)));
    let calls: u64 = calls.map(|(_, count)| count).sum();
    let fewest = ACCOUNTS.div_ceil(20) + OUS + 3;
    assert!(calls <= fewest as u64, "{calls} calls, {fewest} would do: {:?}", aws.calls());
    assert_eq!(aws.calls().get(&Call::ListAccountsForParent), None);
}

#[test]
fn a_quota_that_others_use_up_is_waited_for_and_no_call_fails() {
    let aws = aws();
    aws.share_rates(60);

    read(&aws);

    assert!(aws.throttled() > 0, "the others took too little to be in the way");
}

#[test]
fn a_lower_rate_leaves_the_others_theirs() {
    let most = MaxRate(NonZeroU32::new(2).unwrap());
    let aws = aws().with_max_rate(most);
    aws.share_rates(60);

    let took = read(&aws);

    assert_eq!(aws.throttled(), 0);
    let (calls, others) = (aws.calls()[&Call::ListOrganizationalUnitsForParent], 2);
    let slowest = Duration::from_secs(calls / others);
    assert!(took * 10 >= slowest * 9, "{took:?} is faster than was asked for ({slowest:?})");
}

#[test]
fn a_caller_who_keeps_to_no_rate_is_throttled_and_still_comes_to_the_end() {
    let aws = aws().without_pace();

    read(&aws);

    assert!(aws.throttled() > 100, "{} refusals", aws.throttled());
}
