//! The ports: how the rest of the program speaks to AWS.
//!
//! They are cut by authority. Who holds a [`CloudRead`] can look and nothing else, so a plan cannot
//! change anything; only [`apply`](crate::apply) is given a [`CloudWrite`]. Both speak in the terms
//! of the field, not in the shapes of an SDK. What every call promises stands here; how it is made
//! (signing, pages, retries, pace) is the adapter's business.

mod call;
mod error;
mod permissions;
mod read;
mod write;

pub use call::*;
pub use error::*;
pub use permissions::*;
pub use read::*;
pub use write::*;
