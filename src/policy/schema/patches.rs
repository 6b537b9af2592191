//! How patches are named in lists (user guide, "Package name formats for approved and rejected patch lists").
//!
//! The form of a name is told here. Whether a list of this operating system takes it is more than a pattern can
//! say, so `baselines` does.

use serde_json::{Map, Value, json};

use crate::policy::baselines::MOST_PATCHES;

use super::{TEXT, filters::Family};

/// A name with one `*` at most, as yum, dnf and zypper take it.
const RPM: &str = r"^[A-Za-z0-9._+~^:-]*(\*[A-Za-z0-9._+~^:-]*)?$";

/// What other parts refer to: a patch and a list of them, of any operating system and of those of each family.
pub(super) fn definitions() -> Map<String, Value> {
    let mut definitions = Map::new();
    definitions.insert("patch".to_owned(), patch());
    definitions.insert("patches".to_owned(), list("patch"));
    for family in Family::ALL {
        let name = family.name();
        definitions.insert(format!("patch_{name}"), patch_of(family));
        definitions.insert(format!("patches_{name}"), list(&format!("patch_{name}")));
    }
    definitions
}

/// One or several.
fn list(name: &str) -> Value {
    let patch = json!({ "$ref": format!("#/$defs/{name}") });
    json!({
        "anyOf": [
            patch,
            { "type": "array", "maxItems": MOST_PATCHES, "uniqueItems": true, "items": patch },
        ],
    })
}

fn patch() -> Value {
    json!({
        "description": "A patch. Windows: an article (KB…) or a bulletin (MS…). Linux and macOS: a package. Where it is approved, for yum and dnf also a CVE, an advisory or a number of Bugzilla.",
        "type": TEXT,
        "minLength": 1,
        "maxLength": 100,
        "examples": ["KB5034439", "kernel-*", "CVE-2026-12345", "RHSA-2017:0864"],
    })
}

fn patch_of(family: Family) -> Value {
    match family {
        Family::Windows => json!({
            "description": "An article or a bulletin of Microsoft's.",
            "type": "string",
            "pattern": "^(KB[0-9]{5,8}|MS[0-9]{2}-[0-9]{3})$",
            "examples": ["KB5034439", "MS10-048"],
        }),
        Family::RedHat => json!({
            "description": "A package, with as much of its version as is meant; one * may stand for any part. Where it is approved, also a CVE, an advisory or a number of Bugzilla.",
            "type": TEXT,
            "pattern": RPM,
            "minLength": 1,
            "maxLength": 100,
            "not": { "const": "*" },
            "examples": ["kernel-*", "dbus-1.12.28", "CVE-2026-12345", "RHSA-2017:0864"],
        }),
        Family::Suse => json!({
            "description": "The name of a patch, or of a package with its version; one * may stand for any part.",
            "type": "string",
            "pattern": RPM,
            "minLength": 1,
            "maxLength": 100,
            "not": { "pattern": r"^([^*-]*|\*)$" },
            "examples": ["SUSE-SLE-Module-Basesystem-15-2023-*", "openssl-*"],
        }),
        Family::Debian => json!({
            "description": "A package's bare name, without version and architecture.",
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9+.-]{1,99}$",
            "examples": ["openssl"],
        }),
        Family::Macos => json!({
            "description": "A package's full name.",
            "type": "string",
            "pattern": "^[^*]{1,100}$",
            "examples": ["XProtectPlistConfigData"],
        }),
    }
}
