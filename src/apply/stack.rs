//! Stacks in the owner account: change set, execution, deletion.

use std::time::Duration;

use crate::{
    apply::{
        Event, EventKind, StepFailure, WaitingFor,
        operation::Pauses,
        perform::{Performer, Progress},
        persist::{Answer, UNANSWERED, may_pass},
    },
    cloud::{ChangeSetKind, ChangeSetProgress, CloudWrite, StackProgress, TemplateFrom},
    ids::{Region, StackName},
    plan::{StackSpec, Step},
};

/// The first pause before a look at a change set or stack, which take seconds rather than minutes.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// What a wait is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WaitFor {
    Change,
    Deletion,
    AnyEnd,
}

impl<C: CloudWrite, T: Fn(Event<'_>)> Performer<'_, C, T> {
    /// Makes or changes a stack through a change set, so that CloudFormation sees it whole first.
    pub(super) async fn change_stack(
        &self,
        step: &Step,
        spec: &StackSpec,
        template: TemplateFrom<'_>,
        kind: ChangeSetKind,
    ) -> Result<Progress, StepFailure> {
        let cloud = self.cloud;
        let change_set = self.operation_id(step);
        let (region, name) = (&spec.region, &spec.name);
        let delete = || cloud.delete_change_set(region, name, change_set.as_str());
        let begun = self.answered(step, async || {
            // One of that name may be left from an attempt that failed, and could not be executed again.
            delete().await?;
            cloud.create_change_set(spec, template, kind, change_set.as_str()).await
        });
        if let Answer::Stopped(_) = begun.await? {
            // A change set alone changes nothing.
            return Ok(Progress::NotBegun);
        }
        let mut pauses = Pauses::beginning_with(FIRST_LOOK, &change_set);
        loop {
            let look = || cloud.change_set_progress(region, name, change_set.as_str());
            let Answer::Given(progress) = self.answered(step, look).await? else {
                return Ok(Progress::NotBegun);
            };
            match progress {
                ChangeSetProgress::Ready => break,
                ChangeSetProgress::Empty => {
                    return self.by_one_call(step, delete).await;
                }
                ChangeSetProgress::Failed(reason) => {
                    // What is left of it is in nobody's way.
                    self.answered(step, delete).await?;
                    return Err(StepFailure::ChangeSet(reason));
                }
                ChangeSetProgress::Pending => {}
            }
            if !self.pause(pauses.next()).await {
                return Ok(Progress::NotBegun);
            }
        }
        let execute = || cloud.execute_change_set(region, name, change_set.as_str());
        match self.answered(step, execute).await? {
            Answer::Given(()) => self.wait(step, region, name, WaitFor::Change).await,
            Answer::Stopped(made) => Ok(made.into()),
        }
    }

    /// Waits for the end of a change that somebody else began. What came of it the next plan will see.
    pub(super) async fn see_stack_out(
        &self,
        step: &Step,
        region: &Region,
        name: &StackName,
    ) -> Result<Progress, StepFailure> {
        match self.wait(step, region, name, WaitFor::AnyEnd).await {
            Err(StepFailure::Stack(_)) => Ok(Progress::Done),
            other => other,
        }
    }

    /// Waits until a stack is gone.
    pub(super) async fn follow_deletion(
        &self,
        step: &Step,
        region: &Region,
        name: &StackName,
    ) -> Result<Progress, StepFailure> {
        self.wait(step, region, name, WaitFor::Deletion).await
    }

    async fn wait(
        &self,
        step: &Step,
        region: &Region,
        name: &StackName,
        wait_for: WaitFor,
    ) -> Result<Progress, StepFailure> {
        let mut pauses = Pauses::beginning_with(FIRST_LOOK, &self.operation_id(step));
        let mut failed_looks = 0;
        loop {
            // Right after the call a stack may still show the end of the change before.
            if !self.pause(pauses.next()).await {
                return Ok(Progress::LeftRunning(None));
            }
            let look = self.cloud.stack_progress(region, name);
            let Some(seen) = self.stop.or_else(look).await else {
                return Ok(Progress::LeftRunning(None));
            };
            match seen {
                // A stack that is to go and still shows the end of the change before has not begun to.
                Ok(StackProgress::Done) if wait_for != WaitFor::Deletion => {
                    return Ok(Progress::Done);
                }
                Ok(StackProgress::Failed(causes)) => return Err(StepFailure::Stack(causes)),
                Ok(StackProgress::Gone) if wait_for != WaitFor::Change => {
                    return Ok(Progress::Done);
                }
                Ok(StackProgress::Gone) => {
                    return Err(StepFailure::Stack(vec![
                        "it has been deleted in the meantime".to_owned(),
                    ]));
                }
                Ok(StackProgress::Running | StackProgress::Done) => {
                    failed_looks = 0;
                    self.tell(step, EventKind::Progress { done: None, failed: 0, total: 0 });
                }
                Err(error) if may_pass(&error) && failed_looks < UNANSWERED => {
                    failed_looks += 1;
                    self.tell(step, EventKind::Waiting(WaitingFor::Answer(&error)));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
