//! Whether Change Calendars are open.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use crate::{
    cloud::{CalendarState, CloudRead},
    discover::AT_A_TIME,
    ids::CalendarArn,
    state::{CalendarGate, RingRuns, RunTimes, ScheduledRuns},
};

/// What a calendar says of moments, or why it could not be asked.
type Answers = BTreeMap<Timestamp, Result<CalendarState, String>>;

/// Asks each calendar whether it is open when something is installed, and notes that. What can't be asked is
/// unknown, with its reason.
pub async fn ask_calendars(cloud: &impl CloudRead, rings: &mut [RingRuns]) {
    let mut moments: BTreeMap<CalendarArn, BTreeSet<Timestamp>> = BTreeMap::new();
    for region in rings.iter().flat_map(|ring| &ring.regions) {
        let installs = region.install.iter().flat_map(ScheduledRuns::runs).map(|run| run.at);
        let installs: BTreeSet<Timestamp> = installs.collect();
        for calendar in &region.calendars {
            moments.entry(calendar.clone()).or_default().extend(&installs);
        }
    }
    let answers: BTreeMap<CalendarArn, Answers> = stream::iter(moments)
        .map(|(calendar, moments)| async move {
            let answers = answers(cloud, &calendar, moments).await;
            (calendar, answers)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    for region in rings.iter_mut().flat_map(|ring| &mut ring.regions) {
        if region.calendars.is_empty() {
            continue;
        }
        let Some(ScheduledRuns { times: RunTimes::At(runs), .. }) = &mut region.install else {
            continue;
        };
        for run in runs {
            let said = region
                .calendars
                .iter()
                .filter_map(|calendar| Some((calendar, answers.get(calendar)?.get(&run.at)?)));
            run.gate = gate(said);
        }
    }
}

/// Asks one calendar about moments, the earliest first. An answer holds until the calendar changes.
async fn answers(
    cloud: &impl CloudRead,
    calendar: &CalendarArn,
    moments: BTreeSet<Timestamp>,
) -> Answers {
    let mut answers = Answers::new();
    let mut last: Option<Result<CalendarState, String>> = None;
    for moment in moments {
        let holds = match &last {
            Some(Ok(state)) => state.until.is_some_and(|until| moment < until),
            // What failed for good would fail again.
            Some(Err(_)) => true,
            None => false,
        };
        if !holds {
            let answer = cloud.calendar_state(calendar, moment).await;
            last = Some(answer.map_err(|error| error.reason()));
        }
        answers.extend(last.clone().map(|answer| (moment, answer)));
    }
    answers
}

/// What calendars say together: all of them must be open (API reference of `GetCalendarState`).
fn gate<'a>(
    said: impl Iterator<Item = (&'a CalendarArn, &'a Result<CalendarState, String>)>,
) -> CalendarGate {
    let mut gate = CalendarGate::Open;
    for (calendar, answer) in said {
        match answer {
            Ok(CalendarState { open: false, until }) => {
                return CalendarGate::Closed { calendar: calendar.clone(), until: *until };
            }
            Ok(CalendarState { open: true, .. }) => {}
            Err(reason) => gate = CalendarGate::Unknown(reason.clone()),
        }
    }
    gate
}
