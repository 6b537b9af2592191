//! How long a plan takes: reading a recorded organization, resolving, observing and planning.
//!
//! A benchmark, never a test: figures differ between machines. `make bench` runs it.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use orgpatch::{
    discover,
    ids::CallAs,
    plan::plan,
    policy::{self, Surroundings},
    sim::{SimulatedAws, synthetic_snapshot},
};

const RUNS: usize = 5;

const OUS: usize = 50;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let mut out = std::io::stdout().lock();
    let what = "first plan over a snapshot (median of 5)";
    let _ = writeln!(out, "{what:<44} {:>10} {:>8}", "measured", "goal");
    for (accounts, regions, goal) in [(100, 17, "-"), (1_000, 17, "< 1 s"), (10_000, 10, "-")] {
        let mut times: Vec<Duration> =
            (0..RUNS).map(|_| runtime.block_on(measure(accounts, regions))).collect();
        times.sort();
        let what = format!("{accounts} accounts, {OUS} OUs, {regions} Regions");
        let median = times[RUNS / 2].as_secs_f64() * 1e3;
        let _ = writeln!(out, "{what:<44} {median:>8.1}ms {goal:>8}");
    }
}

/// One plan, from the text of the snapshot to the steps.
async fn measure(accounts: usize, regions: usize) -> Duration {
    let snapshot = synthetic_snapshot(accounts, OUS, regions);
    let names: Vec<&str> =
        snapshot.regions.keys().map(orgpatch::ids::Region::as_str).take(regions).collect();
    let text = format!(
        "version: 1\nname: bench\nhome_region: {}\ntargets:\n  ous: [/]\n  regions: [{}]\nschedule:\n  scan: daily 01:00\n  install: sun 02:00\n  timezone: region\n",
        snapshot.region,
        names.join(", ")
    );
    let written = serde_json::to_string(&snapshot).unwrap_or_default();

    let begun = Instant::now();
    let snapshot = serde_json::from_str(&written).unwrap_or(snapshot);
    let aws = SimulatedAws::new(snapshot);
    let policy = policy::parse("bench.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    let standing = discover::standing(&aws).await.unwrap_or_else(|error| panic!("{error}"));
    let organization = discover::organization(&aws, &standing.facts)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let regions = aws_regions(&aws).await;
    let surroundings = Surroundings {
        organization: &organization,
        account: &standing.caller.account,
        call_as: CallAs::ManagementAccount,
        regions: &regions,
    };
    let today = jiff::civil::date(2026, 11, 22);
    let desired = policy::resolve(&policy, surroundings, today)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let observed = discover::observe(&aws, standing.call_as, &discover::sought(&desired)).await;
    let plan = plan(&desired, &observed);
    let took = begun.elapsed();
    assert!(!plan.steps.is_empty());
    took
}

async fn aws_regions(
    aws: &SimulatedAws,
) -> std::collections::BTreeMap<orgpatch::ids::Region, orgpatch::state::RegionStatus> {
    use orgpatch::cloud::CloudRead as _;
    aws.regions().await.unwrap_or_default()
}
