//! Objects in the override bucket (S3).

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client, config,
    primitives::ByteStream,
    types::{Delete, Error as Undeleted, ObjectIdentifier},
};

use crate::{
    aws::{
        answer::{all_pages, next, required, unreadable},
        error::{chain, failure, kind},
        pace::Pace,
    },
    cloud::{Call, CloudError, CloudErrorKind, Object, Page, Precondition},
    ids::{BucketName, Region},
};

/// The most that one `DeleteObjects` takes.
const BATCH: usize = 1000;

#[derive(Debug)]
pub(super) struct Objects {
    client: Client,
    home: Region,
    pace: Arc<Pace>,
}

impl Objects {
    pub(super) fn new(config: &SdkConfig, home: Region, path_style: bool, pace: Arc<Pace>) -> Self {
        let config = config::Builder::from(config).force_path_style(path_style).build();
        Self { client: Client::from_conf(config), home, pace }
    }

    pub(super) async fn get(
        &self,
        bucket: &BucketName,
        key: &str,
    ) -> Result<Option<Object>, CloudError> {
        const CALL: Call = Call::GetObject;
        self.pace.take(CALL, Some(&self.home)).await;
        let request = self.client.get_object().bucket(bucket.as_str()).key(key);
        let answer = match request.send().await.map_err(failure(CALL, Some(&self.home))) {
            Err(error) if error.code.as_deref().is_some_and(|code| code.starts_with("KMS.")) => {
                let message = format!(
                    "the key that the object is encrypted with can't be used: {} (enable the key; or delete the object, and apply writes it anew)",
                    error.message
                );
                return Err(CloudError { kind: CloudErrorKind::Other, message, ..error });
            }
            Err(error) if error.kind == CloudErrorKind::NotFound => return Ok(None),
            answer => answer?,
        };
        let etag = required(CALL, "ETag", answer.e_tag())?;
        let key_id = answer.ssekms_key_id().map(str::to_owned);
        let body = answer.body.collect().await.map_err(|error| CloudError {
            region: Some(self.home.clone()),
            kind: CloudErrorKind::Unreachable,
            ..unreadable(CALL, chain(&error))
        })?;
        Ok(Some(Object { body: body.to_vec(), etag, key: key_id }))
    }

    pub(super) async fn put(
        &self,
        bucket: &BucketName,
        key: &str,
        body: &[u8],
        precondition: Option<&Precondition>,
    ) -> Result<String, CloudError> {
        const CALL: Call = Call::PutObject;
        let (absent, version) = match precondition {
            None => (None, None),
            Some(Precondition::Absent) => (Some("*".to_owned()), None),
            Some(Precondition::Version(etag)) => (None, Some(etag.clone())),
        };
        self.pace.take(CALL, Some(&self.home)).await;
        let answer = self
            .client
            .put_object()
            .bucket(bucket.as_str())
            .key(key)
            .content_type("application/json")
            .set_if_none_match(absent)
            .set_if_match(version)
            .body(ByteStream::from(body.to_vec()))
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)));
        match answer.map_err(|error| stale_if_gone(error, precondition)) {
            Ok(answer) => required(CALL, "ETag", answer.e_tag()),
            // The client has tried again after a reply that was lost, or the caller has.
            Err(error) if error.kind == CloudErrorKind::Stale => {
                match self.get(bucket, key).await {
                    Ok(Some(object)) if object.body == body => Ok(object.etag),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn keys(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Option<Vec<String>>, CloudError> {
        const CALL: Call = Call::ListObjects;
        let listed = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(&self.home)).await;
            let answer = self
                .client
                .list_objects_v2()
                .bucket(bucket.as_str())
                .prefix(prefix)
                .set_continuation_token(token)
                .send()
                .await
                .map_err(failure(CALL, Some(&self.home)))?;
            let next = next(answer.next_continuation_token());
            Ok(Page { items: answer.contents.unwrap_or_default(), next })
        });
        match listed.await {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            listed => {
                let listed = listed?;
                let keys = listed.iter().map(|object| required(CALL, "Key", object.key()));
                keys.collect::<Result<_, _>>().map(Some)
            }
        }
    }

    pub(super) async fn empty(&self, bucket: &BucketName) -> Result<(), CloudError> {
        match self.delete_all(bucket).await {
            // The bucket itself is gone.
            Err(error) if error.code.as_deref() == Some("NoSuchBucket") => Ok(()),
            answer => answer,
        }
    }

    async fn delete_all(&self, bucket: &BucketName) -> Result<(), CloudError> {
        const CALL: Call = Call::ListObjectVersions;
        let mut key_marker = None;
        let mut version_marker = None;
        loop {
            self.pace.take(CALL, Some(&self.home)).await;
            let answer = self
                .client
                .list_object_versions()
                .bucket(bucket.as_str())
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
                .await
                .map_err(failure(CALL, Some(&self.home)))?;
            let versions = answer.versions().iter().map(|v| (v.key(), v.version_id()));
            let markers = answer.delete_markers().iter().map(|m| (m.key(), m.version_id()));
            let found = versions
                .chain(markers)
                .map(|(key, version)| {
                    let builder = ObjectIdentifier::builder().key(required(CALL, "Key", key)?);
                    let identifier = builder.set_version_id(version.map(str::to_owned)).build();
                    identifier.map_err(|error| unreadable(CALL, error.to_string()))
                })
                .collect::<Result<Vec<_>, CloudError>>()?;
            for batch in found.chunks(BATCH) {
                self.delete(bucket, batch).await?;
            }
            if answer.is_truncated() != Some(true) {
                return Ok(());
            }
            key_marker = Some(required(CALL, "NextKeyMarker", answer.next_key_marker())?);
            version_marker = answer.next_version_id_marker().map(str::to_owned);
        }
    }

    async fn delete(
        &self,
        bucket: &BucketName,
        batch: &[ObjectIdentifier],
    ) -> Result<(), CloudError> {
        const CALL: Call = Call::DeleteObjects;
        let batch = Delete::builder().set_objects(Some(batch.to_vec())).quiet(true).build();
        let batch = batch.map_err(|error| unreadable(CALL, error.to_string()))?;
        self.pace.take(CALL, Some(&self.home)).await;
        let answer = self
            .client
            .delete_objects()
            .bucket(bucket.as_str())
            .delete(batch)
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        answer
            .errors()
            .first()
            .map_or(Ok(()), |first| Err(undeleted(CALL, &self.home, first, answer.errors().len())))
    }
}

/// A version that is to be replaced and is gone: S3 says that there is no such key.
fn stale_if_gone(error: CloudError, precondition: Option<&Precondition>) -> CloudError {
    match precondition {
        Some(Precondition::Version(_)) if error.code.as_deref() == Some("NoSuchKey") => {
            CloudError { kind: CloudErrorKind::Stale, ..error }
        }
        _ => error,
    }
}

/// The answer to `DeleteObjects` is a success even where nothing was deleted.
fn undeleted(call: Call, home: &Region, first: &Undeleted, count: usize) -> CloudError {
    let code = first.code().unwrap_or_default();
    let message = first.message().unwrap_or("AWS gave no reason");
    CloudError {
        call,
        region: Some(home.clone()),
        kind: kind(code, message, None),
        code: first.code().map(str::to_owned),
        message: format!(
            "{count} versions could not be deleted, the first of them of `{}`: {message}",
            first.key().unwrap_or_default()
        ),
        request_id: None,
    }
}
