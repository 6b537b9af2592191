//! When a cron expression runs: those of State Manager's associations, and those of maintenance windows
//! (Systems Manager user guide, "Cron and rate expressions").

use std::collections::BTreeSet;

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::TimeZone,
};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// When an expression runs in UTC, from one moment until before another; none where it is a rate or
/// can't be read.
pub fn runs(
    expression: &str,
    offset_days: u8,
    from: Timestamp,
    to: Timestamp,
) -> Option<Vec<Timestamp>> {
    runs_in(&TimeZone::UTC, expression, offset_days, from, to)
}

/// The same by the clocks of a time zone, as maintenance windows have it.
pub fn runs_in(
    zone: &TimeZone,
    expression: &str,
    offset_days: u8,
    from: Timestamp,
    to: Timestamp,
) -> Option<Vec<Timestamp>> {
    let expression = expression.trim();
    let within = |moment: &Timestamp| from <= *moment && *moment < to;
    if let Some(moment) = inside(expression, "at") {
        let moment = match moment.parse::<DateTime>() {
            Ok(local) => local.to_zoned(zone.clone()).ok()?.timestamp(),
            Err(_) => moment.parse().ok()?,
        };
        return Some([moment].into_iter().filter(within).collect());
    }
    let cron = Cron::read(inside(expression, "cron")?)?;
    let last = to.to_zoned(zone.clone()).date();
    // A day more, since a run may be later than the day by which it is counted.
    let mut day =
        from.to_zoned(zone.clone()).date().checked_sub((i64::from(offset_days) + 1).days()).ok()?;
    let mut found = BTreeSet::new();
    while day <= last {
        if cron.is_on(day) {
            let day = day.checked_add(i64::from(offset_days).days()).ok()?;
            for (hour, minute) in cron.times() {
                // A time that clocks leave out runs as much later as they are put forward.
                let moment = day.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?.timestamp();
                found.extend(Some(moment).filter(within));
            }
        }
        day = day.tomorrow().ok()?;
    }
    Some(found.into_iter().collect())
}

/// What stands in `name(…)`.
fn inside<'a>(expression: &'a str, name: &str) -> Option<&'a str> {
    Some(expression.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?.trim())
}

/// A cron expression that has been read.
struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    day: DayOfMonth,
    months: BTreeSet<i16>,
    weekday: DayOfWeek,
    years: BTreeSet<i16>,
}

enum DayOfMonth {
    /// `*`, `15`, `1-7`, `1/2` …
    AnyOf(BTreeSet<i16>),
    /// `L`.
    Last,
    /// `15W`: the nearest day of the same month from Monday to Friday.
    NearestWorkday(i16),
}

enum DayOfWeek {
    /// `*`, `SUN`, `2-6` …
    AnyOf(BTreeSet<i16>),
    /// `TUE#2`.
    Nth(i16, i16),
    /// `3L`.
    Last(i16),
}

impl Cron {
    /// Reads minute, hour, day of month, month, day of week and year. Seconds may stand before them; the year
    /// may be missing.
    fn read(text: &str) -> Option<Self> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() == 7 {
            fields.remove(0);
        }
        let [minute, hour, day, month, weekday, year @ ..] = fields.as_slice() else { return None };
        let year = match year {
            [] => "*",
            [year] => *year,
            _ => return None,
        };
        Some(Self {
            minutes: values(minute, 0, 59, &[])?,
            hours: values(hour, 0, 23, &[])?,
            day: DayOfMonth::read(day)?,
            months: values(month, 1, 12, &MONTHS)?,
            weekday: DayOfWeek::read(weekday)?,
            years: values(year, 1970, 2199, &[])?,
        })
    }

    fn is_on(&self, date: Date) -> bool {
        self.years.contains(&date.year())
            && self.months.contains(&i16::from(date.month()))
            && self.day.is_on(date)
            && self.weekday.is_on(date)
    }

    /// Hours and minutes of a day on which it runs.
    fn times(&self) -> impl Iterator<Item = (i8, i8)> {
        self.hours.iter().flat_map(|hour| {
            self.minutes.iter().filter_map(move |minute| {
                Some((i8::try_from(*hour).ok()?, i8::try_from(*minute).ok()?))
            })
        })
    }
}

impl DayOfMonth {
    fn read(field: &str) -> Option<Self> {
        if field == "L" {
            return Some(Self::Last);
        }
        if let Some(day) = field.strip_suffix('W') {
            let day = day.parse::<i16>().ok().filter(|day| (1..=31).contains(day))?;
            return Some(Self::NearestWorkday(day));
        }
        values(field, 1, 31, &[]).map(Self::AnyOf)
    }

    fn is_on(&self, date: Date) -> bool {
        let (day, last) = (i16::from(date.day()), i16::from(date.days_in_month()));
        match self {
            Self::AnyOf(days) => days.contains(&day),
            Self::Last => day == last,
            Self::NearestWorkday(meant) => {
                let weekday = (weekday_of(date) - 1 + meant - day).rem_euclid(7) + 1;
                let nearest = match weekday {
                    // Sunday, and Saturday.
                    1 if *meant == last => meant - 2,
                    1 => meant + 1,
                    7 if *meant == 1 => meant + 2,
                    7 => meant - 1,
                    _ => *meant,
                };
                *meant <= last && day == nearest
            }
        }
    }
}

impl DayOfWeek {
    fn read(field: &str) -> Option<Self> {
        let one = |text: &str| {
            let mut days = values(text, 1, 7, &WEEKDAYS)?;
            if days.len() == 1 { days.pop_first() } else { None }
        };
        if let Some((day, nth)) = field.split_once('#') {
            let nth = nth.parse::<i16>().ok().filter(|nth| (1..=5).contains(nth))?;
            return Some(Self::Nth(one(day)?, nth));
        }
        match field.strip_suffix('L') {
            Some("") => Some(Self::AnyOf(BTreeSet::from([7]))),
            Some(day) => Some(Self::Last(one(day)?)),
            None => values(field, 1, 7, &WEEKDAYS).map(Self::AnyOf),
        }
    }

    fn is_on(&self, date: Date) -> bool {
        let weekday = weekday_of(date);
        let (day, last) = (i16::from(date.day()), i16::from(date.days_in_month()));
        match self {
            Self::AnyOf(days) => days.contains(&weekday),
            Self::Nth(meant, nth) => weekday == *meant && (day - 1) / 7 + 1 == *nth,
            Self::Last(meant) => weekday == *meant && day + 7 > last,
        }
    }
}

/// Sunday is 1.
fn weekday_of(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_one_offset())
}

/// `*`, `?`, numbers, names, `a-b`, `a/n`, and lists of them.
fn values(field: &str, least: i16, most: i16, names: &[&str]) -> Option<BTreeSet<i16>> {
    let number = |text: &str| {
        let place = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match place {
            Some(index) => least + i16::try_from(index).ok()?,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&number).then_some(number)
    };
    let mut found = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if range == "*" || range == "?" => (least, most),
            None if range.len() < part.len() => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from <= to {
            found.extend((from..=to).step_by(step));
        } else {
            // `FRI-MON`, and the night from 22 to 4.
            found.extend((from..=most).chain(least..=to).step_by(step));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The runs of 35 days from a Sunday on, month-day and time of day.
    fn told(zone: &str, expression: &str, offset_days: u8) -> Option<Vec<String>> {
        let zone = TimeZone::get(zone).unwrap();
        let (from, to) = (moment("2026-11-22T00:00:00Z"), moment("2026-12-27T00:00:00Z"));
        let runs = runs_in(&zone, expression, offset_days, from, to)?;
        Some(runs.iter().map(|run| run.strftime("%m-%d %H:%M").to_string()).collect())
    }

    fn utc(expression: &str) -> Vec<String> {
        told("UTC", expression, 0).unwrap()
    }

    #[test]
    fn days_and_weekdays_are_met() {
        assert_eq!(utc("cron(0 1 * * ? *)").len(), 35);
        assert_eq!(utc("cron(0 0/6 * * ? *)").len(), 35 * 4);
        assert_eq!(
            utc("cron(0 2 ? * SUN *)"),
            ["11-22 02:00", "11-29 02:00", "12-06 02:00", "12-13 02:00", "12-20 02:00"]
        );
        assert_eq!(utc("cron(0 2 ? * 1 *)"), utc("cron(0 0 2 ? * SUN *)"));
        assert_eq!(utc("cron(30 23 ? * TUE#3 *)"), ["12-15 23:30"]);
        assert_eq!(utc("cron(0 0 ? * 3L *)"), ["11-24 00:00"]);
        assert_eq!(utc("cron(15 4 1,15 * ? *)"), ["12-01 04:15", "12-15 04:15"]);
        assert_eq!(utc("cron(0 4 L * ? *)"), ["11-30 04:00"]);
        assert_eq!(utc("cron(0 9 ? DEC MON-TUE 2026)").len(), 7);
        assert_eq!(utc("cron(0 9 ? * SAT-SUN *)").len(), 10);
    }

    #[test]
    fn the_nearest_workday_stays_within_its_month() {
        // 2026-11-28 is a Saturday, 2026-12-06 and 2026-12-13 are Sundays.
        assert_eq!(utc("cron(0 4 28W 11 ? *)"), ["11-27 04:00"]);
        assert_eq!(utc("cron(0 4 13W * ? *)"), ["12-14 04:00"]);
        let (from, to) = (moment("2026-07-31T00:00:00Z"), moment("2026-09-01T00:00:00Z"));
        // 2026-08-01 is a Saturday.
        let runs = runs("cron(0 4 1W * ? *)", 0, from, to).unwrap();
        assert_eq!(runs, [moment("2026-08-03T04:00:00Z")]);
    }

    #[test]
    fn an_offset_moves_the_day() {
        assert_eq!(told("UTC", "cron(0 2 ? * TUE#2 *)", 3).unwrap(), ["12-11 02:00"]);
        // The day by which it is counted is before the first one.
        assert_eq!(
            told("UTC", "cron(0 2 ? * SAT#3 *)", 6).unwrap(),
            ["11-27 02:00", "12-25 02:00"]
        );
    }

    #[test]
    fn a_zone_has_its_own_clocks_and_days() {
        assert_eq!(
            told("Asia/Tokyo", "cron(0 2 ? * MON *)", 0).unwrap(),
            ["11-22 17:00", "11-29 17:00", "12-06 17:00", "12-13 17:00", "12-20 17:00"]
        );
        let zone = TimeZone::get("America/New_York").unwrap();
        let (from, to) = (moment("2026-10-31T00:00:00Z"), moment("2026-11-03T00:00:00Z"));
        let runs = runs_in(&zone, "cron(0 4 * * ? *)", 0, from, to).unwrap();
        assert_eq!(
            runs,
            ["2026-10-31T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-02T09:00:00Z"].map(moment)
        );
    }

    #[test]
    fn a_single_time_is_met_once() {
        assert_eq!(utc("at(2026-12-01T04:00:00)"), ["12-01 04:00"]);
        assert_eq!(told("Asia/Tokyo", "at(2026-12-01T04:00:00)", 0).unwrap(), ["11-30 19:00"]);
        assert_eq!(utc("at(2027-12-01T04:00:00)"), [""; 0]);
    }

    #[test]
    fn what_can_t_be_read_is_none_and_not_never() {
        for expression in [
            "rate(30 minutes)",
            "",
            "cron(0 2 * *)",
            "cron(0 24 * * ? *)",
            "cron(0 2 ? * SUNDAY *)",
            "cron(0 2 ? * SUN#6 *)",
            "cron(0/0 2 * * ? *)",
            "cron(0 2 * * ? * * *)",
            "at(soon)",
        ] {
            assert_eq!(told("UTC", expression, 0), None, "{expression}");
        }
    }
}
