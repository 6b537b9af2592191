//! Change Calendars (Systems Manager), each in its own Region.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_config::SdkConfig;
use aws_sdk_ssm::{
    Client, operation::get_calendar_state::GetCalendarStateOutput, types::CalendarState as SdkState,
};
use jiff::Timestamp;

use crate::{
    aws::{answer::unreadable, error::failure, pace::Pace, settings::in_region},
    cloud::{CalendarState, Call, CloudError},
    ids::{Arn as _, CalendarArn, Region},
};

const CALL: Call = Call::GetCalendarState;

#[derive(Debug)]
pub(super) struct Calendars {
    config: SdkConfig,
    home: Region,
    /// One client a Region, made when it is first needed.
    clients: Mutex<BTreeMap<Region, Client>>,
    pace: Arc<Pace>,
}

impl Calendars {
    pub(super) fn new(config: SdkConfig, home: Region, pace: Arc<Pace>) -> Self {
        Self { config, home, clients: Mutex::default(), pace }
    }

    fn client(&self, region: &Region) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients
            .entry(region.clone())
            .or_insert_with(|| Client::new(&in_region(&self.config, region)))
            .clone()
    }

    pub(super) async fn state(
        &self,
        calendar: &CalendarArn,
        at: Timestamp,
    ) -> Result<CalendarState, CloudError> {
        // The ARN of a calendar has a Region.
        let region = calendar.region().unwrap_or_else(|| self.home.clone());
        self.pace.take(CALL, Some(&region)).await;
        let answer = self
            .client(&region)
            .get_calendar_state()
            .calendar_names(calendar.as_str())
            .at_time(at.to_string())
            .send()
            .await
            .map_err(failure(CALL, Some(&region)))?;
        seen(&answer)
    }
}

fn seen(answer: &GetCalendarStateOutput) -> Result<CalendarState, CloudError> {
    let open = match answer.state() {
        Some(SdkState::Open) => true,
        Some(SdkState::Closed) => false,
        other => {
            let state = other.map_or("nothing", SdkState::as_str);
            let message = format!("the answer's State is {state}, and not OPEN or CLOSED");
            return Err(unreadable(CALL, message));
        }
    };
    let until = answer.next_transition_time().filter(|text| !text.is_empty()).map(|text| {
        text.parse::<Timestamp>().map_err(|_| {
            unreadable(
                CALL,
                format!("the answer's NextTransitionTime is `{text}`, which is no time"),
            )
        })
    });
    Ok(CalendarState { open, until: until.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(state: &str, next: Option<&str>) -> GetCalendarStateOutput {
        GetCalendarStateOutput::builder()
            .state(state.into())
            .set_next_transition_time(next.map(str::to_owned))
            .build()
    }

    #[test]
    fn a_state_is_open_or_closed_until_a_time() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let next = Some("2026-12-24T00:00:00Z");

        assert_eq!(
            seen(&answer("OPEN", next)),
            Ok(CalendarState { open: true, until: at("2026-12-24T00:00:00Z") })
        );
        assert_eq!(
            seen(&answer("CLOSED", Some("2026-12-24T01:30:00+0130"))),
            Ok(CalendarState { open: false, until: at("2026-12-24T00:00:00Z") })
        );
        assert_eq!(seen(&answer("OPEN", None)), Ok(CalendarState { open: true, until: None }));
        assert_eq!(
            seen(&answer("CLOSED", Some(""))),
            Ok(CalendarState { open: false, until: None })
        );
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_an_error() {
        assert!(seen(&answer("AJAR", None)).is_err());
        assert!(seen(&answer("OPEN", Some("soon"))).is_err());
        assert!(seen(&GetCalendarStateOutput::builder().build()).is_err());
    }
}
