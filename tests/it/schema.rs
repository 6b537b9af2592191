//! The JSON Schema of the policy file says what the parser does, and is checked in as it is printed.
//!
//! With `BLESS` set in the environment `orgpatch.schema.json` is written instead of compared. That it takes good
//! policies and refuses bad ones is tried in `tests/python/test_schema.py`, by a validator that others wrote.

use std::{collections::BTreeSet, fmt::Write as _, process};

use orgpatch::policy::{self, Policy};
use serde_json::{Map, Value};

use crate::builders::{edited, policy};

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/orgpatch.schema.json");

const POLICY: &str = "\
version: 1
name: weekly
home_region: eu-west-1
targets: { ous: [/Workloads], regions: [eu-west-1] }
schedule: { scan: daily 01:00 }
";

#[test]
fn the_checked_in_schema_is_the_one_that_is_printed() {
    let output = process::Command::new(env!("CARGO_BIN_EXE_orgpatch"))
        .arg("schema")
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(CHECKED_IN, &printed).unwrap();
    }

    let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap();

    assert!(
        checked_in == printed,
        "run `orgpatch schema > orgpatch.schema.json`, and read what differs"
    );
}

/// The keys of a map in the schema.
fn keys(pointer: &str) -> BTreeSet<String> {
    let schema = policy::schema();
    let properties = schema.pointer(pointer).and_then(Value::as_object);
    properties.unwrap_or_else(|| panic!("{pointer}")).keys().cloned().collect()
}

/// The keys that the parser names where it finds the key `qqqq`, which is like none of them.
fn keys_of_the_parser(text: &str) -> BTreeSet<String> {
    let problems = policy::parse("policy.yaml", text).unwrap_err();
    let unknown = problems.list().iter().find(|problem| problem.message.contains("`qqqq`"));
    let help = unknown.and_then(|problem| problem.help.as_deref());
    let keys = help
        .and_then(|help| help.strip_prefix("The keys here are ")?.strip_suffix('.'))
        .unwrap_or_else(|| panic!("{problems}"));
    keys.split(", ").map(str::to_owned).collect()
}

/// The policy with `qqqq` somewhere in its `targets`.
fn in_targets(more: &str) -> String {
    edited(POLICY, "regions: [eu-west-1] }", &format!("regions: [eu-west-1], {more} }}"))
}

#[test]
fn the_schema_has_the_keys_that_the_parser_takes_and_no_others() {
    let ring = |more: &str| format!("{POLICY}rings: [{{ name: a, ous: [/A], {more} }}]\n");
    for (pointer, text) in [
        ("/properties", format!("{POLICY}qqqq: 1\n")),
        ("/properties/targets/properties", in_targets("qqqq: 1")),
        ("/properties/targets/properties/exclude/properties", in_targets("exclude: { qqqq: 1 }")),
        (
            "/properties/targets/properties/exclude/properties/accounts/items/anyOf/1/properties",
            in_targets("exclude: { accounts: [{ id: \"111122223333\", qqqq: 1 }] }"),
        ),
        ("/$defs/nodes/anyOf/1/properties", in_targets("nodes: { qqqq: 1 }")),
        (
            "/properties/schedule/properties",
            edited(POLICY, "{ scan: daily 01:00 }", "{ scan: daily 01:00, qqqq: 1 }"),
        ),
        ("/properties/patching/properties", format!("{POLICY}patching: {{ qqqq: 1 }}\n")),
        ("/properties/rollout/properties", format!("{POLICY}rollout: {{ qqqq: 1 }}\n")),
        ("/properties/iam/properties", format!("{POLICY}iam: {{ qqqq: 1 }}\n")),
        ("/properties/overrides/properties", format!("{POLICY}overrides: {{ qqqq: 1 }}\n")),
        ("/properties/logs/properties", format!("{POLICY}logs: {{ qqqq: 1 }}\n")),
        ("/properties/checks/properties", format!("{POLICY}checks: {{ qqqq: 1 }}\n")),
        ("/properties/guards/properties", format!("{POLICY}guards: {{ qqqq: 1 }}\n")),
        ("/properties/rings/items/properties", ring("qqqq: 1")),
        ("/properties/rings/items/properties/schedule/properties", ring("schedule: { qqqq: 1 }")),
        ("/properties/rings/items/properties/patching/properties", ring("patching: { qqqq: 1 }")),
        ("/$defs/approve/properties", format!("{POLICY}approve: {{ qqqq: 1 }}\n")),
        (
            "/properties/exceptions/items/properties",
            format!("{POLICY}exceptions: [{{ qqqq: 1 }}]\n"),
        ),
    ] {
        assert_eq!(keys(pointer), keys_of_the_parser(&text), "{pointer}");
    }
}

/// The keys of a map that have a default, with it, as YAML: what is JSON is YAML too.
fn defaults(pointer: &str) -> String {
    let schema = policy::schema();
    let properties = schema.pointer(pointer).and_then(Value::as_object);
    let found: Map<String, Value> = properties
        .unwrap_or_else(|| panic!("{pointer}"))
        .iter()
        .filter_map(|(key, property)| Some((key.clone(), property.get("default")?.clone())))
        .collect();
    assert!(!found.is_empty(), "{pointer} has no defaults");
    Value::Object(found).to_string()
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_parser() {
    let mut text = POLICY.to_owned();
    let schema = policy::schema();
    for key in ["management_account", "new_accounts", "explorer"] {
        let default = &schema["properties"][key]["default"];
        let _ = writeln!(text, "{key}: {default}");
    }
    for key in ["patching", "rollout", "iam", "overrides", "checks", "guards"] {
        let _ = writeln!(text, "{key}: {}", defaults(&format!("/properties/{key}/properties")));
    }
    let schedule = defaults("/properties/schedule/properties");
    let schedule = schedule.strip_prefix('{').unwrap();
    let text = edited(&text, "{ scan: daily 01:00 }", &format!("{{ scan: daily 01:00, {schedule}"));
    let nodes = &schema["properties"]["targets"]["properties"]["nodes"]["default"];
    let text = edited(
        &text,
        "regions: [eu-west-1] }",
        &format!("regions: [eu-west-1], nodes: {nodes} }}"),
    );

    let (said, unsaid) = (policy(&text), policy(POLICY));

    let once = |policy: &Policy| {
        let Policy {
            management_account,
            new_accounts,
            explorer,
            rollout,
            guards,
            conflict_check,
            ..
        } = *policy;
        (management_account, new_accounts, explorer, rollout, guards, conflict_check)
    };
    assert_eq!(once(&said), once(&unsaid));
    assert_eq!((&said.iam, &said.overrides), (&unsaid.iam, &unsaid.overrides));
    let (said, unsaid) = (&said.rings[0], &unsaid.rings[0]);
    assert_eq!((&said.patching, &said.nodes), (&unsaid.patching, &unsaid.nodes));
    let (said, unsaid) = (&said.schedule, &unsaid.schedule);
    assert_eq!((&said.timezone, &said.install), (&unsaid.timezone, &unsaid.install));
}
