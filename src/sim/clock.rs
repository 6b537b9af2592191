//! Virtual time.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// How often a pause is polled, with nothing else going on, before it ends.
///
/// All futures run in one task, and a set of futures polls its members in turn, so after one round
/// every other future has had its chance to go on. A future in a set inside of a set gets fewer turns
/// than its neighbours outside of it, and a wake-up may pass through several hands: hence sixteen.
const QUIET_POLLS: u32 = 16;

/// After how many polls of pauses, per pause, one that was not polled is taken to be put aside.
///
/// A program may hold a pause and wait for something else. It must not stop the clock for the others.
const ABSENT_AFTER: u64 = 64;

/// A clock that only pauses move.
#[derive(Clone, Default)]
pub(super) struct Clock {
    inner: RefCell<Inner>,
}

#[derive(Clone, Default)]
struct Inner {
    now: Duration,
    tickets: u64,
    /// Grows with everything that is not a poll of a pause.
    activity: u64,
    /// Grows with every poll of a pause.
    polls: u64,
    /// The pauses that have not ended, by deadline, with the count of polls when each was last polled.
    waiting: BTreeMap<(Duration, u64), u64>,
}

impl Clock {
    /// The time since the simulation began.
    pub(super) fn now(&self) -> Duration {
        self.inner.borrow().now
    }

    /// Says that something goes on, so that no pause ends yet.
    pub(super) fn touch(&self) {
        self.inner.borrow_mut().activity += 1;
    }

    /// Ends when every pause with an earlier deadline has, and nothing else can go on.
    pub(super) fn pause(&self, length: Duration) -> Pause<'_> {
        Pause { clock: self, length, ticket: None, seen: 0, quiet: 0 }
    }

    /// Lets everything else have a turn.
    pub(super) async fn step_back(&self) {
        self.touch();
        let mut polled = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.touch();
    }
}

/// See [`Clock::pause`].
pub(super) struct Pause<'a> {
    clock: &'a Clock,
    length: Duration,
    ticket: Option<(Duration, u64)>,
    seen: u64,
    quiet: u32,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock;
        let inner = &mut *clock.inner.borrow_mut();
        let ticket = self.ticket.unwrap_or_else(|| {
            inner.tickets += 1;
            inner.activity += 1;
            (inner.now + self.length, inner.tickets)
        });
        self.ticket = Some(ticket);
        inner.polls += 1;
        inner.waiting.insert(ticket, inner.polls);

        if self.seen == inner.activity {
            self.quiet += 1;
        } else {
            self.seen = inner.activity;
            self.quiet = 0;
        }
        if ticket.0 <= inner.now || (self.quiet >= QUIET_POLLS && inner.is_next(ticket)) {
            inner.now = inner.now.max(ticket.0);
            inner.activity += 1;
            inner.waiting.remove(&ticket);
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Inner {
    /// Whether all pauses with an earlier deadline have been put aside.
    fn is_next(&self, ticket: (Duration, u64)) -> bool {
        let patience = ABSENT_AFTER * self.waiting.len() as u64;
        self.waiting.range(..ticket).all(|(_, polled)| polled + patience < self.polls)
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut inner = self.clock.inner.borrow_mut();
            inner.waiting.remove(&ticket);
            inner.activity += 1;
        }
    }
}
