//! `next-runs`: when each ring will scan and install. It asks AWS about calendars where that is wished, and
//! nothing else.

use std::collections::BTreeSet;

use crate::{
    cli::{
        args::{NextRunsArgs, RunsOutput},
        clock,
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, World},
    },
    discover,
    ids::{Region, RingName},
    policy,
    report::{Detail, next_runs_ics, next_runs_json, next_runs_text},
    state::{CalendarGate, NextRuns, RunTimes},
};

pub(super) async fn run(
    args: &NextRunsArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let mut runs = policy::next_runs(&policy, clock::timestamp(), args.days)
        .map_err(|problems| Failure::policy(Exit::Usage, &problems))?;
    keep_to(args, &mut runs)?;
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

/// Keeps to rings and Regions, where some are named.
fn keep_to(args: &NextRunsArgs, runs: &mut NextRuns) -> Result<(), Failure> {
    let rings: Vec<&RingName> = runs.rings.iter().map(|ring| &ring.ring).collect();
    if let Some(strange) = args.ring.iter().find(|wanted| !rings.contains(wanted)) {
        return Err(unknown("ring", strange.as_str(), rings.iter().map(|ring| ring.as_str())));
    }
    if !args.ring.is_empty() {
        runs.rings.retain(|ring| args.ring.contains(&ring.ring));
    }
    let regions: BTreeSet<&Region> =
        runs.rings.iter().flat_map(|ring| &ring.regions).map(|runs| &runs.region).collect();
    if let Some(strange) = args.region.iter().find(|wanted| !regions.contains(wanted)) {
        return Err(unknown(
            "Region",
            strange.as_str(),
            regions.iter().map(|region| region.as_str()),
        ));
    }
    if !args.region.is_empty() {
        for ring in &mut runs.rings {
            ring.regions.retain(|runs| args.region.contains(&runs.region));
        }
        runs.rings.retain(|ring| !ring.regions.is_empty());
    }
    Ok(())
}

fn unknown<'a>(what: &str, wanted: &str, names: impl Iterator<Item = &'a str>) -> Failure {
    let names: Vec<&str> = names.collect();
    Failure::new(Exit::Usage, format!("there is no {what} `{wanted}` here"))
        .help(format!("There is {}.", names.join(", ")))
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
