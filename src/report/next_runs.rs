//! When a policy scans and installs.

use std::{collections::BTreeSet, fmt::Write as _};

use jiff::{Timestamp, tz::Offset};
use serde_json::{Value, json};

use crate::{
    ids::{CalendarArn, Region},
    report::{
        Detail, FORMAT_VERSION, count,
        style::{caution, columns, heading},
    },
    state::{
        CalendarGate, ClockShift, NextRuns, RegionRuns, RingRuns, Run, RunTimes, ScheduledRuns,
    },
};

/// Runs of one schedule that are shown before a list is cut.
const SHOWN: usize = 3;

/// Words the next runs, ring by ring, Regions with the same runs together, in UTC and local time.
pub fn next_runs_text(runs: &NextRuns, detail: Detail) -> String {
    let mut text = format!(
        "{}: runs from {} to {}\n",
        heading(&format!("Policy {}", runs.policy)),
        utc(runs.from),
        utc(runs.until)
    );
    for ring in &runs.rings {
        let _ = writeln!(text, "\n{}", heading(&format!("Ring {}", ring.ring)));
        for (regions, first) in alike(ring) {
            scheduled(&mut text, "scan", &regions, &first.scan, detail);
            if let Some(install) = &first.install {
                scheduled(&mut text, "install", &regions, install, detail);
            }
        }
        if ring.regions.iter().all(|region| region.install.is_none()) {
            text.push_str("  nothing is installed\n");
        }
    }
    notes(&mut text, runs);
    text
}

/// Regions that scan and install at the same times, with what the first of them does.
fn alike(ring: &RingRuns) -> Vec<(Vec<&Region>, &RegionRuns)> {
    let mut groups: Vec<(Vec<&Region>, &RegionRuns)> = Vec::new();
    for runs in &ring.regions {
        let alike = groups
            .iter()
            .position(|(_, first)| first.scan == runs.scan && first.install == runs.install);
        match alike {
            Some(index) => groups[index].0.push(&runs.region),
            None => groups.push((vec![&runs.region], runs)),
        }
    }
    groups
}

fn scheduled(
    text: &mut String,
    what: &str,
    regions: &[&Region],
    scheduled: &ScheduledRuns,
    detail: Detail,
) {
    let regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
    let _ = writeln!(text, "  {what:<7}  {}  {}", regions.join(", "), said(scheduled));
    let RunTimes::At(runs) = &scheduled.times else {
        text.push_str("    at no fixed times: it begins when a stack is made\n");
        return;
    };
    if runs.is_empty() {
        text.push_str("    not in this time\n");
        return;
    }
    let shown = match detail {
        Detail::Folded if runs.len() > SHOWN + 1 => SHOWN,
        Detail::Folded | Detail::Everything => runs.len(),
    };
    let rows = runs[..shown]
        .iter()
        .map(|run| {
            let local = run.local.strftime("%a %Y-%m-%d %H:%M");
            vec![utc(run.at), format!("{local} {}", scheduled.zone), marks(run).join("; ")]
        })
        .collect();
    text.push_str(&columns("    ", rows));
    let rest = &runs[shown..];
    if !rest.is_empty() {
        let _ = writeln!(text, "    … and {} more{}", rest.len(), of_the_rest(rest));
    }
}

/// What the policy says, and what State Manager is told.
pub(super) fn said(scheduled: &ScheduledRuns) -> String {
    let ScheduledRuns { local, expression, offset_days, .. } = scheduled;
    if local.contains(expression) {
        return local.clone();
    }
    let days = match offset_days {
        0 => String::new(),
        days => format!(" + {}", count(usize::from(*days), "day")),
    };
    format!("{local} = {expression}{days}")
}

/// What there is to say of a run besides its time.
pub(super) fn marks(run: &Run) -> Vec<String> {
    let patch_tuesday = run.patch_tuesday.map(|tuesday| format!("Patch Tuesday {tuesday}"));
    let shift = (run.shift != ClockShift::NONE).then(|| format!("{} than meant", run.shift));
    let gate = match &run.gate {
        CalendarGate::None | CalendarGate::NotAsked | CalendarGate::Open => None,
        CalendarGate::Closed { calendar, until: None } => {
            Some(format!("held back: {} is closed", name(calendar)))
        }
        CalendarGate::Closed { calendar, until: Some(until) } => {
            Some(format!("held back: {} is closed until {}", name(calendar), utc(*until)))
        }
        CalendarGate::Unknown(_) => Some("not known whether it is held back".to_owned()),
    };
    [patch_tuesday, shift, gate].into_iter().flatten().collect()
}

/// What there is to say of the runs of a list that are not shown.
fn of_the_rest(runs: &[Run]) -> String {
    let mut words = String::new();
    if let Some(moved) = runs.iter().find(|run| run.shift != ClockShift::NONE) {
        let _ = write!(words, ", from {} on {} than meant", moved.local.date(), moved.shift);
    }
    let held = runs.iter().filter(|run| matches!(run.gate, CalendarGate::Closed { .. })).count();
    if held > 0 {
        let _ = write!(words, ", {held} of them held back");
    }
    words
}

fn notes(text: &mut String, runs: &NextRuns) {
    if runs.runs().any(|run| run.shift != ClockShift::NONE) {
        text.push_str(
            "\nRuns are later or earlier than meant from a change of clocks on, until `orgpatch apply` runs again.\n",
        );
    }
    if runs.runs().any(|run| run.gate == CalendarGate::NotAsked) {
        text.push_str("\nChange Calendars may hold installations back: `--online` asks them.\n");
    }
    let reasons: BTreeSet<&str> = runs
        .runs()
        .filter_map(|run| match &run.gate {
            CalendarGate::Unknown(reason) => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    section(text, "Calendars that could not be asked", reasons);
    section(text, "Warnings", runs.warnings.iter().map(String::as_str));
}

fn section<'a>(text: &mut String, title: &str, lines: impl IntoIterator<Item = &'a str>) {
    let lines: Vec<&str> = lines.into_iter().collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", caution(title));
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// The name of a calendar, without the rest of its ARN.
fn name(calendar: &CalendarArn) -> &str {
    calendar.as_str().rsplit_once("document/").map_or(calendar.as_str(), |(_, name)| name)
}

fn utc(moment: Timestamp) -> String {
    Offset::UTC.to_datetime(moment).strftime("%a %Y-%m-%d %H:%M UTC").to_string()
}

/// The same for programs, with every run.
pub fn next_runs_json(runs: &NextRuns) -> Value {
    let NextRuns { policy, from, until, rings, warnings } = runs;
    let region = |runs: &RegionRuns| {
        json!({
            "region": runs.region,
            "calendars": runs.calendars,
            "scan": scheduled_json(&runs.scan),
            "install": runs.install.as_ref().map(scheduled_json),
        })
    };
    let ring = |runs: &RingRuns| {
        let regions: Vec<Value> = runs.regions.iter().map(region).collect();
        json!({ "ring": runs.ring, "regions": regions })
    };
    json!({
        "format_version": FORMAT_VERSION,
        "policy": policy,
        "from": from.to_string(),
        "until": until.to_string(),
        "rings": rings.iter().map(ring).collect::<Vec<_>>(),
        "warnings": warnings,
    })
}

fn scheduled_json(scheduled: &ScheduledRuns) -> Value {
    let ScheduledRuns { local, expression, offset_days, zone, times } = scheduled;
    let runs: Option<Vec<Value>> = match times {
        RunTimes::At(runs) => Some(runs.iter().map(run_json).collect()),
        RunTimes::Rate => None,
    };
    json!({
        "local": local,
        "expression": expression,
        "offset_days": offset_days,
        "zone": zone,
        "runs": runs,
    })
}

fn run_json(run: &Run) -> Value {
    let Run { at, local, shift, patch_tuesday, gate } = run;
    let gate = match gate {
        CalendarGate::None => json!({ "state": "none" }),
        CalendarGate::NotAsked => json!({ "state": "not_asked" }),
        CalendarGate::Open => json!({ "state": "open" }),
        CalendarGate::Closed { calendar, until } => json!({
            "state": "closed",
            "calendar": calendar,
            "until": until.map(|until| until.to_string()),
        }),
        CalendarGate::Unknown(reason) => json!({ "state": "unknown", "reason": reason }),
    };
    json!({
        "utc": at.to_string(),
        "local": at.display_with_offset(local.offset()).to_string(),
        "shift_seconds": shift.0,
        "patch_tuesday": patch_tuesday.map(|tuesday| tuesday.to_string()),
        "calendars": gate,
    })
}
