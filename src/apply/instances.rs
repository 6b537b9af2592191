//! Instances of stack sets: making, deleting, and having them take back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    apply::{
        Event, InstanceFailure, StepFailure,
        perform::{Performer, Progress},
    },
    cloud::{
        Call, CallTargets, ChangeSetKind, CloudError, CloudErrorKind, CloudWrite, InstanceResult,
        ResultStatus, TemplateFrom,
    },
    ids::{AccountId, OperationId, Region, StackSetName},
    plan::{InstanceTargets, Preferences, Retain, StackSetSpec, StackSpec, Step},
};

/// Looks at results in which a place is missing, and the pause between two.
const LOOKS: u32 = 6;
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// The resource of `templates/removal.yaml` that fails where something could not be taken back.
const TAKEN_BACK: &str = "TakenBack";

impl<C: CloudWrite, T: Fn(Event<'_>)> Performer<'_, C, T> {
    pub(super) async fn add_instances(
        &self,
        step: &Step,
        stack_set: &StackSetName,
        targets: &InstanceTargets,
        preferences: Preferences,
    ) -> Result<Progress, StepFailure> {
        self.operate(step, stack_set, size(targets), async |operation| {
            let targets = named(targets);
            let cloud = self.cloud;
            cloud.create_instances(self.call_as, stack_set, targets, preferences, operation).await
        })
        .await
    }

    /// Deletes instances. StackSets refuses a call as a whole that names one OU through which nothing is
    /// left, so where several are named each is then named by itself.
    pub(super) async fn remove_instances(
        &self,
        step: &Step,
        stack_set: &StackSetName,
        targets: &InstanceTargets,
        retain: Retain,
        preferences: Preferences,
    ) -> Result<Progress, StepFailure> {
        let remove = async |operation: OperationId, targets: &InstanceTargets| {
            let begin = async |operation: &OperationId| {
                let (cloud, call_as) = (self.cloud, self.call_as);
                let targets = named(targets);
                let call = cloud.delete_instances(
                    call_as,
                    stack_set,
                    targets,
                    retain,
                    preferences,
                    operation,
                );
                call.await
            };
            match self.operate_as(operation, step, stack_set, size(targets), begin).await {
                Err(StepFailure::Call(error)) if is_unknown(&error) => Ok(None),
                other => other.map(Some),
            }
        };
        let operation = self.operation_id(step);
        if let Some(progress) = remove(operation.clone(), targets).await? {
            return Ok(progress);
        }
        // What is to be gone is gone, if that was all.
        let mut failures = Vec::new();
        for ou in targets.ous.iter().filter(|_| targets.ous.len() > 1) {
            if self.stop.is_wished() {
                // What is left of the step is left to the next run.
                return Ok(Progress::NotBegun);
            }
            let one = InstanceTargets { ous: BTreeSet::from([ou.clone()]), ..targets.clone() };
            let operation = OperationId::derive(&[operation.as_str(), ou.as_str()]);
            match remove(operation, &one).await? {
                None | Some(Progress::Done) => {}
                Some(Progress::DoneInPart(more)) => failures.extend(more),
                Some(stopped) => return Ok(stopped),
            }
        }
        Ok(if failures.is_empty() { Progress::Done } else { Progress::DoneInPart(failures) })
    }

    /// Has the stacks of a set take back what was added outside of them.
    pub(super) async fn take_back(
        &self,
        step: &Step,
        spec: &StackSetSpec,
        places: &BTreeSet<(AccountId, Region)>,
    ) -> Result<Progress, StepFailure> {
        let ended = self.operate(step, &spec.name, places.len(), async |operation| {
            self.cloud.update_stack_set(self.call_as, spec, TemplateFrom::Body, operation).await
        });
        match ended.await? {
            Progress::Done | Progress::DoneInPart(_) => {}
            stopped => return Ok(stopped),
        }
        let left = self.not_taken_back(step, &spec.name, places).await?;
        if left.is_empty() { Ok(Progress::Done) } else { Err(StepFailure::LeftBehind(left)) }
    }

    /// The places of which AWS does not say that it succeeded there. What comes behind would make it
    /// impossible, so that nothing failed is not enough. The listing is eventually consistent, so it is
    /// read again as long as a place is missing from it.
    async fn not_taken_back(
        &self,
        step: &Step,
        name: &StackSetName,
        places: &BTreeSet<(AccountId, Region)>,
    ) -> Result<Vec<InstanceFailure>, StepFailure> {
        let operation = self.operation_id(step);
        let mut looks = 0;
        loop {
            looks += 1;
            let listed =
                self.seen(|| self.cloud.operation_results(self.call_as, name, &operation)).await?;
            let mut results: BTreeMap<(AccountId, Region), InstanceResult> = listed
                .into_iter()
                .map(|result| ((result.account.clone(), result.region.clone()), result))
                .collect();
            let unsaid = places.iter().any(|place| {
                results.get(place).is_none_or(|result| result.status == ResultStatus::Pending)
            });
            if unsaid && looks < LOOKS {
                self.cloud.pause(BETWEEN_LOOKS).await;
                continue;
            }
            return Ok(places
                .iter()
                .filter_map(|place| {
                    let result = results.remove(place);
                    let reason = match result {
                        Some(InstanceResult { status: ResultStatus::Succeeded, .. }) => {
                            return None;
                        }
                        Some(InstanceResult { reason: Some(reason), .. }) => reason,
                        Some(_) => "AWS gives no reason".to_owned(),
                        None => "StackSets did not reach it, and does not say why".to_owned(),
                    };
                    let (account, region) = place.clone();
                    Some(InstanceFailure { account, region, reason })
                })
                .collect());
        }
    }

    /// The same in a stack of the owner account.
    pub(super) async fn take_back_in_stack(
        &self,
        step: &Step,
        spec: &StackSpec,
    ) -> Result<Progress, StepFailure> {
        let ended = self.change_stack(step, spec, TemplateFrom::Body, ChangeSetKind::Update);
        match ended.await {
            // Anything else that went wrong with the stack is no matter of taking back.
            Err(StepFailure::Stack(causes)) if causes.iter().any(|c| c.contains(TAKEN_BACK)) => {
                Err(StepFailure::LeftBehind(vec![InstanceFailure {
                    account: self.account.clone(),
                    region: spec.region.clone(),
                    reason: causes.join("; "),
                }]))
            }
            other => other,
        }
    }
}

/// Whether a deletion names an OU that the stack set knows nothing of.
fn is_unknown(error: &CloudError) -> bool {
    error.kind == CloudErrorKind::NotFound && error.call == Call::DeleteStackInstances
}

fn size(targets: &InstanceTargets) -> usize {
    targets.accounts.len() * targets.regions.len()
}

fn named(targets: &InstanceTargets) -> CallTargets<'_> {
    CallTargets {
        ous: &targets.ous,
        reach: targets.reach,
        accounts: &targets.accounts,
        regions: &targets.regions,
    }
}
