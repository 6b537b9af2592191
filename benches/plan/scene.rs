//! Made-up organizations, policies for them, and rollouts on the simulated AWS.

use std::{collections::BTreeSet, future::Future};

use jiff::civil::{Date, date};
use orgpatch::{
    apply::{Stop, apply},
    cloud::CloudRead as _,
    discover,
    plan::{Consent, Removals, plan},
    policy::{self, Policy, Surroundings},
    sim::SimulatedAws,
    state::{Desired, Observed, Snapshot},
};

/// The day of every plan.
pub(crate) const TODAY: Date = date(2026, 11, 22);

/// Stack instances that one stack set takes.
const MOST_INSTANCES: usize = 100_000;

/// Runs one future, with nothing beside it.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(future)
}

/// A policy for the whole organization in so many Regions; two, where one stack set would not take it.
pub(crate) fn policies(snapshot: &Snapshot, regions: usize) -> Vec<String> {
    let names: Vec<&str> =
        snapshot.regions.keys().map(orgpatch::ids::Region::as_str).take(regions).collect();
    let instances = snapshot.organization.accounts().count() * regions;
    let parts = instances.div_ceil(MOST_INSTANCES);
    names
        .chunks(names.len().div_ceil(parts))
        .enumerate()
        .map(|(number, regions)| {
            format!(
                "version: 1\nname: bench-{number}\nhome_region: {}\ntargets:\n  ous: [/]\n  regions: [{}]\nschedule:\n  scan: daily 01:00\n  install: sun 02:00\n  timezone: region\nchecks: {{ conflicts: off }}\n",
                snapshot.region,
                regions.join(", ")
            )
        })
        .collect()
}

pub(crate) fn policy(text: &str) -> Policy {
    policy::parse("bench.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What a policy asks for in an organization that has been read.
pub(crate) fn surveyed(snapshot: &Snapshot, text: &str) -> Desired {
    let surroundings = Surroundings {
        rings: &BTreeSet::new(),
        organization: &snapshot.organization,
        account: &snapshot.account,
        call_as: snapshot.call_as,
        regions: &snapshot.regions,
    };
    policy::resolve(&policy(text), surroundings, TODAY)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// Looks as `plan` does.
pub(crate) async fn look(aws: &SimulatedAws, text: &str) -> (Desired, Observed) {
    let standing = discover::standing(aws).await.unwrap_or_else(|error| panic!("{error}"));
    let organization = discover::organization(aws, &standing.facts)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let regions = aws.regions().await.unwrap_or_else(|error| panic!("{error}"));
    let policy = policy(text);
    let rings = policy.ring_names();
    let found = discover::find(aws, standing.call_as, &policy.name, &rings).await;
    let surroundings = Surroundings {
        rings: &found.rings,
        organization: &organization,
        account: &standing.caller.account,
        call_as: standing.call_as,
        regions: &regions,
    };
    let desired = policy::resolve(&policy, surroundings, TODAY)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let sought = discover::sought(&desired);
    let observed = discover::observe(aws, standing.call_as, &sought, found).await;
    (desired, observed)
}

/// An AWS in which a policy has been rolled out, and what is there then.
pub(crate) fn rolled_out(snapshot: &Snapshot, text: &str) -> (SimulatedAws, Observed) {
    let aws = SimulatedAws::new(snapshot.clone());
    let observed = run(async {
        let (desired, observed) = look(&aws, text).await;
        let consent = Consent { removals: Removals::AsThePolicySays, expected_digest: None };
        let approved = plan(&desired, &observed).approve(&consent);
        let approved = approved.unwrap_or_else(|refusal| panic!("{refusal}"));
        let (_switch, stop) = Stop::new();
        let outcome = apply(&approved, &aws, &stop, "bench", |_| ()).await;
        assert!(outcome.is_complete(), "{outcome:?}");
        look(&aws, text).await.1
    });
    (aws, observed)
}
