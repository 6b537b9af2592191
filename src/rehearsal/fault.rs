//! Mishaps that a rollout must survive.

use std::{cell::Cell, time::Duration};

use serde::Serialize;

use crate::{
    apply::{Event, EventKind},
    ids::AccountId,
    plan::Approved,
    rehearsal::{
        failing::{chosen, pick},
        run::Tries,
    },
    sim::{Fault, Lasts, On, SimulatedAws, What, When},
};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Nothing can be made in one account.
    Account,
    /// The reply to a call that changes something is lost.
    Reply,
    /// There is no network for ten minutes.
    Network,
    /// Others use up nine tenths of every rate.
    Throttling,
    /// Somebody stops an operation in the console.
    StoppedOperation,
    /// The process is killed.
    Kill,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Account,
        Self::Reply,
        Self::Network,
        Self::Throttling,
        Self::StoppedOperation,
        Self::Kill,
    ];
}

/// What went wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultTold {
    /// What.
    pub kind: FaultKind,
    /// The account in which nothing can be made.
    pub account: Option<AccountId>,
    /// The number of the call whose reply is lost, counted from the first one of the run.
    pub call: Option<u64>,
    /// When the network is lost, in seconds by the clock of the timeline.
    pub after_seconds: Option<u64>,
    /// The event after which the process is killed, or the operation stopped.
    pub after_event: Option<usize>,
}

/// For how long the network is lost.
const OUTAGE: Duration = Duration::from_mins(10);

/// How much of each rate others use.
const OTHERS_PERCENT: u8 = 90;

/// A mishap whose place has been worked out.
pub(super) struct Mishap {
    pub(super) told: FaultTold,
    stopped: Cell<bool>,
}

/// Works out where the mishap befalls a rollout that would go well otherwise.
pub(super) async fn work_out(
    kind: FaultKind,
    approved: &Approved,
    aws: &SimulatedAws,
    seed: u64,
) -> Mishap {
    let mut told =
        FaultTold { kind, account: None, call: None, after_seconds: None, after_event: None };
    let well = aws.clone();
    let (calls_before, began) = (well.requests(), well.now());
    let mut events: usize = 0;
    Tries::default().carry_out(approved, &well, None, &mut |_| events += 1).await;
    match kind {
        FaultKind::Account => told.account = chosen(approved.plan(), seed),
        FaultKind::Reply => {
            let changes: Vec<u64> =
                well.changes().into_iter().filter(|number| *number > calls_before).collect();
            told.call = pick(&changes, seed).map(|number| number - calls_before);
        }
        FaultKind::Network => {
            let length = well.now().saturating_sub(began).as_secs();
            told.after_seconds = Some(began.as_secs() + length / 4 + seed % (length / 2).max(1));
        }
        FaultKind::Throttling | FaultKind::StoppedOperation => {}
        FaultKind::Kill => {
            let places: Vec<usize> = (1..events.saturating_sub(2).max(2)).collect();
            told.after_event = pick(&places, seed).copied();
        }
    }
    Mishap { told, stopped: Cell::new(false) }
}

impl Mishap {
    /// Before the run begins.
    pub(super) fn begin(&self, aws: &SimulatedAws) {
        let FaultTold { kind, account, call, after_seconds, after_event: _ } = &self.told;
        match kind {
            FaultKind::Account => {
                if let Some(account) = account {
                    aws.fail_account(account, "rehearsed: nothing can be made in this account");
                }
            }
            FaultKind::Reply => {
                if let Some(call) = call {
                    let (on, what) = (On::Nth(*call), What::Lost(When::After));
                    aws.inject(Fault { on, what, lasts: Lasts::Once });
                }
            }
            FaultKind::Network => {
                let at = Duration::from_secs(after_seconds.unwrap_or(0));
                aws.lose_network(at.saturating_sub(aws.now()), OUTAGE);
            }
            FaultKind::Throttling => aws.share_rates(OTHERS_PERCENT),
            FaultKind::StoppedOperation | FaultKind::Kill => {}
        }
    }

    /// While it goes on.
    pub(super) fn befall(&self, event: &Event<'_>, aws: &SimulatedAws) {
        let stops = self.told.kind == FaultKind::StoppedOperation && !self.stopped.get();
        if !stops || !matches!(event.kind, EventKind::Progress { .. }) {
            return;
        }
        let Some(set) = event.step.action.stack_set() else { return };
        let running =
            aws.operations_run().into_iter().find(|run| run.set == *set && run.end.is_none());
        if let Some(running) = running {
            aws.stop_operation(set, &running.id);
            self.stopped.set(true);
        }
    }

    /// The event after which the process is killed.
    pub(super) fn killed_after(&self) -> Option<usize> {
        (self.told.kind == FaultKind::Kill).then_some(self.told.after_event).flatten()
    }
}

/// Once it is over, whatever it was.
pub(super) fn pass(aws: &SimulatedAws) {
    aws.heal();
    aws.share_rates(0);
}
