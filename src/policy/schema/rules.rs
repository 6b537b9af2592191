//! `baselines`, `approve` and `exceptions`: which patches, and when.

use serde_json::{Map, Value, json};

use crate::{ids::OperatingSystem, policy::baselines::MOST_PATCHES};

use super::{
    TEXT,
    filters::{self, Family, MOST_FILTERS, filters},
    regional_arn,
};

/// What other parts refer to.
pub(super) fn definitions() -> Value {
    let mut definitions = Map::new();
    for (name, definition) in [
        ("approve", approve()),
        ("approve_by_release", approve_by_release()),
        ("baselines", baselines()),
        ("compliance", compliance()),
        ("patch", patch()),
        ("patches", patches()),
        ("sources", sources()),
    ] {
        definitions.insert(name.to_owned(), definition);
    }
    for family in Family::ALL {
        let name = family.name();
        definitions.extend(filters::definitions(family));
        definitions.insert(format!("baseline_{name}"), baseline(family));
        definitions.insert(format!("filters_{name}"), global_filters(family));
        definitions.insert(format!("rules_{name}"), rules(family));
    }
    Value::Object(definitions)
}

fn approve() -> Value {
    json!({
        "description": "Which patches are approved: by days since their release, up to a day, or by name. The word that is nearest counts: a rule's, then the ring's, then the policy's.",
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "after_days": after_days(),
            "until": until(),
            "only": {
                "description": "These patches and no others, but for those that rules approve by name.",
                "$ref": "#/$defs/patches",
                "minItems": 1,
            },
        },
    })
}

/// A rule approves no patches by name.
fn approve_by_release() -> Value {
    json!({
        "description": "When patches are approved: by days since their release, or up to a day.",
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": { "after_days": after_days(), "until": until() },
    })
}

fn after_days() -> Value {
    json!({
        "description": "So many days after their release.",
        "type": "integer",
        "minimum": 0,
        "maximum": 360,
        "examples": [7],
    })
}

fn until() -> Value {
    json!({
        "description": "Released up to this day, in UTC; the day itself is included. `month-start` is the first of the month of the plan, `previous-month-start` the first of the month before.",
        "anyOf": [
            { "enum": ["month-start", "previous-month-start"] },
            { "$ref": "#/$defs/date" },
        ],
    })
}

fn patches() -> Value {
    json!({
        "anyOf": [
            { "$ref": "#/$defs/patch" },
            {
                "type": "array",
                "maxItems": MOST_PATCHES,
                "uniqueItems": true,
                "items": { "$ref": "#/$defs/patch" },
            },
        ],
    })
}

fn patch() -> Value {
    json!({
        "description": "A patch. Windows: an article (KB…) or a bulletin (MS…). Linux: a package, for yum, dnf and zypper with one * at most; approved by name, for yum and dnf also a CVE, an advisory or a number of Bugzilla. macOS: a package.",
        "type": TEXT,
        "minLength": 1,
        "maxLength": 100,
        "examples": ["KB5034439", "kernel-*", "CVE-2026-12345", "RHSA-2017:0864"],
    })
}

fn compliance() -> Value {
    json!({
        "enum": ["critical", "high", "medium", "low", "informational", "unspecified"],
    })
}

fn sources() -> Value {
    json!({
        "description": "Further repositories.",
        "type": "array",
        "maxItems": 20,
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["name", "products", "configuration"],
            "properties": {
                "name": {
                    "description": "The repository's name.",
                    "type": "string",
                    "pattern": "^[a-zA-Z0-9_.-]{3,50}$",
                },
                "products": {
                    "description": "The versions of the operating system that have it, as in `product` of rules.",
                    "anyOf": [
                        { "type": TEXT },
                        {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 20,
                            "uniqueItems": true,
                            "items": { "type": TEXT },
                        },
                    ],
                },
                "configuration": {
                    "description": "The text of the repository's file.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                },
            },
        },
    })
}

fn baselines() -> Value {
    let systems: Map<String, Value> = OperatingSystem::ALL
        .into_iter()
        .map(|system| {
            let default = system.default_baseline_name();
            let definition = Family::of(system).name();
            let property = json!({
                "description": format!("Where the rules of {system} come from. AWS's default is {default}."),
                "$ref": format!("#/$defs/baseline_{definition}"),
            });
            (system.key().to_owned(), property)
        })
        .collect();
    json!({ "type": "object", "additionalProperties": false, "properties": systems })
}

/// AWS's default, a baseline that exists, or rules.
fn baseline(family: Family) -> Value {
    let name = family.name();
    json!({
        "anyOf": [
            { "description": "AWS's default baseline.", "const": "aws" },
            {
                "description": "A baseline in the home Region, by its ID.",
                "type": "string",
                "pattern": "^pb-[0-9a-fA-F]{17}$",
                "examples": ["pb-0123456789abcdef0"],
            },
            {
                "description": "A baseline in the home Region, by its ARN.",
                "type": "string",
                "pattern": regional_arn("ssm", "patchbaseline/pb-[0-9a-fA-F]{17}"),
            },
            {
                "description": "A baseline in the home Region, by its name.",
                "type": "string",
                "pattern": "^[a-zA-Z0-9_.-]{3,128}$",
                "not": { "pattern": "^([Pp][Bb]-.*|[Aa][Ww][Ss])$" },
            },
            { "$ref": format!("#/$defs/rules_{name}") },
            whole_baseline(family),
        ],
    })
}

/// Rules with all that a baseline can have besides them.
fn whole_baseline(family: Family) -> Value {
    let name = family.name();
    let mut whole = json!({
        "description": "Rules, and patches that are approved or rejected by name.",
        "type": "object",
        "additionalProperties": false,
        // Without them nothing would be approved.
        "anyOf": [{ "required": ["rules"] }, { "required": ["approved"] }],
        "properties": {
            "filters": {
                "description": "What every patch must match, whatever the rules say.",
                "$ref": format!("#/$defs/filters_{name}"),
            },
            "rules": { "$ref": format!("#/$defs/rules_{name}") },
            "approved": {
                "description": "Patches that are approved by name.",
                "$ref": "#/$defs/patches",
            },
            "approved_compliance": {
                "description": "How bad it is when one of `approved` is missing.",
                "$ref": "#/$defs/compliance",
                "default": "unspecified",
            },
            "rejected": {
                "description": "Patches that are rejected by name.",
                "$ref": "#/$defs/patches",
            },
            "rejected_action": {
                "description": "What becomes of `rejected`. With `allow_as_dependency` they are installed where another patch needs them. With `block` neither they nor what needs them is.",
                "enum": ["allow_as_dependency", "block"],
                "default": "allow_as_dependency",
            },
        },
    });
    if family.is_linux() {
        whole["properties"]["approved_non_security"] = json!({
            "description": "Whether `approved` may come from outside of the security repositories.",
            "type": "boolean",
            "default": false,
        });
        whole["properties"]["sources"] = json!({ "$ref": "#/$defs/sources" });
    }
    whole
}

fn rules(family: Family) -> Value {
    let mut properties = filters(family);
    properties.insert(
        "compliance".to_owned(),
        json!({
            "description": "How bad it is when a patch of this rule is missing.",
            "$ref": "#/$defs/compliance",
            "default": "unspecified",
        }),
    );
    if family.tells_release_dates() {
        properties.insert(
            "approve".to_owned(),
            json!({
                "description": "When the patches of this rule are approved. Default: as the ring or the policy says, else 7 days after their release.",
                "$ref": "#/$defs/approve_by_release",
            }),
        );
    }
    if family.is_linux() {
        properties.insert(
            "non_security".to_owned(),
            json!({
                "description": "Whether patches may come from outside of the security repositories.",
                "type": "boolean",
                "default": false,
            }),
        );
    }
    let keys = family.filter_keys();
    let one_at_least: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    let mut rule = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "anyOf": one_at_least,
    });
    if keys.len() > MOST_FILTERS {
        rule["not"] = json!({ "required": keys });
    }
    if keys.contains(&"patch_set") {
        let of_applications = json!({ "enum": ["application", ["application"]] });
        rule["if"] =
            json!({ "required": ["patch_set"], "properties": { "patch_set": of_applications } });
        rule["then"] = json!({ "required": ["product_family", "product"] });
    }
    json!({
        "description": "Rules. A patch is approved if it matches all filters of one of them.",
        "type": "array",
        "maxItems": 10,
        "items": rule,
    })
}

fn global_filters(family: Family) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "maxProperties": MOST_FILTERS,
        "properties": filters(family),
    })
}

/// A patch that is rejected until a day.
pub(super) fn exception() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["patch", "os", "owner", "ticket", "until"],
        "properties": {
            "patch": {
                "description": "The patch, as in `rejected` of a baseline: a package or, for Windows, an article or a bulletin.",
                "$ref": "#/$defs/patch",
            },
            "os": {
                "description": "The operating system.",
                "$ref": "#/$defs/operating_system",
            },
            "rings": {
                "description": "The rings in which it is rejected. Default: all.",
                "anyOf": [
                    { "$ref": "#/$defs/ring_name" },
                    {
                        "type": "array",
                        "minItems": 1,
                        "uniqueItems": true,
                        "items": { "$ref": "#/$defs/ring_name" },
                    },
                ],
            },
            "owner": {
                "description": "Who answers for it.",
                "type": TEXT,
                "pattern": r"\S",
                "examples": ["linux-team"],
            },
            "ticket": {
                "description": "Where it is written why.",
                "type": TEXT,
                "pattern": r"\S",
                "examples": ["OPS-812"],
            },
            "until": {
                "description": "The last day on which it holds. After it the patch is no longer rejected, and the plan says so.",
                "$ref": "#/$defs/date",
            },
        },
    })
}
