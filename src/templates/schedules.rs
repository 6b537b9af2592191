//! The mapping `Schedules`: what differs by Region.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::ids::{CalendarArn, Region};

use super::{RegionSchedule, place, word};

/// A property that not every policy has a use for, with what it needs. Where no Region uses it, all of
/// it is left out, so that templates stay small and a plan shows what is meant.
struct Extra {
    association: &'static str,
    property: &'static str,
    condition: &'static str,
    keys: &'static [&'static str],
    is_used: fn(&RegionSchedule) -> bool,
}

const EXTRAS: [Extra; 3] = [
    Extra {
        association: "ScanForPatches",
        property: "ScheduleOffset",
        condition: "ScanShifts",
        keys: &["ScanOffset"],
        is_used: |schedule| schedule.scan.offset_days > 0,
    },
    Extra {
        association: "InstallPatches",
        property: "ScheduleOffset",
        condition: "InstallShifts",
        keys: &["InstallOffset"],
        is_used: |schedule| schedule.install.as_ref().is_some_and(|timing| timing.offset_days > 0),
    },
    Extra {
        association: "InstallPatches",
        property: "CalendarNames",
        condition: "HasCalendars",
        keys: &["HasCalendars", "Calendars"],
        is_used: |schedule| !schedule.calendars.is_empty(),
    },
];

/// Fills the mapping, and leaves out what no Region uses.
pub(super) fn fill(template: &mut Value, schedules: &BTreeMap<Region, RegionSchedule>) {
    let mut unused: Vec<&str> = Vec::new();
    for extra in EXTRAS {
        if schedules.values().any(extra.is_used) {
            continue;
        }
        remove(place(template, "/Conditions"), extra.condition);
        let properties = format!("/Resources/{}/Properties", extra.association);
        remove(place(template, &properties), extra.property);
        unused.extend(extra.keys.iter().copied());
    }
    let schedules: Map<String, Value> = schedules
        .iter()
        .map(|(region, schedule)| {
            let mut entry = entry(schedule);
            for key in &unused {
                remove(&mut entry, key);
            }
            (region.to_string(), entry)
        })
        .collect();
    *place(template, "/Mappings/Schedules") = Value::Object(schedules);
}

fn remove(object: &mut Value, key: &str) {
    if let Some(entries) = object.as_object_mut() {
        entries.remove(key);
    }
}

/// One Region's entry. The keys are the same for every Region, and a list in a mapping can't be empty.
fn entry(schedule: &RegionSchedule) -> Value {
    let RegionSchedule { scan, install, calendars } = schedule;
    let install = install.as_ref();
    let names: Vec<&str> = match calendars.as_slice() {
        [] => vec!["none"],
        some => some.iter().map(CalendarArn::as_str).collect(),
    };
    json!({
        "Scan": scan.expression,
        "ScanOffset": scan.offset_days.to_string(),
        "Install": install.map_or("none", |timing| timing.expression.as_str()),
        "InstallOffset": install.map_or(0, |timing| timing.offset_days).to_string(),
        "HasCalendars": word(!calendars.is_empty()),
        "Calendars": names,
    })
}
