//! `rehearse`: the whole rollout on a simulated AWS.

use std::cell::RefCell;

use crate::{
    apply::Outcome,
    cli::{
        args::{Output, RehearseArgs},
        clock,
        execute::conclude,
        failure::{Exit, Failure},
        terminal::{ShowProgress, Terminal},
        world,
    },
    cloud::MaxRate,
    rehearsal::{Rehearsal, Run, Settings, Watched, rehearse},
    report::{Detail, fault_words, plan_text, rehearsal_json, rehearsal_text},
    sim::{Assumptions, example_snapshot},
};

pub(super) async fn run(
    args: &RehearseArgs,
    max_rate: Option<MaxRate>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let (snapshot, whose) = match &args.org {
        Some(path) => (world::snapshot(path)?, path.display().to_string()),
        None => (example_snapshot(), "the example organization".to_owned()),
    };
    terminal.say(&format!("Rehearsal on a simulated AWS over {whose}: nothing real is touched.\n"));
    if args.org.is_some() {
        world::warn_of_other_region(&policy, &snapshot, terminal);
    }
    let mut assumptions = Assumptions::for_a_rehearsal();
    for (name, span) in &args.assume {
        // The parser has taken known names only.
        let _ = assumptions.set(name, span.clone());
    }
    let settings = Settings {
        seed: args.seed,
        fault: args.fault.map(Into::into),
        assumptions,
        max_rate,
        today: clock::today(),
    };
    let show: RefCell<Option<Box<dyn ShowProgress>>> = RefCell::default();
    let watch = |watched: Watched<'_>| match watched {
        Watched::Planned(plan) => {
            if args.output == Output::Text {
                terminal.out(&plan_text(plan, Detail::Folded));
            }
        }
        Watched::Fault(told, plan) => {
            terminal.say(&format!("\nWhat goes wrong: {}.", fault_words(told, plan)));
        }
        Watched::Begins(plan, number) => {
            terminal.say(&match number {
                1 => "\nRollout, in simulated time:".to_owned(),
                _ => format!("\nThe same command again, run {number}:"),
            });
            *show.borrow_mut() = Some(terminal.progress(args.progress, plan.steps.len()));
        }
        Watched::Event(event, now) => {
            if let Some(show) = show.borrow().as_ref() {
                show.show(event, Some(now));
            }
        }
        Watched::Ended(plan, outcome) => match (args.output, outcome) {
            // Its bars are gone with it.
            (_, None) if show.borrow_mut().take().is_none() => {}
            (_, None) => terminal.say("The process is gone. What runs at AWS goes on."),
            (Output::Json, Some(_)) => {}
            (Output::Text, outcome) => {
                conclude(plan, outcome, terminal);
            }
        },
    };
    let rehearsal = Box::pin(rehearse(&policy, snapshot, &settings, watch)).await?;
    terminal.out(&match args.output {
        Output::Text => rehearsal_text(&rehearsal),
        Output::Json => format!("{:#}\n", rehearsal_json(&rehearsal)),
    });
    Ok(exit(&rehearsal))
}

/// What counts is where it ends, after the runs that finish what a mishap left.
fn exit(rehearsal: &Rehearsal) -> Exit {
    let did_anything = |run: &Run| run.outcome.as_ref().is_none_or(Outcome::did_anything);
    if rehearsal.left.is_empty() {
        Exit::Done
    } else if rehearsal.runs.iter().any(did_anything) {
        Exit::InPart
    } else {
        Exit::Failed
    }
}
