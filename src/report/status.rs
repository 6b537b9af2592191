//! How a policy stands.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    plan::{Failing, HomeStatus, Plan, RingStatus},
    report::{
        count,
        style::{bad, caution, columns, good, heading},
    },
};

/// Words how each ring stands: accounts × Regions, and every failure with AWS's reason.
pub fn status_text(plan: &Plan, rings: &[RingStatus]) -> String {
    let mut text = String::new();
    if let Some(narrowed) = &plan.narrowed {
        let _ = writeln!(text, "Only {narrowed}");
    }
    for status in rings {
        let RingStatus { ring, regions, failing, skipped, unknown, running, home } = status;
        let _ = writeln!(text, "{}", heading(&format!("Policy {}, ring {ring}", plan.policy)));
        let home = match home {
            HomeStatus::Ready => good("home stack and override object are there"),
            HomeStatus::Missing => caution("home stack or override object is missing"),
            HomeStatus::InProgress => caution("a change of the home stack runs"),
            HomeStatus::Failed => bad("the home stack is in a failed state"),
            HomeStatus::Unknown => bad("home stack or override object could not be read"),
        };
        let _ = writeln!(text, "  {home}");
        let mut rows: Vec<Vec<String>> = vec![
            ["Region", "current", "outdated", "failed", "missing", "suspended"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for (region, counts) in regions {
            rows.push(vec![
                region.to_string(),
                counts.current.to_string(),
                counts.outdated.to_string(),
                counts.failed.to_string(),
                counts.missing.to_string(),
                counts.skipped.to_string(),
            ]);
        }
        if regions.is_empty() {
            text.push_str("  nothing is deployed\n");
        } else {
            text.push_str(&columns("  ", rows));
        }
        let _ = writeln!(text, "  {} left out by the policy", count(*skipped, "account"));
        for operation in running {
            let _ = writeln!(text, "  {} {operation}", caution("running"));
        }
        for unknown in unknown {
            let _ = writeln!(text, "  {} {unknown}", bad("unknown"));
        }
        for Failing { account, region, reason } in failing {
            let _ = writeln!(text, "  {} {account} {region}: {reason}", bad("failed"));
        }
    }
    let outdated = if matches(plan) {
        good(match &plan.narrowed {
            None => "The organization matches the policy.",
            Some(_) => "What was selected matches the policy.",
        })
    } else if plan.narrowed.is_some() {
        format!(
            "{} `orgpatch plan` with the same options shows what.",
            caution("What was selected does not match the policy.")
        )
    } else {
        format!(
            "{} `orgpatch plan` shows what.",
            caution("The organization does not match the policy.")
        )
    };
    let _ = writeln!(text, "{outdated}");
    text
}

/// The same for programs.
pub fn status_json(plan: &Plan, rings: &[RingStatus]) -> Value {
    json!({
        "format_version": super::FORMAT_VERSION,
        "policy": plan.policy,
        "matches": matches(plan),
        "narrowed": plan.narrowed,
        "rings": rings,
    })
}

/// Whether nothing is to be done, be it that it can't be done alone.
fn matches(plan: &Plan) -> bool {
    plan.is_empty() && plan.narrowed.as_ref().is_none_or(|narrowed| narrowed.held_back == 0)
}
