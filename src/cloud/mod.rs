//! The ports: how the rest of the program speaks to AWS.
//!
//! They are cut by authority. Who holds a [`CloudRead`] can look and nothing else, so a plan cannot
//! change anything; only [`apply`](crate::apply) is given a [`CloudWrite`]. Both speak in the terms
//! of the field, not in the shapes of an SDK. What every call promises stands here; how it is made
//! (signing, pages, retries) is the adapter's business, and so is keeping to the rates that AWS publishes
//! ([`Limiter`]).

mod call;
mod error;
mod pace;
mod permissions;
mod read;
mod write;

pub use call::*;
pub use error::*;
pub use pace::*;
pub use permissions::*;
pub use read::*;
pub use write::*;
