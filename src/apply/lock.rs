//! The lock of a ring: an object in its bucket, so that two runs do not change the same things.
//!
//! Whoever changes something holds it, and renews it as long as the run goes on. It is no promise that
//! nobody else does anything: who does not know of it, or breaks it, is not held up. What keeps two runs
//! from spoiling each other's work all the same are the preconditions of each call.
//!
//! It is read before a plan is made and taken, in the same version, once the plan has been approved. So
//! a run that came in between is found out, however short it was.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    apply::{StopSwitch, record::RunId},
    cloud::{CloudError, CloudErrorKind, CloudRead, CloudWrite, Precondition},
    ids::BucketName,
};

/// The key of the lock, beside the override object.
pub const LOCK_KEY: &str = "lock.json";

/// How long a lock holds after it was taken or renewed last.
pub const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// How often it is renewed.
pub const RENEWAL: Duration = Duration::from_secs(30);

/// How soon it is tried again where it is not held, or could not be renewed in time.
const SOON: Duration = Duration::from_secs(5);

/// How often a lock that is renewed meanwhile is taken from its run before that counts as overtaken.
const TRIES: u32 = 5;

/// How far two clocks may be apart before that is said.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What the lock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The version of this form.
    pub format_version: u32,
    /// Whether somebody holds it.
    pub state: LockState,
    /// Whose it is, or was last.
    #[serde(flatten)]
    pub run: RunId,
    /// When it was taken or renewed last, by the holder's clock.
    pub renewed: Timestamp,
}

/// Whether somebody holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockState {
    /// A run does.
    Held,
    /// Nobody does; the run has ended.
    Free,
}

/// The lock as a look shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockSeen {
    /// There is none, or no bucket for it yet.
    Absent,
    /// This version of it.
    There {
        /// What identifies the version.
        etag: String,
        /// What it says; none where that can't be understood.
        record: Option<LockRecord>,
    },
}

/// What to do about a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Respect {
    /// A run that holds it goes first.
    Lock,
    /// It is taken, whoever holds it.
    Nobody,
}

/// Whether a lock may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Open,
    /// Its lease has run out, by the clocks. It may be taken if it is not renewed for a while.
    RunOut(LockRecord),
}

/// Why the lock was not taken. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockRefusal {
    /// A run holds it.
    #[error("another `orgpatch {}` of {} goes on, by {}{} since {}; its lock was renewed {} ago", .record.run.command, .record.run.policy, .record.run.caller, on(.record), .record.run.began, seconds(*.age))]
    Held {
        /// What it says.
        record: Box<LockRecord>,
        /// How long ago it was renewed.
        age: SignedDuration,
    },
    /// It was renewed in the future, so one of two clocks is wrong.
    #[error("the lock of {}{} was renewed {} in the future by the clock of this machine", .record.run.caller, on(.record), seconds(*.ahead))]
    Future {
        /// What it says.
        record: Box<LockRecord>,
        /// How far in the future.
        ahead: SignedDuration,
    },
    /// Nobody can say what it means.
    #[error("the lock s3://{0}/{LOCK_KEY} can't be understood: {1}")]
    Unreadable(BucketName, String),
    /// Another run has begun, or has come and gone, since the plan was made.
    #[error("another run took the lock after this plan was made")]
    Overtaken,
    /// It could not be written.
    #[error("the lock could not be taken: {0}")]
    Unwritten(#[from] CloudError),
}

fn on(record: &LockRecord) -> String {
    record.run.host.as_ref().map_or_else(String::new, |host| format!(" on {host}"))
}

fn seconds(time: SignedDuration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

impl LockRefusal {
    /// What the user can do.
    pub fn help(&self) -> String {
        match self {
            Self::Held { age, .. } => format!(
                "Wait for it. If that run is dead, its lock runs out in {}; or run again with `--break-lock`, once you know that it is.",
                seconds(LEASE.saturating_sub(*age).max(SignedDuration::from_secs(1)))
            ),
            Self::Future { .. } => "Set the clock that is wrong. If the other run is dead, run again with `--break-lock`.".to_owned(),
            Self::Unreadable(..) => "If a newer orgpatch wrote it, use that one. If no other run goes on, run again with `--break-lock`: it is replaced.".to_owned(),
            Self::Overtaken => "Run the same command again: it plans anew.".to_owned(),
            Self::Unwritten(error) => error.help().unwrap_or_default().to_owned(),
        }
    }
}

/// Looks at the lock in a bucket.
///
/// # Errors
///
/// Where it can't be read. Then nobody knows whether it is held.
pub async fn look_at_lock(
    cloud: &impl CloudRead,
    bucket: &BucketName,
) -> Result<LockSeen, CloudError> {
    let object = cloud.object(bucket, LOCK_KEY).await?;
    Ok(object.map_or(LockSeen::Absent, |object| LockSeen::There {
        etag: object.etag,
        record: serde_json::from_slice(&object.body)
            .ok()
            .filter(|record: &LockRecord| record.format_version == LockRecord::FORMAT_VERSION),
    }))
}

/// Says whether a lock may be taken at this time.
///
/// # Errors
///
/// Says why not.
pub fn access(
    seen: &LockSeen,
    bucket: &BucketName,
    respect: Respect,
    now: Timestamp,
) -> Result<Access, LockRefusal> {
    let record = match (seen, respect) {
        (LockSeen::Absent, _) | (_, Respect::Nobody) => return Ok(Access::Open),
        (LockSeen::There { record, .. }, Respect::Lock) => record,
    };
    let Some(record) = record else {
        let why = "it is not a lock of this version of orgpatch's".to_owned();
        return Err(LockRefusal::Unreadable(bucket.clone(), why));
    };
    if record.state == LockState::Free {
        return Ok(Access::Open);
    }
    let age = now.duration_since(record.renewed);
    let record = record.clone();
    if age < -SKEW {
        Err(LockRefusal::Future { record: record.into(), ahead: -age })
    } else if age < LEASE {
        Err(LockRefusal::Held { record: record.into(), age: age.max(SignedDuration::ZERO) })
    } else {
        Ok(Access::RunOut(record))
    }
}

/// Says whether a lock that had run out may be taken after all, once it has been watched for some renewals.
///
/// # Errors
///
/// Where somebody has renewed it, whatever the clocks say, or has taken it.
pub fn access_after_watching(
    before: &LockSeen,
    after: &LockSeen,
    bucket: &BucketName,
    now: Timestamp,
) -> Result<(), LockRefusal> {
    let LockSeen::There { record: Some(record), .. } = after else { return Ok(()) };
    if after == before || record.state == LockState::Free {
        return Ok(());
    }
    match access(after, bucket, Respect::Lock, now)? {
        // Its clock is behind by more than a lease.
        Access::RunOut(record) => {
            Err(LockRefusal::Held { record: record.into(), age: SignedDuration::ZERO })
        }
        Access::Open => Ok(()),
    }
}

/// A lock that a run holds, or will hold as soon as there is a bucket.
#[derive(Debug)]
pub struct Lock<'a, C> {
    cloud: &'a C,
    bucket: BucketName,
    run: RunId,
    hold: RefCell<Hold>,
    /// When it was taken or renewed last.
    renewed: Cell<Option<Timestamp>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hold {
    /// The bucket is still to be made. One that is there by now is somebody else's.
    Waiting,
    /// There is no bucket yet, and any that comes is ours.
    NoBucket,
    /// This version is ours.
    Ours(String),
    /// The bucket is being emptied, so nothing must be put there any more.
    LetGo,
    /// Somebody else has it.
    Lost,
}

/// What became of a lock while a run went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockNews {
    /// Somebody took it, so the run takes no new step.
    Lost(Option<LockRecord>),
    /// It was gone, as if somebody had emptied the bucket, and was put there again.
    PutBack,
    /// It could not be renewed.
    NotRenewed(CloudError),
}

impl<'a, C: CloudRead + CloudWrite> Lock<'a, C> {
    /// Takes the lock in the version that was seen, in a bucket that is ours.
    ///
    /// One that is to be taken from whoever holds it may have been renewed since; it is taken all the same,
    /// from that run and from no other.
    ///
    /// # Errors
    ///
    /// Where another run has changed it since, or where it could not be written.
    pub async fn take(
        cloud: &'a C,
        bucket: BucketName,
        seen: &LockSeen,
        respect: Respect,
        run: RunId,
        now: Timestamp,
    ) -> Result<Self, LockRefusal> {
        let lock = Self::later(cloud, bucket, run);
        lock.set(Hold::NoBucket);
        let mut seen = seen.clone();
        for _ in 0..TRIES {
            match lock.write(LockState::Held, now, &precondition(&seen)).await {
                Ok(etag) => {
                    lock.set(Hold::Ours(etag));
                    lock.renewed.set(Some(now));
                    return Ok(lock);
                }
                Err(error) if is_without_bucket(&error) => return Ok(lock),
                Err(error) if error.kind == CloudErrorKind::Stale => {
                    let later = look_at_lock(lock.cloud, &lock.bucket).await?;
                    if respect == Respect::Lock || later.run() != seen.run() {
                        return Err(LockRefusal::Overtaken);
                    }
                    seen = later;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(LockRefusal::Overtaken)
    }

    /// A lock that is taken once this run has made the bucket.
    pub fn later(cloud: &'a C, bucket: BucketName, run: RunId) -> Self {
        Self { cloud, bucket, run, hold: RefCell::new(Hold::Waiting), renewed: Cell::new(None) }
    }

    /// Says that the bucket is there, be it that it was made or that it was not emptied after all, so that the
    /// next renewal takes the lock again.
    pub fn bucket_is_there(&self) {
        let mut hold = self.hold.borrow_mut();
        if matches!(*hold, Hold::Waiting | Hold::LetGo) {
            *hold = Hold::NoBucket;
        }
    }

    /// Whether there was a bucket to put it into.
    pub fn is_held(&self) -> bool {
        matches!(*self.hold.borrow(), Hold::Ours(_))
    }

    /// Whether the bucket is there, as far as this run knows, and is not about to be emptied.
    pub fn may_write(&self) -> bool {
        !matches!(*self.hold.borrow(), Hold::LetGo | Hold::Waiting)
    }

    /// Says that the bucket is emptied from now on.
    pub fn let_go(&self) {
        *self.hold.borrow_mut() = Hold::LetGo;
    }

    /// Renews the lock as long as it is polled. Wishes the run to stop where the lock is lost.
    pub async fn keep(
        &self,
        switch: &StopSwitch,
        now: impl Fn() -> Timestamp,
        tell: impl Fn(LockNews),
    ) -> Infallible {
        loop {
            let is_held = matches!(*self.hold.borrow(), Hold::Ours(_)) && !self.has_lapsed(now());
            self.cloud.pause(if is_held { RENEWAL } else { SOON }).await;
            match self.renew(now()).await {
                Ok(None) => {}
                Ok(Some(news)) => {
                    if matches!(news, LockNews::Lost(_)) {
                        switch.wish();
                    }
                    tell(news);
                }
                Err(error) => tell(LockNews::NotRenewed(error)),
            }
        }
    }

    /// Lets others have it. What can't be freed runs out by itself, so that is nobody's failure.
    pub async fn free(&self, now: Timestamp) {
        let Hold::Ours(etag) = self.hold.borrow().clone() else { return };
        let freed = self.write(LockState::Free, now, &Precondition::Version(etag)).await;
        // A renewal that was broken off may have been written all the same.
        if freed.is_err_and(|error| error.kind == CloudErrorKind::Stale)
            && let Ok(LockSeen::There { etag, record: Some(record) }) =
                look_at_lock(self.cloud, &self.bucket).await
            && record.run == self.run
        {
            let _ = self.write(LockState::Free, now, &Precondition::Version(etag)).await;
        }
    }

    async fn renew(&self, now: Timestamp) -> Result<Option<LockNews>, CloudError> {
        let hold = self.hold.borrow().clone();
        let precondition = match &hold {
            Hold::NoBucket => Precondition::Absent,
            Hold::Ours(etag) => Precondition::Version(etag.clone()),
            Hold::Waiting | Hold::LetGo | Hold::Lost => return Ok(None),
        };
        let lapsed = self.has_lapsed(now);
        let written = match self.write(LockState::Held, now, &precondition).await {
            Err(error) if is_without_bucket(&error) && hold == Hold::NoBucket => return Ok(None),
            // Who has had the bucket deleted has taken more than the lock.
            Err(error) if is_without_bucket(&error) => return Ok(self.lost(None)),
            Err(error) if error.kind == CloudErrorKind::Stale => {
                match look_at_lock(self.cloud, &self.bucket).await? {
                    LockSeen::There { etag, record: Some(record) } if record.run == self.run => {
                        (etag, None)
                    }
                    // The run before this one has ended meanwhile.
                    LockSeen::There { etag, record: Some(record) }
                        if record.state == LockState::Free && hold == Hold::NoBucket =>
                    {
                        let version = Precondition::Version(etag);
                        (self.write(LockState::Held, now, &version).await?, None)
                    }
                    LockSeen::There { record, .. } => return Ok(self.lost(record)),
                    // Another run may have come and gone, where this one has not renewed it in time.
                    LockSeen::Absent if lapsed => return Ok(self.lost(None)),
                    LockSeen::Absent if *self.hold.borrow() != hold => return Ok(None),
                    LockSeen::Absent => {
                        let etag = self.write(LockState::Held, now, &Precondition::Absent).await?;
                        (etag, Some(LockNews::PutBack))
                    }
                }
            }
            written => (written?, None),
        };
        self.renewed.set(Some(now));
        self.hold_unless_let_go(Hold::Ours(written.0));
        Ok(written.1)
    }

    /// Nothing is lost where the run itself has let it go while a call was on its way.
    fn lost(&self, record: Option<LockRecord>) -> Option<LockNews> {
        self.hold_unless_let_go(Hold::Lost);
        (*self.hold.borrow() == Hold::Lost).then_some(LockNews::Lost(record))
    }

    /// Whether others may take the lock, since it was not renewed in time.
    fn has_lapsed(&self, now: Timestamp) -> bool {
        self.renewed.get().is_some_and(|renewed| now.duration_since(renewed) >= LEASE)
    }

    fn set(&self, hold: Hold) {
        *self.hold.borrow_mut() = hold;
    }

    /// The bucket may have begun to be emptied while a call was on its way.
    fn hold_unless_let_go(&self, next: Hold) {
        let mut hold = self.hold.borrow_mut();
        if *hold != Hold::LetGo {
            *hold = next;
        }
    }

    async fn write(
        &self,
        state: LockState,
        now: Timestamp,
        precondition: &Precondition,
    ) -> Result<String, CloudError> {
        let record = LockRecord {
            format_version: LockRecord::FORMAT_VERSION,
            state,
            run: self.run.clone(),
            renewed: now,
        };
        let body = serde_json::to_vec_pretty(&record).unwrap_or_default();
        self.cloud.put_object(&self.bucket, LOCK_KEY, &body, Some(precondition)).await
    }
}

/// Whether a write failed since there is no such bucket.
fn is_without_bucket(error: &CloudError) -> bool {
    error.code.as_deref() == Some("NoSuchBucket")
}

/// What must still be there for a lock to be taken as it was seen.
fn precondition(seen: &LockSeen) -> Precondition {
    match seen {
        LockSeen::Absent => Precondition::Absent,
        LockSeen::There { etag, .. } => Precondition::Version(etag.clone()),
    }
}

impl LockSeen {
    /// The run that holds it, or held it last.
    fn run(&self) -> Option<&RunId> {
        match self {
            Self::There { record: Some(record), .. } => Some(&record.run),
            Self::Absent | Self::There { record: None, .. } => None,
        }
    }
}

impl LockRecord {
    /// The version that this program writes and reads.
    pub const FORMAT_VERSION: u32 = 1;
}
