//! What is left of each step of a plan.
//!
//! StackSets can name accounts when it makes and deletes instances, and can't when it updates a set. And
//! some things belong together, whoever is named: what is deleted in one place and made anew in another.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, OuId, Region, StackSetName},
    plan::{
        Action, InstanceTargets, Loss, Plan, Step,
        narrow::{
            selection::{Selection, above},
            targets::{Lot, Reached, cut},
            together::{moving, scattered},
        },
    },
    state::{Reach, StackSetSpec},
};

/// What is left of a plan's steps.
pub(super) struct Cut<'a> {
    pub(super) plan: &'a Plan,
    pub(super) selection: &'a Selection,
    /// Accounts that are deleted in one place and made anew in another, by now or by another ring.
    pub(super) moving: BTreeSet<&'a AccountId>,
    /// Accounts that are deleted from several stack sets.
    scattered: BTreeSet<&'a AccountId>,
    /// Those of them to which nothing is done, since not all of it is selected.
    pub(super) held: BTreeSet<&'a AccountId>,
    /// OUs that a stack set must not name, since it still follows one above or below them.
    pub(super) barred: BTreeSet<(&'a StackSetName, &'a OuId)>,
    /// For each step of the plan, what is left of it.
    pub(super) steps: Vec<Option<Step>>,
}

/// What holds for each stack set, while some accounts are held.
#[derive(Default)]
struct Facts<'a> {
    /// Sets that are updated.
    updated: BTreeSet<&'a StackSetName>,
    /// Sets that would have to take back before anything is deleted, and don't.
    locked: BTreeSet<&'a StackSetName>,
    /// OUs in or below which somebody stays who was to be deleted.
    inhabited: BTreeMap<&'a StackSetName, BTreeSet<&'a OuId>>,
}

impl<'a> Cut<'a> {
    /// Cuts a plan. What can't be done in part is held back as a whole, which may hold back more.
    pub(super) fn new(plan: &'a Plan, selection: &'a Selection) -> Self {
        let mut cut = Self {
            plan,
            selection,
            moving: moving(plan),
            scattered: scattered(plan),
            held: BTreeSet::new(),
            barred: BTreeSet::new(),
            steps: Vec::new(),
        };
        loop {
            cut.steps = cut.all_steps();
            let known = (cut.held.len(), cut.barred.len());
            cut.hold();
            cut.bar();
            if known == (cut.held.len(), cut.barred.len()) {
                return cut;
            }
        }
    }

    /// The steps of the plan, each with what is left of it.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'a Step, Option<&Step>)> {
        self.plan.steps.iter().zip(self.steps.iter().map(Option::as_ref))
    }

    /// The steps that are left.
    pub(super) fn left(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flatten()
    }

    fn all_steps(&self) -> Vec<Option<Step>> {
        let facts = self.facts();
        let steps = self.plan.steps.iter();
        let mut left: Vec<Option<Step>> = steps.map(|step| self.step(step, &facts)).collect();
        self.whole_sets(&mut left);
        self.endings(&mut left);
        self.uploads(&mut left);
        left
    }

    fn is_wanted(&self, account: &AccountId) -> bool {
        self.selection.covers_account(account) && !self.held.contains(account)
    }

    fn facts(&self) -> Facts<'a> {
        let mut facts = Facts::default();
        let mut in_part: BTreeSet<&StackSetName> = BTreeSet::new();
        let mut unselected: BTreeSet<&StackSetName> = BTreeSet::new();
        for step in &self.plan.steps {
            let Action::RemoveInstances { stack_set, targets, .. } = &step.action else { continue };
            let is_selected = |account: &AccountId| self.selection.covers_account(account);
            let has_regions = targets.regions.iter().all(|r| self.selection.covers_region(r));
            if !has_regions || !targets.accounts.iter().all(is_selected) {
                unselected.insert(stack_set);
            }
            if !has_regions || !targets.accounts.iter().all(|account| self.is_wanted(account)) {
                in_part.insert(stack_set);
            }
            for account in targets.accounts.iter().filter(|account| !self.is_wanted(account)) {
                let through = self.through(account, &targets.ous, &step.action);
                let seat = self.plan.names.parents.get(account);
                let ous = through.into_iter().chain(seat);
                let inhabited = facts.inhabited.entry(stack_set).or_default();
                inhabited.extend(ous.flat_map(|ou| above(&self.plan.names, ou)));
            }
        }
        for step in &self.plan.steps {
            match &step.action {
                Action::TakeBack { spec, places } => {
                    let all = places.iter().all(|(account, region)| {
                        self.is_wanted(account) && self.selection.covers_region(region)
                    });
                    if !all || in_part.contains(&spec.name) {
                        facts.locked.insert(&spec.name);
                    }
                }
                Action::UpdateStackSet { spec, .. }
                    if !unselected.contains(&spec.name) && self.covers_all_of(spec) =>
                {
                    facts.updated.insert(&spec.name);
                }
                _ => {}
            }
        }
        facts
    }

    /// Whether a stack set has nothing where nothing is selected.
    fn covers_all_of(&self, spec: &StackSetSpec) -> bool {
        let mut accounts = spec.targets.values().flat_map(|target| &target.accounts);
        spec.regions.iter().all(|region| self.selection.covers_region(region))
            && accounts.all(|account| self.selection.covers_account(account))
    }

    /// The OUs of a call by which an account may be meant. An instance is named by the OU through which it was
    /// made, and its account may have left that. Where it is not known not to have, it may be any.
    fn through<'b>(
        &self,
        account: &AccountId,
        ous: &'b BTreeSet<OuId>,
        action: &Action,
    ) -> BTreeSet<&'b OuId> {
        let names = &self.plan.names;
        let has_stayed = match self.plan.losses.get(account) {
            None | Some(Loss::Moved { .. } | Loss::OtherRing { .. } | Loss::NotListed) => false,
            Some(_) => !self.scattered.contains(account),
        };
        let is_sure = has_stayed || !matches!(action, Action::RemoveInstances { .. });
        let seat = names.parents.get(account).filter(|_| is_sure);
        let above: BTreeSet<&OuId> = seat.into_iter().flat_map(|ou| above(names, ou)).collect();
        let through: BTreeSet<&OuId> = ous.iter().filter(|ou| above.contains(ou)).collect();
        if through.is_empty() { ous.iter().collect() } else { through }
    }

    fn step(&self, step: &'a Step, facts: &Facts<'a>) -> Option<Step> {
        if !self.selection.covers_ring(&step.ring) {
            return None;
        }
        let stays = match &step.action {
            Action::AddInstances { stack_set, targets, .. } => {
                let targets = self.additions(step, stack_set, targets, facts)?;
                return Some(with_targets(step, targets));
            }
            Action::RemoveInstances { stack_set, targets, .. } => {
                let targets = self.removals(step, stack_set, targets, facts)?;
                return Some(with_targets(step, targets));
            }
            Action::UpdateStackSet { spec, .. } => facts.updated.contains(&spec.name),
            Action::TakeBack { spec, .. } => !facts.locked.contains(&spec.name),
            Action::CreateStack { spec, .. }
            | Action::UpdateStack { spec, .. }
            | Action::TakeBackInStack { spec } => self.has_stack(step, &spec.region),
            Action::DeleteStack { region, .. } => self.has_stack(step, region),
            _ => true,
        };
        stays.then(|| step.clone())
    }

    /// Whether a stack in the owner account is meant: its own stacks are like those of any account, and
    /// everything else there is the ring's.
    fn has_stack(&self, step: &Step, region: &Region) -> bool {
        !is_own_stack(step)
            || (self.is_wanted(&self.plan.owner.account) && self.selection.covers_region(region))
    }

    fn additions(
        &self,
        step: &Step,
        stack_set: &StackSetName,
        targets: &InstanceTargets,
        facts: &Facts<'_>,
    ) -> Option<InstanceTargets> {
        let later = if facts.updated.contains(stack_set) {
            BTreeSet::new()
        } else {
            self.needing_an_update(stack_set)
        };
        let is_meant =
            |region: &&Region| self.selection.covers_region(region) && !later.contains(*region);
        let regions: BTreeSet<Region> = targets.regions.iter().filter(is_meant).cloned().collect();
        let mut allowed = targets.clone();
        allowed.ous.retain(|ou| !self.barred.contains(&(stack_set, ou)));
        let reached: Vec<Reached<'_>> = targets
            .accounts
            .iter()
            .map(|account| {
                let mut through = self.through(account, &targets.ous, &step.action);
                through.retain(|ou| allowed.ous.contains(*ou));
                let stays = self.is_wanted(account) && !through.is_empty();
                let lot = if stays { Lot::Stays } else { Lot::Left };
                Reached { account, through, lot }
            })
            .collect();
        cut(&allowed, regions, &reached, |ou| self.selection.covers_whole(ou))
    }

    /// The Regions that are new to a stack set that is not updated: its template knows nothing of them.
    pub(super) fn needing_an_update(&self, stack_set: &StackSetName) -> BTreeSet<&'a Region> {
        let updates = self.plan.steps.iter().filter_map(|step| match &step.action {
            Action::UpdateStackSet { spec, changes, .. } if spec.name == *stack_set => {
                Some((&spec.regions, changes))
            }
            _ => None,
        });
        updates
            .flat_map(|(regions, changes)| {
                regions.iter().filter(move |region| {
                    let is_it = |part: &str| part == region.as_str();
                    changes.iter().any(|change| {
                        change.before.is_none() && change.what.split(['.', ' ']).any(is_it)
                    })
                })
            })
            .collect()
    }

    fn removals(
        &self,
        step: &Step,
        stack_set: &StackSetName,
        targets: &InstanceTargets,
        facts: &Facts<'_>,
    ) -> Option<InstanceTargets> {
        if facts.locked.contains(stack_set) {
            return None;
        }
        let is_meant = |region: &&Region| self.selection.covers_region(region);
        let regions: BTreeSet<Region> = targets.regions.iter().filter(is_meant).cloned().collect();
        let reached: Vec<Reached<'_>> = targets
            .accounts
            .iter()
            .map(|account| {
                let lot = if !self.is_wanted(account) {
                    Lot::Left
                } else if self.loses_in(account, &regions) {
                    Lot::Stays
                } else {
                    Lot::Untouched
                };
                let through = self.through(account, &targets.ous, &step.action);
                Reached { account, through, lot }
            })
            .collect();
        let inhabited = facts.inhabited.get(stack_set);
        let takes_whole = |ou: &OuId| {
            self.selection.covers_whole(ou) && inhabited.is_none_or(|ous| !ous.contains(ou))
        };
        let mut left = cut(targets, regions, &reached, takes_whole)?;
        if targets.reach == Reach::NamedAccounts {
            // Which account was made through which of the OUs is not known for sure, and none is too many.
            left.ous.clone_from(&targets.ous);
        }
        Some(left)
    }

    /// Whether an account loses something in one of these Regions. Of one that is not active that is not
    /// known.
    fn loses_in(&self, account: &AccountId, regions: &BTreeSet<Region>) -> bool {
        let change = self.plan.coverage.accounts.get(account);
        !self.plan.names.active.contains(account)
            || change.is_none_or(|change| {
                change.removed.iter().chain(&change.remade).any(|region| regions.contains(region))
            })
    }
}

/// Whether a step is about a stack that the owner account has as other accounts have their instances.
pub(super) fn is_own_stack(step: &Step) -> bool {
    let rest = step.id.as_str().strip_prefix(step.ring.as_str());
    rest.is_some_and(|rest| rest.starts_with("/own-stack/"))
}

/// The targets of a step that makes or deletes instances.
pub(super) fn instances(step: &Step) -> Option<&InstanceTargets> {
    match &step.action {
        Action::AddInstances { targets, .. } | Action::RemoveInstances { targets, .. } => {
            Some(targets)
        }
        _ => None,
    }
}

fn with_targets(step: &Step, cut: InstanceTargets) -> Step {
    let mut step = step.clone();
    if let Action::AddInstances { targets, .. } | Action::RemoveInstances { targets, .. } =
        &mut step.action
    {
        *targets = cut;
    }
    step
}
