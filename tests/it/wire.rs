//! The adapters handle AWS's answers: pages, throttling, error codes, missing fields, lost replies.
#![cfg(feature = "aws")]

mod member;
mod objects;
mod stack_sets;
mod stacks;

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use orgpatch::{
    aws::Aws,
    cloud::{CloudErrorKind, CloudRead as _},
    ids::OperatingSystem,
    state::{AccountState, RegionStatus},
};

use crate::fake_http::{FakeHttp, Reply, Request, answer};

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Runs a call against a server with a script; gives its result, and what the server was asked.
fn with<T>(script: Vec<Reply>, call: impl AsyncFnOnce(Aws) -> T) -> (T, Vec<Request>) {
    let server = FakeHttp::answering(script);
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    let retries =
        RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1));
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(server.url())
        .retry_config(retries)
        .build();
    let aws = Aws::from_config(&config, parsed("eu-west-1"), true, None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(call(aws));
    (result, server.requests())
}

fn json_error(code: &str, message: &str) -> Reply {
    answer(400, format!(r#"{{"__type":"{code}","Message":"{message}"}}"#))
}

fn query_error(status: u16, code: &str, message: &str) -> Reply {
    answer(
        status,
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>request-1</RequestId></ErrorResponse>"
        ),
    )
}

fn query(operation: &str, result: &str) -> Reply {
    answer(
        200,
        format!(
            "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{operation}Result>{result}</{operation}Result></{operation}Response>"
        ),
    )
}

#[test]
fn an_empty_page_is_not_the_last() {
    let script = vec![
        answer(200, r#"{"Accounts":[{"Id":"111122223333","Name":"a"}],"NextToken":"1"}"#),
        answer(200, r#"{"Accounts":[],"NextToken":"2"}"#),
        answer(200, r#"{"Accounts":[{"Id":"444455556666","Name":"b"}]}"#),
    ];

    let (names, requests) = with(script, async |aws| {
        let mut names = Vec::new();
        let mut page = None;
        loop {
            let answer = aws.accounts(page).await.unwrap();
            names.extend(answer.items.into_iter().map(|account| account.name));
            page = answer.next;
            if page.is_none() {
                return names;
            }
        }
    });

    assert_eq!(names, ["a", "b"]);
    assert_eq!(requests[0].body, r#"{"MaxResults":20}"#);
    assert_eq!(requests[2].body, r#"{"NextToken":"2","MaxResults":20}"#);
}

#[test]
fn an_accounts_state_and_place_are_read_with_and_without_the_newer_fields() {
    let script = vec![answer(
        200,
        r#"{"Accounts":[
            {"Id":"111122223333","Name":"new","State":"ACTIVE",
             "Paths":["o-exampleorgid/r-ab12/ou-ab12-cdef3456/111122223333/"]},
            {"Id":"222233334444","Name":"both","Status":"SUSPENDED","State":"CLOSED"},
            {"Id":"333344445555","Name":"old","Status":"ACTIVE"},
            {"Id":"444455556666","Name":"none"}]}"#,
    )];

    let (page, _) = with(script, async |aws| aws.accounts(None).await.unwrap());

    let states: Vec<&AccountState> = page.items.iter().map(|account| &account.state).collect();
    assert_eq!(
        states,
        [
            &AccountState::Active,
            &AccountState::Closed,
            &AccountState::Active,
            &AccountState::Other(String::new()),
        ]
    );
    assert_eq!(page.items[0].chain, Some(vec![parsed("r-ab12"), parsed("ou-ab12-cdef3456")]));
    assert_eq!(page.items[1].chain, None);
}

#[test]
fn a_throttled_call_is_tried_again() {
    let throttled = json_error("TooManyRequestsException", "slow down");
    let roots = answer(200, r#"{"Roots":[{"Id":"r-ab12","Name":"Root"}]}"#);
    let script = vec![throttled.clone(), throttled.clone(), throttled, roots];

    let (roots, requests) = with(script, async |aws| aws.roots().await.unwrap());

    assert_eq!(roots[0].id, parsed("r-ab12"));
    assert_eq!(requests.len(), 4);
}

#[test]
fn a_call_that_stays_throttled_fails_as_such() {
    let script = vec![json_error("TooManyRequestsException", "slow down"); 4];

    let (error, _) = with(script, async |aws| aws.describe_organization().await.unwrap_err());

    assert_eq!(error.kind, CloudErrorKind::Throttled);
    assert_eq!(
        error.to_string(),
        "organizations:DescribeOrganization failed: slow down (TooManyRequestsException, request request-1)"
    );
}

#[test]
fn an_account_outside_of_any_organization_is_told() {
    let code = "AWSOrganizationsNotInUseException";
    let script = vec![json_error(code, "Your account is not a member of an organization.")];

    let (error, requests) =
        with(script, async |aws| aws.describe_organization().await.unwrap_err());

    assert_eq!(error.kind, CloudErrorKind::NoOrganization);
    assert_eq!(requests.len(), 1);
}

#[test]
fn where_every_reply_is_lost_aws_is_unreachable() {
    let (error, requests) = with(vec![Reply::Lost; 4], async |aws| aws.caller().await.unwrap_err());

    assert_eq!(error.kind, CloudErrorKind::Unreachable);
    assert_eq!(requests.len(), 4);
    assert!(!error.message.contains("DispatchFailure"), "{}", error.message);
}

#[test]
fn an_answer_that_is_not_awss_is_an_error() {
    let script = vec![answer(200, "<html>proxy</html>"); 4];

    let (error, _) = with(script, async |aws| aws.describe_organization().await.unwrap_err());

    // What the call did is not known, and what to look at is the network and its proxy.
    assert_eq!(error.kind, CloudErrorKind::Unreachable);
    assert!(!error.message.contains("Response {"), "{}", error.message);
}

#[test]
fn awss_defaults_are_resolved_from_all_pages() {
    let arn = "arn:aws:ssm:eu-west-1:845259048710:patchbaseline/pb-0000000000000000";
    let first = format!(
        r#"{{"BaselineIdentities":[
            {{"BaselineId":"{arn}1","BaselineName":"AWS-WindowsPredefinedPatchBaseline-OS","OperatingSystem":"WINDOWS"}},
            {{"BaselineId":"{arn}2","BaselineName":"AWS-DefaultPatchBaseline","OperatingSystem":"WINDOWS"}}],
            "NextToken":"1"}}"#
    );
    let second = format!(
        r#"{{"BaselineIdentities":[
            {{"BaselineId":"{arn}3","BaselineName":"AWS-SuseDefaultPatchBaseline","OperatingSystem":"SUSE"}}]}}"#
    );
    let script = vec![answer(200, first), answer(200, second)];

    let (found, requests) = with(script, async |aws| aws.aws_baselines().await.unwrap());

    assert_eq!(
        found,
        [
            (OperatingSystem::Suse, parsed(&format!("{arn}3"))),
            (OperatingSystem::Windows, parsed(&format!("{arn}2"))),
        ]
        .into()
    );
    assert!(
        requests[0].body.contains(r#"{"Key":"OWNER","Values":["AWS"]}"#),
        "{}",
        requests[0].body
    );
}

#[test]
fn a_baseline_that_does_not_exist_is_none() {
    let script = vec![json_error("DoesNotExistException", "Baseline does not exist.")];

    let (seen, _) =
        with(script, async |aws| aws.baseline(&parsed("pb-0123456789abcdef0")).await.unwrap());

    assert_eq!(seen, None);
}

#[test]
fn regions_are_read_with_their_state() {
    let script = vec![
        answer(
            200,
            r#"{"Regions":[{"RegionName":"eu-west-1","RegionOptStatus":"ENABLED_BY_DEFAULT"}],"NextToken":"1"}"#,
        ),
        answer(200, r#"{"Regions":[{"RegionName":"me-south-1","RegionOptStatus":"ENABLING"}]}"#),
    ];

    let (regions, _) = with(script, async |aws| aws.regions().await.unwrap());

    assert_eq!(
        regions,
        [
            (parsed("eu-west-1"), RegionStatus::Enabled),
            (parsed("me-south-1"), RegionStatus::Disabled),
        ]
        .into()
    );
}
