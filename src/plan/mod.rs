//! Decides what to change. Pure: no I/O, no clock, no randomness, and it cannot fail.
//!
//! [`plan`] compares [`Desired`](crate::state::Desired) with [`Observed`](crate::state::Observed)
//! and returns the steps between them, in an order that is safe to run. Everything that needs
//! judgement is decided here, so that [`apply`](crate::apply) has no choices left to make. What could
//! not be read, and what is not ours, is [`Blocked`] and left alone.
//!
//! A rule about *what* should change belongs in this room. A rule about *how* a call is made
//! (retries, waits, page sizes) belongs in `apply` or `aws`.

mod baseline_difference;
mod baselines;
mod check;
mod conflict;
mod consent;
mod coverage;
mod difference;
mod home;
mod loss;
mod narrow;
mod own_stacks;
mod planner;
mod removal;
mod sequence;
mod retry_failed;
mod stack;
mod stack_set;
mod status;
mod step;
mod steps;
mod take_back;

pub use check::{Flaw, check};
pub use conflict::{
    Conflict, Deep, Findings, Maker, Places, Unread, With, between, conflicts_of, deep_conflicts,
    deep_places,
};
pub use consent::{Approved, Consent, Refusal, Removals};
pub use coverage::{AccountChange, Change, Coverage};
pub use difference::Difference;
pub use home::{Home, home_stack};
pub use loss::Loss;
pub use narrow::{Filters, Narrowed, Selection, Unselected, narrow};
pub use planner::plan;
pub use retry_failed::retry_failed;
pub use status::{Counts, Failing, HomeStatus, RingStatus, status, status_within};
pub use step::*;

// What a plan's steps carry, so that who carries them out need not know where it comes from.
pub use crate::state::{OVERRIDE_KEY, Preferences, Retain, StackSetSpec, StackSpec};
