//! What becomes of each account that is selected, as far as the steps that are left go.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, Region, RingName},
    plan::{
        AccountChange, Action, Change, Coverage, Step,
        narrow::cut::{Cut, is_own_stack},
    },
};

/// Regions by account.
type Places = BTreeMap<AccountId, BTreeSet<Region>>;

/// What the steps that are left do.
#[derive(Default)]
struct Done {
    /// Where something is made, or tried again.
    made: Places,
    /// Where something is deleted.
    removed: Places,
    /// Where something is changed with its stack set.
    changed: Places,
    /// Rings whose nodes get other rules.
    rules: BTreeSet<RingName>,
}

/// Cuts what becomes of each account to what is selected. What is not done after all stays as it is.
pub(super) fn coverage(cut: &Cut<'_>) -> Coverage {
    let (plan, selection) = (cut.plan, cut.selection);
    let mut done = Done::default();
    for step in cut.left() {
        done.add(step, &plan.owner.account);
    }
    let accounts = plan.coverage.accounts.iter().filter_map(|(account, change)| {
        if !selection.covers_account(account) {
            return None;
        }
        let mut change = change.clone();
        if let Some(ring) = change.left.take_if(|_| cut.held.contains(account)) {
            // It stays where it was.
            change.ring = ring;
        }
        // Whoever loses something is shown, whichever ring it is in by now.
        if !selection.covers_ring(&change.ring) && !done.removed.contains_key(account) {
            return None;
        }
        Some((account.clone(), part(change, account, cut, &done)?))
    });
    Coverage { accounts: accounts.collect() }
}

impl Done {
    fn add(&mut self, step: &Step, owner: &AccountId) {
        match &step.action {
            Action::AddInstances { targets, .. } => {
                note(&mut self.made, &targets.accounts, &targets.regions);
            }
            Action::RemoveInstances { targets, .. } => {
                note(&mut self.removed, &targets.accounts, &targets.regions);
            }
            Action::UpdateStackSet { spec, .. } => {
                for target in spec.targets.values() {
                    note(&mut self.changed, &target.accounts, &spec.regions);
                }
            }
            Action::CreateStack { spec, .. } | Action::UpdateStack { spec, .. }
                if is_own_stack(step) =>
            {
                note(&mut self.made, [owner], [&spec.region]);
            }
            Action::DeleteStack { region, .. } if is_own_stack(step) => {
                note(&mut self.removed, [owner], [region]);
            }
            Action::WriteOverrides { replaces: Some(_), .. } => {
                self.rules.insert(step.ring.clone());
            }
            _ => {}
        }
    }
}

fn note<'a>(
    places: &mut Places,
    accounts: impl IntoIterator<Item = &'a AccountId>,
    regions: impl IntoIterator<Item = &'a Region>,
) {
    let regions: BTreeSet<Region> = regions.into_iter().cloned().collect();
    for account in accounts {
        let noted = places.entry(account.clone()).or_default();
        noted.extend(regions.iter().cloned());
    }
}

/// What becomes of an account where it is selected; nothing where it has nothing there.
fn part(
    whole: AccountChange,
    account: &AccountId,
    cut: &Cut<'_>,
    done: &Done,
) -> Option<AccountChange> {
    let selected = |regions: &BTreeSet<Region>| -> BTreeSet<Region> {
        regions.iter().filter(|region| cut.selection.covers_region(region)).cloned().collect()
    };
    let nowhere = BTreeSet::new();
    let made = done.made.get(account).unwrap_or(&nowhere);
    let removed = done.removed.get(account).unwrap_or(&nowhere);
    let changed = done.changed.get(account).unwrap_or(&nowhere);
    let mut part = whole;
    part.added = &selected(&part.added) & made;
    let losing = selected(&part.removed);
    part.removed = &losing & removed;
    part.kept = &selected(&part.kept) | &(&losing - removed);
    part.remade = &selected(&part.remade) & removed;
    part.changed = selected(&part.changed);
    if !done.rules.contains(&part.ring) {
        part.changed.retain(|region| made.contains(region) || changed.contains(region));
    }
    part.change = judged(&part, cut)?;
    Some(part)
}

fn judged(part: &AccountChange, cut: &Cut<'_>) -> Option<Change> {
    if !part.removed.is_empty() {
        return Some(Change::Remove);
    }
    let ring = cut.plan.rings.iter().find(|ring| ring.name == part.ring);
    let mut wanted = ring.into_iter().flat_map(|ring| &ring.regions);
    let lacks = wanted.any(|r| cut.selection.covers_region(r) && !part.kept.contains(r));
    if part.change == Change::Blocked && lacks {
        Some(Change::Blocked)
    } else if part.kept.is_empty() {
        (!part.added.is_empty()).then_some(Change::Add)
    } else if part.added.is_empty() && part.remade.is_empty() && part.changed.is_empty() {
        Some(Change::Unchanged)
    } else {
        Some(Change::Change)
    }
}
