//! How long things take. All of it is assumed: AWS promises none of it.
//!
//! The figures are of the order that people report for stacks of some twenty IAM roles, documents and
//! associations. A rehearsal's total is no better than they are.

use std::{ops::Range, time::Duration};

use crate::{ids::Region, sim::random, state::Retain};

/// Between the start of an operation and its first stack. Assumed.
pub(super) const OPERATION_START: Duration = Duration::from_secs(10);

/// Between the last stack of an operation and its end. Assumed.
pub(super) const OPERATION_END: Duration = Duration::from_secs(2);

/// Making or updating one stack, in milliseconds. Assumed.
const MAKE: Range<u64> = 40_000..90_000;

/// Deleting one stack, in milliseconds. Assumed.
const DELETE: Range<u64> = 20_000..45_000;

/// Detaching one stack, in milliseconds. Assumed.
const DETACH: Range<u64> = 1_000..5_000;

/// Working out a change set, in milliseconds. Assumed.
const CHANGE_SET: Range<u64> = 4_000..12_000;

fn within(range: &Range<u64>, parts: &[&str]) -> Duration {
    Duration::from_millis(range.start + random::fixed(parts) % (range.end - range.start))
}

/// How long it takes to make or update the stack of this name or account.
pub(super) fn make(whose: &str, region: &Region) -> Duration {
    within(&MAKE, &[whose, region.as_str()])
}

/// How long it takes to delete the stack of this name or account.
pub(super) fn delete(whose: &str, region: &Region, retain: Retain) -> Duration {
    let range = match retain {
        Retain::Delete => &DELETE,
        Retain::Keep => &DETACH,
    };
    within(range, &[whose, region.as_str(), "delete"])
}

/// How long it takes to work out a change set.
pub(super) fn change_set(name: &str) -> Duration {
    within(&CHANGE_SET, &[name])
}
