//! map
pub mod ids;
pub mod state;
pub mod policy;
pub mod templates;
pub mod cloud;
pub mod discover;
pub mod plan;
pub mod apply;
pub mod report;
#[cfg(feature = "aws")]
pub mod aws;
pub mod sim;
pub mod cli;
