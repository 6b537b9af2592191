//! A part of a plan: some rings, some accounts, some Regions. Everything else is left as it is.
//!
//! A narrowed plan is a plan like any other: it is checked, approved and carried out in the same way, and it
//! has a digest of its own. It never does more than the whole plan, and what it can't do without
//! touching what is not selected, it leaves out and says so.

mod coverage;
mod cut;
mod selection;
mod targets;
mod together;
mod warnings;
mod whole;

pub use selection::{Filters, Narrowed, Selection, Unselected};

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Loss, Plan, RingOutline, Step, StepId, planner::digest};

use self::{coverage::coverage, cut::Cut, warnings::remarks};

/// Keeps of a plan what is selected.
///
/// Instances are made and deleted only where both the account and the Region are selected. What concerns a
/// stack set as a whole stays where all that the set has is selected. What concerns a ring as a whole (home
/// stack, baselines, override object) stays with the ring. What can't be read, or stands in the way,
/// stays as it is.
pub fn narrow(plan: Plan, selection: &Selection) -> Plan {
    if selection.is_everything() {
        return plan;
    }
    let cut = Cut::new(&plan, selection);
    let steps = steps(&cut);
    let coverage = coverage(&cut);
    let said = remarks(&cut);
    let held_back = plan.narrowed.as_ref().map_or(0, |before| before.held_back) + said.held_back;
    let narrowed = Some(Narrowed { held_back, ..selection.said().clone() });
    // What the selection leaves undone comes first.
    let mut warnings: Vec<String> = said.warnings;
    warnings.retain(|warning| !plan.warnings.contains(warning));
    warnings.extend(plan.warnings.iter().cloned());
    let losses = plan.losses.iter().filter_map(|(account, loss)| {
        let change = coverage.accounts.get(account).filter(|change| change.loses())?;
        let loss = match loss {
            // The Region that it loses is not selected.
            Loss::FewerRegions if change.removed.is_empty() => Loss::Remade,
            other => other.clone(),
        };
        Some((account.clone(), loss))
    });
    let losses = losses.collect();
    let rings = plan.rings.iter().filter(|ring| selection.covers_ring(&ring.name));
    let rings = rings.map(|ring| outline(ring, selection)).collect();
    let skipped = plan.skipped.iter().filter(|skip| selection.covers_account(&skip.account));
    let skipped = skipped.cloned().collect();
    let digest = digest(&steps, &plan.blocked);
    Plan { rings, steps, skipped, warnings, coverage, losses, digest, narrowed, ..plan }
}

/// The steps that are left. One that waited for a step that is left out waits for what that one waited for.
fn steps(cut: &Cut<'_>) -> Vec<Step> {
    let mut instead: BTreeMap<&StepId, BTreeSet<StepId>> = BTreeMap::new();
    let mut steps = Vec::new();
    for (step, rest) in cut.pairs() {
        let waited_for = step.after.iter().filter_map(|id| instead.get(id)).flatten();
        let after: BTreeSet<StepId> = waited_for.cloned().collect();
        match rest {
            Some(rest) => {
                steps.push(Step { after, ..rest.clone() });
                instead.insert(&step.id, BTreeSet::from([step.id.clone()]));
            }
            None => {
                instead.insert(&step.id, after);
            }
        }
    }
    steps
}

fn outline(ring: &RingOutline, selection: &Selection) -> RingOutline {
    let mut ring = ring.clone();
    ring.regions.retain(|region| selection.covers_region(region));
    ring.schedule.retain(|line| selection.covers_region(&line.region));
    ring
}
