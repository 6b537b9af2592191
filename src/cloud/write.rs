//! Changing.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cloud::CloudError,
    ids::{
        AccountId, BaselineId, BucketName, CallAs, OperationId, OuId, Region, StackName,
        StackSetName,
    },
    state::{BaselineSpec, Preferences, Reach, Retain, StackSetSpec, StackSpec},
};

/// Where a template's text is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateFrom<'a> {
    /// From the request itself.
    Body,
    /// From an object in a bucket of the home Region, since it is too large for a request.
    Object {
        /// The bucket.
        bucket: &'a BucketName,
        /// The key.
        key: &'a str,
    },
}

/// OUs and accounts of one StackSets call. At most fifty OUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTargets<'a> {
    /// The OUs that are named.
    pub ous: &'a BTreeSet<OuId>,
    /// Whether they are meant as a whole (`NONE`), or only the accounts in them (`INTERSECTION`).
    pub reach: Reach,
    /// Those accounts; not sent where whole OUs are meant.
    pub accounts: &'a BTreeSet<AccountId>,
    /// In which Regions.
    pub regions: &'a BTreeSet<Region>,
}

/// How a StackSets operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationProgress {
    /// Its status.
    pub status: OperationStatus,
    /// AWS's words about that.
    pub reason: Option<String>,
    /// Instances that failed so far.
    pub failed: u32,
}

/// The status of a StackSets operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationStatus {
    /// It waits for its turn.
    Queued,
    /// It runs, or is being stopped.
    Running,
    /// It ended, and no more instances failed than are tolerated. Some may have.
    Succeeded,
    /// It ended, and too many failed.
    Failed,
    /// Somebody stopped it.
    Stopped,
}

/// What an operation did in one account and Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceResult {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// How it ended.
    pub status: ResultStatus,
    /// AWS's words about that.
    pub reason: Option<String>,
}

/// How an operation ended in one account and Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultStatus {
    /// Not begun, or not ended.
    Pending,
    /// Done.
    Succeeded,
    /// Failed.
    Failed,
    /// Not tried, since others failed.
    Cancelled,
}

/// How a change of a stack stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackProgress {
    /// It runs.
    Running,
    /// It is done.
    Done,
    /// It has been rolled back, or could not be; the first causes, one a resource.
    Failed(Vec<String>),
    /// There is no such stack (which is what a deletion waits for).
    Gone,
}

/// How a change set stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeSetProgress {
    /// It is being worked out.
    Pending,
    /// It can be executed.
    Ready,
    /// There is nothing to change.
    Empty,
    /// It can't be made, for this reason.
    Failed(String),
}

/// What an object must be for a write to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// It must not exist (`If-None-Match: *`).
    Absent,
    /// It must still be this version (`If-Match`).
    Version(String),
}

/// The authority to change.
///
/// Every call may be repeated: an operation with an ID that is known is the same operation, and a
/// write whose precondition no longer holds fails with [`Stale`](crate::cloud::CloudErrorKind::Stale).
/// None of these calls waits for what it began; `*_progress` tells how it stands.
#[expect(async_fn_in_trait, reason = "futures stay in one task, so none needs to be `Send`")]
pub trait CloudWrite {
    /// Creates a stack set without instances, with service-managed permissions and managed execution.
    ///
    /// The token makes a repeat the same creation.
    async fn create_stack_set(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        template: TemplateFrom<'_>,
        token: &str,
    ) -> Result<(), CloudError>;

    /// Gives a stack set its template, parameters, tags and auto-deployment, and every instance with it.
    ///
    /// Instances that an earlier operation left outdated are tried again.
    async fn update_stack_set(
        &self,
        call_as: CallAs,
        spec: &StackSetSpec,
        template: TemplateFrom<'_>,
        operation: &OperationId,
    ) -> Result<(), CloudError>;

    /// Turns on managed execution, and changes nothing else.
    async fn turn_on_managed_execution(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<(), CloudError>;

    /// Makes the instances that are missing in these targets; those that exist stay.
    async fn create_instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        targets: CallTargets<'_>,
        preferences: Preferences,
        operation: &OperationId,
    ) -> Result<(), CloudError>;

    /// Deletes the instances in these targets. Fails with [`NotFound`](crate::cloud::CloudErrorKind) where
    /// none is left.
    async fn delete_instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        targets: CallTargets<'_>,
        retain: Retain,
        preferences: Preferences,
        operation: &OperationId,
    ) -> Result<(), CloudError>;

    /// Deletes a stack set that has no instances. One that does not exist is no error.
    async fn delete_stack_set(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<(), CloudError>;

    /// How an operation stands. Strongly consistent.
    async fn operation_progress(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<OperationProgress, CloudError>;

    /// What an operation did in each account and Region. Eventually consistent.
    async fn operation_results(
        &self,
        call_as: CallAs,
        name: &StackSetName,
        operation: &OperationId,
    ) -> Result<Vec<InstanceResult>, CloudError>;

    /// Works out a change set that makes or updates a stack. A change set of that name is the same one.
    async fn create_change_set(
        &self,
        spec: &StackSpec,
        template: TemplateFrom<'_>,
        kind: ChangeSetKind,
        change_set: &str,
    ) -> Result<(), CloudError>;

    /// How a change set stands.
    async fn change_set_progress(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<ChangeSetProgress, CloudError>;

    /// Executes a change set that is ready.
    async fn execute_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError>;

    /// Deletes a change set. One that does not exist is no error.
    async fn delete_change_set(
        &self,
        region: &Region,
        stack: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError>;

    /// Deletes a stack. One that does not exist is no error.
    async fn delete_stack(&self, region: &Region, name: &StackName) -> Result<(), CloudError>;

    /// How the running change of a stack stands.
    async fn stack_progress(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<StackProgress, CloudError>;

    /// Makes a baseline in the home Region. The token makes a repeat the same creation.
    async fn create_baseline(&self, spec: &BaselineSpec, token: &str) -> Result<(), CloudError>;

    /// Gives a baseline in the home Region all that the specification says, and takes these tags off.
    async fn update_baseline(
        &self,
        id: &BaselineId,
        spec: &BaselineSpec,
        untag: &BTreeSet<String>,
    ) -> Result<(), CloudError>;

    /// Deletes a baseline in the home Region. One that does not exist is no error.
    async fn delete_baseline(&self, id: &BaselineId) -> Result<(), CloudError>;

    /// Writes an object, if the precondition holds, and gives what identifies the version that was written.
    /// Where it no longer holds since these very bytes are there, an earlier try has written them.
    async fn put_object(
        &self,
        bucket: &BucketName,
        key: &str,
        body: &[u8],
        precondition: Option<&Precondition>,
    ) -> Result<String, CloudError>;

    /// Deletes every version of every object in a bucket. One that does not exist is no error.
    async fn empty_bucket(&self, bucket: &BucketName) -> Result<(), CloudError>;

    /// Waits. In a simulation time is virtual, so nobody does.
    async fn pause(&self, time: Duration);
}

/// Whether a change set makes a stack or changes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeSetKind {
    /// `CREATE`.
    Create,
    /// `UPDATE`.
    Update,
}
