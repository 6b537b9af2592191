//! Rings one after the other: what holds a ring up, and what it waits for.

use std::collections::BTreeSet;

use crate::{
    ids::{AccountId, RingName},
    plan::{Action, BlockReason, Blocked, Step, StepId, WaitsFor, steps::Remarks},
    state::{Desired, Observed, Ring, Seen},
};

/// How far the plan of a ring came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RingEnd {
    /// All of it is planned, but for what only people can mend.
    Planned,
    /// Something of it runs, so that nothing more can be said.
    Waits,
    /// What all of it depends on is blocked.
    Blocked,
}

/// A ring, planned as if there were no other.
pub(super) struct Draft<'a> {
    pub(super) ring: &'a Ring,
    pub(super) steps: Vec<Step>,
    pub(super) remarks: Remarks,
    pub(super) end: RingEnd,
}

/// What holds a ring up.
enum HeldUp {
    /// A ring of which something runs.
    Waiting,
    /// A ring before it that is blocked.
    Behind(RingName),
    /// A ring that is blocked, and with which it exchanges accounts.
    Exchanging(RingName),
}

/// Puts rings one behind the other.
///
/// A ring that is blocked or waits holds up those behind it, and any other from which accounts move to it,
/// or to which they come from it: nobody must lose in one ring what is not to be had in the other.
pub(super) fn in_order(
    drafts: Vec<Draft<'_>>,
    desired: &Desired,
    observed: &Observed,
    remarks: &mut Remarks,
) -> Vec<Step> {
    let is_rolled_out = desired.is_rolled_out();
    let held: Vec<(RingEnd, RingName, Accounts)> = drafts
        .iter()
        .filter(|draft| draft.end != RingEnd::Planned && is_rolled_out)
        .map(|draft| (draft.end, draft.ring.name.clone(), Accounts::of(draft.ring, observed)))
        .collect();
    let mut sequence = Sequence::default();
    let mut before: Option<(RingEnd, RingName)> = None;
    for Draft { ring, mut steps, remarks: own, end } in drafts {
        remarks.blocked.extend(own.blocked);
        remarks.warnings.extend(own.warnings);
        let others = held.iter().filter(|(_, name, _)| *name != ring.name);
        let exchanging = others
            .filter(|(_, _, accounts)| accounts.are_exchanged(&steps))
            .map(|(end, name, _)| match end {
                RingEnd::Blocked => HeldUp::Exchanging(name.clone()),
                RingEnd::Waits | RingEnd::Planned => HeldUp::Waiting,
            })
            .next();
        let by = match &before {
            Some((RingEnd::Blocked, name)) => Some(HeldUp::Behind(name.clone())),
            Some(_) => Some(HeldUp::Waiting),
            None => exchanging,
        };
        let by = by.filter(|_| is_rolled_out);
        if let Some(by) = &by {
            let does_something = steps.iter().any(|step| !step.action.is_wait());
            steps.retain(|step| step.action.is_wait());
            let kept: BTreeSet<StepId> = steps.iter().map(|step| step.id.clone()).collect();
            for step in &mut steps {
                step.after.retain(|id| kept.contains(id));
            }
            if does_something && let Some(because) = because(by) {
                let subject = format!("the ring {}", ring.name);
                remarks.blocked.push(Blocked { subject, because });
            }
        }
        before = before.or(match (end, by) {
            (RingEnd::Planned, None) => None,
            (RingEnd::Planned, Some(HeldUp::Waiting)) => Some((RingEnd::Waits, ring.name.clone())),
            (RingEnd::Planned, Some(_)) => Some((RingEnd::Blocked, ring.name.clone())),
            (end, _) => Some((end, ring.name.clone())),
        });
        let leaves = ring.deployment().is_none() && is_rolled_out;
        sequence.append(steps, if leaves { WaitsFor::AllOfIt } else { WaitsFor::Success });
    }
    sequence.steps
}

fn because(by: &HeldUp) -> Option<BlockReason> {
    match by {
        HeldUp::Waiting => None,
        HeldUp::Behind(name) => {
            Some(BlockReason::BehindAnother(format!("the ring {name} before it is blocked")))
        }
        HeldUp::Exchanging(name) => Some(BlockReason::BehindAnother(format!(
            "accounts move between it and the ring {name}, which is blocked"
        ))),
    }
}

/// The accounts of a ring: those that it should have, and those that it has.
struct Accounts {
    wanted: BTreeSet<AccountId>,
    had: BTreeSet<AccountId>,
}

impl Accounts {
    fn of(ring: &Ring, observed: &Observed) -> Self {
        let sets =
            ring.deployment().into_iter().flat_map(|deployment| deployment.stack_sets.values());
        let wanted = sets.flat_map(|set| set.targets.values()).flat_map(|t| t.accounts.clone());
        let had =
            [&ring.names.whole, &ring.names.pinned].into_iter().flat_map(|name| {
                match observed.stack_set(name) {
                    Seen::Present(set) => {
                        set.instances.keys().map(|(account, _)| account.clone()).collect()
                    }
                    Seen::Absent | Seen::Unknown(_) => Vec::new(),
                }
            });
        Self { wanted: wanted.collect(), had: had.collect() }
    }

    /// Whether these steps take an account away that the ring is to get, or give one that it has.
    fn are_exchanged(&self, steps: &[Step]) -> bool {
        steps.iter().any(|step| match &step.action {
            Action::RemoveInstances { targets, .. } => !targets.accounts.is_disjoint(&self.wanted),
            Action::AddInstances { targets, .. } => !targets.accounts.is_disjoint(&self.had),
            _ => false,
        })
    }
}

/// The steps of all rings so far.
#[derive(Default)]
pub(super) struct Sequence {
    pub(super) steps: Vec<Step>,
    /// What the next ring waits for.
    before: BTreeSet<StepId>,
}

impl Sequence {
    /// Adds the steps of a ring. What of it waits for nothing else waits for the ring before; what leaves
    /// accounts without a stack waits until those that get one elsewhere have got it, every one of them.
    pub(super) fn append(&mut self, mut steps: Vec<Step>, waits_for: WaitsFor) {
        let additions =
            |earlier: &[Step], accounts: Option<&BTreeSet<AccountId>>| -> BTreeSet<StepId> {
                earlier
                    .iter()
                    .filter(|step| match (&step.action, accounts) {
                        (Action::AddInstances { targets, .. }, Some(accounts)) => {
                            !targets.accounts.is_disjoint(accounts)
                        }
                        (Action::AddInstances { .. }, None) => true,
                        _ => false,
                    })
                    .map(|step| step.id.clone())
                    .collect()
            };
        for step in &mut steps {
            let is_first = step.after.is_empty();
            if is_first {
                step.after.clone_from(&self.before);
            }
            if let Action::RemoveInstances { targets, .. } = &step.action {
                let elsewhere = additions(&self.steps, Some(&targets.accounts));
                if !elsewhere.is_empty() {
                    step.after.extend(elsewhere);
                    step.waits_for = WaitsFor::AllOfIt;
                }
            }
            if is_first && waits_for == WaitsFor::AllOfIt {
                step.after.extend(additions(&self.steps, None));
                step.waits_for = WaitsFor::AllOfIt;
            }
        }
        if !steps.is_empty() {
            self.before = last_steps(&steps);
        }
        self.steps.extend(steps);
    }
}

/// The steps that no other step waits for. What is only tidied up holds nobody up.
fn last_steps(steps: &[Step]) -> BTreeSet<StepId> {
    let tidies = |step: &Step| matches!(step.action, Action::DeleteBaseline { .. });
    let counted: Vec<&Step> = steps.iter().filter(|step| !tidies(step)).collect();
    let waited_for: BTreeSet<&StepId> = counted.iter().flat_map(|step| &step.after).collect();
    let last = counted.iter().map(|step| &step.id).filter(|id| !waited_for.contains(id));
    last.cloned().collect()
}
