//! `next-runs`: when each ring will scan and install. It asks AWS about calendars where that is wished, and
//! nothing else.

use crate::{
    cli::{
        args::{NextRunsArgs, RunsOutput},
        clock,
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, World},
    },
    discover,
    ids::Region,
    policy,
    report::{Detail, next_runs_ics, next_runs_json, next_runs_text},
    state::{CalendarGate, NextRuns, RunTimes},
};

pub(super) async fn run(
    args: &NextRunsArgs,
    region: Option<&Region>,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let mut runs = policy::next_runs(&policy, clock::timestamp(), args.days)
        .map_err(|problems| Failure::policy(Exit::Usage, &problems))?;
    only_ring(args, &mut runs)?;
    only_region(region, &mut runs)?;
    if args.online {
        let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
        discover::ask_calendars(&aws, &mut runs.rings).await;
    }
    terminal.out(&match args.output {
        RunsOutput::Text => {
            let detail = if args.all { Detail::Everything } else { Detail::Folded };
            next_runs_text(&runs, detail)
        }
        RunsOutput::Json => format!("{:#}\n", next_runs_json(&runs)),
        RunsOutput::Ics => next_runs_ics(&runs),
    });
    if args.output == RunsOutput::Ics {
        say_what_is_not_in_a_calendar(&runs, terminal);
    }
    // What could not be asked is no answer.
    let is_known = |gate: &CalendarGate| !matches!(gate, CalendarGate::Unknown(_));
    Ok(if runs.runs().all(|run| is_known(&run.gate)) { Exit::Done } else { Exit::Failed })
}

fn only_ring(args: &NextRunsArgs, runs: &mut NextRuns) -> Result<(), Failure> {
    let Some(wanted) = &args.ring else { return Ok(()) };
    let names: Vec<String> = runs.rings.iter().map(|ring| ring.ring.to_string()).collect();
    runs.rings.retain(|ring| ring.ring == *wanted);
    if runs.rings.is_empty() {
        return Err(unknown("ring", wanted.as_str(), &names));
    }
    Ok(())
}

fn only_region(wanted: Option<&Region>, runs: &mut NextRuns) -> Result<(), Failure> {
    let Some(wanted) = wanted else { return Ok(()) };
    let regions = runs.rings.iter().flat_map(|ring| &ring.regions);
    let mut names: Vec<String> = regions.map(|runs| runs.region.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    for ring in &mut runs.rings {
        ring.regions.retain(|runs| runs.region == *wanted);
    }
    runs.rings.retain(|ring| !ring.regions.is_empty());
    if runs.rings.is_empty() {
        return Err(unknown("Region", wanted.as_str(), &names));
    }
    Ok(())
}

fn unknown(what: &str, wanted: &str, names: &[String]) -> Failure {
    Failure::new(Exit::Usage, format!("the policy has no {what} `{wanted}`"))
        .help(format!("It has {}.", names.join(", ")))
}

/// A calendar has no place for what has no time.
fn say_what_is_not_in_a_calendar(runs: &NextRuns, terminal: &Terminal) {
    for ring in &runs.rings {
        for region in &ring.regions {
            for scheduled in region.schedules() {
                if scheduled.times == RunTimes::Rate {
                    terminal.say(&format!(
                        "warning: ring {} in {}: {} has no fixed times, so it is not in the calendar",
                        ring.ring, region.region, scheduled.expression
                    ));
                }
            }
        }
    }
}
