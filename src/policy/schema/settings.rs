//! The settings: `patching`, which rings have too, and those that a policy has once.

use serde_json::{Value, json};

use crate::policy::check::MOST_TAGS;

use super::{TEXT, arn, inherited, regional_arn};

/// Percentages from 0 % or from 1 %.
const FROM_ZERO: &str = "(0|[1-9][0-9]?|100)%";
const FROM_ONE: &str = "([1-9][0-9]?|100)%";

/// What IAM takes in tags. No engine agrees with another about letters beyond ASCII, so all of those pass.
pub(super) const TAG_TEXT: &str = r##"^[^\x00-\x1f!"#$%&'()*,;<>?\[\\\]^`{|}~\x7f]+$"##;

/// The largest number that a rate control takes: seven digits.
const MOST_NODES: u32 = 9_999_999;

/// Those that have no counterpart in a ring.
pub(super) fn all() -> Value {
    json!({
        "rollout": rollout(),
        "iam": iam(),
        "overrides": overrides(),
        "logs": logs(),
        "explorer": {
            "description": "Whether Systems Manager Explorer's patch data is enabled in the accounts.",
            "type": "boolean",
            "default": true,
        },
        "checks": checks(),
        "guards": guards(),
        "tags": tags(),
    })
}

/// How nodes are patched.
pub(super) fn patching() -> Value {
    json!({
        "description": "How nodes are patched.",
        "type": "object",
        "additionalProperties": false,
        "properties": patching_keys(),
    })
}

/// The same in a ring, which takes over what it does not say.
pub(super) fn patching_of_ring() -> Value {
    json!({
        "description": "How the ring's nodes are patched. What it does not say is as in the policy's `patching`.",
        "type": "object",
        "additionalProperties": false,
        "properties": inherited(patching_keys()),
    })
}

fn patching_keys() -> Value {
    json!({
        "reboot": {
            "description": "Whether nodes are restarted after an installation.",
            "enum": ["if_needed", "never"],
            "default": "if_needed",
        },
        "concurrency": {
            "description": "Nodes at a time, per account and Region: a percentage or a number.",
            "anyOf": [
                { "type": "string", "pattern": format!("^({FROM_ONE}|[1-9][0-9]{{0,6}})$") },
                { "type": "integer", "minimum": 1, "maximum": MOST_NODES },
            ],
            "default": "10%",
            "examples": ["10%", 5],
        },
        "error_threshold": {
            "description": "Failed nodes after which no further node is begun, per account and Region: a percentage or a number.",
            "anyOf": [
                { "type": "string", "pattern": format!("^({FROM_ZERO}|0|[1-9][0-9]{{0,6}})$") },
                { "type": "integer", "minimum": 0, "maximum": MOST_NODES },
            ],
            "default": "2%",
            "examples": ["2%", 0],
        },
    })
}

fn rollout() -> Value {
    json!({
        "description": "The pace at which accounts get the policy. It is not the pace of patching.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "accounts": {
                "description": "Accounts at a time, per Region.",
                "type": "string",
                "pattern": format!("^{FROM_ONE}$"),
                "default": "25%",
            },
            "tolerate": {
                "description": "Accounts that may fail, per Region. If more do, the rollout of the ring stops, and so do the rings behind it.",
                "type": "string",
                "pattern": format!("^{FROM_ZERO}$"),
                "default": "10%",
            },
            "regions": {
                "description": "Whether Regions are done at the same time or one after the other.",
                "enum": ["parallel", "sequential"],
                "default": "parallel",
            },
        },
    })
}

fn iam() -> Value {
    json!({
        "description": "What is done to roles.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "attach": {
                "description": "Whether roles that nodes already have get the two policies and the tag that they lack. With `false` such a node fails, with a message that says what is missing.",
                "type": "boolean",
                "default": true,
            },
            "permissions_boundary": {
                "description": "The boundary of the roles that are made: `none`, `aws` for AWSQuickSetupPatchPolicyPermissionsBoundary, or the ARN of a policy.",
                "anyOf": [
                    { "enum": ["none", "aws"] },
                    { "type": "string", "pattern": arn("iam", ":([0-9]{12}|aws)", "policy/.+") },
                ],
                "default": "none",
                "examples": ["arn:aws:iam::111122223333:policy/boundary"],
            },
        },
    })
}

fn overrides() -> Value {
    json!({
        "description": "The file of rules that every node reads.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "encryption": {
                "description": "With whose key the file is encrypted: `s3` for S3's own, or the ARN of a KMS key in the home Region, with which nodes must be allowed to decrypt.",
                "anyOf": [
                    { "const": "s3" },
                    { "type": "string", "pattern": regional_arn("kms", r"key/[^\s*?]+") },
                ],
                "default": "s3",
                "examples": ["arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"],
            },
            "auditor": {
                "description": "The ARN of a role or user that may read the file too, besides the nodes and the account that orgpatch runs in. Default: nobody.",
                "type": "string",
                "pattern": arn("iam", ":[0-9]{12}", r"(role|user)/[^\s*?]+"),
                "examples": ["arn:aws:iam::111122223333:role/auditor"],
            },
        },
    })
}

fn logs() -> Value {
    json!({
        "description": "Where the output of scans and installations goes. Default: nowhere.",
        "type": "object",
        "additionalProperties": false,
        "required": ["bucket"],
        "properties": {
            "bucket": {
                "description": "The bucket. Nodes must be allowed to write to it; orgpatch does not see to that.",
                "type": "string",
                "pattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
                "examples": ["corp-patch-logs"],
            },
            "prefix": {
                "description": "What the keys of the objects begin with.",
                "type": TEXT,
                "maxLength": 500,
                "default": "",
                "examples": ["ssm"],
            },
            "region": {
                "description": "The bucket's Region. Default: `home_region`.",
                "$ref": "#/$defs/region",
            },
        },
    })
}

fn checks() -> Value {
    json!({
        "description": "What is checked before anything is changed.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "conflicts": {
                "description": "What is made of another patch policy, orgpatch's or Quick Setup's, on the same nodes: `error` refuses to apply, `warn` says so, `off` does not look.",
                "enum": ["error", "warn", "off"],
                "default": "error",
            },
        },
    })
}

fn guards() -> Value {
    json!({
        "description": "How much may change without a further word.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "max_removed_accounts": {
                "description": "Accounts that may lose something, be it one Region. More need `--allow-removals`, or the policy's name on a terminal.",
                "type": "integer",
                "minimum": 0,
                "maximum": 100_000,
                "default": 0,
            },
            "max_changed_accounts": {
                "description": "Accounts that may change in any way. Default: no limit.",
                "type": "integer",
                "minimum": 0,
                "maximum": 100_000,
                "examples": [50],
            },
        },
    })
}

fn tags() -> Value {
    json!({
        "description": "Tags of everything that is made and takes tags.",
        "type": "object",
        "maxProperties": MOST_TAGS,
        "propertyNames": {
            "pattern": TAG_TEXT,
            "maxLength": 128,
            "not": { "pattern": "^([Aa][Ww][Ss]|[Oo][Rr][Gg][Pp][Aa][Tt][Cc][Hh]):" },
        },
        "additionalProperties": { "type": TEXT, "pattern": TAG_TEXT, "maxLength": 256 },
        "examples": [{ "CostCenter": "4711" }],
    })
}
