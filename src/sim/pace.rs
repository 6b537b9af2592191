//! How long things take. All of it is assumed: AWS promises none of it.
//!
//! The figures are of the order that people report for stacks of some twenty IAM roles, documents and
//! associations. A rehearsal's total is no better than they are.

use std::{ops::RangeInclusive, time::Duration};

use crate::{ids::Region, sim::random, state::Retain};

/// From the shortest to the longest time.
pub type Span = RangeInclusive<Duration>;

/// How long things are assumed to take.
///
/// Which time of a span a stack takes depends on its account, Region and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumptions {
    /// Between the start of an operation and its first stack.
    pub operation_start: Span,
    /// Between the last stack of an operation and its end.
    pub operation_end: Span,
    /// Making or updating one stack.
    pub make: Span,
    /// Deleting one stack.
    pub delete: Span,
    /// Giving one stack up without deleting it.
    pub detach: Span,
    /// Working out a change set.
    pub change_set: Span,
    /// A request and its answer.
    pub call: Span,
}

const fn span(shortest: u64, longest: u64) -> Span {
    Duration::from_millis(shortest)..=Duration::from_millis(longest)
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            operation_start: span(10_000, 10_000),
            operation_end: span(2_000, 2_000),
            make: span(40_000, 90_000),
            delete: span(20_000, 45_000),
            detach: span(1_000, 5_000),
            change_set: span(4_000, 12_000),
            call: span(0, 0),
        }
    }
}

impl Assumptions {
    /// The same, with calls that take as long as they do from afar.
    pub fn for_a_rehearsal() -> Self {
        Self { call: span(50, 150), ..Self::default() }
    }

    /// All of them: by the name that they can be set by, with words for it.
    pub fn named(&self) -> [(&'static str, &'static str, &Span); 7] {
        [
            (
                "operation-start",
                "from the start of an operation to its first stack",
                &self.operation_start,
            ),
            (
                "operation-end",
                "from the last stack of an operation to its end",
                &self.operation_end,
            ),
            ("make", "making or updating one stack", &self.make),
            ("delete", "deleting one stack", &self.delete),
            ("detach", "giving one stack up without deleting it", &self.detach),
            ("change-set", "working out a change set", &self.change_set),
            ("call", "one request with its answer", &self.call),
        ]
    }

    /// Sets one by its name; gives back the span where there is none of that name.
    pub fn set(&mut self, name: &str, span: Span) -> Result<(), Span> {
        let place = match name {
            "operation-start" => &mut self.operation_start,
            "operation-end" => &mut self.operation_end,
            "make" => &mut self.make,
            "delete" => &mut self.delete,
            "detach" => &mut self.detach,
            "change-set" => &mut self.change_set,
            "call" => &mut self.call,
            _ => return Err(span),
        };
        *place = span;
        Ok(())
    }

    /// How long it takes to make or update the stack of this name or account.
    pub(super) fn make(&self, whose: &str, region: &Region) -> Duration {
        within(&self.make, &[whose, region.as_str()])
    }

    /// How long it takes to delete the stack of this name or account.
    pub(super) fn delete(&self, whose: &str, region: &Region, retain: Retain) -> Duration {
        let span = match retain {
            Retain::Delete => &self.delete,
            Retain::Keep => &self.detach,
        };
        within(span, &[whose, region.as_str(), "delete"])
    }

    /// How long it takes to work out a change set.
    pub(super) fn change_set(&self, name: &str) -> Duration {
        within(&self.change_set, &[name])
    }

    /// How long a request and its answer take.
    pub(super) fn call(&self, name: &str, number: &str) -> Duration {
        within(&self.call, &[name, number])
    }

    /// How long an operation takes before its first stack and after its last one.
    pub(super) fn around(&self, operation: &str) -> (Duration, Duration) {
        (within(&self.operation_start, &[operation]), within(&self.operation_end, &[operation]))
    }
}

fn within(span: &Span, parts: &[&str]) -> Duration {
    let width = span.end().saturating_sub(*span.start());
    let width = u64::try_from(width.as_millis()).unwrap_or(u64::MAX);
    *span.start() + Duration::from_millis(random::fixed(parts) % width.max(1))
}
