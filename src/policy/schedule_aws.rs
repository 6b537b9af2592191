//! The expressions that an association takes (Systems Manager user guide, "Cron and rate expressions").

const DAY_NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Checks what stands in `cron(…)`: minute hour day-of-month month day-of-week year.
pub(super) fn cron(inside: &str) -> Result<(), String> {
    let mut fields: Vec<&str> = inside.split_whitespace().collect();
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
    steps("minute", minute, 59)?;
    steps("hour", hour, 23)?;
    if let Some((_, every)) = minute.split_once('/')
        && every.parse::<u8>().is_ok_and(|every| every < 30)
    {
        return Err("an association runs every 30 minutes at most".to_owned());
    }
    if *minute == "*" {
        return Err(
            "an association runs every 30 minutes at most, and `*` is every minute".to_owned()
        );
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
    if *day != "?" {
        steps("day-of-month", day, 31)?;
    }
    if *weekday != "?" {
        week_day(weekday)?;
    }
    Ok(())
}

/// `*`, a number, `*/n` or `a/n`.
fn steps(name: &str, field: &str, most: u8) -> Result<(), String> {
    let number = |text: &str| text.parse::<u8>().is_ok_and(|number| number <= most);
    let right = match field.split_once('/') {
        Some((from, every)) => (from == "*" || number(from)) && every != "0" && number(every),
        None => field == "*" || number(field),
    };
    if right {
        return Ok(());
    }
    if field.contains([',', '-']) {
        return Err(format!("an association takes no lists or ranges: the {name} is `{field}`"));
    }
    Err(format!("the {name} `{field}` is not right"))
}

/// `*`, `SUN`, `1`, `TUE#3`, `3#3` or `3L`.
fn week_day(field: &str) -> Result<(), String> {
    let day = |text: &str| {
        DAY_NAMES.contains(&text.to_ascii_uppercase().as_str())
            || matches!(text.parse::<u8>(), Ok(1..=7))
    };
    let right = match field.split_once('#') {
        Some((name, nth)) => day(name) && matches!(nth.parse::<u8>(), Ok(1..=5)),
        None => field == "*" || day(field) || field.strip_suffix('L').is_some_and(day),
    };
    if right {
        return Ok(());
    }
    if field.contains([',', '-']) {
        return Err(format!("an association takes no lists or ranges of days: `{field}`"));
    }
    Err(format!("the day-of-week `{field}` is not right"))
}

/// Checks what stands in `rate(…)`: at least 30 minutes, less than 31 days.
pub(super) fn rate(inside: &str) -> Result<(), String> {
    let wrong = || format!("`rate({inside})` is not a number and a unit");
    let (number, unit) = inside.trim().split_once(' ').ok_or_else(wrong)?;
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
            assert_eq!(cron(text), Ok(()), "{text}");
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
        ] {
            assert!(cron(text).is_err(), "{text}");
        }
        for text in ["15 minutes", "1 days", "2 hour", "31 days", "often", "5 weeks"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
