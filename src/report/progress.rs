//! A running apply, line by line: a fold over events, without a clock or a terminal.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    apply::{Event, EventKind, StepEnd, WaitingFor},
    plan::StepId,
    report::{
        count,
        step_words::step_words,
        style::{bad, caution, good},
    },
};

/// Counts ended steps and words events.
#[derive(Clone, Debug)]
pub struct Progress {
    total: usize,
    ended: usize,
    last: BTreeMap<StepId, String>,
}

impl Progress {
    /// For a plan of so many steps.
    pub fn new(total: usize) -> Self {
        Self { total, ended: 0, last: BTreeMap::new() }
    }

    /// Takes one event in, and returns the line for it; none where it would say the same again.
    pub fn line(&mut self, event: &Event<'_>) -> Option<String> {
        let words = step_words(event.step);
        let what = match &event.kind {
            EventKind::Started => format!("start   {words}"),
            EventKind::Waiting(WaitingFor::OtherOperation) => {
                format!("wait    {words}: another operation runs on the stack set")
            }
            EventKind::Waiting(WaitingFor::Answer(error)) => {
                format!("wait    {words}: {}; trying again", error.reason())
            }
            EventKind::Operation(id) => format!("runs    {words}: operation {id}"),
            EventKind::Progress { done, failed, total } => {
                format!("…       {words}: {}", so_far(*done, *failed, *total))
            }
            EventKind::Ended(end) => {
                if !matches!(end, StepEnd::NotStarted | StepEnd::LeftRunning(_)) {
                    self.ended += 1;
                }
                match end {
                    StepEnd::Done => format!("{}    {words}", good("done")),
                    StepEnd::DoneInPart(failures) => format!(
                        "{}    {words}: {} failed, which the policy tolerates",
                        caution("part"),
                        count(failures.len(), "instance")
                    ),
                    StepEnd::Failed(failure) => format!("{}  {words}: {failure}", bad("FAILED")),
                    StepEnd::Skipped(cause) => {
                        format!("{}    {words}, because {cause} failed", caution("skip"))
                    }
                    StepEnd::NotStarted => format!("{}    {words}: not started", caution("stop")),
                    StepEnd::LeftRunning(_) => {
                        format!("{}    {words}: left running at AWS", caution("stop"))
                    }
                }
            }
        };
        let width = self.total.to_string().len();
        let said = self.last.insert(event.step.id.clone(), what.clone());
        (said.as_ref() != Some(&what))
            .then(|| format!("[{:>width$}/{}] {what}", self.ended, self.total))
    }
}

/// How far an operation has come.
pub(super) fn so_far(done: Option<usize>, failed: usize, total: usize) -> String {
    let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    match (done, total) {
        (_, 0) => format!("running{failed}"),
        // Accounts that StackSets skips count as done there, and were not counted here.
        (Some(done), total) => format!("{} of {total} done{failed}", done.min(total)),
        (None, total) => format!("{total} to do{failed}"),
    }
}

/// An event for programs, one line each.
pub fn event_json(event: &Event<'_>) -> Value {
    let Event { step, kind } = event;
    let mut value = json!({ "format_version": super::FORMAT_VERSION, "step": step.id, "words": step_words(step) });
    let more = match kind {
        EventKind::Started => json!({ "event": "started" }),
        EventKind::Waiting(WaitingFor::OtherOperation) => {
            json!({ "event": "waiting", "for": "other_operation" })
        }
        EventKind::Waiting(WaitingFor::Answer(error)) => {
            json!({ "event": "waiting", "for": "answer", "error": error.reason() })
        }
        EventKind::Operation(id) => json!({ "event": "operation", "operation": id }),
        EventKind::Progress { done, failed, total } => {
            json!({ "event": "progress", "done": done, "failed": failed, "total": total })
        }
        EventKind::Ended(end) => ended(end),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// What is no event of a step, for programs.
pub fn said_json(words: &str) -> Value {
    json!({ "format_version": super::FORMAT_VERSION, "event": "said", "words": words })
}

fn ended(end: &StepEnd) -> Value {
    let because = |cause: &StepId| json!({ "event": "skipped", "because": cause });
    match end {
        StepEnd::Done => json!({ "event": "done" }),
        StepEnd::DoneInPart(failures) => json!({
            "event": "done_in_part",
            "failures": failures.iter().map(|failure| json!({
                "account": failure.account, "region": failure.region, "reason": failure.reason,
            })).collect::<Vec<_>>(),
        }),
        StepEnd::Failed(failure) => json!({ "event": "failed", "error": failure.to_string() }),
        StepEnd::Skipped(cause) => because(cause),
        StepEnd::NotStarted => json!({ "event": "not_started" }),
        StepEnd::LeftRunning(operation) => {
            json!({ "event": "left_running", "operation": operation })
        }
    }
}
