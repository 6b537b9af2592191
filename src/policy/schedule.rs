//! Schedules: reading the policy's words. What State Manager makes of them is [`compile`](super::compile)'s
//! business.

use jiff::{
    civil::{Time, Weekday},
    tz::TimeZone,
};

use super::{
    calendars,
    error::{Place, Problem},
    fields::{self, not_yet},
    file::Node,
    values::{At, Monthly, Schedule, Timezone, When},
};

pub(super) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads the `schedule` key.
pub(super) fn read(
    node: &Node,
    path: &str,
    base: Option<&Schedule>,
    problems: &mut Vec<Problem>,
) -> Option<Schedule> {
    let fields =
        fields::map(node, path, &["scan", "install", "timezone", "calendars"], &[], problems)?;
    let scan = match base {
        Some(base) if !fields.has_any(&["scan"]) => Some(base.scan.clone()),
        _ => fields
            .need("scan", "scan: daily 01:00", problems)
            .and_then(|node| when(node, "schedule.scan", problems)),
    };
    let install =
        fields.get("install", problems).map(|node| when(node, "schedule.install", problems));
    if let Some(Some(At { value: When::Rate(_), place })) = &install {
        problems.push(
            Problem::at(
                place,
                "`schedule.install` can't be a rate: it would install as soon as a stack is made",
            )
            .help("Say when: `sun 02:00`, `daily 03:00` or a cron expression."),
        );
    }
    let timezone = match fields.get("timezone", problems) {
        None => Some(Timezone::Utc),
        Some(node) => timezone(node, problems),
    };
    let calendars = fields
        .get("calendars", problems)
        .map_or_else(Vec::new, |node| calendars::read(node, problems));
    // A key that is there and wrong must not look like one that is missing.
    let install = match install {
        None => None,
        Some(read) => Some(read?),
    };
    Some(Schedule { scan: scan?, install, timezone: timezone?, calendars })
}

/// A schedule that stands for one that could not be read.
pub(super) fn placeholder() -> Schedule {
    let place = Place { line: 1, column: 1, bytes: None };
    Schedule {
        scan: At { value: When::Daily(Time::midnight()), place },
        install: None,
        timezone: Timezone::Utc,
        calendars: Vec::new(),
    }
}

fn timezone(node: &Node, problems: &mut Vec<Problem>) -> Option<Timezone> {
    if matches!(node.value, super::file::Value::Map(_)) {
        let what = "a time zone for each Region";
        problems.push(not_yet(
            &node.place,
            what,
            "Write `region` (each Region's own zone) or `UTC`.",
        ));
        return None;
    }
    let At { value, place } = fields::text(node, "schedule.timezone", problems)?;
    match value.as_str() {
        "region" => Some(Timezone::Region),
        "UTC" => Some(Timezone::Utc),
        name if !name.eq_ignore_ascii_case("UTC") && TimeZone::get(name).is_ok() => {
            let what = format!("the time zone `{name}`");
            problems.push(not_yet(
                &place,
                &what,
                "Write `region` (each Region's own zone) or `UTC`.",
            ));
            None
        }
        name => {
            problems.push(
                Problem::at(
                    &place,
                    format!("`schedule.timezone` must be `region` or `UTC`, and is `{name}`"),
                )
                .or_nearest(name, ["region", "UTC"]),
            );
            None
        }
    }
}

fn when(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<At<When>> {
    let At { value: text, place } = fields::text(node, path, problems)?;
    match parse_when(&text, &place, path) {
        Ok(value) => Some(At { value, place }),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

pub(super) fn parse_when(text: &str, place: &Place, path: &str) -> Result<When, Problem> {
    let trimmed = text.trim();
    if let Some(inside) = call(trimmed, "cron") {
        return super::schedule_aws::cron(inside)
            .map(|()| When::Cron(trimmed.to_owned()))
            .map_err(|wrong| Problem::at(place, format!("`{path}`: {wrong}")).help(
                "An association takes cron(minute hour day-of-month month day-of-week year), in UTC, for example `cron(0 2 ? * SUN *)`.",
            ));
    }
    if let Some(inside) = call(trimmed, "rate") {
        return super::schedule_aws::rate(inside).map(|()| When::Rate(trimmed.to_owned())).map_err(
            |wrong| {
                Problem::at(place, format!("`{path}`: {wrong}"))
                    .help("For example `rate(12 hours)`.")
            },
        );
    }
    let (day, time) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
    let lower = day.to_ascii_lowercase();
    if lower == "every" {
        let instead = "Write a rate, for example `rate(4 hours)`, which begins when a stack is made; or `cron(0 0/4 * * ? *)`, in UTC.";
        return Err(not_yet(place, &format!("the schedule `{trimmed}`"), instead));
    }
    if let Some(monthly) = Monthly::of(&lower) {
        let day = monthly
            .map_err(|wrong| Problem::at(place, format!("`{path}`: {wrong}")).help(MONTHLY))?;
        return time_of(time, trimmed, place, path).map(|time| When::Monthly(day, time));
    }
    let is_day = |text: &str| DAYS.iter().any(|(name, _)| *name == text);
    let weekday = DAYS.iter().find(|(name, _)| *name == lower).map(|(_, weekday)| *weekday);
    if weekday.is_none() && lower != "daily" {
        let problem = Problem::at(place, format!("`{path}`: `{trimmed}` is not a schedule"));
        let near =
            super::error::nearest(&lower, ["daily"].into_iter().chain(DAYS.map(|(name, _)| name)));
        return Err(match near {
            _ if lower.contains(['-', ',']) && lower.split(['-', ',']).all(is_day) => problem
                .help("A schedule names one day, or `daily`. Several days need a policy each."),
            Some(near) if !time.is_empty() && !lower.starts_with("month") => {
                problem.help(format!("Did you mean `{near} {}`?", time.trim()))
            }
            _ => problem.help(EXAMPLES),
        });
    }
    let time = time_of(time, trimmed, place, path)?;
    Ok(match weekday {
        Some(weekday) => When::Weekly(weekday, time),
        None => When::Daily(time),
    })
}

fn time_of(time: &str, whole: &str, place: &Place, path: &str) -> Result<Time, Problem> {
    let time = time.trim();
    if time.is_empty() {
        return Err(Problem::at(place, format!("`{path}`: `{whole}` has no time of day"))
            .help(format!("For example `{whole} 02:00`.")));
    }
    clock_time(time).ok_or_else(|| {
        Problem::at(place, format!("`{path}`: `{time}` is not a time of day")).help(
            "Write hours and minutes in two digits each, from 00:00 to 23:59, for example `01:00`.",
        )
    })
}

impl Monthly {
    /// Reads `sun#2`, `last-sun` and `patch-tuesday+5d`; none for what is none of these.
    fn of(word: &str) -> Option<Result<Self, String>> {
        let day = |name: &str| {
            let found = DAYS.iter().find(|(day, _)| *day == name).map(|(_, weekday)| *weekday);
            found.ok_or_else(|| format!("`{name}` is not a day of the week"))
        };
        if let Some(rest) = word.strip_prefix("patch-tuesday") {
            return Some(days_after(rest).map(Self::PatchTuesday));
        }
        if let Some(name) = word.strip_prefix("last-") {
            return Some(day(name).map(Self::Last));
        }
        let (name, number) = word.split_once('#')?;
        Some(day(name).and_then(|weekday| match number.parse() {
            Ok(number @ 1..=4) => Ok(Self::Nth(weekday, number)),
            Ok(5) => Err(format!(
                "`{word}`: not every month has five of these days; `last-{name}` is in each"
            )),
            _ => Err(format!(
                "`{word}`: behind `#` stands which of the month's days it is, from 1 to 4"
            )),
        }))
    }
}

/// Reads what stands behind `patch-tuesday`: nothing, or `+5d`.
fn days_after(text: &str) -> Result<u8, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let days = text.strip_prefix('+').and_then(|text| text.strip_suffix('d'));
    match days.and_then(|days| days.parse::<u8>().ok()) {
        Some(days @ 0..=20) => Ok(days),
        Some(days) => Err(format!(
            "{days} days after Patch Tuesday would have to be counted from a fifth Tuesday, which not every month has; 20 is the most"
        )),
        None => Err(format!("`patch-tuesday{text}` is not a day")),
    }
}

const MONTHLY: &str =
    "Write `sun#2 02:00` (the second Sunday), `last-sun 02:00` or `patch-tuesday+5d 02:00`.";

const EXAMPLES: &str = "Write `daily 01:00`, `sun 02:00`, `sun#2 02:00`, `last-sun 02:00`, `patch-tuesday+5d 02:00`, `cron(…)` or `rate(…)`.";

fn call<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}
