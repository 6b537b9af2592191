//! The templates' parameters, every one: StackSets takes the template's default for one that is not sent.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    ids::{AccountId, BucketName, OrganizationId, PolicyName, PrincipalArn, Region, RingId},
    state::{Encryption, Switch},
};

use super::{Nodes, PermissionsBoundary, Reboot, word};

impl PermissionsBoundary {
    fn parameter(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Aws => "aws".to_owned(),
            Self::Arn(arn) => arn.clone(),
        }
    }
}

/// The parameters of [`patching`](super::patching).
#[derive(Clone, Debug)]
pub struct PatchingParameters<'a> {
    /// The policy's name.
    pub policy: &'a PolicyName,
    /// The ring's five characters.
    pub ring: &'a RingId,
    /// The account that the bucket is in.
    pub owner_account: &'a AccountId,
    /// Whether patches are installed.
    pub installs: bool,
    /// Whether the scan is a rate, which can't be told to wait for its time.
    pub scans_at_once: bool,
    /// Whether nodes are restarted.
    pub reboot: Reboot,
    /// `MaxConcurrency`.
    pub concurrency: &'a str,
    /// `MaxErrors`.
    pub error_threshold: &'a str,
    /// Whether policies are attached to roles that nodes already have.
    pub attach_policies: Switch,
    /// What bounds the roles.
    pub permissions_boundary: &'a PermissionsBoundary,
    /// Where command output goes: bucket, prefix and Region.
    pub logs: Option<(&'a BucketName, &'a str, &'a Region)>,
    /// Whether Explorer is enabled.
    pub explorer: Switch,
    /// Which nodes.
    pub nodes: &'a Nodes,
}

/// The parameters of [`patching`](super::patching), every one.
pub fn patching_parameters(of: &PatchingParameters<'_>) -> BTreeMap<String, String> {
    let (bucket, prefix, region) =
        of.logs.map_or_else(Default::default, |(bucket, prefix, region)| {
            (bucket.to_string(), prefix.to_owned(), region.to_string())
        });
    let (target_type, target_values) = match of.nodes {
        Nodes::All => ("*", json!([])),
        Nodes::Tags(tags) => (
            "Tags",
            tags.iter().map(|(key, values)| json!({ "Key": key, "Values": values })).collect(),
        ),
        Nodes::ResourceGroup(group) => ("ResourceGroup", json!([group])),
        Nodes::InstanceIds(ids) => ("InstanceIds", json!(ids)),
    };
    [
        ("PolicyName", of.policy.to_string()),
        ("RingId", of.ring.to_string()),
        ("OwnerAccountId", of.owner_account.to_string()),
        ("Operation", if of.installs { "ScanAndInstall" } else { "Scan" }.to_owned()),
        (
            "RebootOption",
            match of.reboot {
                Reboot::IfNeeded => "RebootIfNeeded",
                Reboot::Never => "NoReboot",
            }
            .to_owned(),
        ),
        ("Concurrency", of.concurrency.to_owned()),
        ("ErrorThreshold", of.error_threshold.to_owned()),
        ("ScanOnlyAtCron", word(!of.scans_at_once).to_owned()),
        ("AttachPolicies", word(of.attach_policies == Switch::On).to_owned()),
        ("PermissionsBoundary", of.permissions_boundary.parameter()),
        ("LogBucket", bucket),
        ("LogPrefix", prefix),
        ("LogRegion", region),
        ("EnableExplorer", word(of.explorer == Switch::On).to_owned()),
        ("TargetType", target_type.to_owned()),
        ("TargetValues", target_values.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The parameters of [`home`](super::home), but for the baselines, which have to be looked up.
#[derive(Clone, Debug)]
pub struct HomeParameters<'a> {
    /// The policy's name.
    pub policy: &'a PolicyName,
    /// The ring's five characters.
    pub ring: &'a RingId,
    /// Whose nodes may read.
    pub organization: &'a OrganizationId,
    /// What bounds the role.
    pub permissions_boundary: &'a PermissionsBoundary,
    /// With which key the overrides are encrypted.
    pub encryption: &'a Encryption,
    /// Who may read them too.
    pub auditor: Option<&'a PrincipalArn>,
}

/// The parameters of [`home`](super::home), but for the baselines.
pub fn home_parameters(of: &HomeParameters<'_>) -> BTreeMap<String, String> {
    [
        ("PolicyName", of.policy.to_string()),
        ("RingId", of.ring.to_string()),
        ("OrganizationId", of.organization.to_string()),
        ("PermissionsBoundary", of.permissions_boundary.parameter()),
        (
            "Encryption",
            match of.encryption {
                Encryption::S3 => "s3".to_owned(),
                Encryption::Key(key) => key.to_string(),
            },
        ),
        ("Auditor", of.auditor.map(ToString::to_string).unwrap_or_default()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The parameters of [`removal`](super::removal), every one.
pub fn removal_parameters(
    ring: &RingId,
    owner_account: &AccountId,
    boundary: &PermissionsBoundary,
) -> BTreeMap<String, String> {
    let boundary = match boundary {
        // It forbids to look for what has to be taken back.
        PermissionsBoundary::Aws => PermissionsBoundary::None,
        PermissionsBoundary::None | PermissionsBoundary::Arn(_) => boundary.clone(),
    };
    [
        ("RingId", ring.to_string()),
        // By this it is seen from elsewhere whose the stack set is.
        ("OwnerAccountId", owner_account.to_string()),
        ("PermissionsBoundary", boundary.parameter()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
