//! Schedules: reading the policy's words. What State Manager makes of them is [`compile`](super::compile)'s
//! business.

use jiff::civil::{Time, Weekday};

use super::{
    calendars,
    error::{Place, Problem},
    fields,
    file::{Node, Value},
    schedule_aws,
    values::{At, Monthly, Schedule, Timezone, When},
    zones,
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

/// The minutes between runs that State Manager can keep to (Systems Manager user guide, "Cron and rate
/// expressions"), as they are written. A day is a multiple of each.
const INTERVALS: [(&str, u16); 6] =
    [("30m", 30), ("1h", 60), ("2h", 120), ("4h", 240), ("8h", 480), ("12h", 720)];

/// How an interval is written.
pub(super) fn interval(minutes: u16) -> &'static str {
    INTERVALS.iter().find(|(_, known)| *known == minutes).map_or("30m", |(word, _)| *word)
}

/// Reads a schedule, which stands at `path`. A key that is missing is that of `base`, the policy's own, where
/// there is one.
pub(super) fn read(
    node: &Node,
    path: &str,
    base: Option<&Schedule>,
    problems: &mut Vec<Problem>,
) -> Option<Schedule> {
    let known = ["scan", "install", "timezone", "calendars"];
    let fields = fields::map(node, path, &known, problems)?;
    let scan = match (fields.has_any(&["scan"]), base) {
        (false, Some(base)) => Some(base.scan.clone()),
        _ => fields
            .need("scan", "scan: daily 01:00", problems)
            .and_then(|node| when(node, &fields.full("scan"), problems)),
    };
    let install = match fields.get("install", problems) {
        None => Ok(base.and_then(|base| base.install.clone())),
        Some(node) => install(node, &fields.full("install"), problems),
    };
    let timezone = match fields.get("timezone", problems) {
        None => Some(base.map_or(Timezone::Utc, |base| base.timezone.clone())),
        Some(node) => zones::read(node, &fields.full("timezone"), problems),
    };
    let calendars = match fields.get("calendars", problems) {
        None => base.map_or_else(Vec::new, |base| base.calendars.clone()),
        Some(node) => calendars::read(node, &fields.full("calendars"), problems),
    };
    // A key that is there and wrong must not look like one that is missing.
    let install = install.ok()?;
    Some(Schedule { scan: scan?, install, timezone: timezone?, calendars })
}

/// Reads when patches are installed; none where that is never.
fn install(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Result<Option<At<When>>, ()> {
    if matches!(&node.value, Value::Text(text) if text.trim().eq_ignore_ascii_case(NEVER)) {
        return Ok(None);
    }
    let read = when(node, path, problems).ok_or(())?;
    if matches!(read.value, When::Rate(_)) {
        problems.push(
            Problem::at(
                &read.place,
                format!("`{path}` can't be a rate: it would install as soon as a stack is made"),
            )
            .help("Say when: `sun 02:00`, `daily 03:00` or a cron expression."),
        );
    }
    Ok(Some(read))
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
    if let Some(inside) = schedule_aws::inside(trimmed, "cron") {
        return schedule_aws::cron(inside)
            .map(|_| When::Cron(trimmed.to_owned()))
            .map_err(|wrong| Problem::at(place, format!("`{path}`: {wrong}")).help(
                "An association takes cron(minute hour day-of-month month day-of-week year), in UTC, for example `cron(0 2 ? * SUN *)`.",
            ));
    }
    if let Some(inside) = schedule_aws::inside(trimmed, "rate") {
        return schedule_aws::rate(inside).map(|()| When::Rate(trimmed.to_owned())).map_err(
            |wrong| {
                Problem::at(place, format!("`{path}`: {wrong}"))
                    .help("For example `rate(12 hours)`.")
            },
        );
    }
    let (day, time) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
    let lower = day.to_ascii_lowercase();
    if lower == "every" {
        return every(&time.trim().to_ascii_lowercase(), place, path).map(When::Every);
    }
    if lower == NEVER {
        return Err(Problem::at(place, format!("`{path}` can't be `{NEVER}`"))
            .help("Only `install` can: such a ring is scanned, and nothing is installed."));
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
        // An interval has no time of day.
        let every = (!time.contains(':')).then_some("every");
        let words = ["daily"].into_iter().chain(every).chain(DAYS.map(|(name, _)| name));
        let near = super::error::nearest(&lower, words);
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

/// Reads what stands behind `every`, in minutes.
fn every(text: &str, place: &Place, path: &str) -> Result<u16, Problem> {
    if let Some((_, minutes)) = INTERVALS.iter().find(|(word, _)| *word == text) {
        return Ok(*minutes);
    }
    let words: Vec<String> = INTERVALS.iter().map(|(word, _)| format!("`every {word}`")).collect();
    let known = format!("Write one of {}", words.join(", "));
    let whole = format!("every {text}");
    let problem =
        Problem::at(place, format!("`{path}`: State Manager can't keep to `{}`", whole.trim_end()));
    let in_hours =
        |unit: &str, each: u32| text.strip_suffix(unit)?.parse::<u32>().ok()?.checked_mul(each);
    // A rate is less than 31 days.
    Err(match in_hours("h", 1).or_else(|| in_hours("d", 24)) {
        Some(24) => problem.help("Write `daily 01:00`, with the time of day."),
        Some(hours @ 2..744) if path.ends_with("scan") => problem.help(format!(
            "{known}, or `rate({hours} hours)`, which counts from when a stack is made and not from midnight."
        )),
        _ => problem.help(format!("{known}.")),
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

const EXAMPLES: &str = "Write `daily 01:00`, `sun 02:00`, `sun#2 02:00`, `last-sun 02:00`, `patch-tuesday+5d 02:00`, `every 4h`, `cron(…)` or `rate(…)`.";

/// What `install` can be besides a schedule.
const NEVER: &str = "never";

fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::file;

    /// Reads a policy's schedule, and then a ring's over it.
    fn both(policy: &str, ring: &str) -> (Schedule, Schedule) {
        let read_one = |text: &str, path: &str, base: Option<&Schedule>| {
            let mut problems = Vec::new();
            let schedule = read(&file::read(text).unwrap(), path, base, &mut problems);
            assert_eq!(problems, []);
            schedule.unwrap()
        };
        let base = read_one(policy, "schedule", None);
        let ring = read_one(ring, "rings.prod.schedule", Some(&base));
        (base, ring)
    }

    const POLICY: &str = "\
timezone: Europe/Berlin
scan: every 4h
install: sun 02:00
calendars: [arn:aws:ssm:eu-west-1:111122223333:document/holidays]
";

    #[test]
    fn a_ring_has_what_it_says_and_else_what_the_policy_says() {
        let (base, ring) = both(POLICY, "install: sun#2 03:00");

        assert_eq!(base.scan.value, When::Every(240));
        let second = Monthly::Nth(Weekday::Sunday, 2);
        let install = ring.install.as_ref().map(|install| install.value.clone());
        assert_eq!(install, Some(When::Monthly(second, Time::constant(3, 0, 0, 0))));
        assert_eq!(Schedule { install: base.install.clone(), ..ring }, base);
    }

    #[test]
    fn a_ring_that_never_installs_is_scanned_all_the_same() {
        let (base, ring) = both(POLICY, "install: never");

        assert_eq!(Schedule { install: None, ..base }, ring);
    }

    #[test]
    fn a_problem_of_a_ring_says_where_it_is() {
        let (base, _) = both(POLICY, "scan: daily 01:00");
        let text = "scan: every 5h\ninstall: rate(1 day)\ntimezone: Berlin\n";
        let mut problems = Vec::new();

        read(&file::read(text).unwrap(), "rings.prod.schedule", Some(&base), &mut problems);

        let told: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "`rings.prod.schedule.scan`: State Manager can't keep to `every 5h`",
                "`rings.prod.schedule.install` can't be a rate: it would install as soon as a stack is made",
                "`rings.prod.schedule.timezone`: there is no time zone `Berlin`",
            ]
        );
    }

    #[test]
    fn an_interval_that_state_manager_can_t_keep_to_is_told_what_can() {
        let help = |text: &str, path: &str| {
            let place = Place { line: 1, column: 1, bytes: None };
            parse_when(text, &place, path).unwrap_err().help.unwrap()
        };
        assert!(help("every 5h", "schedule.scan").contains("`rate(5 hours)`"));
        assert!(help("every 6h", "rings.a.schedule.scan").contains("`rate(6 hours)`"));
        assert!(help("every 2d", "schedule.scan").contains("`rate(48 hours)`"));
        assert!(help("every 1d", "schedule.scan").contains("`daily 01:00`"));
        for (text, path) in [
            ("every 5h", "schedule.install"),
            ("every 15m", "schedule.scan"),
            ("every 60m", "schedule.scan"),
            ("every", "schedule.scan"),
            ("every 31d", "schedule.scan"),
            ("every 4h 01:00", "schedule.scan"),
            ("every 99999999999h", "schedule.scan"),
        ] {
            let help = help(text, path);
            assert!(help.ends_with("`every 8h`, `every 12h`."), "{text}: {help}");
        }
    }
}
