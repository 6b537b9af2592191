//! What a reader of the plan should know although nothing is wrong with the policy.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::{
    ids::{OuId, Region},
    state::{Encryption, Organization, Switch},
    templates::PermissionsBoundary,
};

use super::{
    calendars, clocks,
    cover::Cover,
    order,
    rules::Approve,
    values::{NewAccounts, Policy, RingWish},
};

/// All of it.
pub(super) fn remarks(
    policy: &Policy,
    organization: &Organization,
    covers: &[Cover],
    today: Date,
) -> Vec<String> {
    let mut remarks: Vec<String> =
        [other_partition(policy), unencrypted_nodes(policy)].into_iter().flatten().collect();
    let mut say = |remark: String| {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    };
    for ring in &policy.rings {
        uncalendared(ring).into_iter().for_each(&mut say);
    }
    joiners(policy, organization, covers).into_iter().for_each(&mut say);
    undated(policy).into_iter().for_each(&mut say);
    boundary(policy).into_iter().for_each(&mut say);
    clocks::clock_changes(&policy.rings, today).into_iter().for_each(&mut say);
    order::order_warnings(policy, today).into_iter().for_each(&mut say);
    remarks
}

/// What becomes of accounts that join an OU which could not be named as a whole.
fn joiners(policy: &Policy, organization: &Organization, covers: &[Cover]) -> Option<String> {
    let in_part: Vec<&OuId> = covers.iter().flat_map(|cover| &cover.in_part).collect();
    if policy.new_accounts != NewAccounts::Enroll || in_part.is_empty() {
        return None;
    }
    let paths: Vec<String> = in_part.into_iter().map(|ou| organization.path(ou)).collect();
    let why = if policy.is_without_rings() { "excluded" } else { "excluded or in another ring" };
    Some(format!(
        "accounts that join {} directly are enrolled by the next apply, not by themselves, since something below is {why}",
        paths.join(", ")
    ))
}

/// Where nobody tells when a patch was released, rings get patches at the same time.
fn undated(policy: &Policy) -> Option<String> {
    let dated = |ring: &&RingWish| match ring.approve.as_ref().map(|approve| &approve.value) {
        Some(Approve::AfterDays(_) | Approve::Until(_)) => true,
        Some(Approve::Only(_)) | None => false,
    };
    let rings: Vec<&str> =
        policy.rings.iter().filter(dated).map(|ring| ring.name.as_str()).collect();
    (!rings.is_empty()).then(|| {
        format!(
            "`approve` by days or a date changes nothing for debian, raspbian and ubuntu, which do not tell when a patch was released: there what the rules match is approved at once, also in {}",
            rings.join(", ")
        )
    })
}

/// AWS's own boundary forbids what is needed to see whether a role has its policies.
fn boundary(policy: &Policy) -> Option<String> {
    let is_blind = policy.iam.permissions_boundary == PermissionsBoundary::Aws
        && policy.iam.attach == Switch::Off;
    is_blind.then(|| {
        "with `permissions_boundary: aws` nobody may look which policies a role has, so with `attach: false` the IAM associations fail on every node that has a role".to_owned()
    })
}

/// AWS's policy for nodes names the buckets of one partition (`AWSQuickSetupPatchPolicyBaselineAccess`, v1).
fn other_partition(policy: &Policy) -> Option<String> {
    let partition = policy.home_region.value.partition();
    (partition != "aws").then(|| {
        format!(
            "AWS's policy AWSQuickSetupPatchPolicyBaselineAccess names buckets of the partition aws, and this is {partition}: each node's role needs s3:GetObject on arn:{partition}:s3:::aws-quicksetup-patchpolicy-* by another policy, or scans and installations fail"
        )
    })
}

/// Neither of the two policies that nodes' roles get lets them use a key.
fn unencrypted_nodes(policy: &Policy) -> Option<String> {
    let Encryption::Key(key) = &policy.overrides.encryption else { return None };
    Some(format!(
        "the overrides are encrypted with {key}: its key policy must let the nodes' roles decrypt (`orgpatch render` writes the statement), and each role needs kms:Decrypt on it, which neither of the attached policies gives; without both, scans and installations fail"
    ))
}

/// Who names a calendar means all installations.
fn uncalendared(ring: &RingWish) -> Option<String> {
    let regions: BTreeSet<Region> = ring.regions.iter().map(|at| at.value.clone()).collect();
    let without = calendars::without_calendar(&ring.schedule, &regions);
    let names: Vec<&str> = without.into_iter().map(Region::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "no calendar of `schedule.calendars` is in {}, so installations there are not held back",
            names.join(", ")
        )
    })
}
