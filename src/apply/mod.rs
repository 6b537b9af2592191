//! Carries out an approved plan. The only room that changes things, and it decides nothing.
//!
//! Steps whose predecessors are done run at the same time, all in one task. Each call may be repeated:
//! operations have IDs that are derived from the step, so that a retry is the same operation. Nothing
//! is kept on disk: to resume, look, plan and apply again.
//!
//! What happens is told by [`Event`]s, and in the end by an [`Outcome`]; both are worded by
//! [`report`](crate::report).

mod event;
mod instances;
mod operation;
mod perform;
mod schedule;
mod stack;
mod stop;

pub use event::{Event, EventKind, InstanceFailure, Outcome, StepEnd, StepFailure};
pub use schedule::apply;
pub use stop::{Stop, StopSwitch};
