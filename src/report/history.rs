//! Runs of the past, and news of a lock.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use crate::{
    apply::{EndKind, LockNews, RunFound, RunRecord},
    ids::{BucketName, PolicyName},
    report::{FORMAT_VERSION, count, style::heading},
};

/// Words what records say of the runs of a policy, the newest first.
pub fn history_text(
    policy: &PolicyName,
    buckets: &[BucketName],
    runs: Option<&[RunFound]>,
) -> String {
    let named: Vec<String> = buckets.iter().map(ToString::to_string).collect();
    let Some(runs) = runs else {
        return format!(
            "No history of {policy}: there is no bucket {}. The first apply makes it, and destroy takes it away.\n",
            named.join(" or ")
        );
    };
    if runs.is_empty() {
        return format!("No run of {policy} is recorded under runs/ in {}.\n", named.join(" and "));
    }
    let mut text = String::new();
    let _ = writeln!(text, "{}", heading(&format!("Runs of {policy}, the newest first")));
    for RunFound { bucket, key, record } in runs {
        match record {
            Ok(record) => run(&mut text, record),
            Err(why) => {
                let _ = writeln!(text, "s3://{bucket}/{key} can't be understood: {why}");
            }
        }
    }
    text
}

fn run(text: &mut String, record: &RunRecord) {
    let id = &record.id;
    let host = id.host.as_ref().map_or_else(String::new, |host| format!(" on {host}"));
    let _ = writeln!(text, "{}  {} by {}{host}", id.began, id.command, id.caller);
    let _ = writeln!(
        text,
        "  plan {}, policy {}, orgpatch {}",
        record.plan_digest.short(),
        record.policy_digest.short(),
        record.orgpatch
    );
    let Some(ended) = record.ended else {
        let _ = writeln!(text, "  no end is recorded: it still runs, or was killed");
        return;
    };
    let mut ends: BTreeMap<EndKind, usize> = BTreeMap::new();
    for step in &record.steps {
        *ends.entry(step.end).or_default() += 1;
    }
    let ends: Vec<String> =
        ends.into_iter().map(|(end, number)| format!("{number} {}", word(end))).collect();
    let minutes = ended.duration_since(id.began).as_secs().max(0);
    let _ = writeln!(
        text,
        "  ended after {}: {} of {}",
        count(usize::try_from(minutes).unwrap_or_default(), "second"),
        ends.join(", "),
        count(record.steps.len(), "step")
    );
    for step in record.steps.iter().filter(|step| step.end != EndKind::Done) {
        let detail = step.detail.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let _ = writeln!(text, "    {} {}{detail}", word(step.end), step.step);
    }
}

fn word(end: EndKind) -> &'static str {
    match end {
        EndKind::Done => "done",
        EndKind::DoneInPart => "done in part",
        EndKind::Failed => "failed",
        EndKind::Skipped => "skipped",
        EndKind::NotStarted => "not started",
        EndKind::LeftRunning => "left running",
    }
}

/// The same for programs.
pub fn history_json(
    policy: &PolicyName,
    buckets: &[BucketName],
    runs: Option<&[RunFound]>,
) -> Value {
    let runs =
        runs.unwrap_or_default().iter().map(|RunFound { bucket, key, record }| match record {
            Ok(record) => json!({ "bucket": bucket, "key": key, "record": record }),
            Err(why) => json!({ "bucket": bucket, "key": key, "unreadable": why }),
        });
    json!({
        "format_version": FORMAT_VERSION,
        "policy": policy,
        "buckets": buckets,
        "runs": runs.collect::<Vec<_>>(),
    })
}

/// Words what became of a lock while a run went on.
pub fn lock_news(news: &LockNews) -> String {
    match news {
        LockNews::Lost(record) => {
            let whose = record.as_ref().map_or_else(
                || "somebody".to_owned(),
                |record| record.run.caller.clone(),
            );
            format!(
                "The lock was taken by {whose}: no new step begins, and what runs at AWS is left running."
            )
        }
        LockNews::PutBack => {
            "warning: the lock was gone, as if somebody had emptied the bucket; it was put back. Run `orgpatch plan` afterwards: the override file may be gone too.".to_owned()
        }
        LockNews::NotRenewed(error) => {
            format!("warning: the lock could not be renewed, and is tried again: {error}")
        }
    }
}
