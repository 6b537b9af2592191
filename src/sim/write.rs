//! The port for changing.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cloud::{
        Call, CallTargets, ChangeSetKind, ChangeSetProgress, CloudError, CloudWrite,
        InstanceResult, OperationProgress, Precondition, StackProgress, TemplateFrom,
    },
    ids::{BaselineId, BucketName, CallAs, OperationId, Region, StackName, StackSetName},
    sim::{read::STACK_SETS_PAGE, simulated::SimulatedAws},
    state::{BaselineSpec, Preferences, Retain, StackSetSpec, StackSpec},
};

impl CloudWrite for SimulatedAws {
    async fn create_stack_set(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        template: TemplateFrom<'_>,
        token: &str,
    ) -> Result<(), CloudError> {
        let call = Call::CreateStackSet;
        self.change(call, |world| {
            world.check_caller(call, call_as)?;
            let template = world.template(call, &spec.template, template)?;
            world.create_stack_set(call, spec, template, token)
        })
        .await
    }

    async fn update_stack_set(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        template: TemplateFrom<'_>,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        let call = Call::UpdateStackSet;
        self.change(call, |world| {
            world.check_caller(call, call_as)?;
            let template = world.template(call, &spec.template, template)?;
            world.update_stack_set(call, spec, template, operation)
        })
        .await
    }

    async fn turn_on_managed_execution(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        let call = Call::UpdateStackSet;
        self.change(call, |world| {
            world.check_caller(call, call_as)?;
            world.turn_on_managed_execution(call, name, operation)
        })
        .await
    }

    async fn create_instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        targets: CallTargets<'_>,
        preferences: Preferences,
        operation: &OperationId,
    ) -> Result<(), CloudError> {
        let call = Call::CreateStackInstances;
        self.change(call, |world| {
            world.check_caller(call, call_as)?;
            world.create_instances(call, name, targets, preferences, operation)
        })
        .await
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
        let call = Call::DeleteStackInstances;
        self.change(call, |world| {
            world.check_caller(call, call_as)?;
            world.delete_instances(call, name, targets, retain, preferences, operation)
        })
        .await
    }

    async fn delete_stack_set(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<(), CloudError> {
        let call = Call::DeleteStackSet;
        self.change(call, |world| {
            world.check_caller(call, call_as)?;
            world.delete_stack_set(call, name)
        })
        .await
    }

    async fn operation_progress(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<OperationProgress, CloudError> {
        let call = Call::DescribeStackSetOperation;
        self.look(call, |world| {
            world.check_caller(call, call_as)?;
            Ok(world.operation(call, name, operation)?.progress())
        })
        .await
    }

    async fn operation_results(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<Vec<InstanceResult>, CloudError> {
        let call = Call::ListStackSetOperationResults;
        let results = self
            .look(call, |world| {
                world.check_caller(call, call_as)?;
                let at = world.now.saturating_sub(world.lag);
                Ok(world.operation(call, name, operation)?.results(at))
            })
            .await?;
        self.further_pages(call, results.len().saturating_sub(1) / STACK_SETS_PAGE).await?;
        Ok(results)
    }

    async fn create_change_set(
        &self,
        spec: &StackSpec,
        template: TemplateFrom<'_>,
        kind: ChangeSetKind,
        change_set: &str,
    ) -> Result<(), CloudError> {
        let call = Call::CreateChangeSet;
        self.change_in(&spec.region, call, |world| {
            let template = world.template(call, &spec.template, template)?;
            world.create_change_set(call, spec, template, kind, change_set)
        })
        .await
    }

    async fn change_set_progress(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<ChangeSetProgress, CloudError> {
        let call = Call::DescribeChangeSet;
        self.look_in(region, call, |world| {
            world.change_set_progress(call, region, stack, change_set)
        })
        .await
    }

    async fn execute_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError> {
        let call = Call::ExecuteChangeSet;
        self.change_in(region, call, |world| {
            world.execute_change_set(call, region, stack, change_set)
        })
        .await
    }

    async fn delete_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError> {
        self.change_in(region, Call::DeleteChangeSet, |world| {
            world.delete_change_set(region, stack, change_set);
            Ok(())
        })
        .await
    }

    async fn delete_stack(&self, region: &Region, name: &StackName) -> Result<(), CloudError> {
        let call = Call::DeleteStack;
        self.change_in(region, call, |world| world.delete_stack(call, region, name)).await
    }

    async fn stack_progress(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<StackProgress, CloudError> {
        let call = Call::DescribeStacks;
        self.look_in(region, call, |world| Ok(world.stack_progress(region, name))).await
    }

    async fn create_baseline(&self, spec: &BaselineSpec, token: &str) -> Result<(), CloudError> {
        let call = Call::CreatePatchBaseline;
        self.change(call, |world| world.create_baseline(call, spec, token)).await
    }

    async fn update_baseline(
        &self,
        id: &BaselineId,
        spec: &BaselineSpec,
        untag: &BTreeSet<String>,
    ) -> Result<(), CloudError> {
        let call = Call::UpdatePatchBaseline;
        self.change(call, |world| world.update_baseline(call, id, spec, untag)).await
    }

    async fn delete_baseline(&self, id: &BaselineId) -> Result<(), CloudError> {
        self.change(Call::DeletePatchBaseline, |world| {
            world.delete_baseline(id);
            Ok(())
        })
        .await
    }

    async fn put_object(
        &self,
        bucket: &BucketName,
        key: &str,
        body: &[u8],
        precondition: Option<&Precondition>,
    ) -> Result<String, CloudError> {
        let call = Call::PutObject;
        self.change(call, |world| world.put_object(call, bucket, key, body, precondition)).await
    }

    async fn empty_bucket(&self, bucket: &BucketName) -> Result<(), CloudError> {
        self.change(Call::DeleteObjects, |world| {
            world.empty_bucket(bucket);
            Ok(())
        })
        .await
    }

    async fn pause(&self, time: Duration) {
        self.clock.pause(time).await;
    }
}
