//! Schedules: from the policy's words to what State Manager takes, Region by Region.
//!
//! Associations run in UTC and know no time zone, so local times are converted with the offset that
//! is in force on the day of the plan.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

use crate::ids::Region;

use super::{
    error::{Place, Problem},
    fields::{self, not_yet},
    file::Node,
    regions,
    values::{At, Schedule, Timezone, When},
};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads the `schedule` key.
pub(super) fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Schedule> {
    let fields =
        fields::map(node, "schedule", &["scan", "install", "timezone"], &["calendars"], problems)?;
    let scan = fields
        .need("scan", "scan: daily 01:00", problems)
        .and_then(|node| when(node, "schedule.scan", problems));
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
    // A key that is there and wrong must not look like one that is missing.
    let install = match install {
        None => None,
        Some(read) => Some(read?),
    };
    Some(Schedule { scan: scan?, install, timezone: timezone? })
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

fn parse_when(text: &str, place: &Place, path: &str) -> Result<When, Problem> {
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
    if let Some(instead) = later_form(&lower) {
        return Err(not_yet(place, &format!("the schedule `{trimmed}`"), instead));
    }
    let weekday = DAYS.iter().find(|(name, _)| *name == lower).map(|(_, weekday)| *weekday);
    if weekday.is_none() && lower != "daily" {
        let problem = Problem::at(place, format!("`{path}`: `{trimmed}` is not a schedule"));
        let near =
            super::error::nearest(&lower, ["daily"].into_iter().chain(DAYS.map(|(name, _)| name)));
        return Err(match near {
            _ if lower.contains(['-', ',']) => problem
                .help("A schedule names one day, or `daily`. Several days need a policy each."),
            Some(near) if !time.is_empty() => {
                problem.help(format!("Did you mean `{near} {}`?", time.trim()))
            }
            _ => problem.help(EXAMPLES),
        });
    }
    let time = time.trim();
    if time.is_empty() {
        return Err(Problem::at(place, format!("`{path}`: `{trimmed}` has no time of day"))
            .help(format!("For example `{trimmed} 02:00`.")));
    }
    let time = clock_time(time).ok_or_else(|| {
        Problem::at(place, format!("`{path}`: `{time}` is not a time of day")).help(
            "Write hours and minutes in two digits each, from 00:00 to 23:59, for example `01:00`.",
        )
    })?;
    Ok(match weekday {
        Some(weekday) => When::Weekly(weekday, time),
        None => When::Daily(time),
    })
}

/// What to write for now instead of a form of the language that is not supported yet.
fn later_form(first_word: &str) -> Option<&'static str> {
    if first_word == "every" {
        Some(
            "Write a rate, for example `rate(4 hours)`, which begins when a stack is made; or `cron(0 0/4 * * ? *)`, in UTC.",
        )
    } else if first_word.starts_with("patch-tuesday") || first_word.contains('#') {
        Some(
            "A cron expression says it in UTC, for example `cron(0 2 ? * TUE#3 *)` for the third Tuesday.",
        )
    } else if first_word.starts_with("last-") {
        Some(
            "A cron expression says it in UTC, for example `cron(0 2 ? * 1L *)` for the last Sunday.",
        )
    } else {
        None
    }
}

const EXAMPLES: &str = "Write `daily 01:00`, `sun 02:00`, `cron(…)` or `rate(…)`.";

fn call<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

/// A schedule as State Manager takes it in one Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compiled {
    /// `cron(…)` or `rate(…)`, in UTC.
    pub(super) expression: String,
    /// What the policy says, with the zone.
    pub(super) local: String,
}

/// The zone that a schedule is meant in, in a Region.
fn zone(timezone: Timezone, region: &Region) -> (&'static str, TimeZone) {
    let name = match timezone {
        Timezone::Utc => "UTC",
        // Regions were checked against the same table.
        Timezone::Region => regions::zone(region).unwrap_or("UTC"),
    };
    (name, TimeZone::get(name).unwrap_or(TimeZone::UTC))
}

/// Compiles a schedule for a Region, with the offset in force on this day.
pub(super) fn compile(when: &When, timezone: Timezone, region: &Region, today: Date) -> Compiled {
    let (zone_name, zone) = zone(timezone, region);
    match when {
        When::Cron(text) => Compiled { expression: text.clone(), local: format!("{text} UTC") },
        When::Rate(text) => Compiled { expression: text.clone(), local: text.clone() },
        When::Daily(time) => {
            let (utc, _) = to_utc(*time, &zone, today);
            Compiled {
                expression: format!("cron({} {} * * ? *)", utc.minute(), utc.hour()),
                local: format!("daily {} {zone_name}", clock(*time)),
            }
        }
        When::Weekly(weekday, time) => {
            let (utc, days) = to_utc(*time, &zone, today);
            let name = |weekday: Weekday| {
                DAYS.iter().find(|(_, day)| *day == weekday).map_or("sun", |(name, _)| *name)
            };
            Compiled {
                expression: format!(
                    "cron({} {} ? * {} *)",
                    utc.minute(),
                    utc.hour(),
                    name(weekday.wrapping_add(days)).to_ascii_uppercase()
                ),
                local: format!("{} {} {zone_name}", name(*weekday), clock(*time)),
            }
        }
    }
}

fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// A local time of day in UTC, and by how many days the date moves (-1, 0 or 1).
fn to_utc(time: Time, zone: &TimeZone, today: Date) -> (Time, i64) {
    // The offset is that of noon, so that a change of clocks in the night of the plan counts as done.
    let noon = today.at(12, 0, 0, 0).to_zoned(zone.clone());
    let offset = noon.map_or(0, |noon| i64::from(noon.offset().seconds()));
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 - offset;
    let day = seconds.div_euclid(86_400);
    let within = seconds.rem_euclid(86_400);
    let part = |value: i64| i8::try_from(value).unwrap_or_default();
    (Time::constant(part(within / 3600), part(within % 3600 / 60), 0, 0), day)
}

/// The next change of clocks that moves a local schedule, within a year: the day, and what it does.
pub(super) fn next_shift(
    when: &When,
    timezone: Timezone,
    region: &Region,
    today: Date,
) -> Option<(Date, &'static str, &'static str)> {
    if matches!(when, When::Cron(_) | When::Rate(_)) {
        return None;
    }
    let (zone_name, zone) = zone(timezone, region);
    let now: Timestamp = today.at(12, 0, 0, 0).to_zoned(zone.clone()).ok()?.timestamp();
    let before = zone.to_offset(now);
    let change = zone
        .following(now)
        .take_while(|change| {
            change.timestamp() < now.saturating_add((366 * 24).hours()).unwrap_or(now)
        })
        .find(|change| change.offset() != before)?;
    let day = change.timestamp().to_zoned(zone.clone()).date();
    let shift = if change.offset().seconds() > before.seconds() { "later" } else { "earlier" };
    Some((day, shift, zone_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(when: &str, region: &str, today: &str) -> String {
        let place = Place { line: 1, column: 1, bytes: None };
        let when = parse_when(when, &place, "schedule.scan").unwrap();
        compile(&when, Timezone::Region, &region.parse().unwrap(), today.parse().unwrap())
            .expression
    }

    #[test]
    fn local_times_become_utc_and_the_weekday_moves_over_midnight() {
        assert_eq!(compiled("daily 01:00", "ap-northeast-1", "2026-11-22"), "cron(0 16 * * ? *)");
        assert_eq!(compiled("sun 02:00", "ap-northeast-1", "2026-11-22"), "cron(0 17 ? * SAT *)");
        assert_eq!(compiled("sat 22:30", "us-west-2", "2026-11-22"), "cron(30 6 ? * SUN *)");
        assert_eq!(compiled("sun 02:00", "ap-south-1", "2026-11-22"), "cron(30 20 ? * SAT *)");
    }

    #[test]
    fn the_offset_is_the_one_of_the_day_of_the_plan() {
        assert_eq!(compiled("sun 02:00", "eu-central-1", "2026-11-22"), "cron(0 1 ? * SUN *)");
        assert_eq!(compiled("sun 02:00", "eu-central-1", "2026-07-01"), "cron(0 0 ? * SUN *)");
    }

    #[test]
    fn the_next_change_of_clocks_is_found_where_there_is_one() {
        let when = When::Daily(Time::constant(1, 0, 0, 0));
        let shift = |region: &str| {
            next_shift(
                &when,
                Timezone::Region,
                &region.parse().unwrap(),
                "2026-11-22".parse().unwrap(),
            )
        };

        assert_eq!(
            shift("eu-west-1"),
            Some(("2027-03-28".parse().unwrap(), "later", "Europe/Dublin"))
        );
        assert_eq!(shift("ap-northeast-1"), None);
    }
}
