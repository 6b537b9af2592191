//! How an apply ended, errors last.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    apply::{InstanceFailure, Outcome, StepEnd, StepFailure},
    plan::{Plan, Step, StepId},
    report::{
        count,
        step_words::step_words,
        style::{bad, caution, good, heading},
    },
};

/// Accounts shown for one reason before the list is cut.
const SHOWN: usize = 10;

/// Words an outcome: what is done, what was left, and at the end what failed and why.
pub fn outcome_text(plan: &Plan, outcome: &Outcome) -> String {
    let steps: BTreeMap<&StepId, &Step> = plan.steps.iter().map(|step| (&step.id, step)).collect();
    let mut text = String::new();
    let mut done = 0;
    let mut in_part = 0;
    let mut failed = String::new();
    for (id, end) in &outcome.steps {
        let Some(step) = steps.get(id) else { continue };
        match end {
            StepEnd::Done => done += 1,
            StepEnd::DoneInPart(failures) => {
                done += 1;
                in_part += 1;
                let _ = writeln!(failed, "{} {}", caution("in part"), step_words(step));
                failed.push_str(&reasons(failures, SHOWN));
                let _ = writeln!(
                    failed,
                    "  help: No more failed than `rollout.tolerate` allows, so the rest went on. Mend the cause in those accounts, then run the same command again."
                );
            }
            StepEnd::Failed(failure) => {
                let _ = writeln!(failed, "{} {}", bad("failed"), step_words(step));
                failed.push_str(&explained(failure));
            }
            StepEnd::Skipped(cause) => {
                let _ = writeln!(text, "skipped {}: {cause} failed", step_words(step));
            }
            StepEnd::NotStarted => {
                let _ = writeln!(text, "not started {}", step_words(step));
            }
            StepEnd::LeftRunning(operation) => {
                let id = operation.as_ref().map_or(String::new(), |id| format!(", operation {id}"));
                let _ = writeln!(text, "left running at AWS: {}{id}", step_words(step));
            }
        }
    }
    for blocked in &plan.blocked {
        let _ = writeln!(failed, "{} {}: {}", bad("blocked"), blocked.subject, blocked.because);
        let _ = writeln!(failed, "  help: {}", blocked.because.help());
    }
    text.push_str(&failed);
    let total = count(outcome.steps.len(), "step");
    let steps = match in_part {
        0 => format!("{done} of {total} done"),
        _ => format!("{done} of {total} done, {in_part} of them in part"),
    };
    let last = if outcome.is_complete() && plan.blocked.is_empty() {
        format!("{} {steps}.", good("Applied."))
    } else if outcome.is_interrupted() {
        format!(
            "{} {steps}. What runs at AWS goes on. Run the same command again to go on: it looks first, and does only what is missing.",
            caution("Stopped.")
        )
    } else if outcome.steps.is_empty() {
        format!(
            "{} {} blocked. Run the same command again after mending the causes.",
            bad("Nothing was done."),
            count(plan.blocked.len(), "thing")
        )
    } else {
        format!(
            "{} {steps}. Run the same command again after mending the causes: it does only what is missing.",
            bad("Not everything is done.")
        )
    };
    let _ = writeln!(text, "{}", heading(&last));
    if plan.narrowed.is_some() {
        text.push_str("The rest was left as it is; `orgpatch plan` shows it.\n");
    }
    text
}

fn explained(failure: &StepFailure) -> String {
    let mut text = format!("  {failure}\n");
    match failure {
        StepFailure::Instances { failures, reason, .. } => {
            if let Some(reason) = reason {
                let _ = writeln!(text, "  AWS says: {reason}");
            }
            text.push_str(&reasons(failures, SHOWN));
        }
        // Each is work for a person, so none is left out.
        StepFailure::LeftBehind(failures) => text.push_str(&reasons(failures, usize::MAX)),
        StepFailure::Call(_)
        | StepFailure::LostFromSight(..)
        | StepFailure::Stopped(_)
        | StepFailure::Stack(_)
        | StepFailure::ChangeSet(_) => {}
    }
    if let Some(help) = failure.help() {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

/// Failures by reason, the commonest first, each with so many places at most.
fn reasons(failures: &[InstanceFailure], most: usize) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&InstanceFailure>> = BTreeMap::new();
    for failure in failures {
        by_reason.entry(&failure.reason).or_default().push(failure);
    }
    let mut by_reason: Vec<_> = by_reason.into_iter().collect();
    by_reason.sort_by_key(|(_, places)| std::cmp::Reverse(places.len()));
    let mut text = String::new();
    for (reason, places) in by_reason {
        let shown: Vec<String> = places
            .iter()
            .take(most)
            .map(|failure| format!("{} {}", failure.account, failure.region))
            .collect();
        let more = if places.len() > most {
            format!(" and {} more", places.len() - most)
        } else {
            String::new()
        };
        let _ = writeln!(text, "  {reason}\n    in {}{more}", shown.join(", "));
    }
    text
}
