//! What belongs together: it is done as a whole, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, OuId, Region, StackSetName},
    plan::{
        Action, Aim, InstanceTargets, Plan, Step,
        narrow::{
            cut::{Cut, instances, is_own_stack},
            selection::above,
        },
    },
    state::Reach,
};

impl<'a> Cut<'a> {
    /// Finds moving accounts of which only a part would be done.
    pub(super) fn hold(&mut self) {
        let mut held = BTreeSet::new();
        for (step, rest) in self.pairs() {
            let Some(targets) = moved_by(step) else { continue };
            let rest = rest.and_then(moved_by);
            let is_done = |account: &AccountId| {
                rest.is_some_and(|rest| {
                    rest.regions == targets.regions && rest.accounts.contains(account)
                })
            };
            let moving = targets.accounts.iter().filter(|account| self.moving.contains(account));
            held.extend(moving.filter(|account| !is_done(account)));
        }
        let owner = &self.plan.owner.account;
        let is_cut = |(step, rest): (&Step, Option<&Step>)| is_own_stack(step) && rest.is_none();
        if self.moving.contains(owner) && self.pairs().any(is_cut) {
            held.insert(owner);
        }
        for account in self.moving.iter().copied() {
            let Some(change) = self.plan.coverage.accounts.get(account) else { continue };
            let is_cut = |ring| !self.selection.covers_ring(ring);
            if change.left.as_ref().is_some_and(|left| is_cut(left) || is_cut(&change.ring)) {
                held.insert(account);
            }
        }
        self.held.extend(held);
    }

    /// Finds OUs that would be named while the stack set still follows one above or below them. How StackSets
    /// treats that, AWS does not say.
    pub(super) fn bar(&mut self) {
        let mut followed: BTreeSet<(&'a StackSetName, &'a OuId)> = BTreeSet::new();
        for (step, rest) in self.pairs() {
            let Action::RemoveInstances { stack_set, targets, .. } = &step.action else { continue };
            if targets.reach != Reach::WholeOu {
                continue;
            }
            let rest = rest
                .and_then(instances)
                .filter(|rest| rest.reach == Reach::WholeOu && rest.regions == targets.regions);
            let is_let_go = |ou: &OuId| rest.is_some_and(|rest| rest.ous.contains(ou));
            followed
                .extend(targets.ous.iter().filter(|ou| !is_let_go(ou)).map(|ou| (stack_set, ou)));
        }
        let names = &self.plan.names;
        let is_below = |ou: &OuId, other: &OuId| above(names, ou).skip(1).any(|ou| ou == other);
        let mut barred = BTreeSet::new();
        for (step, rest) in self.pairs() {
            let Action::AddInstances { stack_set, targets, .. } = &step.action else { continue };
            let Some(rest) = rest.and_then(instances) else { continue };
            for ou in targets.ous.iter().filter(|ou| rest.ous.contains(*ou)) {
                let meets = |(set, other): &(&StackSetName, &OuId)| {
                    *set == stack_set && (is_below(ou, other) || is_below(other, ou))
                };
                if followed.iter().any(meets) {
                    barred.insert((stack_set, ou));
                }
            }
        }
        self.barred.extend(barred);
    }
}

/// The targets of a step that makes or deletes instances, unless it only tries again what is there.
fn moved_by(step: &Step) -> Option<&InstanceTargets> {
    instances(step).filter(|_| !step.is_retry())
}

/// Accounts that are deleted in one place and made anew in another: another stack set, or the same one
/// through another OU. And those that move between rings.
pub(super) fn moving(plan: &Plan) -> BTreeSet<&AccountId> {
    type Places<'a> = Vec<(&'a StackSetName, &'a BTreeSet<Region>)>;
    let mut removed: BTreeMap<&AccountId, Places<'_>> = BTreeMap::new();
    for step in &plan.steps {
        if let Action::RemoveInstances { stack_set, targets, .. } = &step.action {
            for account in &targets.accounts {
                removed.entry(account).or_default().push((stack_set, &targets.regions));
            }
        }
    }
    let mut moving = BTreeSet::new();
    for step in &plan.steps {
        let Action::AddInstances { aim: Aim::New, stack_set, targets, .. } = &step.action else {
            continue;
        };
        for account in &targets.accounts {
            let mut places = removed.get(account).into_iter().flatten();
            let is_moved = places.any(|(from, regions)| {
                *from != stack_set || !regions.is_disjoint(&targets.regions)
            });
            if is_moved {
                moving.insert(account);
            }
        }
    }
    let changes = plan.coverage.accounts.iter();
    moving.extend(changes.filter(|(_, change)| change.left.is_some()).map(|(account, _)| account));
    moving
}

/// Accounts that are deleted from several stack sets.
pub(super) fn scattered(plan: &Plan) -> BTreeSet<&AccountId> {
    let mut sets: BTreeMap<&AccountId, &StackSetName> = BTreeMap::new();
    let mut scattered = BTreeSet::new();
    for step in &plan.steps {
        if let Action::RemoveInstances { stack_set, targets, .. } = &step.action {
            for account in &targets.accounts {
                if *sets.entry(account).or_insert(stack_set) != stack_set {
                    scattered.insert(account);
                }
            }
        }
    }
    scattered
}
