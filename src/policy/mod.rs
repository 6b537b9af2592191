//! A policy file: from text to [`Policy`], and from there, in an organization, to
//! [`Desired`](crate::state::Desired). Pure: no I/O, no clock.
//!
//! [`parse`] reads the text into a tree that remembers its places and then into values, and
//! collects every problem on the way. [`resolve`] lays the values over an organization: which OUs
//! and accounts are meant, which are left out and why, and what is rendered for them. [`next_runs`]
//! says when all that will run, without an organization. Whatever is wrong with a file is a
//! [`Problems`], with line and column.
//!
//! [`explain`] answers for one account or OU why it is in or out; [`promote`] edits the file.

mod approvals;
mod approve;
mod baselines;
mod calendars;
mod check;
mod clocks;
mod compile;
mod cover;
mod dates;
mod deployment;
mod edit;
mod error;
mod exceptions;
mod explain;
mod explain_reasons;
mod explain_ring;
mod file;
mod fields;
mod identity;
mod layout;
mod next_runs;
mod online;
mod order;
mod overrides;
mod patching;
mod paths;
mod promote;
mod regions;
mod remarks;
mod removal;
mod resolve;
mod rings;
mod rules;
mod runs;
mod schedule;
mod schedule_aws;
mod schema;
mod subject;
mod targets;
mod values;
mod zones;

pub use check::parse;
pub use error::{Place, Problem, Problems, Severity, Warned};
pub use explain::explain;
pub use identity::{RingHome, Surroundings, ring_homes};
pub use next_runs::next_runs;
pub use promote::{Edited, Promoted, Promotion, Unpromoted, promote};
pub use removal::{AccessLogs, Additions, removal};
pub use resolve::resolve;
pub use rules::*;
pub use schema::schema;
pub use subject::{Subject, UnknownSubject};
pub use values::*;
