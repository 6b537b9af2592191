//! When a schedule runs: what State Manager makes of a compiled one, and what a policy means by its words.

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time, Weekday},
    tz::{Offset, TimeZone},
};

use super::{
    schedule_aws,
    values::{Monthly, When},
};

/// When a schedule runs in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// At these moments, the earliest first.
    At(Vec<Timestamp>),
    /// In intervals that begin when an association is made, so that nobody can tell the times.
    Rate,
}

impl Runs {
    /// The moments; none where they are not known.
    pub(super) fn moments(self) -> Vec<Timestamp> {
        match self {
            Self::At(moments) => moments,
            Self::Rate => Vec::new(),
        }
    }
}

/// What State Manager makes of a compiled schedule, from a moment on and before another one: it runs so many
/// days after each day of the expression, in UTC (Systems Manager user guide, "Cron and rate expressions").
pub(super) fn runs(expression: &str, offset_days: u8, from: Timestamp, to: Timestamp) -> Runs {
    let cron = schedule_aws::inside(expression, "cron").map(schedule_aws::cron);
    let Some(Ok(cron)) = cron else { return Runs::Rate };
    let days = i64::from(offset_days).days();
    let is_due = |date: &Date| date.checked_sub(days).is_ok_and(|date| cron.falls_on(date));
    let moment = |date: Date, time| Offset::UTC.to_timestamp(date.to_datetime(time)).ok();
    let dates = dates(Offset::UTC.to_datetime(from).date(), Offset::UTC.to_datetime(to).date());
    let times = cron.times();
    let moments = dates
        .filter(is_due)
        .flat_map(|date| times.iter().filter_map(move |time| moment(date, *time)))
        .filter(|moment| (from..to).contains(moment))
        .collect();
    Runs::At(moments)
}

/// What a policy means by a schedule, from a moment on and before another one: its days and times by the local
/// clock, whatever the clock does in between.
pub(super) fn meant(when: &When, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Runs {
    let times = match when {
        When::Cron(text) => return runs(text, 0, from, to),
        When::Rate(_) => return Runs::Rate,
        When::Daily(time) | When::Weekly(_, time) | When::Monthly(_, time) => vec![*time],
        When::Every(minutes) => times_of_day(*minutes),
    };
    let dates = dates(zone.to_datetime(from).date(), zone.to_datetime(to).date());
    // A time that does not exist on a day is as much later as clocks are put forward.
    let moment = |date: Date, time| zone.to_timestamp(date.to_datetime(time)).ok();
    let mut moments: Vec<Timestamp> = dates
        .filter(|date| falls_on(when, *date))
        .flat_map(|date| times.iter().filter_map(move |time| moment(date, *time)))
        .filter(|moment| (from..to).contains(moment))
        .collect();
    moments.sort_unstable();
    moments.dedup();
    Runs::At(moments)
}

/// Whether a policy means a local day.
fn falls_on(when: &When, date: Date) -> bool {
    match when {
        When::Weekly(weekday, _) => date.weekday() == *weekday,
        When::Monthly(day, _) => is_day(*day, date),
        When::Daily(_) | When::Every(_) | When::Cron(_) | When::Rate(_) => true,
    }
}

/// Whether a date is that day of its month.
fn is_day(day: Monthly, date: Date) -> bool {
    match day {
        Monthly::Nth(weekday, number) => {
            date.weekday() == weekday
                && (date.day() - 1) / 7 + 1 == i8::try_from(number).unwrap_or(0)
        }
        Monthly::Last(weekday) => {
            date.weekday() == weekday && date.day() + 7 > date.days_in_month()
        }
        Monthly::PatchTuesday(days) => patch_tuesday(date, days).is_some(),
    }
}

/// The Patch Tuesday, the second Tuesday of a month, that was so many days before a date; none where there was
/// none that day.
pub(super) fn patch_tuesday(date: Date, days: u8) -> Option<Date> {
    let before = date.checked_sub(i64::from(days).days()).ok()?;
    (before.weekday() == Weekday::Tuesday && (8..=14).contains(&before.day())).then_some(before)
}

/// The times of day of runs every so many minutes from midnight.
fn times_of_day(minutes: u16) -> Vec<Time> {
    let time = |minute: u16| {
        let part = |number: u16| i8::try_from(number).ok();
        Time::new(part(minute / 60)?, part(minute % 60)?, 0, 0).ok()
    };
    (0..24 * 60).step_by(usize::from(minutes.max(1))).filter_map(time).collect()
}

fn dates(first: Date, last: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |date| date.tomorrow().ok())
        .take_while(move |date| *date <= last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::{compile, error::Place, regions, schedule::parse_when, values::Timezone};

    /// Zones that are odd: offsets of quarters and halves of an hour, clocks that move by half an hour or around
    /// Ramadan.
    const ODD: [&str; 5] = [
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/St_Johns",
        "Pacific/Chatham",
        "Africa/Casablanca",
    ];

    /// Schedules of every form, at times near midnight and far from it.
    const FORMS: [&str; 24] = [
        "daily 00:00",
        "daily 12:30",
        "daily 23:59",
        "sun 00:30",
        "mon 02:00",
        "sat 22:30",
        "every 30m",
        "every 1h",
        "every 2h",
        "every 4h",
        "every 8h",
        "every 12h",
        "sun#1 12:00",
        "sun#1 01:00",
        "sun#2 01:00",
        "wed#4 23:30",
        "last-sun 01:00",
        "last-tue 12:00",
        "last-sat 23:30",
        "patch-tuesday 03:00",
        "patch-tuesday+5d 02:00",
        "patch-tuesday+7d 23:00",
        "patch-tuesday+13d 00:15",
        "patch-tuesday+20d 23:00",
    ];

    /// What has no words in UTC where the day moves.
    const REFUSED: [&str; 5] = [
        "sun#1 01:00",
        "last-sun 01:00",
        "sun#1 12:00",
        "last-tue 12:00",
        "patch-tuesday+20d 23:00",
    ];

    fn read(when: &str) -> When {
        parse_when(when, &Place { line: 1, column: 1, bytes: None }, "schedule.scan").unwrap()
    }

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    fn told(runs: &Runs) -> Vec<String> {
        runs.clone().moments().iter().map(ToString::to_string).collect()
    }

    fn noon(zone: &TimeZone, day: Date) -> Timestamp {
        zone.to_timestamp(day.at(12, 0, 0, 0)).unwrap()
    }

    /// Compiles a schedule anew on the first day of every offset, for some years, and holds the runs that State
    /// Manager makes while that offset holds against those that are meant. Gives how often it was refused.
    fn hold(form: &str, zone_name: &str, years: i64) -> usize {
        let (when, region) = (read(form), "eu-west-1".parse().unwrap());
        let timezone = Timezone::Zone(zone_name.to_owned());
        let zone = TimeZone::get(zone_name).unwrap();
        let mut day: Date = "2026-01-01".parse().unwrap();
        let end = noon(&zone, day.checked_add(years.years()).unwrap());
        let mut refused = 0;
        loop {
            let from = noon(&zone, day);
            if from >= end {
                return refused;
            }
            let offset = zone.to_offset(from);
            let change = zone.following(from).find(|change| change.offset() != offset);
            let to = change.map_or(end, |change| change.timestamp().min(end));
            match compile::compile(&when, &timezone, &region, day) {
                Err(_) => refused += 1,
                Ok(compiled) => {
                    let made = runs(&compiled.expression, compiled.offset_days, from, to);
                    let meant = meant(&when, &zone, from, to);
                    assert_eq!(made, meant, "{form} in {zone_name} on {day}: {compiled:?}");
                }
            }
            day = zone.to_datetime(to).date();
            if noon(&zone, day) <= to {
                day = day.tomorrow().unwrap();
            }
        }
    }

    #[test]
    fn state_manager_runs_when_it_is_meant_for_thirty_years() {
        for zone in ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"] {
            for form in [
                "mon 02:00",
                "every 4h",
                "sun#2 01:00",
                "last-sat 23:30",
                "patch-tuesday+13d 00:15",
            ] {
                assert_eq!(hold(form, zone, 30), 0, "{form} in {zone}");
            }
        }
    }

    #[test]
    fn state_manager_runs_when_it_is_meant_in_every_zone_and_form() {
        let of_regions =
            regions::known().map(|name| regions::zone(&name.parse().unwrap()).unwrap());
        let zones: BTreeSet<&str> = of_regions.chain(ODD).collect();
        let mut refused: BTreeSet<&str> = BTreeSet::new();
        for zone in zones {
            for form in FORMS {
                if hold(form, zone, 1) > 0 {
                    refused.insert(form);
                }
            }
        }
        assert!(refused.iter().all(|form| REFUSED.contains(form)), "{refused:?}");
    }

    #[test]
    fn every_form_of_cron_runs_on_its_days() {
        let runs = |expression, offset_days| {
            told(&runs(
                expression,
                offset_days,
                at("2026-12-01T00:00:00Z"),
                at("2027-02-01T00:00:00Z"),
            ))
        };
        assert_eq!(
            runs("cron(0 8 ? * TUE#2 *)", 5),
            ["2026-12-13T08:00:00Z", "2027-01-17T08:00:00Z"]
        );
        // From the last days of a month into the next.
        assert_eq!(
            runs("cron(30 23 ? * 2L *)", 6),
            ["2026-12-06T23:30:00Z", "2027-01-03T23:30:00Z", "2027-01-31T23:30:00Z"]
        );
        assert_eq!(
            runs("cron(0 0/30 3 1/15 * ? *)", 0),
            [
                "2026-12-01T03:00:00Z",
                "2026-12-01T03:30:00Z",
                "2026-12-16T03:00:00Z",
                "2026-12-16T03:30:00Z",
                "2026-12-31T03:00:00Z",
                "2026-12-31T03:30:00Z",
                "2027-01-01T03:00:00Z",
                "2027-01-01T03:30:00Z",
                "2027-01-16T03:00:00Z",
                "2027-01-16T03:30:00Z",
                "2027-01-31T03:00:00Z",
                "2027-01-31T03:30:00Z",
            ]
        );
        assert_eq!(runs("cron(0 2 ? * SUN#5 *)", 0), ["2027-01-31T02:00:00Z"]);
        assert_eq!(runs("cron(15 13 ? * * *)", 0).len(), 62);
        assert_eq!(runs("cron(0 */30 * * * ? *)", 0).len(), 62 * 48);
    }

    #[test]
    fn a_span_has_its_first_moment_and_not_its_last() {
        let runs =
            runs("cron(0 1 * * ? *)", 0, at("2026-12-01T01:00:00Z"), at("2026-12-03T01:00:00Z"));

        assert_eq!(told(&runs), ["2026-12-01T01:00:00Z", "2026-12-02T01:00:00Z"]);
    }

    #[test]
    fn a_rate_has_no_times() {
        let (from, to) = (at("2026-12-01T00:00:00Z"), at("2027-02-01T00:00:00Z"));

        assert_eq!(runs("rate(12 hours)", 0, from, to), Runs::Rate);
        assert_eq!(meant(&read("rate(12 hours)"), &TimeZone::UTC, from, to), Runs::Rate);
    }

    #[test]
    fn what_is_meant_keeps_to_the_local_clock() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let meant = |form| {
            told(&meant(&read(form), &zone, at("2027-03-27T12:00:00Z"), at("2027-03-29T12:00:00Z")))
        };
        assert_eq!(meant("daily 01:00"), ["2027-03-28T00:00:00Z", "2027-03-28T23:00:00Z"]);
        // 02:30 does not exist on the day on which clocks are put forward.
        assert_eq!(meant("daily 02:30"), ["2027-03-28T01:30:00Z", "2027-03-29T00:30:00Z"]);
        assert_eq!(
            meant("every 12h"),
            [
                "2027-03-27T23:00:00Z",
                "2027-03-28T10:00:00Z",
                "2027-03-28T22:00:00Z",
                "2027-03-29T10:00:00Z"
            ]
        );
        assert_eq!(meant("last-sun 12:00"), ["2027-03-28T10:00:00Z"]);
    }

    #[test]
    fn patch_tuesday_is_the_second_tuesday() {
        let found = |date: &str, days| patch_tuesday(date.parse().unwrap(), days);
        let tuesday: Date = "2026-12-08".parse().unwrap();

        assert_eq!(found("2026-12-08", 0), Some(tuesday));
        assert_eq!(found("2026-12-28", 20), Some(tuesday));
        assert_eq!(found("2026-12-01", 0), None);
        assert_eq!(found("2026-12-15", 0), None);
    }
}
