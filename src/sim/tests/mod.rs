//! The rules of the simulated AWS, each test named for the one that it proves.

mod auto_deployment;
mod calls;
mod clock;
mod examples;
mod instances;
mod operations;
mod pace;
mod stacks;

use std::{collections::BTreeSet, future::Future, time::Duration};

use crate::{
    cloud::{CallTargets, CloudError, CloudRead, CloudWrite, OperationStatus, TemplateFrom},
    ids::{AccountId, CallAs, OperationId, OuId, Region, StackSetName},
    sim::{SimulatedAws, example_snapshot},
    state::{
        InstanceStatus, Preferences, Reach, RegionPace, Retain, StackSetSpec, Switch, Template,
    },
};

const AS: CallAs = CallAs::ManagementAccount;

/// As fast as it goes, and nothing may fail.
const STRICT: Preferences =
    Preferences { concurrency_percent: 100, tolerance_percent: 0, regions: RegionPace::Parallel };

/// Runs one future, with nothing beside it.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn aws() -> SimulatedAws {
    SimulatedAws::new(example_snapshot())
}

/// The OU with this path.
fn ou(aws: &SimulatedAws, path: &str) -> OuId {
    let organization = aws.organization();
    organization.units().find(|unit| organization.path(&unit.id) == path).unwrap().id.clone()
}

/// The account with this name.
fn account(aws: &SimulatedAws, name: &str) -> AccountId {
    aws.organization().accounts().find(|account| account.name == name).unwrap().id.clone()
}

fn set(name: &str) -> StackSetName {
    name.parse().unwrap()
}

fn id(name: &str) -> OperationId {
    name.parse().unwrap()
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn spec(name: &str, template: &str, auto_deployment: Switch) -> StackSetSpec {
    StackSetSpec {
        name: set(name),
        description: String::new(),
        template: Template::new(template.to_owned()),
        parameters: [("RingId".to_owned(), "abc12".to_owned())].into(),
        tags: [].into(),
        auto_deployment,
        targets: [].into(),
        regions: [].into(),
        preferences: STRICT,
    }
}

/// Makes an empty stack set with auto-deployment.
async fn make_set(aws: &SimulatedAws, name: &str) {
    let spec = spec(name, "one", Switch::On);
    aws.create_stack_set(AS, &spec, TemplateFrom::Body, "token").await.unwrap();
}

/// What a call names.
#[derive(Clone, Default)]
struct Named {
    ous: BTreeSet<OuId>,
    accounts: BTreeSet<AccountId>,
    regions: BTreeSet<Region>,
}

impl Named {
    /// Whole OUs by path.
    fn whole(aws: &SimulatedAws, paths: &[&str], regions: &[&str]) -> Self {
        Self {
            ous: paths.iter().map(|path| ou(aws, path)).collect(),
            accounts: BTreeSet::new(),
            regions: regions.iter().map(|name| region(name)).collect(),
        }
    }

    /// Single accounts by name.
    fn only(mut self, aws: &SimulatedAws, names: &[&str]) -> Self {
        self.accounts = names.iter().map(|name| account(aws, name)).collect();
        self
    }

    fn targets(&self) -> CallTargets<'_> {
        let Self { ous, accounts, regions } = self;
        let reach = if accounts.is_empty() { Reach::WholeOu } else { Reach::NamedAccounts };
        CallTargets { ous, reach, accounts, regions }
    }
}

async fn create(
    aws: &SimulatedAws,
    name: &str,
    named: &Named,
    operation: &str,
) -> Result<(), CloudError> {
    aws.create_instances(AS, &set(name), named.targets(), STRICT, &id(operation)).await
}

async fn delete(
    aws: &SimulatedAws,
    name: &str,
    named: &Named,
    retain: Retain,
    operation: &str,
) -> Result<(), CloudError> {
    aws.delete_instances(AS, &set(name), named.targets(), retain, STRICT, &id(operation)).await
}

/// Waits for an operation, and says how it ended and how many instances failed.
async fn wait(aws: &SimulatedAws, name: &str, operation: &str) -> (OperationStatus, u32) {
    loop {
        let progress = aws.operation_progress(AS, &set(name), &id(operation)).await.unwrap();
        match progress.status {
            OperationStatus::Queued | OperationStatus::Running => {
                aws.pause(Duration::from_secs(5)).await;
            }
            ended => return (ended, progress.failed),
        }
    }
}

/// A stack set with instances in the whole of these OUs, deployed.
async fn deployed(name: &str, paths: &[&str], regions: &[&str]) -> SimulatedAws {
    let aws = aws();
    make_set(&aws, name).await;
    let named = Named::whole(&aws, paths, regions);
    create(&aws, name, &named, "deployed").await.unwrap();
    wait(&aws, name, "deployed").await;
    aws
}

/// How an instance stands.
async fn status(
    aws: &SimulatedAws,
    name: &str,
    whose: &str,
    place: &str,
) -> Option<InstanceStatus> {
    let instances = aws.instances(AS, &set(name)).await.unwrap();
    instances.get(&(account(aws, whose), region(place))).map(|instance| instance.status)
}

/// The names of the accounts that have an instance.
async fn covered(aws: &SimulatedAws, name: &str) -> BTreeSet<String> {
    let organization = aws.organization();
    let instances = aws.instances(AS, &set(name)).await.unwrap();
    instances.keys().map(|(id, _)| organization.account(id).unwrap().name.clone()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
