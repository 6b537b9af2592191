//! `StackSets` operations: begin, wait, and say what came of it.

use std::time::Duration;

use crate::{
    apply::{
        Event, EventKind, InstanceFailure, StepFailure, WaitingFor,
        perform::{Performer, Progress},
        persist::{UNANSWERED, may_pass},
    },
    cloud::{
        CloudError, CloudErrorKind, CloudWrite, InstanceResult, OperationStatus, ResultStatus,
    },
    ids::{Digest, OperationId, StackSetName},
    plan::Step,
};

/// The first pause between two looks at an operation; each is half as long again, up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Instances up to which single results are read while an operation runs: one call for each hundred.
const COUNTED: usize = 2_000;

impl<C: CloudWrite, T: Fn(Event<'_>)> Performer<'_, C, T> {
    /// Begins a step's operation and waits for its end.
    pub(super) async fn operate(
        &self,
        step: &Step,
        name: &StackSetName,
        total: usize,
        begin: impl AsyncFn(&OperationId) -> Result<(), CloudError>,
    ) -> Result<Progress, StepFailure> {
        self.operate_as(self.operation_id(step), step, name, total, begin).await
    }

    /// The same under an ID of its own, for a step that needs more than one operation.
    pub(super) async fn operate_as(
        &self,
        operation: OperationId,
        step: &Step,
        name: &StackSetName,
        total: usize,
        begin: impl AsyncFn(&OperationId) -> Result<(), CloudError>,
    ) -> Result<Progress, StepFailure> {
        let mut pauses = Pauses::of(&operation);
        let mut unanswered = 0;
        loop {
            let error = match begin(&operation).await {
                Ok(()) => break,
                Err(error) => error,
            };
            match error.kind {
                // The ID is ours, so the operation is too: go on waiting for it.
                CloudErrorKind::OperationExists => break,
                // Somebody else's operation, or auto-deployment. Ours comes after it. (It may be ours, if an
                // answer was lost; then its ID is known by the next try.)
                CloudErrorKind::Busy => {
                    self.tell(step, EventKind::Waiting(WaitingFor::OtherOperation));
                }
                // The answer was lost. If the call took effect, the operation is there; if not, the same
                // ID makes another try the same operation.
                _ if may_pass(&error) && unanswered < UNANSWERED => {
                    unanswered += 1;
                    let seen = self.cloud.operation_progress(self.call_as, name, &operation).await;
                    if seen.is_ok() {
                        break;
                    }
                    self.tell(step, EventKind::Waiting(WaitingFor::Answer(&error)));
                }
                _ if may_pass(&error) => {
                    return Err(StepFailure::LostFromSight(operation, error));
                }
                _ => return Err(error.into()),
            }
            if !self.pause(pauses.next()).await {
                // One that got no answer may run.
                let may_run = unanswered > 0;
                return Ok(if may_run {
                    Progress::LeftRunning(Some(operation))
                } else {
                    Progress::NotBegun
                });
            }
        }
        self.tell(step, EventKind::Operation(&operation));
        self.follow(step, name, &operation, total).await
    }

    /// Waits for the end of an operation that somebody else began. What came of it the next plan will see.
    pub(super) async fn see_out(
        &self,
        step: &Step,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<Progress, StepFailure> {
        match self.follow(step, name, operation, 0).await {
            Err(StepFailure::Instances { .. } | StepFailure::Stopped(_))
            | Ok(Progress::DoneInPart(_)) => Ok(Progress::Done),
            other => other,
        }
    }

    /// Waits for the end of an operation.
    pub(super) async fn follow(
        &self,
        step: &Step,
        name: &StackSetName,
        operation: &OperationId,
        total: usize,
    ) -> Result<Progress, StepFailure> {
        let mut pauses = Pauses::of(operation);
        let mut failed_looks = 0;
        loop {
            let look = self.cloud.operation_progress(self.call_as, name, operation);
            let Some(seen) = self.stop.or_else(look).await else {
                return Ok(Progress::LeftRunning(Some(operation.clone())));
            };
            match seen {
                Err(error) => {
                    failed_looks += 1;
                    if !may_pass(&error) || failed_looks > UNANSWERED {
                        return Err(StepFailure::LostFromSight(operation.clone(), error));
                    }
                    self.tell(step, EventKind::Waiting(WaitingFor::Answer(&error)));
                }
                Ok(progress) => {
                    failed_looks = 0;
                    match progress.status {
                        OperationStatus::Queued | OperationStatus::Running => {
                            let failed = usize::try_from(progress.failed).unwrap_or(usize::MAX);
                            let done = self.count_done(name, operation, total).await;
                            self.tell(step, EventKind::Progress { done, failed, total });
                        }
                        OperationStatus::Stopped => {
                            return Err(StepFailure::Stopped(operation.clone()));
                        }
                        OperationStatus::Succeeded if progress.failed == 0 => {
                            return Ok(Progress::Done);
                        }
                        OperationStatus::Succeeded => {
                            let (failures, _) =
                                self.failures(name, operation, progress.failed).await?;
                            return Ok(Progress::DoneInPart(failures));
                        }
                        OperationStatus::Failed => {
                            let (failures, cancelled) =
                                self.failures(name, operation, progress.failed).await?;
                            return Err(StepFailure::Instances {
                                operation: operation.clone(),
                                failures,
                                cancelled,
                                reason: progress.reason,
                            });
                        }
                    }
                }
            }
            if !self.pause(pauses.next()).await {
                return Ok(Progress::LeftRunning(Some(operation.clone())));
            }
        }
    }

    /// How many instances are done, where it is cheap to know. Only for show, so a failure is no matter.
    async fn count_done(
        &self,
        name: &StackSetName,
        operation: &OperationId,
        total: usize,
    ) -> Option<usize> {
        if total == 0 || total > COUNTED {
            return None;
        }
        let results = self.cloud.operation_results(self.call_as, name, operation).await.ok()?;
        Some(results.iter().filter(|result| result.status == ResultStatus::Succeeded).count())
    }

    /// The instances that failed, and how many were not tried for that. The listing is eventually
    /// consistent, so it is read once more where it shows fewer failures than the operation.
    async fn failures(
        &self,
        name: &StackSetName,
        operation: &OperationId,
        expected: u32,
    ) -> Result<(Vec<InstanceFailure>, usize), StepFailure> {
        let look = || self.cloud.operation_results(self.call_as, name, operation);
        let mut results = self.seen(look).await?;
        let failed = |results: &[InstanceResult]| {
            results.iter().filter(|r| r.status == ResultStatus::Failed).count()
        };
        if failed(&results) < usize::try_from(expected).unwrap_or(usize::MAX) {
            self.cloud.pause(FIRST_PAUSE).await;
            results = self.seen(look).await?;
        }
        let cancelled =
            results.iter().filter(|result| result.status == ResultStatus::Cancelled).count();
        let mut failures: Vec<InstanceFailure> = results
            .into_iter()
            .filter(|result| result.status == ResultStatus::Failed)
            .map(|InstanceResult { account, region, reason, status: _ }| InstanceFailure {
                account,
                region,
                reason: reason.unwrap_or_else(|| "AWS gives no reason".to_owned()),
            })
            .collect();
        failures.sort();
        Ok((failures, cancelled))
    }

    /// Waits, and returns whether to go on: no, if the user wished to stop.
    pub(super) async fn pause(&self, time: Duration) -> bool {
        !self.stop.comes_within(self.cloud, time).await
    }
}

/// Growing pauses, each up to a fifth longer or shorter, so that several waiters do not march in step.
/// The jitter comes from the operation's ID: the same run waits the same.
pub(super) struct Pauses {
    next: Duration,
    seed: Digest,
    number: usize,
}

impl Pauses {
    pub(super) fn of(operation: &OperationId) -> Self {
        Self::beginning_with(FIRST_PAUSE, operation)
    }

    pub(super) fn beginning_with(first: Duration, operation: &OperationId) -> Self {
        Self { next: first, seed: Digest::of(operation.as_str()), number: 0 }
    }

    /// For a wait that nobody else shares.
    pub(super) fn of_length(first: Duration) -> Self {
        Self { next: first, seed: Digest::of(""), number: 0 }
    }

    pub(super) fn next(&mut self) -> Duration {
        let bytes = self.seed.as_str().as_bytes();
        let byte = bytes[self.number % bytes.len()];
        self.number += 1;
        let pause = self.next;
        self.next = (pause * 3 / 2).min(LONGEST_PAUSE);
        // A hexadecimal digit is one of sixteen, so the factor goes from 0.80 to 1.175.
        let digit = char::from(byte).to_digit(16).unwrap_or(8);
        pause * (32 + digit) / 40
    }
}
