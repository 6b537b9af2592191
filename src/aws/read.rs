//! [`CloudRead`] in terms of the services.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    aws::Aws,
    cloud::{
        Caller, CloudError, CloudRead, ListedAccount, ListedUnit, Object, OrganizationFacts, Page,
        StackSetDescription, TrustedAccess,
    },
    ids::{
        AccountId, BaselineId, BaselineName, BucketName, CallAs, OperatingSystem, OuId, Region,
        RoleName, StackName, StackSetName,
    },
    state::{
        BaselineSeen, ForeignPatching, InstanceSeen, OperationSeen, OwnBaselines, PatchProperty,
        RegionStatus, StackSeen,
    },
};

impl CloudRead for Aws {
    fn home_region(&self) -> &Region {
        &self.home_region
    }

    async fn caller(&self) -> Result<Caller, CloudError> {
        self.account.caller().await
    }

    async fn describe_organization(&self) -> Result<OrganizationFacts, CloudError> {
        self.organizations.describe().await
    }

    async fn trusted_access(&self, call_as: CallAs) -> Result<TrustedAccess, CloudError> {
        self.stack_sets.trusted_access(call_as).await
    }

    async fn accounts(&self, page: Option<String>) -> Result<Page<ListedAccount>, CloudError> {
        self.organizations.accounts(page).await
    }

    async fn roots(&self) -> Result<Vec<ListedUnit>, CloudError> {
        self.organizations.roots().await
    }

    async fn units_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedUnit>, CloudError> {
        self.organizations.units_of(parent, page).await
    }

    async fn accounts_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedAccount>, CloudError> {
        self.organizations.accounts_of(parent, page).await
    }

    async fn regions(&self) -> Result<BTreeMap<Region, RegionStatus>, CloudError> {
        self.account.regions().await
    }

    async fn stack_set_names(&self, call_as: CallAs) -> Result<Vec<StackSetName>, CloudError> {
        self.stack_sets.names(call_as).await
    }

    async fn stack_set(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<Option<StackSetDescription>, CloudError> {
        self.stack_sets.describe(call_as, name).await
    }

    async fn instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<BTreeMap<(AccountId, Region), InstanceSeen>, CloudError> {
        self.stack_sets.instances(call_as, name).await
    }

    async fn auto_deployment_targets(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<BTreeMap<OuId, BTreeSet<Region>>, CloudError> {
        self.stack_sets.auto_deployment_targets(call_as, name).await
    }

    async fn running_operations(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<Vec<OperationSeen>, CloudError> {
        self.stack_sets.running_operations(call_as, name).await
    }

    async fn stack_names(
        &self,
        region: &Region,
        prefix: &str,
    ) -> Result<Vec<StackName>, CloudError> {
        self.stacks.names(region, prefix).await
    }

    async fn stack(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<Option<StackSeen>, CloudError> {
        self.stacks.stack(region, name).await
    }

    async fn check_template(&self, body: &str) -> Result<(), CloudError> {
        self.stacks.check_template(body).await
    }

    async fn aws_baselines(&self) -> Result<BTreeMap<OperatingSystem, BaselineId>, CloudError> {
        self.baselines.of_aws().await
    }

    async fn own_baselines(&self) -> Result<Vec<BaselineId>, CloudError> {
        self.baselines.own().await
    }

    async fn baselines_named(&self, name: &BaselineName) -> Result<Vec<BaselineId>, CloudError> {
        self.baselines.named(name).await
    }

    async fn own_baselines_named(&self, prefix: &str) -> Result<OwnBaselines, CloudError> {
        self.baselines.own_named(prefix).await
    }

    async fn patch_properties(
        &self,
        system: OperatingSystem,
        property: PatchProperty,
    ) -> Result<BTreeSet<String>, CloudError> {
        self.baselines.properties(system, property).await
    }

    async fn baseline(&self, id: &BaselineId) -> Result<Option<BaselineSeen>, CloudError> {
        self.baselines.get(id).await
    }

    async fn object(&self, bucket: &BucketName, key: &str) -> Result<Option<Object>, CloudError> {
        self.objects.get(bucket, key).await
    }

    async fn keys(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Option<Vec<String>>, CloudError> {
        self.objects.keys(bucket, prefix).await
    }

    async fn patching_in(
        &self,
        account: &AccountId,
        region: &Region,
        role: &RoleName,
    ) -> Result<Vec<ForeignPatching>, CloudError> {
        self.members.patching_in(&self.account, (account, region), role).await
    }
}
