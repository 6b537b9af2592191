//! What a rehearsal showed.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use crate::{
    apply::{Outcome, StepEnd},
    plan::{Action, InstanceTargets, Plan, Step, StepId},
    rehearsal::{FailingAccount, FaultKind, FaultTold, RegionRow, Rehearsal, Run, Timeline},
    report::{
        FORMAT_VERSION, count, plan_json, status_json, status_text,
        step_words::step_words,
        style::{bad, caution, columns, good, heading},
    },
};

/// Columns of the longest bar.
const WIDTH: u64 = 40;

/// Words a rehearsal, from the timeline to what was assumed. The plan and the outcomes stand before it.
pub fn rehearsal_text(rehearsal: &Rehearsal) -> String {
    let Rehearsal { plan, runs, fault, failing, left, rings, took, calls, throttled, .. } =
        rehearsal;
    let mut text = String::new();
    if let Some(fault) = fault {
        let _ = writeln!(text, "\nWhat went wrong: {}.", fault_words(fault, plan));
    }
    timeline(&mut text, runs);
    if let Some(failing) = failing {
        one_failing_account(&mut text, plan, failing);
    }
    let _ = write!(text, "\n{}", status_text(left, rings));
    let refused = match throttled {
        0 => "none of them came too fast".to_owned(),
        1 => "one of them came too fast and was made again".to_owned(),
        many => format!("{many} of them came too fast and were made again"),
    };
    let _ = writeln!(
        text,
        "The rehearsal took {} of simulated time and {calls} calls; {refused}.",
        clock(took.as_secs())
    );
    assumptions(&mut text, rehearsal);
    text
}

/// What is about to go wrong, in words.
pub fn fault_words(fault: &FaultTold, plan: &Plan) -> String {
    let FaultTold { kind, account, call, after_seconds, after_event } = fault;
    match kind {
        FaultKind::Account => match account {
            Some(account) => {
                format!("nothing can be made in account {}", named(plan, account))
            }
            None => "nothing: the plan reaches no member account".to_owned(),
        },
        FaultKind::Reply => {
            format!("the reply to call {} is lost, which had its effect", call.unwrap_or_default())
        }
        FaultKind::Network => format!(
            "there is no network for 10 minutes, from {} on",
            clock(after_seconds.unwrap_or_default())
        ),
        FaultKind::Throttling => "others use up nine tenths of every rate".to_owned(),
        FaultKind::StoppedOperation => "somebody stops the first operation that runs".to_owned(),
        FaultKind::Kill => {
            format!("the process is killed after event {}", after_event.unwrap_or_default())
        }
    }
}

fn named(plan: &Plan, account: &crate::ids::AccountId) -> String {
    match plan.names.accounts.get(account) {
        Some(name) => format!("{account} ({name})"),
        None => account.to_string(),
    }
}

/// `7m05s`, `1h02m`.
fn clock(seconds: u64) -> String {
    if seconds < 3600 {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60)
    }
}

fn timeline(text: &mut String, runs: &[Run]) {
    let begins = runs.first().map_or(0, |run| run.began.as_secs());
    let ends = runs.last().map_or(0, |run| run.ended.as_secs());
    let column = (ends.saturating_sub(begins)).div_ceil(WIDTH).max(1);
    let _ = writeln!(
        text,
        "\n{} (simulated; █ is {})",
        heading("Timeline"),
        count(usize::try_from(column).unwrap_or_default(), "second")
    );
    for (number, run) in runs.iter().enumerate() {
        if runs.len() > 1 {
            let _ = writeln!(text, "{}", caution(&format!("run {}", number + 1)));
        }
        let steps: BTreeMap<&StepId, &Step> =
            run.plan.steps.iter().map(|step| (&step.id, step)).collect();
        let mut rows = Vec::new();
        let Timeline { rows: timed } = &run.timeline;
        for row in timed {
            let Some(step) = steps.get(&row.step) else { continue };
            let (from, to) = (row.begins.as_secs(), row.ends.map(|ends| ends.as_secs()));
            rows.push(vec![
                row.ring.to_string(),
                brief(step, &run.plan),
                ended(row.end.as_ref()).replace('_', " "),
                clock(from),
                to.map_or_else(String::new, clock),
                bar(from - begins, to.unwrap_or(run.ended.as_secs()) - begins, column),
            ]);
            for RegionRow { region, run } in &row.regions {
                let done = run.instances - run.failed - run.cancelled - run.skipped;
                let (from, to) = (run.begins.as_secs(), run.ends.as_secs());
                rows.push(vec![
                    String::new(),
                    format!("  {region}"),
                    format!(
                        "{done} of {}{}",
                        run.instances,
                        but(run.failed, run.cancelled, run.skipped)
                    ),
                    clock(from),
                    clock(to),
                    bar(from.saturating_sub(begins), to.saturating_sub(begins), column),
                ]);
            }
        }
        text.push_str(&columns("  ", rows));
    }
}

fn but(failed: usize, cancelled: usize, skipped: usize) -> String {
    let parts: Vec<String> = [(failed, "failed"), (cancelled, "not tried"), (skipped, "suspended")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    if parts.is_empty() { String::new() } else { format!(", {}", parts.join(", ")) }
}

fn bar(from: u64, to: u64, column: u64) -> String {
    let before = usize::try_from(from / column).unwrap_or_default();
    let length = usize::try_from((to / column).saturating_sub(from / column)).unwrap_or_default();
    format!(
        "{}{}",
        " ".repeat(before),
        if length == 0 { "▏".to_owned() } else { "█".repeat(length) }
    )
}

fn ended(end: Option<&StepEnd>) -> String {
    match end {
        None => "broken_off",
        Some(StepEnd::Done) => "done",
        Some(StepEnd::DoneInPart(_)) => "done_in_part",
        Some(StepEnd::Failed(_)) => "failed",
        Some(StepEnd::Skipped(_)) => "skipped",
        Some(StepEnd::NotStarted) => "not_started",
        Some(StepEnd::LeftRunning(_)) => "left_running",
    }
    .to_owned()
}

/// What a step does, in few words: names without what they all begin with.
fn brief(step: &Step, plan: &Plan) -> String {
    let short = |name: &str| short(name, plan);
    let accounts = |targets: &InstanceTargets| count(targets.accounts.len(), "account");
    match &step.action {
        Action::CreateStack { spec, .. } => format!("create stack {}", short(spec.name.as_str())),
        Action::UpdateStack { spec, .. } => format!("update stack {}", short(spec.name.as_str())),
        Action::WriteOverrides { .. } => "write the override file".to_owned(),
        Action::UploadTemplate { .. } => "upload the template".to_owned(),
        Action::CreateStackSet { spec, .. } => {
            format!("create stack set {}", short(spec.name.as_str()))
        }
        Action::UpdateStackSet { spec, .. } => {
            format!("update stack set {}", short(spec.name.as_str()))
        }
        Action::AddInstances { stack_set, targets, .. } if targets.accounts.is_empty() => {
            format!("have {} follow {}", short(stack_set.as_str()), count(targets.ous.len(), "OU"))
        }
        Action::AddInstances { stack_set, targets, .. } => {
            format!("{} to {}", accounts(targets), short(stack_set.as_str()))
        }
        Action::WaitForOperation { stack_set, .. } => {
            format!("wait for {}", short(stack_set.as_str()))
        }
        Action::WaitForStack { name, .. } => format!("wait for {}", short(name.as_str())),
        _ => step_words(step),
    }
}

/// A name without what all names of the policy begin with.
fn short(name: &str, plan: &Plan) -> String {
    let prefix = format!("orgpatch-{}-", plan.policy);
    name.strip_prefix(&prefix).unwrap_or(name).to_owned()
}

fn one_failing_account(text: &mut String, plan: &Plan, failing: &FailingAccount) {
    let FailingAccount {
        account,
        instances,
        failed,
        untried,
        failing_steps,
        skipped_steps,
        stops_at,
        ends,
    } = failing;
    let _ = writeln!(text, "\n{}", heading("If one account fails"));
    let _ = writeln!(
        text,
        "  Had account {} failed: {failed} of {instances} accounts × Regions fail, {untried} are not tried.",
        named(plan, account)
    );
    let steps: BTreeMap<&StepId, &Step> = plan.steps.iter().map(|step| (&step.id, step)).collect();
    let words =
        |id: &StepId| steps.get(id).map_or_else(|| id.to_string(), |step| brief(step, plan));
    if failing_steps.is_empty() {
        let _ = writeln!(
            text,
            "  {} The rollout ends at {}.",
            good("It does not stop."),
            clock(ends.as_secs())
        );
    } else {
        let stopped: Vec<String> = failing_steps.iter().map(words).collect();
        let _ = writeln!(
            text,
            "  {} at `{}`, and ends at {}.",
            bad("The rollout stops"),
            stopped.join("`, `"),
            clock(ends.as_secs())
        );
        let behind: Vec<String> = skipped_steps.iter().map(words).collect();
        if !behind.is_empty() {
            let _ = writeln!(text, "  Not begun: `{}`.", behind.join("`, `"));
        }
    }
    for (stack_set, stops_at) in stops_at {
        let Some(stops_at) = stops_at else {
            let name = short(stack_set.as_str(), plan);
            let _ = writeln!(text, "  Stack set {name} never stops, since all may fail.");
            continue;
        };
        let accounts = count(*stops_at, "account");
        let fail = if *stops_at == 1 { "fails" } else { "fail" };
        let _ = writeln!(
            text,
            "  Stack set {} stops once {accounts} {fail} in one Region (`rollout.tolerate`); what runs then is finished.",
            short(stack_set.as_str(), plan)
        );
    }
}

fn assumptions(text: &mut String, rehearsal: &Rehearsal) {
    let _ = writeln!(
        text,
        "\n{} (`--assume NAME=SECONDS` or `NAME=FROM..TO` sets them; seed {})",
        heading("Assumed, since AWS promises none of it"),
        rehearsal.seed
    );
    let rows = rehearsal.assumptions.named().map(|(name, words, span)| {
        let (from, to) = (span.start().as_secs_f64(), span.end().as_secs_f64());
        let seconds = if from < to { format!("{from} to {to} s") } else { format!("{from} s") };
        vec![name.to_owned(), seconds, words.to_owned()]
    });
    text.push_str(&columns("  ", rows.into()));
    text.push_str(
        "  Assumed too: 10 calls a second to CloudFormation and for baselines, for which AWS publishes no rate.\n  Not assumed: the policy's pace, 10,000 instances at a time, and the rates that AWS publishes.\n",
    );
}

/// The same for programs.
pub fn rehearsal_json(rehearsal: &Rehearsal) -> Value {
    let Rehearsal {
        plan,
        runs,
        fault,
        failing,
        left,
        rings,
        took,
        calls,
        throttled,
        assumptions,
        seed,
    } = rehearsal;
    let assumed: BTreeMap<&str, Value> = assumptions
        .named()
        .map(|(name, _, span)| {
            let seconds = [span.start().as_secs_f64(), span.end().as_secs_f64()];
            (name, json!(seconds))
        })
        .into();
    json!({
        "format_version": FORMAT_VERSION,
        "plan": plan_json(plan),
        "seed": seed,
        "fault": fault,
        "runs": runs.iter().map(run_json).collect::<Vec<_>>(),
        "one_failing_account": failing.as_ref().map(|failing| json!({
            "account": failing.account,
            "instances": failing.instances,
            "failed": failing.failed,
            "untried": failing.untried,
            "failing_steps": failing.failing_steps,
            "skipped_steps": failing.skipped_steps,
            "stops_at": failing.stops_at,
            "ends": failing.ends.as_secs(),
        })),
        "status": status_json(left, rings),
        "seconds": took.as_secs(),
        "calls": calls,
        "throttled": throttled,
        "assumed_seconds": assumed,
    })
}

fn run_json(run: &Run) -> Value {
    json!({
        "complete": run.outcome.as_ref().is_some_and(Outcome::is_complete),
        "killed": run.outcome.is_none(),
        "began": run.began.as_secs(),
        "ended": run.ended.as_secs(),
        "steps": run.timeline.rows.iter().map(|row| json!({
            "ring": row.ring,
            "step": row.step,
            "began": row.begins.as_secs(),
            "ended": row.ends.map(|ends| ends.as_secs()),
            "end": ended(row.end.as_ref()),
            "regions": row.regions.iter().map(|RegionRow { region, run }| json!({
                "region": region,
                "instances": run.instances,
                "failed": run.failed,
                "not_tried": run.cancelled,
                "suspended": run.skipped,
                "began": run.begins.as_secs(),
                "ended": run.ends.as_secs(),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}
