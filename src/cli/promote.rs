//! `promote`: give a ring the approvals of an earlier one, by an edit of the policy file.

use std::slice::from_ref;

use crate::{
    cli::{
        args::{PlanArgs, PlanOutput, PromoteArgs, Show},
        clock, edit,
        failure::{Exit, Failure},
        plan,
        policies::Given,
        selection::SelectionArgs,
        terminal::Terminal,
        world::{self, World},
    },
    policy::{Promoted, Promotion, promote},
    report::edit_text,
};

pub(super) async fn run(
    args: &PromoteArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let PromoteArgs { policy: path, from, to, until, only, dry_run, org } = args;
    let policy = world::policy(path)?;
    let promotion = match until {
        Some(date) => Promotion::Until(*date),
        None if only.is_empty() => Promotion::InForce,
        None => Promotion::Only(only.clone()),
    };
    let edited = match promote(&policy, from, to, &promotion, clock::today())? {
        Promoted::Already(approvals) => {
            terminal.out(&format!(
                "{}: nothing to promote: ring {to} has that already ({approvals})\n",
                path.display()
            ));
            return Ok(Exit::Done);
        }
        Promoted::Edited(edited) => edited,
    };
    terminal.out(&edit_text(policy.file(), &edited.old_text, &edited.text));
    terminal
        .out(&format!("Approved in ring {to}: {}; before: {}\n\n", edited.after, edited.before));
    for note in &edited.notes {
        terminal.say(&format!("note: {note}"));
    }
    if !dry_run {
        edit::replace(path, &edited.text).map_err(|error| {
            let message = format!("`{}` can't be written: {error}", path.display());
            Failure::new(Exit::Failed, message).help("The file is as it was.")
        })?;
    }
    let plan = PlanArgs {
        policies: vec![path.clone()],
        selection: SelectionArgs::default(),
        output: PlanOutput::Text,
        detailed_exitcode: false,
        show: Show::Changes,
        org: org.clone(),
    };
    let edited = Given { file: path.clone(), policy: edited.policy };
    let planned = Box::pin(plan::of(from_ref(&edited), &plan, world, terminal)).await;
    if !dry_run && !matches!(planned, Ok(Exit::Done)) {
        terminal.say(&format!(
            "{} was edited all the same; `orgpatch plan` shows the plan.",
            path.display()
        ));
    }
    planned
}
