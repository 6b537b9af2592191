//! What a narrowed plan leaves out of what is selected, and what it does beyond.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, Region, RingName, StackSetName},
    plan::{
        Action, Step,
        narrow::cut::{Cut, instances, is_own_stack},
    },
    state::Reach,
};

/// Accounts that are named before a list is cut.
const SHOWN: usize = 12;

/// What the reader of a narrowed plan should know.
#[derive(Default)]
pub(super) struct Said {
    pub(super) warnings: Vec<String>,
    /// How many changes of what is selected are left out.
    pub(super) held_back: usize,
}

impl Said {
    fn held_back(&mut self, words: String) {
        self.warnings.push(words);
        self.held_back += 1;
    }
}

/// Words it.
pub(super) fn remarks(cut: &Cut<'_>) -> Said {
    let mut said = Said::default();
    rings_before(cut, &mut said);
    whole_sets(cut, &mut said);
    new_regions(cut, &mut said);
    held(cut, &mut said);
    barred(cut, &mut said);
    of_the_ring(cut, &mut said);
    followed(cut, &mut said);
    said
}

/// Rings that come before the selected ones and are not done.
fn rings_before(cut: &Cut<'_>, said: &mut Said) {
    let is_selected = |ring: &RingName| cut.selection.covers_ring(ring);
    let rings = &cut.plan.rings;
    let last = rings.iter().rposition(|ring| is_selected(&ring.name)).unwrap_or(0);
    for ring in rings[..last].iter().filter(|ring| !is_selected(&ring.name)) {
        if cut.plan.steps.iter().any(|step| step.ring == ring.name) {
            said.warnings.push(format!(
                "ring {} comes before in the rollout and has changes that are not made, since it is not selected",
                ring.name
            ));
        }
    }
}

/// What StackSets does to a set as a whole only.
fn whole_sets(cut: &Cut<'_>, said: &mut Said) {
    let filled: BTreeSet<&StackSetName> = cut
        .left()
        .filter(|step| matches!(step.action, Action::AddInstances { .. }))
        .filter_map(|step| step.action.stack_set())
        .collect();
    for (step, rest) in cut.pairs() {
        if rest.is_some() || !cut.selection.covers_ring(&step.ring) {
            continue;
        }
        match &step.action {
            Action::UpdateStackSet { spec, .. } => {
                let mut accounts = spec.targets.values().flat_map(|target| &target.accounts);
                let has_some = accounts.any(|account| cut.selection.covers_account(account))
                    && spec.regions.iter().any(|region| cut.selection.covers_region(region));
                if !has_some {
                    continue;
                }
                let new = if filled.contains(&spec.name) {
                    "; accounts that are added to it get what it has now"
                } else {
                    ""
                };
                said.held_back(format!(
                    "stack set {} differs from the policy and is not updated: StackSets changes a set for all of its accounts and Regions at once, so that can't be narrowed, and what is selected of it stays as it is{new}",
                    spec.name
                ));
            }
            Action::TakeBack { spec, places }
                if places.iter().any(|(account, region)| cut.selection.covers(account, region)) =>
            {
                said.held_back(format!(
                        "nothing is removed from stack set {}: what it added outside of its stacks has to be taken back first, which StackSets does for all of its accounts and Regions at once, so that can't be narrowed",
                        spec.name
                    ));
            }
            Action::DeleteStackSet { stack_set } => {
                let is_cut = cut.left().any(|step| step.action.stack_set() == Some(stack_set));
                if is_cut {
                    said.held_back(format!(
                        "stack set {stack_set} is not deleted, since not all of its accounts and Regions are selected"
                    ));
                }
            }
            _ => {}
        }
    }
}

/// Regions that a stack set's template does not know yet.
fn new_regions(cut: &Cut<'_>, said: &mut Said) {
    let updated: BTreeSet<&StackSetName> = cut
        .left()
        .filter_map(|step| match &step.action {
            Action::UpdateStackSet { spec, .. } => Some(&spec.name),
            _ => None,
        })
        .collect();
    let mut later: BTreeMap<&StackSetName, BTreeSet<&str>> = BTreeMap::new();
    for step in &cut.plan.steps {
        let Action::AddInstances { stack_set, targets, .. } = &step.action else { continue };
        let is_selected = cut.selection.covers_ring(&step.ring)
            && targets.accounts.iter().any(|account| cut.selection.covers_account(account));
        if !is_selected || updated.contains(stack_set) {
            continue;
        }
        for region in cut.needing_an_update(stack_set) {
            if targets.regions.contains(region) && cut.selection.covers_region(region) {
                later.entry(stack_set).or_default().insert(region.as_str());
            }
        }
    }
    for (stack_set, regions) in later {
        let regions: Vec<&str> = regions.into_iter().collect();
        said.held_back(format!(
            "nothing is added to stack set {stack_set} in {}, which is new to it: the set has to be updated for that first",
            regions.join(", ")
        ));
    }
}

/// Accounts of which only a part would be done.
fn held(cut: &Cut<'_>, said: &mut Said) {
    let selected: BTreeSet<&AccountId> = cut
        .plan
        .steps
        .iter()
        .filter(|step| cut.selection.covers_ring(&step.ring))
        .flat_map(|step| match instances(step) {
            Some(targets) => targets.accounts.iter().collect::<Vec<_>>(),
            None if is_own_stack(step) => vec![&cut.plan.owner.account],
            None => Vec::new(),
        })
        .filter(|account| cut.selection.covers_account(account) && cut.held.contains(account))
        .collect();
    let mut by_move: BTreeMap<Option<(&RingName, &RingName)>, Vec<&AccountId>> = BTreeMap::new();
    for account in selected {
        let change = cut.plan.coverage.accounts.get(account);
        let rings = change.and_then(|change| Some((change.left.as_ref()?, &change.ring)));
        by_move.entry(rings).or_default().push(account);
    }
    for (rings, accounts) in by_move {
        let named = named(cut, &accounts);
        said.held_back(match rings {
            Some((from, to)) => format!(
                "nothing is done to {named}, on the way from ring {from} to ring {to}: that is done as a whole, so select both rings, and all Regions"
            ),
            None => format!(
                "nothing is done to {named}: what is there is deleted and made anew through another OU or stack set, and that is done as a whole, so select all of the OUs and Regions that it concerns"
            ),
        });
    }
}

fn named(cut: &Cut<'_>, accounts: &[&AccountId]) -> String {
    let mut named: Vec<String> = accounts
        .iter()
        .take(SHOWN)
        .map(|account| match cut.plan.names.accounts.get(*account) {
            Some(name) => format!("{account} {name}"),
            None => account.to_string(),
        })
        .collect();
    if accounts.len() > SHOWN {
        named.push(format!("{} more", accounts.len() - SHOWN));
    }
    let noun = if accounts.len() == 1 { "account" } else { "accounts" };
    format!("{noun} {}", named.join(", "))
}

/// OUs that can't be named yet.
fn barred(cut: &Cut<'_>, said: &mut Said) {
    let mut sets: BTreeMap<&StackSetName, Vec<&str>> = BTreeMap::new();
    for (stack_set, ou) in &cut.barred {
        let path = cut.plan.names.units.get(*ou).map_or(ou.as_str(), |path| path);
        sets.entry(stack_set).or_default().push(path);
    }
    for (stack_set, paths) in sets {
        said.held_back(format!(
            "nothing is added to stack set {stack_set} through {}: the set still follows an OU above or below, which is to be let go first, and not all of that is selected",
            paths.join(", ")
        ));
    }
}

/// What all accounts of a ring share, whoever of them is selected.
fn of_the_ring(cut: &Cut<'_>, said: &mut Said) {
    let mut rings: BTreeSet<&RingName> = BTreeSet::new();
    for step in cut.left() {
        let is_shared = match &step.action {
            Action::WriteOverrides { replaces: Some(_), .. }
            | Action::UpdateBaseline { .. }
            | Action::DeleteBaseline { .. } => true,
            Action::UpdateStack { .. } => !is_own_stack(step),
            _ => false,
        };
        if is_shared {
            rings.insert(&step.ring);
        }
    }
    for ring in rings {
        let has_others = cut.plan.coverage.accounts.iter().any(|(account, change)| {
            change.ring == *ring && !is_all_selected(cut, account, &change.kept)
        });
        if has_others {
            said.warnings.push(format!(
                "the home stack, the baselines and the override object of ring {ring} are for all of its accounts and Regions, so what changes in them reaches those too that are not selected"
            ));
        }
    }
}

fn is_all_selected(cut: &Cut<'_>, account: &AccountId, regions: &BTreeSet<Region>) -> bool {
    regions.iter().all(|region| cut.selection.covers(account, region))
}

/// OUs that were to be named as a whole: auto-deployment knows nothing else.
fn followed(cut: &Cut<'_>, said: &mut Said) {
    let is_whole = |step: &&Step| {
        instances(step).is_some_and(|targets| targets.reach == Reach::WholeOu)
            && matches!(step.action, Action::AddInstances { .. })
    };
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for (_, rest) in cut.pairs().filter(|(step, _)| is_whole(step)) {
        let Some(targets) = rest.and_then(instances) else { continue };
        if targets.reach == Reach::NamedAccounts {
            let ous = targets.ous.iter();
            paths.extend(
                ous.map(|ou| cut.plan.names.units.get(ou).map_or(ou.as_str(), |path| path)),
            );
        }
    }
    if !paths.is_empty() {
        let shown: Vec<&str> = paths.iter().copied().take(SHOWN).collect();
        let more = match paths.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more OUs"),
        };
        said.warnings.push(format!(
            "where new accounts are enrolled by themselves (`new_accounts`), StackSets does so from now on in all of {}{more}: it follows OUs and no single accounts",
            shown.join(", ")
        ));
    }
}
