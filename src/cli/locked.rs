//! A run that changes something: under the locks of the rings that it changes, and with a record of what it did.

use std::{cell::Cell, convert::Infallible, time::Duration};

use futures_util::future::{Either, join_all, pending, select};

use crate::{
    apply::{
        Access, EventKind, Lock, LockNews, LockSeen, LockState, RENEWAL, Respect, RunId, RunRecord,
        StepEnd, Stop, access, access_after_watching, look_at_lock,
    },
    cli::{
        args::ProgressForm,
        clock,
        execute::{conclude, execute},
        failure::{Exit, Failure},
        signals::Signals,
        terminal::Terminal,
        world::{self, World},
    },
    cloud::{CloudError, CloudRead, CloudWrite},
    discover::Standing,
    ids::Digest,
    plan::{Action, Approved, Step},
    policy::{self, Policy, RingHome},
    report::lock_news,
};

/// For how long the end of a run waits for its record and its lock. What is not written by then runs out.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run that has seen the locks of the policy's rings and may take them.
pub(super) struct Run<'a, C> {
    aws: &'a C,
    locks: Vec<SeenLock>,
    respect: Respect,
    id: RunId,
    policy_digest: Digest,
}

/// A ring's lock as the look before the plan showed it.
struct SeenLock {
    home: RingHome,
    /// Where the look failed, only a run that changes something of the ring is refused.
    seen: Result<LockSeen, CloudError>,
}

/// A ring's lock that this run holds, or will hold as soon as there is a bucket.
struct HeldLock<'a, C> {
    home: RingHome,
    lock: Lock<'a, C>,
}

impl<'a, C: CloudRead + CloudWrite> Run<'a, C> {
    /// Looks at the locks, before anything else is looked at.
    ///
    /// # Errors
    ///
    /// Where another run holds one of them.
    pub(super) async fn begin(
        command: &str,
        policy: &Policy,
        standing: &Standing,
        respect: Respect,
        (aws, world): (&'a C, &World),
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let caller = &standing.caller;
        let found = world::find(policy, standing, aws).await;
        let homes = policy::ring_homes(policy, &found.rings, &standing.facts.id, &caller.account);
        let id = RunId {
            run: clock::run(),
            policy: policy.name.clone(),
            command: command.to_owned(),
            caller: caller.arn.clone(),
            host: world.host(),
            began: clock::timestamp(),
        };
        let mut locks = Vec::new();
        for home in homes {
            let seen = look_at_lock(aws, &home.bucket).await;
            locks.push(SeenLock { home, seen });
        }
        may_be_taken(&mut locks, aws, respect, terminal).await?;
        for SeenLock { seen, .. } in &locks {
            if let (Respect::Nobody, Ok(LockSeen::There { record, .. })) = (respect, seen)
                && record.as_ref().is_none_or(|record| record.state == LockState::Held)
            {
                let whose =
                    record.as_ref().map_or("a lock that can't be understood".to_owned(), |r| {
                        format!("the lock of {}, renewed at {}", r.run.caller, r.renewed)
                    });
                terminal.say(&format!("Breaking {whose}."));
            }
        }
        Ok(Self { aws, locks, respect, id, policy_digest: policy.digest() })
    }

    /// Takes the locks of the rings that are changed, carries out the plan, and leaves a record.
    ///
    /// # Errors
    ///
    /// Where a lock can't be taken. Then nothing was changed.
    pub(super) async fn carry_out(
        self,
        approved: &Approved,
        progress: ProgressForm,
        signals: &mut Signals,
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let (aws, id) = (self.aws, self.id.clone());
        let plan = approved.plan();
        let locks = self.take(approved, terminal).await?;
        let mut record = RunRecord {
            format_version: RunRecord::FORMAT_VERSION,
            id: id.clone(),
            orgpatch: env!("CARGO_PKG_VERSION").to_owned(),
            plan_digest: plan.digest.clone(),
            policy_digest: self.policy_digest.clone(),
            ended: None,
            steps: Vec::new(),
        };
        // A run that is killed has left this at least, unless it had to make the bucket first.
        let mut unwritten = None;
        for held in locks.iter().filter(|held| held.lock.is_held()) {
            unwritten = unwritten.or(write(&record, aws, held).await);
        }

        let show = terminal.progress(progress, plan.steps.len());
        let (switch, stop) = Stop::new();
        let stopping = (&switch, &stop, &mut *signals);
        let executing = execute(approved, aws, &id.run, stopping, show.as_ref(), |event| {
            for held in locks.iter().filter(|held| held.home.ring == event.step.ring) {
                held.follow(&event.step.action, &event.kind);
            }
            show.show(&event, None);
        });
        let lost = Cell::new(false);
        let keeping = async {
            let each = locks.iter().map(|held| {
                held.lock.keep(&switch, clock::timestamp, |news| {
                    lost.set(lost.get() || matches!(news, LockNews::Lost(_)));
                    show.say(&lock_news(&news));
                })
            });
            join_all(each).await;
            // Without a lock there is nothing to keep.
            pending::<Infallible>().await
        };
        let outcome = match select(Box::pin(executing), Box::pin(keeping)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        };
        if let Some(outcome) = &outcome {
            record.end(outcome, clock::timestamp());
            let end = async {
                for held in &locks {
                    if held.lock.may_write() {
                        unwritten = write(&record, aws, held).await.or(unwritten.take());
                    }
                    held.lock.free(clock::timestamp()).await;
                }
            };
            let enough = select(Box::pin(aws.pause(PATIENCE)), Box::pin(signals.next()));
            if let Either::Right(_) = select(Box::pin(end), enough).await {
                terminal.say("warning: the end of this run could not be recorded in time, or its lock be freed; the lock runs out in two minutes");
            }
        }
        let exit = conclude(plan, outcome.as_ref(), terminal);
        if let Some((place, error)) = unwritten {
            terminal.say(&format!(
                "warning: the record of this run is not in {place}, so `orgpatch history` won't show how it ended: {error}"
            ));
        }
        Ok(match exit {
            Exit::Interrupted if lost.get() && outcome.is_some() => Exit::InPart,
            exit => exit,
        })
    }

    /// Takes the lock of each ring that is changed; all, or none.
    async fn take(
        &self,
        approved: &Approved,
        terminal: &Terminal,
    ) -> Result<Vec<HeldLock<'a, C>>, Failure> {
        let mut held: Vec<HeldLock<'a, C>> = Vec::new();
        let is_looked_at = |step: &Step| self.locks.iter().any(|seen| seen.home.ring == step.ring);
        let mut changing = approved.plan().steps.iter().filter(|step| !step.action.is_wait());
        if let Some(step) = changing.find(|step| !is_looked_at(step)) {
            let message = format!(
                "the ring {} was found after its lock could have been looked at; nothing was changed",
                step.ring
            );
            return Err(Failure::new(Exit::Refused, message).help("Run the same command again."));
        }
        for seen in &self.locks {
            let steps: Vec<&Action> = approved
                .plan()
                .steps
                .iter()
                .filter(|step| step.ring == seen.home.ring)
                .map(|step| &step.action)
                .collect();
            // What only waits changes nothing, so that nobody need be kept out.
            if steps.iter().all(|action| action.is_wait()) {
                continue;
            }
            match self.lock(seen, &steps, terminal).await {
                Ok(lock) => held.push(HeldLock { home: seen.home.clone(), lock }),
                Err(failure) => {
                    for held in &held {
                        held.lock.free(clock::timestamp()).await;
                    }
                    return Err(failure);
                }
            }
        }
        Ok(held)
    }

    async fn lock(
        &self,
        SeenLock { home, seen }: &SeenLock,
        steps: &[&Action],
        terminal: &Terminal,
    ) -> Result<Lock<'a, C>, Failure> {
        let bucket_is_to_come = steps.iter().any(|action| home.makes_bucket(action))
            && !steps.iter().any(|action| home.empties(action));
        let later = || Lock::later(self.aws, home.bucket.clone(), self.id.clone());
        if bucket_is_to_come {
            return Ok(later());
        }
        let seen = match (seen, self.respect) {
            (Ok(seen), _) => seen,
            (Err(error), Respect::Nobody) => {
                terminal.say(&format!("warning: without a lock, since it can't be read: {error}"));
                return Ok(later());
            }
            (Err(error), Respect::Lock) => {
                let failure = Failure::from(error.clone());
                return Err(failure.help(format!(
                    "Whether another run goes on can't be seen in s3://{}; nothing was changed. Mend the cause, or run with `--break-lock` once you know that none does.",
                    home.bucket
                )));
            }
        };
        let now = clock::timestamp();
        let (bucket, id) = (home.bucket.clone(), self.id.clone());
        Ok(Lock::take(self.aws, bucket, seen, self.respect, id, now).await?)
    }
}

/// Whether all locks may be taken. Those that have run out are watched for a while, all at the same time.
async fn may_be_taken<C: CloudRead + CloudWrite>(
    locks: &mut [SeenLock],
    aws: &C,
    respect: Respect,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let mut watched: Vec<&mut SeenLock> = Vec::new();
    for lock in locks {
        let Ok(found) = &lock.seen else { continue };
        match access(found, &lock.home.bucket, respect, clock::timestamp())? {
            Access::Open => {}
            Access::RunOut(record) => {
                terminal.say(&format!(
                    "The lock of {} has run out; it was renewed last at {}. Watching for {} s whether that run is still there.",
                    record.run.caller,
                    record.renewed,
                    (RENEWAL * 2).as_secs(),
                ));
                watched.push(lock);
            }
        }
    }
    if watched.is_empty() {
        return Ok(());
    }
    aws.pause(RENEWAL * 2).await;
    for lock in watched {
        let later = look_at_lock(aws, &lock.home.bucket).await?;
        if let Ok(found) = &lock.seen {
            access_after_watching(found, &later, &lock.home.bucket, clock::timestamp())?;
        }
        lock.seen = Ok(later);
    }
    Ok(())
}

/// Writes a record beside a lock; gives its place and the reason where it can't be written.
async fn write<C: CloudRead + CloudWrite>(
    record: &RunRecord,
    aws: &C,
    held: &HeldLock<'_, C>,
) -> Option<(String, CloudError)> {
    let bucket = &held.home.bucket;
    let error = record.write(aws, bucket).await.err()?;
    Some((format!("s3://{bucket}/{}", record.key()), error))
}

impl RingHome {
    fn makes_bucket(&self, action: &Action) -> bool {
        matches!(action, Action::CreateStack { spec, .. } if spec.name == self.stack)
    }

    fn empties(&self, action: &Action) -> bool {
        matches!(action, Action::EmptyBucket { bucket } if *bucket == self.bucket)
    }
}

impl<C: CloudRead + CloudWrite> HeldLock<'_, C> {
    /// Has the lock go and come with its bucket.
    fn follow(&self, action: &Action, kind: &EventKind<'_>) {
        let Self { home, lock } = self;
        match kind {
            EventKind::Started if home.empties(action) => lock.let_go(),
            EventKind::Ended(StepEnd::Failed(_) | StepEnd::LeftRunning(_))
                if home.empties(action) =>
            {
                lock.bucket_is_there();
            }
            EventKind::Ended(StepEnd::Done) if home.makes_bucket(action) => lock.bucket_is_there(),
            _ => {}
        }
    }
}
