//! Stacks in the owner account, and their change sets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    cloud::{Call, ChangeSetKind, ChangeSetProgress, CloudError, CloudErrorKind, StackProgress},
    ids::{BucketName, Region, StackName},
    sim::{
        failure::{failed, not_found, refused},
        template,
        world::World,
    },
    state::{RegionStatus, Retain, StackSeen, StackSpec, StackStatus},
};

/// What a stack is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    template: Arc<str>,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

/// A stack.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub(super) status: StackStatus,
    /// When its first change set, or it, came.
    born: Duration,
    /// What went wrong last.
    failures: Vec<String>,
    /// None before it was made.
    content: Option<Content>,
    outputs: BTreeMap<String, String>,
    buckets: BTreeSet<BucketName>,
    /// What an execution is making of it, or could not make of it.
    attempted: Option<Content>,
    change_sets: BTreeMap<String, ChangeSet>,
    /// The change set that was executed last.
    executed: Option<String>,
    change: Option<(Duration, Change)>,
}

#[derive(Clone, Debug)]
struct ChangeSet {
    content: Content,
    ready: Duration,
}

/// A change that runs.
#[derive(Clone, Debug)]
enum Change {
    Make(Content),
    Delete,
}

impl Stack {
    /// A stack in `REVIEW_IN_PROGRESS`: there is a change set and nothing else.
    fn in_review(born: Duration) -> Self {
        Self {
            born,
            status: StackStatus::Proposed,
            failures: Vec::new(),
            content: None,
            attempted: None,
            outputs: BTreeMap::new(),
            buckets: BTreeSet::new(),
            change_sets: BTreeMap::new(),
            executed: None,
            change: None,
        }
    }

    /// When the change that runs ends.
    pub(super) fn settles(&self) -> Option<Duration> {
        self.change.as_ref().map(|(ends, _)| *ends)
    }

    /// Whether nothing was ever tried.
    fn is_in_review(&self) -> bool {
        self.status == StackStatus::Proposed
    }

    pub(super) fn seen(&self) -> StackSeen {
        // A stack shows what it is becoming, or what it could not become.
        let content = self.attempted.clone().or_else(|| self.content.clone());
        let (template, parameters, tags) = content
            .map(|content| (content.template.as_ref().to_owned(), content.parameters, content.tags))
            .unwrap_or_default();
        StackSeen {
            status: self.status,
            reason: self.failures.first().cloned(),
            template,
            parameters,
            tags,
            outputs: self.outputs.clone(),
        }
    }

    pub(super) fn progress(&self) -> StackProgress {
        match self.status {
            StackStatus::InProgress => StackProgress::Running,
            StackStatus::Settled if self.failures.is_empty() => StackProgress::Done,
            _ => StackProgress::Failed(self.failures.clone()),
        }
    }
}

impl World {
    /// Puts a stack there, whatever was there before, with the buckets that it makes.
    ///
    /// One that is in progress is being made.
    pub(super) fn put_stack(&mut self, spec: &StackSpec, status: StackStatus) {
        let place = (spec.region.clone(), spec.name.clone());
        let in_progress = status == StackStatus::InProgress;
        let length = self.pace.make(spec.name.as_str(), &spec.region);
        let ends = if in_progress { self.now + length } else { self.now };
        let change = Some((ends, Change::Make(content(spec, spec.template.body().into()))));
        let executed = Some("somebody's".to_owned());
        let stack = Stack {
            status: StackStatus::InProgress,
            change,
            executed,
            ..Stack::in_review(self.now)
        };
        self.stacks.insert(place.clone(), stack);
        if !in_progress {
            self.settle_stack(&spec.region, &spec.name);
            self.stacks.entry(place).and_modify(|stack| stack.status = status);
        }
    }

    pub(super) fn create_change_set(
        &mut self,
        call: Call,
        spec: &StackSpec,
        template: Arc<str>,
        kind: ChangeSetKind,
        change_set: &str,
    ) -> Result<(), CloudError> {
        if self.regions.get(&spec.region) != Some(&RegionStatus::Enabled) {
            return Err(CloudError {
                region: Some(spec.region.clone()),
                ..failed(
                    call,
                    CloudErrorKind::Denied,
                    "UnrecognizedClientException",
                    "The security token included in the request is invalid",
                )
            });
        }
        template::check_parameters(call, &template, &spec.parameters)?;
        let StackSpec { name, region, .. } = spec;
        let place = (region.clone(), name.clone());
        let problem = match (self.stacks.get(&place), kind) {
            (None, ChangeSetKind::Create) => None,
            (None, ChangeSetKind::Update) => Some(format!("Stack [{name}] does not exist")),
            (Some(stack), _) if stack.change_sets.contains_key(change_set) => return Ok(()),
            (Some(stack), ChangeSetKind::Create) => (!stack.is_in_review()).then(|| {
                format!("Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}]")
            }),
            (Some(stack), ChangeSetKind::Update) => (stack.status != StackStatus::Settled)
                .then(|| format!("Stack [{name}] is {:?} and can not be updated", stack.status)),
        };
        if let Some(problem) = problem {
            return Err(refused(call, problem));
        }
        let ready = self.now + self.pace.change_set(name.as_str());
        let stack = self.stacks.entry(place).or_insert_with(|| Stack::in_review(self.now));
        let change = ChangeSet { content: content(spec, template), ready };
        stack.change_sets.insert(change_set.to_owned(), change);
        Ok(())
    }

    /// How a change set stands. One that was executed is gone.
    pub(super) fn change_set_progress(
        &self,
        call: Call,
        region: &Region,
        name: &StackName,
        change_set: &str,
    ) -> Result<ChangeSetProgress, CloudError> {
        let stack = self.stacks.get(&(region.clone(), name.clone()));
        let found = stack.and_then(|stack| Some((stack, stack.change_sets.get(change_set)?)));
        let Some((stack, change)) = found else { return Err(no_change_set(call, change_set)) };
        Ok(if change.ready > self.now {
            ChangeSetProgress::Pending
        } else if stack.content.as_ref() == Some(&change.content) {
            ChangeSetProgress::Empty
        } else {
            ChangeSetProgress::Ready
        })
    }

    /// Executes a change set. A repeat is the same execution.
    pub(super) fn execute_change_set(
        &mut self,
        call: Call,
        region: &Region,
        name: &StackName,
        change_set: &str,
    ) -> Result<(), CloudError> {
        let place = (region.clone(), name.clone());
        let executed = self.stacks.get(&place).and_then(|stack| stack.executed.as_deref());
        let known = self.stacks.get(&place).map(|stack| stack.change_sets.contains_key(change_set));
        if executed == Some(change_set) && known == Some(false) {
            return Ok(());
        }
        if self.change_set_progress(call, region, name, change_set)? != ChangeSetProgress::Ready {
            return Err(failed(
                call,
                CloudErrorKind::Refused,
                "InvalidChangeSetStatus",
                format!("ChangeSet [{change_set}] cannot be executed in its current status"),
            ));
        }
        let ends = self.now + self.pace.make(name.as_str(), region);
        let Some(stack) = self.stacks.get_mut(&place) else { return Ok(()) };
        if stack.status == StackStatus::InProgress {
            return Err(refused(call, format!("Stack [{name}] is being changed")));
        }
        // All change sets go, since they were worked out for what the stack was before.
        let mut change_sets = std::mem::take(&mut stack.change_sets);
        stack.change = change_sets
            .remove(change_set)
            .map(|change_set| (ends, Change::Make(change_set.content)));
        stack.attempted = match &stack.change {
            Some((_, Change::Make(content))) => Some(content.clone()),
            _ => None,
        };
        stack.status = StackStatus::InProgress;
        stack.executed = Some(change_set.to_owned());
        stack.failures.clear();
        Ok(())
    }

    pub(super) fn delete_change_set(
        &mut self,
        region: &Region,
        name: &StackName,
        change_set: &str,
    ) {
        if let Some(stack) = self.stacks.get_mut(&(region.clone(), name.clone())) {
            stack.change_sets.remove(change_set);
        }
    }

    pub(super) fn delete_stack(
        &mut self,
        call: Call,
        region: &Region,
        name: &StackName,
    ) -> Result<(), CloudError> {
        let ends = self.now + self.pace.delete(name.as_str(), region, Retain::Delete);
        let Some(stack) = self.stacks.get_mut(&(region.clone(), name.clone())) else {
            return Ok(());
        };
        match stack.change {
            Some((_, Change::Delete)) => Ok(()),
            Some((_, Change::Make(_))) => {
                Err(refused(call, format!("Stack [{name}] is being changed and cannot be deleted")))
            }
            None => {
                stack.change = Some((ends, Change::Delete));
                stack.status = StackStatus::InProgress;
                stack.failures.clear();
                Ok(())
            }
        }
    }

    pub(super) fn stack_progress(&self, region: &Region, name: &StackName) -> StackProgress {
        let stack = self.stacks.get(&(region.clone(), name.clone()));
        stack.map_or(StackProgress::Gone, Stack::progress)
    }

    /// Ends the change of a stack.
    pub(super) fn settle_stack(&mut self, region: &Region, name: &StackName) {
        let place = (region.clone(), name.clone());
        let Some(mut stack) = self.stacks.remove(&place) else { return };
        let remains = match stack.change.take() {
            None => true,
            Some((_, Change::Make(content))) => {
                self.make_stack(region, name, &mut stack, content);
                true
            }
            Some((_, Change::Delete)) => !self.delete_resources(&mut stack),
        };
        if remains {
            self.stacks.insert(place, stack);
        }
    }

    fn make_stack(
        &mut self,
        region: &Region,
        name: &StackName,
        stack: &mut Stack,
        content: Content,
    ) {
        let Content { template, parameters, .. } = &content;
        let made = template::made(template, parameters, &self.account, region, name, stack.born);
        let taken = made
            .buckets
            .keys()
            .filter(|name| !stack.buckets.contains(*name) && self.buckets.contains_key(*name))
            .map(|name| format!("{name} already exists"));
        stack.failures =
            self.failing.get(&self.account).cloned().into_iter().chain(taken).collect();
        if !stack.failures.is_empty() {
            stack.status = match stack.content {
                Some(_) => {
                    stack.attempted = None;
                    StackStatus::Settled
                }
                None => StackStatus::NeverMade,
            };
            return;
        }
        let buckets = made.buckets.keys().cloned().collect();
        for gone in stack.buckets.difference(&buckets) {
            // A bucket that is not empty outlives the update, and nobody is told.
            if self.buckets.get(gone).is_some_and(|bucket| bucket.objects.is_empty()) {
                self.buckets.remove(gone);
            }
        }
        for (name, bucket) in made.buckets {
            let known = self.buckets.entry(name).or_default();
            known.logs_to = bucket.logs_to;
            known.retained = bucket.retained;
            known.key = bucket.key;
        }
        stack.status = StackStatus::Settled;
        stack.attempted = None;
        stack.buckets = buckets;
        stack.outputs = made.outputs;
        stack.content = Some(content);
    }

    /// Deletes what a stack consists of, and says whether all of it could be.
    fn delete_resources(&mut self, stack: &mut Stack) -> bool {
        for name in std::mem::take(&mut stack.buckets) {
            let Some(bucket) = self.buckets.get(&name) else { continue };
            if bucket.retained {
                continue;
            }
            if bucket.objects.is_empty() {
                self.buckets.remove(&name);
            } else {
                stack.failures.push(format!("The bucket you tried to delete is not empty: {name}"));
                stack.buckets.insert(name);
            }
        }
        stack.status = StackStatus::DeleteFailed;
        stack.failures.is_empty()
    }
}

fn content(spec: &StackSpec, template: Arc<str>) -> Content {
    Content { template, parameters: spec.parameters.clone(), tags: spec.tags.clone() }
}

fn no_change_set(call: Call, change_set: &str) -> CloudError {
    not_found(call, "ChangeSetNotFound", format!("ChangeSet [{change_set}] does not exist"))
}
