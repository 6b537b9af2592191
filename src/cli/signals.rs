//! The wishes to stop that come from outside: Ctrl-C, SIGTERM, and a terminal that is closed.

use std::pin::pin;

use futures_util::future::{Either, select};

use crate::cli::failure::{Exit, Failure};

impl Signals {
    /// Does something that changes nothing, unless one of them comes first.
    pub(super) async fn or_leave<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match select(pin!(work), pin!(self.next())).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => {
                Err(Failure::new(Exit::Interrupted, "interrupted before anything was changed"))
            }
        }
    }
}

/// Every signal that means to stop.
#[cfg(unix)]
pub(super) struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    /// Listens from now on, so that none gets lost between two.
    pub(super) fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        if !ignores_hangup() {
            kinds.push(SignalKind::hangup());
        }
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    /// Waits for the next one; for ever, where there is nothing to listen to.
    pub(super) async fn next(&mut self) {
        let each = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        let each: Vec<_> = each.collect();
        if each.is_empty() {
            std::future::pending::<()>().await;
        }
        futures_util::future::select_all(each).await;
    }
}

/// Whether whoever started this process wants it to outlive its terminal, as `nohup` does. Linux tells.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first bit is signal 1, which is SIGHUP (proc_pid_status(5)).
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|m| m & 1 == 1)
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Listens from now on.
    pub(super) fn new() -> Self {
        Self
    }

    /// Waits for the next one; for ever, where there is nothing to listen to.
    #[expect(clippy::unused_self, reason = "the same form as where there are more signals")]
    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
