//! [`CloudWrite`] in terms of the services.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    aws::Aws,
    cloud::{
        CallTargets, ChangeSetKind, ChangeSetProgress, CloudError, CloudWrite, InstanceResult,
        OperationProgress, Precondition, StackProgress, TemplateFrom,
    },
    ids::{BaselineId, BucketName, CallAs, OperationId, Region, StackName, StackSetName},
    state::{BaselineSpec, Preferences, Retain, StackSetSpec, StackSpec},
};

impl CloudWrite for Aws {
    async fn create_stack_set(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        template: TemplateFrom<'_>,
        token: &str,
    ) -> Result<(), CloudError> {
        self.stack_sets.create(call_as, spec, template, token).await
    }

    async fn update_stack_set(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        template: TemplateFrom<'_>,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        self.stack_sets.update(call_as, spec, template, operation).await
    }

    async fn turn_on_managed_execution(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        self.stack_sets.turn_on_managed_execution(call_as, name, operation).await
    }

    async fn create_instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        targets: CallTargets<'_>,
        preferences: Preferences,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        self.stack_sets.create_instances(call_as, name, targets, preferences, operation).await
    }

    async fn delete_instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        targets: CallTargets<'_>,
        retain: Retain,
        preferences: Preferences,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        self.stack_sets
            .delete_instances(call_as, name, targets, retain, preferences, operation)
            .await
    }

    async fn delete_stack_set(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<(), CloudError> {
        self.stack_sets.delete(call_as, name).await
    }

    async fn operation_progress(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<OperationProgress, CloudError> {
        self.stack_sets.operation_progress(call_as, name, operation).await
    }

    async fn operation_results(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<Vec<InstanceResult>, CloudError> {
        self.stack_sets.operation_results(call_as, name, operation).await
    }

    async fn create_change_set(
        &self,
        spec: &StackSpec,
        template: TemplateFrom<'_>,
        kind: ChangeSetKind,
        change_set: &str,
    ) -> Result<(), CloudError> {
        self.stacks.create_change_set(spec, template, kind, change_set).await
    }

    async fn change_set_progress(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<ChangeSetProgress, CloudError> {
        self.stacks.change_set_progress(region, stack, change_set).await
    }

    async fn execute_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError> {
        self.stacks.execute_change_set(region, stack, change_set).await
    }

    async fn delete_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError> {
        self.stacks.delete_change_set(region, stack, change_set).await
    }

    async fn delete_stack(&self, region: &Region, name: &StackName) -> Result<(), CloudError> {
        self.stacks.delete_stack(region, name).await
    }

    async fn stack_progress(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<StackProgress, CloudError> {
        self.stacks.progress(region, name).await
    }

    async fn create_baseline(&self, spec: &BaselineSpec, token: &str) -> Result<(), CloudError> {
        self.baselines.create(spec, token).await
    }

    async fn update_baseline(
        &self,
        id: &BaselineId,
        spec: &BaselineSpec,
        untag: &BTreeSet<String>,
    ) -> Result<(), CloudError> {
        self.baselines.update(id, spec, untag).await
    }

    async fn delete_baseline(&self, id: &BaselineId) -> Result<(), CloudError> {
        self.baselines.delete(id).await
    }

    async fn put_object(
        &self,
        bucket: &BucketName,
        key: &str,
        body: &[u8],
        precondition: Option<&Precondition>,
    ) -> Result<String, CloudError> {
        self.objects.put(bucket, key, body, precondition).await
    }

    async fn empty_bucket(&self, bucket: &BucketName) -> Result<(), CloudError> {
        self.objects.empty(bucket).await
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
