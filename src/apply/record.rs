//! The record of a run, kept in the ring's bucket: who changed what, when, and what came of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    apply::{InstanceFailure, Outcome, StepEnd, StepFailure},
    cloud::{CloudError, CloudRead, CloudWrite},
    ids::{BucketName, Digest, PolicyName},
};

/// How the keys of all records begin.
pub const RUNS: &str = "runs/";

/// Which run it is: its lock and its record say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunId {
    /// A text that no other run has.
    pub run: String,
    /// Whose policy it carries out.
    pub policy: PolicyName,
    /// `apply` or `destroy`.
    pub command: String,
    /// Who runs it, by ARN.
    pub caller: String,
    /// On which machine, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When it began.
    pub began: Timestamp,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The version of this form.
    pub format_version: u32,
    /// Which run.
    #[serde(flatten)]
    pub id: RunId,
    /// The version of orgpatch.
    pub orgpatch: String,
    /// The digest of the plan that was carried out.
    pub plan_digest: Digest,
    /// The digest of the policy file.
    pub policy_digest: Digest,
    /// When it ended; none while it goes on, and for ever where it was killed.
    pub ended: Option<Timestamp>,
    /// How each step ended; none while it goes on.
    pub steps: Vec<StepRecord>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Which step.
    pub step: String,
    /// How it ended.
    pub end: EndKind,
    /// Why, where it is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How a step ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndKind {
    /// All of it is done.
    Done,
    /// Some failed, and no more than is tolerated.
    DoneInPart,
    /// It failed.
    Failed,
    /// What it waits for failed.
    Skipped,
    /// It was not begun.
    NotStarted,
    /// It runs on at AWS.
    LeftRunning,
}

impl RunRecord {
    /// The version that this program writes.
    pub const FORMAT_VERSION: u32 = 1;

    /// Where it is kept: in the order of time.
    pub fn key(&self) -> String {
        let time = self.id.began.strftime("%Y%m%dT%H%M%SZ");
        // Two runs may begin in the same second with the same plan.
        let run = Digest::of(&self.id.run);
        format!("{RUNS}{time}-{}-{}.json", self.plan_digest.short(), &run.as_str()[..4])
    }

    /// Takes in how it ended.
    pub fn end(&mut self, outcome: &Outcome, now: Timestamp) {
        self.ended = Some(now);
        self.steps = outcome.steps.iter().map(|(id, end)| step_record(id.as_str(), end)).collect();
    }

    /// Writes it, over what was written of the same run.
    ///
    /// # Errors
    ///
    /// Where it could not be written; that is no reason not to go on.
    pub async fn write(
        &self,
        cloud: &impl CloudWrite,
        bucket: &BucketName,
    ) -> Result<(), CloudError> {
        let body = serde_json::to_vec_pretty(self).unwrap_or_default();
        cloud.put_object(bucket, &self.key(), &body, None).await.map(drop)
    }
}

fn step_record(step: &str, end: &StepEnd) -> StepRecord {
    let (end, detail) = match end {
        StepEnd::Done => (EndKind::Done, None),
        StepEnd::DoneInPart(failures) => (EndKind::DoneInPart, Some(places(failures))),
        StepEnd::Failed(failure) => {
            let detail = match failure {
                StepFailure::Instances { failures, .. } | StepFailure::LeftBehind(failures) => {
                    format!("{failure}: {}", places(failures))
                }
                _ => failure.to_string(),
            };
            (EndKind::Failed, Some(detail))
        }
        StepEnd::Skipped(cause) => (EndKind::Skipped, Some(format!("{cause} failed"))),
        StepEnd::NotStarted => (EndKind::NotStarted, None),
        StepEnd::LeftRunning(operation) => {
            (EndKind::LeftRunning, operation.as_ref().map(ToString::to_string))
        }
    };
    StepRecord { step: step.to_owned(), end, detail }
}

fn places(failures: &[InstanceFailure]) -> String {
    let places = failures
        .iter()
        .map(|failure| format!("{} {}: {}", failure.account, failure.region, failure.reason));
    places.collect::<Vec<_>>().join("; ")
}

/// A record that was read: what it says, or why that can't be said.
pub type RecordRead = Result<RunRecord, String>;

/// A record that was found.
#[derive(Clone, Debug)]
pub struct RunFound {
    /// The bucket.
    pub bucket: BucketName,
    /// The key in it.
    pub key: String,
    /// What it says.
    pub record: RecordRead,
}

/// Reads the newest records of all buckets, the newest first; none where there is no bucket. A run that
/// changed several rings has left its record with each, and is told once.
///
/// # Errors
///
/// Where they can't be listed or read.
pub async fn read_runs(
    cloud: &impl CloudRead,
    buckets: &[BucketName],
    most: usize,
) -> Result<Option<Vec<RunFound>>, CloudError> {
    let mut places: BTreeMap<String, &BucketName> = BTreeMap::new();
    let mut is_any = false;
    for bucket in buckets {
        let Some(keys) = cloud.keys(bucket, RUNS).await? else { continue };
        is_any = true;
        for key in keys {
            places.entry(key).or_insert(bucket);
        }
    }
    if !is_any {
        return Ok(None);
    }
    let mut runs = Vec::new();
    for (key, bucket) in places.into_iter().rev().take(most) {
        // One that has gone since it was listed is nobody's business.
        let Some(object) = cloud.object(bucket, &key).await? else { continue };
        let record = serde_json::from_slice(&object.body).map_err(|error| error.to_string());
        runs.push(RunFound { bucket: bucket.clone(), key, record });
    }
    Ok(Some(runs))
}
