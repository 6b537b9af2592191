use std::time::Duration;

use super::{aws, region, run};
use crate::{
    cloud::{
        ChangeSetKind, ChangeSetProgress, CloudError, CloudErrorKind, CloudRead as _,
        CloudWrite as _, Precondition, StackProgress, TemplateFrom,
    },
    ids::{BucketName, Region, StackName},
    sim::SimulatedAws,
    state::{StackSpec, StackStatus, Template},
};

const HOME: &str = r#"{
  "Parameters": { "RingId": { "Type": "String" }, "Logs": { "Default": "on" } },
  "Conditions": {
    "HasLogs": { "Fn::Equals": [{ "Ref": "Logs" }, "on"] },
    "NoLogs": { "Fn::Not": [{ "Condition": "HasLogs" }] }
  },
  "Resources": {
    "Bucket": {
      "Type": "AWS::S3::Bucket",
      "Properties": {
        "BucketName": { "Fn::Sub": "aws-quicksetup-patchpolicy-${AWS::AccountId}-${RingId}" },
        "LoggingConfiguration": { "DestinationBucketName": { "Ref": "LogBucket" } }
      }
    },
    "LogBucket": { "Type": "AWS::S3::Bucket", "Condition": "HasLogs", "DeletionPolicy": "Retain" }
  },
  "Outputs": {
    "Name": { "Value": { "Ref": "Bucket" } },
    "Arn": { "Value": { "Fn::GetAtt": ["Bucket", "Arn"] } },
    "Url": { "Value": { "Fn::Join": ["/", ["s3:/", { "Ref": "Bucket" }, "key"]] } },
    "Absent": { "Condition": "NoLogs", "Value": "x" },
    "Stack": { "Value": { "Fn::Select": [1, { "Fn::Split": ["/", { "Ref": "AWS::StackId" }] }] } },
    "Logs": { "Condition": "HasLogs", "Value": { "Fn::If": ["HasLogs", "yes", "no"] } }
  }
}"#;

fn home() -> Region {
    region("ap-northeast-1")
}

fn name() -> StackName {
    "orgpatch-linux-main-home".parse().unwrap()
}

fn bucket() -> BucketName {
    "aws-quicksetup-patchpolicy-111122223333-abc12".parse().unwrap()
}

fn spec(tag: &str) -> StackSpec {
    StackSpec {
        name: name(),
        region: home(),
        template: Template::new(HOME.to_owned()),
        parameters: [("RingId".to_owned(), "abc12".to_owned())].into(),
        tags: [("orgpatch:policy".to_owned(), tag.to_owned())].into(),
    }
}

/// Makes a change set, waits for it, and executes it where there is something to execute.
async fn change(
    aws: &SimulatedAws,
    spec: &StackSpec,
    kind: ChangeSetKind,
    change_set: &str,
) -> Result<ChangeSetProgress, CloudError> {
    aws.create_change_set(spec, TemplateFrom::Body, kind, change_set).await?;
    let progress = loop {
        match aws.change_set_progress(&home(), &name(), change_set).await? {
            ChangeSetProgress::Pending => aws.pause(Duration::from_secs(2)).await,
            progress => break progress,
        }
    };
    if progress == ChangeSetProgress::Ready {
        aws.execute_change_set(&home(), &name(), change_set).await?;
    }
    Ok(progress)
}

async fn wait(aws: &SimulatedAws) -> StackProgress {
    loop {
        match aws.stack_progress(&home(), &name()).await.unwrap() {
            StackProgress::Running => aws.pause(Duration::from_secs(5)).await,
            ended => return ended,
        }
    }
}

/// An AWS with a home stack.
async fn with_home_stack() -> SimulatedAws {
    let aws = aws();
    change(&aws, &spec("linux"), ChangeSetKind::Create, "create").await.unwrap();
    assert_eq!(wait(&aws).await, StackProgress::Done);
    aws
}

#[test]
fn a_stack_makes_its_buckets_and_shows_what_it_was_made_from() {
    run(async {
        let aws = with_home_stack().await;
        let seen = aws.stack(&home(), &name()).await.unwrap().unwrap();

        assert!(aws.buckets().contains(&bucket()));
        assert_eq!(aws.buckets().len(), 2);
        assert_eq!((seen.status, seen.template.as_str()), (StackStatus::Settled, HOME));
        assert_eq!((seen.parameters, seen.tags), (spec("linux").parameters, spec("linux").tags));
        let text = |key: &str| seen.outputs.get(key).map(String::as_str);
        assert_eq!(text("Name"), Some(bucket().as_str()));
        assert_eq!(text("Arn"), Some(&*format!("arn:aws:s3:::{}", bucket())));
        assert_eq!(text("Url"), Some(&*format!("s3://{}/key", bucket())));
        assert_eq!(text("Stack"), Some(name().as_str()));
        assert_eq!(text("Absent"), None);
        assert_eq!(text("Logs"), Some("yes"));
    });
}

#[test]
fn a_stack_that_was_never_executed_is_only_proposed() {
    let aws = aws();
    run(async {
        let spec = spec("linux");
        aws.create_change_set(&spec, TemplateFrom::Body, ChangeSetKind::Create, "c").await.unwrap();
        let early = aws.execute_change_set(&home(), &name(), "c").await.unwrap_err();
        assert_eq!(early.kind, CloudErrorKind::Refused);
        let seen = aws.stack(&home(), &name()).await.unwrap().unwrap();
        assert_eq!(seen.status, StackStatus::Proposed);
        assert!(aws.buckets().is_empty());
    });
}

#[test]
fn a_change_set_without_a_difference_is_empty() {
    run(async {
        let aws = with_home_stack().await;
        let same = change(&aws, &spec("linux"), ChangeSetKind::Update, "same").await;
        assert_eq!(same, Ok(ChangeSetProgress::Empty));
        let other = change(&aws, &spec("other"), ChangeSetKind::Update, "other").await;
        assert_eq!(other, Ok(ChangeSetProgress::Ready));
        assert_eq!(wait(&aws).await, StackProgress::Done);
        let seen = aws.stack(&home(), &name()).await.unwrap().unwrap();
        assert_eq!(seen.tags, spec("other").tags);
    });
}

#[test]
fn an_execution_may_be_repeated() {
    run(async {
        let aws = with_home_stack().await;
        change(&aws, &spec("other"), ChangeSetKind::Update, "other").await.unwrap();
        assert_eq!(aws.execute_change_set(&home(), &name(), "other").await, Ok(()));
        assert_eq!(wait(&aws).await, StackProgress::Done);
        assert_eq!(aws.execute_change_set(&home(), &name(), "other").await, Ok(()));
    });
}

#[test]
fn an_unknown_stack_is_not_updated_and_a_known_one_not_created() {
    run(async {
        let aws = with_home_stack().await;
        let again = change(&aws, &spec("linux"), ChangeSetKind::Create, "again").await;
        assert_eq!(again.unwrap_err().kind, CloudErrorKind::Refused);
        let empty = super::aws();
        let update = change(&empty, &spec("linux"), ChangeSetKind::Update, "update").await;
        assert_eq!(update.unwrap_err().kind, CloudErrorKind::Refused);
        let gone = empty.stack_progress(&home(), &name()).await;
        assert_eq!(gone, Ok(StackProgress::Gone));
    });
}

#[test]
fn a_stack_whose_making_fails_must_be_deleted_first() {
    let aws = aws();
    run(async {
        aws.fail_account(&"111122223333".parse().unwrap(), "no");
        change(&aws, &spec("linux"), ChangeSetKind::Create, "first").await.unwrap();
        assert_eq!(wait(&aws).await, StackProgress::Failed(vec!["no".to_owned()]));
        aws.heal();
        let again = change(&aws, &spec("linux"), ChangeSetKind::Create, "second").await;
        assert_eq!(again.unwrap_err().kind, CloudErrorKind::Refused);
        aws.delete_stack(&home(), &name()).await.unwrap();
        assert_eq!(wait(&aws).await, StackProgress::Gone);
        change(&aws, &spec("linux"), ChangeSetKind::Create, "third").await.unwrap();
        assert_eq!(wait(&aws).await, StackProgress::Done);
    });
}

#[test]
fn a_bucket_that_holds_something_keeps_its_stack_from_being_deleted() {
    run(async {
        let aws = with_home_stack().await;
        aws.put_object(&bucket(), "key", b"x", None).await.unwrap();
        aws.delete_stack(&home(), &name()).await.unwrap();
        let StackProgress::Failed(reasons) = wait(&aws).await else { panic!("it was to fail") };
        assert!(reasons[0].starts_with("The bucket you tried to delete is not empty"));
        let seen = aws.stack(&home(), &name()).await.unwrap().unwrap();
        assert_eq!(seen.status, StackStatus::DeleteFailed);

        aws.empty_bucket(&bucket()).await.unwrap();
        aws.delete_stack(&home(), &name()).await.unwrap();
        assert_eq!(wait(&aws).await, StackProgress::Gone);
        // The one for logs has something in it, and is retained.
        assert_eq!(aws.buckets().len(), 1);
        assert_eq!(aws.delete_stack(&home(), &name()).await, Ok(()));
    });
}

#[test]
fn an_object_is_written_only_if_the_precondition_holds() {
    run(async {
        let aws = with_home_stack().await;
        let put = async |body: &'static str, precondition: Option<Precondition>| {
            let precondition = precondition.as_ref();
            aws.put_object(&bucket(), "key", body.as_bytes(), precondition)
                .await
                .map_err(|e| e.kind)
        };
        let etag = async || aws.object(&bucket(), "key").await.unwrap().unwrap().etag;

        let one = put("one", Some(Precondition::Absent)).await;
        assert_eq!(one, Ok(etag().await), "what was written is what is there");
        assert_eq!(put("two", Some(Precondition::Absent)).await, Err(CloudErrorKind::Stale));
        let first = etag().await;
        assert!(put("two", Some(Precondition::Version(first.clone()))).await.is_ok());
        assert_ne!(etag().await, first);
        let stale = put("three", Some(Precondition::Version(first))).await;
        assert_eq!(stale, Err(CloudErrorKind::Stale));
        assert_eq!(aws.object_bytes(&bucket(), "key"), Some(b"two".to_vec()));

        let nowhere: BucketName = "nowhere".parse().unwrap();
        let missing = aws.put_object(&nowhere, "key", b"", None).await.unwrap_err();
        assert_eq!(missing.kind, CloudErrorKind::NotFound);
        assert_eq!(aws.object(&nowhere, "key").await, Ok(None));
    });
}

#[test]
fn a_region_that_is_not_enabled_takes_no_stack() {
    let aws = aws();
    let spec = StackSpec { region: region("eu-south-1"), ..spec("linux") };
    let made = run(aws.create_change_set(&spec, TemplateFrom::Body, ChangeSetKind::Create, "c"));

    assert_eq!(made.unwrap_err().kind, CloudErrorKind::Denied);
}

#[test]
fn somebody_elses_stack_is_as_it_was_put() {
    let aws = aws();
    run(async {
        for status in [StackStatus::Stuck, StackStatus::NeverMade, StackStatus::DeleteFailed] {
            aws.put_stack(&spec("linux"), status);
            let seen = aws.stack(&home(), &name()).await.unwrap().unwrap();
            assert_eq!(seen.status, status);
            for kind in [ChangeSetKind::Create, ChangeSetKind::Update] {
                let made = change(&aws, &spec("other"), kind, "change").await;
                assert_eq!(made.unwrap_err().kind, CloudErrorKind::Refused, "{status:?} {kind:?}");
            }
            aws.delete_stack(&home(), &name()).await.unwrap();
            assert_eq!(wait(&aws).await, StackProgress::Gone);
        }
        aws.put_stack(&spec("linux"), StackStatus::InProgress);
        assert_eq!(aws.stack_progress(&home(), &name()).await, Ok(StackProgress::Running));
        assert_eq!(wait(&aws).await, StackProgress::Done);
    });
}

#[test]
fn a_large_template_comes_from_a_bucket() {
    run(async {
        let aws = with_home_stack().await;
        let body = format!("{}{HOME}", " ".repeat(60_000));
        let spec = StackSpec { template: Template::new(body.clone()), ..spec("linux") };
        let call =
            async |from| aws.create_change_set(&spec, from, ChangeSetKind::Update, "large").await;
        let from = TemplateFrom::Object { bucket: &bucket(), key: "template.json" };

        assert_eq!(call(TemplateFrom::Body).await.unwrap_err().kind, CloudErrorKind::Refused);
        assert_eq!(call(from).await.unwrap_err().kind, CloudErrorKind::Refused);
        aws.put_object(&bucket(), "template.json", body.as_bytes(), None).await.unwrap();
        assert_eq!(call(from).await, Ok(()));
        aws.pause(Duration::from_secs(30)).await;
        aws.execute_change_set(&home(), &name(), "large").await.unwrap();
        wait(&aws).await;
        assert_eq!(aws.stack(&home(), &name()).await.unwrap().unwrap().template, body);
    });
}
