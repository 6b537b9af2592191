//! Member accounts, entered with a role.

use orgpatch::{
    aws::Aws,
    cloud::{Call, CloudError, CloudErrorKind, CloudRead as _},
    ids::{AccountId, Region, RoleName},
    state::{
        ForeignPatching, NodeTarget, PatchAssociation, PatchGroup, PatchOperation, PatchTask,
        PatchWindow, Switch,
    },
};

use super::{json_error, parsed, query, query_error, with};
use crate::fake_http::{Reply, answer};

const MEMBER: &str = "444455556666";

fn identity() -> Reply {
    query(
        "GetCallerIdentity",
        "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/x</Arn><UserId>x</UserId>",
    )
}

fn session() -> Reply {
    query(
        "AssumeRole",
        "<Credentials><AccessKeyId>ASIAMEMBER</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>2036-11-22T10:00:00Z</Expiration></Credentials>",
    )
}

/// The answers of an account in which nothing patches.
fn nothing() -> [Reply; 3] {
    [
        answer(200, r#"{"Associations":[]}"#),
        answer(200, r#"{"WindowIdentities":[]}"#),
        answer(200, r#"{"Mappings":[]}"#),
    ]
}

async fn look(aws: &Aws, account: &str, region: &str) -> Result<Vec<ForeignPatching>, CloudError> {
    let (account, region): (AccountId, Region) = (parsed(account), parsed(region));
    aws.patching_in(&account, &region, &RoleName::of_organizations()).await
}

fn tagged(key: &str, value: &str) -> NodeTarget {
    NodeTarget { key: key.to_owned(), values: vec![value.to_owned()] }
}

/// All that the adapter is answered in an account in which everything patches.
fn everything() -> Vec<Reply> {
    let first = r#"{"Associations":[
        {"Name":"AWS-UpdateSSMAgent","AssociationId":"a-0"},
        {"Name":"AWS-RunPatchBaseline","AssociationId":"a-1",
         "AssociationName":"AWS-QuickSetup-PatchPolicy-ScanForPatches-q4bkg",
         "Targets":[{"Key":"InstanceIds","Values":["*"]}],"ScheduleExpression":"cron(0 1 * * ? *)"}],
        "NextToken":"1"}"#;
    let second = r#"{"Associations":[
        {"Name":"arn:aws:ssm:us-east-1:111122223333:document/AWS-RunPatchBaseline","AssociationId":"a-2",
         "Targets":[{"Key":"tag:Role","Values":["web"]}],"ScheduleExpression":"cron(0 2 ? * TUE#2 *)","ScheduleOffset":3},
        {"Name":"AWS-RunPatchBaseline","AssociationId":"a-3"}]}"#;
    vec![
        identity(),
        session(),
        answer(200, first),
        answer(200, second),
        answer(200, r#"{"AssociationDescription":{"Parameters":{"Operation":["Install"]}}}"#),
        json_error("AssociationDoesNotExist", "gone"),
        answer(
            200,
            r#"{"WindowIdentities":[{"WindowId":"mw-1","Name":"sundays","Enabled":true,"Duration":4,"Cutoff":1,
                "Schedule":"cron(0 2 ? * SUN *)","ScheduleTimezone":"Asia/Tokyo"},
                {"WindowId":"mw-2","Name":"agents","Enabled":true,"Duration":1,"Cutoff":0,"Schedule":"rate(1 day)"}]}"#,
        ),
        answer(
            200,
            r#"{"Tasks":[{"WindowTaskId":"t-0","TaskArn":"AWS-UpdateSSMAgent"},
                {"WindowTaskId":"t-1","TaskArn":"AWS-RunPatchBaseline","Name":"patch",
                 "Targets":[{"Key":"WindowTargetIds","Values":["w-1"]}]}]}"#,
        ),
        answer(
            200,
            r#"{"Targets":[{"WindowTargetId":"w-1","Targets":[{"Key":"tag:Role","Values":["db"]}]}]}"#,
        ),
        answer(
            200,
            r#"{"TaskInvocationParameters":{"RunCommand":{"Parameters":{"Operation":["Scan"]}}}}"#,
        ),
        answer(200, r#"{"Tasks":[{"WindowTaskId":"t-2","TaskArn":"AWS-UpdateSSMAgent"}]}"#),
        answer(
            200,
            r#"{"Mappings":[{"PatchGroup":"web","BaselineIdentity":{"BaselineId":"pb-0123456789abcdef0"}},
                {"PatchGroup":"web","BaselineIdentity":{"BaselineId":"pb-0123456789abcdef1"}}]}"#,
        ),
    ]
}

#[test]
fn an_account_is_entered_and_everything_that_patches_there_is_read() {
    let (found, requests) =
        with(everything(), async |aws| look(&aws, MEMBER, "us-east-1").await.unwrap());

    assert_eq!(
        found,
        [
            ForeignPatching::Association(PatchAssociation {
                id: "a-1".to_owned(),
                name: Some("AWS-QuickSetup-PatchPolicy-ScanForPatches-q4bkg".to_owned()),
                document: "AWS-RunPatchBaseline".to_owned(),
                operation: PatchOperation::Scan,
                targets: vec![tagged("InstanceIds", "*")],
                schedule: Some("cron(0 1 * * ? *)".to_owned()),
                offset_days: 0,
            }),
            ForeignPatching::Association(PatchAssociation {
                id: "a-2".to_owned(),
                name: None,
                document: "AWS-RunPatchBaseline".to_owned(),
                operation: PatchOperation::Install,
                targets: vec![tagged("tag:Role", "web")],
                schedule: Some("cron(0 2 ? * TUE#2 *)".to_owned()),
                offset_days: 3,
            }),
            ForeignPatching::Window(PatchWindow {
                id: "mw-1".to_owned(),
                name: "sundays".to_owned(),
                enabled: Switch::On,
                schedule: "cron(0 2 ? * SUN *)".to_owned(),
                timezone: Some("Asia/Tokyo".to_owned()),
                offset_days: 0,
                duration_hours: 4,
                cutoff_hours: 1,
                tasks: vec![PatchTask {
                    id: "t-1".to_owned(),
                    name: Some("patch".to_owned()),
                    document: "AWS-RunPatchBaseline".to_owned(),
                    operation: PatchOperation::Scan,
                    targets: vec![vec![tagged("tag:Role", "db")]],
                }],
            }),
            ForeignPatching::Group(PatchGroup {
                name: "web".to_owned(),
                baselines: ["pb-0123456789abcdef0", "pb-0123456789abcdef1"]
                    .into_iter()
                    .map(parsed)
                    .collect(),
            }),
        ]
    );
    let role = "arn:aws:iam::444455556666:role/OrganizationAccountAccessRole";
    assert_eq!(requests[1].field("RoleArn").as_deref(), Some(role));
    assert_eq!(requests[1].field("RoleSessionName").as_deref(), Some("orgpatch-conflicts"));
    for request in &requests[2..] {
        let authorization = request.header("authorization").unwrap();
        assert!(authorization.contains("Credential=ASIAMEMBER/"), "{authorization}");
        assert!(authorization.contains("/us-east-1/ssm/"), "{authorization}");
        assert_eq!(request.header("x-amz-security-token"), Some("token"));
    }
    assert_eq!(requests[3].body, r#"{"MaxResults":50,"NextToken":"1"}"#);
}

#[test]
fn an_account_is_entered_once_for_all_its_regions() {
    let mut script = vec![identity(), session()];
    script.extend(nothing());
    script.extend(nothing());

    let ((), requests) = with(script, async |aws| {
        assert_eq!(look(&aws, MEMBER, "us-east-1").await, Ok(Vec::new()));
        assert_eq!(look(&aws, MEMBER, "eu-west-1").await, Ok(Vec::new()));
    });

    assert_eq!(requests.len(), 8);
    assert!(requests[5].header("authorization").unwrap().contains("/eu-west-1/ssm/"));
}

#[test]
fn another_partition_has_roles_of_its_own() {
    let mut script = vec![identity(), session()];
    script.extend(nothing());

    let (_, requests) =
        with(script, async |aws| look(&aws, MEMBER, "us-gov-west-1").await.unwrap());

    let role = requests[1].field("RoleArn").unwrap();
    assert!(role.starts_with("arn:aws-us-gov:iam::444455556666:role/"), "{role}");
}

#[test]
fn into_its_own_account_nobody_has_to_be_let() {
    let mut script = vec![identity()];
    script.extend(nothing());

    let (found, requests) =
        with(script, async |aws| look(&aws, "111122223333", "us-east-1").await.unwrap());

    assert_eq!(found, []);
    let authorization = requests[1].header("authorization").unwrap();
    assert!(authorization.contains("Credential=AKIATEST/"), "{authorization}");
}

#[test]
fn who_is_not_let_in_is_told_so() {
    let denied = query_error(403, "AccessDenied", "User x may not assume this role");

    let (error, requests) = with(vec![identity(), denied], async |aws| {
        look(&aws, MEMBER, "us-east-1").await.unwrap_err()
    });

    assert_eq!((error.call, error.kind), (Call::AssumeRole, CloudErrorKind::Denied));
    assert_eq!(requests.len(), 2);
}

#[test]
fn what_the_role_may_not_read_is_an_error_and_not_nothing() {
    let denied = json_error("AccessDeniedException", "not authorized");
    let script = vec![identity(), session(), answer(200, r#"{"Associations":[]}"#), denied];

    let (error, _) = with(script, async |aws| look(&aws, MEMBER, "us-east-1").await.unwrap_err());

    assert_eq!(error.kind, CloudErrorKind::Denied);
    assert_eq!(error.call, Call::DescribeMaintenanceWindows);
}
