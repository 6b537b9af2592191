//! The JSON Schema of the policy file, from which editors complete it and mark what is wrong.
//!
//! It says what each key means and what may stand there, in the language of JSON Schema (draft 2020-12). It
//! refuses no policy that [`parse`](super::parse) takes in its usual spelling, but it sees less: not what
//! depends on the day, on other keys or on the organization. Lists that grow on AWS's side are open in it.

mod filters;
mod rules;
mod schedule;
mod settings;
mod targets;

use serde_json::{Value, json};

use crate::ids::OperatingSystem;

/// A Region in an ARN.
const REGION: &str = "[a-z]+(-[a-z]+)+-[0-9]{1,2}";

/// Numbers are taken as they are written, so that an account ID or a ticket needs no quotes.
const TEXT: [&str; 2] = ["string", "integer"];

/// The schema.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "orgpatch policy",
        "description": "One patch policy for a whole AWS Organization: which nodes are scanned and patched, when, and with which approved patches. `orgpatch validate` checks it, `orgpatch plan` shows what it would change.",
        "type": "object",
        "additionalProperties": false,
        "required": ["version", "name", "home_region", "targets", "schedule"],
        "properties": {},
        "$defs": definitions(),
    });
    for part in [about_the_policy(), about_the_nodes(), settings::all()] {
        join(&mut schema["properties"], part);
    }
    // Rings name their own OUs.
    schema["if"] = json!({ "not": { "required": ["rings"] } });
    schema["then"] = json!({ "properties": { "targets": { "required": ["ous"] } } });
    schema
}

fn about_the_policy() -> Value {
    json!({
        "version": {
            "description": "The version of this language. There is one.",
            "const": 1,
        },
        "name": {
            "description": "The policy's name. It stands in the names of stack sets, stacks and baselines, in tags and in the tag of nodes. A policy under another name is another policy.",
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]{0,30}$",
            "examples": ["linux-weekly"],
        },
        "owner": {
            "description": "Who answers for the policy. Becomes the tag `orgpatch:owner`.",
            "type": TEXT,
            "pattern": settings::TAG_TEXT,
            "maxLength": 256,
            "examples": ["platform@example.com"],
        },
        "home_region": {
            "description": "The Region of the stack sets, the patch baselines and the file of rules that every node reads. It can't be changed later: destroy, then apply with the new one.",
            "$ref": "#/$defs/region",
        },
        "management_account": {
            "description": "Whether the management account is covered. StackSets never reach it, so `include` gives it stacks of its own.",
            "enum": ["exclude", "include"],
            "default": "exclude",
        },
        "new_accounts": {
            "description": "What becomes of accounts that join. With `enroll` StackSets enrolls them by itself, in OUs that are covered as a whole. With `next_apply` they wait for it.",
            "enum": ["enroll", "next_apply"],
            "default": "enroll",
        },
    })
}

fn about_the_nodes() -> Value {
    json!({
        "targets": targets::targets(),
        "rings": {
            "description": "Parts of the organization that are rolled out one after the other, in the order of the list. Each can have its own schedule, approval, baselines and nodes. Without the key there is one ring, `main`, which covers `targets.ous`.",
            "type": "array",
            "minItems": 1,
            "items": ring(),
        },
        "schedule": schedule::of_policy(),
        "patching": settings::patching(),
        "approve": {
            "description": "Which patches are approved, and when, for all rings and rules that say nothing themselves. Without it, rules approve patches 7 days after their release, and AWS's default baselines stay as they are.",
            "$ref": "#/$defs/approve",
        },
        "baselines": {
            "description": "Where the rules of each operating system come from. One that is not named gets `aws`, AWS's default.",
            "$ref": "#/$defs/baselines",
        },
        "exceptions": {
            "description": "Patches that are rejected until a day, each with who answers for it.",
            "type": "array",
            "items": rules::exception(),
        },
    })
}

/// A ring. What it does not say is as the policy says.
fn ring() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "ous"],
        "properties": {
            "name": {
                "description": "The ring's name. It stands in the names of stack sets, stacks and baselines.",
                "$ref": "#/$defs/ring_name",
            },
            "ous": {
                "description": "The OUs of the ring, with all below them. Where an OU and one below it are in two rings, the lower one wins. With `targets.ous`, each must be one of those or below one.",
                "$ref": "#/$defs/ous",
            },
            "approve": {
                "description": "Which patches are approved in this ring, and when. Default: the policy's `approve`.",
                "$ref": "#/$defs/approve",
            },
            "schedule": schedule::of_ring(),
            "patching": settings::patching_of_ring(),
            "nodes": {
                "description": "Which nodes of the ring's accounts. Default: those of `targets.nodes`.",
                "$ref": "#/$defs/nodes",
            },
            "baselines": {
                "description": "Other rules for some operating systems. One that is not named here is as the policy says.",
                "$ref": "#/$defs/baselines",
            },
            "regions": {
                "description": "The Regions of the ring. Default: those of `targets.regions`.",
                "$ref": "#/$defs/regions",
            },
        },
    })
}

fn definitions() -> Value {
    let mut definitions = json!({
        "date": {
            "description": "Year, month and day, in UTC.",
            "type": "string",
            "format": "date",
            "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
            "examples": ["2027-01-31"],
        },
        "ring_name": {
            "description": "The name of a ring.",
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]{0,30}$",
            "examples": ["staging", "prod"],
        },
        "operating_system": {
            "description": "An operating system for which there are patch baselines.",
            "enum": OperatingSystem::ALL.map(OperatingSystem::key),
        },
    });
    for part in [targets::definitions(), schedule::definitions(), rules::definitions()] {
        join(&mut definitions, part);
    }
    definitions
}

/// Puts the entries of one object into another.
fn join(object: &mut Value, part: Value) {
    if let (Value::Object(object), Value::Object(part)) = (object, part) {
        object.extend(part);
    }
}

/// Properties as a ring has them: what it leaves out is the policy's, and no default of ours.
fn inherited(mut properties: Value) -> Value {
    if let Value::Object(all) = &mut properties {
        for property in all.values_mut() {
            if let Value::Object(property) = property {
                property.remove("default");
            }
        }
    }
    properties
}

/// The pattern of an ARN. `place` is Region and account.
fn arn(service: &str, place: &str, resource: &str) -> String {
    format!(r"^arn:aws(-[a-z-]+)?:{service}:{place}:{resource}$")
}

/// The pattern of an ARN of a service that has Regions.
fn regional_arn(service: &str, resource: &str) -> String {
    arn(service, &format!("{REGION}:[0-9]{{12}}"), resource)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a schema refers to, however deep inside.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    found.insert(reference.clone());
                }
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_has_its_definition_and_every_definition_is_referred_to() {
        let schema = schema();

        let mut found = BTreeSet::new();
        references(&schema, &mut found);

        let definitions = schema["$defs"].as_object().unwrap().keys();
        assert_eq!(found, definitions.map(|name| format!("#/$defs/{name}")).collect());
    }

    #[test]
    fn a_ring_takes_over_what_it_leaves_out_so_the_schema_names_no_default_there() {
        let ring = ring();

        for key in ["schedule", "patching"] {
            let properties = ring["properties"][key]["properties"].as_object().unwrap();
            assert!(!properties.is_empty(), "{key}");
            for (name, property) in properties {
                assert_eq!(property.get("default"), None, "{key}.{name}");
            }
        }
    }
}
