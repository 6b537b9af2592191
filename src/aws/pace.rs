//! Keeping below the published rates, by this machine's clock.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::{
    cloud::{Call, Limiter, MaxRate},
    ids::Region,
};

/// What every adapter asks before each request, each page of a listing included.
///
/// The SDK's own retries are not asked for: they come after a pause of their own.
#[derive(Debug)]
pub(super) struct Pace {
    begun: Instant,
    limiter: Mutex<Limiter>,
}

impl Pace {
    pub(super) fn new(most: Option<MaxRate>) -> Self {
        Self { begun: Instant::now(), limiter: Limiter::new(most).into() }
    }

    /// Waits until a call may be made. The Region only counts where each has a rate of its own.
    pub(super) async fn take(&self, call: Call, region: Option<&Region>) {
        let wait = {
            let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
            limiter.reserve(call, region, self.begun.elapsed())
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}
