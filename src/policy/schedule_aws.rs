//! The expressions that an association takes (Systems Manager user guide, "Cron and rate expressions").

use std::ops::RangeInclusive;

use jiff::civil::{Date, Time};

const DAY_NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A cron expression that an association takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Days,
}

/// The days of a cron expression. Days of the week are numbers from 1, which is Sunday.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    All,
    OfMonth(Vec<i8>),
    OfWeek(i8),
    /// `TUE#3`.
    Nth(i8, i8),
    /// `3L`.
    Last(i8),
}

impl Cron {
    /// Whether it runs on a day.
    pub(super) fn falls_on(&self, date: Date) -> bool {
        let day_of_week = date.weekday().to_sunday_one_offset();
        match &self.days {
            Days::All => true,
            Days::OfMonth(days) => days.contains(&date.day()),
            Days::OfWeek(day) => day_of_week == *day,
            Days::Nth(day, nth) => day_of_week == *day && (date.day() - 1) / 7 + 1 == *nth,
            Days::Last(day) => day_of_week == *day && date.day() + 7 > date.days_in_month(),
        }
    }

    /// The times at which it runs on such a day, the earliest first.
    pub(super) fn times(&self) -> Vec<Time> {
        let mut times = Vec::new();
        for hour in &self.hours {
            let at = self.minutes.iter().map(|minute| Time::new(*hour, *minute, 0, 0));
            times.extend(at.filter_map(Result::ok));
        }
        times
    }
}

/// What stands in the brackets of `cron(…)` or `rate(…)`.
pub(super) fn inside<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

/// Reads what stands in `cron(…)`: minute hour day-of-month month day-of-week year.
pub(super) fn cron(inside: &str) -> Result<Cron, String> {
    let mut fields: Vec<&str> = inside.split_whitespace().collect();
    if fields.join(" ") != inside {
        return Err("the fields of a cron expression have one space between them".to_owned());
    }
    if fields.len() == 7 {
        if fields[0] != "0" {
            return Err(format!(
                "the seconds of a cron expression must be 0, and are `{}`",
                fields[0]
            ));
        }
        fields.remove(0);
    }
    let [minute, hour, day, month, weekday, year] = fields.as_slice() else {
        return Err(format!("a cron expression has six fields, and this one has {}", fields.len()));
    };
    let minutes = steps("minute", minute, 0..=59)?;
    let hours = steps("hour", hour, 0..=23)?;
    if *minute == "*" {
        return Err(
            "an association runs every 30 minutes at most, and `*` is every minute".to_owned()
        );
    }
    if is_too_often(&minutes) {
        return Err("an association runs every 30 minutes at most".to_owned());
    }
    if *month != "*" {
        return Err(format!(
            "an association can't be bound to months: write `*` instead of `{month}`"
        ));
    }
    if *year != "*" {
        return Err(format!(
            "an association can't be bound to years: write `*` instead of `{year}`"
        ));
    }
    if (*day == "?") == (*weekday == "?") {
        return Err("exactly one of day-of-month and day-of-week must be `?`".to_owned());
    }
    let days = if *weekday == "?" {
        let days = steps("day-of-month", day, 1..=31)?;
        if *day == "*" { Days::All } else { Days::OfMonth(days) }
    } else {
        week_day(weekday)?
    };
    Ok(Cron { minutes, hours, days })
}

/// Whether two minutes of an hour, or the last and the first one of the next, are less than 30 apart.
fn is_too_often(minutes: &[i8]) -> bool {
    let next = minutes.iter().skip(1).copied().chain(minutes.first().map(|first| first + 60));
    minutes.iter().zip(next).any(|(minute, next)| next - minute < 30)
}

/// The numbers that `*`, a number, `*/n` or `a/n` stands for.
fn steps(name: &str, field: &str, range: RangeInclusive<i8>) -> Result<Vec<i8>, String> {
    let (first, last) = (*range.start(), *range.end());
    let number = |text: &str| digits(text).filter(|number| range.contains(number));
    let found: Option<Vec<i8>> = match field.split_once('/') {
        Some((from, every)) => {
            let from = if from == "*" { Some(first) } else { number(from) };
            let every = digits(every).filter(|every| (1..=last).contains(every));
            from.zip(every.and_then(|every| usize::try_from(every).ok()))
                .map(|(from, every)| (from..=last).step_by(every).collect())
        }
        None if field == "*" => Some((first..=last).collect()),
        None => number(field).map(|number| vec![number]),
    };
    match found {
        Some(numbers) => Ok(numbers),
        None if field.contains([',', '-']) => {
            Err(format!("an association takes no lists or ranges: the {name} is `{field}`"))
        }
        None => Err(format!("the {name} `{field}` is not right")),
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<i8> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `*`, `SUN`, `1`, `TUE#3`, `3#3` or `3L`.
fn week_day(field: &str) -> Result<Days, String> {
    let day = |text: &str| {
        let upper = text.to_ascii_uppercase();
        let named = DAY_NAMES.iter().position(|name| *name == upper);
        let named = named.and_then(|index| i8::try_from(index + 1).ok());
        named.or_else(|| digits(text).filter(|number| (1..=7).contains(number)))
    };
    let found = match field.split_once('#') {
        Some((name, nth)) => day(name)
            .zip(digits(nth).filter(|nth| (1..=5).contains(nth)))
            .map(|(day, nth)| Days::Nth(day, nth)),
        None if field == "*" => Some(Days::All),
        None => day(field)
            .map(Days::OfWeek)
            .or_else(|| field.strip_suffix('L').and_then(day).map(Days::Last)),
    };
    match found {
        Some(days) => Ok(days),
        None if field.contains([',', '-']) => {
            Err(format!("an association takes no lists or ranges of days: `{field}`"))
        }
        None => Err(format!("the day-of-week `{field}` is not right")),
    }
}

/// Checks what stands in `rate(…)`: at least 30 minutes, less than 31 days.
pub(super) fn rate(inside: &str) -> Result<(), String> {
    let wrong = || format!("`rate({inside})` is not a number and a unit");
    let (number, unit) = inside.trim().split_once(' ').ok_or_else(wrong)?;
    let is_plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    if !is_plain || format!("{number} {unit}") != inside {
        return Err(wrong());
    }
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let (minutes, singular) = match unit.trim() {
        "minute" => (1, true),
        "minutes" => (1, false),
        "hour" => (60, true),
        "hours" => (60, false),
        "day" => (1440, true),
        "days" => (1440, false),
        _ => return Err(format!("`{unit}` is not minutes, hours or days")),
    };
    if singular != (number == 1) {
        return Err(format!("number and unit do not agree in `rate({inside})`"));
    }
    match u64::from(number) * minutes {
        0..30 => Err("a rate is 30 minutes at least".to_owned()),
        30..44_640 => Ok(()),
        _ => Err("a rate is less than 31 days".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_state_manager_takes_is_taken() {
        for text in [
            "0/30 * * * ? *",
            "0 0/4 * * ? *",
            "15 13 ? * * *",
            "0 2 ? * SUN *",
            "30 23 ? * TUE#3 *",
            "0 0 ? * 3L *",
            "0 1 * * ? *",
            "0 0/1 * * ? *",
            "0 */30 * * * ? *",
        ] {
            assert!(cron(text).is_ok(), "{text}");
        }
        for text in ["30 minutes", "1 day", "5 hours", "30 days"] {
            assert_eq!(rate(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_state_manager_refuses_is_refused() {
        for text in [
            "0 2 * *",
            "0 2 * * * *",
            "0 2 ? * ? *",
            "0 2 ? JAN SUN *",
            "0 2 ? * MON-FRI *",
            "* 2 * * ? *",
            "0/5 * * * ? *",
            "0 24 * * ? *",
            "0 2 ? * SUN 2027",
            "5 0 2 ? * SUN *",
            "0 2 ? * TUE#6 *",
            "0 2 0 * ? *",
            "0/0 2 * * ? *",
            "+5 2 * * ? *",
            // 45 minutes, and then 15.
            "0/45 * * * ? *",
        ] {
            assert!(cron(text).is_err(), "{text}");
        }
        for text in ["15 minutes", "1 days", "2 hour", "31 days", "often", "5 weeks"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    /// The days of a month on which an expression runs, and how often on each.
    fn days(text: &str, year: i16, month: i8) -> (Vec<i8>, usize) {
        let cron = cron(text).unwrap();
        let first = Date::new(year, month, 1).unwrap();
        let days = (1..=first.days_in_month())
            .filter(|day| cron.falls_on(Date::new(year, month, *day).unwrap()))
            .collect();
        (days, cron.times().len())
    }

    #[test]
    fn every_form_says_its_days() {
        // December 2026 begins on a Tuesday and ends on a Thursday.
        assert_eq!(days("0 2 ? * TUE#5 *", 2026, 12), (vec![29], 1));
        assert_eq!(days("0 2 ? * 3#2 *", 2026, 12), (vec![8], 1));
        assert_eq!(days("0 2 ? * 5L *", 2026, 12), (vec![31], 1));
        assert_eq!(days("0 2 ? * 1 *", 2026, 12), (vec![6, 13, 20, 27], 1));
        assert_eq!(days("0/30 0/12 31 * ? *", 2026, 12), (vec![31], 4));
        assert_eq!(days("0 2 31 * ? *", 2026, 11), (vec![], 1));
        assert_eq!(days("0 2 5/10 * ? *", 2026, 11), (vec![5, 15, 25], 1));
        assert_eq!(days("0 0/4 ? * * *", 2026, 2), ((1..=28).collect(), 6));
        assert_eq!(days("0 */30 * * * ? *", 2026, 2), ((1..=28).collect(), 48));
    }
}
