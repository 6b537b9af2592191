//! Values that the rooms hand to each other. No I/O, no decisions.
//!
//! [`Organization`] is what was read of the tree, [`Desired`] what a policy asks for, and
//! [`Observed`] what AWS answered. What could not be read is [`Seen::Unknown`], never absent.

mod baseline;
mod cron;
mod desired;
mod foreign;
mod observed;
mod organization;
mod snapshot;

pub use baseline::*;
pub use cron::*;
pub use desired::*;
pub use foreign::*;
pub use observed::*;
pub use organization::*;
pub use snapshot::*;
