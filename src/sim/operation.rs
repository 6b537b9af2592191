//! An operation of a stack set.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::{CallTargets, InstanceResult, OperationProgress, OperationStatus, ResultStatus},
    ids::{AccountId, OperationId, OuId, Region},
    sim::{
        schedule::{Ending, Planned, Schedule},
        stack_set::Content,
    },
    state::{Preferences, Reach, RegionPace, Retain},
};

/// What an operation is asked to do.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Give every instance this.
    Update(Content),
    /// Change the stack set and no instance.
    Settings,
    /// Make what is missing.
    Create(Targets),
    /// Delete.
    Delete(Targets, Retain),
    /// Auto-deployment: make these, by the OU that brings them.
    Join(AccountId, BTreeMap<Region, OuId>),
    /// Auto-deployment: delete these.
    Leave(AccountId, BTreeSet<Region>),
}

/// OUs and accounts, as a call names them.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    pub(super) ous: BTreeSet<OuId>,
    /// None where whole OUs are meant.
    pub(super) accounts: Option<BTreeSet<AccountId>>,
    pub(super) regions: BTreeSet<Region>,
}

impl Targets {
    /// Whether an account is meant, if its OU is.
    pub(super) fn names(&self, account: &AccountId) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(account))
    }
}

impl From<CallTargets<'_>> for Targets {
    fn from(targets: CallTargets<'_>) -> Self {
        let CallTargets { ous, reach, accounts, regions } = targets;
        let accounts = match reach {
            Reach::WholeOu => None,
            Reach::NamedAccounts => Some(accounts.clone()),
        };
        Self { ous: ous.clone(), accounts, regions: regions.clone() }
    }
}

/// What an operation does to each instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Makes or updates its stack.
    Make,
    /// Deletes the instance.
    Delete(Retain),
}

/// An operation.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) id: OperationId,
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub(super) action: &'static str,
    pub(super) work: Work,
    pub(super) task: Task,
    pub(super) preferences: Preferences,
    pub(super) requested: Duration,
    /// When its turn came.
    pub(super) begun: Option<Duration>,
    /// When it ends or has ended, once its turn has come.
    pub(super) ends: Duration,
    pub(super) ended: bool,
    pub(super) stopped: bool,
    pub(super) schedule: Schedule,
    /// How many of what is scheduled have come true.
    pub(super) applied: usize,
    /// How many of those failed.
    pub(super) failed: u32,
}

/// What somebody's stop of an operation makes of what was not begun.
const STOPPED: &str = "Cancelled since the operation was stopped";

/// The pace of an operation that nobody gave one: all at once, one Region at a time, whatever fails.
///
/// Preferences do not apply to auto-deployment, which takes one Region at a time.
pub(super) const UNPACED: Preferences = Preferences {
    concurrency_percent: 100,
    tolerance_percent: 100,
    regions: RegionPace::Sequential,
};

impl Operation {
    pub(super) fn new(
        id: OperationId,
        work: Work,
        preferences: Preferences,
        requested: Duration,
    ) -> Self {
        let (action, task) = match &work {
            Work::Update(_) | Work::Settings => ("UPDATE", Task::Make),
            Work::Create(_) | Work::Join(..) => ("CREATE", Task::Make),
            Work::Delete(_, retain) => ("DELETE", Task::Delete(*retain)),
            Work::Leave(..) => ("DELETE", Task::Delete(Retain::Delete)),
        };
        Self {
            id,
            action,
            work,
            task,
            preferences,
            requested,
            begun: None,
            ends: Duration::MAX,
            ended: false,
            stopped: false,
            schedule: Schedule::default(),
            applied: 0,
            failed: 0,
        }
    }

    /// The OUs that it names.
    pub(super) fn ous(&self) -> BTreeSet<OuId> {
        match &self.work {
            Work::Update(_) | Work::Settings | Work::Leave(..) => BTreeSet::new(),
            Work::Create(targets) | Work::Delete(targets, _) => targets.ous.clone(),
            Work::Join(_, regions) => regions.values().cloned().collect(),
        }
    }

    pub(super) fn status(&self) -> OperationStatus {
        match (self.begun, self.ended) {
            (None, false) => OperationStatus::Queued,
            (Some(_), false) => OperationStatus::Running,
            (_, true) if self.stopped => OperationStatus::Stopped,
            (_, true) if self.schedule.exceeded => OperationStatus::Failed,
            (_, true) => OperationStatus::Succeeded,
        }
    }

    pub(super) fn progress(&self) -> OperationProgress {
        let status = self.status();
        let reason = (status == OperationStatus::Failed).then(|| {
            "The number of failed stack instances exceeds the failure tolerance".to_owned()
        });
        OperationProgress { status, reason, failed: self.failed }
    }

    /// What it did, as a listing of that moment shows it.
    ///
    /// Accounts that are skipped are left out: AWS has no status for them here, and does not say.
    pub(super) fn results(&self, at: Duration) -> Vec<InstanceResult> {
        let planned = self.schedule.planned.iter();
        let mut results: Vec<InstanceResult> =
            planned.filter_map(|planned| result(planned, at)).collect();
        results.sort_by(|a, b| (&a.account, &a.region).cmp(&(&b.account, &b.region)));
        results
    }

    /// Begins nothing more, and ends with what runs.
    pub(super) fn stop(&mut self, now: Duration) {
        self.stopped = true;
        for planned in &mut self.schedule.planned {
            // Who is left out anyway is not kept from anything.
            if planned.begins > now && planned.ending != Ending::Skipped {
                (planned.begins, planned.ends) = (now, now);
                planned.ending = Ending::Cancelled(STOPPED);
            }
        }
        let applied = self.applied;
        self.schedule.planned[applied..]
            .sort_by(|a, b| (a.ends, &a.place).cmp(&(b.ends, &b.place)));
        self.ends = self.schedule.planned.last().map_or(now, |last| last.ends.max(now));
    }
}

fn result(planned: &Planned, at: Duration) -> Option<InstanceResult> {
    let (status, reason) = match &planned.ending {
        Ending::Skipped => return None,
        _ if planned.ends > at => (ResultStatus::Pending, None),
        Ending::Succeeded => (ResultStatus::Succeeded, None),
        Ending::Failed(reason) => (ResultStatus::Failed, Some(reason.clone())),
        Ending::Cancelled(reason) => (ResultStatus::Cancelled, Some((*reason).to_owned())),
    };
    let (account, region) = planned.place.clone();
    Some(InstanceResult { account, region, status, reason })
}
