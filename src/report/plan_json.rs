//! A plan for programs.

use serde_json::{Value, json};

use crate::{
    plan::{Change, Plan},
    report::{FORMAT_VERSION, step_words::step_words},
};

/// The plan as JSON, with every account and every difference.
pub fn plan_json(plan: &Plan) -> Value {
    let Plan {
        purpose,
        policy,
        owner,
        rings,
        steps,
        blocked,
        skipped,
        warnings,
        coverage,
        losses,
        guards,
        names,
        digest,
        narrowed,
    } = plan;
    let path = |account| names.parents.get(account).and_then(|unit| names.units.get(unit));
    json!({
        "format_version": FORMAT_VERSION,
        "purpose": purpose,
        "policy": policy,
        "owner": owner,
        "digest": digest,
        "narrowed": narrowed,
        "summary": {
            "add": coverage.count(Change::Add),
            "change": coverage.count(Change::Change),
            "remove": coverage.count(Change::Remove),
            "unchanged": coverage.count(Change::Unchanged),
            "skipped": skipped.len(),
            "steps": steps.len(),
            "blocked": coverage.count(Change::Blocked),
        },
        "guards": {
            "max_removed_accounts": guards.max_removed_accounts,
            "max_changed_accounts": guards.max_changed_accounts,
        },
        "rings": rings,
        "accounts": coverage.accounts.iter().map(|(id, change)| json!({
            "id": id,
            "name": names.accounts.get(id),
            "ou": path(id),
            "change": change.change,
            "ring": change.ring,
            "left_ring": change.left,
            "loses_because": losses.get(id).map(|loss| json!({
                "cause": loss, "words": loss.to_string(),
            })),
            "regions": {
                "added": change.added,
                "removed": change.removed,
                "remade": change.remade,
                "changed": change.changed,
                "kept": change.kept,
            },
        })).collect::<Vec<_>>(),
        "steps": steps.iter().map(|step| json!({
            "id": step.id,
            "ring": step.ring,
            "words": step_words(step),
            "because": step.because,
            "after": step.after,
            "waits_for": step.waits_for,
            "action": step.action,
        })).collect::<Vec<_>>(),
        "skipped": skipped.iter().map(|skipped| json!({
            "account": skipped.account,
            "name": names.accounts.get(&skipped.account),
            "ou": skipped.ou,
            "because": skipped.because,
            "words": skipped.because.to_string(),
        })).collect::<Vec<_>>(),
        "blocked": blocked.iter().map(|blocked| json!({
            "subject": blocked.subject,
            "because": blocked.because,
            "words": blocked.because.to_string(),
            "help": blocked.because.help(),
        })).collect::<Vec<_>>(),
        "warnings": warnings,
    })
}
