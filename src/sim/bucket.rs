//! Buckets and their objects.

use std::collections::BTreeMap;

use crate::{
    cloud::{Call, CloudError, CloudErrorKind, Object, Precondition},
    ids::{BucketName, Digest},
    sim::{
        failure::{failed, not_found},
        world::World,
    },
};

/// A bucket in the home Region.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// Where its access is logged.
    pub(super) logs_to: Option<BucketName>,
    /// Whether it stays when its stack goes.
    pub(super) retained: bool,
    /// The KMS key with which new objects are encrypted.
    pub(super) key: Option<String>,
    pub(super) objects: BTreeMap<String, Stored>,
}

/// An object's bytes, and the KMS key that they are encrypted with.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) body: Vec<u8>,
    key: Option<String>,
}

impl Bucket {
    /// An object, if it exists.
    pub(super) fn object(&self, key: &str) -> Option<Object> {
        let Stored { body, key } = self.objects.get(key)?.clone();
        let etag = etag(&body);
        Some(Object { body, etag, key })
    }
}

/// What identifies this content. Like S3's, it is the same for the same content.
fn etag(body: &[u8]) -> String {
    format!("\"{}\"", &Digest::of(body).as_str()[..32])
}

impl World {
    /// Writes an object. The access is logged at once where the bucket says so (S3 takes hours).
    pub(super) fn put_object(
        &mut self,
        call: Call,
        name: &BucketName,
        key: &str,
        body: &[u8],
        precondition: Option<&Precondition>,
    ) -> Result<String, CloudError> {
        let Some(bucket) = self.buckets.get_mut(name) else {
            return Err(not_found(call, "NoSuchBucket", "The specified bucket does not exist"));
        };
        let there = bucket.object(key);
        let etag = there.as_ref().map(|object| object.etag.clone());
        let holds = match precondition {
            None => true,
            Some(Precondition::Absent) => etag.is_none(),
            Some(Precondition::Version(version)) => etag.as_ref() == Some(version),
        };
        if !holds {
            // An earlier try has written it. (An adapter finds that out by a look.)
            if let Some(there) = there.filter(|there| there.body == body) {
                return Ok(there.etag);
            }
            return Err(failed(
                call,
                CloudErrorKind::Stale,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
            ));
        }
        let stored = Stored { body: body.to_vec(), key: bucket.key.clone() };
        bucket.objects.insert(key.to_owned(), stored);
        let log = bucket.logs_to.clone();
        if let Some(log) = log.and_then(|name| self.buckets.get_mut(&name)) {
            log.objects.insert(format!("{name}/{:06}", log.objects.len()), Stored::default());
        }
        Ok(self::etag(body))
    }

    pub(super) fn empty_bucket(&mut self, name: &BucketName) {
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket.objects.clear();
        }
    }
}
