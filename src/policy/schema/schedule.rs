//! `schedule`: when nodes are scanned and patched.

use serde_json::{Value, json};

use crate::policy::{regions, schedule::DAYS};

use super::{inherited, regional_arn};

/// Hours and minutes.
const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9]";

/// The times between runs that an association can keep to by cron.
const EVERY: &str = "30m|1h|2h|4h|8h|12h";

/// Minute and hour of a cron expression: an association runs every half hour at most.
const MINUTE: &str = r"([0-5]?[0-9]|(\*|[0-5]?[0-9])/30)";
const HOUR: &str = r"(\*|[01]?[0-9]|2[0-3]|(\*|[01]?[0-9]|2[0-3])/(1?[1-9]|10|20|2[1-3]))";
const MONTH_DAY: &str =
    r"(\*|0?[1-9]|[12][0-9]|3[01]|(\*|0?[1-9]|[12][0-9]|3[01])/([12]?[1-9]|[123]0|31))";

/// The policy's schedule.
pub(super) fn of_policy() -> Value {
    json!({
        "description": "When nodes are scanned and patched.",
        "type": "object",
        "additionalProperties": false,
        "required": ["scan"],
        "properties": keys(),
    })
}

/// A ring's, which takes over what it does not say.
pub(super) fn of_ring() -> Value {
    json!({
        "description": "When the ring's nodes are scanned and patched. What it does not say is as in the policy's `schedule`.",
        "type": "object",
        "additionalProperties": false,
        "properties": inherited(keys()),
    })
}

fn keys() -> Value {
    json!({
        "scan": {
            "description": "When nodes are scanned. A scan changes nothing.",
            "$ref": "#/$defs/scan",
        },
        "install": {
            "description": "When approved patches are installed. Without it nothing is: nodes are only scanned.",
            "$ref": "#/$defs/install",
            "default": "never",
        },
        "timezone": {
            "description": "Whose clock the times are read by: `UTC`, `region` for that of each Region, one zone for all, or a map from Regions to zones. cron and rate are always UTC.",
            "$ref": "#/$defs/timezone",
            "default": "UTC",
        },
        "calendars": {
            "description": "Change Calendars that must be open for an installation. Each holds back the installations of its own Region; scans are never held back. Share them with the organization.",
            "type": "array",
            "uniqueItems": true,
            "items": {
                "description": "The ARN of a Change Calendar.",
                "type": "string",
                "pattern": regional_arn("ssm", r"document/[^\s*?]+"),
                "examples": ["arn:aws:ssm:eu-west-1:111122223333:document/holidays"],
            },
        },
    })
}

/// What other parts refer to.
pub(super) fn definitions() -> Value {
    json!({
        "scan": { "anyOf": [daily(), weekly(), nth(), last(), patch_tuesday(), every(), cron(), rate()] },
        "install": {
            "anyOf": [
                daily(),
                weekly(),
                nth(),
                last(),
                patch_tuesday(),
                every(),
                cron(),
                { "description": "Not at all: nodes are only scanned.", "const": "never" },
            ],
        },
        "timezone": timezone(),
        "zone": {
            "description": "`region` for the zone of each Region, `UTC`, or a place in the IANA database of time zones.",
            "anyOf": [
                { "enum": ["region", "UTC"] },
                {
                    "type": "string",
                    "pattern": "^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)+$",
                    "examples": ["Europe/Berlin", "Asia/Tokyo"],
                },
            ],
        },
    })
}

fn timezone() -> Value {
    let mut names: Vec<&str> = regions::known().collect();
    names.push("default");
    json!({
        "anyOf": [
            { "$ref": "#/$defs/zone" },
            {
                "description": "A zone for each Region. `default` is that of the Regions that are not named.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "enum": names },
                "additionalProperties": { "$ref": "#/$defs/zone" },
                "examples": [{ "eu-west-1": "Europe/Berlin", "default": "region" }],
            },
        ],
    })
}

/// The days of the week, as a pattern has them.
fn days() -> String {
    DAYS.map(|(name, _)| name).join("|")
}

fn daily() -> Value {
    json!({
        "description": "Every day at a time.",
        "type": "string",
        "pattern": format!(r"^daily\s+{TIME}$"),
        "examples": ["daily 01:00"],
    })
}

fn weekly() -> Value {
    let days = days();
    json!({
        "description": "Every week on a day.",
        "type": "string",
        "pattern": format!(r"^({days})\s+{TIME}$"),
        "examples": ["sun 02:00"],
    })
}

fn nth() -> Value {
    let days = days();
    json!({
        "description": "Every month on the first to fourth of a day of the week.",
        "type": "string",
        "pattern": format!(r"^({days})#[1-4]\s+{TIME}$"),
        "examples": ["sun#2 02:00"],
    })
}

fn last() -> Value {
    let days = days();
    json!({
        "description": "Every month on the last of a day of the week.",
        "type": "string",
        "pattern": format!(r"^last-({days})\s+{TIME}$"),
        "examples": ["last-sun 02:00"],
    })
}

fn patch_tuesday() -> Value {
    json!({
        "description": "Every month on the second Tuesday, or up to 20 days after it. Microsoft publishes at 10:00 Pacific time on that day.",
        "type": "string",
        "pattern": format!(r"^patch-tuesday(\+(1?[0-9]|20)d)?\s+{TIME}$"),
        "examples": ["patch-tuesday+5d 02:00"],
    })
}

fn every() -> Value {
    json!({
        "description": "Several times a day, counted from midnight.",
        "type": "string",
        "pattern": format!(r"^every\s+({EVERY})$"),
        "examples": ["every 4h"],
    })
}

/// Minute, hour, day of the month, month, day of the week, year; seconds before them must be 0.
fn cron() -> Value {
    let days = days();
    let upper = days.to_ascii_uppercase();
    let week_day = format!(r"(\*|([1-7]|{upper}|{days})(#[1-5]|L)?)");
    json!({
        "description": "As State Manager takes it: minute, hour, day of the month, month, day of the week, year, in UTC. Month and year must be *, and one of the two days ?.",
        "type": "string",
        "pattern": format!(r"^cron\(\s*(0\s+)?{MINUTE}\s+{HOUR}\s+({MONTH_DAY}\s+\*\s+\?|\?\s+\*\s+{week_day})\s+\*\s*\)$"),
        "examples": ["cron(0 2 ? * SUN *)"],
    })
}

fn rate() -> Value {
    json!({
        "description": "As State Manager takes it, at least 30 minutes and less than 31 days. Runs are counted from when a stack is made or changed.",
        "type": "string",
        "pattern": r"^rate\(\s*(1 hour|1 day|([3-9][0-9]|[1-9][0-9]{2,4}) minutes|([2-9]|[1-9][0-9]{1,2}) hours|([2-9]|[12][0-9]|30) days)\s*\)$",
        "examples": ["rate(12 hours)"],
    })
}
