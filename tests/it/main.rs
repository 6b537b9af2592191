//! The promises of orgpatch, one module each. All of it runs without a network, a clock and a pause.
#![allow(clippy::unwrap_used, reason = "a test that meets something unexpected should end there")]

mod arbitrary;
mod architecture;
mod bad_policies;
mod builders;
mod command_line;
mod convergence;
mod exclusion;
mod fake_http;
mod lock;
mod markdown;
mod narrowing;
mod rates;
mod readme;
mod rehearsal;
mod scale;
mod schema;
mod stories;
mod wire;
