//! Carries out an approved plan. The only room that changes things, and it decides nothing.
//!
//! Steps whose predecessors are done run at the same time, all in one task. Each call may be repeated:
//! operations have IDs that are derived from the step, so that a retry is the same operation. Nothing
//! is kept on disk: to resume, look, plan and apply again. A [`Lock`] keeps two runs apart, and a
//! [`RunRecord`] tells later who did what; neither is needed to go on.
//!
//! What happens is told by [`Event`]s, and in the end by an [`Outcome`]; both are worded by
//! [`report`](crate::report).

mod event;
mod instances;
mod lock;
mod operation;
mod perform;
mod persist;
mod record;
mod schedule;
mod stack;
mod stop;

pub use event::{Event, EventKind, InstanceFailure, Outcome, StepEnd, StepFailure, WaitingFor};
pub use lock::{
    Access, LEASE, LOCK_KEY, Lock, LockNews, LockRecord, LockRefusal, LockSeen, LockState, RENEWAL,
    Respect, access, access_after_watching, look_at_lock,
};
pub use record::{EndKind, RUNS, RecordRead, RunFound, RunId, RunRecord, StepRecord, read_runs};
pub use schedule::apply;
pub use stop::{Stop, StopSwitch};
