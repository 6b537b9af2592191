//! When nodes will be scanned and patched.

use std::fmt;

use jiff::{Timestamp, Zoned, civil::Date};

use crate::ids::{CalendarArn, PolicyName, Region, RingName};

/// The runs of a policy in a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct NextRuns {
    /// Whose.
    pub policy: PolicyName,
    /// From when on.
    pub from: Timestamp,
    /// Until when, exclusively.
    pub until: Timestamp,
    /// Ring by ring, in the order of the rollout.
    pub rings: Vec<RingRuns>,
    /// What a reader should know although nothing is wrong.
    pub warnings: Vec<String>,
}

impl NextRuns {
    /// Every run of every ring.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        let regions = self.rings.iter().flat_map(|ring| &ring.regions);
        regions.flat_map(RegionRuns::schedules).flat_map(ScheduledRuns::runs)
    }
}

/// The runs of one ring.
#[derive(Clone, Debug, PartialEq)]
pub struct RingRuns {
    /// Which.
    pub ring: RingName,
    /// Region by Region.
    pub regions: Vec<RegionRuns>,
}

/// The runs of one ring in one Region.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionRuns {
    /// Which.
    pub region: Region,
    /// The Change Calendars that must be open for an installation.
    pub calendars: Vec<CalendarArn>,
    /// The scans.
    pub scan: ScheduledRuns,
    /// The installations; none where nothing is installed.
    pub install: Option<ScheduledRuns>,
}

impl RegionRuns {
    /// Scans and installations.
    pub fn schedules(&self) -> impl Iterator<Item = &ScheduledRuns> {
        std::iter::once(&self.scan).chain(&self.install)
    }
}

/// The runs of one schedule in one Region.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledRuns {
    /// What the policy says, with the time zone: `sun 02:00 Europe/Dublin`.
    pub local: String,
    /// What State Manager is told, in UTC.
    pub expression: String,
    /// Days after the day of that.
    pub offset_days: u8,
    /// The time zone in which runs are shown.
    pub zone: String,
    /// When it runs.
    pub times: RunTimes,
}

impl ScheduledRuns {
    /// The runs; none for a rate, which has no times of its own.
    pub fn runs(&self) -> &[Run] {
        match &self.times {
            RunTimes::At(runs) => runs,
            RunTimes::Rate => &[],
        }
    }
}

/// When a schedule runs.
#[derive(Clone, Debug, PartialEq)]
pub enum RunTimes {
    /// At these moments, the earliest first.
    At(Vec<Run>),
    /// In intervals that begin when a stack is made, so that nobody can tell the times.
    Rate,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// When.
    pub at: Timestamp,
    /// The same by the local clock.
    pub local: Zoned,
    /// By how much that is not what the policy means.
    pub shift: ClockShift,
    /// The Patch Tuesday that the schedule counts from, where it does.
    pub patch_tuesday: Option<Date>,
    /// Whether calendars let it run.
    pub gate: CalendarGate,
}

/// Whether Change Calendars let a run begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalendarGate {
    /// No calendar holds it back, whatever its state.
    None,
    /// There are calendars, and nobody has asked them.
    NotAsked,
    /// All of them are open then.
    Open,
    /// One of them is closed then.
    Closed {
        /// Which.
        calendar: CalendarArn,
        /// When it opens again, where that is known.
        until: Option<Timestamp>,
    },
    /// One of them could not be asked, for this reason.
    Unknown(String),
}

/// By how many seconds runs are later by the local clock than the policy means them; earlier, where it is
/// negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockShift(pub i64);

impl ClockShift {
    /// Runs are when the policy means them.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for ClockShift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = match self.0.abs() {
            1_800 => "half an hour".to_owned(),
            3_600 => "an hour".to_owned(),
            seconds if seconds % 3_600 == 0 => format!("{} hours", seconds / 3_600),
            seconds => format!("{} minutes", seconds / 60),
        };
        write!(f, "{length} {}", if self.0 < 0 { "earlier" } else { "later" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_told_as_people_say_it() {
        for (seconds, words) in [
            (3_600, "an hour later"),
            (-3_600, "an hour earlier"),
            (-1_800, "half an hour earlier"),
            (1_200, "20 minutes later"),
            (7_200, "2 hours later"),
        ] {
            assert_eq!(ClockShift(seconds).to_string(), words);
        }
    }
}
