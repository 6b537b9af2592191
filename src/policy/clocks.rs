//! When clocks change, and what that does to a schedule that was compiled before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use crate::{ids::Region, state::ClockShift};

use super::{
    regions::listed,
    values::{RingWish, When},
    zones,
};

/// A year, for every purpose here.
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The offset of a zone on a day, in seconds. That of noon, so that a change of clocks in the night of the
/// plan counts as done.
pub(super) fn offset(zone: &TimeZone, day: Date) -> i64 {
    let noon = day.at(12, 0, 0, 0).to_zoned(zone.clone());
    noon.map_or(0, |noon| i64::from(noon.offset().seconds()))
}

/// Every offset that a zone has within a year from a day.
pub(super) fn offsets_within_a_year(zone: &TimeZone, day: Date) -> BTreeSet<i64> {
    let later = changes(zone, day).into_iter().map(|(_, offset)| offset);
    std::iter::once(offset(zone, day)).chain(later).collect()
}

/// The changes of clocks within a year from a day, each with the offset from then on.
fn changes(zone: &TimeZone, day: Date) -> Vec<(Timestamp, i64)> {
    let Ok(noon) = day.at(12, 0, 0, 0).to_zoned(zone.clone()) else { return Vec::new() };
    let noon = noon.timestamp();
    let end = noon.checked_add(YEAR).unwrap_or(noon);
    zone.following(noon)
        .take_while(|change| change.timestamp() < end)
        .map(|change| (change.timestamp(), i64::from(change.offset().seconds())))
        .collect()
}

/// By how much a schedule that was compiled at one offset runs later by the clock at another one.
pub(super) fn shift(when: &When, compiled: i64, now: i64) -> ClockShift {
    let moved = now - compiled;
    ClockShift(match when {
        // These are meant in UTC, or at no time of day.
        When::Cron(_) | When::Rate(_) => 0,
        When::Every(minutes) if moved % (i64::from(*minutes) * 60) == 0 => 0,
        When::Daily(_) | When::Weekly(..) | When::Monthly(..) | When::Every(_) => moved,
    })
}

/// The next change of clocks that moves a local schedule, within a year: the day, and what it does.
fn next_shift(when: &When, zone: &TimeZone, today: Date) -> Option<(Date, ClockShift)> {
    let compiled = offset(zone, today);
    changes(zone, today)
        .into_iter()
        .map(|(at, now)| (zone.to_datetime(at).date(), shift(when, compiled, now)))
        .find(|(_, shift)| *shift != ClockShift::NONE)
}

/// One line for each zone whose clocks change, since runs then move by the local clock.
pub(super) fn clock_changes(rings: &[RingWish], today: Date) -> Vec<String> {
    let mut zones: BTreeMap<(&str, Date, ClockShift), BTreeSet<&Region>> = BTreeMap::new();
    for ring in rings {
        for when in std::iter::once(&ring.schedule.scan).chain(&ring.schedule.install) {
            for region in &ring.regions {
                let (name, zone) = zones::zone(&ring.schedule.timezone, &region.value);
                if let Some((day, shift)) = next_shift(&when.value, &zone, today) {
                    zones.entry((name, day, shift)).or_default().insert(&region.value);
                }
            }
        }
    }
    zones
        .into_iter()
        .map(|((zone, day, shift), regions)| {
            format!(
                "clocks change in {zone} on {day}: from then on runs in {} are {shift} by the local clock, until `orgpatch apply` runs again",
                listed(regions)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{error::Place, schedule::parse_when};

    fn next(when: &str, zone: &str, today: &str) -> Option<(String, String)> {
        let place = Place { line: 1, column: 1, bytes: None };
        let when = parse_when(when, &place, "schedule.scan").unwrap();
        let zone = TimeZone::get(zone).unwrap();
        next_shift(&when, &zone, today.parse().unwrap())
            .map(|(day, shift)| (day.to_string(), shift.to_string()))
    }

    fn told(day: &str, shift: &str) -> (String, String) {
        (day.to_owned(), shift.to_owned())
    }

    #[test]
    fn the_next_change_of_clocks_is_found_where_there_is_one() {
        let next = |zone, today| next("daily 01:00", zone, today);
        assert_eq!(next("Europe/Dublin", "2026-11-22"), Some(told("2027-03-28", "an hour later")));
        assert_eq!(
            next("Europe/Dublin", "2027-03-28"),
            Some(told("2027-10-31", "an hour earlier"))
        );
        let half = Some(told("2027-04-04", "half an hour earlier"));
        assert_eq!(next("Australia/Lord_Howe", "2026-11-22"), half);
        assert_eq!(next("Asia/Tokyo", "2026-11-22"), None);
        assert_eq!(next("UTC", "2026-11-22"), None);
    }

    #[test]
    fn only_what_is_meant_by_the_local_clock_is_moved_by_it() {
        let next = |when, zone| next(when, zone, "2026-11-22");
        assert_eq!(next("cron(0 2 ? * SUN *)", "Europe/Dublin"), None);
        assert_eq!(next("rate(12 hours)", "Europe/Dublin"), None);
        assert_eq!(next("every 1h", "Europe/Dublin"), None);
        assert_eq!(next("every 30m", "Australia/Lord_Howe"), None);
        let hour = Some(told("2027-03-28", "an hour later"));
        assert_eq!(next("every 4h", "Europe/Dublin"), hour);
        let half = Some(told("2027-04-04", "half an hour earlier"));
        assert_eq!(next("every 1h", "Australia/Lord_Howe"), half);
    }
}
