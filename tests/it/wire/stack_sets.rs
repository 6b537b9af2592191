//! Stack sets and their operations.

use std::collections::{BTreeMap, BTreeSet};

use orgpatch::{
    aws::Aws,
    cloud::{
        CallTargets, CloudError, CloudErrorKind, CloudRead as _, CloudWrite as _, TemplateFrom,
        TrustedAccess,
    },
    ids::{AccountId, CallAs, OperationId, OuId, Region, StackSetName},
    state::{Preferences, Reach, RegionPace, Retain, StackSetSpec, Switch, Template},
};

use super::{parsed, query, query_error, with};
use crate::fake_http::Reply;

const MANAGEMENT: CallAs = CallAs::ManagementAccount;

fn set() -> StackSetName {
    parsed("orgpatch-linux-main")
}

fn operation() -> OperationId {
    parsed("orgpatch-0123")
}

fn pace() -> Preferences {
    Preferences { concurrency_percent: 25, tolerance_percent: 10, regions: RegionPace::Parallel }
}

fn spec() -> StackSetSpec {
    StackSetSpec {
        name: set(),
        description: "patches".to_owned(),
        template: Template::new("{\"Resources\":{}}".to_owned()),
        parameters: [("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())].into(),
        tags: [("orgpatch:policy".to_owned(), "linux".to_owned())].into(),
        auto_deployment: Switch::On,
        targets: BTreeMap::new(),
        regions: [parsed("eu-west-1")].into(),
        preferences: pace(),
    }
}

/// Makes instances of one account.
async fn create_instances(aws: &Aws, reach: Reach) -> Result<(), CloudError> {
    let ous: BTreeSet<OuId> = [parsed("ou-ab12-cdef3456")].into();
    let accounts: BTreeSet<AccountId> = [parsed("111122223333")].into();
    let regions: BTreeSet<Region> = [parsed("eu-west-1")].into();
    let targets = CallTargets { ous: &ous, reach, accounts: &accounts, regions: &regions };
    aws.create_instances(MANAGEMENT, &set(), targets, pace(), &operation()).await
}

#[test]
fn each_code_of_a_stack_sets_call_has_its_kind() {
    for (status, code, expected) in [
        (403, "AccessDenied", CloudErrorKind::Denied),
        (403, "ExpiredToken", CloudErrorKind::NoCredentials),
        (409, "OperationInProgressException", CloudErrorKind::Busy),
        (409, "OperationIdAlreadyExistsException", CloudErrorKind::OperationExists),
        (409, "StaleRequestException", CloudErrorKind::Stale),
        (404, "StackSetNotFoundException", CloudErrorKind::NotFound),
        (400, "InvalidOperationException", CloudErrorKind::Refused),
        (400, "ValidationError", CloudErrorKind::Refused),
    ] {
        let (error, requests) = with(vec![query_error(status, code, "no")], async |aws| {
            create_instances(&aws, Reach::WholeOu).await.unwrap_err()
        });

        assert_eq!((error.kind, error.code.as_deref()), (expected, Some(code)));
        assert_eq!(error.region, Some(parsed("eu-west-1")));
        assert_eq!(error.message, "no");
        assert_eq!(requests.len(), 1, "{code} was tried again");
    }
}

#[test]
fn a_full_quota_is_not_taken_for_throttling() {
    let script = vec![query_error(400, "LimitExceededException", "too many stack sets"); 4];

    let (error, requests) = with(script, async |aws| {
        let spec = spec();
        aws.create_stack_set(MANAGEMENT, &spec, TemplateFrom::Body, "token").await.unwrap_err()
    });

    assert_eq!(error.kind, CloudErrorKind::Refused);
    assert_eq!(requests.len(), 1);
}

#[test]
fn a_lost_reply_is_followed_by_the_same_operation() {
    let code = "OperationIdAlreadyExistsException";
    let script = vec![Reply::Lost, query_error(409, code, "Operation exists")];

    let (error, requests) =
        with(script, async |aws| create_instances(&aws, Reach::NamedAccounts).await.unwrap_err());

    assert_eq!(error.kind, CloudErrorKind::OperationExists);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[0].field("OperationId").as_deref(), Some("orgpatch-0123"));
}

#[test]
fn a_listing_ends_with_an_empty_token() {
    let target = |ou: &str, token: &str| {
        query(
            "ListStackSetAutoDeploymentTargets",
            &format!(
                "<Summaries><member><OrganizationalUnitId>{ou}</OrganizationalUnitId><Regions><member>eu-west-1</member></Regions></member></Summaries><NextToken>{token}</NextToken>"
            ),
        )
    };
    let script = vec![target("ou-ab12-aaaaaaaa", "1"), target("ou-ab12-bbbbbbbb", "")];

    let (targets, requests) =
        with(script, async |aws| aws.auto_deployment_targets(MANAGEMENT, &set()).await.unwrap());

    let regions: BTreeSet<Region> = [parsed("eu-west-1")].into();
    assert_eq!(
        targets,
        [(parsed("ou-ab12-aaaaaaaa"), regions.clone()), (parsed("ou-ab12-bbbbbbbb"), regions)]
            .into()
    );
    assert_eq!(requests.len(), 2);
}

#[test]
fn a_listing_that_names_the_same_page_again_is_an_error() {
    let script = vec![query("ListStackSets", "<Summaries/><NextToken>1</NextToken>"); 2];

    let (error, _) = with(script, async |aws| aws.stack_set_names(MANAGEMENT).await.unwrap_err());

    assert_eq!(error.kind, CloudErrorKind::Other);
}

#[test]
fn instances_are_made_in_whole_units_or_in_the_accounts_that_are_named() {
    let done = || vec![query("CreateStackInstances", "<OperationId>x</OperationId>")];

    let ((), whole) =
        with(done(), async |aws| create_instances(&aws, Reach::WholeOu).await.unwrap());
    let ((), named) =
        with(done(), async |aws| create_instances(&aws, Reach::NamedAccounts).await.unwrap());

    let filter = "DeploymentTargets.AccountFilterType";
    let account = "DeploymentTargets.Accounts.member.1";
    assert_eq!(whole[0].field(filter).as_deref(), Some("NONE"));
    assert_eq!(whole[0].field(account), None);
    assert_eq!(named[0].field(filter).as_deref(), Some("INTERSECTION"));
    assert_eq!(named[0].field(account).as_deref(), Some("111122223333"));
    assert_eq!(
        named[0].field("OperationPreferences.ConcurrencyMode").as_deref(),
        Some("SOFT_FAILURE_TOLERANCE")
    );
}

#[test]
fn without_a_named_account_nothing_is_sent() {
    let (error, requests) = with(vec![], async |aws| {
        let ous = [parsed("ou-ab12-cdef3456")].into();
        let regions = [parsed("eu-west-1")].into();
        let accounts = BTreeSet::new();
        let reach = Reach::NamedAccounts;
        let targets = CallTargets { ous: &ous, reach, accounts: &accounts, regions: &regions };
        let retain = Retain::Delete;
        aws.delete_instances(MANAGEMENT, &set(), targets, retain, pace(), &operation())
            .await
            .unwrap_err()
    });

    assert_eq!(error.kind, CloudErrorKind::Refused);
    assert!(requests.is_empty());
}

#[test]
fn an_update_names_every_parameter_and_no_target() {
    let script = vec![query("UpdateStackSet", "<OperationId>x</OperationId>")];

    let ((), requests) = with(script, async |aws| {
        let as_delegate = CallAs::DelegatedAdministrator;
        let spec = spec();
        aws.update_stack_set(as_delegate, &spec, TemplateFrom::Body, &operation()).await.unwrap();
    });

    let fields = requests[0].fields();
    let sent = |name: &str| requests[0].field(name);
    assert_eq!(sent("Parameters.member.1.ParameterKey").as_deref(), Some("A"));
    assert_eq!(sent("Parameters.member.2.ParameterKey").as_deref(), Some("B"));
    assert_eq!(sent("Parameters.member.2.ParameterValue").as_deref(), Some(""));
    assert_eq!(sent("AutoDeployment.RetainStacksOnAccountRemoval").as_deref(), Some("false"));
    assert_eq!(sent("Capabilities.member.1").as_deref(), Some("CAPABILITY_NAMED_IAM"));
    assert_eq!(sent("CallAs").as_deref(), Some("DELEGATED_ADMIN"));
    assert!(!fields.iter().any(|(name, _)| {
        name.starts_with("DeploymentTargets")
            || name.starts_with("Regions")
            || name.starts_with("ManagedExecution")
    }));
}

#[test]
fn managed_execution_is_turned_on_without_changing_anything_else() {
    let described = "<StackSet><StackSetName>orgpatch-linux-main</StackSetName><Status>ACTIVE</Status><TemplateBody>{}</TemplateBody><Parameters><member><ParameterKey>A</ParameterKey><ParameterValue>1</ParameterValue></member></Parameters></StackSet>";
    let script = vec![
        query("DescribeStackSet", described),
        query("UpdateStackSet", "<OperationId>x</OperationId>"),
    ];

    let ((), requests) = with(script, async |aws| {
        aws.turn_on_managed_execution(MANAGEMENT, &set(), &operation()).await.unwrap();
    });

    let sent = |name: &str| requests[1].field(name);
    assert_eq!(sent("UsePreviousTemplate").as_deref(), Some("true"));
    assert_eq!(sent("Parameters.member.1.ParameterKey").as_deref(), Some("A"));
    assert_eq!(sent("Parameters.member.1.UsePreviousValue").as_deref(), Some("true"));
    assert_eq!(sent("Parameters.member.1.ParameterValue"), None);
    assert_eq!(sent("ManagedExecution.Active").as_deref(), Some("true"));
    assert_eq!(sent("TemplateBody"), None);
}

#[test]
fn a_member_account_without_delegation_is_told_from_one_without_trusted_access() {
    let words = "Account 1 is not registered as a delegated administrator for member.org.stacksets.cloudformation.amazonaws.com";
    let delegate = CallAs::DelegatedAdministrator;
    let listed = query("ListStackSets", "<Summaries/>");
    let access = |status| query("DescribeOrganizationsAccess", status);

    let (plain, _) = with(vec![query_error(400, "ValidationError", words)], async |aws| {
        aws.trusted_access(delegate).await.unwrap()
    });
    let (denied, _) = with(vec![query_error(403, "AccessDenied", "not authorized")], async |aws| {
        aws.trusted_access(delegate).await.unwrap_err()
    });
    let script = vec![listed, access("<Status>ENABLED</Status>")];
    let (delegated, _) = with(script, async |aws| aws.trusted_access(delegate).await.unwrap());
    let (off, _) = with(vec![access("<Status>DISABLED_PERMANENTLY</Status>")], async |aws| {
        aws.trusted_access(MANAGEMENT).await.unwrap()
    });

    assert_eq!(plain, TrustedAccess::NotDelegated);
    assert_eq!(denied.kind, CloudErrorKind::Denied);
    assert_eq!(delegated, TrustedAccess::Enabled);
    assert_eq!(off, TrustedAccess::Disabled);
}

#[test]
fn running_operations_are_told_oldest_first_and_the_last_whatever_it_was() {
    let one = |id: &str, status: &str, minute: u8| {
        format!(
            "<member><OperationId>{id}</OperationId><Action>UPDATE</Action><Status>{status}</Status><CreationTimestamp>2026-11-22T10:0{minute}:00Z</CreationTimestamp></member>"
        )
    };
    let listing = [
        one("d", "SUCCEEDED", 4),
        one("c", "QUEUED", 3),
        one("b", "STOPPING", 2),
        one("a", "FAILED", 1),
    ];
    let result = format!("<Summaries>{}</Summaries><NextToken>1</NextToken>", listing.concat());
    let status = |status: &str| {
        let operation = format!("<StackSetOperation><Status>{status}</Status></StackSetOperation>");
        query("DescribeStackSetOperation", &operation)
    };
    // The listing is late: the one that it shows as queued has ended.
    let script =
        vec![query("ListStackSetOperations", &result), status("STOPPING"), status("SUCCEEDED")];

    let (operations, requests) =
        with(script, async |aws| aws.running_operations(MANAGEMENT, &set()).await.unwrap());

    let running: Vec<&str> = operations.iter().map(|seen| seen.id.as_str()).collect();
    assert_eq!(running, ["b"]);
    assert_eq!(requests.len(), 3);
}
