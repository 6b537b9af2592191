//! A recorded organization: all that a plan needs to know of the world but what is deployed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AccountId, CallAs, OperatingSystem, Region},
    state::{BaselineSeen, Organization, RegionStatus},
};

/// An organization with what was read beside it, as `orgpatch snapshot` writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The version of this form.
    pub format_version: u32,
    /// When it was taken, in UTC.
    pub taken_at: String,
    /// The account that took it.
    pub account: AccountId,
    /// As what that account spoke.
    pub call_as: CallAs,
    /// The Region in which it was taken.
    pub region: Region,
    /// The tree.
    pub organization: Organization,
    /// The Regions that the account can use, and those that it cannot.
    pub regions: BTreeMap<Region, RegionStatus>,
    /// AWS's default baselines, with their content.
    pub aws_baselines: BTreeMap<OperatingSystem, BaselineSeen>,
    /// The account's own baselines, with their content.
    pub own_baselines: Vec<BaselineSeen>,
}

impl Snapshot {
    /// The version that this program writes and reads.
    pub const FORMAT_VERSION: u32 = 1;
}

/// Why a text is no snapshot that this program reads.
#[derive(Debug, thiserror::Error)]
pub enum NoSnapshot {
    /// It is no JSON, or other JSON than a snapshot's.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It says no version.
    #[error("it has no `format_version`, so it is not a snapshot of orgpatch's")]
    NoVersion,
    /// It has another version.
    #[error("it has format version {0}, and this orgpatch reads {read}", read = Snapshot::FORMAT_VERSION)]
    OtherVersion(u64),
}

/// Reads a snapshot. The version comes first, so that a newer form is told from a broken one.
///
/// # Errors
///
/// Says why it is none.
pub fn read_snapshot(text: &str) -> Result<Snapshot, NoSnapshot> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    let version = value.get("format_version").and_then(serde_json::Value::as_u64);
    match version {
        None => Err(NoSnapshot::NoVersion),
        Some(version) if version != u64::from(Snapshot::FORMAT_VERSION) => {
            Err(NoSnapshot::OtherVersion(version))
        }
        Some(_) => Ok(serde_json::from_str(text)?),
    }
}
