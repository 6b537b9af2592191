//! Which step runs when.

use std::{cell::RefCell, collections::BTreeMap};

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use crate::{
    apply::{Event, EventKind, Outcome, StepEnd, Stop, perform::Performer},
    cloud::CloudWrite,
    plan::{Approved, Step, StepId, WaitsFor},
};

/// Carries out a plan and tells what happens.
///
/// A step that fails takes those that wait for it with it, and no others. After a wish to stop no new
/// step begins; what runs at AWS is left running, and the outcome names it. Each step can be repeated,
/// so the way to go on after any outcome is to plan and apply again. `run` is a text that no other run
/// has: with it a retry within the run is the same operation, and another run's is not.
pub async fn apply<C: CloudWrite>(
    approved: &Approved,
    cloud: &C,
    stop: &Stop,
    run: &str,
    on_event: impl FnMut(Event<'_>),
) -> Outcome {
    let plan = approved.plan();
    let on_event = RefCell::new(on_event);
    let tell = |event: Event<'_>| (on_event.borrow_mut())(event);
    let performer = Performer {
        cloud,
        stop,
        call_as: plan.owner.call_as,
        account: &plan.owner.account,
        digest: &plan.digest,
        run,
        tell: &tell,
    };

    let mut ends: BTreeMap<&StepId, StepEnd> = BTreeMap::new();
    let mut waiting: Vec<&Step> = plan.steps.iter().collect();
    let mut running = FuturesUnordered::new();
    loop {
        waiting = start_or_drop(waiting, &mut ends, stop, &tell, |step| {
            let performer = &performer;
            running.push(async move { (step, performer.perform(step).await) });
        });
        let Some((ended, end)) = running.next().await else { break };
        tell(Event { step: ended, kind: EventKind::Ended(&end) });
        ends.insert(&ended.id, end);
    }
    let steps = plan
        .steps
        .iter()
        .map(|step| (step.id.clone(), ends.remove(&step.id).unwrap_or(StepEnd::NotStarted)))
        .collect();
    Outcome { steps }
}

/// Starts the steps that are ready, drops those that can't be reached any more, and returns the rest.
fn start_or_drop<'a>(
    waiting: Vec<&'a Step>,
    ends: &mut BTreeMap<&'a StepId, StepEnd>,
    stop: &Stop,
    tell: &impl Fn(Event<'_>),
    mut start: impl FnMut(&'a Step),
) -> Vec<&'a Step> {
    let mut rest = Vec::new();
    // The plan lists a step behind those it waits for, so one pass sees every consequence.
    for step in waiting {
        let mut dropped = None;
        let mut ready = true;
        for id in &step.after {
            match ends.get(id) {
                Some(StepEnd::DoneInPart(_)) if step.waits_for == WaitsFor::AllOfIt => {
                    dropped = dropped.or(Some(StepEnd::Skipped(id.clone())));
                }
                Some(StepEnd::Done | StepEnd::DoneInPart(_)) => {}
                Some(StepEnd::Failed(_)) => {
                    dropped = dropped.or(Some(StepEnd::Skipped(id.clone())));
                }
                Some(StepEnd::Skipped(cause)) => {
                    dropped = dropped.or(Some(StepEnd::Skipped(cause.clone())));
                }
                Some(StepEnd::NotStarted | StepEnd::LeftRunning(_)) => {
                    dropped = dropped.or(Some(StepEnd::NotStarted));
                }
                None => ready = false,
            }
        }
        if dropped.is_none() && stop.is_wished() {
            dropped = Some(StepEnd::NotStarted);
        }
        if let Some(end) = dropped {
            tell(Event { step, kind: EventKind::Ended(&end) });
            ends.insert(&step.id, end);
        } else if ready {
            tell(Event { step, kind: EventKind::Started });
            start(step);
        } else {
            rest.push(step);
        }
    }
    rest
}
