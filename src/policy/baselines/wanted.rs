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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::policy::parse;

    const TODAY: Date = date(2026, 11, 24);

    const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets: { regions: [ap-northeast-1] }
schedule: { scan: daily 01:00 }
baselines:
  debian: corp-debian
  windows:
    - { classification: [SecurityUpdates] }
rings:
  - { name: staging, ous: [/NonProd] }
  - { name: prod, ous: [/Prod], approve: { until: month-start } }
exceptions:
  - { patch: \"kernel-*\", os: suse, rings: [staging], owner: linux-team, ticket: OPS-812, until: 2026-11-24 }
";

    fn wanted_on(ring: &str, today: Date) -> BTreeMap<OperatingSystem, BaselineWanted> {
        let policy = parse("policy.yaml", POLICY).unwrap_or_else(|problems| panic!("{problems}"));
        let ring = policy.ring(&ring.parse().unwrap()).unwrap();
        wanted(&policy, ring, &|_| BTreeMap::new(), today)
    }

    fn made_from(wanted: &BaselineWanted) -> Option<&MadeFrom> {
        match wanted {
            BaselineWanted::Made(making) => Some(&making.content),
            BaselineWanted::Taken(_) => None,
        }
    }

    #[test]
    fn what_nothing_changes_is_taken_as_it_is() {
        let wanted = wanted_on("staging", TODAY);

        assert_eq!(wanted.len(), OperatingSystem::ALL.len());
        assert_eq!(wanted[&OperatingSystem::Ubuntu], BaselineWanted::Taken(BaselineSource::Aws));
        assert_eq!(
            wanted[&OperatingSystem::Debian],
            BaselineWanted::Taken(BaselineSource::Named("corp-debian".parse().unwrap()))
        );
    }

    #[test]
    fn rules_are_made_under_a_name_of_policy_ring_and_operating_system() {
        let wanted = wanted_on("staging", TODAY);

        let BaselineWanted::Made(making) = &wanted[&OperatingSystem::Windows] else {
            panic!("it is not made")
        };
        assert_eq!(making.name.as_str(), "orgpatch-weekly-staging-windows");
        assert!(matches!(making.content, MadeFrom::Rules(_)));
    }

    #[test]
    fn awss_default_is_changed_by_an_exception_while_it_holds() {
        let on = |today| wanted_on("staging", today)[&OperatingSystem::Suse].clone();

        assert_eq!(
            made_from(&on(TODAY)),
            Some(&MadeFrom::AwsDefault {
                approval: Approval::AsItIs,
                rejected: vec!["kernel-*".to_owned()],
            })
        );
        assert_eq!(on(date(2026, 11, 25)), BaselineWanted::Taken(BaselineSource::Aws));
    }

    #[test]
    fn awss_default_is_changed_by_the_approve_of_a_ring_where_release_dates_are_known() {
        let wanted = wanted_on("prod", TODAY);

        assert_eq!(
            made_from(&wanted[&OperatingSystem::Suse]),
            Some(&MadeFrom::AwsDefault {
                approval: Approval::UntilDate(date(2026, 11, 1)),
                rejected: Vec::new(),
            })
        );
        assert_eq!(wanted[&OperatingSystem::Ubuntu], BaselineWanted::Taken(BaselineSource::Aws));
    }
}
