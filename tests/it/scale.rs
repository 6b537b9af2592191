//! Large organizations: the limits of StackSets are kept, and nothing is lost at them.

use orgpatch::{
    plan::{self, Action, HomeStatus, status},
    sim::{SimulatedAws, synthetic_snapshot},
    state::Snapshot,
};

use crate::builders::{
    Look, Stage, TODAY, Wish, assert_reads, desired, organization, policy, snapshot,
};

/// An organization with so many OUs side by side, each with an account, and one that is excluded among them.
fn wide(ous: usize) -> String {
    let teams = (0..ous).map(|number| format!("/Workloads/team-{number:03}  app-{number:03}"));
    teams.chain(["/Workloads/Suspended  old".to_owned()]).collect::<Vec<_>>().join("\n")
}

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets: { ous: [/Workloads], regions: [ap-northeast-1, eu-west-1] }
schedule: { scan: daily 01:00 }
";

#[test]
fn more_than_fifty_ous_are_reached_by_one_operation_for_each_fifty() {
    let stage = Stage::over(snapshot(organization(&wide(120))));

    let plan = stage.plan(POLICY);

    let ous: Vec<usize> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::AddInstances { targets, .. } => Some(targets.ous.len()),
            _ => None,
        })
        .collect();
    assert_eq!(ous, [50, 50, 20]);
    stage.apply_all(&plan);
    stage.assert_matches(POLICY);
    assert_eq!(stage.aws.operations_run().len(), 3);
    stage.apply_all(&stage.removal(POLICY));
    stage.assert_gone(POLICY);
}

/// A policy for the whole of a made-up organization, in its first so many Regions.
fn for_all(snapshot: &Snapshot, regions: usize) -> String {
    let names: Vec<&str> =
        snapshot.regions.keys().take(regions).map(orgpatch::ids::Region::as_str).collect();
    format!(
        "version: 1\nname: all\nhome_region: {}\ntargets: {{ ous: [/], regions: [{}] }}\nschedule: {{ scan: daily 01:00 }}\n",
        snapshot.region,
        names.join(", ")
    )
}

#[test]
fn more_instances_than_a_stack_set_takes_are_refused_with_the_arithmetic() {
    let snapshot = synthetic_snapshot(10_000, 500, 17);

    let refused = desired(&policy(&for_all(&snapshot, 17)), &snapshot, TODAY).unwrap_err();
    assert_reads("too_many_instances", &refused.to_string());

    let in_ten = desired(&policy(&for_all(&snapshot, 10)), &snapshot, TODAY);
    assert!(in_ten.is_ok(), "99,000 instances fit into one");
}

#[test]
fn ten_thousand_accounts_are_planned_and_shown_each_once() {
    let snapshot = synthetic_snapshot(10_000, 500, 10);
    let text = for_all(&snapshot, 10);
    let stage = Stage { aws: SimulatedAws::new(snapshot), today: TODAY, runs: 0.into() };

    let Look { desired, observed, plan } = stage.look(&text, Wish::Kept);

    let shown = plan.coverage.accounts.len() + plan.skipped.len();
    assert_eq!(shown, 10_000);
    let operations = plan.steps.iter().filter(|s| matches!(s.action, Action::AddInstances { .. }));
    assert_eq!(operations.count(), 1);
    let rings = status(&desired, &observed);
    assert_eq!(rings[0].home, HomeStatus::Missing);
    let missing: usize = rings[0].regions.values().map(|counts| counts.missing).sum();
    assert_eq!(missing, plan.coverage.accounts.len() * 10);
    assert_eq!(plan::check(&plan), []);
}
