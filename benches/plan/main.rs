//! How fast orgpatch is: every figure that the design sets a goal for.
//!
//! A benchmark, never a test: figures differ between machines. `make bench` runs it, prints the table and
//! writes it to `docs/benchmarks.md`. Organizations are made up, and AWS is simulated, so that seconds
//! of waiting are virtual and seconds of work are this machine's.

mod figures;
mod scene;

use std::time::Instant;

use figures::{Table, median, memory};
use orgpatch::{
    cloud::Quota,
    discover,
    plan::plan,
    rehearsal::{Settings, rehearse},
    sim::{Assumptions, SimulatedAws, synthetic_snapshot},
};
use scene::{TODAY, policies, rolled_out, run, surveyed};

/// Measurements of which the middle one counts.
const RUNS: usize = 5;

const REGIONS: usize = 17;

fn main() {
    let mut table = Table::default();
    plans(&mut table);
    reading(&mut table);
    nothing_to_do(&mut table);
    rehearsal(&mut table);
    binary(&mut table);
    table.print();
    if let Some(file) = std::env::var_os("ORGPATCH_BENCHMARKS") {
        table.write(std::path::Path::new(&file));
    }
}

/// Parsing, resolving and planning, where all is as it should be.
fn plans(table: &mut Table) {
    let mut before: Option<f64> = None;
    for (accounts, ous) in [(100, 10), (1_000, 50), (10_000, 500)] {
        let snapshot = synthetic_snapshot(accounts, ous, REGIONS);
        let texts = policies(&snapshot, REGIONS);
        let looks: Vec<_> = texts.iter().map(|text| rolled_out(&snapshot, text)).collect();
        memory::forget();
        let times = (0..RUNS).map(|_| {
            let begun = Instant::now();
            for (text, (_, observed)) in texts.iter().zip(&looks) {
                let desired = surveyed(&snapshot, text);
                assert!(plan(&desired, observed).is_empty(), "it was rolled out");
            }
            begun.elapsed().as_secs_f64()
        });
        let took = median(times.collect());
        let what = format!(
            "parse, resolve and plan, all unchanged: {accounts} accounts, {ous} OUs, {REGIONS} Regions{}",
            if texts.len() > 1 {
                " (two policies, since a stack set takes 100,000 instances)"
            } else {
                ""
            }
        );
        let goal = if accounts == 10_000 { "< 0.5 s" } else { "" };
        table.add(&what, format!("{took:.3} s"), goal);
        if accounts == 10_000 {
            table.add("the same, peak memory", memory::peak(), "< 400 MB");
            if let Some(before) = before {
                let ratio = format!("{:.1} ×", took / before);
                table.add("the same, against 1,000 accounts", ratio, "≤ 12 ×");
            }
        }
        before = Some(took);
    }
}

/// Reading an organization at AWS's published rates.
fn reading(table: &mut Table) {
    for (accounts, ous) in [(1_000, 50), (10_000, 500)] {
        let aws = SimulatedAws::new(synthetic_snapshot(accounts, ous, REGIONS))
            .with_pages(orgpatch::sim::Pages::Full)
            .with_assumptions(Assumptions::for_a_rehearsal());
        let standing = run(discover::standing(&aws)).unwrap_or_else(|error| panic!("{error}"));
        let begun = aws.now();
        run(discover::organization(&aws, &standing.facts))
            .unwrap_or_else(|error| panic!("{error}"));
        let took = aws.now().saturating_sub(begun);
        // Who am I, and may StackSets act, is asked by every command.
        let of_organizations =
            [Quota::Accounts, Quota::ForParent, Quota::Roots, Quota::Organization];
        let counts = aws.calls().into_iter();
        let calls: u64 = counts
            .filter(|(call, _)| of_organizations.contains(&Quota::of(*call)))
            .map(|(_, count)| count)
            .sum();
        let of = |quota| {
            let calls = aws.calls().into_iter().filter(|(call, _)| Quota::of(*call) == quota);
            quota.rate().least_time(calls.map(|(_, count)| count).sum())
        };
        let least = of(Quota::Accounts).max(of(Quota::ForParent));
        let what = format!("reading an organization of {accounts} accounts and {ous} OUs");
        let fewest = accounts.div_ceil(20) + ous + 3;
        table.add(&format!("{what}: calls"), calls.to_string(), &format!("≤ {fewest}"));
        let seconds = format!("{:.0} s simulated", took.as_secs_f64());
        table.add(&format!("{what}: time"), seconds, "");
        let used = format!("{:.0} %", 100.0 * least.as_secs_f64() / took.as_secs_f64());
        table.add(&format!("{what}: use of the permitted rate"), used, "≥ 90 %");
    }
}

/// A plan with nothing to do, and the first rollout before it.
fn nothing_to_do(table: &mut Table) {
    let snapshot = synthetic_snapshot(1_000, 50, REGIONS);
    let text = &policies(&snapshot, REGIONS)[0];
    let (aws, _) = rolled_out(&snapshot, text);
    let operations = aws.operations_run().len();
    let sets = aws.stack_sets().len();
    table.add(
        "StackSets operations of a first rollout: 1,000 accounts, 17 Regions",
        format!(
            "{operations} for {}",
            if sets == 1 { "1 stack set".to_owned() } else { format!("{sets} stack sets") }
        ),
        "1 per stack set and 50 OUs",
    );
    let before: u64 = aws.calls().values().sum();
    run(scene::look(&aws, text));
    let calls = aws.calls().values().sum::<u64>() - before;
    table.add(
        "calls of a plan with nothing to do: 1,000 accounts, 17 Regions",
        format!("{calls}, one for {} instances", 17_000 / calls),
        "O(pages), none per account",
    );
}

/// A whole rehearsal.
fn rehearsal(table: &mut Table) {
    let snapshot = synthetic_snapshot(10_000, 500, REGIONS);
    let texts = policies(&snapshot, REGIONS);
    let begun = Instant::now();
    for text in &texts {
        let policy = scene::policy(text);
        let settings = Settings {
            seed: 0,
            fault: None,
            assumptions: Assumptions::for_a_rehearsal(),
            max_rate: None,
            today: TODAY,
        };
        let rehearsed = run(rehearse(&policy, snapshot.clone(), &settings, |_| ()));
        let rehearsed = rehearsed.unwrap_or_else(|error| panic!("{error}"));
        assert!(rehearsed.left.is_empty(), "it came to its end");
    }
    table.add(
        "rehearse 10,000 accounts × 17 Regions (two policies, each with a second run for a failing account)",
        format!("{:.1} s", begun.elapsed().as_secs_f64()),
        "< 5 s",
    );
}

/// The binary that users install, where it has been built.
fn binary(table: &mut Table) {
    let Some(path) = std::env::var_os("ORGPATCH_BIN") else { return };
    let times = (0..RUNS * 4).map(|_| {
        let begun = Instant::now();
        let help = std::process::Command::new(&path).arg("--help").output();
        assert!(help.is_ok_and(|help| help.status.success()), "`--help` fails");
        begun.elapsed().as_secs_f64()
    });
    table.add("orgpatch --help", format!("{:.1} ms", median(times.collect()) * 1e3), "< 15 ms");
    let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let kilobytes = size / 1_000;
    let size = format!("{}.{} MB", kilobytes / 1_000, kilobytes % 1_000 / 100);
    table.add("size of the release binary", size, "≤ 25 MB");
}
