//! orgpatch rolls one AWS patch policy out over a whole AWS Organization.
//!
//! # The flow
//!
//! ```text
//! policies/x.yaml ─ policy::parse ─▶ Policy ─ policy::resolve(Organization) ─▶ Desired
//!                                                   ▲                             │
//!                          discover(CloudRead) ─▶ Observed ───────────────────────┤
//!                                                                                 ▼
//!         report::plan_{text,json} ◀──────────────── Plan ◀── plan::plan(&Desired, &Observed)
//!                                                     │ approve(Consent)
//!                                                     ▼
//!         report::{Progress, outcome_text} ◀── Event…, Outcome ◀── apply(&Approved, CloudWrite)
//! ```
//!
//! Each arrow is one function that takes the last one's result; nothing flows back. `plan` and `apply`
//! share every arrow up to [`plan::Plan`], so a dry run is not a mode but the first part of the same path.
//!
//! # The rooms, in the order of the flow
//!
//! | room | what it is for | may know |
//! | --- | --- | --- |
//! | [`ids`] | AWS names as types, valid by construction | nothing |
//! | [`state`] | values: organization, desired, observed; no decisions | `ids` |
//! | [`templates`] | the CloudFormation templates, compiled in and filled | `ids`, `state` |
//! | [`policy`] | text → `Policy` → `Desired`; pure | `ids`, `state`, `templates` |
//! | [`cloud`] | the ports `CloudRead` and `CloudWrite`, and `CloudError` | `ids`, `state` |
//! | [`discover`] | `CloudRead` → organization and `Observed`; the only room that looks | `ids`, `state`, `cloud` |
//! | [`plan`](mod@plan) | `Desired` × `Observed` → `Plan`; pure | `ids`, `state` |
//! | [`apply`](mod@apply) | `Approved` × `CloudWrite` → events and outcome; the only room that changes things | `ids`, `plan`, `cloud` |
//! | [`report`] | values → text and JSON; prints nothing | `ids`, `state`, `plan`, `apply`, `rehearsal` |
#![cfg_attr(
    feature = "aws",
    doc = "| [`aws`] | adapters; the only room that names the SDK | `ids`, `state`, `cloud` |"
)]
#![cfg_attr(
    not(feature = "aws"),
    doc = "| `aws` | adapters; the only room that names the SDK | `ids`, `state`, `cloud` |"
)]
//! | [`sim`] | a simulated AWS behind the same ports | `ids`, `state`, `cloud` |
//! | [`rehearsal`] | a whole rollout on the simulated AWS, with mishaps | `ids`, `state`, `policy`, `cloud`, `discover`, `plan`, `apply`, `sim` |
//! | [`cli`] | one file a command; arguments, terminal, exit codes | everything |
//!
//! A test reads the imports and holds this table.
//!
//! # What always holds
//!
//! - Planning the same two states gives the same plan, byte for byte. It cannot fail, look, or wait.
//! - A plan leaves [`apply`](mod@apply) nothing to decide.
//! - What was not seen is not touched: a read that failed is [`state::Seen::Unknown`], never absent.
//! - What orgpatch does not own, by tag and name, it neither changes nor deletes.
//! - Nothing is removed because a listing got shorter: a removal stands in the plan, counts against a
//!   guard, and needs consent.
//! - Each step may be repeated. Steps on one stack set wait for each other.
//! - Nothing is kept on disk between runs: to resume, look, plan and apply again.
//! - `apply` tells, `report` words, and only `cli` prints: results to standard output, the rest to
//!   standard error.

pub mod ids;
pub mod state;
pub mod templates;
pub mod policy;
pub mod cloud;
pub mod discover;
pub mod plan;
pub mod apply;
pub mod report;
#[cfg(feature = "aws")]
pub mod aws;
pub mod sim;
pub mod rehearsal;
pub mod cli;
