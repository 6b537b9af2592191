//! `targets`: OUs, accounts, Regions and nodes.

use serde_json::{Value, json};

use crate::policy::{
    regions,
    targets::{MOST_TAGS, MOST_VALUES},
};

use super::TEXT;

/// The `targets` key. `ous` is required where there are no rings.
pub(super) fn targets() -> Value {
    json!({
        "description": "Which accounts, Regions and nodes.",
        "type": "object",
        "additionalProperties": false,
        "required": ["regions"],
        "properties": {
            "ous": {
                "description": "The OUs that are covered, with all below them. With `rings` it may be missing; where it is there, accounts below it that are in no ring are shown.",
                "$ref": "#/$defs/ous",
            },
            "regions": {
                "description": "The Regions in which nodes are scanned and patched.",
                "$ref": "#/$defs/regions",
            },
            "exclude": exclude(),
            "nodes": {
                "description": "Which nodes of the accounts.",
                "$ref": "#/$defs/nodes",
                "default": "all",
            },
        },
    })
}

fn exclude() -> Value {
    json!({
        "description": "What is taken out again.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "ous": {
                "description": "OUs that are left out, with all below them. A bare name matches anywhere in the tree; upper case, spaces, - and _ don't matter.",
                "type": "array",
                "uniqueItems": true,
                "items": { "$ref": "#/$defs/ou" },
                "default": ["Suspended", "PolicyStaging"],
            },
            "accounts": {
                "description": "Accounts that are left out: an ID alone, or with a reason and the last day.",
                "type": "array",
                "uniqueItems": true,
                "items": { "anyOf": [{ "$ref": "#/$defs/account_id" }, excluded_account()] },
            },
        },
    })
}

fn excluded_account() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["id"],
        "properties": {
            "id": { "description": "The account.", "$ref": "#/$defs/account_id" },
            "reason": {
                "description": "Why it is left out. The plan shows it.",
                "type": TEXT,
                "examples": ["vendor appliance"],
            },
            "until": {
                "description": "The last day of the exclusion. After it the account is covered again, and the plan says why. Default: it does not end.",
                "$ref": "#/$defs/date",
            },
        },
    })
}

/// What other parts refer to.
pub(super) fn definitions() -> Value {
    let names: Vec<&str> = regions::known().collect();
    json!({
        "region": { "description": "A Region of AWS.", "enum": names },
        "regions": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": true,
            "items": { "$ref": "#/$defs/region" },
        },
        "ou": {
            "description": "An OU: a path from the root, a name that no other OU has, an ID, or / for the whole organization.",
            "type": TEXT,
            "pattern": r"\S",
            "examples": ["/Workloads/Prod", "Security", "ou-ab12-cdef3456", "/"],
        },
        "ous": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": true,
            "items": { "$ref": "#/$defs/ou" },
        },
        "account_id": {
            "description": "An account ID of twelve digits. One that begins with 0 needs quotes.",
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]{12}$" },
                { "type": "integer", "minimum": 100_000_000_000_u64, "maximum": 999_999_999_999_u64 },
            ],
            "examples": ["111122223333"],
        },
        "nodes": nodes(),
        "tag_value": tag_value(),
    })
}

fn nodes() -> Value {
    json!({
        "description": "Nodes: `all`, or by tags, by a resource group, or by their IDs.",
        "anyOf": [
            { "description": "Every managed node.", "const": "all" },
            {
                "type": "object",
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                    "tags": node_tags(),
                    "resource_group": {
                        "description": "Nodes of the resource group that has this name in each account.",
                        "type": TEXT,
                        "minLength": 1,
                        "not": { "type": "string", "pattern": r"\{\{" },
                        "examples": ["web-servers"],
                    },
                    "instance_ids": {
                        "description": "Nodes by their IDs.",
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MOST_VALUES,
                        "items": { "type": "string", "pattern": "^m?i-[0-9a-fA-F]{8,}$" },
                        "examples": [["i-0123456789abcdef0", "mi-0123456789abcdef0"]],
                    },
                },
            },
        ],
    })
}

fn node_tags() -> Value {
    json!({
        "description": "Nodes by their tags: every key must be there, with one of its values. \"*\" is any value.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": MOST_TAGS,
        "propertyNames": { "not": { "pattern": r"\{\{" } },
        "additionalProperties": {
            "anyOf": [
                { "$ref": "#/$defs/tag_value" },
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST_VALUES,
                    "items": { "$ref": "#/$defs/tag_value" },
                    // It stands for every value, so it stands alone.
                    "if": { "contains": { "const": "*" } },
                    "then": { "maxItems": 1 },
                },
            ],
        },
        "examples": [{ "Patch": ["true", "yes"], "Tier": "*" }],
    })
}

fn tag_value() -> Value {
    json!({
        "description": "A tag's value. `true` and `false` need quotes.",
        "type": TEXT,
        "not": { "type": "string", "pattern": r"\{\{" },
    })
}
