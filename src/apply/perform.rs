//! One step: which calls it makes.

use crate::{
    apply::{Event, EventKind, InstanceFailure, StepEnd, StepFailure, Stop, persist::Answer},
    cloud::{ChangeSetKind, CloudWrite, Precondition, TemplateFrom},
    ids::{AccountId, CallAs, Digest, OperationId},
    plan::{Action, OVERRIDE_KEY, Step, TemplateSource, override_body},
};

/// What every step needs.
pub(super) struct Performer<'a, C, T> {
    pub(super) cloud: &'a C,
    pub(super) stop: &'a Stop,
    pub(super) call_as: CallAs,
    pub(super) account: &'a AccountId,
    pub(super) digest: &'a Digest,
    pub(super) run: &'a str,
    pub(super) tell: &'a T,
}

/// How far a step came.
pub(super) enum Progress {
    /// To its end.
    Done,
    /// To its end, with failures that are tolerated.
    DoneInPart(Vec<InstanceFailure>),
    /// The user wished to stop while this ran at AWS.
    LeftRunning(Option<OperationId>),
    /// The user wished to stop before anything had begun at AWS.
    NotBegun,
}

impl<C: CloudWrite, T: Fn(Event<'_>)> Performer<'_, C, T> {
    /// Makes a step's calls and waits for what they began.
    pub(super) async fn perform(&self, step: &Step) -> StepEnd {
        match self.act(step).await {
            Ok(Progress::Done) => StepEnd::Done,
            Ok(Progress::DoneInPart(failures)) => StepEnd::DoneInPart(failures),
            Ok(Progress::LeftRunning(operation)) => StepEnd::LeftRunning(operation),
            Ok(Progress::NotBegun) => StepEnd::NotStarted,
            Err(failure) => StepEnd::Failed(failure),
        }
    }

    pub(super) fn tell(&self, step: &Step, kind: EventKind<'_>) {
        (self.tell)(Event { step, kind });
    }

    /// The ID of a step's operation: the same for a retry in this run, another in any other run.
    pub(super) fn operation_id(&self, step: &Step) -> OperationId {
        OperationId::derive(&[self.digest.as_str(), step.id.as_str(), self.run])
    }

    async fn act(&self, step: &Step) -> Result<Progress, StepFailure> {
        let cloud = self.cloud;
        let call_as = self.call_as;
        match &step.action {
            Action::WaitForOperation { stack_set, operation } => {
                self.see_out(step, stack_set, operation).await
            }
            Action::WaitForStack { region, name } => self.see_stack_out(step, region, name).await,
            Action::UploadTemplate { bucket, key, template } => {
                self.by_one_call(step, async || {
                    cloud.put_object(bucket, key, template.body().as_bytes(), None).await.map(drop)
                })
                .await
            }
            Action::CreateStack { spec, template } => {
                self.change_stack(step, spec, from(template), ChangeSetKind::Create).await
            }
            Action::UpdateStack { spec, template, changes: _ } => {
                self.change_stack(step, spec, from(template), ChangeSetKind::Update).await
            }
            Action::DeleteStack { region, name } => {
                match self.answered(step, || cloud.delete_stack(region, name)).await? {
                    Answer::Given(()) => self.follow_deletion(step, region, name).await,
                    Answer::Stopped(made) => Ok(made.into()),
                }
            }
            Action::CreateBaseline { spec, changes: _ } => {
                let token = self.operation_id(step);
                self.by_one_call(step, || cloud.create_baseline(spec, token.as_str())).await
            }
            Action::UpdateBaseline { id, spec, untag, changes: _ } => {
                self.by_one_call(step, || cloud.update_baseline(id, spec, untag)).await
            }
            Action::DeleteBaseline { id, name: _ } => {
                self.by_one_call(step, || cloud.delete_baseline(id)).await
            }
            Action::EmptyBucket { bucket } => {
                self.by_one_call(step, || cloud.empty_bucket(bucket)).await
            }
            Action::WriteOverrides { bucket, replaces, content, changes: _ } => {
                let precondition = match replaces {
                    Some(version) => Precondition::Version(version.clone()),
                    None => Precondition::Absent,
                };
                let body = override_body(content);
                self.by_one_call(step, async || {
                    let put = cloud.put_object(bucket, OVERRIDE_KEY, &body, Some(&precondition));
                    put.await.map(drop)
                })
                .await
            }
            Action::CreateStackSet { spec, template } => {
                let token = self.operation_id(step);
                self.by_one_call(step, async || {
                    cloud.create_stack_set(call_as, spec, from(template), token.as_str()).await
                })
                .await
            }
            Action::TurnOnManagedExecution { stack_set } => {
                self.operate(step, stack_set, 0, async |operation| {
                    cloud.turn_on_managed_execution(call_as, stack_set, operation).await
                })
                .await
            }
            Action::UpdateStackSet { spec, template, changes: _ } => {
                let accounts: usize =
                    spec.targets.values().map(|target| target.accounts.len()).sum();
                self.operate(step, &spec.name, accounts * spec.regions.len(), async |operation| {
                    cloud.update_stack_set(call_as, spec, from(template), operation).await
                })
                .await
            }
            Action::TakeBack { spec, places } => self.take_back(step, spec, places).await,
            Action::TakeBackInStack { spec } => self.take_back_in_stack(step, spec).await,
            Action::KeepAccessLogs { spec } => {
                self.change_stack(step, spec, TemplateFrom::Body, ChangeSetKind::Update).await
            }
            Action::AddInstances { aim: _, stack_set, targets, preferences } => {
                self.add_instances(step, stack_set, targets, *preferences).await
            }
            Action::RemoveInstances { stack_set, targets, retain, preferences } => {
                self.remove_instances(step, stack_set, targets, *retain, *preferences).await
            }
            Action::DeleteStackSet { stack_set } => {
                self.by_one_call(step, || cloud.delete_stack_set(call_as, stack_set)).await
            }
        }
    }
}

fn from(template: &TemplateSource) -> TemplateFrom<'_> {
    match template {
        TemplateSource::Inline => TemplateFrom::Body,
        TemplateSource::Object { bucket, key } => TemplateFrom::Object { bucket, key },
    }
}
