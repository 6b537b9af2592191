//! Bad input gets a clear error: a folder of bad policies, each with all that is said about it.
//!
//! `tests/fixtures/bad-policies/NAME.yaml` is the policy and `NAME.txt` the message. With `BLESS` set in
//! the environment the messages are written instead of compared; read each one before it is kept.

use std::{collections::BTreeSet, fmt::Write as _};

use orgpatch::{
    policy::{self, Problems},
    state::Organization,
};

use crate::builders::{TODAY, assert_reads, desired, edited, organization, policy, snapshot};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bad-policies");

/// The names of the files with this extension, without it.
fn names(extension: &str) -> BTreeSet<String> {
    std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_bad_policy_gets_its_message() {
    let blessed = std::env::var_os("BLESS").is_some();
    let mut wrong = String::new();
    for name in names("yaml") {
        let text = std::fs::read_to_string(format!("{FOLDER}/{name}.yaml")).unwrap();
        let said = match policy::parse(&format!("{name}.yaml"), &text) {
            Ok(_) => "it was taken for a good policy\n".to_owned(),
            Err(problems) => format!("{problems}\n"),
        };
        let expected = format!("{FOLDER}/{name}.txt");
        if blessed {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_ref() != Some(&said) {
            let _ = writeln!(wrong, "=== {name}.yaml is told:\n{said}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn there_are_many_bad_policies_and_no_message_without_one() {
    let policies = names("yaml");

    assert!(policies.len() >= 60);
    assert_eq!(names("txt"), policies);
}

#[test]
fn no_bad_policy_is_taken_for_a_good_one() {
    let taken: Vec<String> = names("yaml")
        .into_iter()
        .filter(|name| {
            let text = std::fs::read_to_string(format!("{FOLDER}/{name}.yaml")).unwrap();
            policy::parse(name, &text).is_ok()
        })
        .collect();

    assert_eq!(taken, Vec::<String>::new());
}

#[test]
fn a_huge_file_is_refused_without_reading_it() {
    let text = "# padding\n".repeat(1_000_000);

    let problems = policy::parse("huge.yaml", &text).unwrap_err();

    assert_reads("huge_policy", &problems.to_string());
}

#[test]
fn deep_nesting_and_many_aliases_are_refused() {
    let deep = format!("version: {}1{}\n", "[".repeat(50_000), "]".repeat(50_000));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let above = format!("*a{}", level - 1);
        let _ = writeln!(laughs, "a{level}: &a{level} [{}]", [above.as_str(); 10].join(", "));
    }

    for text in [deep, laughs] {
        assert!(policy::parse("hostile.yaml", &text).is_err());
    }
}

/// What is said of a policy that does not fit an organization.
fn refused(text: &str, organization: &Organization) -> Problems {
    desired(&policy(text), &snapshot(organization.clone()), TODAY).unwrap_err()
}

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1]
schedule:
  scan: daily 01:00
";

fn shop() -> Organization {
    organization(
        "
        /Workloads/Prod       web-1
        /Workloads/Test       test-1
        /Sandbox/Test         toy-1
        /Left                 old-1(closed) old-2(suspended)
        /Suspended            old-3
        ",
    )
}

#[test]
fn what_does_not_fit_the_organization_is_told_all_at_once() {
    let text = "\
version: 1
name: weekly
home_region: eu-south-1
targets:
  ous: [/Worklods/Prod, Test, prod, /Nowhere/At/All, ou-zz99-12345678, r-zz99]
  regions: [ap-northeast-1, me-central-1, ap-southeast-4]
  exclude:
    ous: [Suspended, /Workloads/Tset]
    accounts: [\"999999999999\", { id: \"000000000002\" }]
schedule:
  scan: daily 01:00
";

    assert_reads("does_not_fit_the_organization", &refused(text, &shop()).to_string());
}

#[test]
fn more_ous_than_fit_into_the_bucket_policy_are_refused_with_the_arithmetic() {
    // Each OU is a target of its own, since something excluded is beside them.
    let tree = |ous: usize| {
        let lines = (0..ous).map(|number| format!("/Workloads/team-{number}  app-{number}"));
        organization(
            &lines.chain(["/Workloads/Suspended".to_owned()]).collect::<Vec<_>>().join("\n"),
        )
    };

    assert!(desired(&policy(POLICY), &snapshot(tree(250)), TODAY).is_ok());
    assert_reads("too_many_ous", &refused(POLICY, &tree(400)).to_string());
}

#[test]
fn a_day_that_state_manager_has_no_words_for_is_refused_with_what_to_write() {
    let text = format!("{POLICY}  install: sun#1 02:00\n  timezone: region\n");

    assert_reads("unsaid_schedule", &refused(&text, &shop()).to_string());
}

#[test]
fn a_policy_that_matches_nobody_says_who_was_left_out() {
    let left = edited(POLICY, "[/Workloads]", "[/Left]");
    let suspended = edited(POLICY, "[/Workloads]", "[/Suspended]");

    assert_reads("matches_nobody", &refused(&left, &shop()).to_string());
    assert_reads("matches_nobody_but_excluded", &refused(&suspended, &shop()).to_string());
}
