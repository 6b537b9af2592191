//! The `schedule.calendars` key: Change Calendars that must be open for an installation.
//!
//! Scans change nothing, so they are never held back. A calendar holds back the installations of its
//! own Region: that one of another Region would do is documented nowhere.

use std::collections::BTreeSet;

use crate::ids::{Arn as _, CalendarArn, Region, RingName};

use super::{
    error::Problem,
    fields,
    file::Node,
    values::{At, RingWish, Schedule},
};

/// Reads the list, which stands at `path`.
pub(super) fn read(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Vec<At<CalendarArn>> {
    let mut found: Vec<At<CalendarArn>> = Vec::new();
    for item in fields::list(node, path, problems) {
        let Some(At { value, place }) = fields::text(item, path, problems) else {
            continue;
        };
        match value.parse::<CalendarArn>() {
            Ok(_) if found.iter().any(|other| other.value.as_str() == value) => problems
                .push(Problem::at(&place, format!("the calendar is named twice in `{path}`"))),
            Ok(value) => found.push(At { value, place }),
            Err(error) => problems.push(
                Problem::at(&place, format!("`{path}`: {error}")).help(
                    "Share the calendar with the organization, and name it by its ARN: member accounts know no other name of it.",
                ),
            ),
        }
    }
    found
}

/// Whether each calendar has something to hold back: an installation in its own Region, in a ring that it is for.
pub(super) fn fit(schedule: &Schedule, rings: &[RingWish], problems: &mut Vec<Problem>) {
    let mut seen: Vec<&At<CalendarArn>> = Vec::new();
    let of_rings = rings.iter().flat_map(|ring| &ring.schedule.calendars);
    for calendar in schedule.calendars.iter().chain(of_rings) {
        if seen.contains(&calendar) {
            continue;
        }
        seen.push(calendar);
        let rings: Vec<&RingWish> =
            rings.iter().filter(|ring| ring.schedule.calendars.contains(calendar)).collect();
        problems.extend(unfit(calendar, schedule, &rings));
    }
}

/// What is wrong with a calendar of these rings.
fn unfit(calendar: &At<CalendarArn>, schedule: &Schedule, rings: &[&RingWish]) -> Option<Problem> {
    let At { value, place } = calendar;
    if rings.is_empty() {
        let message = "every ring has `calendars` of its own, so this one holds back nothing";
        return Some(Problem::at(place, message).help("Take it out."));
    }
    let installing: Vec<&RingWish> =
        rings.iter().copied().filter(|ring| ring.schedule.install.is_some()).collect();
    if installing.is_empty() {
        let why = if schedule.install.is_none() {
            "the policy installs nothing".to_owned()
        } else {
            format!("nothing is installed in {}", names(rings))
        };
        return Some(
            Problem::at(place, format!("calendars hold back installations, and {why}"))
                .help("Take the calendars out, or say when patches are installed. Scans change nothing, so they are never held back."),
        );
    }
    let region = value.region();
    let is_there =
        |ring: &&RingWish| ring.regions.iter().any(|at| Some(&at.value) == region.as_ref());
    if installing.iter().any(is_there) {
        return None;
    }
    let place_of_regions = match installing.as_slice() {
        [only] if only.name == RingName::main() => "`targets.regions`".to_owned(),
        _ => format!("the Regions of {}", names(&installing)),
    };
    let region = region.map(|region| region.to_string()).unwrap_or_default();
    Some(
        Problem::at(
            place,
            format!("the calendar is in {region}, which is not among {place_of_regions}"),
        )
        .help(
            "A calendar holds back the installations of its own Region: make one in each Region.",
        ),
    )
}

/// `ring a`, `rings a, b`.
fn names(rings: &[&RingWish]) -> String {
    let names: Vec<String> = rings.iter().map(|ring| format!("`{}`", ring.name)).collect();
    let noun = if names.len() == 1 { "ring" } else { "rings" };
    format!("{noun} {}", names.join(", "))
}

/// The Regions in which installations are held back by no calendar although others are.
pub(super) fn without_calendar<'a>(
    schedule: &Schedule,
    regions: &'a BTreeSet<Region>,
) -> Vec<&'a Region> {
    if schedule.install.is_none() || schedule.calendars.is_empty() {
        return Vec::new();
    }
    let has = |region: &Region| {
        schedule.calendars.iter().any(|calendar| calendar.value.region().as_ref() == Some(region))
    };
    regions.iter().filter(|region| !has(region)).collect()
}

/// The calendars of one Region; none where there is no installation that they could hold back.
pub(super) fn of_region(schedule: &Schedule, region: &Region) -> Vec<CalendarArn> {
    if schedule.install.is_none() {
        return Vec::new();
    }
    let calendars = schedule.calendars.iter().map(|calendar| &calendar.value);
    calendars.filter(|calendar| calendar.region().as_ref() == Some(region)).cloned().collect()
}
