//! A simulated AWS: both ports, in memory, over a recorded organization, with virtual time.
//!
//! It keeps real state and enforces the rules of the real services: one operation of a stack set at
//! a time, pace and failure tolerance, suspended accounts that are skipped, a management account
//! that is never reached, auto-deployment that follows account moves, IAM names that collide, buckets
//! that can't be deleted while they hold something. It is awkward on purpose: a call that was made
//! later may land first, any change can fail before or after its effect, pages come empty, listings
//! lag. Everything that looks like chance comes from a seed.
//!
//! Where AWS's behaviour is not documented, the choice made here is said where it is made. How long
//! things take is an assumption ([`Assumptions`]); the order in which they end is not.
//!
//! It is no stand-in for AWS's wire, and it decides nothing that belongs to the planner.

mod auto_deployment;
mod baseline;
mod bucket;
mod clock;
mod deployment;
mod example;
mod failure;
mod fault;
mod gate;
mod inspect;
mod intrinsic;
mod operation;
mod pace;
mod random;
mod read;
mod schedule;
mod simulated;
mod stack;
mod stack_set;
mod stack_set_calls;
mod template;
mod world;
mod write;

#[cfg(test)]
mod tests;

pub use example::{example_snapshot, synthetic_snapshot};
pub use fault::{Fault, Lasts, On, What, When};
pub use inspect::{OperationRun, RegionRun};
pub use pace::{Assumptions, Span};
pub use simulated::{Pages, Paths, SimulatedAws};
