//! Single stacks of the owner account: the home stack, and those of the management account.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    types::{
        Capability, ChangeSetStatus, ChangeSetType, ExecutionStatus, Stack, StackEvent,
        TemplateStage,
    },
};

use crate::{
    aws::{
        answer::{next, pairs, required},
        cloudformation::{client, parameters, tags, template},
        error::failure,
        pace::Pace,
        settings::in_region,
        stack_events::{begins_a_change, causes},
    },
    cloud::{
        Call, ChangeSetKind, ChangeSetProgress, CloudError, CloudErrorKind, StackProgress,
        TemplateFrom,
    },
    ids::{Region, StackName},
    state::{StackSeen, StackSpec, StackStatus},
};

#[derive(Debug)]
pub(super) struct Stacks {
    config: SdkConfig,
    /// Where templates that are too large for a request lie.
    home: Region,
    /// One client a Region, made when it is first needed.
    clients: Mutex<BTreeMap<Region, Client>>,
    pub(super) pace: Arc<Pace>,
}

impl Stacks {
    pub(super) fn new(config: SdkConfig, home: Region, pace: Arc<Pace>) -> Self {
        Self { config, home, clients: Mutex::default(), pace }
    }

    pub(super) fn client(&self, region: &Region) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients
            .entry(region.clone())
            .or_insert_with(|| client(&in_region(&self.config, region)))
            .clone()
    }

    /// Whether CloudFormation understands a template.
    pub(super) async fn check_template(&self, body: &str) -> Result<(), CloudError> {
        const CALL: Call = Call::ValidateTemplate;
        self.pace.take(CALL, Some(&self.home)).await;
        let request = self.client(&self.home).validate_template().template_body(body);
        request.send().await.map_err(failure(CALL, Some(&self.home)))?;
        Ok(())
    }

    pub(super) async fn stack(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<Option<StackSeen>, CloudError> {
        const CALL: Call = Call::GetTemplate;
        let Some(stack) = self.describe(region, name).await? else { return Ok(None) };
        let text = stack.stack_status().map_or("", |status| status.as_str());
        let Some(status) = stack_status(text) else { return Ok(None) };
        // A stack whose first change set was never executed has no template yet.
        let template = if text == "REVIEW_IN_PROGRESS" {
            String::new()
        } else {
            self.pace.take(CALL, Some(region)).await;
            let answer = self
                .client(region)
                .get_template()
                .stack_name(name.as_str())
                .template_stage(TemplateStage::Original)
                .send()
                .await
                .map_err(failure(CALL, Some(region)));
            match answer {
                Err(error) if error.kind == CloudErrorKind::NotFound => return Ok(None),
                answer => required(CALL, "TemplateBody", answer?.template_body())?,
            }
        };
        // Pseudo parameters are no parameters of the template. AWS lists none, an emulator does.
        let parameters = stack
            .parameters()
            .iter()
            .filter(|p| p.parameter_key().is_some_and(|key| !key.starts_with("AWS::")));
        let outputs = stack.outputs().iter();
        Ok(Some(StackSeen {
            status,
            reason: stack.stack_status_reason().map(str::to_owned),
            template,
            parameters: pairs(parameters.map(|p| (p.parameter_key(), p.parameter_value()))),
            tags: pairs(stack.tags().iter().map(|tag| (tag.key(), tag.value()))),
            outputs: pairs(outputs.map(|output| (output.output_key(), output.output_value()))),
        }))
    }

    async fn describe(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<Option<Stack>, CloudError> {
        const CALL: Call = Call::DescribeStacks;
        self.pace.take(CALL, Some(region)).await;
        let request = self.client(region).describe_stacks().stack_name(name.as_str());
        match request.send().await.map_err(failure(CALL, Some(region))) {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            answer => Ok(answer?.stacks.unwrap_or_default().into_iter().next()),
        }
    }

    pub(super) async fn create_change_set(
        &self,
        spec: &StackSpec,
        from: TemplateFrom<'_>,
        kind: ChangeSetKind,
        change_set: &str,
    ) -> Result<(), CloudError> {
        const CALL: Call = Call::CreateChangeSet;
        let (body, url) = template(spec.template.body(), from, &self.home);
        self.pace.take(CALL, Some(&spec.region)).await;
        let answer = self
            .client(&spec.region)
            .create_change_set()
            .stack_name(spec.name.as_str())
            .change_set_name(change_set)
            .change_set_type(match kind {
                ChangeSetKind::Create => ChangeSetType::Create,
                ChangeSetKind::Update => ChangeSetType::Update,
            })
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(Some(parameters(&spec.parameters)))
            .set_tags(Some(tags(&spec.tags)))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .map_err(failure(CALL, Some(&spec.region)));
        match answer {
            // It was made before, and its answer was lost.
            Err(error) if error.kind == CloudErrorKind::AlreadyExists => Ok(()),
            answer => answer.map(drop),
        }
    }

    pub(super) async fn change_set_progress(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<ChangeSetProgress, CloudError> {
        let (status, _, reason) = self.change_set(region, stack, change_set).await?;
        Ok(change_set_progress(status.as_ref(), reason.as_deref()))
    }

    async fn change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(Option<ChangeSetStatus>, Option<ExecutionStatus>, Option<String>), CloudError>
    {
        self.pace.take(Call::DescribeChangeSet, Some(region)).await;
        let answer = self
            .client(region)
            .describe_change_set()
            .stack_name(stack.as_str())
            .change_set_name(change_set)
            .send()
            .await
            .map_err(failure(Call::DescribeChangeSet, Some(region)))?;
        Ok((answer.status, answer.execution_status, answer.status_reason))
    }

    pub(super) async fn execute_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError> {
        self.pace.take(Call::ExecuteChangeSet, Some(region)).await;
        let answer = self
            .client(region)
            .execute_change_set()
            .stack_name(stack.as_str())
            .change_set_name(change_set)
            .client_request_token(change_set)
            .send()
            .await
            .map_err(failure(Call::ExecuteChangeSet, Some(region)));
        match answer {
            Err(error) if error.code.as_deref().is_some_and(|c| c.starts_with(NOT_EXECUTABLE)) => {
                // It may be executing already, if an earlier answer was lost.
                match self.change_set(region, stack, change_set).await?.1 {
                    Some(ExecutionStatus::ExecuteInProgress | ExecutionStatus::ExecuteComplete) => {
                        Ok(())
                    }
                    _ => Err(error),
                }
            }
            answer => answer.map(drop),
        }
    }

    pub(super) async fn delete_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError> {
        self.pace.take(Call::DeleteChangeSet, Some(region)).await;
        let answer = self
            .client(region)
            .delete_change_set()
            .stack_name(stack.as_str())
            .change_set_name(change_set)
            .send()
            .await
            .map_err(failure(Call::DeleteChangeSet, Some(region)));
        unless_missing(answer.map(drop))
    }

    pub(super) async fn delete_stack(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<(), CloudError> {
        self.pace.take(Call::DeleteStack, Some(region)).await;
        let request = self.client(region).delete_stack().stack_name(name.as_str());
        let answer = request.send().await.map_err(failure(Call::DeleteStack, Some(region)));
        unless_missing(answer.map(drop))
    }

    pub(super) async fn progress(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<StackProgress, CloudError> {
        let Some(stack) = self.describe(region, name).await? else {
            return Ok(StackProgress::Gone);
        };
        let status = stack.stack_status().map_or("", |status| status.as_str());
        Ok(match status {
            "DELETE_COMPLETE" => StackProgress::Gone,
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => StackProgress::Done,
            _ if status.ends_with("_IN_PROGRESS") => StackProgress::Running,
            _ => {
                let reason = stack.stack_status_reason().unwrap_or("AWS gave no reason");
                let mut causes = match self.newest_change(region, name).await {
                    Ok(events) => causes(name, &events),
                    Err(error) => vec![format!("its events could not be read: {error}")],
                };
                if causes.is_empty() {
                    causes.push(format!("{status}: {reason}"));
                }
                StackProgress::Failed(causes)
            }
        })
    }

    /// The events of the newest change, the newest first.
    async fn newest_change(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<Vec<StackEvent>, CloudError> {
        let client = self.client(region);
        let mut events = Vec::new();
        let mut token = None;
        loop {
            self.pace.take(Call::DescribeStackEvents, Some(region)).await;
            let answer = client
                .describe_stack_events()
                .stack_name(name.as_str())
                .set_next_token(token)
                .send()
                .await
                .map_err(failure(Call::DescribeStackEvents, Some(region)))?;
            token = next(answer.next_token());
            for event in answer.stack_events.unwrap_or_default() {
                let begins = begins_a_change(name, &event);
                events.push(event);
                if begins {
                    return Ok(events);
                }
            }
            if token.is_none() {
                return Ok(events);
            }
        }
    }
}

/// The code of a change set that cannot be executed, with or without `Exception`.
const NOT_EXECUTABLE: &str = "InvalidChangeSetStatus";

fn unless_missing(answer: Result<(), CloudError>) -> Result<(), CloudError> {
    answer.or_else(|error| match error.kind {
        CloudErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

/// How a stack stands; none where it is gone.
fn stack_status(text: &str) -> Option<StackStatus> {
    Some(match text {
        "DELETE_COMPLETE" => return None,
        "REVIEW_IN_PROGRESS" => StackStatus::Proposed,
        "ROLLBACK_COMPLETE" | "CREATE_FAILED" | "ROLLBACK_FAILED" => StackStatus::NeverMade,
        "DELETE_FAILED" => StackStatus::DeleteFailed,
        _ if text.ends_with("_IN_PROGRESS") => StackStatus::InProgress,
        _ if text.ends_with("_COMPLETE") => StackStatus::Settled,
        _ => StackStatus::Stuck,
    })
}

fn change_set_progress(
    status: Option<&ChangeSetStatus>,
    reason: Option<&str>,
) -> ChangeSetProgress {
    const EMPTY: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];
    let reason = reason.unwrap_or("AWS gave no reason");
    match status {
        Some(ChangeSetStatus::CreateComplete) => ChangeSetProgress::Ready,
        Some(ChangeSetStatus::Failed) if EMPTY.iter().any(|empty| reason.contains(empty)) => {
            ChangeSetProgress::Empty
        }
        Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) => {
            ChangeSetProgress::Pending
        }
        Some(ChangeSetStatus::Failed) => ChangeSetProgress::Failed(reason.to_owned()),
        status => ChangeSetProgress::Failed(format!(
            "{}: {reason}",
            status.map_or("it has no status", |status| status.as_str())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stacks_status_says_what_can_be_done_with_it() {
        for (text, expected) in [
            ("CREATE_COMPLETE", Some(StackStatus::Settled)),
            ("UPDATE_COMPLETE", Some(StackStatus::Settled)),
            ("IMPORT_COMPLETE", Some(StackStatus::Settled)),
            ("UPDATE_ROLLBACK_COMPLETE", Some(StackStatus::Settled)),
            ("IMPORT_ROLLBACK_COMPLETE", Some(StackStatus::Settled)),
            ("CREATE_IN_PROGRESS", Some(StackStatus::InProgress)),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Some(StackStatus::InProgress)),
            ("REVIEW_IN_PROGRESS", Some(StackStatus::Proposed)),
            ("ROLLBACK_COMPLETE", Some(StackStatus::NeverMade)),
            ("CREATE_FAILED", Some(StackStatus::NeverMade)),
            ("ROLLBACK_FAILED", Some(StackStatus::NeverMade)),
            ("DELETE_FAILED", Some(StackStatus::DeleteFailed)),
            ("UPDATE_ROLLBACK_FAILED", Some(StackStatus::Stuck)),
            ("UPDATE_FAILED", Some(StackStatus::Stuck)),
            ("DELETE_COMPLETE", None),
        ] {
            assert_eq!(stack_status(text), expected, "{text}");
        }
    }

    #[test]
    fn a_change_set_without_changes_is_no_failure() {
        let of = |status: &str, reason| {
            change_set_progress(Some(&ChangeSetStatus::from(status)), Some(reason))
        };

        assert_eq!(
            of(
                "FAILED",
                "The submitted information didn't contain changes. Submit different information to create a change set."
            ),
            ChangeSetProgress::Empty
        );
        assert_eq!(of("FAILED", "No updates are to be performed."), ChangeSetProgress::Empty);
        assert_eq!(
            of("FAILED", "Bad template"),
            ChangeSetProgress::Failed("Bad template".to_owned())
        );
        assert_eq!(of("CREATE_IN_PROGRESS", ""), ChangeSetProgress::Pending);
        assert_eq!(of("CREATE_COMPLETE", ""), ChangeSetProgress::Ready);
    }
}
