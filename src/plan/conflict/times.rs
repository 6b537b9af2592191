//! When things run, and how near they come to each other.

use std::{collections::BTreeMap, rc::Rc};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    ids::{Region, RingName},
    state::{ScheduleLine, runs_in},
};

/// How far ahead runs are looked at: a month with its next one's second Tuesday.
const AHEAD: SignedDuration = SignedDuration::from_hours(35 * 24);

/// How near is too near. The lock of a node is held as long as a scan or an installation takes.
const NEAR: SignedDuration = SignedDuration::from_mins(30);

/// A time at which a ring runs and something else is about to, runs, or has just begun.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near {
    /// Minutes between the two.
    pub(super) minutes: i64,
    /// When the ring runs.
    pub(super) at: Timestamp,
    /// Where.
    pub(super) region: Region,
    /// Which ring.
    pub(super) ring: RingName,
    /// `scan` or `install`.
    pub(super) what: &'static str,
}

impl Near {
    /// `within 10 minutes of the scan of ring main, for example on …`.
    pub(super) fn words(&self) -> String {
        let Self { minutes, at, region, ring, what } = self;
        let apart = match minutes {
            0 => "at the same time as".to_owned(),
            1 => "within 1 minute of".to_owned(),
            minutes => format!("within {minutes} minutes of"),
        };
        let at = at.strftime("%Y-%m-%d at %H:%M UTC");
        format!("{apart} the {what} of ring {ring}, for example on {at} in {region}")
    }
}

/// What runs by a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Running<'a> {
    pub(super) expression: &'a str,
    pub(super) offset_days: u8,
    /// UTC where there is none.
    pub(super) timezone: Option<&'a str>,
    /// Hours in which it may begin, from the time of the schedule on.
    pub(super) hours: i64,
}

impl<'a> Running<'a> {
    fn of(line: &'a ScheduleLine) -> Self {
        Self {
            expression: &line.expression,
            offset_days: line.offset_days,
            timezone: None,
            hours: 0,
        }
    }
}

/// From when until when something may begin.
type Stretches = Rc<[(Timestamp, Timestamp)]>;

/// When what runs. It works each schedule out once, since thousands of accounts have the same.
pub(super) struct Timetable<'a> {
    from: Timestamp,
    to: Timestamp,
    known: BTreeMap<Running<'a>, Option<Stretches>>,
}

impl<'a> Timetable<'a> {
    /// Of the 35 days that come.
    pub(super) fn ahead_of(now: Timestamp) -> Self {
        let to = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        Self { from: now, to, known: BTreeMap::new() }
    }

    /// Where something comes nearest to a ring's runs in a Region, if it comes near. What has no time that
    /// can be known, such as a rate, does not.
    pub(super) fn nearest(
        &mut self,
        (ring, region): (&RingName, &Region),
        schedule: &'a [ScheduleLine],
        other: Running<'a>,
    ) -> Option<Near> {
        let theirs = self.stretches(other)?;
        let lines = schedule.iter().filter(|line| line.region == *region);
        let near = lines.filter_map(|line| {
            let ours = self.stretches(Running::of(line))?;
            let gaps = ours.iter().filter_map(|(at, _)| Some((gap(*at, &theirs)?, *at)));
            let (gap, at) = gaps.filter(|(gap, _)| *gap <= NEAR).min()?;
            Some(Near {
                minutes: gap.as_mins(),
                at,
                region: region.clone(),
                ring: ring.clone(),
                what: line.what,
            })
        });
        near.min()
    }

    fn stretches(&mut self, running: Running<'a>) -> Option<Stretches> {
        let (from, to) = (self.from, self.to);
        self.known.entry(running).or_insert_with(|| stretches(running, from, to)).clone()
    }
}

fn stretches(running: Running<'_>, from: Timestamp, to: Timestamp) -> Option<Stretches> {
    let Running { expression, offset_days, timezone, hours } = running;
    let zone = match timezone {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).ok()?,
    };
    let length = SignedDuration::from_hours(hours);
    let runs = runs_in(&zone, expression, offset_days, from, to)?;
    Some(runs.into_iter().map(|run| (run, run.checked_add(length).unwrap_or(run))).collect())
}

/// The time between a moment and the nearest of stretches that follow each other.
fn gap(at: Timestamp, stretches: &[(Timestamp, Timestamp)]) -> Option<SignedDuration> {
    let next = stretches.partition_point(|(begins, _)| *begins <= at);
    let after = stretches.get(next).map(|(begins, _)| begins.duration_since(at));
    let before = next
        .checked_sub(1)
        .and_then(|index| stretches.get(index))
        .map(|(_, ends)| at.duration_since(*ends).max(SignedDuration::ZERO));
    [before, after].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(expression: &str) -> Vec<ScheduleLine> {
        vec![ScheduleLine {
            region: "eu-west-1".parse().unwrap(),
            what: "scan",
            expression: expression.to_owned(),
            offset_days: 0,
            local: String::new(),
        }]
    }

    fn at(expression: &str) -> Running<'_> {
        Running { expression, offset_days: 0, timezone: None, hours: 0 }
    }

    /// The minutes by which something comes near to a daily scan at 01:00, looked at on a Sunday.
    fn minutes(other: Running<'_>) -> Option<i64> {
        let schedule = scan("cron(0 1 * * ? *)");
        let mut timetable = Timetable::ahead_of("2026-11-22T00:00:00Z".parse().unwrap());
        let near = timetable.nearest(
            (&RingName::main(), &"eu-west-1".parse().unwrap()),
            &schedule,
            other,
        )?;
        Some(near.minutes)
    }

    #[test]
    fn half_an_hour_before_and_after_is_near() {
        assert_eq!(minutes(at("cron(0 1 * * ? *)")), Some(0));
        assert_eq!(minutes(at("cron(10 1 ? * SUN *)")), Some(10));
        assert_eq!(minutes(at("cron(30 0 * * ? *)")), Some(30));
        assert_eq!(minutes(at("cron(31 1 * * ? *)")), None);
        assert_eq!(minutes(at("cron(0 13 * * ? *)")), None);
    }

    #[test]
    fn a_window_is_near_as_long_as_tasks_begin_in_it() {
        let window = |hours| Running { hours, ..at("cron(0 22 * * ? *)") };

        assert_eq!(minutes(window(2)), None);
        assert_eq!(minutes(window(3)), Some(0));
        assert_eq!(minutes(window(4)), Some(0));
    }

    #[test]
    fn a_window_has_the_clocks_of_its_time_zone() {
        let tokyo = Running { timezone: Some("Asia/Tokyo"), ..at("cron(20 10 * * ? *)") };

        assert_eq!(minutes(tokyo), Some(20));
        assert_eq!(minutes(Running { timezone: Some("Moon/Tranquility"), ..tokyo }), None);
    }

    #[test]
    fn what_has_no_known_time_comes_near_to_nothing() {
        assert_eq!(minutes(at("rate(1 day)")), None);
        assert_eq!(minutes(at("nonsense")), None);
    }

    #[test]
    fn another_region_is_another_schedule() {
        let schedule = scan("cron(0 1 * * ? *)");
        let mut timetable = Timetable::ahead_of("2026-11-22T00:00:00Z".parse().unwrap());
        let place = (&RingName::main(), &"us-east-1".parse().unwrap());

        assert_eq!(timetable.nearest(place, &schedule, at("cron(0 1 * * ? *)")), None);
    }

    #[test]
    fn nearness_is_told_with_an_example() {
        let near = Near {
            minutes: 10,
            at: "2026-11-22T16:00:00Z".parse().unwrap(),
            region: "ap-northeast-1".parse().unwrap(),
            ring: RingName::main(),
            what: "install",
        };

        assert_eq!(
            near.words(),
            "within 10 minutes of the install of ring main, for example on 2026-11-22 at 16:00 UTC in ap-northeast-1"
        );
    }
}
