//! What a step does, in words.

use std::collections::BTreeSet;

use crate::{
    ids::Region,
    plan::{Action, InstanceTargets, Step},
    report::count,
};

const TAKE_BACK: &str = "take back node tags, role tags and attached policies";

/// What a step does, as a sentence without its beginning: `add 12 accounts × 2 Regions to …`.
pub fn step_words(step: &Step) -> String {
    match &step.action {
        Action::WaitForOperation { stack_set, operation } => {
            format!("wait for the operation {operation} of stack set {stack_set}")
        }
        Action::WaitForStack { region, name } => {
            format!("wait for the running change of stack {name} in {region}")
        }
        Action::UploadTemplate { bucket, key, .. } => {
            format!("put the template to s3://{bucket}/{key}")
        }
        Action::CreateStack { spec, .. } => {
            format!("create stack {} in {}", spec.name, spec.region)
        }
        Action::UpdateStack { spec, changes, .. } => {
            format!(
                "update stack {} in {} ({})",
                spec.name,
                spec.region,
                count(changes.len(), "difference")
            )
        }
        Action::DeleteStack { region, name } => format!("delete stack {name} in {region}"),
        Action::CreateBaseline { spec, .. } => format!("create baseline {}", spec.name),
        Action::UpdateBaseline { spec, changes, .. } => {
            format!("update baseline {} ({})", spec.name, count(changes.len(), "difference"))
        }
        Action::DeleteBaseline { id, name } => format!("delete baseline {name} ({id})"),
        Action::EmptyBucket { bucket } => format!("delete everything in bucket {bucket}"),
        Action::WriteOverrides { bucket, replaces, content, changes } => {
            let systems = count(content.len(), "operating system");
            if replaces.is_some() {
                format!(
                    "write {} to {bucket} ({})",
                    crate::plan::OVERRIDE_KEY,
                    count(changes.len(), "difference")
                )
            } else {
                format!("write {} to {bucket}, the rules of {systems}", crate::plan::OVERRIDE_KEY)
            }
        }
        Action::CreateStackSet { spec, .. } => format!("create stack set {}", spec.name),
        Action::TurnOnManagedExecution { stack_set } => {
            format!("turn on managed execution of stack set {stack_set}")
        }
        Action::UpdateStackSet { spec, changes, .. } => {
            format!("update stack set {} ({})", spec.name, count(changes.len(), "difference"))
        }
        Action::TakeBack { spec, places } => {
            let accounts: BTreeSet<_> = places.iter().map(|(account, _)| account).collect();
            let regions: BTreeSet<_> = places.iter().map(|(_, region)| region).collect();
            let (accounts, regions) =
                (count(accounts.len(), "account"), count(regions.len(), "Region"));
            format!("{TAKE_BACK} in {accounts} × {regions} through stack set {}", spec.name)
        }
        Action::TakeBackInStack { spec } => {
            format!("{TAKE_BACK} in {} through stack {}", spec.region, spec.name)
        }
        Action::KeepAccessLogs { spec } => {
            format!("have the access-log bucket outlive stack {} in {}", spec.name, spec.region)
        }
        Action::AddInstances { stack_set, targets, .. } => {
            if targets.accounts.is_empty() {
                format!("let stack set {stack_set} follow {}", count(targets.ous.len(), "OU"))
            } else if step.is_retry() {
                format!("try {} of stack set {stack_set} again", extent(targets))
            } else {
                format!("add {} to stack set {stack_set}", extent(targets))
            }
        }
        Action::RemoveInstances { stack_set, targets, retain, .. } => {
            let kept = match retain {
                crate::plan::Retain::Delete => "",
                crate::plan::Retain::Keep => ", and leave their stacks behind",
            };
            if targets.accounts.is_empty() {
                format!(
                    "let stack set {stack_set} no longer follow {}",
                    count(targets.ous.len(), "OU")
                )
            } else {
                format!("remove {} from stack set {stack_set}{kept}", extent(targets))
            }
        }
        Action::DeleteStackSet { stack_set } => format!("delete stack set {stack_set}"),
    }
}

fn extent(targets: &InstanceTargets) -> String {
    format!(
        "{} × {}",
        count(targets.accounts.len(), "account"),
        count(targets.regions.len(), "Region")
    )
}

/// Regions in a row; many are counted.
pub(super) fn regions(regions: &BTreeSet<Region>) -> String {
    if regions.len() > 4 {
        return count(regions.len(), "Region");
    }
    regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
}
