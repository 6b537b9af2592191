//! `why` agrees with the plan: on who is in, by which ring and how, and on why the others are out.

use std::collections::{BTreeMap, BTreeSet};

use orgpatch::{
    ids::{AccountId, CallAs, RingName},
    policy::{Subject, Surroundings, UnknownSubject, explain},
    state::{
        About, AccountExplained, AccountReach, Approvals, BaselineOrigin, Desired, Explanation,
        Obstacle, OuExplained, OuReach, Reach, SkipReason, Snapshot,
    },
};
use proptest::prelude::*;

use crate::{
    arbitrary::{any_world, config},
    builders::{TODAY, account_id, desired, edited, organization, ou_id, policy, snapshot},
};

fn ask(text: &str, snapshot: &Snapshot, subject: &str) -> Result<Explanation, UnknownSubject> {
    let rings = BTreeSet::new();
    let surroundings = Surroundings {
        rings: &rings,
        organization: &snapshot.organization,
        account: &snapshot.account,
        call_as: snapshot.call_as,
        regions: &snapshot.regions,
    };
    explain(&policy(text), surroundings, &Subject::from(subject), None, TODAY)
}

fn account(text: &str, snapshot: &Snapshot, subject: &str) -> AccountExplained {
    match ask(text, snapshot, subject).unwrap().about {
        About::Account(account) => *account,
        About::Ou(ou) => panic!("{subject} is the OU {}", ou.path),
    }
}

fn ou(text: &str, snapshot: &Snapshot, subject: &str) -> OuExplained {
    match ask(text, snapshot, subject).unwrap().about {
        About::Ou(ou) => *ou,
        About::Account(account) => panic!("{subject} is the account {}", account.id),
    }
}

/// Who gets stacks, by which ring, and how: none where it is by stacks of its own.
fn covered(desired: &Desired) -> BTreeMap<AccountId, (RingName, Option<Reach>)> {
    let mut covered = BTreeMap::new();
    for ring in &desired.rings {
        let Some(deployment) = ring.deployment() else { continue };
        for target in deployment.stack_sets.values().flat_map(|set| set.targets.values()) {
            for account in &target.accounts {
                covered.insert(account.clone(), (ring.name.clone(), Some(target.reach)));
            }
        }
        if !deployment.own_stacks.is_empty() {
            covered.insert(desired.owner.account.clone(), (ring.name.clone(), None));
        }
    }
    covered
}

fn reach(explained: &AccountExplained) -> Option<Reach> {
    match explained.reach.as_ref().unwrap() {
        AccountReach::WholeOu { .. } => Some(Reach::WholeOu),
        AccountReach::NamedAccount { because, .. } => {
            assert!(!because.is_empty());
            Some(Reach::NamedAccounts)
        }
        AccountReach::OwnStacks => None,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_account_is_explained_as_it_is_planned((world, wanted, _) in any_world()) {
        let snapshot = snapshot(world.organization());
        let text = wanted.text();
        let planned = desired(&policy(&text), &snapshot, TODAY).ok();
        let covered = planned.as_ref().map(covered).unwrap_or_default();

        for id in snapshot.organization.accounts().map(|account| &account.id) {
            let explained = account(&text, &snapshot, id.as_str());
            let Some(planned) = &planned else {
                // It is answered also where nothing can be planned.
                continue;
            };
            if let Some((ring, how)) = covered.get(id) {
                prop_assert!(explained.is_in(), "{id}: {:?}", explained.reasons);
                prop_assert_eq!(&explained.ring.as_ref().unwrap().name, ring);
                prop_assert_eq!(&reach(&explained), how);
            } else {
                let skipped = planned.skipped.iter().find(|skipped| skipped.account == *id);
                let first = explained.reasons.first().map(|reason| &reason.because);
                prop_assert_eq!(first, skipped.map(|skipped| &skipped.because));
                prop_assert!(explained.reach.is_none());
            }
        }
    }

    #[test]
    fn every_ou_is_explained_as_its_accounts_are((world, wanted, _) in any_world()) {
        let snapshot = snapshot(world.organization());
        let text = wanted.text();
        let organization = &snapshot.organization;
        let accounts: BTreeMap<&AccountId, AccountExplained> = organization
            .accounts()
            .map(|member| (&member.id, account(&text, &snapshot, member.id.as_str())))
            .collect();

        for unit in organization.units() {
            let explained = ou(&text, &snapshot, unit.id.as_str());
            let below = organization.subtree(&unit.id);
            let mut rings: BTreeMap<RingName, usize> = BTreeMap::new();
            let mut left_out = 0;
            for member in below.iter().flat_map(|unit| organization.members(unit)) {
                let member = &accounts[&member.id];
                if member.is_in() {
                    let ring = member.ring.as_ref().unwrap();
                    *rings.entry(ring.name.clone()).or_default() += 1;
                } else {
                    left_out += 1;
                }
            }

            let counted = explained.rings.iter().map(|ring| (ring.ring.clone(), ring.accounts));
            prop_assert_eq!(counted.collect::<BTreeMap<_, _>>(), rings);
            let counted: usize = explained.left_out.iter().map(|left| left.accounts).sum();
            prop_assert_eq!(counted, left_out);
            let is_whole = matches!(explained.reach, Some(OuReach::WholeOu { .. }));
            prop_assert!(!is_whole || explained.reasons.is_empty());
        }
    }
}

const TREE: &str = "
    /Workloads/NonProd        dev-1 dev-2
    /Workloads/Prod           web-1 vendor
    /Workloads/Prod/Suspended  old-1(closed) old-2
    /Workloads/Prod/Pilot     pilot-1
    /Sandbox                  toy-1
";

const POLICY: &str = "\
version: 1
name: corp
home_region: ap-northeast-1
management_account: exclude
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1, us-east-1]
  exclude:
    accounts:
      - { id: \"000000000004\", reason: vendor appliance }
      - { id: \"000000000005\", reason: left behind, until: 2026-12-31 }
      - { id: \"000000000003\", reason: was moved, until: 2026-11-01 }
schedule:
  scan: daily 01:00
  install: sun 02:00
rings:
  - name: staging
    ous:
      - /Workloads/NonProd
      - /Workloads/Prod/Pilot
  - name: prod
    ous: [/Workloads/Prod]
";

fn recorded() -> Snapshot {
    snapshot(organization(TREE))
}

/// The reasons with their lines, as `because (line)`.
fn reasons(explained: &AccountExplained) -> Vec<String> {
    let words = |reason: &orgpatch::state::Reason| match &reason.line {
        Some(line) => format!("{} ({})", reason.because, line.line),
        None => reason.because.to_string(),
    };
    explained.reasons.iter().map(words).collect()
}

#[test]
fn every_reason_is_told_and_not_the_first_one_only() {
    let old = account(POLICY, &recorded(), "old-1");

    assert_eq!(
        reasons(&old),
        [
            "excluded by the policy: left behind, until 2026-12-31 (11)",
            "in the excluded OU /Workloads/Prod/Suspended",
            "the account is closed",
        ]
    );
    assert!(old.reasons[1].remark.as_ref().unwrap().starts_with("by default"));
    assert_eq!(old.ring.unwrap().name.as_str(), "prod");
    assert_eq!(reasons(&account(POLICY, &recorded(), "toy-1")), ["not below any of the targets"]);
}

#[test]
fn an_excluded_ou_is_told_with_the_line_that_excludes_it() {
    let listed = edited(POLICY, "    accounts:\n", "    ous: [suspended]\n    accounts:\n");

    let old = account(&listed, &recorded(), "old-2");

    assert_eq!(reasons(&old), ["in the excluded OU /Workloads/Prod/Suspended (9)"]);
}

#[test]
fn an_exclusion_that_is_over_is_noted() {
    let explained = ask(POLICY, &recorded(), "000000000003").unwrap();

    let About::Account(web) = &explained.about else { panic!("{explained:?}") };
    assert!(web.is_in());
    assert_eq!(explained.notes, ["policy.yaml:12: its exclusion ended on 2026-11-01"]);
}

#[test]
fn the_deepest_ou_decides_and_the_ones_above_are_told() {
    let pilot = account(POLICY, &recorded(), "pilot-1");

    let ring = pilot.ring.unwrap();
    assert_eq!((ring.name.as_str(), ring.line.line), ("staging", 17));
    let target = ring.target.unwrap();
    assert_eq!((target.ou.as_str(), target.line.line), ("/Workloads/Prod/Pilot", 20));
    let above: Vec<&str> = ring.passed_over.iter().map(|target| target.ou.as_str()).collect();
    assert_eq!(above, ["/Workloads/Prod"]);
}

#[test]
fn why_an_account_is_named_by_its_id_is_told() {
    let web = account(POLICY, &recorded(), "web-1");

    let Some(AccountReach::NamedAccount { through, because }) = web.reach else {
        panic!("it is not named")
    };
    assert_eq!(through, "/Workloads/Prod");
    let kinds: Vec<String> = because
        .iter()
        .map(|obstacle| match obstacle {
            Obstacle::ExcludedOu { ou, .. } => format!("excluded {ou}"),
            Obstacle::ExcludedAccount { account, .. } => format!("excluded {account}"),
            Obstacle::OtherRing { ou, ring, .. } => format!("{ou} in {ring}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "excluded 000000000004",
            "/Workloads/Prod/Pilot in staging",
            "excluded /Workloads/Prod/Suspended",
        ]
    );
}

#[test]
fn an_ou_in_no_ring_tells_the_rings_below_it() {
    let workloads = ou(POLICY, &recorded(), "/Workloads");

    assert_eq!(workloads.id, ou_id("/Workloads"));
    assert_eq!(workloads.accounts, 7);
    let because: Vec<&SkipReason> = workloads.reasons.iter().map(|r| &r.because).collect();
    assert_eq!(because, [&SkipReason::InNoRing]);
    assert_eq!(workloads.reasons[0].line.as_ref().unwrap().line, 6);
    let below: Vec<&str> = workloads.targets_below.iter().map(|t| t.ou.as_str()).collect();
    assert_eq!(below, ["/Workloads/NonProd", "/Workloads/Prod", "/Workloads/Prod/Pilot"]);
}

#[test]
fn the_management_account_is_told_the_key_that_decides() {
    let mut recorded = recorded();
    let management = account(POLICY, &recorded, "management");
    assert_eq!(management.reasons.len(), 1);
    assert_eq!(management.reasons[0].line.as_ref().unwrap().line, 4);

    let included = edited(POLICY, "management_account: exclude", "management_account: include");
    let management = account(&included, &recorded, "management");
    assert_eq!(management.reach, Some(AccountReach::OwnStacks));
    assert_eq!(management.ring.unwrap().name.as_str(), "prod");

    recorded.account = account_id(1);
    recorded.call_as = CallAs::DelegatedAdministrator;
    let management = account(&included, &recorded, "management");
    assert!(management.reasons[0].remark.as_ref().unwrap().contains("delegated administrator"));
}

#[test]
fn what_does_not_fit_elsewhere_is_noted_and_no_obstacle() {
    let wrong = edited(POLICY, "      - /Workloads/NonProd\n", "      - /Workloads/NoProd\n");
    assert!(desired(&policy(&wrong), &recorded(), TODAY).is_err());

    let explained = ask(&wrong, &recorded(), "web-1").unwrap();

    let About::Account(web) = &explained.about else { panic!("{explained:?}") };
    assert!(web.is_in());
    assert!(explained.notes[0].starts_with("policy.yaml:19: "), "{:?}", explained.notes);
}

#[test]
fn a_ring_without_a_word_takes_aws_s_defaults_as_they_are() {
    let ring = account(POLICY, &recorded(), "web-1").ring.unwrap();

    assert!(ring.baselines.iter().all(|baseline| {
        baseline.origin == BaselineOrigin::Aws
            && baseline.approvals[0].approvals == Approvals::AsTheBaselineSays
    }));
    let runs: Vec<(&str, &str)> =
        ring.schedule.iter().map(|run| (run.run.what, run.run.region.as_str())).collect();
    assert_eq!(
        runs,
        [
            ("scan", "ap-northeast-1"),
            ("scan", "us-east-1"),
            ("install", "ap-northeast-1"),
            ("install", "us-east-1"),
        ]
    );
}
