//! The course of a whole operation, worked out when it begins.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use crate::{
    ids::{AccountId, Region},
    sim::stack_set::Place,
    state::{Preferences, RegionPace},
};

/// How many instances may be worked on at a time, in all Regions together (quotas page).
///
/// Regions that go together share it evenly here. Operations that begin while others run get what those
/// leave, and an even share at the least (AWS does not say how it is shared).
pub(super) const AT_ONCE: usize = 10_000;

/// What will have happened in one account and Region, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) place: Place,
    pub(super) begins: Duration,
    pub(super) ends: Duration,
    pub(super) ending: Ending,
}

/// How an attempt ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeded,
    /// The account is not active.
    Skipped,
    Failed(String),
    /// Not begun, for this reason.
    Cancelled(&'static str),
}

/// AWS's words for what is not begun after too many failures.
pub(super) const CANCELLED: &str = "Cancelled since failure tolerance has exceeded";

/// One attempt: how long it takes, and what comes of it.
pub(super) struct Attempt {
    pub(super) length: Duration,
    pub(super) outcome: Result<(), String>,
}

/// The course of an operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    /// In the order in which they end.
    pub(super) planned: Vec<Planned>,
    /// When the last one ends.
    pub(super) ends: Duration,
    /// Whether more failed than is tolerated, in any Region.
    pub(super) exceeded: bool,
    /// How many instances it works on at a time, at most.
    pub(super) width: usize,
}

/// The limits of one Region.
#[derive(Clone, Copy)]
struct Course {
    at_a_time: usize,
    tolerated: usize,
    begins: Duration,
    /// Whether a Region before this one stopped.
    stopped: bool,
}

impl Schedule {
    /// Works the course out.
    ///
    /// In each Region at most `concurrency_percent` of the accounts are worked on at a time, rounded
    /// down, yet at least one. Once more have failed than `tolerance_percent`, rounded down, nothing
    /// more is begun there, and what runs is finished (`SOFT_FAILURE_TOLERANCE`). Where Regions go one
    /// after the other, those behind are not begun either. No more than `quota` run at a time.
    pub(super) fn work_out(
        work: BTreeMap<Region, Vec<AccountId>>,
        preferences: Preferences,
        quota: usize,
        begins: Duration,
        mut attempt: impl FnMut(&Place, Duration) -> Attempt,
    ) -> Self {
        let mut schedule = Self { planned: Vec::new(), ends: begins, ..Self::default() };
        let quota = match preferences.regions {
            RegionPace::Parallel => quota / work.len().max(1),
            RegionPace::Sequential => quota,
        };
        for (region, accounts) in work {
            let stopped = schedule.exceeded && preferences.regions == RegionPace::Sequential;
            let from = match preferences.regions {
                RegionPace::Parallel => begins,
                RegionPace::Sequential => schedule.ends,
            };
            let places: Vec<Place> =
                accounts.into_iter().map(|account| (account, region.clone())).collect();
            let at_a_time = share(places.len(), preferences.concurrency_percent).min(quota).max(1);
            schedule.width = match preferences.regions {
                RegionPace::Parallel => schedule.width + at_a_time,
                RegionPace::Sequential => schedule.width.max(at_a_time),
            };
            let tolerated = share(places.len(), preferences.tolerance_percent);
            let course = Course { at_a_time, tolerated, begins: from, stopped };
            schedule.region(places, course, &mut attempt);
        }
        schedule.planned.sort_by(|a, b| (a.ends, &a.place).cmp(&(b.ends, &b.place)));
        schedule
    }

    fn region(
        &mut self,
        places: Vec<Place>,
        course: Course,
        attempt: &mut impl FnMut(&Place, Duration) -> Attempt,
    ) {
        let Course { at_a_time, tolerated, begins, mut stopped } = course;
        // When each ends, and whether it succeeds: of those that end together, failures come first.
        let mut running: BinaryHeap<Reverse<(Duration, bool)>> = BinaryHeap::new();
        let (mut now, mut failures) = (begins, 0);

        for place in places {
            if !stopped && running.len() == at_a_time {
                let Some(Reverse((ends, succeeds))) = running.pop() else { continue };
                now = ends;
                failures += usize::from(!succeeds);
                stopped = failures > tolerated;
            }
            if stopped {
                let ending = Ending::Cancelled(CANCELLED);
                self.planned.push(Planned { place, begins: now, ends: now, ending });
                continue;
            }
            let Attempt { length, outcome } = attempt(&place, now);
            let (begins, ends) = (now, now + length);
            running.push(Reverse((ends, outcome.is_ok())));
            let ending = outcome.map_or_else(Ending::Failed, |()| Ending::Succeeded);
            self.planned.push(Planned { place, begins, ends, ending });
            self.ends = self.ends.max(ends);
        }
        failures += running.into_iter().filter(|Reverse((_, succeeds))| !succeeds).count();
        self.exceeded |= stopped || failures > tolerated;
    }
}

/// So many percent of so many, rounded down.
fn share(count: usize, percent: u8) -> usize {
    count * usize::from(percent) / 100
}
