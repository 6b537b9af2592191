//! Carrying an approved plan out, with progress, signals and the outcome.

use std::time::Duration;

use futures_util::future::{Either, select};

use crate::{
    apply::{Stop, StopSwitch, apply},
    cli::{
        args::ProgressForm,
        clock,
        failure::{Exit, Failure},
        terminal::{ShowProgress, Terminal},
    },
    cloud::CloudWrite,
    plan::Approved,
    report::outcome_text,
};

/// Carries out the plan. `elapsed` reads a virtual clock, where there is one.
pub(super) async fn execute<C: CloudWrite>(
    approved: &Approved,
    cloud: &C,
    progress: ProgressForm,
    elapsed: impl Fn() -> Option<Duration>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let plan = approved.plan();
    let show = terminal.progress(progress, plan.steps.len());
    let (switch, stop) = Stop::new();
    let run = clock::run();
    let running =
        std::pin::pin!(apply(approved, cloud, &stop, &run, |event| show.show(&event, elapsed())));
    let signals = std::pin::pin!(listen(switch, show.as_ref()));
    let outcome = match select(running, signals).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), _)) => {
            terminal.say(
                "Left at once. What runs at AWS goes on; run the same command again to go on.",
            );
            return Ok(Exit::Interrupted);
        }
    };
    terminal.out(&outcome_text(plan, &outcome));
    Ok(if outcome.is_interrupted() {
        Exit::Interrupted
    } else if outcome.is_complete() && plan.blocked.is_empty() {
        Exit::Done
    } else if outcome.did_anything() {
        Exit::InPart
    } else {
        Exit::Failed
    })
}

/// Ends at the second wish to stop; the first one flips the switch.
async fn listen(switch: StopSwitch, show: &dyn ShowProgress) {
    signal().await;
    show.say(
        "Stopping: no new step begins, and what runs at AWS is left running. Once more to leave at once.",
    );
    switch.wish();
    signal().await;
}

/// Ctrl-C or SIGTERM.
async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let interrupt = std::pin::pin!(tokio::signal::ctrl_c());
            let terminate = std::pin::pin!(terminate.recv());
            select(interrupt, terminate).await;
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
