//! Objects in the override bucket.

use orgpatch::{
    aws::Aws,
    cloud::{CloudErrorKind, CloudRead as _, CloudWrite as _, Precondition},
};

use super::{parsed, with};
use crate::fake_http::{Reply, answer};

fn s3_error(status: u16, code: &str) -> Reply {
    answer(status, format!("<Error><Code>{code}</Code><Message>no</Message></Error>"))
}

#[test]
fn an_object_or_bucket_that_is_missing_is_none() {
    for code in ["NoSuchKey", "NoSuchBucket"] {
        let (object, _) = with(vec![s3_error(404, code)], async |aws| {
            aws.object(&parsed("my-bucket"), "baseline_overrides.json").await.unwrap()
        });

        assert_eq!(object, None);
    }
}

#[test]
fn an_object_whose_key_is_gone_is_not_missing() {
    for code in ["KMS.NotFoundException", "KMS.DisabledException"] {
        let (error, _) = with(vec![s3_error(400, code)], async |aws| {
            aws.object(&parsed("my-bucket"), "baseline_overrides.json").await.unwrap_err()
        });

        assert_eq!(error.kind, CloudErrorKind::Other, "{code}");
        assert!(error.message.contains("delete the object"), "{}", error.message);
    }
}

#[test]
fn an_object_is_read_with_its_key() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b";
    let headers = vec![
        ("etag", "\"abc\"".to_owned()),
        ("x-amz-server-side-encryption-aws-kms-key-id", key.to_owned()),
    ];
    let script = vec![Reply::Answer { status: 200, headers, body: "[]".to_owned() }];

    let (object, _) = with(script, async |aws| {
        aws.object(&parsed("my-bucket"), "baseline_overrides.json").await.unwrap().unwrap()
    });

    assert_eq!(object.key.as_deref(), Some(key));
}

#[test]
fn an_object_is_read_with_its_version() {
    let headers = vec![("etag", "\"abc\"".to_owned())];
    let script = vec![Reply::Answer { status: 200, headers, body: "[]".to_owned() }];

    let (object, requests) = with(script, async |aws| {
        aws.object(&parsed("my-bucket"), "baseline_overrides.json").await.unwrap().unwrap()
    });

    assert_eq!((object.body.as_slice(), object.etag.as_str()), (&b"[]"[..], "\"abc\""));
    assert!(requests[0].line.starts_with("GET /my-bucket/baseline_overrides.json"));
}

#[test]
fn a_write_whose_precondition_no_longer_holds_is_stale() {
    let version = Precondition::Version("\"abc\"".to_owned());
    for (precondition, status, code, header) in [
        (Precondition::Absent, 412, "PreconditionFailed", "if-none-match"),
        (Precondition::Absent, 409, "ConditionalRequestConflict", "if-none-match"),
        (version.clone(), 412, "PreconditionFailed", "if-match"),
        (version, 404, "NoSuchKey", "if-match"),
    ] {
        let (error, requests) = with(vec![s3_error(status, code)], async |aws| {
            let bucket = parsed("my-bucket");
            aws.put_object(&bucket, "lock.json", b"{}", Some(&precondition)).await.unwrap_err()
        });

        assert_eq!(error.kind, CloudErrorKind::Stale, "{code}");
        assert!(requests[0].header(header).is_some());
        assert_eq!(requests[0].header("content-type"), Some("application/json"));
    }
}

#[test]
fn a_bucket_is_emptied_of_every_version_and_what_stays_is_an_error() {
    let listing = "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>a</Key><VersionId>v1</VersionId></Version><DeleteMarker><Key>a</Key><VersionId>v2</VersionId></DeleteMarker></ListVersionsResult>";
    let left = "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>";
    let empty = async |aws: Aws| aws.empty_bucket(&parsed("my-bucket")).await;

    let (done, requests) = with(vec![answer(200, listing), answer(200, "<DeleteResult/>")], empty);
    let (failed, _) = with(vec![answer(200, listing), answer(200, left)], empty);
    let (gone, _) = with(vec![s3_error(404, "NoSuchBucket")], empty);

    done.unwrap();
    assert!(requests[1].body.contains("<VersionId>v1</VersionId>"));
    assert!(requests[1].body.contains("<VersionId>v2</VersionId>"));
    assert_eq!(failed.unwrap_err().kind, CloudErrorKind::Denied);
    gone.unwrap();
}
