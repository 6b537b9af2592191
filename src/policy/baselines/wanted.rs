//! What is wished of each operating system's rules in a ring, on a day.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{
    ids::{BaselineName, Digest, OperatingSystem},
    policy::{
        exceptions,
        rules::BaselineWish,
        values::{Policy, RingWish},
    },
    state::{Approval, BaselineMaking, BaselineSource, BaselineWanted, MadeFrom},
};

use super::content;

/// What is wished of each operating system's rules in a ring. `tags` are those of what is made from
/// something with this digest.
///
/// A baseline is made where there are rules, and where a ring's `approve` or exceptions change AWS's
/// default; others are taken as they are.
pub(in crate::policy) fn wanted(
    policy: &Policy,
    ring: &RingWish,
    tags: &dyn Fn(&Digest) -> BTreeMap<String, String>,
    today: Date,
) -> BTreeMap<OperatingSystem, BaselineWanted> {
    let approve = ring.approve.as_ref().map(|approve| &approve.value);
    let wanted = |system: OperatingSystem| {
        let rejected = exceptions::in_force(&policy.exceptions, &ring.name, system, today);
        let from = match ring.baselines.get(&system).map(|wish| &wish.value) {
            Some(BaselineWish::Existing(id)) => {
                return BaselineWanted::Taken(BaselineSource::Existing(id.clone()));
            }
            Some(BaselineWish::Named(name)) => {
                return BaselineWanted::Taken(BaselineSource::Named(name.clone()));
            }
            Some(BaselineWish::Rules(rules)) => {
                MadeFrom::Rules(content::made(system, rules, approve, &rejected, today))
            }
            None | Some(BaselineWish::Aws) => {
                let approval = approve
                    .map_or(Approval::AsItIs, |approve| content::approval(system, approve, today));
                if approval == Approval::AsItIs && rejected.is_empty() {
                    return BaselineWanted::Taken(BaselineSource::Aws);
                }
                MadeFrom::AwsDefault { approval, rejected }
            }
        };
        BaselineWanted::Made(Box::new(BaselineMaking {
            name: name(policy, ring, system),
            description: format!("Patch policy {}, ring {} (orgpatch)", policy.name, ring.name),
            tags: tags(&digest(&from)),
            content: from,
        }))
    };
    OperatingSystem::ALL.into_iter().map(|system| (system, wanted(system))).collect()
}

/// The name of the baseline that a ring makes for an operating system.
fn name(policy: &Policy, ring: &RingWish, system: OperatingSystem) -> BaselineName {
    let text = format!("orgpatch-{}-{}-{system}", policy.name, ring.name);
    text.parse().expect("parts that are names make a name")
}

fn digest(from: &MadeFrom) -> Digest {
    let said = match from {
        MadeFrom::Rules(baseline) => serde_json::json!([baseline]),
        MadeFrom::AwsDefault { approval, rejected } => serde_json::json!([approval, rejected]),
    };
    Digest::of(said.to_string())
}
