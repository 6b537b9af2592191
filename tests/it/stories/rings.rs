//! Several rings: one after the other, each with what is its own.

use std::collections::BTreeMap;

use orgpatch::{
    cloud::{Call, CloudWrite as _, TemplateFrom},
    ids::OuId,
    plan::TemplateSource,
    state::{SkipReason, StackSpec},
};

use super::*;
use crate::builders::{TODAY, desired, policy, run};

const TREE: &str = "
    /Workloads/NonProd    dev-1 dev-2
    /Workloads/Prod       web-1 web-2
    /Workloads/Prod/Pilot  pilot-1
    /Workloads            tools
    /Security             audit
    /Sandbox              toy-1
";

const RINGS: &str = "\
version: 1
name: corp
home_region: ap-northeast-1
targets:
  regions: [ap-northeast-1]
schedule:
  scan: daily 01:00
  install: sun 02:00
rings:
  - name: staging
    ous: [/Workloads/NonProd, /Workloads/Prod/Pilot]
    schedule: { install: sat 02:00 }
  - name: prod
    ous: [/Workloads, /Security]
    patching: { reboot: never }
";

/// The ring that each account is in.
fn rings(plan: &Plan) -> BTreeMap<String, String> {
    plan.coverage
        .accounts
        .iter()
        .map(|(id, change)| (plan.names.accounts[id].to_string(), change.ring.to_string()))
        .collect()
}

#[test]
fn the_deepest_ou_decides_which_ring_an_account_is_in() {
    let stage = Stage::new(TREE);

    let plan = stage.plan(RINGS);

    assert_reads("rings", &words(&plan));
    let expected = [
        ("audit", "prod"),
        ("dev-1", "staging"),
        ("dev-2", "staging"),
        ("pilot-1", "staging"),
        ("tools", "prod"),
        ("web-1", "prod"),
        ("web-2", "prod"),
    ];
    assert_eq!(rings(&plan), expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    stage.apply_all(&plan);
    stage.assert_matches(RINGS);
}

#[test]
fn a_ring_inside_another_inside_the_first_again_is_named_through_one_ou() {
    let nested = "
        /A          a-1
        /A/B        b-1
        /A/B/C      c-1
        /A/B/C/Suspended  old
    ";
    let text = RINGS
        .replace("[/Workloads/NonProd, /Workloads/Prod/Pilot]", "[/A, /A/B/C]")
        .replace("[/Workloads, /Security]", "[/A/B]");
    let stage = Stage::new(nested);

    let Look { desired, plan, .. } = stage.look(&text, Wish::Kept);

    let pinned = &desired.rings[0].deployment().unwrap().stack_sets[&desired.rings[0].names.pinned];
    let ous: Vec<&OuId> = pinned.targets.keys().collect();
    assert_eq!(ous, [&ou_id("/A")], "no OU beside one above it");
    stage.apply_all(&plan);
    stage.assert_matches(&text);
}

#[test]
fn a_ring_that_fails_past_its_tolerance_stops_those_behind_it() {
    let text = format!("{RINGS}rollout: {{ tolerate: 0% }}\n");
    let stage = Stage::new(TREE);
    stage.aws.fail_account(&stage.account("dev-1"), "The role quota of the account is used up");

    let outcome = stage.carry_out(&text, Wish::Kept);

    assert!(outcome.contains("The role quota"), "{outcome}");
    let deployed = stage.aws.ever_deployed();
    for name in ["web-1", "web-2", "audit", "tools"] {
        assert!(!deployed.contains(&stage.account(name)), "{name}");
    }
    stage.aws.heal();
    stage.carry_out(&text, Wish::Kept);
    stage.assert_matches(&text);
}

#[test]
fn a_ring_that_is_taken_out_of_the_file_is_removed_with_consent() {
    let stage = Stage::with(TREE, RINGS);
    let one = edited(
        RINGS,
        "  - name: staging
    ous: [/Workloads/NonProd, /Workloads/Prod/Pilot]
    schedule: { install: sat 02:00 }
",
        "",
    );
    let one = edited(&one, "[/Workloads, /Security]", "[/Workloads/Prod, /Security]");

    let plan = stage.plan(&one);

    assert_reads("ring_taken_out", &words(&plan));
    let refused = approve(&plan, Removals::AsThePolicySays).unwrap_err();
    assert!(matches!(refused, Refusal::Removals { .. }), "{refused}");
    stage.apply_all(&plan);
    stage.assert_matches(&one);
    let sets: Vec<String> = stage.aws.stack_sets().iter().map(ToString::to_string).collect();
    assert!(sets.iter().all(|name| name.starts_with("orgpatch-corp-prod")), "{sets:?}");
}

#[test]
fn a_renamed_ring_is_made_anew_before_the_old_one_goes() {
    let stage = Stage::with(TREE, RINGS);
    let renamed = edited(RINGS, "name: prod", "name: production");

    let plan = stage.plan(&renamed);

    assert_reads("ring_renamed", &words(&plan));
    let position = |text: &str| plan.steps.iter().position(|s| s.id.as_str().starts_with(text));
    assert!(position("production/") < position("prod/"));
    stage.apply_all(&plan);
    stage.assert_matches(&renamed);
}

#[test]
fn an_account_that_moves_between_rings_is_shown_with_both() {
    let stage = Stage::with(TREE, RINGS);
    let dev = stage.account("dev-1");
    stage.aws.move_account(&dev, &ou_id("/Security"));
    stage.wait(60);
    stage.aws.move_account(&stage.account("tools"), &ou_id("/Workloads/NonProd"));
    stage.wait(60);

    let plan = stage.plan(RINGS);

    let change = &plan.coverage.accounts[&stage.account("tools")];
    assert_eq!((change.ring.as_str(), change.left.as_ref().unwrap().as_str()), ("staging", "prod"));
    stage.apply_all(&plan);
    stage.assert_matches(RINGS);
}

#[test]
fn a_blocked_ring_holds_up_those_behind_it() {
    let stage = Stage::new(TREE);
    occupy_home(&stage, RINGS, 0);

    let plan = stage.plan(RINGS);

    assert!(plan.steps.is_empty());
    let blocked: Vec<String> =
        plan.blocked.iter().map(|b| format!("{}: {}", b.subject, b.because)).collect();
    assert!(
        blocked.iter().any(|b| b.contains("the ring prod: the ring staging before it")),
        "{blocked:?}"
    );
}

#[test]
fn destroy_takes_away_the_rings_that_the_file_names_no_more_too() {
    let stage = Stage::with(TREE, RINGS);
    let other = edited(RINGS, "name: staging", "name: canary");

    let plan = stage.removal(&other);
    stage.apply_all(&plan);

    stage.assert_gone(&other);
    stage.assert_gone(RINGS);
}

#[test]
fn accounts_that_no_ring_covers_are_told_where_the_policy_names_the_whole() {
    let text = edited(RINGS, "targets:\n", "targets:\n  ous: [/Workloads, /Security, /Sandbox]\n");
    let stage = Stage::new(TREE);

    let plan = stage.plan(&text);

    let toy = stage.account("toy-1");
    let skipped = plan.skipped.iter().find(|skipped| skipped.account == toy).unwrap();
    assert_eq!(skipped.because, SkipReason::InNoRing);
    let narrower = edited(&text, "[/Workloads, /Security, /Sandbox]", "[/Workloads]");
    let told = desired(&policy(&narrower), &snapshot(organization(TREE)), TODAY).unwrap_err();
    assert_reads("ring_outside_of_targets", &told.to_string());
}

#[test]
fn one_ou_in_two_rings_by_different_words_is_refused() {
    let text = edited(RINGS, "[/Workloads, /Security]", "[Pilot, /Security]");
    let told = desired(&policy(&text), &snapshot(organization(TREE)), TODAY).unwrap_err();

    assert_reads("ou_in_two_rings", &told.to_string());
}

#[test]
fn while_a_ring_is_changed_by_somebody_the_rings_behind_wait() {
    let stage = Stage::new(TREE);
    stage.apply_all(&stage.plan(RINGS));
    let edited = edited(RINGS, "daily 01:00", "daily 04:00");
    let plan = stage.plan(&edited);
    let update = plan.steps.iter().find(|s| s.action.stack_set().is_some()).unwrap();
    let Action::UpdateStackSet { spec, template, .. } = &update.action else {
        panic!("{update:?}")
    };
    assert_eq!(*template, TemplateSource::Inline);
    run(stage.aws.update_stack_set(
        CallAs::ManagementAccount,
        spec,
        TemplateFrom::Body,
        &parsed("somebody"),
    ))
    .unwrap();

    let waiting = stage.plan(&edited);

    assert!(waiting.waits());
    assert!(waiting.steps.iter().all(|step| step.action.is_wait()), "{}", words(&waiting));
    stage.carry_out(&edited, Wish::Kept);
    stage.assert_matches(&edited);
}

/// A foreign stack that has the name of a ring's home stack.
fn occupy_home(stage: &Stage, text: &str, ring: usize) {
    let desired = stage.look(text, Wish::Kept).desired;
    let spec = StackSpec {
        tags: BTreeMap::new(),
        ..desired.rings[ring].deployment().unwrap().home.clone()
    };
    stage.aws.put_stack(&spec, StackStatus::Settled);
}

#[test]
fn no_account_is_taken_out_of_a_ring_for_one_that_is_blocked() {
    // Production names a baseline that is not there, so nothing of it can be planned.
    let blocked = edited(
        RINGS,
        "    patching: { reboot: never }",
        "    baselines: { windows: pb-00000000000000000 }",
    );
    let stage = Stage::with(TREE, RINGS);
    let moved = edited(&blocked, "/Workloads/Prod/Pilot]", "/Sandbox]");

    let plan = stage.plan(&moved);

    let pilot = stage.account("pilot-1");
    assert!(plan.steps.is_empty(), "{}", words(&plan));
    let said: Vec<String> = plan.blocked.iter().map(|b| b.because.to_string()).collect();
    assert!(said.iter().any(|because| because.contains("accounts move")), "{said:?}");
    assert!(!plan.losses.contains_key(&pilot), "{:?}", plan.losses);
}

#[test]
fn an_old_ring_stays_until_every_account_has_the_new_one() {
    let stage = Stage::with(TREE, RINGS);
    let renamed = format!(
        "{}rollout: {{ tolerate: 100% }}\n",
        edited(RINGS, "name: prod", "name: production")
    );
    stage.aws.fail_account(&stage.account("web-1"), "The role quota of the account is used up");

    let outcome = stage.carry_out(&renamed, Wish::Kept);

    assert!(outcome.contains("The role quota"), "{outcome}");
    let sets = stage.aws.stack_sets();
    // Nor has an account lost the old one that has the new one already: those in the other set fail nothing.
    for old in ["orgpatch-corp-prod", "orgpatch-corp-prod-pinned"] {
        assert!(sets.contains(&parsed(old)), "{sets:?}");
    }
    stage.aws.heal();
    stage.carry_out(&renamed, Wish::Kept);
    stage.assert_matches(&renamed);
}

#[test]
fn a_ring_whose_name_another_ring_s_set_has_is_refused() {
    let stage = Stage::with(TREE, RINGS);
    let renamed = edited(RINGS, "name: prod", "name: prod-pinned");

    let plan = stage.plan(&renamed);

    let refused = approve(&plan, Removals::UpTo(100)).unwrap_err();
    assert!(matches!(refused, Refusal::InTheWay(_)), "{refused}");
    assert!(refused.to_string().contains("another ring of the policy"), "{refused}");
}

#[test]
fn rings_that_could_not_be_looked_for_keep_destroy_from_saying_that_all_is_gone() {
    let stage = Stage::new(TREE);
    stage.aws.deny_read(Call::ListStacks);

    let plan = stage.removal(RINGS);

    assert!(!plan.is_empty());
    assert!(plan.blocked[0].subject.contains("does not name any more"), "{:?}", plan.blocked);
}

#[test]
fn a_ring_that_covers_nobody_lets_nobody_read_its_file() {
    let text = edited(RINGS, "[/Workloads/NonProd, /Workloads/Prod/Pilot]", "[/Empty]");
    let stage = Stage::new(&format!("{TREE}    /Empty\n"));

    let plan = stage.plan(&text);

    stage.apply_all(&plan);
    stage.assert_matches(&text);
    assert!(plan.warnings.iter().any(|w| w.contains("staging covers no active account")));
}
