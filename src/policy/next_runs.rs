//! When each ring will scan and install.

use jiff::{
    SignedDuration, Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};

use crate::{
    ids::Region,
    state::{CalendarGate, NextRuns, RegionRuns, RingRuns, Run, RunTimes, ScheduledRuns},
};

use super::{
    calendars,
    clocks::{self, offset},
    compile::compile,
    error::{Problem, Problems},
    order,
    runs::{self, Runs},
    values::{At, Monthly, Policy, RingWish, Timezone, When},
    zones,
};

/// The runs of so many days from a moment on, as State Manager makes them where the policy is applied at that
/// moment and not again: after a change of clocks, they are later or earlier than meant.
///
/// # Errors
///
/// A schedule that State Manager can't say in a Region.
pub fn next_runs(policy: &Policy, now: Timestamp, days: u16) -> Result<NextRuns, Problems> {
    let today = Offset::UTC.to_datetime(now).date();
    let until = now.saturating_add(SignedDuration::from_hours(24 * i64::from(days)));
    let within = Span { today, from: now, until: until.unwrap_or(now) };
    let mut problems = Vec::new();
    let rings = policy
        .rings
        .iter()
        .map(|ring| RingRuns {
            ring: ring.name.clone(),
            regions: ring
                .regions
                .iter()
                .filter_map(|region| of_region(ring, &region.value, within, &mut problems))
                .collect(),
        })
        .collect();
    if !problems.is_empty() {
        return Err(policy.problems(problems));
    }
    Ok(NextRuns {
        policy: policy.name.clone(),
        from: within.from,
        until: within.until,
        rings,
        warnings: order::order_warnings(policy, today),
    })
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Span {
    /// The day on which schedules are compiled.
    today: Date,
    from: Timestamp,
    until: Timestamp,
}

fn of_region(
    ring: &RingWish,
    region: &Region,
    within: Span,
    problems: &mut Vec<Problem>,
) -> Option<RegionRuns> {
    let timezone = &ring.schedule.timezone;
    let calendars = calendars::of_region(&ring.schedule, region);
    let gate = if calendars.is_empty() { CalendarGate::None } else { CalendarGate::NotAsked };
    let scan = scheduled(&ring.schedule.scan, timezone, region, within)
        .map_err(|problem| problems.push(problem));
    let install = ring.schedule.install.as_ref().map(|install| {
        let runs = scheduled(install, timezone, region, within);
        runs.map(|runs| behind(runs, &gate)).map_err(|problem| problems.push(problem))
    });
    let install = install.transpose().ok()?;
    Some(RegionRuns { region: region.clone(), calendars, scan: scan.ok()?, install })
}

fn behind(mut scheduled: ScheduledRuns, gate: &CalendarGate) -> ScheduledRuns {
    if let RunTimes::At(runs) = &mut scheduled.times {
        for run in runs {
            run.gate = gate.clone();
        }
    }
    scheduled
}

/// The runs of a schedule in one Region.
fn scheduled(
    when: &At<When>,
    timezone: &Timezone,
    region: &Region,
    within: Span,
) -> Result<ScheduledRuns, Problem> {
    let compiled =
        compile(&when.value, timezone, region, within.today).map_err(|unsaid| unsaid.at(when))?;
    let (_, meant) = zones::zone(timezone, region);
    let (shown_name, shown) = zones::shown(timezone, region);
    let times =
        match runs::runs(&compiled.expression, compiled.offset_days, within.from, within.until) {
            Runs::Rate => RunTimes::Rate,
            Runs::At(moments) => {
                let compiled_at = offset(&meant, within.today);
                let run = |at| run(&when.value, at, &meant, compiled_at, &shown);
                RunTimes::At(moments.into_iter().map(run).collect())
            }
        };
    Ok(ScheduledRuns {
        local: compiled.local,
        expression: compiled.expression,
        offset_days: compiled.offset_days,
        zone: shown_name.to_owned(),
        times,
    })
}

/// One run of a schedule that was compiled at an offset.
fn run(when: &When, at: Timestamp, meant: &TimeZone, compiled_at: i64, shown: &TimeZone) -> Run {
    let now = i64::from(meant.to_offset(at).seconds());
    let patch_tuesday = match when {
        // The day that is meant, also where the local clock shows another one by now.
        When::Monthly(Monthly::PatchTuesday(days), _) => {
            runs::patch_tuesday(fixed(compiled_at).to_datetime(at).date(), *days)
        }
        _ => None,
    };
    Run {
        at,
        local: at.to_zoned(shown.clone()),
        shift: clocks::shift(when, compiled_at, now),
        patch_tuesday,
        gate: CalendarGate::None,
    }
}

fn fixed(seconds: i64) -> Offset {
    let offset = i32::try_from(seconds).ok().and_then(|seconds| Offset::from_seconds(seconds).ok());
    offset.unwrap_or(Offset::UTC)
}
