//! Whether a step makes, changes or deletes something, and what is different then.

use crate::plan::{Action, Difference, Step};

/// The symbol of a step: `+`, `~` or `-`; a space for one that only waits.
pub(super) fn step_symbol(step: &Step) -> &'static str {
    match &step.action {
        Action::AddInstances { .. } if step.is_retry() => "~",
        Action::CreateStack { .. }
        | Action::CreateStackSet { .. }
        | Action::CreateBaseline { .. }
        | Action::AddInstances { .. }
        | Action::UploadTemplate { .. }
        | Action::WriteOverrides { replaces: None, .. } => "+",
        Action::DeleteStack { .. }
        | Action::EmptyBucket { .. }
        | Action::RemoveInstances { .. }
        | Action::DeleteBaseline { .. }
        | Action::DeleteStackSet { .. } => "-",
        Action::WaitForOperation { .. } | Action::WaitForStack { .. } => " ",
        Action::TurnOnManagedExecution { .. }
        | Action::TakeBack { .. }
        | Action::TakeBackInStack { .. }
        | Action::KeepAccessLogs { .. }
        | Action::UpdateStack { .. }
        | Action::UpdateStackSet { .. }
        | Action::UpdateBaseline { .. }
        | Action::WriteOverrides { .. } => "~",
    }
}

/// What is different after a step that changes something.
pub(super) fn differences(step: &Step) -> &[Difference] {
    match &step.action {
        // What is made anew is told by its name alone.
        Action::WriteOverrides { replaces: None, .. } => &[],
        Action::UpdateStack { changes, .. }
        | Action::UpdateStackSet { changes, .. }
        | Action::CreateBaseline { changes, .. }
        | Action::UpdateBaseline { changes, .. }
        | Action::WriteOverrides { changes, .. } => changes,
        _ => &[],
    }
}

/// One difference: `parameter RebootOption: NoReboot → RebootIfNeeded`.
pub(super) fn difference(change: &Difference) -> String {
    let Difference { what, before, after } = change;
    match (before, after) {
        (Some(before), Some(after)) => format!("{what}: {before} → {after}"),
        (None, Some(after)) => format!("{what}: new, {after}"),
        (Some(before), None) => format!("{what}: gone, was {before}"),
        (None, None) => what.clone(),
    }
}
