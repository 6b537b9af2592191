//! The only place that asks what time it is.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// This moment.
#[expect(
    clippy::disallowed_methods,
    reason = "locks and records carry the time, and this is where it comes in"
)]
pub(super) fn timestamp() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// This moment, in UTC, to the second.
pub(super) fn now() -> String {
    timestamp().to_string()
}

/// Today, in UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "the day of the plan is an input, and this is where it comes in"
)]
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// A text that no other run has.
#[expect(clippy::disallowed_methods, reason = "two runs must not share their operations' IDs")]
pub(super) fn run() -> String {
    format!("{}-{}", Timestamp::now().as_nanosecond(), std::process::id())
}
