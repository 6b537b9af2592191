//! The calls of the StackSets API, with what they refuse.

use std::sync::Arc;

use crate::{
    cloud::{Call, CallTargets, CloudError, CloudErrorKind, TemplateFrom, TrustedAccess},
    ids::{CallAs, OperationId, StackSetName},
    sim::{
        failure::{failed, not_found, refused},
        operation::{Operation, Targets, UNPACED, Work},
        stack_set::{Content, StackSet},
        template,
        world::World,
    },
    state::{Preferences, Retain, StackSetSpec, Switch, Template},
};

/// The most OUs that one call may name (API reference of `DeploymentTargets`).
const MAX_OUS: usize = 50;

/// Stack instances of one stack set, stack sets of one account, and operations of a stack set that wait
/// (quotas page; the first two can be raised).
const MAX_INSTANCES: usize = 100_000;
const MAX_STACK_SETS: usize = 1_000;
const MAX_QUEUE: usize = 10_000;

/// The largest template in a bucket, in bytes (quotas page).
const MAX_OBJECT: usize = 1_048_576;

impl World {
    /// Whether the account can speak as that.
    pub(super) fn speaks_as(&self, call_as: CallAs) -> bool {
        let is_management = self.account == *self.organization.management_account();
        self.call_as == call_as && is_management == (call_as == CallAs::ManagementAccount)
    }

    /// Refuses a call from an account that may not make it.
    pub(super) fn check_caller(&self, call: Call, call_as: CallAs) -> Result<(), CloudError> {
        if self.speaks_as(call_as) {
            return Ok(());
        }
        Err(refused(
            call,
            "You must be the management account or delegated admin account of an organization before operating a SERVICE_MANAGED stack set",
        ))
    }

    /// A stack set that exists.
    pub(super) fn stack_set(
        &mut self,
        call: Call,
        name: &StackSetName,
    ) -> Result<&mut StackSet, CloudError> {
        let missing =
            || not_found(call, "StackSetNotFoundException", format!("StackSet {name} not found"));
        self.stack_sets.get_mut(name).ok_or_else(missing)
    }

    /// An operation that exists.
    pub(super) fn operation(
        &mut self,
        call: Call,
        name: &StackSetName,
        id: &OperationId,
    ) -> Result<&Operation, CloudError> {
        let set = self.stack_set(call, name)?;
        set.operations.iter().rev().find(|operation| operation.id == *id).ok_or_else(|| {
            not_found(call, "OperationNotFoundException", format!("Operation {id} not found"))
        })
    }

    /// A template's text, from where it is taken.
    pub(super) fn template(
        &self,
        call: Call,
        template: &Template,
        from: TemplateFrom<'_>,
    ) -> Result<Arc<str>, CloudError> {
        match from {
            TemplateFrom::Body if template.is_large() => Err(refused(
                call,
                "Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200",
            )),
            TemplateFrom::Body => Ok(template.body().into()),
            TemplateFrom::Object { bucket, key } => {
                let object = self.buckets.get(bucket).and_then(|bucket| bucket.object(key));
                let body = object.map(|object| object.body).filter(|body| body.len() <= MAX_OBJECT);
                body.and_then(|body| String::from_utf8(body).ok()).map(Arc::from).ok_or_else(|| {
                    refused(
                        call,
                        format!(
                            "S3 error: there is no template of at most 1 MB at s3://{bucket}/{key}"
                        ),
                    )
                })
            }
        }
    }

    pub(super) fn create_stack_set(
        &mut self,
        call: Call,
        spec: &StackSetSpec,
        template: Arc<str>,
        token: &str,
    ) -> Result<(), CloudError> {
        if self.trusted_access != TrustedAccess::Enabled {
            return Err(refused(
                call,
                "You must enable organizations access to operate a service managed stack set",
            ));
        }
        template::check_parameters(call, &template, &spec.parameters)?;
        match self.stack_sets.get(&spec.name) {
            Some(set) if set.token == token => Ok(()),
            Some(_) => Err(failed(
                call,
                CloudErrorKind::AlreadyExists,
                "NameAlreadyExistsException",
                format!("StackSet {} already exists", spec.name),
            )),
            None if self.stack_sets.len() >= MAX_STACK_SETS => {
                Err(over_quota(call, format!("There may be {MAX_STACK_SETS} stack sets")))
            }
            None => {
                self.put_stack_set(spec, template, token, Switch::On);
                Ok(())
            }
        }
    }

    /// Puts a stack set there, whatever was there before.
    pub(super) fn put_stack_set(
        &mut self,
        spec: &StackSetSpec,
        template: Arc<str>,
        token: &str,
        managed_execution: Switch,
    ) {
        let set = StackSet {
            token: token.to_owned(),
            content: Content::new(spec, template),
            managed_execution,
            targets: [].into(),
            instances: [].into(),
            operations: Vec::new(),
            queue: [].into(),
            journal: Vec::new(),
            lag: self.lag,
        };
        self.stack_sets.insert(spec.name.clone(), set);
    }

    /// Refuses an operation that can't be asked for now.
    fn check_operation(
        &mut self,
        call: Call,
        name: &StackSetName,
        id: &OperationId,
    ) -> Result<&mut StackSet, CloudError> {
        let set = self.stack_set(call, name)?;
        if set.operations.iter().any(|operation| operation.id == *id) {
            return Err(failed(
                call,
                CloudErrorKind::OperationExists,
                "OperationIdAlreadyExistsException",
                format!("Operation {id} already exists"),
            ));
        }
        if set.managed_execution == Switch::Off && !set.queue.is_empty() {
            return Err(busy(call, name));
        }
        if set.queue.len() >= MAX_QUEUE {
            return Err(over_quota(call, format!("{MAX_QUEUE} operations wait")));
        }
        Ok(set)
    }

    pub(super) fn update_stack_set(
        &mut self,
        call: Call,
        spec: &StackSetSpec,
        template: Arc<str>,
        id: &OperationId,
    ) -> Result<(), CloudError> {
        self.check_operation(call, &spec.name, id)?;
        template::check_parameters(call, &template, &spec.parameters)?;
        let work = Work::Update(Content::new(spec, template));
        self.submit(&spec.name, id.clone(), work, spec.preferences);
        Ok(())
    }

    pub(super) fn turn_on_managed_execution(
        &mut self,
        call: Call,
        name: &StackSetName,
        id: &OperationId,
    ) -> Result<(), CloudError> {
        let set = self.check_operation(call, name, id)?;
        if !set.queue.is_empty() {
            return Err(busy(call, name));
        }
        set.managed_execution = Switch::On;
        self.submit(name, id.clone(), Work::Settings, UNPACED);
        Ok(())
    }

    pub(super) fn create_instances(
        &mut self,
        call: Call,
        name: &StackSetName,
        targets: CallTargets<'_>,
        preferences: Preferences,
        id: &OperationId,
    ) -> Result<(), CloudError> {
        self.check_operation(call, name, id)?;
        let targets = Targets::from(targets);
        self.check_targets(call, &targets)?;
        if let Some(ou) = targets.ous.iter().find(|ou| self.organization.unit(ou).is_none()) {
            return Err(refused(call, format!("Organizational unit {ou} not found")));
        }
        let wanted = self.places(&targets);
        let there = &self.stack_set(call, name)?.instances;
        let more = wanted.keys().filter(|place| !there.contains_key(*place)).count();
        if there.len() + more > MAX_INSTANCES {
            let message = format!(
                "{} stack instances and {more} more are over the limit of {MAX_INSTANCES}",
                there.len()
            );
            return Err(over_quota(call, message));
        }
        self.submit(name, id.clone(), Work::Create(targets), preferences);
        Ok(())
    }

    pub(super) fn delete_instances(
        &mut self,
        call: Call,
        name: &StackSetName,
        targets: CallTargets<'_>,
        retain: Retain,
        preferences: Preferences,
        id: &OperationId,
    ) -> Result<(), CloudError> {
        let targets = Targets::from(targets);
        let set = self.check_operation(call, name, id)?;
        let unknown = targets.ous.iter().find(|ou| {
            !set.targets.contains_key(*ou) && !set.instances.values().any(|known| known.ou == **ou)
        });
        if let Some(ou) = unknown {
            let message = format!("Organizational unit {ou} not found in StackSet");
            return Err(not_found(call, "ValidationError", message));
        }
        self.check_targets(call, &targets)?;
        self.submit(name, id.clone(), Work::Delete(targets, retain), preferences);
        Ok(())
    }

    fn check_targets(&self, call: Call, targets: &Targets) -> Result<(), CloudError> {
        let nobody = targets.accounts.as_ref().is_some_and(std::collections::BTreeSet::is_empty);
        let problem = if targets.ous.is_empty() {
            "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target".to_owned()
        } else if targets.ous.len() > MAX_OUS {
            format!(
                "{} organizational units were named; at most {MAX_OUS} may be",
                targets.ous.len()
            )
        } else if nobody {
            "An account list is required for the filter INTERSECTION".to_owned()
        } else if targets.regions.is_empty() {
            "At least one Region is required".to_owned()
        } else if let Some(region) =
            targets.regions.iter().find(|region| !self.regions.contains_key(*region))
        {
            format!("Region {region} does not exist")
        } else {
            return Ok(());
        };
        Err(refused(call, problem))
    }

    pub(super) fn delete_stack_set(
        &mut self,
        call: Call,
        name: &StackSetName,
    ) -> Result<(), CloudError> {
        let Some(set) = self.stack_sets.get(name) else { return Ok(()) };
        if !set.queue.is_empty() {
            return Err(busy(call, name));
        }
        if !set.instances.is_empty() {
            return Err(failed(
                call,
                CloudErrorKind::Other,
                "StackSetNotEmptyException",
                format!("StackSet {name} is not empty"),
            ));
        }
        self.deleted_sets.extend(self.stack_sets.remove_entry(name));
        Ok(())
    }
}

fn over_quota(call: Call, message: String) -> CloudError {
    failed(call, CloudErrorKind::Refused, "LimitExceededException", message)
}

fn busy(call: Call, name: &StackSetName) -> CloudError {
    failed(
        call,
        CloudErrorKind::Busy,
        "OperationInProgressException",
        format!("Another Operation on StackSet {name} is in progress"),
    )
}
