//! The way from the caller to the service: a client that keeps to the rates and tries again, and a
//! service that refuses what comes too fast.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use crate::{
    cloud::{Call, CloudError, CloudErrorKind, Limiter, MaxRate, Quota},
    ids::Region,
    sim::{
        failure::{failed, unreachable},
        random::Random,
        simulated::SimulatedAws,
    },
};

/// Attempts at one call, the first included, as the adapters make.
const ATTEMPTS: u32 = 10;

/// What the first pause between attempts is drawn from; each further one doubles it, up to the longest.
const BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);

/// Tokens are counted in millionths.
const TOKEN: u64 = 1_000_000;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    /// What the client keeps to; none where it makes every call at once.
    limiter: Option<Limiter>,
    /// What the service has left, by quota and Region.
    buckets: BTreeMap<(Quota, Region), Tokens>,
    /// How much of each rate somebody else uses, in percent.
    others: u8,
    /// When there is no network.
    pub(super) outage: Range<Duration>,
    /// How many requests were refused for coming too fast.
    pub(super) throttled: u64,
}

#[derive(Clone, Debug)]
struct Tokens {
    level: u64,
    at: Duration,
}

impl Gate {
    /// The client keeps to the published rates, or to lower ones.
    pub(super) fn paced(most: Option<MaxRate>) -> Self {
        Self { limiter: Some(Limiter::new(most)), ..Self::default() }
    }

    /// The client makes every call at once.
    pub(super) fn hurry(&mut self) {
        self.limiter = None;
    }

    /// The client keeps to rates that are lower than those published.
    pub(super) fn slow_down(&mut self, most: MaxRate) {
        self.limiter = Some(Limiter::new(Some(most)));
    }

    /// Somebody else uses the same quotas.
    pub(super) fn share_with(&mut self, others: u8) {
        self.others = others;
    }

    /// How long the client waits before a request.
    fn wait(&mut self, call: Call, region: &Region, now: Duration) -> Duration {
        self.limiter
            .as_mut()
            .map_or(Duration::ZERO, |limiter| limiter.reserve(call, Some(region), now))
    }

    /// Whether the service takes a request.
    fn admits(&mut self, call: Call, region: &Region, now: Duration) -> bool {
        let quota = Quota::of(call);
        let rate = quota.rate();
        let full = u64::from(rate.burst) * TOKEN;
        let place = (quota, region.clone());
        let tokens = self.buckets.entry(place).or_insert(Tokens { level: full, at: now });
        let passed = u64::try_from(now.saturating_sub(tokens.at).as_micros()).unwrap_or(u64::MAX);
        let ours = u64::from(100 - self.others.min(100));
        let come = (u64::from(rate.per_second) * ours).saturating_mul(passed) / 100;
        tokens.level = tokens.level.saturating_add(come).min(full);
        tokens.at = now;
        if tokens.level < TOKEN {
            self.throttled += 1;
            return false;
        }
        tokens.level -= TOKEN;
        true
    }
}

impl SimulatedAws {
    /// Waits until a request has come through, as the adapters do it: in its turn, and again after a
    /// growing pause where it was refused or there was no network.
    pub(super) async fn pass(&self, call: Call, region: &Region) -> Result<(), CloudError> {
        let wait = self.desk.borrow_mut().gate.wait(call, region, self.clock.now());
        self.wait(wait).await;
        let mut last = unreachable(call);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                let pause = backoff(attempt, &mut self.desk.borrow_mut().random);
                self.wait(pause).await;
            }
            let request = self.desk.borrow().faults.requests().to_string();
            let latency = self.world.borrow().pace.call(call.name(), &request);
            self.wait(latency).await;
            let now = self.clock.now();
            let gate = &mut self.desk.borrow_mut().gate;
            if gate.outage.contains(&now) {
                last = unreachable(call);
            } else if gate.admits(call, region, now) {
                return Ok(());
            } else {
                let words = "Rate exceeded";
                last = failed(call, CloudErrorKind::Throttled, "Throttling", words);
            }
        }
        Err(last)
    }

    /// The further pages of a listing, whose answer is that of its first one.
    pub(super) async fn further_pages(&self, call: Call, pages: usize) -> Result<(), CloudError> {
        for _ in 0..pages {
            self.count(call, 1);
            self.pass(call, &self.home_region).await?;
        }
        Ok(())
    }

    async fn wait(&self, time: Duration) {
        if !time.is_zero() {
            self.clock.pause(time).await;
        }
    }
}

/// Full jitter: anything up to a time that doubles with each attempt.
fn backoff(attempt: u32, random: &mut Random) -> Duration {
    let most = (BACKOFF * 2_u32.pow(attempt - 1)).min(LONGEST_BACKOFF);
    Duration::from_millis(random.below(u64::try_from(most.as_millis()).unwrap_or(u64::MAX)))
}
