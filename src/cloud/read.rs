//! Looking.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::CloudError,
    ids::{
        AccountId, BaselineId, BaselineName, BucketName, CallAs, OperatingSystem, OrganizationId,
        OuId, Region, RoleName, StackName, StackSetName,
    },
    state::{
        AccountState, BaselineSeen, ForeignPatching, InstanceSeen, OperationSeen, OwnBaselines,
        PatchProperty, RegionStatus, StackSeen, Switch,
    },
};

/// Who the credentials belong to (`sts:GetCallerIdentity`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// The user or role.
    pub arn: String,
}

/// What `organizations:DescribeOrganization` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationFacts {
    /// The organization's ID.
    pub id: OrganizationId,
    /// Its management account.
    pub management_account: AccountId,
    /// Whether all features are on, which StackSets need (`FeatureSet` is `ALL`).
    pub features: FeatureSet,
}

/// `FeatureSet` of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureSet {
    /// `ALL`.
    All,
    /// `CONSOLIDATED_BILLING`, or anything else.
    Limited,
}

/// Whether StackSets may act in the organization's accounts (`cloudformation:DescribeOrganizationsAccess`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedAccess {
    /// They may.
    Enabled,
    /// They may not; the management account can activate it.
    Disabled,
    /// The account that asked is not a delegated administrator.
    NotDelegated,
}

/// An account in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAccount {
    /// Its digits.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// `State`, else `Status`, else [`AccountState::Other`] with nothing in it.
    pub state: AccountState,
    /// The root and the OUs above it, from the top, where `Paths` was answered (since 2026-03-31).
    pub chain: Option<Vec<OuId>>,
}

/// An OU in a listing, or the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUnit {
    /// Its ID.
    pub id: OuId,
    /// Its name.
    pub name: String,
}

/// One page of a listing. A page may be empty and yet not be the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; none after the last.
    pub next: Option<String>,
}

/// A stack set as `cloudformation:DescribeStackSet` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSetDescription {
    /// The template's text.
    pub template: String,
    /// The parameters.
    pub parameters: BTreeMap<String, String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// Whether accounts that join get a stack by themselves.
    pub auto_deployment: Switch,
    /// Whether operations that do not conflict may run together.
    pub managed_execution: Switch,
}

/// An object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub body: Vec<u8>,
    /// What identifies this version of it.
    pub etag: String,
    /// The KMS key that it is encrypted with (`SSEKMSKeyId`); none where that is S3's own.
    pub key: Option<String>,
}

/// The authority to look, and nothing else.
///
/// A `None` means that AWS said that the thing does not exist. Everything that could not be read is
/// an error, never `None`. Nothing here changes anything.
#[expect(async_fn_in_trait, reason = "futures stay in one task, so none needs to be `Send`")]
pub trait CloudRead {
    /// The Region that the stack sets, baselines and bucket are looked for in. No call.
    fn home_region(&self) -> &Region;

    /// Who the credentials belong to.
    async fn caller(&self) -> Result<Caller, CloudError>;

    /// The organization that the account is in; [`NoOrganization`](crate::cloud::CloudErrorKind) otherwise.
    async fn describe_organization(&self) -> Result<OrganizationFacts, CloudError>;

    /// Whether StackSets may act in the organization, asked as the given kind of account.
    async fn trusted_access(&self, call_as: CallAs) -> Result<TrustedAccess, CloudError>;

    /// One page of all accounts of the organization; pages have at most 20.
    async fn accounts(&self, page: Option<String>) -> Result<Page<ListedAccount>, CloudError>;

    /// The roots; there is one.
    async fn roots(&self) -> Result<Vec<ListedUnit>, CloudError>;

    /// One page of the OUs directly below one, or below the root.
    async fn units_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedUnit>, CloudError>;

    /// One page of the accounts directly in an OU, or in the root.
    async fn accounts_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedAccount>, CloudError>;

    /// The Regions that exist for this account, and whether each is enabled.
    async fn regions(&self) -> Result<BTreeMap<Region, RegionStatus>, CloudError>;

    /// The names of the active stack sets in the home Region.
    async fn stack_set_names(&self, call_as: CallAs) -> Result<Vec<StackSetName>, CloudError>;

    /// One stack set. Strongly consistent.
    async fn stack_set(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<Option<StackSetDescription>, CloudError>;

    /// The instances of a stack set. Eventually consistent.
    async fn instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<BTreeMap<(AccountId, Region), InstanceSeen>, CloudError>;

    /// The OUs that auto-deployment follows, with their Regions.
    async fn auto_deployment_targets(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<BTreeMap<OuId, BTreeSet<Region>>, CloudError>;

    /// The operations of a stack set that run or wait, the oldest first. The listing is eventually
    /// consistent, so each that seems to run is asked for by itself.
    async fn running_operations(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<Vec<OperationSeen>, CloudError>;

    /// The names of the owner account's stacks in a Region that begin so, but for deleted ones.
    async fn stack_names(
        &self,
        region: &Region,
        prefix: &str,
    ) -> Result<Vec<StackName>, CloudError>;

    /// A stack in the owner account, with its template.
    async fn stack(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<Option<StackSeen>, CloudError>;

    /// Has CloudFormation look at a template's form; [`Refused`](crate::cloud::CloudErrorKind) where it
    /// would not take it. For texts that fit into a request.
    async fn check_template(&self, body: &str) -> Result<(), CloudError>;

    /// AWS's own baselines in the home Region: the default of each operating system.
    async fn aws_baselines(&self) -> Result<BTreeMap<OperatingSystem, BaselineId>, CloudError>;

    /// The IDs of the account's own baselines in the home Region.
    async fn own_baselines(&self) -> Result<Vec<BaselineId>, CloudError>;

    /// The baselines in the home Region that have this name, AWS's own among them.
    async fn baselines_named(&self, name: &BaselineName) -> Result<Vec<BaselineId>, CloudError>;

    /// How many baselines of its own the account has in the home Region, and those whose names begin so,
    /// with their tags.
    async fn own_baselines_named(&self, prefix: &str) -> Result<OwnBaselines, CloudError>;

    /// The values of a property that patches for an operating system have.
    async fn patch_properties(
        &self,
        system: OperatingSystem,
        property: PatchProperty,
    ) -> Result<BTreeSet<String>, CloudError>;

    /// What a baseline in the home Region says.
    async fn baseline(&self, id: &BaselineId) -> Result<Option<BaselineSeen>, CloudError>;

    /// An object in a bucket of the home Region; none where object or bucket is missing.
    async fn object(&self, bucket: &BucketName, key: &str) -> Result<Option<Object>, CloudError>;

    /// The keys of a bucket of the home Region that begin like this, in their order; none where there is no
    /// such bucket.
    async fn keys(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Option<Vec<String>>, CloudError>;

    /// What patches nodes in an account and Region, whoever made it: associations, maintenance windows with
    /// tasks that patch, and patch groups. The account is entered with a role of that name; into the caller's
    /// own account nobody has to be let.
    async fn patching_in(
        &self,
        account: &AccountId,
        region: &Region,
        role: &RoleName,
    ) -> Result<Vec<ForeignPatching>, CloudError>;
}
