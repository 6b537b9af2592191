//! Carrying an approved plan out, with signals and the outcome.

use futures_util::future::{Either, select};

use crate::{
    apply::{Event, Outcome, Stop, StopSwitch, apply},
    cli::{
        failure::Exit,
        signals::Signals,
        terminal::{ShowProgress, Terminal},
    },
    cloud::CloudWrite,
    plan::{Approved, Plan},
    report::outcome_text,
};

/// Carries out the plan; gives no outcome where the user left at once.
pub(super) async fn execute<C: CloudWrite>(
    approved: &Approved,
    cloud: &C,
    run: &str,
    (switch, stop, signals): (&StopSwitch, &Stop, &mut Signals),
    show: &dyn ShowProgress,
    on_event: impl FnMut(Event<'_>),
) -> Option<Outcome> {
    let running = std::pin::pin!(apply(approved, cloud, stop, run, on_event));
    let signals = std::pin::pin!(listen(switch, signals, show));
    match select(running, signals).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), _)) => None,
    }
}

/// Prints how it ended, and says with which exit code.
pub(super) fn conclude(plan: &Plan, outcome: Option<&Outcome>, terminal: &Terminal) -> Exit {
    let Some(outcome) = outcome else {
        terminal
            .say("Left at once. What runs at AWS goes on. Run the same command again to go on: within two minutes it may meet the lock of this run, which `--break-lock` takes.");
        return Exit::Interrupted;
    };
    terminal.out(&outcome_text(plan, outcome));
    if outcome.is_interrupted() {
        Exit::Interrupted
    } else if outcome.is_complete() && plan.blocked.is_empty() {
        Exit::Done
    } else if outcome.did_anything() {
        Exit::InPart
    } else {
        Exit::Failed
    }
}

/// Ends at the second wish to stop; the first one flips the switch.
async fn listen(switch: &StopSwitch, signals: &mut Signals, show: &dyn ShowProgress) {
    signals.next().await;
    show.say(
        "Stopping: no new step begins, and what runs at AWS is left running. Press Ctrl-C once more to leave at once.",
    );
    switch.wish();
    signals.next().await;
}
