//! A policy file: from text to [`Policy`], and from there, in an organization, to
//! [`Desired`](crate::state::Desired). Pure: no I/O, no clock.
//!
//! [`parse`] reads the text into a tree that remembers its places and then into values, and
//! collects every problem on the way. [`resolve`] lays the values over an organization: which OUs
//! and accounts are meant, which are left out and why, and what is rendered for them. Whatever is
//! wrong with a file is a [`Problems`], with line and column.

mod approve;
mod baselines;
mod calendars;
mod check;
mod compile;
mod cover;
mod dates;
mod deployment;
mod error;
mod exceptions;
mod file;
mod fields;
mod identity;
mod online;
mod overrides;
mod patching;
mod paths;
mod regions;
mod remarks;
mod removal;
mod resolve;
mod rings;
mod rules;
mod schedule;
mod schedule_aws;
mod schema;
mod targets;
mod values;

pub use check::parse;
pub use error::{Place, Problem, Problems, Severity, Warned};
pub use identity::{RingHome, Surroundings, ring_homes};
pub use removal::{AccessLogs, Additions, removal};
pub use resolve::resolve;
pub use rules::*;
pub use schema::schema;
pub use values::*;
