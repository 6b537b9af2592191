use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{AS, Named, create, id, make_set, run, set, spec};
use crate::{
    cloud::{CloudErrorKind, CloudWrite as _, TemplateFrom},
    ids::{AccountId, Region},
    sim::{
        Assumptions, SimulatedAws,
        schedule::{AT_ONCE, Attempt, Ending, Planned, Schedule},
        synthetic_snapshot,
    },
    state::{Preferences, RegionPace, Switch},
};

const SECOND: Duration = Duration::from_secs(1);

/// The course of an operation over accounts 0, 1, … in each Region, each attempt taking a second.
fn course(
    accounts: u64,
    regions: &[&str],
    preferences: Preferences,
    fails: impl Fn(&str, u64) -> bool,
) -> Schedule {
    let work: BTreeMap<Region, Vec<AccountId>> = regions
        .iter()
        .map(|name| {
            let ids = (0..accounts).map(|id| format!("{id:012}").parse().unwrap());
            (name.parse().unwrap(), ids.collect())
        })
        .collect();
    Schedule::work_out(work, preferences, AT_ONCE, SECOND * 10, |(account, region), _| {
        let failed = fails(region.as_str(), account.as_str().parse().unwrap());
        Attempt { length: SECOND, outcome: if failed { Err("no".to_owned()) } else { Ok(()) } }
    })
}

fn pace(concurrency_percent: u8, tolerance_percent: u8, regions: RegionPace) -> Preferences {
    Preferences { concurrency_percent, tolerance_percent, regions }
}

fn count(schedule: &Schedule, region: &str, ending: impl Fn(&Ending) -> bool) -> usize {
    let here = |planned: &&Planned| planned.place.1.as_str() == region && ending(&planned.ending);
    schedule.planned.iter().filter(here).count()
}

fn cancelled(ending: &Ending) -> bool {
    matches!(ending, Ending::Cancelled(_))
}

#[test]
fn so_many_accounts_are_worked_on_at_a_time_in_each_region() {
    // 25 % of 10 is 2.5, so two at a time, in five rounds.
    let two =
        course(10, &["us-east-1", "us-east-2"], pace(25, 0, RegionPace::Parallel), |_, _| false);
    assert_eq!(two.ends, SECOND * 15);
    // 1 % of 10 is none, so one at a time.
    let one = course(10, &["us-east-1"], pace(1, 0, RegionPace::Parallel), |_, _| false);
    assert_eq!(one.ends, SECOND * 20);
}

#[test]
fn sequential_regions_go_in_the_order_of_their_names() {
    let schedule =
        course(2, &["us-east-2", "us-east-1"], pace(100, 0, RegionPace::Sequential), |_, _| false);

    let begun: BTreeSet<(&str, Duration)> =
        schedule.planned.iter().map(|planned| (planned.place.1.as_str(), planned.begins)).collect();
    assert_eq!(begun, [("us-east-1", SECOND * 10), ("us-east-2", SECOND * 11)].into());
}

#[test]
fn what_runs_is_finished_when_too_many_have_failed() {
    // Three at a time; none may fail; the first does.
    let schedule = course(10, &["us-east-1"], pace(30, 0, RegionPace::Parallel), |_, id| id == 0);

    assert!(schedule.exceeded);
    assert_eq!(count(&schedule, "us-east-1", |ending| *ending == Ending::Succeeded), 2);
    assert_eq!(count(&schedule, "us-east-1", cancelled), 7);
}

#[test]
fn as_many_failures_as_are_tolerated_stop_nothing() {
    // 10 % of 19 is 1.9, so one may fail.
    let fails_until = |bound| {
        course(19, &["us-east-1"], pace(5, 10, RegionPace::Parallel), move |_, id| id < bound)
    };

    assert!(!fails_until(1).exceeded);
    assert_eq!(count(&fails_until(1), "us-east-1", cancelled), 0);
    assert!(fails_until(2).exceeded);
    assert_eq!(count(&fails_until(2), "us-east-1", cancelled), 17);
}

#[test]
fn the_last_failures_count_too() {
    let schedule = course(3, &["us-east-1"], pace(100, 0, RegionPace::Parallel), |_, _| true);

    assert!(schedule.exceeded);
    assert_eq!(count(&schedule, "us-east-1", cancelled), 0);
}

#[test]
fn a_stopped_region_stops_those_behind_it_and_none_beside_it() {
    let stopped = |regions| {
        let pace = pace(10, 0, regions);
        let schedule =
            course(10, &["eu-west-1", "us-east-1"], pace, |region, _| region == "eu-west-1");
        count(&schedule, "us-east-1", cancelled)
    };

    assert_eq!(stopped(RegionPace::Sequential), 10);
    assert_eq!(stopped(RegionPace::Parallel), 0);
}

#[test]
fn ten_thousand_instances_are_worked_on_at_a_time() {
    let ends = |regions| {
        let pace = pace(100, 0, regions);
        course(6_000, &["eu-west-1", "us-east-1"], pace, |_, _| false).ends
    };

    // Five thousand in each of two Regions, and then the rest.
    assert_eq!(ends(RegionPace::Parallel), SECOND * 12);
    assert_eq!(ends(RegionPace::Sequential), SECOND * 12);
}

#[test]
fn operations_that_run_together_share_what_may_run_at_a_time() {
    let assumptions = Assumptions { make: SECOND * 60..=SECOND * 60, ..Assumptions::default() };
    let snapshot = synthetic_snapshot(6_001, 10, 2);
    let regions: BTreeSet<Region> = snapshot.regions.keys().cloned().collect();
    let aws = SimulatedAws::new(snapshot).with_assumptions(assumptions);
    let named =
        Named { ous: [aws.organization().root().clone()].into(), regions, ..Named::default() };
    let all_at_once = pace(100, 0, RegionPace::Parallel);
    run(async {
        for name in ["a", "b"] {
            let mut spec = spec(name, "one", Switch::On);
            spec.parameters.insert("RingId".to_owned(), format!("ring{name}"));
            aws.create_stack_set(AS, &spec, TemplateFrom::Body, "token").await.unwrap();
            let (set, id) = (set(name), id("made"));
            aws.create_instances(AS, &set, named.targets(), all_at_once, &id).await.unwrap();
        }
        aws.pause(SECOND * 1_000_000).await;
    });

    let took = |name: &str| {
        let runs = aws.operations_run();
        let run = runs.into_iter().find(|run| run.set == set(name)).unwrap();
        run.end.unwrap().saturating_sub(run.start.unwrap())
    };
    // 6,000 accounts in each of two Regions: 5,000 at a time there, so two waves. The other operation has
    // half of that, so three.
    assert_eq!(took("a"), SECOND * (2 * 60 + 12));
    assert_eq!(took("b"), SECOND * (3 * 60 + 12));
}

#[test]
fn more_instances_than_a_stack_set_may_have_are_refused() {
    let snapshot = synthetic_snapshot(6_000, 10, 17);
    let regions: BTreeSet<Region> = snapshot.regions.keys().cloned().collect();
    let aws = SimulatedAws::new(snapshot);
    let named =
        Named { ous: [aws.organization().root().clone()].into(), regions, ..Named::default() };
    run(async {
        make_set(&aws, "a").await;

        let refused = create(&aws, "a", &named, "made").await.unwrap_err();

        assert_eq!(refused.kind, CloudErrorKind::Refused);
        assert_eq!(
            refused.message,
            "0 stack instances and 101983 more are over the limit of 100000"
        );
    });
}
