//! One stack set: its template, its targets, and its instances.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, OuId, Region, StackSetName},
    plan::{
        Action, BlockReason, Blocked, ByAccount, Difference, InstanceTargets, StepId, Steps,
        TemplateSource, difference,
    },
    state::{
        Deployment, InstanceSeen, InstanceStatus, Names, Preferences, Reach, RegionPace, Retain,
        StackSetSeen, StackSetSpec, Switch,
    },
};

/// OUs in one StackSets call (API reference: "a maximum of 50 organizational units").
const MOST_OUS: usize = 50;

/// The pace of a removal whose policy says nothing about it any more.
const REMOVAL: Preferences =
    Preferences { concurrency_percent: 25, tolerance_percent: 10, regions: RegionPace::Parallel };

/// What was planned for one stack set.
#[derive(Debug, Default)]
pub(super) struct SetPlan {
    /// The steps that delete instances, by account.
    pub(super) removals: ByAccount,
    /// The steps that make instances, by account.
    pub(super) additions: ByAccount,
    /// The last step, which whatever comes behind the set waits for.
    pub(super) last: Option<StepId>,
    /// Instances that nobody but a person can bring back.
    pub(super) inoperable: BTreeSet<(AccountId, Region)>,
}

/// Steps on one stack set, each waiting for the one before: CloudFormation runs one operation at a time.
struct Chain<'a, 'b> {
    steps: &'a mut Steps<'b>,
    name: &'a StackSetName,
    after: BTreeSet<StepId>,
    last_operation: Option<&'a crate::ids::OperationId>,
}

impl Chain<'_, '_> {
    fn push(&mut self, id: &str, action: Action, because: &str) -> StepId {
        let id = format!("stack-set/{}/{id}", self.name);
        let after = std::mem::take(&mut self.after);
        let step = self.steps.push(&id, action, because, after, self.last_operation);
        self.after = BTreeSet::from([step.clone()]);
        step
    }
}

/// What a stack set's plan needs to know of everything around it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// What is known of accounts and OUs.
    pub(super) names: &'a Names,
    /// What the ring should be; none where it should be gone.
    pub(super) deployment: Option<&'a Deployment>,
}

impl Scope<'_> {
    /// Whether the ring covers an account in a Region, through whichever stack set.
    fn covers(self, account: &AccountId, region: &Region) -> bool {
        self.deployment.is_some_and(|deployment| {
            deployment.stack_sets.values().any(|set| {
                set.regions.contains(region)
                    && set.targets.values().any(|target| target.accounts.contains(account))
            })
        })
    }
}

/// Plans one stack set that is there, is wanted, or both.
pub(super) fn plan_stack_set(
    steps: &mut Steps<'_>,
    name: &StackSetName,
    want: Option<&StackSetSpec>,
    have: Option<&StackSetSeen>,
    template: &TemplateSource,
    scope: Scope<'_>,
    after: &BTreeSet<StepId>,
) -> SetPlan {
    let mut chain = Chain {
        steps,
        name,
        after: after.clone(),
        last_operation: have.and_then(|have| have.last_operation.as_ref()),
    };
    let mut plan = SetPlan::default();
    match (want, have) {
        (None, None) => {}
        (Some(want), None) => {
            let action =
                Action::CreateStackSet { spec: Box::new(want.clone()), template: template.clone() };
            chain.push("create", action, "it does not exist");
            additions(&mut chain, want, None, &Removal::default(), &mut plan);
        }
        (want, Some(have)) => {
            for operation in &have.running {
                let id = format!("wait/{}", operation.id);
                let action = Action::WaitForOperation {
                    stack_set: name.clone(),
                    operation: operation.id.clone(),
                };
                chain.push(&id, action, &format!("a {} operation runs already", operation.action));
            }
            let removals = removals(want, have, scope.names);
            remove(&mut chain, &removals, want, scope, &mut plan);
            match want {
                Some(want) => {
                    update(&mut chain, want, have, &removals, template, &mut plan);
                    additions(&mut chain, want, Some(have), &removals, &mut plan);
                }
                None => {
                    chain.push(
                        "delete",
                        Action::DeleteStackSet { stack_set: name.clone() },
                        "the policy has no use for it any more",
                    );
                }
            }
        }
    }
    plan.last = chain.after.into_iter().next().filter(|last| !after.contains(last));
    plan
}

/// Instances to delete.
#[derive(Debug, Default)]
struct Removal {
    /// Whole OUs, by the Regions in which they go.
    whole: BTreeMap<OuId, BTreeSet<Region>>,
    /// Single accounts: the OU by which each must be named, whether its stack can be deleted, and the Regions.
    single: BTreeMap<(OuId, AccountId, Retain), BTreeSet<Region>>,
    /// All instances that go.
    instances: BTreeSet<(AccountId, Region)>,
}

fn removals(want: Option<&StackSetSpec>, have: &StackSetSeen, names: &Names) -> Removal {
    // By the OU that was named when they were made, since they can be named by no other.
    let mut by_ou: BTreeMap<&OuId, Vec<(&AccountId, &Region)>> = BTreeMap::new();
    for ((account, region), instance) in &have.instances {
        if let Some(ou) = recorded_ou(account, instance, want, names) {
            by_ou.entry(ou).or_default().push((account, region));
        }
    }
    let recorded: BTreeSet<&OuId> = by_ou.keys().copied().chain(have.targets.keys()).collect();
    let mut removal = Removal::default();
    for ou in recorded {
        let instances = by_ou.get(ou).map_or(&[][..], Vec::as_slice);
        let followed = have.targets.get(ou);
        let regions: BTreeSet<&Region> = instances
            .iter()
            .map(|(_, region)| *region)
            .chain(followed.into_iter().flatten())
            .collect();
        for region in regions {
            let here: Vec<&AccountId> = instances
                .iter()
                .filter(|(_, of)| *of == region)
                .map(|(account, _)| *account)
                .collect();
            let going: Vec<&AccountId> = here
                .iter()
                .copied()
                .filter(|account| !stays(want, ou, account, region, names))
                .collect();
            let is_wanted = want
                .is_some_and(|want| want.targets.contains_key(ou) && want.regions.contains(region));
            let as_a_whole = !is_wanted && going.len() == here.len();
            let is_active = |account: &&AccountId| names.active.contains(*account);
            for account in &going {
                removal.instances.insert(((*account).clone(), region.clone()));
                // A whole OU takes its accounts with it, but for those that nobody can enter.
                if as_a_whole && is_active(account) {
                    continue;
                }
                let retain = if is_active(account) { Retain::Delete } else { Retain::Keep };
                let key = (ou.clone(), (*account).clone(), retain);
                removal.single.entry(key).or_default().insert(region.clone());
            }
            // Auto-deployment must not follow an OU that is no target any more.
            let unfollow = followed.is_some_and(|regions| regions.contains(region))
                && want.is_some_and(|want| want.auto_deployment == Switch::On);
            if as_a_whole && (unfollow || going.iter().any(is_active)) {
                removal.whole.entry(ou.clone()).or_default().insert(region.clone());
            }
        }
    }
    removal
}

/// The OU by which an instance must be named. Where AWS does not say, the target that covers it.
fn recorded_ou<'a>(
    account: &AccountId,
    instance: &'a InstanceSeen,
    want: Option<&'a StackSetSpec>,
    names: &'a Names,
) -> Option<&'a OuId> {
    let covering = || {
        let targets = want.into_iter().flat_map(|want| &want.targets);
        targets.filter(|(_, target)| target.accounts.contains(account)).map(|(ou, _)| ou).next()
    };
    instance.ou.as_ref().or_else(covering).or_else(|| names.parents.get(account))
}

/// Whether an instance that was made through an OU is as it should be.
fn stays(
    want: Option<&StackSetSpec>,
    ou: &OuId,
    account: &AccountId,
    region: &Region,
    names: &Names,
) -> bool {
    let Some(want) = want.filter(|want| want.regions.contains(region)) else { return false };
    if let Some(target) = want.targets.get(ou) {
        // A suspended account inside a whole OU stays there: StackSets skips it.
        let skipped = target.reach == Reach::WholeOu
            && names.accounts.contains_key(account)
            && !names.active.contains(account)
            && is_below(account, ou, names);
        if skipped || target.accounts.contains(account) {
            return true;
        }
    }
    // Without auto-deployment it does not matter through which OU an instance was made.
    want.auto_deployment == Switch::Off
        && want.targets.values().any(|target| target.accounts.contains(account))
}

/// Whether an account sits in an OU or below it, as far as the paths tell.
fn is_below(account: &AccountId, ou: &OuId, names: &Names) -> bool {
    let (Some(parent), Some(path)) = (names.parents.get(account), names.units.get(ou)) else {
        return false;
    };
    names.units.get(parent).is_some_and(|parent| {
        ou.is_root()
            || parent == path
            || parent.strip_prefix(path.as_ref()).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// OUs, and the accounts that are meant in them.
type Named = (BTreeSet<OuId>, BTreeSet<AccountId>);

fn remove(
    chain: &mut Chain<'_, '_>,
    removal: &Removal,
    want: Option<&StackSetSpec>,
    scope: Scope<'_>,
    plan: &mut SetPlan,
) {
    let preferences = want.map_or(REMOVAL, |want| want.preferences);
    let reason = |targets: &InstanceTargets| {
        let again = targets
            .accounts
            .iter()
            .filter(|account| targets.regions.iter().any(|region| scope.covers(account, region)))
            .count();
        if want.is_none() && again == 0 {
            "the policy has no use for this stack set any more"
        } else if again == 0 {
            "the policy does not cover these any more"
        } else if again == targets.accounts.len() {
            "they are made anew, since they have to be named through another OU or stack set"
        } else {
            "some are not covered any more, the others are made anew through another OU or stack set"
        }
    };
    // Single accounts first: what can't be entered must be gone before its OU is deleted as a whole.
    let mut single: BTreeMap<(Retain, &BTreeSet<Region>), Named> = BTreeMap::new();
    for ((ou, account, retain), regions) in &removal.single {
        let (ous, accounts) = single.entry((*retain, regions)).or_default();
        ous.insert(ou.clone());
        accounts.insert(account.clone());
    }
    let mut number = 0;
    let mut push = |chain: &mut Chain<'_, '_>, targets: InstanceTargets, retain, because: &str| {
        number += 1;
        let accounts = targets.accounts.clone();
        let action =
            Action::RemoveInstances { stack_set: chain.name.clone(), targets, retain, preferences };
        let step = chain.push(&format!("remove-{number}"), action, because);
        for account in accounts {
            plan.removals.entry(account).or_default().insert(step.clone());
        }
    };
    for ((retain, regions), (ous, accounts)) in single {
        for batch in batches(&ous) {
            let targets = InstanceTargets {
                ous: batch,
                reach: Reach::NamedAccounts,
                accounts: accounts.clone(),
                regions: regions.clone(),
            };
            let because = match retain {
                Retain::Delete => reason(&targets),
                Retain::Keep => "these accounts can't be entered any more",
            };
            push(chain, targets, retain, because);
        }
    }
    let mut whole: BTreeMap<&BTreeSet<Region>, BTreeSet<OuId>> = BTreeMap::new();
    for (ou, regions) in &removal.whole {
        whole.entry(regions).or_default().insert(ou.clone());
    }
    for (regions, ous) in whole {
        let kept: BTreeSet<&AccountId> =
            removal.single.keys().map(|(_, account, _)| account).collect();
        let accounts = removal
            .instances
            .iter()
            .filter(|(account, region)| regions.contains(region) && !kept.contains(account))
            .map(|(account, _)| account.clone())
            .collect::<BTreeSet<_>>();
        for batch in batches(&ous) {
            let targets = InstanceTargets {
                ous: batch,
                reach: Reach::WholeOu,
                accounts: accounts.clone(),
                regions: regions.clone(),
            };
            let because = reason(&targets);
            push(chain, targets, Retain::Delete, because);
        }
    }
}

fn batches(ous: &BTreeSet<OuId>) -> Vec<BTreeSet<OuId>> {
    let all: Vec<&OuId> = ous.iter().collect();
    all.chunks(MOST_OUS).map(|batch| batch.iter().map(|ou| (*ou).clone()).collect()).collect()
}

fn update(
    chain: &mut Chain<'_, '_>,
    want: &StackSetSpec,
    have: &StackSetSeen,
    removal: &Removal,
    template: &TemplateSource,
    plan: &mut SetPlan,
) {
    if have.managed_execution == Switch::Off {
        chain.push(
            "managed-execution",
            Action::TurnOnManagedExecution { stack_set: want.name.clone() },
            "without it a second operation is refused instead of queued",
        );
    }
    let changes = changes(want, have);
    let staying = have.instances.iter().filter(|(key, _)| !removal.instances.contains(*key));
    let mut retried = BTreeSet::new();
    for ((account, region), instance) in staying {
        match instance.status {
            InstanceStatus::Outdated => {
                retried.insert(account.clone());
            }
            InstanceStatus::Inoperable => {
                plan.inoperable.insert((account.clone(), region.clone()));
            }
            InstanceStatus::Current | InstanceStatus::SkippedSuspended => {}
        }
    }
    // What is outdated while an operation runs may well be its work; the next plan will tell.
    if !have.running.is_empty() {
        retried.clear();
    }
    if changes.is_empty() && retried.is_empty() {
        return;
    }
    let because = if changes.is_empty() {
        "an earlier operation left instances outdated"
    } else {
        "it differs from the policy"
    };
    let action = Action::UpdateStackSet {
        spec: Box::new(want.clone()),
        template: template.clone(),
        changes,
        retried,
    };
    chain.push("update", action, because);
}

fn changes(want: &StackSetSpec, have: &StackSetSeen) -> Vec<Difference> {
    let mut changes = difference::of_templates(&have.template, want.template.body());
    changes.extend(difference::of_maps("parameter", &have.parameters, &want.parameters));
    changes.extend(difference::of_maps("tag", &have.tags, &want.tags));
    if have.auto_deployment != want.auto_deployment {
        changes.push(Difference {
            what: "auto-deployment".to_owned(),
            before: Some(have.auto_deployment.to_string()),
            after: Some(want.auto_deployment.to_string()),
        });
    }
    changes
}

fn additions(
    chain: &mut Chain<'_, '_>,
    want: &StackSetSpec,
    have: Option<&StackSetSeen>,
    removal: &Removal,
    plan: &mut SetPlan,
) {
    let is_there = |account: &AccountId, region: &Region| {
        let key = (account.clone(), region.clone());
        have.is_some_and(|have| have.instances.contains_key(&key))
            && !removal.instances.contains(&key)
    };
    // OUs that lack the same Regions go into one call, so that a first rollout is one operation.
    let mut groups: BTreeMap<(Reach, BTreeSet<Region>), BTreeMap<OuId, BTreeSet<AccountId>>> =
        BTreeMap::new();
    for (ou, target) in &want.targets {
        let mut regions = BTreeSet::new();
        let mut accounts = BTreeSet::new();
        for region in &want.regions {
            let missing: Vec<&AccountId> =
                target.accounts.iter().filter(|account| !is_there(account, region)).collect();
            // An OU without accounts is named once, so that auto-deployment follows it.
            let followed =
                have.and_then(|have| have.targets.get(ou)).is_some_and(|of| of.contains(region));
            let to_follow =
                target.accounts.is_empty() && want.auto_deployment == Switch::On && !followed;
            if to_follow || !missing.is_empty() {
                regions.insert(region.clone());
                accounts.extend(missing.into_iter().cloned());
            }
        }
        if !regions.is_empty() {
            groups.entry((target.reach, regions)).or_default().insert(ou.clone(), accounts);
        }
    }
    let mut number = 0;
    for ((reach, regions), ous) in groups {
        for batch in batches(&ous.keys().cloned().collect()) {
            number += 1;
            let accounts: BTreeSet<AccountId> =
                batch.iter().flat_map(|ou| &ous[ou]).cloned().collect();
            let because = if accounts.is_empty() {
                "accounts that join these OUs are to be enrolled"
            } else {
                "the policy covers these, and they have no instance"
            };
            let targets = InstanceTargets {
                ous: batch,
                reach,
                accounts: accounts.clone(),
                regions: regions.clone(),
            };
            let action = Action::AddInstances {
                stack_set: want.name.clone(),
                targets,
                preferences: want.preferences,
            };
            let step = chain.push(&format!("add-{number}"), action, because);
            for account in accounts {
                plan.additions.entry(account).or_default().insert(step.clone());
            }
        }
    }
}

/// A set that can't be read or is not ours.
pub(super) fn blocked(name: &StackSetName, because: BlockReason) -> Blocked {
    Blocked { subject: format!("the stack set {name}"), because }
}
