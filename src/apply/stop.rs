//! The wish to stop.

use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;

use crate::cloud::CloudWrite;

/// What the terminal holds: it can wish to stop.
#[derive(Clone, Debug)]
pub struct StopSwitch(watch::Sender<bool>);

/// What a running apply holds: it can see the wish.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A wish that has not been made, and the switch that makes it.
    pub fn new() -> (StopSwitch, Self) {
        let (sender, receiver) = watch::channel(false);
        (StopSwitch(sender), Self(receiver))
    }

    /// Whether the wish has been made.
    pub fn is_wished(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits so long at most, and returns whether the wish was made by then.
    pub(super) async fn comes_within(&self, cloud: &impl CloudWrite, time: Duration) -> bool {
        if self.is_wished() {
            return true;
        }
        let pause = std::pin::pin!(cloud.pause(time));
        let wish = std::pin::pin!(self.wished());
        matches!(select(pause, wish).await, Either::Right(_))
    }

    /// The answer to a look, unless the wish comes first: a client that has no network tries for minutes.
    /// Only for looks, which nobody misses.
    pub(super) async fn or_else<R>(&self, look: impl Future<Output = R>) -> Option<R> {
        match select(std::pin::pin!(look), std::pin::pin!(self.wished())).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        }
    }

    /// Waits for the wish; for ever, where the switch is gone.
    pub async fn wished(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|wished| *wished).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl StopSwitch {
    /// Wishes to stop: no new step is taken, and what runs at AWS is left running.
    pub fn wish(&self) {
        self.0.send_replace(true);
    }
}
