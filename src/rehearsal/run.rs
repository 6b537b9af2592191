//! One run of a plan.

use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll, time::Duration};

use crate::{
    apply::{Event, Outcome, Stop, apply},
    plan::{Approved, Plan},
    rehearsal::{Timeline, Watched, fault::Mishap, timeline::Recorder},
    sim::SimulatedAws,
};

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it was to do.
    pub plan: Plan,
    /// What came of it; none where the process was killed.
    pub outcome: Option<Outcome>,
    /// What ran when.
    pub timeline: Timeline,
    /// When it began.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
}

/// Counts the runs, since no two may share the IDs of their operations.
#[derive(Debug, Default)]
pub(super) struct Tries(usize);

impl Tries {
    pub(super) async fn carry_out(
        &mut self,
        approved: &Approved,
        aws: &SimulatedAws,
        mishap: Option<&Mishap>,
        watch: &mut impl FnMut(Watched<'_>),
    ) -> Run {
        self.0 += 1;
        let began = aws.now();
        let mut recorder = Recorder::default();
        if let Some(mishap) = mishap {
            mishap.begin(aws);
        }
        let outcome = {
            let events = Cell::new(0);
            let on_event = |event: Event<'_>| {
                events.set(events.get() + 1);
                recorder.take(&event, aws.now());
                watch(Watched::Event(&event, aws.now()));
                if let Some(mishap) = mishap {
                    mishap.befall(&event, aws);
                }
            };
            let (_switch, stop) = Stop::new();
            let run = format!("rehearsal, run {}", self.0);
            let mut running = pin!(apply(approved, aws, &stop, &run, on_event));
            poll_fn(|context| {
                let polled = running.as_mut().poll(context);
                match mishap.and_then(Mishap::killed_after) {
                    Some(last) if events.get() >= last => Poll::Ready(None),
                    _ => polled.map(Some),
                }
            })
            .await
        };
        let plan = approved.plan();
        watch(Watched::Ended(plan, outcome.as_ref()));
        Run {
            timeline: recorder.timeline(plan, aws),
            plan: plan.clone(),
            outcome,
            began,
            ended: aws.now(),
        }
    }

    /// Carries out a plan that nobody watches, without a mishap.
    pub(super) async fn unwatched(approved: &Approved, aws: &SimulatedAws) -> Run {
        Self::default().carry_out(approved, aws, None, &mut |_| ()).await
    }
}
