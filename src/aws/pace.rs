//! Keeping below the published rates, since being throttled costs more than waiting.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A published token bucket: calls a second, and calls at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    per_second: u32,
    burst: u32,
}

// Organizations user guide, "Quotas and service limits", throttling limits per account. Those per
// organization are a little higher and shared with everybody else.

/// `ListAccounts`.
pub(super) const LIST_ACCOUNTS: Rate = Rate { per_second: 8, burst: 12 };

/// `ListAccountsForParent`, `ListOrganizationalUnitsForParent` (and `ListParents`, which is not used).
/// Whether each has a bucket of its own is not published.
pub(super) const LIST_FOR_PARENT: Rate = Rate { per_second: 5, burst: 8 };

/// `ListRoots`.
pub(super) const LIST_ROOTS: Rate = Rate { per_second: 1, burst: 2 };

/// `DescribeOrganization`.
pub(super) const DESCRIBE_ORGANIZATION: Rate = Rate { per_second: 1, burst: 2 };

/// The tokens of one bucket, taken in the order of asking.
#[derive(Debug)]
pub(super) struct Bucket {
    interval: Duration,
    credit: Duration,
    /// When the bucket will be full, if it isn't.
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    pub(super) fn new(rate: Rate) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second;
        Self { interval, credit: interval * (rate.burst - 1), full_at: Mutex::new(None) }
    }

    /// Waits for a token.
    pub(super) async fn take(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a token, and says how long to wait before using it.
    fn reserve(&self, now: Instant) -> Duration {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = full_at.map_or(now, |full| full.max(now));
        *full_at = Some(from + self.interval);
        from.saturating_duration_since(now).saturating_sub(self.credit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let bucket = Bucket::new(Rate { per_second: 5, burst: 3 });
        let now = Instant::now();

        let waits: Vec<u128> = (0..6).map(|_| bucket.reserve(now).as_millis()).collect();

        assert_eq!(waits, [0, 0, 0, 200, 400, 600]);
    }

    #[test]
    fn a_bucket_fills_again_but_not_beyond_its_burst() {
        let bucket = Bucket::new(Rate { per_second: 5, burst: 2 });
        let now = Instant::now();
        let later = now + Duration::from_mins(1);

        let first: Vec<u128> = (0..2).map(|_| bucket.reserve(now).as_millis()).collect();
        let then: Vec<u128> = (0..3).map(|_| bucket.reserve(later).as_millis()).collect();

        assert_eq!(first, [0, 0]);
        assert_eq!(then, [0, 0, 200]);
    }
}
