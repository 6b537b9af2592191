use std::collections::BTreeSet;

use super::{AS, Named, create, make_set, run, set, wait};
use crate::{
    cloud::{Call, CloudRead as _, OperationStatus},
    ids::OperatingSystem,
    sim::{SimulatedAws, example_snapshot, synthetic_snapshot},
    state::{AccountState, RegionStatus},
};

#[test]
fn the_example_has_the_oddities_that_it_promises() {
    let example = example_snapshot();
    let organization = &example.organization;

    let paths: BTreeSet<String> =
        organization.units().map(|unit| organization.path(&unit.id)).collect();
    for path in ["/Workloads/Prod/Web", "/Workloads/Suspended", "/Suspended", "/PolicyStaging"] {
        assert!(paths.contains(path), "{path}");
    }
    let inactive: BTreeSet<&AccountState> =
        organization.accounts().map(|account| &account.state).collect();
    assert_eq!(inactive.len(), 5);
    assert!(organization.accounts().any(|account| account.id.as_str().starts_with('0')));
    let management = organization.account(organization.management_account()).unwrap();
    assert_eq!(&management.parent, organization.root());
    let enabled = example.regions.values().filter(|status| **status == RegionStatus::Enabled);
    assert_eq!(enabled.count(), 17);
}

#[test]
fn the_example_has_a_baseline_of_aws_for_every_operating_system() {
    let example = example_snapshot();

    for system in OperatingSystem::ALL {
        let baseline = &example.aws_baselines[&system];
        assert_eq!(baseline.name, system.default_baseline_name());
        assert_eq!(baseline.content.operating_system, system);
        let home = format!("arn:aws:ssm:{}:", example.region);
        assert!(baseline.id.as_str().starts_with(&home), "{}", baseline.id);
        assert!(!baseline.content.approval_rules.patch_rules.is_empty());
    }
}

#[test]
fn a_synthetic_organization_has_the_size_that_was_asked_for() {
    let snapshot = synthetic_snapshot(1_000, 50, 17);

    assert_eq!(snapshot.organization.accounts().count(), 1_000);
    assert_eq!(snapshot.organization.units().count(), 51);
    assert_eq!(snapshot.regions.len(), 17);
    assert!(snapshot.regions.contains_key(&snapshot.region));
}

#[test]
fn a_large_rollout_is_simulated_whole() {
    let aws = SimulatedAws::new(synthetic_snapshot(1_001, 40, 17));
    let regions: Vec<String> = example_regions(&aws);
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    run(async {
        make_set(&aws, "a").await;
        let named = Named::whole(&aws, &["/"], &regions);
        create(&aws, "a", &named, "all").await.unwrap();

        assert_eq!(wait(&aws, "a", "all").await, (OperationStatus::Succeeded, 0));
        assert_eq!(aws.instances(AS, &set("a")).await.unwrap().len(), 17_000);
    });
    assert_eq!(aws.calls()[&Call::ListStackInstances], 170);
}

fn example_regions(aws: &SimulatedAws) -> Vec<String> {
    run(aws.regions()).unwrap().keys().map(ToString::to_string).collect()
}
