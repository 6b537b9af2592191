//! One stack set: its template, its targets, and its instances.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, OuId, Region, StackSetName},
    plan::{
        Action, Aim, BlockReason, Blocked, Difference, Fate, InstanceTargets, StepId,
        TemplateSource, difference,
        removal::{Removal, batches, removal},
        steps::{ByAccount, Chain, Steps},
        take_back::take_back,
    },
    state::{
        InstanceStatus, Names, Preferences, Reach, RegionPace, Retain, StackSetSeen, StackSetSpec,
        Switch, Wish,
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
    /// Instances that should be there and that nobody but a person can bring back.
    pub(super) inoperable: BTreeSet<(AccountId, Region)>,
    /// OUs that auto-deployment follows although they are no target.
    pub(super) still_followed: BTreeSet<OuId>,
}

/// What a stack set's plan needs to know of everything around it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// What is known of accounts and OUs.
    pub(super) names: &'a Names,
    /// What is wished of the ring.
    pub(super) wish: &'a Wish,
}

impl Scope<'_> {
    /// Whether the ring covers an account in a Region, through whichever stack set.
    fn covers(self, account: &AccountId, region: &Region) -> bool {
        let Wish::There(deployment) = self.wish else { return false };
        deployment.stack_sets.values().any(|set| {
            set.regions.contains(region)
                && set.targets.values().any(|target| target.accounts.contains(account))
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
    let mut chain = Chain { steps, name, after: after.clone() };
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
            let fate = match scope.wish {
                Wish::There(_) => Fate::Kept,
                Wish::Gone(leaving) => {
                    if let Some(how) = &leaving.take_back {
                        take_back(&mut chain, have, how, scope.names);
                    }
                    Fate::Removed
                }
            };
            let removal = removal(want, have, scope.names, fate);
            plan.still_followed.clone_from(&removal.still_followed);
            remove(&mut chain, &removal, want, scope, &mut plan);
            if let Some(want) = want {
                update(&mut chain, want, have, &removal, template, scope.names, &mut plan);
                additions(&mut chain, want, Some(have), &removal, &mut plan);
            } else if removal.instances.len() == have.instances.len() {
                let action = Action::DeleteStackSet { stack_set: name.clone() };
                chain.push("delete", action, "the policy has no use for it any more");
            }
        }
    }
    plan.last = chain.after.into_iter().next().filter(|last| !after.contains(last));
    plan
}

fn remove(
    chain: &mut Chain<'_, '_>,
    removal: &Removal,
    want: Option<&StackSetSpec>,
    scope: Scope<'_>,
    plan: &mut SetPlan,
) {
    let preferences = want.map_or(REMOVAL, |want| want.preferences);
    let calls = removal.calls(scope.names, MOST_OUS);
    for (number, call) in calls.into_iter().enumerate() {
        let targets = call.targets;
        let again = targets
            .accounts
            .iter()
            .filter(|account| targets.regions.iter().any(|region| scope.covers(account, region)))
            .count();
        let left_behind = stays_in(&targets.accounts);
        let because = if call.retain == Retain::Keep {
            left_behind.as_str()
        } else if targets.accounts.is_empty() {
            "accounts that join these OUs are not to be enrolled any more"
        } else if want.is_none() && again == 0 {
            "the policy has no use for this stack set any more"
        } else if again == 0 {
            "the policy does not cover these any more"
        } else if again == targets.accounts.len() {
            "they are made anew, since they have to be named through another OU or stack set"
        } else {
            "some are not covered any more, the others are made anew through another OU or stack set"
        };
        let accounts = targets.accounts.clone();
        let action = Action::RemoveInstances {
            stack_set: chain.name.clone(),
            targets,
            retain: call.retain,
            preferences,
        };
        let step = chain.push(&format!("remove-{}", number + 1), action, because);
        for account in accounts {
            plan.removals.entry(account).or_default().insert(step.clone());
        }
    }
}

/// Whoever reads a plan must find each account that keeps stacks which no run will delete any more.
fn stays_in(accounts: &BTreeSet<AccountId>) -> String {
    let named: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    format!(
        "stacks can't be deleted now in account {}, which is not active or where a deletion failed before; delete them by hand",
        named.join(", ")
    )
}

/// Gives the set another template, parameters or tags; where nothing of it is different, only tries
/// again what an earlier operation left outdated.
fn update(
    chain: &mut Chain<'_, '_>,
    want: &StackSetSpec,
    have: &StackSetSeen,
    removal: &Removal,
    template: &TemplateSource,
    names: &Names,
    plan: &mut SetPlan,
) {
    if have.managed_execution == Switch::Off {
        chain.push(
            "managed-execution",
            Action::TurnOnManagedExecution { stack_set: want.name.clone() },
            "without it a second operation is refused instead of queued",
        );
    }
    let staying = have.instances.iter().filter(|(key, _)| !removal.instances.contains(*key));
    let mut outdated = Outdated::new();
    for ((account, region), instance) in staying {
        // In an account that is not active nobody can do anything.
        if !names.active.contains(account) {
            continue;
        }
        match (instance.status, named_through(want, account, instance.ou.as_ref())) {
            // What was left out because its account was suspended is tried once that is active again.
            (InstanceStatus::Outdated | InstanceStatus::SkippedSuspended, Some(ou)) => {
                outdated.entry((ou, account)).or_default().insert(region.clone());
            }
            (InstanceStatus::Inoperable, _) => {
                plan.inoperable.insert((account.clone(), region.clone()));
            }
            (
                InstanceStatus::Current
                | InstanceStatus::Outdated
                | InstanceStatus::SkippedSuspended,
                _,
            ) => {}
        }
    }
    let changes = changes(want, have);
    if !changes.is_empty() {
        let action = Action::UpdateStackSet {
            spec: Box::new(want.clone()),
            template: template.clone(),
            changes,
        };
        let step = chain.push("update", action, "it differs from the policy");
        // An update makes what is outdated, so it waits where that is still in another stack set.
        for (_, account) in outdated.into_keys() {
            plan.additions.entry(account.clone()).or_default().insert(step.clone());
        }
        return;
    }
    let because = "an earlier operation left them outdated";
    for (accounts, step) in retry(chain, outdated, want.preferences, because) {
        for account in accounts {
            plan.additions.entry(account).or_default().insert(step.clone());
        }
    }
}

/// The OU by which an account is to be named: the one that its instance was made through, or, where it has
/// left that, the target that it is in now. An operation reaches only who is in the OU that it names.
pub(super) fn named_through<'a>(
    want: &'a StackSetSpec,
    account: &AccountId,
    through: Option<&'a OuId>,
) -> Option<&'a OuId> {
    let covers =
        |ou: &&OuId| want.targets.get(*ou).is_some_and(|target| target.accounts.contains(account));
    through.filter(covers).or_else(|| want.targets.keys().find(covers))
}

/// Instances to try again: the OU by which each must be named, and the Regions.
pub(super) type Outdated<'a> = BTreeMap<(&'a OuId, &'a AccountId), BTreeSet<Region>>;

/// Tries instances again and touches no other, in as few calls as that takes.
///
/// Creating an instance that is there and outdated tries it again (API reference of
/// `CreateStackInstances`); an update would run through all of them.
pub(super) fn retry(
    chain: &mut Chain<'_, '_>,
    outdated: Outdated<'_>,
    preferences: Preferences,
    because: &str,
) -> Vec<(BTreeSet<AccountId>, StepId)> {
    let mut groups: BTreeMap<BTreeSet<Region>, BTreeMap<OuId, BTreeSet<AccountId>>> =
        BTreeMap::new();
    for ((ou, account), regions) in outdated {
        let group = groups.entry(regions).or_default();
        group.entry(ou.clone()).or_default().insert(account.clone());
    }
    let mut steps = Vec::new();
    for (regions, named) in groups {
        for (ous, accounts) in batches(named, MOST_OUS) {
            let targets = InstanceTargets {
                ous,
                reach: Reach::NamedAccounts,
                accounts: accounts.clone(),
                regions: regions.clone(),
            };
            let stack_set = chain.name.clone();
            let aim = Aim::Retry;
            let action = Action::AddInstances { aim, stack_set, targets, preferences };
            let step = chain.push(&format!("retry-{}", steps.len() + 1), action, because);
            steps.push((accounts, step));
        }
    }
    steps
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
            // An OU that auto-deployment does not follow yet is named, whether or not it has accounts.
            let followed = have
                .and_then(|have| have.targets.get(ou))
                .is_some_and(|regions| regions.contains(region))
                && !removal.emptied.contains(&(ou.clone(), region.clone()));
            let to_follow = want.auto_deployment == Switch::On && !followed;
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
    for ((reach, regions), named) in groups {
        for (ous, accounts) in batches(named, MOST_OUS) {
            number += 1;
            let because = if accounts.is_empty() {
                "accounts that join these OUs are to be enrolled"
            } else {
                "the policy covers these, and they have no instance"
            };
            let targets = InstanceTargets {
                ous,
                reach,
                accounts: accounts.clone(),
                regions: regions.clone(),
            };
            let action = Action::AddInstances {
                aim: Aim::New,
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
