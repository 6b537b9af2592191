//! A rehearsal shows the whole rollout, and what any mishap does to it.

use orgpatch::{
    plan::Plan,
    rehearsal::{FaultKind, Rehearsal, Settings, Watched, rehearse},
    report::{fault_words, rehearsal_json, rehearsal_text},
    sim::{Assumptions, synthetic_snapshot},
    state::Snapshot,
};
use serde_json::Value;

use crate::builders::{TODAY, assert_reads, edited, organization, plain, policy, run, snapshot};

const TREE: &str = "
    /Workloads            tools
    /Workloads/Prod       web-1 web-2 web-3 web-4
    /Workloads/Suspended  old-1
    /Security             audit old-2(suspended)
";

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads, /Security]
  regions: [ap-northeast-1, eu-west-1]
schedule:
  scan: daily 01:00
  install: sun 02:00
rollout: { accounts: 25%, tolerate: 0%, regions: sequential }
";

fn rehearsed(
    text: &str,
    snapshot: Snapshot,
    seed: u64,
    fault: Option<FaultKind>,
) -> (Rehearsal, Vec<String>) {
    let assumptions = Assumptions::for_a_rehearsal();
    let settings = Settings { seed, fault, assumptions, max_rate: None, today: TODAY };
    let mut told = Vec::new();
    let watch = |watched: Watched<'_>| match watched {
        Watched::Planned(plan) => told.push(format!("planned {}", plan.steps.len())),
        Watched::Fault(fault, plan) => told.push(fault_words(fault, plan)),
        Watched::Begins(_, number) => told.push(format!("run {number}")),
        Watched::Event(..) => {}
        Watched::Ended(_, outcome) => told.push(match outcome {
            None => "killed".to_owned(),
            Some(outcome) if outcome.is_complete() => "complete".to_owned(),
            Some(_) => "in part".to_owned(),
        }),
    };
    let rehearsal = run(rehearse(&policy(text), snapshot, &settings, watch));
    (rehearsal.unwrap_or_else(|error| panic!("{error}")), told)
}

fn over(tree: &str, seed: u64, fault: Option<FaultKind>) -> (Rehearsal, Vec<String>) {
    rehearsed(POLICY, snapshot(organization(tree)), seed, fault)
}

#[test]
fn a_rehearsal_reads_well() {
    let (rehearsal, seen) = over(TREE, 0, None);

    assert_eq!(seen, ["planned 6", "run 1", "complete"]);
    assert_reads("rehearsal", &plain(&rehearsal_text(&rehearsal)));
}

#[test]
fn every_mishap_at_every_seed_is_finished_by_the_same_command() {
    for fault in FaultKind::ALL {
        for seed in 0..12 {
            let (rehearsal, seen) = over(TREE, seed, Some(fault));

            let left: &Plan = &rehearsal.left;
            assert!(left.is_empty(), "{fault:?} with seed {seed}: {seen:?}\n{left:#?}");
            assert_eq!(rehearsal.rings[0].failing, [], "{fault:?} with seed {seed}");
        }
    }
}

#[test]
fn what_goes_wrong_is_told_and_differs_by_the_seed() {
    let told: Vec<String> = FaultKind::ALL
        .into_iter()
        .map(|fault| {
            let (_, seen) = over(TREE, 1, Some(fault));
            seen.join("; ")
        })
        .collect();

    assert_reads("mishaps", &told.join("\n"));
    for fault in [FaultKind::Account, FaultKind::Reply, FaultKind::Network, FaultKind::Kill] {
        let of = |seed| over(TREE, seed, Some(fault)).0.fault;
        assert!((1..6).any(|seed| of(seed) != of(0)), "{fault:?}");
        assert_eq!(of(7), of(7), "{fault:?}");
    }
}

#[test]
fn a_mishap_reads_well() {
    let (rehearsal, _) = over(TREE, 2, Some(FaultKind::Account));

    assert_reads("rehearsal_with_a_failing_account", &plain(&rehearsal_text(&rehearsal)));
}

#[test]
fn one_failing_account_stops_what_tolerates_none_and_nothing_else() {
    let (strict, _) = over(TREE, 0, None);
    let tolerant = edited(POLICY, "tolerate: 0%", "tolerate: 50%");
    let (tolerant, _) = rehearsed(&tolerant, snapshot(organization(TREE)), 0, None);

    let strict = strict.failing.unwrap();
    assert_eq!(strict.failing_steps.len(), 1);
    assert!(strict.untried > 0, "{strict:?}");
    assert_eq!(strict.instances, strict.failed + strict.untried + done(&strict));
    let tolerant = tolerant.failing.unwrap();
    assert_eq!((tolerant.failing_steps.len(), tolerant.untried, tolerant.failed), (0, 0, 2));
    assert!(tolerant.stops_at.values().flatten().any(|stops| *stops > 1));
}

fn done(failing: &orgpatch::rehearsal::FailingAccount) -> usize {
    failing.instances - failing.failed - failing.untried
}

#[test]
fn the_rehearsal_itself_is_not_touched_by_what_it_tries_beside() {
    let (rehearsal, _) = over(TREE, 0, None);

    assert!(rehearsal.runs.iter().all(|run| run.outcome.as_ref().unwrap().is_complete()));
    assert!(rehearsal.failing.is_some());
}

#[test]
fn what_is_assumed_decides_how_long_it_takes() {
    let of = |assumptions: Assumptions| {
        let settings = Settings { seed: 0, fault: None, assumptions, max_rate: None, today: TODAY };
        let snapshot = snapshot(organization(TREE));
        run(rehearse(&policy(POLICY), snapshot, &settings, |_| ())).unwrap().took
    };
    let mut slow = Assumptions::for_a_rehearsal();
    let hour = std::time::Duration::from_hours(1);
    assert_eq!(slow.set("make", hour..=hour), Ok(()));

    // The home stack, and five accounts at a time of one in each of two Regions.
    assert!(of(slow) > 10 * hour);
    assert!(of(Assumptions::for_a_rehearsal()) < hour);
}

#[test]
fn programs_get_the_same_with_its_version() {
    let (rehearsal, _) = over(TREE, 0, Some(FaultKind::StoppedOperation));

    let value = rehearsal_json(&rehearsal);

    assert_eq!(value["format_version"], 1);
    assert_eq!(value["fault"]["kind"], "stopped-operation");
    assert_eq!(value["status"]["matches"], true);
    let runs = value["runs"].as_array().unwrap();
    assert!(runs.len() >= 2);
    let regions = |run: &Value| -> u64 {
        let steps = run["steps"].as_array().unwrap();
        let regions = steps.iter().flat_map(|step| step["regions"].as_array().unwrap());
        regions.map(|region| region["instances"].as_u64().unwrap()).sum()
    };
    assert!(regions(&runs[0]) > 0);
    assert_eq!(value["assumed_seconds"]["make"], serde_json::json!([40.0, 90.0]));
}

#[test]
fn an_organization_of_two_thousand_accounts_is_rehearsed_to_its_end() {
    let snapshot = synthetic_snapshot(2_000, 100, 5);
    let regions: Vec<String> = snapshot.regions.keys().map(ToString::to_string).collect();
    let text = edited(
        &edited(POLICY, "[/Workloads, /Security]", "[/]"),
        "[ap-northeast-1, eu-west-1]",
        &format!("[{}]", regions.join(", ")),
    );

    let (rehearsal, _) = rehearsed(&text, snapshot, 0, None);

    assert!(rehearsal.left.is_empty());
    // Every account but those that are suspended, and the management account.
    let current: usize = rehearsal.rings[0].regions.values().map(|counts| counts.current).sum();
    assert_eq!(current, (1_999 - 1_999 / 97) * 5);
}

#[test]
fn an_organization_that_is_slow_to_read_is_rehearsed_to_its_end_although_others_use_up_the_rates() {
    for seed in 0..4 {
        let snapshot = synthetic_snapshot(60, 300, 20);
        let text = edited(POLICY, "[/Workloads, /Security]", "[/]");

        let (rehearsal, _) = rehearsed(&text, snapshot, seed, Some(FaultKind::Throttling));

        assert!(rehearsal.left.is_empty());
    }
}

#[test]
fn one_clock_counts_for_all_that_is_told() {
    let (well, _) = over(TREE, 0, None);
    let tolerant = edited(POLICY, "tolerate: 0%", "tolerate: 50%");
    let (tolerant, _) = rehearsed(&tolerant, snapshot(organization(TREE)), 0, None);
    let (lost, _) = over(TREE, 0, Some(FaultKind::Network));

    let run = &well.runs[0];
    assert!(well.took >= run.ended && run.ended > run.began);
    // One account that fails makes a rollout that tolerates it neither much shorter nor longer.
    let (with, without) = (tolerant.failing.unwrap().ends, tolerant.runs[0].ended);
    assert!(with.abs_diff(without).as_secs() < 60, "{with:?}, {without:?}");
    let lost_at = lost.fault.unwrap().after_seconds.unwrap();
    assert!((run.began.as_secs()..run.ended.as_secs()).contains(&lost_at), "{lost_at}");
}
