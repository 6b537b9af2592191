//! The `schedule.calendars` key: Change Calendars that must be open for an installation.
//!
//! Scans change nothing, so they are never held back. A calendar holds back the installations of its
//! own Region: that one of another Region would do is documented nowhere.

use std::collections::BTreeSet;

use crate::ids::{Arn as _, CalendarArn, Region};

use super::{
    error::Problem,
    fields,
    file::Node,
    values::{At, Schedule, When},
};

/// Reads the list.
pub(super) fn read(node: &Node, problems: &mut Vec<Problem>) -> Vec<At<CalendarArn>> {
    let mut found: Vec<At<CalendarArn>> = Vec::new();
    for item in fields::list(node, "schedule.calendars", problems) {
        let Some(At { value, place }) = fields::text(item, "schedule.calendars", problems) else {
            continue;
        };
        match value.parse::<CalendarArn>() {
            Ok(_) if found.iter().any(|other| other.value.as_str() == value) => problems
                .push(Problem::at(&place, "the calendar is named twice in `schedule.calendars`")),
            Ok(value) => found.push(At { value, place }),
            Err(error) => problems.push(
                Problem::at(&place, format!("`schedule.calendars`: {error}")).help(
                    "Share the calendar with the organization, and name it by its ARN: member accounts know no other name of it.",
                ),
            ),
        }
    }
    found
}

/// Whether calendars have something to hold back.
pub(super) fn fit(
    calendars: &[At<CalendarArn>],
    install: Option<&At<When>>,
    regions: &[At<Region>],
    problems: &mut Vec<Problem>,
) {
    for At { value: calendar, place } in calendars {
        let region = calendar.region();
        if install.is_none() {
            problems.push(
                Problem::at(place, "calendars hold back installations, and the policy has no `schedule.install`")
                    .help("Take the calendars out, or say when patches are installed. Scans change nothing, so they are never held back."),
            );
        } else if !regions.iter().any(|at| Some(&at.value) == region.as_ref()) {
            let region = region.map(|region| region.to_string()).unwrap_or_default();
            problems.push(
                Problem::at(
                    place,
                    format!("the calendar is in {region}, which is not among `targets.regions`"),
                )
                .help("A calendar holds back the installations of its own Region: make one in each Region."),
            );
        }
    }
}

/// The Regions in which installations are held back by no calendar although others are.
pub(super) fn without_calendar<'a>(
    schedule: &Schedule,
    regions: &'a BTreeSet<Region>,
) -> Vec<&'a Region> {
    if schedule.calendars.is_empty() {
        return Vec::new();
    }
    let has = |region: &Region| {
        schedule.calendars.iter().any(|calendar| calendar.value.region().as_ref() == Some(region))
    };
    regions.iter().filter(|region| !has(region)).collect()
}

/// The calendars of one Region.
pub(super) fn of_region(schedule: &Schedule, region: &Region) -> Vec<CalendarArn> {
    let calendars = schedule.calendars.iter().map(|calendar| &calendar.value);
    calendars.filter(|calendar| calendar.region().as_ref() == Some(region)).cloned().collect()
}
