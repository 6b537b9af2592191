//! `why` answers for accounts, OUs and Regions, and its words read well.

use std::process::Command;

use serde_json::Value;

use crate::builders::assert_reads;

const POLICY: &str = "tests/fixtures/policies/two-rings.yaml";

/// Asks over the example organization, without credentials.
fn why(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_orgpatch"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .args(["why", POLICY, "--org", "src/sim/example-organization.json"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// An answer.
fn said(arguments: &[&str]) -> String {
    let (code, out, err) = why(arguments);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
    out
}

#[test]
fn an_account_that_is_in_is_told_its_ring_and_what_that_gives() {
    let by_name = said(&["shop-web-1"]);

    assert_reads("why_in", &by_name);
    assert_eq!(said(&["372159010928"]), by_name);
}

#[test]
fn an_account_that_is_out_is_told_every_reason() {
    let out = said(&["old-shop"]);

    assert!(out.contains("excluded by the policy: left behind"), "{out}");
    assert!(out.contains("in the excluded OU /Workloads/Suspended"), "{out}");
    assert!(out.contains("the account is closed"), "{out}");
    assert_reads("why_out", &out);
}

#[test]
fn an_ou_is_told_who_is_in_it_and_how_it_is_reached() {
    assert_reads("why_ou_in_part", &said(&["/Workloads"]));
    assert_reads("why_ou_whole", &said(&["NonProd"]));
    assert_reads("why_ou_out", &said(&["/Sandbox"]));
    assert_eq!(said(&["Workloads"]), said(&["/Workloads"]));
}

#[test]
fn a_region_is_told_apart_from_the_others() {
    let own = said(&["cms-web", "us-east-1"]);
    assert!(own.contains("Region us-east-1: one of the ring's Regions"), "{own}");
    assert!(!own.contains("ap-northeast-1  "), "{own}");

    let other = said(&["cms-web", "eu-west-1"]);
    assert!(other.contains("Region eu-west-1: none of the ring's Regions"), "{other}");

    let disabled = said(&["cms-web", "me-south-1"]);
    assert!(disabled.contains("not enabled in the account"), "{disabled}");
}

#[test]
fn what_is_not_there_ends_with_252_and_the_nearest_name() {
    for (arguments, words) in [
        (&["shop-web-12"][..], "Did you mean `shop-web-1`?"),
        (&["/Workload"], "Did you mean `/Workloads`?"),
        (&["Suspended"], "`Suspended` may be one of several"),
        (&["999999999999"], "the organization has no account 999999999999"),
        (&["ou-zz99-12345678"], "no organizational unit ou-zz99-12345678"),
        (&["cms-web", "eu-wset-1"], "Did you mean `eu-west-1`?"),
        (&["cms-web", "moon"], "a Region name"),
        (&[], "<ACCOUNT|OU>"),
    ] {
        let (code, out, err) = why(arguments);

        assert_eq!((code, out.as_str()), (Some(252), ""), "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
}

#[test]
fn programs_are_told_the_same() {
    let account: Value = serde_json::from_str(&said(&["old-shop", "-o", "json"])).unwrap();
    assert_eq!(account["format_version"], 1);
    assert_eq!(account["in"], false);
    assert_eq!(account["because"].as_array().unwrap().len(), 3);
    assert_eq!(account["account"]["reasons"][0]["because"]["kind"], "excluded_account");
    assert_eq!(account["account"]["reasons"][0]["line"]["line"], 15);

    let ou: Value = serde_json::from_str(&said(&["/Workloads/NonProd", "-o", "json"])).unwrap();
    assert_eq!(ou["in"], true);
    assert_eq!(ou["ou"]["reach"]["kind"], "whole_ou");
    assert_eq!(ou["ou"]["ring"]["approvals"]["approvals"]["date"], "2024-06-01");
}
