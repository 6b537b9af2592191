//! What patches beside a policy.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::{Value, json};

use crate::{
    ids::{AccountId, RingName},
    plan::{Conflict, Findings, Maker, Plan, Unread, With},
    report::{
        FORMAT_VERSION, count, plan_json,
        style::{bad, caution, good, heading},
    },
    state::{ConflictCheck, Names},
};

/// How far somebody has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// At the policies and the stack sets.
    StackSets,
    /// Into so many accounts × Regions too.
    Accounts(usize),
}

/// Words what was found, each with what comes of it and what to do, and one last line with the counts.
///
/// Accounts have the names that any of the policies knows.
pub fn conflicts_text(findings: &Findings, names: &[&Names], depth: Depth) -> String {
    let mut text = String::new();
    for conflict in &findings.conflicts {
        one(&mut text, conflict, names);
    }
    for Unread { subject, because } in &findings.unread {
        let _ = writeln!(text, "{} {subject}: could not be read: {because}\n", bad("?"));
    }
    text.push_str(&last_line(findings, depth));
    text.push('\n');
    text
}

/// Words what policies do to each other that are planned together; nothing where they are apart.
pub fn between_text(conflicts: &[Conflict], names: &[&Names]) -> String {
    if conflicts.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n\n", heading("Between these policies"));
    for conflict in conflicts {
        one(&mut text, conflict, names);
    }
    let _ = writeln!(text, "{}", heading(&counts(conflicts)));
    text
}

/// The line before a plan, where there are several.
pub fn file_heading(file: &str) -> String {
    format!("{}\n", heading(&format!("── {file}")))
}

fn one(text: &mut String, conflict: &Conflict, names: &[&Names]) {
    let Conflict { policy, check, places, with, effect, help } = conflict;
    let mark = if *check == ConflictCheck::Error { bad("!") } else { caution("~") };
    let rings: Vec<&str> = places.rings().into_iter().map(RingName::as_str).collect();
    let detail = with.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let _ = writeln!(text, "{mark} policy {policy}, ring {}: {with}{detail}", rings.join(", "));
    let example = places.example().map(|(account, region)| {
        let name = name_of(names, account).map(|name| format!(" {name}")).unwrap_or_default();
        format!(", for example {account}{name}, {region}")
    });
    let _ = writeln!(text, "    where: {}{}", places.extent(), example.unwrap_or_default());
    let _ = writeln!(text, "    what:  {effect}");
    let _ = writeln!(text, "    help:  {help}\n");
}

fn name_of<'a>(names: &[&'a Names], account: &AccountId) -> Option<&'a str> {
    names.iter().find_map(|names| names.accounts.get(account)).map(AsRef::as_ref)
}

fn last_line(findings: &Findings, depth: Depth) -> String {
    let Findings { conflicts, unread } = findings;
    let looked = match depth {
        Depth::StackSets => {
            "Looked at stack sets; `--deep` looks into the accounts too.".to_owned()
        }
        Depth::Accounts(places) => {
            format!(
                "Looked at stack sets, and into {} (account and Region).",
                count(places, "place")
            )
        }
    };
    let found = match (conflicts.is_empty(), unread.is_empty()) {
        (true, true) => good("No conflicts."),
        (true, false) => format!(
            "{} {} could not be read, so nothing is known of it.",
            caution("No conflicts were found."),
            count(unread.len(), "thing")
        ),
        (false, true) => heading(&counts(conflicts)),
        (false, false) => format!(
            "{} {} could not be read.",
            heading(&counts(conflicts)),
            count(unread.len(), "thing")
        ),
    };
    format!("{found} {looked}")
}

fn counts(conflicts: &[Conflict]) -> String {
    let refused = conflicts.iter().filter(|one| one.check == ConflictCheck::Error).count();
    let warned = conflicts.len() - refused;
    match (refused, warned) {
        (0, warned) => format!("{}.", count(warned, "warning")),
        (refused, 0) => format!("{}.", count(refused, "conflict")),
        (refused, warned) => {
            format!("{}, {}.", count(refused, "conflict"), count(warned, "warning"))
        }
    }
}

/// The same for programs, with every account.
pub fn conflicts_json(findings: &Findings, depth: Depth) -> Value {
    json!({
        "format_version": FORMAT_VERSION,
        "looked_into": match depth {
            Depth::StackSets => json!(["stack_sets"]),
            Depth::Accounts(_) => json!(["stack_sets", "accounts"]),
        },
        "conflicts": findings.conflicts.iter().map(conflict_json).collect::<Vec<_>>(),
        "unread": findings.unread.iter().map(|Unread { subject, because }| json!({
            "subject": subject,
            "because": because,
        })).collect::<Vec<_>>(),
    })
}

/// Several plans, and what the policies do to each other, for programs.
pub fn plans_json(plans: &[&Plan], conflicts: &[Conflict]) -> Value {
    json!({
        "format_version": FORMAT_VERSION,
        "policies": plans.iter().map(|plan| plan_json(plan)).collect::<Vec<_>>(),
        "conflicts": conflicts.iter().map(conflict_json).collect::<Vec<_>>(),
    })
}

fn conflict_json(conflict: &Conflict) -> Value {
    let Conflict { policy, check, places, with, effect, help } = conflict;
    let accounts: BTreeSet<&AccountId> = places.all().map(|(account, ..)| account).collect();
    json!({
        "policy": policy,
        "check": match check {
            ConflictCheck::Error => "error",
            ConflictCheck::Warn => "warn",
            ConflictCheck::Off => "off",
        },
        "with": with_json(with),
        "words": with.to_string(),
        "rings": places.rings(),
        "accounts": accounts.len(),
        "places": places.all().map(|(account, region, ring)| json!({
            "account": account, "region": region, "ring": ring,
        })).collect::<Vec<_>>(),
        "effect": effect,
        "help": help,
    })
}

fn with_json(with: &With) -> Value {
    match with {
        With::Policy { name, rings } => json!({ "kind": "policy", "name": name, "rings": rings }),
        With::StackSet { name, maker } => json!({
            "kind": "stack_set",
            "name": name,
            "maker": match maker {
                Maker::Policy(_) => "orgpatch",
                Maker::QuickSetup => "quick_setup",
                Maker::HostManagement => "host_management",
                Maker::Unknown => "unknown",
            },
        }),
        With::Association { name, document, operation, schedule } => json!({
            "kind": "association",
            "name": name,
            "document": document,
            "operation": operation,
            "schedule": schedule,
        }),
        With::WindowTask { window, task, document, operation, schedule } => json!({
            "kind": "maintenance_window_task",
            "window": window,
            "name": task,
            "document": document,
            "operation": operation,
            "schedule": schedule,
        }),
        With::PatchGroup { name } => json!({ "kind": "patch_group", "name": name }),
    }
}
