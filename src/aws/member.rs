//! Member accounts, entered with a role, and what patches nodes in them (Systems Manager).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_config::SdkConfig;
use aws_sdk_ssm::{
    Client,
    config::Builder,
    types::{Association, MaintenanceWindowIdentity, MaintenanceWindowTask, Target},
};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};

use crate::{
    aws::{
        account::Account,
        answer::{all_pages, name, next, required, unreadable},
        error::failure,
        pace::Pace,
        settings::in_region,
    },
    cloud::{Call, CloudError, MaxRate, Page},
    ids::{AccountId, BaselineId, Region, RoleName},
    state::{
        ForeignPatching, HOST_MANAGEMENT_SETS, NodeTarget, PATCH_POLICY_SETS, PatchAssociation,
        PatchGroup, PatchOperation, PatchTask, PatchWindow, Switch, patching_document,
    },
};

/// What the trail of calls in the member account shows.
const SESSION: &str = "orgpatch-conflicts";

/// The target of a task that stands for one that is registered with its window.
const REGISTERED: &str = "WindowTargetIds";

#[derive(Debug)]
pub(super) struct Members {
    config: SdkConfig,
    sts: aws_sdk_sts::Client,
    pace: Arc<Pace>,
    most: Option<MaxRate>,
    /// One client a Region, for all accounts: connections are kept, and only credentials differ.
    clients: Mutex<BTreeMap<Region, Client>>,
    sessions: Mutex<BTreeMap<(AccountId, RoleName), SharedCredentialsProvider>>,
    /// Each account has rates of its own.
    paces: Mutex<BTreeMap<AccountId, Arc<Pace>>>,
    /// The caller's own account, once it is known.
    own: Mutex<Option<AccountId>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Members {
    pub(super) fn new(config: SdkConfig, pace: Arc<Pace>, most: Option<MaxRate>) -> Self {
        Self {
            sts: aws_sdk_sts::Client::new(&config),
            config,
            pace,
            most,
            clients: Mutex::default(),
            sessions: Mutex::default(),
            paces: Mutex::default(),
            own: Mutex::default(),
        }
    }

    pub(super) async fn patching_in(
        &self,
        caller: &Account,
        (account, region): (&AccountId, &Region),
        role: &RoleName,
    ) -> Result<Vec<ForeignPatching>, CloudError> {
        let session = self.session(caller, account, region, role).await?;
        let member =
            Member { client: self.client(region), session, region, pace: self.pace_of(account) };
        let mut found = member.associations().await?;
        found.extend(member.windows().await?);
        found.extend(member.groups().await?);
        Ok(found)
    }

    fn client(&self, region: &Region) -> Client {
        let mut clients = locked(&self.clients);
        let client = clients.entry(region.clone());
        client.or_insert_with(|| Client::new(&in_region(&self.config, region))).clone()
    }

    fn pace_of(&self, account: &AccountId) -> Arc<Pace> {
        let mut paces = locked(&self.paces);
        let pace = paces.entry(account.clone()).or_insert_with(|| Arc::new(Pace::new(self.most)));
        Arc::clone(pace)
    }

    /// The credentials for an account; none in the caller's own.
    async fn session(
        &self,
        caller: &Account,
        account: &AccountId,
        region: &Region,
        role: &RoleName,
    ) -> Result<Option<SharedCredentialsProvider>, CloudError> {
        const CALL: Call = Call::AssumeRole;
        if self.own_account(caller).await? == *account {
            return Ok(None);
        }
        let key = (account.clone(), role.clone());
        let known = locked(&self.sessions).get(&key).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let arn = format!("arn:{}:iam::{account}:role/{role}", region.partition());
        self.pace.take(CALL, None).await;
        let request = self.sts.assume_role().role_arn(arn).role_session_name(SESSION);
        let answer = request.send().await.map_err(failure(CALL, None))?;
        let credentials = answer
            .credentials()
            .ok_or_else(|| unreadable(CALL, "the answer has no Credentials".to_owned()))?;
        // An account is done long before the hour of a session is over.
        let session = SharedCredentialsProvider::new(Credentials::new(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            Some(credentials.session_token().to_owned()),
            None,
            "AssumeRole",
        ));
        locked(&self.sessions).insert(key, session.clone());
        Ok(Some(session))
    }

    async fn own_account(&self, caller: &Account) -> Result<AccountId, CloudError> {
        let known = locked(&self.own).clone();
        if let Some(own) = known {
            return Ok(own);
        }
        let own = caller.caller().await?.account;
        *locked(&self.own) = Some(own.clone());
        Ok(own)
    }
}

/// One account and Region.
struct Member<'a> {
    client: Client,
    session: Option<SharedCredentialsProvider>,
    region: &'a Region,
    pace: Arc<Pace>,
}

impl Member<'_> {
    /// What a request needs to be made in the account.
    fn with_session(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_credentials_provider(self.session.clone());
        builder
    }

    async fn associations(&self) -> Result<Vec<ForeignPatching>, CloudError> {
        const CALL: Call = Call::ListAssociations;
        let associations = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(self.region)).await;
            let request = self.client.list_associations().max_results(50).set_next_token(token);
            let request = request.customize().config_override(self.with_session());
            let answer = request.send().await.map_err(failure(CALL, Some(self.region)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.associations.unwrap_or_default(), next })
        })
        .await?;
        let mut found = Vec::new();
        for association in &associations {
            let document = association.name().and_then(patching_document);
            let Some(document) = document else { continue };
            let id = required(CALL, "AssociationId", association.association_id())?;
            let operation = match operation_by_name(association.association_name()) {
                PatchOperation::Unknown => match self.operation_of(&id).await? {
                    Some(operation) => operation,
                    // It has been deleted since it was listed.
                    None => continue,
                },
                known => known,
            };
            found.push(ForeignPatching::Association(PatchAssociation {
                id,
                name: association.association_name().map(str::to_owned),
                document: document.to_owned(),
                operation,
                targets: targets_of(association),
                schedule: association.schedule_expression().map(str::to_owned),
                offset_days: small(association.schedule_offset()),
            }));
        }
        Ok(found)
    }

    /// What an association does; none where there is none.
    async fn operation_of(&self, id: &str) -> Result<Option<PatchOperation>, CloudError> {
        const CALL: Call = Call::DescribeAssociation;
        self.pace.take(CALL, Some(self.region)).await;
        let request = self.client.describe_association().association_id(id);
        let request = request.customize().config_override(self.with_session());
        match request.send().await.map_err(failure(CALL, Some(self.region))) {
            Err(error) if error.code.as_deref().is_some_and(is_gone) => Ok(None),
            answer => {
                let answer = answer?;
                let described = answer.association_description();
                Ok(Some(operation(described.and_then(|described| described.parameters()))))
            }
        }
    }

    async fn windows(&self) -> Result<Vec<ForeignPatching>, CloudError> {
        const CALL: Call = Call::DescribeMaintenanceWindows;
        let windows = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(self.region)).await;
            let request =
                self.client.describe_maintenance_windows().max_results(100).set_next_token(token);
            let request = request.customize().config_override(self.with_session());
            let answer = request.send().await.map_err(failure(CALL, Some(self.region)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.window_identities.unwrap_or_default(), next })
        })
        .await?;
        let mut found = Vec::new();
        for window in &windows {
            let id = required(CALL, "WindowId", window.window_id())?;
            let tasks = self.tasks(&id).await?;
            if !tasks.is_empty() {
                found.push(ForeignPatching::Window(patch_window(id, window, tasks)));
            }
        }
        Ok(found)
    }

    /// The tasks of a window that patch.
    async fn tasks(&self, window: &str) -> Result<Vec<PatchTask>, CloudError> {
        const CALL: Call = Call::DescribeMaintenanceWindowTasks;
        let tasks: Vec<MaintenanceWindowTask> = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(self.region)).await;
            let request = self.client.describe_maintenance_window_tasks().window_id(window);
            let request = request.max_results(100).set_next_token(token);
            let request = request.customize().config_override(self.with_session());
            let answer = request.send().await.map_err(failure(CALL, Some(self.region)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.tasks.unwrap_or_default(), next })
        })
        .await?;
        let patching: Vec<(&MaintenanceWindowTask, &str)> = tasks
            .iter()
            .filter_map(|task| Some((task, task.task_arn().and_then(patching_document)?)))
            .collect();
        let needs_registered = patching
            .iter()
            .flat_map(|(task, _)| task.targets())
            .any(|target| target.key() == Some(REGISTERED));
        let registered =
            if needs_registered { self.registered(window).await? } else { BTreeMap::new() };
        let mut found = Vec::new();
        for (task, document) in patching {
            let id = required(CALL, "WindowTaskId", task.window_task_id())?;
            found.push(PatchTask {
                operation: self.operation_of_task(window, &id).await?,
                id,
                name: task.name().map(str::to_owned),
                document: document.to_owned(),
                targets: resolved(task.targets(), &registered),
            });
        }
        Ok(found)
    }

    /// The targets that are registered with a window.
    async fn registered(
        &self,
        window: &str,
    ) -> Result<BTreeMap<String, Vec<NodeTarget>>, CloudError> {
        const CALL: Call = Call::DescribeMaintenanceWindowTargets;
        let targets = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(self.region)).await;
            let request = self.client.describe_maintenance_window_targets().window_id(window);
            let request = request.max_results(100).set_next_token(token);
            let request = request.customize().config_override(self.with_session());
            let answer = request.send().await.map_err(failure(CALL, Some(self.region)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.targets.unwrap_or_default(), next })
        })
        .await?;
        targets
            .iter()
            .map(|target| {
                let id = required(CALL, "WindowTargetId", target.window_target_id())?;
                Ok((id, target.targets().iter().map(node_target).collect()))
            })
            .collect()
    }

    /// What a task does. A listing of tasks does not say it any more.
    async fn operation_of_task(
        &self,
        window: &str,
        task: &str,
    ) -> Result<PatchOperation, CloudError> {
        const CALL: Call = Call::GetMaintenanceWindowTask;
        self.pace.take(CALL, Some(self.region)).await;
        let request = self.client.get_maintenance_window_task().window_id(window);
        let request = request.window_task_id(task);
        let request = request.customize().config_override(self.with_session());
        let answer = request.send().await.map_err(failure(CALL, Some(self.region)))?;
        let told = answer.task_invocation_parameters().and_then(|told| told.run_command());
        Ok(operation(told.and_then(|command| command.parameters())))
    }

    async fn groups(&self) -> Result<Vec<ForeignPatching>, CloudError> {
        const CALL: Call = Call::DescribePatchGroups;
        let mappings = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(self.region)).await;
            let request =
                self.client.describe_patch_groups().max_results(100).set_next_token(token);
            let request = request.customize().config_override(self.with_session());
            let answer = request.send().await.map_err(failure(CALL, Some(self.region)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.mappings.unwrap_or_default(), next })
        })
        .await?;
        let mut groups: BTreeMap<String, PatchGroup> = BTreeMap::new();
        for mapping in &mappings {
            let group = required(CALL, "PatchGroup", mapping.patch_group())?;
            let baseline = mapping.baseline_identity().and_then(|baseline| baseline.baseline_id());
            let baseline: BaselineId = name(CALL, "BaselineId", baseline)?;
            let new = || PatchGroup { name: group.clone(), baselines: [].into() };
            groups.entry(group.clone()).or_insert_with(new).baselines.insert(baseline);
        }
        Ok(groups.into_values().map(ForeignPatching::Group).collect())
    }
}

fn is_gone(code: &str) -> bool {
    code == "AssociationDoesNotExist"
}

/// What an association of a known name does.
fn operation_by_name(association: Option<&str>) -> PatchOperation {
    let association = association.unwrap_or_default();
    let made_by = |set: &str| association.strip_prefix(set);
    match made_by(PATCH_POLICY_SETS).or_else(|| made_by(HOST_MANAGEMENT_SETS)) {
        Some(rest) if rest.starts_with("ScanForPatches-") => PatchOperation::Scan,
        Some(rest) if rest.starts_with("InstallPatches-") => PatchOperation::Install,
        _ => PatchOperation::Unknown,
    }
}

/// What the parameters of a patching document say.
fn operation(parameters: Option<&HashMap<String, Vec<String>>>) -> PatchOperation {
    let operation = parameters.and_then(|parameters| parameters.get("Operation"));
    PatchOperation::of(operation.and_then(|values| values.first()).map(String::as_str))
}

fn node_target(target: &Target) -> NodeTarget {
    NodeTarget {
        key: target.key().unwrap_or_default().to_owned(),
        values: target.values().to_vec(),
    }
}

/// The targets of an association. An old one has one instance and nothing else.
fn targets_of(association: &Association) -> Vec<NodeTarget> {
    match association.instance_id() {
        Some(instance) if association.targets().is_empty() => {
            vec![NodeTarget { key: "InstanceIds".to_owned(), values: vec![instance.to_owned()] }]
        }
        _ => association.targets().iter().map(node_target).collect(),
    }
}

/// The nodes of a task: those of any of the targets that it names, and those that it has itself. What it
/// names and nobody has registered could be any.
fn resolved(
    targets: &[Target],
    registered: &BTreeMap<String, Vec<NodeTarget>>,
) -> Vec<Vec<NodeTarget>> {
    let (named, own): (Vec<&Target>, Vec<&Target>) =
        targets.iter().partition(|target| target.key() == Some(REGISTERED));
    let ids = named.into_iter().flat_map(Target::values);
    let mut all: Vec<Vec<NodeTarget>> =
        ids.map(|id| registered.get(id).cloned().unwrap_or_default()).collect();
    if !own.is_empty() {
        all.push(own.into_iter().map(node_target).collect());
    }
    all
}

fn patch_window(
    id: String,
    window: &MaintenanceWindowIdentity,
    tasks: Vec<PatchTask>,
) -> PatchWindow {
    PatchWindow {
        name: window.name().unwrap_or(&id).to_owned(),
        id,
        enabled: if window.enabled() { Switch::On } else { Switch::Off },
        schedule: window.schedule().unwrap_or_default().to_owned(),
        timezone: window.schedule_timezone().map(str::to_owned),
        offset_days: small(window.schedule_offset()),
        duration_hours: small(window.duration()),
        cutoff_hours: small(Some(window.cutoff())),
        tasks,
    }
}

/// A number that AWS keeps small.
fn small(number: Option<i32>) -> u8 {
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(key: &str, values: &[&str]) -> Target {
        let target = Target::builder().key(key);
        values.iter().fold(target, |target, value| target.values(*value)).build()
    }

    #[test]
    fn what_quick_setup_calls_an_association_says_what_it_does() {
        for (name, expected) in [
            ("AWS-QuickSetup-PatchPolicy-ScanForPatches-ab1cd", PatchOperation::Scan),
            ("AWS-QuickSetup-PatchPolicy-InstallPatches-ab1cd", PatchOperation::Install),
            ("AWS-QuickSetup-SSMHostMgmt-ScanForPatches-ab1cd", PatchOperation::Scan),
            ("ScanForPatches-ab1cd", PatchOperation::Unknown),
        ] {
            assert_eq!(operation_by_name(Some(name)), expected, "{name}");
        }
        assert_eq!(operation_by_name(None), PatchOperation::Unknown);
    }

    #[test]
    fn a_task_has_the_nodes_of_every_target_that_it_names() {
        let web = vec![NodeTarget { key: "tag:Role".to_owned(), values: vec!["web".to_owned()] }];
        let registered = BTreeMap::from([("t-1".to_owned(), web.clone())]);
        let direct = target("InstanceIds", &["i-1"]);

        assert_eq!(
            resolved(&[target(REGISTERED, &["t-1"])], &registered),
            std::slice::from_ref(&web)
        );
        assert_eq!(
            resolved(&[target(REGISTERED, &["t-1", "t-2"]), direct.clone()], &registered),
            [web, Vec::new(), vec![node_target(&direct)]]
        );
        assert_eq!(resolved(&[], &registered), Vec::<Vec<NodeTarget>>::new());
    }

    #[test]
    fn an_old_association_has_one_instance() {
        let old = Association::builder().instance_id("i-1").build();
        let new = Association::builder().targets(target("tag:Role", &["web"])).build();

        assert_eq!(targets_of(&old)[0].values, ["i-1"]);
        assert_eq!(targets_of(&new)[0].key, "tag:Role");
    }
}
