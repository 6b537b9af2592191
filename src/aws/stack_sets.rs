//! Stack sets: looking at them. `operations` changes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    types::{
        AutoDeployment, ManagedExecution, OrganizationStatus, StackInstanceDetailedStatus,
        StackInstanceStatus, StackInstanceSummary, StackSetOperationStatus, StackSetStatus,
    },
};

use crate::{
    aws::{
        answer::{all_pages, name, next, pairs, required, unreadable},
        cloudformation,
        error::failure,
        pace::Pace,
    },
    cloud::{
        Call, CloudError, CloudErrorKind, OperationStatus, Page, StackSetDescription, TrustedAccess,
    },
    ids::{AccountId, CallAs, OuId, Region, StackSetName},
    state::{InstanceSeen, InstanceStatus, OperationSeen, Switch},
};

/// The most that CloudFormation puts on one page.
pub(super) const PAGE: i32 = 100;

/// The stack sets of the home Region.
#[derive(Debug)]
pub(super) struct StackSets {
    pub(super) client: Client,
    pub(super) home: Region,
    pub(super) pace: Arc<Pace>,
}

impl StackSets {
    pub(super) fn new(config: &SdkConfig, home: Region, pace: Arc<Pace>) -> Self {
        Self { client: cloudformation::client(config), home, pace }
    }

    /// A member account that is no delegated administrator gets the same `DISABLED` as one that is,
    /// so it must be found out first, by the cheapest call that only a delegated administrator may make.
    pub(super) async fn trusted_access(
        &self,
        call_as: CallAs,
    ) -> Result<TrustedAccess, CloudError> {
        const LIST: Call = Call::ListStackSets;
        const DESCRIBE: Call = Call::DescribeOrganizationsAccess;
        if call_as == CallAs::DelegatedAdministrator {
            self.pace.take(LIST, Some(&self.home)).await;
            let request = self.client.list_stack_sets().call_as(sdk(call_as)).max_results(1);
            match request.send().await.map_err(failure(LIST, Some(&self.home))) {
                Ok(_) => {}
                Err(error) if is_not_delegated(&error) => return Ok(TrustedAccess::NotDelegated),
                Err(error) => return Err(error),
            }
        }
        self.pace.take(DESCRIBE, Some(&self.home)).await;
        let request = self.client.describe_organizations_access().call_as(sdk(call_as));
        let answer = request.send().await.map_err(failure(DESCRIBE, Some(&self.home)))?;
        Ok(match answer.status() {
            Some(OrganizationStatus::Enabled) => TrustedAccess::Enabled,
            _ => TrustedAccess::Disabled,
        })
    }

    pub(super) async fn names(&self, call_as: CallAs) -> Result<Vec<StackSetName>, CloudError> {
        const CALL: Call = Call::ListStackSets;
        let sets = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(&self.home)).await;
            let answer = self
                .client
                .list_stack_sets()
                .status(StackSetStatus::Active)
                .call_as(sdk(call_as))
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(failure(CALL, Some(&self.home)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.summaries.unwrap_or_default(), next })
        })
        .await?;
        sets.iter().map(|set| name(CALL, "StackSetName", set.stack_set_name())).collect()
    }

    pub(super) async fn describe(
        &self,
        call_as: CallAs,
        set: &StackSetName,
    ) -> Result<Option<StackSetDescription>, CloudError> {
        const CALL: Call = Call::DescribeStackSet;
        self.pace.take(CALL, Some(&self.home)).await;
        let request =
            self.client.describe_stack_set().stack_set_name(set.as_str()).call_as(sdk(call_as));
        let answer = match request.send().await.map_err(failure(CALL, Some(&self.home))) {
            Err(error) if error.kind == CloudErrorKind::NotFound => return Ok(None),
            answer => answer?,
        };
        let set = answer
            .stack_set()
            .ok_or_else(|| unreadable(CALL, "the answer has no StackSet".to_owned()))?;
        if set.status() == Some(&StackSetStatus::Deleted) {
            return Ok(None);
        }
        Ok(Some(StackSetDescription {
            template: required(CALL, "TemplateBody", set.template_body())?,
            parameters: pairs(
                set.parameters().iter().map(|p| (p.parameter_key(), p.parameter_value())),
            ),
            tags: pairs(set.tags().iter().map(|tag| (tag.key(), tag.value()))),
            auto_deployment: switch(set.auto_deployment().and_then(AutoDeployment::enabled)),
            managed_execution: switch(set.managed_execution().and_then(ManagedExecution::active)),
        }))
    }

    pub(super) async fn instances(
        &self,
        call_as: CallAs,
        set: &StackSetName,
    ) -> Result<BTreeMap<(AccountId, Region), InstanceSeen>, CloudError> {
        const CALL: Call = Call::ListStackInstances;
        let instances = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(&self.home)).await;
            let answer = self
                .client
                .list_stack_instances()
                .stack_set_name(set.as_str())
                .call_as(sdk(call_as))
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(failure(CALL, Some(&self.home)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.summaries.unwrap_or_default(), next })
        })
        .await?;
        instances.iter().map(|instance| instance_seen(CALL, instance)).collect()
    }

    pub(super) async fn auto_deployment_targets(
        &self,
        call_as: CallAs,
        set: &StackSetName,
    ) -> Result<BTreeMap<OuId, BTreeSet<Region>>, CloudError> {
        const CALL: Call = Call::ListStackSetAutoDeploymentTargets;
        let targets = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(&self.home)).await;
            let answer = self
                .client
                .list_stack_set_auto_deployment_targets()
                .stack_set_name(set.as_str())
                .call_as(sdk(call_as))
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(failure(CALL, Some(&self.home)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.summaries.unwrap_or_default(), next })
        })
        .await?;
        let mut found: BTreeMap<OuId, BTreeSet<Region>> = BTreeMap::new();
        for target in &targets {
            let regions = found
                .entry(name(CALL, "OrganizationalUnitId", target.organizational_unit_id())?)
                .or_default();
            for region in target.regions() {
                regions.insert(name(CALL, "Regions", Some(region))?);
            }
        }
        Ok(found)
    }

    /// Of the newest hundred, which are the first page: more do not run or wait at a time.
    pub(super) async fn running_operations(
        &self,
        call_as: CallAs,
        set: &StackSetName,
    ) -> Result<Vec<OperationSeen>, CloudError> {
        const CALL: Call = Call::ListStackSetOperations;
        self.pace.take(CALL, Some(&self.home)).await;
        let answer = self
            .client
            .list_stack_set_operations()
            .stack_set_name(set.as_str())
            .call_as(sdk(call_as))
            .max_results(PAGE)
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        let mut listed: Vec<_> = answer.summaries().iter().collect();
        listed.sort_by_key(|operation| operation.creation_timestamp().copied());
        let mut running = Vec::new();
        for operation in listed {
            if !operation.status().is_some_and(is_running) {
                continue;
            }
            let id = name(CALL, "OperationId", operation.operation_id())?;
            // The listing may be late; this one is not.
            let progress = self.operation_progress(call_as, set, &id).await?;
            if matches!(progress.status, OperationStatus::Queued | OperationStatus::Running) {
                let action = operation.action().map(|action| action.as_str().to_owned());
                running.push(OperationSeen { id, action: action.unwrap_or_default() });
            }
        }
        Ok(running)
    }
}

pub(super) fn sdk(call_as: CallAs) -> aws_sdk_cloudformation::types::CallAs {
    match call_as {
        CallAs::ManagementAccount => aws_sdk_cloudformation::types::CallAs::SelfValue,
        CallAs::DelegatedAdministrator => aws_sdk_cloudformation::types::CallAs::DelegatedAdmin,
    }
}

fn switch(on: Option<bool>) -> Switch {
    if on == Some(true) { Switch::On } else { Switch::Off }
}

fn is_running(status: &StackSetOperationStatus) -> bool {
    matches!(status.as_str(), "RUNNING" | "STOPPING" | "QUEUED")
}

/// Whether a call was refused since the account is no delegated administrator, which has no code.
fn is_not_delegated(error: &CloudError) -> bool {
    matches!(error.kind, CloudErrorKind::Refused | CloudErrorKind::Denied)
        && [
            "not registered as a delegated administrator",
            "not a delegated administrator",
            "must be the management account or delegated admin",
        ]
        .iter()
        .any(|text| error.message.contains(text))
}

fn instance_seen(
    call: Call,
    instance: &StackInstanceSummary,
) -> Result<((AccountId, Region), InstanceSeen), CloudError> {
    let detailed = instance.stack_instance_status().and_then(|status| status.detailed_status());
    let ou = instance.organizational_unit_id().filter(|ou| !ou.is_empty());
    let seen = InstanceSeen {
        ou: ou.map(|ou| name(call, "OrganizationalUnitId", Some(ou))).transpose()?,
        status: instance_status(
            instance.status().map(StackInstanceStatus::as_str),
            detailed.map(StackInstanceDetailedStatus::as_str),
        ),
        reason: instance.status_reason().filter(|text| !text.is_empty()).map(str::to_owned),
        has_stack: instance.stack_id().is_some_and(|id| !id.is_empty()),
    };
    let account = name(call, "Account", instance.account())?;
    Ok(((account, name(call, "Region", instance.region())?), seen))
}

fn instance_status(status: Option<&str>, detailed: Option<&str>) -> InstanceStatus {
    match (status, detailed) {
        (_, Some("SKIPPED_SUSPENDED_ACCOUNT")) => InstanceStatus::SkippedSuspended,
        (Some("INOPERABLE"), _) | (_, Some("INOPERABLE" | "FAILED_IMPORT")) => {
            InstanceStatus::Inoperable
        }
        (Some("CURRENT"), _) => InstanceStatus::Current,
        _ => InstanceStatus::Outdated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_current_only_when_nothing_says_otherwise() {
        for (status, detailed, expected) in [
            (Some("CURRENT"), Some("SUCCEEDED"), InstanceStatus::Current),
            (Some("CURRENT"), None, InstanceStatus::Current),
            (Some("CURRENT"), Some("SKIPPED_SUSPENDED_ACCOUNT"), InstanceStatus::SkippedSuspended),
            (Some("OUTDATED"), Some("FAILED"), InstanceStatus::Outdated),
            (Some("OUTDATED"), Some("RUNNING"), InstanceStatus::Outdated),
            (Some("INOPERABLE"), Some("INOPERABLE"), InstanceStatus::Inoperable),
            (Some("OUTDATED"), Some("FAILED_IMPORT"), InstanceStatus::Inoperable),
            (Some("SOMETHING_NEW"), None, InstanceStatus::Outdated),
            (None, None, InstanceStatus::Outdated),
        ] {
            assert_eq!(instance_status(status, detailed), expected, "{status:?} {detailed:?}");
        }
    }

    #[test]
    fn only_awss_own_words_make_an_account_no_delegated_administrator() {
        let error = |kind, message: &str| CloudError {
            call: Call::ListStackSets,
            region: None,
            kind,
            code: None,
            message: message.to_owned(),
            request_id: None,
        };

        assert!(is_not_delegated(&error(
            CloudErrorKind::Refused,
            "Account used is not a delegated administrator"
        )));
        assert!(is_not_delegated(&error(
            CloudErrorKind::Refused,
            "Account 1 is not registered as a delegated administrator for member.org.stacksets"
        )));
        assert!(!is_not_delegated(&error(
            CloudErrorKind::Denied,
            "User: arn:aws:iam::1:role/delegated-admin is not authorized to perform: cloudformation:ListStackSets"
        )));
        assert!(!is_not_delegated(&error(
            CloudErrorKind::Unreachable,
            "not a delegated administrator"
        )));
    }

    #[test]
    fn queued_and_stopping_operations_still_run() {
        let running = |text: &str| is_running(&StackSetOperationStatus::from(text));

        assert!(running("RUNNING") && running("STOPPING") && running("QUEUED"));
        assert!(!running("SUCCEEDED") && !running("FAILED") && !running("STOPPED"));
    }
}
