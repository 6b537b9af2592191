//! A run that changes something: under the lock of its ring, and with a record of what it did.

use std::cell::Cell;

use futures_util::future::{Either, select};

use crate::{
    apply::{
        Access, EventKind, Lock, LockNews, LockRefusal, LockSeen, RENEWAL, Respect, RunId,
        RunRecord, StepEnd, Stop, access, look_at_lock,
    },
    cli::{
        args::ProgressForm,
        clock,
        execute::{conclude, execute},
        failure::{Exit, Failure},
        terminal::Terminal,
        world::World,
    },
    cloud::{CloudErrorKind, CloudRead, CloudWrite},
    discover::Standing,
    ids::{BucketName, Digest, StackName},
    plan::{Action, Approved},
    policy::{self, Policy},
    report::lock_news,
};

/// A run that has seen the lock and may take it.
pub(super) struct Run<'a, C> {
    aws: &'a C,
    bucket: BucketName,
    home_stack: StackName,
    seen: LockSeen,
    id: RunId,
    policy_digest: Digest,
}

impl<'a, C: CloudRead + CloudWrite> Run<'a, C> {
    /// Looks at the lock, before anything else is looked at.
    ///
    /// # Errors
    ///
    /// Where another run holds it, or nobody knows.
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
        let mut seen = match look_at_lock(aws, &bucket).await {
            // The plan says the same of the override file, and what it means.
            Err(error) if error.kind == CloudErrorKind::Denied => {
                terminal
                    .say(&format!("warning: whether another run goes on can't be seen: {error}"));
                LockSeen::Absent
            }
            seen => seen?,
        };
        match access(&seen, &bucket, respect, clock::timestamp())? {
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
                if later != seen {
                    // Who renews it is there, whatever the clocks say.
                    access(&later, &bucket, respect, clock::timestamp())?;
                    return Err(LockRefusal::Overtaken.into());
                }
                seen = later;
            }
        }
        if let (Respect::Nobody, LockSeen::There { record, .. }) = (respect, &seen) {
            let whose = record.as_ref().map_or("a lock that can't be understood".to_owned(), |r| {
                format!("the lock of {}, renewed at {}", r.run.caller, r.renewed)
            });
            terminal.say(&format!("Breaking {whose}."));
        }
        let home_stack = policy::home_stack_name(policy);
        Ok(Self { aws, bucket, home_stack, seen, id, policy_digest: policy.digest() })
    }

    /// Takes the lock, carries out the plan, and leaves a record.
    ///
    /// # Errors
    ///
    /// Where the lock can't be taken any more. Then nothing was changed.
    pub(super) async fn carry_out(
        self,
        approved: &Approved,
        progress: ProgressForm,
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let Self { aws, bucket, home_stack, seen, id, policy_digest } = self;
        let now = clock::timestamp;
        let makes_bucket = |action: &Action| matches!(action, Action::CreateStack { spec, .. } if spec.name == home_stack);
        let lock = if approved.plan().steps.iter().any(|step| makes_bucket(&step.action)) {
            Lock::later(aws, bucket.clone(), id.clone())
        } else {
            Lock::take(aws, bucket.clone(), &seen, id.clone(), now()).await?
        };
        let mut record = RunRecord {
            format_version: RunRecord::FORMAT_VERSION,
            id: id.clone(),
            orgpatch: env!("CARGO_PKG_VERSION").to_owned(),
            plan_digest: approved.plan().digest.clone(),
            policy_digest,
            ended: None,
            steps: Vec::new(),
        };
        // A run that is killed has left this at least.
        let mut unwritten = None;
        if lock.is_held() {
            unwritten = record.write(aws, &bucket).await.err();
        }

        let show = terminal.progress(progress, approved.plan().steps.len());
        let (switch, stop) = Stop::new();
        let executing = execute(approved, aws, &id.run, (&switch, &stop), show.as_ref(), |event| {
            match (&event.step.action, &event.kind) {
                (Action::EmptyBucket { bucket: emptied }, _) if *emptied == bucket => lock.let_go(),
                (action, EventKind::Ended(StepEnd::Done)) if makes_bucket(action) => {
                    lock.bucket_is_made();
                }
                _ => {}
            }
            show.show(&event, None);
        });
        let lost = Cell::new(false);
        let keeping = lock.keep(&switch, now, |news| {
            lost.set(lost.get() || matches!(news, LockNews::Lost(_)));
            show.say(&lock_news(&news));
        });
        let outcome = match select(Box::pin(executing), Box::pin(keeping)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        };
        if let Some(outcome) = &outcome {
            record.end(outcome, now());
            if lock.may_write() {
                unwritten = record.write(aws, &bucket).await.err();
            }
            lock.free(now()).await;
        }
        let exit = conclude(approved.plan(), outcome.as_ref(), terminal);
        if let Some(error) = unwritten {
            terminal.say(&format!(
                "warning: the record of this run is not in s3://{bucket}/{}, so `orgpatch history` won't show how it ended: {error}",
                record.key()
            ));
        }
        Ok(match exit {
            Exit::Interrupted if lost.get() => Exit::InPart,
            exit => exit,
        })
    }
}
