"""The stack in the home Region: who may read the overrides, and how they are kept."""

import pytest

from rendered import ACCOUNT, RING, resolved, template

KEY = f"arn:aws:kms:ap-southeast-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
AUDITOR = "arn:aws:iam::444455556666:role/security/auditor"
BUCKET = f"arn:aws:s3:::aws-quicksetup-patchpolicy-{ACCOUNT}-{RING}"
OBJECT = f"{BUCKET}/baseline_overrides.json"
BUCKETS = ["OverrideBucket", "AccessLogBucket"]


def statements(logical="OverrideBucketPolicy", **parameters):
    policy = resolved("home", **parameters)[logical].properties["PolicyDocument"]
    found = {each["Sid"]: each for each in policy["Statement"]}
    assert len(found) == len(policy["Statement"])
    return found


def matches(statement, context):
    """Whether the conditions of a statement hold, as IAM tells: all operators, all keys, any value."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            has = context.get(key)
            values = values if isinstance(values, list) else [values]
            match operator:
                case "Bool" | "StringEquals":
                    holds = has in values
                case "StringNotEquals" | "ArnNotEquals":  # holds too where there is no such key
                    holds = has not in values
                case "ForAnyValue:StringLike":
                    holds = any(
                        path.startswith(value.removesuffix("*")) for path in has or () for value in values
                    )
            if not holds:
                return False
    return True


def may_read(statements, **context):
    """What S3 says to a principal of another account that its own account lets read."""
    its = {"aws:SecureTransport": "true"} | context
    principals = ("*", {"AWS": context.get("aws:PrincipalArn")})
    effects = {
        each["Effect"]
        for each in statements.values()
        if each["Principal"] in principals and matches(each, its)
    }
    return effects == {"Allow"}


def member(**context):
    of_account = {
        "aws:PrincipalAccount": "777788889999",
        "aws:PrincipalArn": "arn:aws:iam::777788889999:role/web",
    }
    organization = {
        "aws:PrincipalOrgID": "o-exampleorgid",
        "aws:PrincipalOrgPaths": ["o-exampleorgid/r-1/ou-2/"],
    }
    return of_account | organization | context


TAGGED = {"aws:PrincipalTag/QSConfigId-RINGID": RING}  # orgpatch puts the ring's id into the key


@pytest.mark.parametrize("auditor", ["", AUDITOR])
@pytest.mark.parametrize(
    ("context", "reads"),
    [
        (member(**TAGGED), True),
        (member(), False),
        (member(**{"aws:PrincipalTag/QSConfigId-RINGID": "zzzzz"}), False),
        (member(**TAGGED, **{"aws:SecureTransport": "false"}), False),
        (member(**TAGGED, **{"aws:PrincipalOrgPaths": ["o-otherorgid/r-1/"]}), False),
        (member(**TAGGED, **{"aws:PrincipalOrgID": "o-otherorgid"}), False),
        (member(**{"aws:PrincipalAccount": ACCOUNT}), True),
    ],
    ids=["tagged", "untagged", "of another ring", "without TLS", "elsewhere", "outside", "owner"],
)
def test_members_need_the_role_tag_and_the_owner_does_not(context, reads, auditor):
    assert may_read(statements(Auditor=auditor), **context) is reads


OUTSIDE = {"aws:PrincipalAccount": "444455556666"}


def test_the_auditor_reads_without_the_tag_and_from_outside_the_organization():
    auditor = OUTSIDE | {"aws:PrincipalArn": AUDITOR}
    assert may_read(statements(Auditor=AUDITOR), **auditor)
    assert not may_read(statements(Auditor=AUDITOR), **auditor, **{"aws:SecureTransport": "false"})
    assert not may_read(statements(), **auditor)


def test_the_auditors_neighbours_do_not():
    other = OUTSIDE | {"aws:PrincipalArn": f"{AUDITOR}s"}
    assert not may_read(statements(Auditor=AUDITOR), **other)
    assert not may_read(statements(Auditor=AUDITOR), **member(**other))


def test_without_an_auditor_nothing_speaks_of_one():
    made = statements()
    assert set(made) == {"DenyInsecureTransport", "DenyWithoutRoleTag", "AllowReadFromOrganization"}
    assert set(made["DenyWithoutRoleTag"]["Condition"]) == {"StringNotEquals"}


@pytest.mark.parametrize("auditor", ["", AUDITOR])
def test_all_may_only_read_the_one_object(auditor):
    made = statements(Auditor=auditor)
    insecure = made.pop("DenyInsecureTransport")
    assert (insecure["Action"], insecure["Resource"]) == ("s3:*", [BUCKET, f"{BUCKET}/*"])
    assert {(each["Action"], each["Resource"]) for each in made.values()} == {("s3:GetObject", OBJECT)}


def test_only_s3_may_write_the_access_log():
    made = statements("AccessLogBucketPolicy")
    log = f"arn:aws:s3:::aws-quicksetup-patchpolicy-access-log-{ACCOUNT}-4e5f-{RING}"
    assert made.pop("DenyInsecureTransport")["Resource"] == [log, f"{log}/*"]
    (written,) = made.values()
    assert written["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert (written["Effect"], written["Action"], written["Resource"]) == (
        "Allow",
        "s3:PutObject",
        f"{log}/*",
    )
    assert written["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": BUCKET},
    }


@pytest.mark.parametrize("logical", BUCKETS)
def test_buckets_are_private_and_versioned(logical):
    made = template("home")["Resources"][logical]
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Delete", "Retain")
    properties = resolved("home")[logical].properties
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["NoncurrentVersionExpiration"]) == ("Enabled", {"NoncurrentDays": 90})


def encryption(logical, **parameters):
    (rule,) = resolved("home", **parameters)[logical].properties["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    return rule.get("BucketKeyEnabled", False), rule["ServerSideEncryptionByDefault"]


def test_the_overrides_are_encrypted_with_s3s_keys():
    assert encryption("OverrideBucket") == (False, {"SSEAlgorithm": "AES256"})


def test_the_overrides_are_encrypted_with_the_owners_key_if_there_is_one():
    wanted = (True, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY})
    assert encryption("OverrideBucket", Encryption=KEY) == wanted


@pytest.mark.parametrize("wanted", ["s3", KEY])
def test_the_access_log_is_encrypted_with_s3s_keys_since_s3_writes_with_no_other(wanted):
    assert encryption("AccessLogBucket", Encryption=wanted) == (False, {"SSEAlgorithm": "AES256"})


def test_the_access_log_goes_to_glacier_and_after_ten_years_away():
    (rule,) = resolved("home")["AccessLogBucket"].properties["LifecycleConfiguration"]["Rules"]
    assert rule["Id"] == "MoveToGlacierAfter90Days_DeleteAfter10Years"
    assert rule["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    assert rule["ExpirationInDays"] == 3653


def test_who_reads_the_overrides_is_logged():
    made = resolved("home")
    log = made["OverrideBucket"].properties["LoggingConfiguration"]["DestinationBucketName"]
    assert log == made["AccessLogBucket"].name


def test_the_file_is_renewed_every_hour_but_not_with_the_stack():
    made = resolved("home")["BaselineRemediation"].properties
    assert made["ScheduleExpression"] == "cron(0 0/1 * * ? *)"
    assert made["ApplyOnlyAtCronInterval"] is True
    assert "Targets" not in made


def test_the_document_gets_bucket_and_baselines_as_its_defaults():
    content = resolved("home")["BaselineRemediationDocument"].properties["Content"]
    defaults = {name: each["default"] for name, each in content["parameters"].items()}
    role = f"AWS-QuickSetup-Remediation-AutomationRole-V2-{RING}"
    assert defaults == {
        "AutomationAssumeRole": f"arn:aws:iam::{ACCOUNT}:role/{role}",
        "BucketName": f"aws-quicksetup-patchpolicy-{ACCOUNT}-{RING}",
        "Baselines": '{"UBUNTU": "pb-0123456789abcdef0"}',
    }
