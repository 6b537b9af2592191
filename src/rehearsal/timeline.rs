//! What ran when: steps, and the Regions of their operations.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    apply::{Event, EventKind, StepEnd},
    ids::{OperationId, Region, RingName},
    plan::{Plan, StepId},
    sim::{RegionRun, SimulatedAws},
};

/// The steps of a run in the order of the plan, those that were begun.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// One for each step.
    pub rows: Vec<Row>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which ring it is for.
    pub ring: RingName,
    /// Which step.
    pub step: StepId,
    /// When it began.
    pub begins: Duration,
    /// When it ended; none where the run was broken off before that.
    pub ends: Option<Duration>,
    /// How it ended.
    pub end: Option<StepEnd>,
    /// What its operation did, Region by Region.
    pub regions: Vec<RegionRow>,
}

/// What an operation did in one Region.
#[derive(Clone, Debug)]
pub struct RegionRow {
    /// Which.
    pub region: Region,
    /// What came of it there.
    pub run: RegionRun,
}

/// Takes in the events of a run.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    began: BTreeMap<StepId, Duration>,
    ended: BTreeMap<StepId, (Duration, StepEnd)>,
    operations: BTreeMap<StepId, OperationId>,
}

impl Recorder {
    pub(super) fn take(&mut self, event: &Event<'_>, now: Duration) {
        let step = event.step.id.clone();
        match &event.kind {
            EventKind::Started => {
                self.began.insert(step, now);
            }
            EventKind::Operation(operation) => {
                self.operations.insert(step, (*operation).clone());
            }
            EventKind::Ended(end) => {
                self.ended.insert(step, (now, (*end).clone()));
            }
            EventKind::Waiting(_) | EventKind::Progress { .. } => {}
        }
    }

    pub(super) fn timeline(mut self, plan: &Plan, aws: &SimulatedAws) -> Timeline {
        let mut regions: BTreeMap<OperationId, BTreeMap<Region, RegionRun>> =
            aws.operations_run().into_iter().map(|run| (run.id, run.regions)).collect();
        let rows = plan.steps.iter().filter_map(|step| {
            let begins = self.began.remove(&step.id)?;
            let (ends, end) = self.ended.remove(&step.id).unzip();
            let operation = self.operations.remove(&step.id);
            let regions = operation.and_then(|operation| regions.remove(&operation));
            Some(Row {
                ring: step.ring.clone(),
                step: step.id.clone(),
                begins,
                ends,
                end,
                regions: regions
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(region, run)| RegionRow { region, run })
                    .collect(),
            })
        });
        Timeline { rows: rows.collect() }
    }
}
