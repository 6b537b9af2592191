//! Stacks of the owner account.

use orgpatch::{
    aws::Aws,
    cloud::{CloudErrorKind, CloudRead as _, CloudWrite as _, StackProgress},
    ids::Region,
    state::{StackSeen, StackStatus},
};

use super::{parsed, query, query_error, with};

#[test]
fn a_stack_that_does_not_exist_is_none_and_gone() {
    let missing = || vec![query_error(400, "ValidationError", "Stack with id x does not exist")];
    let home: Region = parsed("eu-west-1");

    let (stack, _) = with(missing(), async |aws| aws.stack(&home, &parsed("x")).await.unwrap());
    let (progress, _) =
        with(missing(), async |aws| aws.stack_progress(&home, &parsed("x")).await.unwrap());

    assert_eq!(stack, None);
    assert_eq!(progress, StackProgress::Gone);
}

#[test]
fn a_failed_stack_tells_the_causes_of_its_newest_change_only() {
    let stack = "<Stacks><member><StackName>home</StackName><StackStatus>UPDATE_ROLLBACK_COMPLETE</StackStatus><CreationTime>2026-11-22T10:00:00Z</CreationTime></member></Stacks>";
    let event = |resource: &str, status: &str, reason: &str| {
        let kind =
            if resource == "home" { "AWS::CloudFormation::Stack" } else { "AWS::S3::Bucket" };
        format!(
            "<member><StackId>s</StackId><EventId>e</EventId><StackName>home</StackName><Timestamp>2026-11-22T10:00:00Z</Timestamp><LogicalResourceId>{resource}</LogicalResourceId><ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason></member>"
        )
    };
    let first = format!(
        "<StackEvents>{}{}</StackEvents><NextToken>1</NextToken>",
        event("home", "UPDATE_ROLLBACK_COMPLETE", ""),
        event("Role", "UPDATE_FAILED", "Resource update cancelled"),
    );
    let second = format!(
        "<StackEvents>{}{}{}</StackEvents><NextToken>2</NextToken>",
        event("Bucket", "UPDATE_FAILED", "the name is taken"),
        event("home", "UPDATE_IN_PROGRESS", "User Initiated"),
        event("Other", "CREATE_FAILED", "long ago"),
    );
    let script = vec![
        query("DescribeStacks", stack),
        query("DescribeStackEvents", &first),
        query("DescribeStackEvents", &second),
    ];
    let region: Region = parsed("eu-west-1");

    let (progress, requests) =
        with(script, async |aws| aws.stack_progress(&region, &parsed("home")).await.unwrap());

    assert_eq!(progress, StackProgress::Failed(vec!["Bucket: the name is taken".to_owned()]));
    assert_eq!(requests.len(), 3);
}

#[test]
fn a_change_set_that_executes_already_is_no_failure() {
    let refused = || query_error(400, "InvalidChangeSetStatus", "it cannot be executed");
    let state = |execution: &str| {
        query(
            "DescribeChangeSet",
            &format!(
                "<Status>CREATE_COMPLETE</Status><ExecutionStatus>{execution}</ExecutionStatus>"
            ),
        )
    };
    let region: Region = parsed("eu-west-1");
    let execute = async |aws: Aws| aws.execute_change_set(&region, &parsed("home"), "cs-1").await;

    let (running, requests) = with(vec![refused(), state("EXECUTE_IN_PROGRESS")], execute);
    let (obsolete, _) = with(vec![refused(), state("OBSOLETE")], execute);

    running.unwrap();
    assert_eq!(requests[0].field("ClientRequestToken").as_deref(), Some("cs-1"));
    assert_eq!(obsolete.unwrap_err().message, "it cannot be executed");
}

#[test]
fn what_is_deleted_twice_is_no_failure() {
    let region: Region = parsed("eu-west-1");
    let stack = parsed("home");

    let (change_set, _) = with(
        vec![query_error(404, "ChangeSetNotFound", "ChangeSet [c] does not exist")],
        async |aws| aws.delete_change_set(&region, &stack, "c").await,
    );
    let (gone, _) = with(
        vec![query_error(400, "ValidationError", "Stack [home] does not exist")],
        async |aws| aws.delete_stack(&region, &stack).await,
    );

    change_set.unwrap();
    gone.unwrap();
}

#[test]
fn a_stack_is_read_with_its_template_parameters_tags_and_outputs() {
    let described = "<Stacks><member><StackName>home</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-22T10:00:00Z</CreationTime><Parameters><member><ParameterKey>A</ParameterKey><ParameterValue>1</ParameterValue></member><member><ParameterKey>AWS::Region</ParameterKey><ParameterValue>us-east-1</ParameterValue></member></Parameters><Tags><member><Key>orgpatch:policy</Key><Value>linux</Value></member></Tags><Outputs><member><OutputKey>Bucket</OutputKey><OutputValue>b</OutputValue></member></Outputs></member></Stacks>";
    let script = vec![
        query("DescribeStacks", described),
        query("GetTemplate", "<TemplateBody>{&quot;Resources&quot;:{}}</TemplateBody>"),
    ];
    let region: Region = parsed("us-east-1");
    let pair = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();

    let (seen, requests) =
        with(script, async |aws| aws.stack(&region, &parsed("home")).await.unwrap().unwrap());

    assert_eq!(
        seen,
        StackSeen {
            status: StackStatus::Settled,
            reason: None,
            template: "{\"Resources\":{}}".to_owned(),
            parameters: pair("A", "1"),
            tags: pair("orgpatch:policy", "linux"),
            outputs: pair("Bucket", "b"),
        }
    );
    assert_eq!(requests[1].field("TemplateStage").as_deref(), Some("Original"));
    assert!(requests[0].header("authorization").unwrap().contains("/us-east-1/cloudformation/"));
}

#[test]
fn a_template_that_is_refused_is_told_apart_from_one_that_could_not_be_checked() {
    let check = |code: &str| {
        let script = vec![query_error(400, code, "Template format error: unsupported structure")];
        with(script, async |aws| aws.check_template("{}").await.unwrap_err()).0
    };

    assert_eq!(check("ValidationError").kind, CloudErrorKind::Refused);
    assert_eq!(check("AccessDenied").kind, CloudErrorKind::Denied);
}
