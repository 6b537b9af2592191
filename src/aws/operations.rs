//! Stack sets: changing them, and following the operations that do it.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::{
    AccountFilterType, AutoDeployment, Capability, ConcurrencyMode, DeploymentTargets,
    ManagedExecution, Parameter, PermissionModels, RegionConcurrencyType,
    StackSetOperationPreferences, StackSetOperationStatusDetails,
};

use crate::{
    aws::{
        answer::{all_pages, name, next, unreadable},
        cloudformation::{parameters, tags, template},
        error::failure,
        stack_sets::{PAGE, StackSets, sdk},
    },
    cloud::{
        Call, CallTargets, CloudError, CloudErrorKind, InstanceResult, OperationProgress,
        OperationStatus, Page, ResultStatus, TemplateFrom,
    },
    ids::{CallAs, OperationId, Region, StackSetName},
    state::{Preferences, Reach, RegionPace, Retain, StackSetSpec, Switch},
};

impl StackSets {
    pub(super) async fn create(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        from: TemplateFrom<'_>,
        token: &str,
    ) -> Result<(), CloudError> {
        const CALL: Call = Call::CreateStackSet;
        let (body, url) = template(spec.template.body(), from, &self.home);
        self.pace.take(CALL, Some(&self.home)).await;
        self.client
            .create_stack_set()
            .stack_set_name(spec.name.as_str())
            .set_description(description(spec))
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(Some(parameters(&spec.parameters)))
            .set_tags(Some(tags(&spec.tags)))
            .capabilities(Capability::CapabilityNamedIam)
            .permission_model(PermissionModels::ServiceManaged)
            .auto_deployment(auto_deployment(spec.auto_deployment))
            .managed_execution(ManagedExecution::builder().active(true).build())
            .call_as(sdk(call_as))
            .client_request_token(token)
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        Ok(())
    }

    /// Names neither targets nor Regions, so that every instance is meant.
    pub(super) async fn update(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        from: TemplateFrom<'_>,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        let (body, url) = template(spec.template.body(), from, &self.home);
        self.pace.take(UPDATE, Some(&self.home)).await;
        self.client
            .update_stack_set()
            .stack_set_name(spec.name.as_str())
            .set_description(description(spec))
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(Some(parameters(&spec.parameters)))
            .set_tags(Some(tags(&spec.tags)))
            .capabilities(Capability::CapabilityNamedIam)
            .auto_deployment(auto_deployment(spec.auto_deployment))
            .operation_preferences(preferences(spec.preferences, &spec.regions))
            .operation_id(operation.as_str())
            .call_as(sdk(call_as))
            .send()
            .await
            .map_err(failure(UPDATE, Some(&self.home)))?;
        Ok(())
    }

    /// Each parameter must be sent as unchanged: one that is left out falls back to the template's
    /// default.
    pub(super) async fn turn_on_managed_execution(
        &self,
        call_as: CallAs,
        set: &StackSetName,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        let seen = self.describe(call_as, set).await?.ok_or_else(|| CloudError {
            call: UPDATE,
            region: Some(self.home.clone()),
            kind: CloudErrorKind::NotFound,
            code: None,
            message: format!("there is no stack set {set}"),
            request_id: None,
        })?;
        let unchanged = seen
            .parameters
            .keys()
            .map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
        self.pace.take(UPDATE, Some(&self.home)).await;
        self.client
            .update_stack_set()
            .stack_set_name(set.as_str())
            .use_previous_template(true)
            .set_parameters(Some(unchanged.collect()))
            .capabilities(Capability::CapabilityNamedIam)
            .managed_execution(ManagedExecution::builder().active(true).build())
            .operation_id(operation.as_str())
            .call_as(sdk(call_as))
            .send()
            .await
            .map_err(failure(UPDATE, Some(&self.home)))?;
        Ok(())
    }

    pub(super) async fn create_instances(
        &self,
        call_as: CallAs,
        set: &StackSetName,
        targets: CallTargets<'_>,
        pace: Preferences,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        const CALL: Call = Call::CreateStackInstances;
        self.pace.take(CALL, Some(&self.home)).await;
        self.client
            .create_stack_instances()
            .stack_set_name(set.as_str())
            .deployment_targets(deployment_targets(CALL, &targets)?)
            .set_regions(Some(strings(targets.regions)))
            .operation_preferences(preferences(pace, targets.regions))
            .operation_id(operation.as_str())
            .call_as(sdk(call_as))
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        Ok(())
    }

    pub(super) async fn delete_instances(
        &self,
        call_as: CallAs,
        set: &StackSetName,
        targets: CallTargets<'_>,
        retain: Retain,
        pace: Preferences,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        const CALL: Call = Call::DeleteStackInstances;
        self.pace.take(CALL, Some(&self.home)).await;
        self.client
            .delete_stack_instances()
            .stack_set_name(set.as_str())
            .deployment_targets(deployment_targets(CALL, &targets)?)
            .set_regions(Some(strings(targets.regions)))
            .retain_stacks(match retain {
                Retain::Keep => true,
                Retain::Delete => false,
            })
            .operation_preferences(preferences(pace, targets.regions))
            .operation_id(operation.as_str())
            .call_as(sdk(call_as))
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        Ok(())
    }

    pub(super) async fn delete(
        &self,
        call_as: CallAs,
        set: &StackSetName,
    ) -> Result<(), CloudError> {
        const CALL: Call = Call::DeleteStackSet;
        self.pace.take(CALL, Some(&self.home)).await;
        let request =
            self.client.delete_stack_set().stack_set_name(set.as_str()).call_as(sdk(call_as));
        match request.send().await.map_err(failure(CALL, Some(&self.home))) {
            Err(error) if error.kind != CloudErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn operation_progress(
        &self,
        call_as: CallAs,
        set: &StackSetName,
        operation: &OperationId,
    ) -> Result<OperationProgress, CloudError> {
        const CALL: Call = Call::DescribeStackSetOperation;
        self.pace.take(CALL, Some(&self.home)).await;
        let answer = self
            .client
            .describe_stack_set_operation()
            .stack_set_name(set.as_str())
            .operation_id(operation.as_str())
            .call_as(sdk(call_as))
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        let operation = answer
            .stack_set_operation()
            .ok_or_else(|| unreadable(CALL, "the answer has no StackSetOperation".to_owned()))?;
        let failed = operation
            .status_details()
            .and_then(StackSetOperationStatusDetails::failed_stack_instances_count);
        Ok(OperationProgress {
            status: operation_status(operation.status().map_or("", |status| status.as_str())),
            reason: told(operation.status_reason()),
            failed: failed.map_or(0, |failed| u32::try_from(failed).unwrap_or(0)),
        })
    }

    pub(super) async fn operation_results(
        &self,
        call_as: CallAs,
        set: &StackSetName,
        operation: &OperationId,
    ) -> Result<Vec<InstanceResult>, CloudError> {
        const CALL: Call = Call::ListStackSetOperationResults;
        let results = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(&self.home)).await;
            let answer = self
                .client
                .list_stack_set_operation_results()
                .stack_set_name(set.as_str())
                .operation_id(operation.as_str())
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
        results
            .iter()
            .map(|result| {
                Ok(InstanceResult {
                    account: name(CALL, "Account", result.account())?,
                    region: name(CALL, "Region", result.region())?,
                    status: result_status(result.status().map_or("", |status| status.as_str())),
                    reason: told(result.status_reason()),
                })
            })
            .collect()
    }
}

const UPDATE: Call = Call::UpdateStackSet;

fn told(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn strings<T: ToString>(names: &BTreeSet<T>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// An empty one is refused by CloudFormation.
fn description(spec: &StackSetSpec) -> Option<String> {
    told(Some(&spec.description))
}

/// Whether stacks are kept in an account that leaves may only be said where accounts are followed.
fn auto_deployment(switch: Switch) -> AutoDeployment {
    match switch {
        Switch::On => {
            AutoDeployment::builder().enabled(true).retain_stacks_on_account_removal(false).build()
        }
        Switch::Off => AutoDeployment::builder().enabled(false).build(),
    }
}

/// Accounts are only ever sent with `INTERSECTION`, and never none: without accounts the call might
/// be taken to mean the whole OU.
fn deployment_targets(
    call: Call,
    targets: &CallTargets<'_>,
) -> Result<DeploymentTargets, CloudError> {
    let refused = |message: &str| {
        Err(CloudError {
            call,
            region: None,
            kind: CloudErrorKind::Refused,
            code: None,
            message: message.to_owned(),
            request_id: None,
        })
    };
    if targets.ous.is_empty() || targets.regions.is_empty() {
        return refused("no OU or no Region is named, so nothing was sent");
    }
    let base = DeploymentTargets::builder().set_organizational_unit_ids(Some(strings(targets.ous)));
    match targets.reach {
        Reach::WholeOu => Ok(base.account_filter_type(AccountFilterType::None).build()),
        Reach::NamedAccounts if targets.accounts.is_empty() => {
            refused("no account is named, so nothing was sent")
        }
        Reach::NamedAccounts => Ok(base
            .account_filter_type(AccountFilterType::Intersection)
            .set_accounts(Some(strings(targets.accounts)))
            .build()),
    }
}

fn preferences(pace: Preferences, regions: &BTreeSet<Region>) -> StackSetOperationPreferences {
    let base = StackSetOperationPreferences::builder()
        .max_concurrent_percentage(i32::from(pace.concurrency_percent))
        .failure_tolerance_percentage(i32::from(pace.tolerance_percent))
        .concurrency_mode(ConcurrencyMode::SoftFailureTolerance);
    match pace.regions {
        RegionPace::Parallel => base.region_concurrency_type(RegionConcurrencyType::Parallel),
        RegionPace::Sequential => base
            .region_concurrency_type(RegionConcurrencyType::Sequential)
            .set_region_order(Some(strings(regions))),
    }
    .build()
}

/// A status that is not known yet has not ended.
fn operation_status(text: &str) -> OperationStatus {
    match text {
        "QUEUED" => OperationStatus::Queued,
        "SUCCEEDED" => OperationStatus::Succeeded,
        "FAILED" => OperationStatus::Failed,
        "STOPPED" => OperationStatus::Stopped,
        _ => OperationStatus::Running,
    }
}

fn result_status(text: &str) -> ResultStatus {
    match text {
        "SUCCEEDED" => ResultStatus::Succeeded,
        "FAILED" => ResultStatus::Failed,
        "CANCELLED" => ResultStatus::Cancelled,
        _ => ResultStatus::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_ended_only_when_aws_says_so() {
        assert_eq!(operation_status("QUEUED"), OperationStatus::Queued);
        assert_eq!(operation_status("RUNNING"), OperationStatus::Running);
        assert_eq!(operation_status("STOPPING"), OperationStatus::Running);
        assert_eq!(operation_status("SOMETHING_NEW"), OperationStatus::Running);
        assert_eq!(operation_status("STOPPED"), OperationStatus::Stopped);
        assert_eq!(operation_status("SUCCEEDED"), OperationStatus::Succeeded);
        assert_eq!(operation_status("FAILED"), OperationStatus::Failed);
    }

    #[test]
    fn accounts_are_sent_with_an_intersection_only_and_never_none() {
        let ous = ["ou-ab12-cdef3456".parse().unwrap()].into();
        let accounts = ["111122223333".parse().unwrap()].into();
        let regions = ["eu-west-1".parse().unwrap()].into();
        let none = BTreeSet::new();
        let sent = |reach, accounts| {
            deployment_targets(
                Call::UpdateStackSet,
                &CallTargets { ous: &ous, reach, accounts, regions: &regions },
            )
        };

        let whole = sent(Reach::WholeOu, &accounts).unwrap();
        let named = sent(Reach::NamedAccounts, &accounts).unwrap();

        assert_eq!(whole.account_filter_type(), Some(&AccountFilterType::None));
        assert!(whole.accounts().is_empty());
        assert_eq!(named.account_filter_type(), Some(&AccountFilterType::Intersection));
        assert_eq!(named.accounts(), ["111122223333"]);
        assert!(sent(Reach::NamedAccounts, &none).is_err());
    }

    #[test]
    fn an_order_of_regions_is_sent_only_where_they_go_one_by_one() {
        let regions = ["eu-west-1".parse().unwrap(), "eu-central-1".parse().unwrap()].into();
        let of = |regions_pace| {
            let pace = Preferences {
                concurrency_percent: 25,
                tolerance_percent: 10,
                regions: regions_pace,
            };
            preferences(pace, &regions)
        };

        assert_eq!(of(RegionPace::Sequential).region_order(), ["eu-central-1", "eu-west-1"]);
        assert!(of(RegionPace::Parallel).region_order().is_empty());
    }
}
