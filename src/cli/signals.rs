//! The wishes to stop that come from outside: Ctrl-C, SIGTERM, and a terminal that is closed.

/// Every signal that means to stop.
#[cfg(unix)]
pub(super) struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    /// Listens from now on, so that none gets lost between two.
    pub(super) fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
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
