//! A run that changes something: under the lock of its ring, and with a record of what it did.

use std::{cell::Cell, time::Duration};

use futures_util::future::{Either, select};

use crate::{
    apply::{
        Access, EventKind, Lock, LockNews, LockRecord, LockSeen, LockState, RENEWAL, Respect,
        RunId, RunRecord, StepEnd, Stop, access, access_after_watching, look_at_lock,
    },
    cli::{
        args::ProgressForm,
        clock,
        execute::{conclude, execute},
        failure::{Exit, Failure},
        signals::Signals,
        terminal::Terminal,
        world::World,
    },
    cloud::{CloudError, CloudRead, CloudWrite},
    discover::Standing,
    ids::{BucketName, Digest, StackName},
    plan::{Action, Approved},
    policy::{self, Policy},
    report::lock_news,
};

/// For how long the end of a run waits for its record and its lock. What is not written by then runs out.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run that has seen the lock and may take it.
pub(super) struct Run<'a, C> {
    aws: &'a C,
    bucket: BucketName,
    home_stack: StackName,
    /// What the look at the lock gave. Where it failed, only a run that changes something is refused.
    seen: Result<LockSeen, CloudError>,
    respect: Respect,
    id: RunId,
    policy_digest: Digest,
}

impl<'a, C: CloudRead + CloudWrite> Run<'a, C> {
    /// Looks at the lock, before anything else is looked at.
    ///
    /// # Errors
    ///
    /// Where another run holds it.
    pub(super) async fn begin(
        command: &str,
        policy: &Policy,
        standing: &Standing,
        respect: Respect,
        (aws, world): (&'a C, &World),
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let caller = &standing.caller;
        let bucket = policy::override_bucket(policy, &standing.facts.id, &caller.account);
        let id = RunId {
            run: clock::run(),
            policy: policy.name.clone(),
            command: command.to_owned(),
            caller: caller.arn.clone(),
            host: world.host(),
            began: clock::timestamp(),
        };
        let mut seen = look_at_lock(aws, &bucket).await;
        if let Ok(found) = &seen {
            match access(found, &bucket, respect, clock::timestamp())? {
                Access::Open => {}
                Access::RunOut(record) => {
                    terminal.say(&format!(
                        "The lock of {} has run out; it was renewed last at {}. Watching for {} s whether that run is still there.",
                        record.run.caller,
                        record.renewed,
                        (RENEWAL * 2).as_secs(),
                    ));
                    aws.pause(RENEWAL * 2).await;
                    let later = look_at_lock(aws, &bucket).await?;
                    access_after_watching(found, &later, &bucket, clock::timestamp())?;
                    seen = Ok(later);
                }
            }
        }
        let is_held = |record: &Option<LockRecord>| {
            record.as_ref().is_none_or(|record| record.state == LockState::Held)
        };
        if let (Respect::Nobody, Ok(LockSeen::There { record, .. })) = (respect, &seen)
            && is_held(record)
        {
            let whose = record.as_ref().map_or("a lock that can't be understood".to_owned(), |r| {
                format!("the lock of {}, renewed at {}", r.run.caller, r.renewed)
            });
            terminal.say(&format!("Breaking {whose}."));
        }
        let home_stack = policy::home_stack_name(policy);
        let policy_digest = policy.digest();
        Ok(Self { aws, bucket, home_stack, seen, respect, id, policy_digest })
    }

    /// Takes the lock, carries out the plan, and leaves a record.
    ///
    /// # Errors
    ///
    /// Where the lock can't be taken. Then nothing was changed.
    pub(super) async fn carry_out(
        self,
        approved: &Approved,
        progress: ProgressForm,
        signals: &mut Signals,
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let (aws, id) = (self.aws, self.id.clone());
        let plan = approved.plan();
        let lock = self.lock(approved, terminal).await?;
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
        if lock.is_held() {
            unwritten = record.write(aws, &self.bucket).await.err();
        }

        let show = terminal.progress(progress, plan.steps.len());
        let (switch, stop) = Stop::new();
        let stopping = (&switch, &stop, &mut *signals);
        let executing = execute(approved, aws, &id.run, stopping, show.as_ref(), |event| {
            self.follow(&lock, &event.step.action, &event.kind);
            show.show(&event, None);
        });
        let lost = Cell::new(false);
        let keeping = lock.keep(&switch, clock::timestamp, |news| {
            lost.set(lost.get() || matches!(news, LockNews::Lost(_)));
            show.say(&lock_news(&news));
        });
        let outcome = match select(Box::pin(executing), Box::pin(keeping)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        };
        if let Some(outcome) = &outcome {
            record.end(outcome, clock::timestamp());
            let end = async {
                if lock.may_write() && !Self::only_waits(approved) {
                    unwritten = record.write(aws, &self.bucket).await.err();
                }
                lock.free(clock::timestamp()).await;
            };
            let enough = select(Box::pin(aws.pause(PATIENCE)), Box::pin(signals.next()));
            if let Either::Right(_) = select(Box::pin(end), enough).await {
                terminal.say("warning: the end of this run could not be recorded in time, or its lock be freed; the lock runs out in two minutes");
            }
        }
        let exit = conclude(plan, outcome.as_ref(), terminal);
        if let Some(error) = unwritten {
            terminal.say(&format!(
                "warning: the record of this run is not in s3://{}/{}, so `orgpatch history` won't show how it ended: {error}",
                self.bucket,
                record.key()
            ));
        }
        Ok(match exit {
            Exit::Interrupted if lost.get() && outcome.is_some() => Exit::InPart,
            exit => exit,
        })
    }

    /// Whether nothing is changed, so that nobody need be kept out.
    fn only_waits(approved: &Approved) -> bool {
        approved.plan().steps.iter().all(|step| step.action.is_wait())
    }

    async fn lock(&self, approved: &Approved, terminal: &Terminal) -> Result<Lock<'a, C>, Failure> {
        let steps = &approved.plan().steps;
        let any = |is_meant: &dyn Fn(&Action) -> bool| steps.iter().any(|s| is_meant(&s.action));
        let bucket_is_to_come =
            any(&|action| self.makes_bucket(action)) && !any(&|action| self.empties(action));
        let later = || Lock::later(self.aws, self.bucket.clone(), self.id.clone());
        if bucket_is_to_come || Self::only_waits(approved) {
            return Ok(later());
        }
        let seen = match (&self.seen, self.respect) {
            (Ok(seen), _) => seen,
            (Err(error), Respect::Nobody) => {
                terminal.say(&format!("warning: without a lock, since it can't be read: {error}"));
                return Ok(later());
            }
            (Err(error), Respect::Lock) => {
                let failure = Failure::from(error.clone());
                return Err(failure.help(format!(
                    "Whether another run goes on can't be seen in s3://{}; nothing was changed. Mend the cause, or run with `--break-lock` once you know that none does.",
                    self.bucket
                )));
            }
        };
        let now = clock::timestamp();
        let (bucket, id) = (self.bucket.clone(), self.id.clone());
        Ok(Lock::take(self.aws, bucket, seen, self.respect, id, now).await?)
    }

    fn makes_bucket(&self, action: &Action) -> bool {
        matches!(action, Action::CreateStack { spec, .. } if spec.name == self.home_stack)
    }

    fn empties(&self, action: &Action) -> bool {
        matches!(action, Action::EmptyBucket { bucket } if *bucket == self.bucket)
    }

    /// Has the lock go and come with its bucket.
    fn follow(&self, lock: &Lock<'a, C>, action: &Action, kind: &EventKind<'_>) {
        match kind {
            EventKind::Started if self.empties(action) => lock.let_go(),
            EventKind::Ended(StepEnd::Failed(_) | StepEnd::LeftRunning(_))
                if self.empties(action) =>
            {
                lock.bucket_is_there();
            }
            EventKind::Ended(StepEnd::Done) if self.makes_bucket(action) => lock.bucket_is_there(),
            _ => {}
        }
    }
}
