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
