//! From a schedule's words to what State Manager takes, Region by Region.
//!
//! Associations run in UTC and know no time zone, so local times are converted with the offset that
//! is in force on the day of the plan.

use jiff::civil::{Date, Time, Weekday};

use crate::ids::Region;

use super::{
    clocks::{offset, offsets_within_a_year},
    error::Problem,
    schedule::{DAYS, interval},
    values::{At, Monthly, Schedule, Timezone, When},
    zones,
};

/// A schedule as State Manager takes it in one Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compiled {
    /// `cron(…)` or `rate(…)`, in UTC.
    pub(super) expression: String,
    /// Days after the day of the expression.
    pub(super) offset_days: u8,
    /// What the policy says, with the zone.
    pub(super) local: String,
}

/// Compiles a schedule for a Region, with the offset in force on this day.
///
/// # Errors
///
/// A day that State Manager can't say in UTC, on this day or after a change of clocks within a year: why
/// not, and what to write.
pub(super) fn compile(
    when: &When,
    timezone: &Timezone,
    region: &Region,
    today: Date,
) -> Result<Compiled, Unsaid> {
    let (zone_name, zone) = zones::zone(timezone, region);
    let local = |day: &str, time: Time| format!("{day} {} {zone_name}", clock(time));
    Ok(match when {
        When::Cron(text) => {
            Compiled { expression: text.clone(), offset_days: 0, local: format!("{text} UTC") }
        }
        When::Rate(text) => {
            Compiled { expression: text.clone(), offset_days: 0, local: text.clone() }
        }
        When::Every(minutes) => Compiled {
            expression: every(*minutes, offset(&zone, today)),
            offset_days: 0,
            local: format!("every {} {zone_name}", interval(*minutes)),
        },
        When::Daily(time) => {
            let (utc, _) = to_utc(*time, offset(&zone, today));
            Compiled {
                expression: cron(utc, "*", "?"),
                offset_days: 0,
                local: local("daily", *time),
            }
        }
        When::Weekly(weekday, time) => {
            let (utc, days) = to_utc(*time, offset(&zone, today));
            let day = name(weekday.wrapping_add(days)).to_ascii_uppercase();
            Compiled {
                expression: cron(utc, "?", &day),
                offset_days: 0,
                local: local(name(*weekday), *time),
            }
        }
        When::Monthly(day, time) => {
            let words = words(*day);
            let unsaid =
                |days| Unsaid { local: format!("{} in {region}", local(&words, *time)), days };
            // What can't be said after the next change of clocks is not begun with.
            for offset in offsets_within_a_year(&zone, today) {
                let (_, days) = to_utc(*time, offset);
                in_utc(*day, days).ok_or_else(|| unsaid(days))?;
            }
            let (utc, days) = to_utc(*time, offset(&zone, today));
            let (day, offset_days) = in_utc(*day, days).ok_or_else(|| unsaid(days))?;
            Compiled { expression: cron(utc, "?", &day), offset_days, local: local(&words, *time) }
        }
    })
}

/// What of a schedule State Manager can't say in one of these Regions, on this day or after a change of clocks
/// within a year. It is the same that [`compile`] refuses.
pub(super) fn unsayable(schedule: &Schedule, regions: &[At<Region>], today: Date) -> Vec<Problem> {
    let mut problems = Vec::new();
    for when in std::iter::once(&schedule.scan).chain(&schedule.install) {
        for region in regions {
            let compiled = compile(&when.value, &schedule.timezone, &region.value, today);
            problems.extend(compiled.err().map(|unsaid| unsaid.at(when)));
        }
    }
    problems
}

/// A local day that State Manager can't say in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsaid {
    local: String,
    days: i64,
}

impl Unsaid {
    pub(super) fn message(&self) -> String {
        let beside = if self.days < 0 { "the day before" } else { "the day after" };
        format!(
            "`{}` is on {beside} in UTC, at some time of the year at least, and State Manager has no words for that",
            self.local
        )
    }

    /// The problem of a schedule that can't be said.
    pub(super) fn at(&self, when: &At<When>) -> Problem {
        // In UTC no day moves, so there is always that way out.
        let help = if self.days < 0 {
            "Write a later time, at which it is the same day in UTC, another week (`sun#2` can be said at any time), or `timezone: UTC`."
        } else {
            "Write an earlier time, at which it is the same day in UTC, a day less, or `timezone: UTC`."
        };
        Problem::at(&when.place, self.message()).help(help)
    }
}

/// A local day of the month as State Manager says it in UTC, where the date moves by so many days:
/// the day of the week, and the days after it. None where it has no words for it.
fn in_utc(day: Monthly, days: i64) -> Option<(String, u8)> {
    let upper = |weekday| name(weekday).to_ascii_uppercase();
    match (day, days) {
        (Monthly::Nth(weekday, number), 0 | 1) => {
            Some((format!("{}#{number}", upper(weekday)), u8::try_from(days).ok()?))
        }
        // The day before the second Sunday is six days after the first one.
        (Monthly::Nth(weekday, number @ 2..), _) => {
            Some((format!("{}#{}", upper(weekday), number - 1), 6))
        }
        // SUN is 1 there, and only numbers take an L.
        (Monthly::Last(weekday), 0 | 1) => {
            let number = weekday.to_sunday_one_offset();
            Some((format!("{number}L"), u8::try_from(days).ok()?))
        }
        (Monthly::PatchTuesday(after), _) => {
            let after = i64::from(after) + days;
            // The first and the fourth Tuesday are in every month, and a fifth is not.
            (-1..=20).contains(&after).then(|| {
                let week = 2 + after.div_euclid(7);
                Some((format!("TUE#{week}"), u8::try_from(after.rem_euclid(7)).ok()?))
            })?
        }
        (Monthly::Nth(..) | Monthly::Last(_), _) => None,
    }
}

/// So many minutes, counted from local midnight, as a cron expression in UTC.
fn every(minutes: u16, offset: i64) -> String {
    let minutes = i64::from(minutes);
    // Runs are as far from midnight in UTC as the zone is, modulo the interval.
    let first = (-offset).div_euclid(60).rem_euclid(minutes);
    match minutes / 60 {
        0 => format!("cron({first}/{minutes} * * * ? *)"),
        hours => format!("cron({} {}/{hours} * * ? *)", first % 60, first / 60),
    }
}

pub(super) fn words(day: Monthly) -> String {
    match day {
        Monthly::Nth(weekday, number) => format!("{}#{number}", name(weekday)),
        Monthly::Last(weekday) => format!("last-{}", name(weekday)),
        Monthly::PatchTuesday(0) => "patch-tuesday".to_owned(),
        Monthly::PatchTuesday(days) => format!("patch-tuesday+{days}d"),
    }
}

fn name(weekday: Weekday) -> &'static str {
    DAYS.iter().find(|(_, day)| *day == weekday).map_or("sun", |(name, _)| *name)
}

fn cron(utc: Time, day_of_month: &str, day_of_week: &str) -> String {
    format!("cron({} {} {day_of_month} * {day_of_week} *)", utc.minute(), utc.hour())
}

pub(super) fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// A local time of day in UTC, and by how many days the date moves (-1, 0 or 1).
fn to_utc(time: Time, offset: i64) -> (Time, i64) {
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 - offset;
    let day = seconds.div_euclid(86_400);
    let within = seconds.rem_euclid(86_400);
    let part = |value: i64| i8::try_from(value).unwrap_or_default();
    (Time::constant(part(within / 3600), part(within % 3600 / 60), 0, 0), day)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;
    use crate::policy::{error::Place, schedule::parse_when};

    fn read(when: &str) -> When {
        parse_when(when, &Place { line: 1, column: 1, bytes: None }, "schedule.scan").unwrap()
    }

    fn compiled(when: &str, region: &str, today: &str) -> Result<(String, u8), Unsaid> {
        let (region, today) = (region.parse().unwrap(), today.parse().unwrap());
        compile(&read(when), &Timezone::Region, &region, today)
            .map(|compiled| (compiled.expression, compiled.offset_days))
    }

    fn said(when: &str, region: &str, today: &str) -> String {
        let (expression, offset_days) = compiled(when, region, today).unwrap();
        format!("{expression} +{offset_days}")
    }

    #[test]
    fn local_times_become_utc_and_the_weekday_moves_over_midnight() {
        let said = |when, region| said(when, region, "2026-11-22");
        assert_eq!(said("daily 01:00", "ap-northeast-1"), "cron(0 16 * * ? *) +0");
        assert_eq!(said("sun 02:00", "ap-northeast-1"), "cron(0 17 ? * SAT *) +0");
        assert_eq!(said("sat 22:30", "us-west-2"), "cron(30 6 ? * SUN *) +0");
        assert_eq!(said("sun 02:00", "ap-south-1"), "cron(30 20 ? * SAT *) +0");
    }

    #[test]
    fn the_offset_is_the_one_of_the_day_of_the_plan() {
        let said = |today| said("sun 02:00", "eu-central-1", today);
        assert_eq!(said("2026-11-22"), "cron(0 1 ? * SUN *) +0");
        assert_eq!(said("2026-07-01"), "cron(0 0 ? * SUN *) +0");
    }

    #[test]
    fn a_day_of_the_month_moves_over_midnight_with_an_offset_in_days() {
        let said = |when, region| said(when, region, "2026-11-22");
        assert_eq!(said("sun#2 10:00", "ap-northeast-1"), "cron(0 1 ? * SUN#2 *) +0");
        assert_eq!(said("sun#2 02:00", "ap-northeast-1"), "cron(0 17 ? * SUN#1 *) +6");
        assert_eq!(said("sun#2 22:00", "us-west-2"), "cron(0 6 ? * SUN#2 *) +1");
        assert_eq!(said("last-sat 22:00", "us-west-2"), "cron(0 6 ? * 7L *) +1");
        assert_eq!(said("patch-tuesday+5d 03:00", "us-east-1"), "cron(0 8 ? * TUE#2 *) +5");
        assert_eq!(said("patch-tuesday+12d 03:00", "ap-northeast-1"), "cron(0 18 ? * TUE#3 *) +4");
        assert_eq!(said("patch-tuesday 03:00", "ap-northeast-1"), "cron(0 18 ? * TUE#1 *) +6");
    }

    #[test]
    fn intervals_count_from_local_midnight() {
        let said = |when, region| said(when, region, "2026-11-22");
        assert_eq!(said("every 4h", "ap-south-1"), "cron(30 2/4 * * ? *) +0");
        assert_eq!(said("every 30m", "ap-south-1"), "cron(0/30 * * * ? *) +0");
        assert_eq!(said("every 1h", "ap-south-1"), "cron(30 0/1 * * ? *) +0");
        assert_eq!(said("every 12h", "ap-northeast-1"), "cron(0 3/12 * * ? *) +0");
        assert_eq!(said("every 8h", "us-west-2"), "cron(0 0/8 * * ? *) +0");
        assert_eq!(said("every 2h", "eu-west-1"), "cron(0 0/2 * * ? *) +0");
        assert_eq!(every(30, 20_700), "cron(15/30 * * * ? *)", "Asia/Kathmandu");
        assert_eq!(every(240, 20_700), "cron(15 2/4 * * ? *)", "Asia/Kathmandu");
    }

    #[test]
    fn all_that_can_t_be_said_is_told_at_its_place() {
        let place = |line| Place { line, column: 1, bytes: None };
        let at = |when, line| At { value: read(when), place: place(line) };
        let schedule = Schedule {
            scan: at("last-sun 00:30", 3),
            install: Some(at("sun#1 02:00", 4)),
            timezone: Timezone::Region,
            calendars: Vec::new(),
        };
        let regions: Vec<At<Region>> = ["ap-northeast-1", "eu-west-2", "us-east-1"]
            .map(|name| At { value: name.parse().unwrap(), place: place(9) })
            .into();

        let found = unsayable(&schedule, &regions, "2026-11-22".parse().unwrap());

        let lines: Vec<u64> =
            found.iter().map(|problem| problem.place.as_ref().unwrap().line).collect();
        // Tokyo can say neither, London not the first, New York both.
        assert_eq!(lines, [3, 3, 4]);
    }

    #[test]
    fn what_can_t_be_said_at_some_time_of_the_year_is_refused_at_any() {
        for today in ["2026-01-15", "2026-07-15"] {
            // In summer 00:30 in London is on the day before, and in winter it is not.
            let unsaid = compiled("last-sun 00:30", "eu-west-2", today).unwrap_err();
            assert!(unsaid.message().contains("last-sun 00:30 Europe/London in eu-west-2"));
            assert!(compiled("last-sun 01:30", "eu-west-2", today).is_ok());
        }
        assert!(compiled("sun#1 02:00", "ap-northeast-1", "2026-11-22").is_err());
        assert!(compiled("patch-tuesday+20d 22:00", "us-west-2", "2026-11-22").is_err());
        assert!(compiled("patch-tuesday+20d 10:00", "us-west-2", "2026-11-22").is_ok());
    }

    /// The days of thirty years.
    fn days() -> impl Iterator<Item = Date> {
        let first: Date = "2026-01-01".parse().unwrap();
        (0..30 * 365 + 8).map(move |days| first.checked_add(days.days()).unwrap())
    }

    /// Whether a policy means a day, by its own words.
    fn is_meant(day: Monthly, date: Date) -> bool {
        match day {
            Monthly::Nth(weekday, number) => {
                date.weekday() == weekday
                    && (date.day() - 1) / 7 + 1 == i8::try_from(number).unwrap()
            }
            Monthly::Last(weekday) => {
                date.weekday() == weekday && date.day() + 7 > date.days_in_month()
            }
            Monthly::PatchTuesday(after) => {
                let tuesday = date.checked_sub(i64::from(after).days()).unwrap();
                is_meant(Monthly::Nth(Weekday::Tuesday, 2), tuesday)
            }
        }
    }

    /// Whether State Manager runs on a day, by the user guide: the day of the expression, which is
    /// `TUE#3` or `3L`, and the offset after it.
    fn runs(day: &str, offset_days: u8, date: Date) -> bool {
        const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        let date = date.checked_sub(i64::from(offset_days).days()).unwrap();
        let number = usize::try_from(date.weekday().to_sunday_zero_offset()).unwrap();
        if let Some((name, nth)) = day.split_once('#') {
            return NAMES[number] == name && ((date.day() + 6) / 7).to_string() == nth;
        }
        let next = date.checked_add(7.days()).unwrap();
        day == format!("{}L", number + 1) && next.month() != date.month()
    }

    #[test]
    fn every_day_of_the_month_is_the_day_that_was_meant_for_thirty_years() {
        let weekdays = DAYS.map(|(_, weekday)| weekday);
        let nth = weekdays.iter().flat_map(|day| (1..=4).map(|nth| Monthly::Nth(*day, nth)));
        let last = weekdays.iter().map(|day| Monthly::Last(*day));
        let after = (0..=20).map(Monthly::PatchTuesday);
        let mut refused = 0;
        for day in nth.chain(last).chain(after) {
            for days_moved in [-1, 0, 1] {
                let Some((expression, offset_days)) = in_utc(day, days_moved) else {
                    refused += 1;
                    continue;
                };
                assert!(offset_days <= 6);
                for date in days() {
                    let local = date.checked_sub(days_moved.days()).unwrap();
                    assert_eq!(
                        runs(&expression, offset_days, date),
                        is_meant(day, local),
                        "{} on {local} is {expression} + {offset_days} on {date}",
                        words(day)
                    );
                }
            }
        }
        // The first and the last of each weekday on the day before, and Patch Tuesday + 20 on the day after.
        assert_eq!(refused, 7 + 7 + 1);
    }
}
