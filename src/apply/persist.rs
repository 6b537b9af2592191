//! Calls that get no answer: the network may come back.

use std::time::Duration;

use crate::{
    apply::{
        Event, EventKind, StepFailure, WaitingFor,
        operation::Pauses,
        perform::{Performer, Progress},
    },
    cloud::{CloudError, CloudErrorKind, CloudWrite},
    plan::Step,
};

/// Tries in a row that may go without an answer. With the longest pause that is ten minutes without a
/// network at the least; the adapters' own tries come on top.
pub(super) const UNANSWERED: u32 = 20;

/// The first pause after a try without an answer.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Whether a failure may be gone a little later, without anybody doing anything.
pub(super) fn may_pass(error: &CloudError) -> bool {
    matches!(
        error.kind,
        CloudErrorKind::Throttled | CloudErrorKind::Unavailable | CloudErrorKind::Unreachable
    )
}

/// What came of a call that is made until it is answered.
pub(super) enum Answer<R> {
    /// It was answered.
    Given(R),
    /// The user wished to stop before it was made, or before it was made again. Where it was made, whether it
    /// had its effect is not known.
    Stopped(Made),
}

/// Whether a call was made before the user wished to stop.
#[derive(Clone, Copy)]
pub(super) enum Made {
    /// It was, without an answer.
    Perhaps,
    /// It was not, or had no effect.
    No,
}

impl From<Made> for Progress {
    fn from(made: Made) -> Self {
        match made {
            Made::Perhaps => Self::LeftRunning(None),
            Made::No => Self::NotBegun,
        }
    }
}

impl<C: CloudWrite, T: Fn(Event<'_>)> Performer<'_, C, T> {
    /// Makes a call until it is answered. It may be repeated, as all calls of the port may.
    pub(super) async fn answered<R>(
        &self,
        step: &Step,
        call: impl AsyncFn() -> Result<R, CloudError>,
    ) -> Result<Answer<R>, CloudError> {
        let mut pauses = Pauses::beginning_with(FIRST_PAUSE, &self.operation_id(step));
        let mut unanswered = 0;
        let mut made = Made::No;
        loop {
            match call().await {
                Ok(answer) => return Ok(Answer::Given(answer)),
                Err(error) if may_pass(&error) && unanswered < UNANSWERED => {
                    unanswered += 1;
                    if error.kind != CloudErrorKind::Throttled {
                        made = Made::Perhaps;
                    }
                    self.tell(step, EventKind::Waiting(WaitingFor::Answer(&error)));
                }
                Err(error) => return Err(error),
            }
            if !self.pause(pauses.next()).await {
                return Ok(Answer::Stopped(made));
            }
        }
    }

    /// The same for a step that consists of one call.
    pub(super) async fn by_one_call(
        &self,
        step: &Step,
        call: impl AsyncFn() -> Result<(), CloudError>,
    ) -> Result<Progress, StepFailure> {
        Ok(match self.answered(step, call).await? {
            Answer::Given(()) => Progress::Done,
            Answer::Stopped(made) => made.into(),
        })
    }

    /// Looks until there is an answer, whatever the user wishes: it is about what has ended already.
    pub(super) async fn seen<R>(
        &self,
        look: impl AsyncFn() -> Result<R, CloudError>,
    ) -> Result<R, CloudError> {
        let mut pauses = Pauses::of_length(FIRST_PAUSE);
        for _ in 0..UNANSWERED {
            match look().await {
                Err(error) if may_pass(&error) => self.cloud.pause(pauses.next()).await,
                answer => return answer,
            }
        }
        look().await
    }
}
