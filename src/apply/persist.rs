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
    matches!(error.kind, CloudErrorKind::Throttled | CloudErrorKind::Unreachable)
}

impl<C: CloudWrite, T: Fn(Event<'_>)> Performer<'_, C, T> {
    /// Makes a call until it is answered; none where the user wished to stop before that.
    ///
    /// The call may be repeated, as all calls of the port may. One that finds its thing changed after it
    /// went unanswered has probably changed it itself, so what is told is that there was no answer.
    pub(super) async fn answered<R>(
        &self,
        step: &Step,
        call: impl AsyncFn() -> Result<R, CloudError>,
    ) -> Result<Option<R>, CloudError> {
        let mut pauses = Pauses::beginning_with(FIRST_PAUSE, &self.operation_id(step));
        let mut unanswered = None;
        for _ in 0..=UNANSWERED {
            match call().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if may_pass(&error) => {
                    self.tell(step, EventKind::Waiting(WaitingFor::Answer(&error)));
                    unanswered = Some(error);
                }
                Err(error) if error.kind == CloudErrorKind::Stale => {
                    return Err(unanswered.unwrap_or(error));
                }
                Err(error) => return Err(error),
            }
            if !self.pause(pauses.next()).await {
                return Ok(None);
            }
        }
        match unanswered {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// The same for a step that consists of one call.
    pub(super) async fn by_one_call(
        &self,
        step: &Step,
        call: impl AsyncFn() -> Result<(), CloudError>,
    ) -> Result<Progress, StepFailure> {
        Ok(match self.answered(step, call).await? {
            Some(()) => Progress::Done,
            None => Progress::NotBegun,
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
