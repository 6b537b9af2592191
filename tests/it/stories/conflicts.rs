//! What else patches the same nodes: other stack sets, other policies, and what was set up in the accounts.

use std::collections::BTreeMap;

use orgpatch::{
    cloud::{Call, CallTargets, CloudErrorKind, CloudWrite as _},
    discover,
    ids::{OperationId, Region, RoleName},
    plan::{Conflict, Findings, Maker, With, between, conflicts_of, deep_conflicts, deep_places},
    report::{Depth, conflicts_json, conflicts_text},
    sim::{Fault, Lasts, On, What},
    state::{
        ConflictCheck, ForeignPatching, NodeTarget, PatchAssociation, PatchGroup, PatchOperation,
        PatchTask, PatchWindow, Preferences, Reach, RegionPace, StackSetSpec, Template,
    },
};

use super::*;
use crate::builders::run;

const QUICK_SETUP: &str = "AWS-QuickSetup-PatchPolicy-TA-q4bkg";
const HOST_MANAGEMENT: &str = "AWS-QuickSetup-SSMHostMgmt-TA-zz9zz";

/// A policy for the nodes with one tag.
fn blue() -> String {
    let regions = "  regions: [ap-northeast-1, eu-west-1]\n";
    edited(POLICY, regions, &format!("{regions}  nodes: {{ tags: {{ Ring: [blue] }} }}\n"))
}

/// Another policy, for production in one Region.
fn monthly() -> String {
    POLICY
        .replace("name: weekly", "name: monthly")
        .replace("[/Workloads]", "[/Workloads/Prod]")
        .replace("[ap-northeast-1, eu-west-1]", "[eu-west-1]")
}

/// Puts somebody else's stack set there, with instances in the whole of production.
fn put_set(stage: &Stage, name: &str, parameters: &[(&str, &str)]) {
    let parameters = parameters.iter();
    let spec = StackSetSpec {
        name: parsed(name),
        description: String::new(),
        template: Template::new("{}".to_owned()),
        parameters: parameters.map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        tags: BTreeMap::new(),
        auto_deployment: Switch::Off,
        targets: BTreeMap::new(),
        regions: BTreeSet::new(),
        preferences: Preferences {
            concurrency_percent: 100,
            tolerance_percent: 0,
            regions: RegionPace::Parallel,
        },
    };
    stage.aws.put_stack_set(&spec, Switch::Off);
    let (ous, accounts) = (BTreeSet::from([ou_id("/Workloads/Prod")]), BTreeSet::new());
    let regions: BTreeSet<Region> =
        ["ap-northeast-1", "eu-west-1", "us-east-1"].into_iter().map(parsed).collect();
    let targets =
        CallTargets { ous: &ous, reach: Reach::WholeOu, accounts: &accounts, regions: &regions };
    let id = OperationId::derive(&[name]);
    let (aws, preferences) = (&stage.aws, spec.preferences);
    let call_as = CallAs::ManagementAccount;
    run(aws.create_instances(call_as, &spec.name, targets, preferences, &id)).unwrap();
    stage.wait(60);
}

/// The conflicts that block a plan.
fn blocking(plan: &Plan) -> Vec<String> {
    plan.blocked
        .iter()
        .filter(|blocked| matches!(blocked.because, BlockReason::Conflict(_)))
        .map(|blocked| format!("{}: {}", blocked.subject, blocked.because))
        .collect()
}

/// The findings of a look on behalf of these policies.
fn found(stage: &Stage, policies: &[&str]) -> Findings {
    let looks: Vec<Look> = policies.iter().map(|policy| stage.look(policy, Wish::Kept)).collect();
    let pairs: Vec<_> = looks.iter().map(|look| (&look.desired, &look.observed)).collect();
    conflicts_of(&pairs)
}

/// What policies do to each other beside what is deployed.
fn together(stage: &Stage, policies: &[&str]) -> Vec<Conflict> {
    let looks: Vec<Look> = policies.iter().map(|policy| stage.look(policy, Wish::Kept)).collect();
    let pairs: Vec<_> = looks.iter().map(|look| (&look.desired, &look.observed)).collect();
    between(&pairs)
}

/// The findings of a look into the accounts, on a Sunday.
fn deep(stage: &Stage, policy: &str) -> Findings {
    let look = stage.look(policy, Wish::Kept);
    let pairs = [(&look.desired, &look.observed)];
    let places = deep_places(&pairs);
    let role = RoleName::of_organizations();
    let seen = run(discover::deep(&stage.aws, &places, &role));
    deep_conflicts(&pairs, &seen, parsed("2026-11-22T00:00:00Z"))
}

/// An association that scans nodes with a tag, without a name that anybody knows.
fn scan(ring: &str, schedule: &str) -> ForeignPatching {
    association(PatchOperation::Scan, ring, schedule)
}

fn install(ring: &str, schedule: &str) -> ForeignPatching {
    association(PatchOperation::Install, ring, schedule)
}

fn association(operation: PatchOperation, ring: &str, schedule: &str) -> ForeignPatching {
    ForeignPatching::Association(PatchAssociation {
        id: "0a1b2c3d".to_owned(),
        name: Some("nightly".to_owned()),
        document: "AWS-RunPatchBaseline".to_owned(),
        operation,
        targets: vec![NodeTarget { key: "tag:Ring".to_owned(), values: vec![ring.to_owned()] }],
        schedule: Some(schedule.to_owned()),
        offset_days: 0,
    })
}

fn window(ring: &str) -> ForeignPatching {
    ForeignPatching::Window(PatchWindow {
        id: "mw-0123456789abcdef0".to_owned(),
        name: "sundays".to_owned(),
        enabled: Switch::On,
        schedule: "cron(0 12 ? * SUN *)".to_owned(),
        timezone: Some("Asia/Tokyo".to_owned()),
        offset_days: 0,
        duration_hours: 4,
        cutoff_hours: 1,
        tasks: vec![PatchTask {
            id: "task-1".to_owned(),
            name: Some("install".to_owned()),
            document: "AWS-RunPatchBaseline".to_owned(),
            operation: PatchOperation::Install,
            targets: vec![vec![NodeTarget {
                key: "tag:Ring".to_owned(),
                values: vec![ring.to_owned()],
            }]],
        }],
    })
}

/// Sets something up in accounts, in one Region.
fn put(stage: &Stage, accounts: &[&str], region: &str, patching: &ForeignPatching) {
    for account in accounts {
        let account = stage.account(account);
        stage.aws.put_foreign_patching(&account, &parsed(region), patching.clone());
    }
}

#[test]
fn quick_setups_patch_policy_on_the_same_accounts_blocks_once_and_says_where() {
    let stage = Stage::new(SHOP);
    put_set(&stage, QUICK_SETUP, &[("TargetType", "*"), ("TargetInstances", "*")]);

    let conflicts = blocking(&stage.plan(POLICY));

    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:#?}") };
    assert!(conflict.starts_with(&format!("the stack set {QUICK_SETUP}: ")), "{conflict}");
    assert!(conflict.contains("ring main in 3 accounts × 2 Regions"), "{conflict}");
    let refusal = approve(&stage.plan(POLICY), Removals::AsThePolicySays).unwrap_err();
    assert!(matches!(refusal, Refusal::InTheWay(_)), "{refusal:?}");
}

#[test]
fn a_conflict_is_said_or_passed_over_where_the_policy_says_so() {
    let stage = Stage::new(SHOP);
    put_set(&stage, QUICK_SETUP, &[("TargetType", "*")]);
    let told = |check: &str| {
        let plan = stage.plan(&format!("{POLICY}checks: {{ conflicts: {check} }}\n"));
        assert_eq!(blocking(&plan), [""; 0]);
        plan.warnings.iter().filter(|warning| warning.contains(QUICK_SETUP)).count()
    };

    assert_eq!(told("warn"), 1);
    assert_eq!(told("off"), 0);
}

#[test]
fn tags_that_exclude_each_other_are_no_conflict() {
    let stage = Stage::new(SHOP);
    let green = [("TargetType", "Tags"), ("TargetTagKey", "Ring"), ("TargetTagValue", "green")];
    put_set(&stage, QUICK_SETUP, &green);

    assert_eq!(blocking(&stage.plan(&blue())), [""; 0]);
    assert_eq!(blocking(&stage.plan(POLICY)).len(), 1);
}

#[test]
fn host_management_is_a_conflict_as_long_as_it_scans() {
    for (parameters, conflicts) in [
        (&[("ScanInstances", "true")][..], 1),
        (&[][..], 1),
        (&[("ScanInstances", "false")][..], 0),
    ] {
        let stage = Stage::new(SHOP);
        put_set(&stage, HOST_MANAGEMENT, parameters);

        // In an organization it means every node, so tags don't help.
        let plan = stage.plan(&blue());

        assert_eq!(blocking(&plan).len(), conflicts, "{parameters:?}: {:#?}", plan.blocked);
    }
}

#[test]
fn policies_that_are_given_together_meet_before_either_is_deployed() {
    let stage = Stage::new(SHOP);

    let conflicts = together(&stage, &[POLICY, &monthly()]);

    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:#?}") };
    assert_eq!(conflict.policy.as_str(), "weekly");
    assert_eq!(conflict.places.extent(), "3 accounts × 1 Region");
    assert!(matches!(&conflict.with, With::Policy { name, .. } if name.as_str() == "monthly"));
    assert_eq!(conflict.check, ConflictCheck::Error);
}

#[test]
fn policies_that_are_apart_do_not_meet() {
    let stage = Stage::new(SHOP);
    let security = monthly().replace("[/Workloads/Prod]", "[/Security]");
    let green = monthly().replace("  regions:", "  nodes: { tags: { Ring: [green] } }\n  regions:");
    let off = "checks: { conflicts: off }\n";

    assert_eq!(together(&stage, &[POLICY, &security]), []);
    assert_eq!(together(&stage, &[&blue(), &green]), []);
    let both_off = [format!("{POLICY}{off}"), format!("{}{off}", monthly())];
    assert_eq!(together(&stage, &[&both_off[0], &both_off[1]]), []);
    // One policy that looks is enough.
    assert_eq!(together(&stage, &[&both_off[0], &monthly()]).len(), 1);
}

#[test]
fn what_a_deployed_stack_set_shows_is_told_once() {
    let stage = Stage::with(SHOP, POLICY);

    assert_eq!(together(&stage, &[POLICY, &monthly()]), []);
    let findings = found(&stage, &[POLICY, &monthly()]);
    let [conflict] = findings.conflicts.as_slice() else { panic!("{findings:#?}") };
    let With::StackSet { name, maker } = &conflict.with else { panic!("{conflict:#?}") };
    assert_eq!(name.as_str(), "orgpatch-weekly-main");
    assert_eq!(*maker, Maker::Policy("weekly".to_owned()));

    // Now each sees the other's stack set.
    let quiet = format!("{}checks: {{ conflicts: warn }}\n", monthly());
    stage.apply_all(&stage.plan(&quiet));
    assert_eq!(together(&stage, &[POLICY, &monthly()]), []);
    assert_eq!(found(&stage, &[POLICY, &monthly()]).conflicts.len(), 1);
    assert_eq!(found(&stage, &[&monthly()]).conflicts.len(), 1);
}

#[test]
fn an_association_on_the_same_nodes_is_one_conflict_however_many_accounts_have_it() {
    let stage = Stage::new(SHOP);
    put(&stage, &["web-1", "web-2", "audit"], "eu-west-1", &scan("blue", "cron(0 12 * * ? *)"));

    let Findings { conflicts, unread } = deep(&stage, &blue());

    assert_eq!(unread, []);
    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:#?}") };
    // The policy does not cover `audit`.
    assert_eq!(conflict.places.extent(), "2 accounts × 1 Region");
    assert_eq!(conflict.check, ConflictCheck::Error);
    assert!(!conflict.effect.contains("within"), "{}", conflict.effect);
}

#[test]
fn ten_minutes_apart_on_other_nodes_is_a_warning() {
    let stage = Stage::new(SHOP);
    // In Dublin the install is on Sundays at two o'clock UTC, and the scan at one.
    put(&stage, &["web-1"], "eu-west-1", &install("green", "cron(10 2 ? * SUN *)"));
    put(&stage, &["web-2"], "eu-west-1", &install("green", "cron(0 13 * * ? *)"));
    put(&stage, &["orders"], "eu-west-1", &install("green", "rate(1 day)"));
    // A scan restarts nothing, and neither does ours.
    put(&stage, &["orders"], "eu-west-1", &scan("green", "cron(10 2 ? * SUN *)"));
    put(&stage, &["web-2"], "eu-west-1", &install("green", "cron(10 1 ? * MON *)"));

    let findings = deep(&stage, &blue());

    let [conflict] = findings.conflicts.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(conflict.check, ConflictCheck::Warn);
    assert_eq!(conflict.places.extent(), "1 account × 1 Region");
    let expected = "within 10 minutes of the install of ring main";
    assert!(conflict.effect.contains(expected), "{}", conflict.effect);
}

#[test]
fn a_window_whose_task_is_on_the_same_nodes_is_a_conflict_unless_it_never_opens() {
    let stage = Stage::new(SHOP);
    let ForeignPatching::Window(open) = window("blue") else { unreachable!() };
    let closed = ForeignPatching::Window(PatchWindow { enabled: Switch::Off, ..open });
    put(&stage, &["web-1"], "eu-west-1", &closed);
    assert_eq!(deep(&stage, &blue()), Findings::default());

    put(&stage, &["web-1"], "eu-west-1", &window("blue"));
    put(&stage, &["web-2"], "eu-west-1", &window("green"));

    let findings = deep(&stage, &blue());

    let [conflict] = findings.conflicts.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(conflict.with.to_string(), "the task install of the maintenance window sundays");
    assert_eq!(conflict.places.extent(), "1 account × 1 Region");
    assert!(conflict.effect.contains("may not have approved"), "{}", conflict.effect);
}

#[test]
fn a_patch_group_alone_refuses_nothing() {
    let stage = Stage::new(SHOP);
    let group = PatchGroup { name: "web".to_owned(), baselines: [].into() };
    put(&stage, &["web-1"], "eu-west-1", &ForeignPatching::Group(group));

    let findings = deep(&stage, POLICY);

    let [conflict] = findings.conflicts.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(conflict.check, ConflictCheck::Warn);
}

#[test]
fn what_comes_from_the_policy_itself_or_from_a_stack_set_that_was_seen_is_left_out() {
    let stage = Stage::with(SHOP, POLICY);
    put_set(&stage, QUICK_SETUP, &[("TargetType", "*")]);
    let ring = stage.look(POLICY, Wish::Kept).desired.rings[0].id.to_string();
    for id in [ring.as_str(), "q4bkg"] {
        let ForeignPatching::Association(scan) = scan("blue", "cron(0 1 * * ? *)") else {
            unreachable!()
        };
        let name = Some(format!("AWS-QuickSetup-PatchPolicy-ScanForPatches-{id}"));
        let ours = ForeignPatching::Association(PatchAssociation { name, ..scan });
        put(&stage, &["web-1"], "eu-west-1", &ours);
    }

    assert_eq!(deep(&stage, POLICY), Findings::default());
}

#[test]
fn an_account_that_can_t_be_entered_is_said_and_never_without_conflicts() {
    let stage = Stage::new(SHOP);
    let fault = |lasts| Fault {
        on: On::Next(Call::AssumeRole),
        what: What::Answered(CloudErrorKind::Denied),
        lasts,
    };

    stage.aws.inject(fault(Lasts::Once));
    let Findings { conflicts, unread } = deep(&stage, POLICY);
    assert_eq!((conflicts.len(), unread.len()), (0, 1));
    assert!(unread[0].subject.starts_with("1 account × 2 Regions"), "{unread:?}");
    assert!(unread[0].because.contains("sts:AssumeRole"), "{unread:?}");

    stage.aws.inject(fault(Lasts::UntilHealed));
    let Findings { unread, .. } = deep(&stage, POLICY);
    assert_eq!(unread.len(), 1, "{unread:#?}");
    assert!(unread[0].subject.starts_with("6 accounts × 2 Regions"), "{unread:?}");
}

#[test]
fn what_can_t_be_read_is_said_of_the_account_and_region_that_it_is_in() {
    let stage = Stage::new(SHOP);
    put(&stage, &["web-1"], "eu-west-1", &window("blue"));
    stage.aws.deny_read(Call::DescribeMaintenanceWindowTasks);

    let findings = deep(&stage, POLICY);

    assert_eq!(findings.conflicts, []);
    let [unread] = findings.unread.as_slice() else { panic!("{findings:#?}") };
    assert!(unread.subject.starts_with("1 account × 1 Region"), "{unread:?}");
}

#[test]
fn stack_sets_that_can_t_be_listed_are_said() {
    let stage = Stage::new(SHOP);
    stage.aws.deny_read(Call::ListStackSets);

    let findings = found(&stage, &[POLICY, &monthly()]);

    // The two policies meet all the same.
    assert_eq!(findings.conflicts.len(), 1);
    assert_eq!(findings.unread.len(), 1, "{findings:#?}");
}

#[test]
fn conflicts_read_well() {
    let stage = Stage::new(SHOP);
    put_set(&stage, QUICK_SETUP, &[("ConfigurationOptionsPatchOperation", "ScanAndInstall")]);
    put_set(&stage, HOST_MANAGEMENT, &[]);
    put(&stage, &["web-1", "web-2"], "eu-west-1", &scan("blue", "cron(10 1 * * ? *)"));
    put(&stage, &["web-1"], "eu-west-1", &install("green", "cron(10 2 ? * SUN *)"));
    put(&stage, &["orders"], "ap-northeast-1", &window("blue"));
    stage.aws.inject(Fault {
        on: On::Next(Call::DescribePatchGroups),
        what: What::Answered(CloudErrorKind::Denied),
        lasts: Lasts::Once,
    });
    let policy = blue();

    let mut findings = found(&stage, &[&policy, &monthly()]);
    findings.extend(deep(&stage, &policy));

    let look = stage.look(&policy, Wish::Kept);
    let names = [&look.desired.names];
    assert_reads("conflicts", &plain(&conflicts_text(&findings, &names, Depth::Accounts(12))));
    let json = conflicts_json(&findings, Depth::Accounts(12));
    assert_eq!(json["format_version"], 1);
    assert_eq!(json["conflicts"].as_array().unwrap().len(), findings.conflicts.len());
    assert_eq!(json["unread"].as_array().unwrap().len(), findings.unread.len());
}

#[test]
fn where_there_is_nothing_it_says_how_far_was_looked() {
    let text = |depth| plain(&conflicts_text(&Findings::default(), &[], depth));

    assert!(text(Depth::StackSets).contains("`--deep` looks into the accounts too"));
    assert!(text(Depth::Accounts(12)).contains("12 places"));
}
