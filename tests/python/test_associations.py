"""The associations of every rendered policy, one by one, against what Quick Setup makes."""

import json
from dataclasses import dataclass, field

import pytest

from rendered import FOLDER, Stack, filled, policies, resolved
from resolver import resolve

OWNER, MEMBER = "111122223333", "777788889999"
ALL = [{"Key": "InstanceIds", "Values": ["*"]}]
TAGS = [{"Key": "tag:Patch", "Values": ["weekly"]}, {"Key": "tag-key", "Values": ["Tier"]}]
TAGS_WITH_VALUES = [{"Key": "tag:Patch", "Values": ["true", "yes"]}, {"Key": "tag-key", "Values": ["Tier"]}]
IDS = [f"i-0000000abcdef01{number:02x}" for number in range(0x23, 0x4C)] + ["mi-0123456789abcdef0"]
TWELVE_HOURS = "cron(0 0/12 * * ? *)"
CORPORATE = {
    "OutputS3BucketName": "corp-patch-logs",
    "OutputS3KeyPrefix": "ssm",
    "OutputS3Region": "eu-west-1",
}


class OneOf(set):
    """A schedule in local time, where clocks change: one of two."""

    __hash__ = None

    def __eq__(self, other):
        return other in self


@dataclass
class Policy:
    """What a policy says, as State Manager takes it."""

    scan: dict  # by Region
    install: dict = field(default_factory=dict)
    scan_only_at_cron: str = "true"
    commands: list = field(default_factory=lambda: ALL)  # targets of documents that run on nodes
    automations: list = field(default_factory=lambda: ALL)
    reboot: str = "RebootIfNeeded"
    concurrency: str = "10%"
    errors: str = "2%"
    output: dict | None = None
    days_later: dict = field(default_factory=dict)  # than the day of `install`
    calendars: dict = field(default_factory=dict)
    explorer: bool = True


WEEKLY = Policy(
    scan={
        "ap-northeast-1": "cron(0 16 * * ? *)",
        "us-east-1": OneOf({"cron(0 6 * * ? *)", "cron(0 5 * * ? *)"}),
    },
    install={
        "ap-northeast-1": "cron(0 17 ? * SAT *)",
        "us-east-1": OneOf({"cron(0 7 ? * SUN *)", "cron(0 6 ? * SUN *)"}),
    },
)
# One o'clock in the night of Tokyo, Berlin and New York.
AT_ONE = WEEKLY.scan | {"eu-west-1": OneOf({"cron(0 0 * * ? *)", "cron(0 23 * * ? *)"})}


def at_two(week):
    """Two o'clock there, on the days that go by a month's Tuesday."""
    return {
        "ap-northeast-1": f"cron(0 17 ? * TUE#{week} *)",
        "eu-west-1": OneOf({f"cron(0 1 ? * TUE#{week} *)", f"cron(0 0 ? * TUE#{week} *)"}),
        "us-east-1": OneOf({f"cron(0 7 ? * TUE#{week} *)", f"cron(0 6 ? * TUE#{week} *)"}),
    }


# By policy, or by policy and ring where it has more than one.
TABLE = {
    "linux-weekly": WEEKLY,
    "strategy-near-default": WEEKLY,
    **{
        f"strategy-{what}/{ring}": WEEKLY
        for what in ("days-after-release", "up-to-a-date", "only-named")
        for ring in ("staging", "prod")
    },
    "rings/early": Policy(scan=AT_ONE, install={"ap-northeast-1": "cron(0 18 * * ? *)"}),
    # Five and twelve days later it is a Sunday. Two o'clock there is still Saturday in UTC in Tokyo.
    "rings/staging": Policy(
        scan=AT_ONE,
        install=at_two(2),
        days_later={"ap-northeast-1": "4", "eu-west-1": "5", "us-east-1": "5"},
    ),
    "rings/prod": Policy(
        scan=AT_ONE,
        install=at_two(3),
        days_later={"ap-northeast-1": "4", "eu-west-1": "5", "us-east-1": "5"},
        concurrency="5%",
        errors="0",
    ),
    "scan-only": Policy(scan=dict.fromkeys(["ap-northeast-1", "eu-west-1", "us-east-1"], TWELVE_HOURS)),
    "tagged-servers": Policy(
        scan={
            "ap-northeast-1": "cron(0 16 * * ? *)",
            "us-east-1": OneOf({"cron(0 6 * * ? *)", "cron(0 5 * * ? *)"}),
        },
        install={
            "ap-northeast-1": "cron(30 13 ? * SAT *)",
            "us-east-1": OneOf({"cron(30 3 ? * SUN *)", "cron(30 2 ? * SUN *)"}),
        },
        commands=TAGS,
        automations=TAGS,
        reboot="NoReboot",
        concurrency="20%",
        errors="3",
        output={
            "OutputS3BucketName": "example-patch-logs",
            "OutputS3KeyPrefix": "ssm",
            "OutputS3Region": "ap-northeast-1",
        },
        explorer=False,
    ),
    "every-key/web": Policy(
        scan={"eu-west-1": OneOf({"cron(0 4 * * ? *)", "cron(0 3 * * ? *)"})},
        install={"eu-west-1": OneOf({"cron(0 3 ? * TUE#2 *)", "cron(0 2 ? * TUE#2 *)"})},
        days_later={"eu-west-1": "5"},
        commands=[{"Key": "tag:Patch", "Values": ["true"]}],
        automations=[{"Key": "tag:Patch", "Values": ["true"]}],
        concurrency="20%",
        errors="5%",
        output=CORPORATE,
        calendars={"eu-west-1": ["arn:aws:ssm:eu-west-1:111122223333:document/web"]},
        explorer=False,
    ),
    # Noon and midnight there. The third Tuesday is a Monday in UTC in Tokyo: six days after the second.
    "every-key/rest": Policy(
        scan={
            "ap-northeast-1": "cron(0 3/12 * * ? *)",
            "eu-west-1": OneOf({"cron(0 11/12 * * ? *)", "cron(0 10/12 * * ? *)"}),
        },
        install={
            "ap-northeast-1": "cron(0 17 ? * TUE#2 *)",
            "eu-west-1": OneOf({"cron(0 1 ? * TUE#3 *)", "cron(0 0 ? * TUE#3 *)"}),
        },
        days_later={"ap-northeast-1": "6"},
        commands=TAGS_WITH_VALUES,
        automations=TAGS_WITH_VALUES,
        reboot="NoReboot",
        concurrency="5",
        errors="1",
        output=CORPORATE,
        calendars={
            "ap-northeast-1": ["arn:aws:ssm:ap-northeast-1:111122223333:document/holidays"],
            "eu-west-1": ["arn:aws:ssm:eu-west-1:111122223333:document/holidays"],
        },
        explorer=False,
    ),
    # The second Tuesday and five days is a Sunday. Two o'clock there is still Saturday in UTC in Tokyo.
    "patch-tuesday": Policy(
        scan={
            "ap-northeast-1": "cron(0 19 * * ? *)",
            "us-east-1": OneOf({"cron(0 9 * * ? *)", "cron(0 8 * * ? *)"}),
        },
        install={
            "ap-northeast-1": "cron(0 17 ? * TUE#2 *)",
            "us-east-1": OneOf({"cron(0 7 ? * TUE#2 *)", "cron(0 6 ? * TUE#2 *)"}),
        },
        days_later={"ap-northeast-1": "4", "us-east-1": "5"},
        commands=[{"Key": "tag:Platform", "Values": ["windows"]}],
        automations=[{"Key": "tag:Platform", "Values": ["windows"]}],
        concurrency="25%",
        errors="5%",
        calendars={
            "ap-northeast-1": ["arn:aws:ssm:ap-northeast-1:111122223333:document/holidays"],
            "us-east-1": ["arn:aws:ssm:us-east-1:111122223333:document/holidays"],
        },
    ),
    "resource-group": Policy(
        scan={"eu-west-1": "rate(12 hours)"},
        install={"eu-west-1": "cron(30 23 ? * TUE#3 *)"},
        scan_only_at_cron="false",  # State Manager takes a rate only so
        commands=[{"Key": "resource-groups:Name", "Values": ["web-servers"]}],
        automations=[{"Key": "ResourceGroup", "Values": ["web-servers"]}],
        concurrency="100%",
        errors="0",
        output={"OutputS3BucketName": "example-patch-logs", "OutputS3Region": "ap-northeast-1"},
    ),
    "tag-key": Policy(
        scan=dict.fromkeys(["us-east-1", "us-west-2"], "cron(30 5 * * ? *)"),
        commands=[{"Key": "tag-key", "Values": ["Patched"]}],
        automations=[{"Key": "tag-key", "Values": ["Patched"]}],
    ),
    "instance-ids": Policy(
        scan={"ap-northeast-1": "cron(0 1 * * ? *)"},
        install={"ap-northeast-1": "cron(0 2 ? * SUN *)"},
        commands=[{"Key": "InstanceIds", "Values": IDS}],
        automations=[{"Key": "ParameterValues", "Values": IDS}],
        explorer=False,
    ),
}


def automation(what, document, role, ring, **more):
    return {
        "AssociationName": f"AWS-QuickSetup-PatchPolicy-{what}-{ring}",
        "Name": document,
        "Parameters": {"AutomationAssumeRole": [role]},
    } | more


def command(what, operation, schedule, policy, ring, **more):
    override = f"s3://aws-quicksetup-patchpolicy-{OWNER}-{ring}/baseline_overrides.json"
    output = {} if policy.output is None else {"OutputLocation": {"S3Location": policy.output}}
    return {
        "AssociationName": f"AWS-QuickSetup-PatchPolicy-{what}-{ring}",
        "Name": "AWS-RunPatchBaseline",
        "Parameters": {
            "Operation": [operation],
            "BaselineOverride": [override],
            "RebootOption": [policy.reboot],
        },
        "ScheduleExpression": schedule,
        "SyncCompliance": "MANUAL",
        "Targets": policy.commands,
        "MaxConcurrency": policy.concurrency,
        "MaxErrors": policy.errors,
        **output,
        **more,
    }


def expected(policy, account, region, ring):
    """Every association of an account in a Region, with all that it has."""
    role = f"arn:aws:iam::{account}:role/AWS-QuickSetup-AutomationRole-V2-{region}-{ring}"
    tags = f"arn:aws:iam::{account}:role/AWS-QuickSetup-AutomationRole-Tags-V2-{region}-{ring}"
    explorer = f"arn:aws:iam::{account}:role/AWS-QuickSetup-EnableExplorer-V2-{region}-{ring}"
    often = {"ScheduleExpression": "rate(30 days)", "AutomationTargetParameterName": "InstanceId"}
    often["Targets"] = policy.automations
    made = [
        automation(
            "AttachIAMToEc2Instance", f"QuickSetup-CreateAndAttachIAMToEc2Node-{ring}", role, ring, **often
        ),
        automation(
            "AttachIAMToHybridInstance",
            f"QuickSetup-CreateAndAttachIAMToHybridNode-{ring}",
            role,
            ring,
            **often,
        ),
        automation("AddRemoveNameTag", f"QuickSetup-AddOrRemoveTag-PatchPolicy-{ring}", tags, ring, **often),
        automation(
            "NameTagRemediation",
            f"QuickSetup-NameTagRemediation-{ring}",
            tags,
            ring,
            ScheduleExpression="rate(1 day)",
        ),
        command(
            "ScanForPatches",
            "Scan",
            policy.scan[region],
            policy,
            ring,
            ApplyOnlyAtCronInterval=policy.scan_only_at_cron,
        ),
    ]
    made[2]["Parameters"]["TagAction"] = ["Add"]
    if policy.explorer:
        made.append(automation("EnableExplorer", "AWS-EnableExplorer", explorer, ring))
        made[-1]["Parameters"]["OpsDataSources"] = ["Association,EC2,ssm-patchmanager"]
    if policy.install:
        more = {"CalendarNames": policy.calendars[region]} if policy.calendars else {}
        more |= {"ScheduleOffset": policy.days_later[region]} if region in policy.days_later else {}
        made.append(
            command(
                "InstallPatches",
                "Install",
                policy.install[region],
                policy,
                ring,
                ApplyOnlyAtCronInterval=True,
                **more,
            )
        )
    return {each["AssociationName"]: each for each in made}


def associations(resources):
    found = [each.properties for each in resources.values() if each.kind == "AWS::SSM::Association"]
    return {each["AssociationName"]: each for each in found}


def places():
    """Every stack and stack set that orgpatch rendered, in each of its Regions."""
    for name, stacks in policies().items():
        for stack in stacks:
            for region in stack.regions:
                yield pytest.param(name, stack, region, id=f"{stack.name}-{region}")


PLACES = [place for place in places() if not place.values[1].is_home]
HOMES = [place for place in places() if place.values[1].is_home]


def account_of(stack):
    return MEMBER if "stack_set" in stack.sent else OWNER


def row(name, stack):
    """The row of the table that a stack of a policy belongs to."""
    return name if stack.ring == "main" else f"{name}/{stack.ring}"


def rows():
    """The stacks of every ring, by its row of the table."""
    found = {}
    for name, stacks in policies().items():
        for stack in stacks:
            found.setdefault(row(name, stack), []).append(stack)
    return found


def test_every_ring_of_a_rendered_policy_stands_in_the_table():
    assert not FOLDER or set(rows()) == set(TABLE)


@pytest.mark.parametrize(("name", "stack", "region"), PLACES)
def test_an_account_has_quick_setups_associations(name, stack: Stack, region):
    policy, ring, account = TABLE[row(name, stack)], stack.parameters["RingId"], account_of(stack)
    found = associations(resolve(stack.text, stack.parameters, account, region))
    wanted = expected(policy, account, region, ring)
    assert set(found) == set(wanted)
    for each, properties in wanted.items():
        assert found[each] == properties
    assert len(found) == 5 + policy.explorer + bool(policy.install)


@pytest.mark.parametrize(("name", "stack", "region"), HOMES)
def test_the_owner_has_the_hourly_one_in_the_home_region(name, stack, region):
    ring = stack.parameters["RingId"]
    assert TABLE[row(name, stack)]
    assert associations(resolve(stack.text, stack.parameters, OWNER, region)) == {
        f"AWS-QuickSetup-PatchPolicy-BaselineRemediation-{ring}": {
            "AssociationName": f"AWS-QuickSetup-PatchPolicy-BaselineRemediation-{ring}",
            "Name": f"QuickSetup-PatchPolicy-Remediation-{ring}",
            "ScheduleExpression": "cron(0 0/1 * * ? *)",
            "ApplyOnlyAtCronInterval": True,
        }
    }


@pytest.mark.parametrize("name", TABLE)
def test_all_stacks_of_a_ring_have_its_id_and_know_its_bucket(name):
    if not FOLDER:
        pytest.skip("ORGPATCH_RENDERED is not set")
    stacks = rows()[name]
    assert len({stack.parameters["RingId"] for stack in stacks}) == 1
    (home,) = [stack for stack in stacks if stack.is_home]
    (region,) = home.regions
    bucket = resolve(home.text, home.parameters, OWNER, region)["OverrideBucket"].name
    for stack in stacks:
        if not stack.is_home:
            scan = resolve(stack.text, stack.parameters, MEMBER, stack.regions[0])["ScanForPatches"]
            assert scan.properties["Parameters"]["BaselineOverride"] == [
                f"s3://{bucket}/baseline_overrides.json"
            ]


@pytest.mark.parametrize(("name", "stack", "region"), PLACES)
def test_what_remediation_is_told_of_targets_is_what_the_associations_target(name, stack, region):
    """They are written twice: as State Manager's targets, and as JSON for the script."""
    kind, values = stack.parameters["TargetType"], json.loads(stack.parameters["TargetValues"])
    made = {
        "*": ALL,
        "Tags": [
            {"Key": f"tag:{tag['Key']}", "Values": tag["Values"]}
            if tag["Values"]
            else {"Key": "tag-key", "Values": [tag["Key"]]}
            for tag in values
            if kind == "Tags"
        ],
        "ResourceGroup": [{"Key": "resource-groups:Name", "Values": values}],
        "InstanceIds": [{"Key": "InstanceIds", "Values": values}],
    }
    assert made[kind] == TABLE[row(name, stack)].commands
    document = resolve(stack.text, stack.parameters, MEMBER, region)["NameTagRemediationDocument"]
    content = document.properties["Content"]
    assert content["parameters"]["TargetValues"]["default"] == stack.parameters["TargetValues"]
    assert content["mainSteps"][0]["inputs"]["InputPayload"]["TargetType"] == kind


# ---- documents, offsets, calendars -------------------------------------------------------------------------


def test_documents_are_of_quick_setups_kinds():
    made = resolved("patching") | resolved("home")
    kinds = {
        logical: (each.properties.get("TargetType"), each.properties["Content"]["schemaVersion"])
        for logical, each in made.items()
        if each.kind == "AWS::SSM::Document"
    }
    assert kinds == {
        "AttachIAMToEc2InstanceDocument": ("/AWS::EC2::Instance", "0.3"),
        "AttachIAMToHybridInstanceDocument": ("/AWS::SSM::ManagedInstance", "0.3"),
        "AddRemoveNameTagDocument": ("/", "0.3"),
        "NameTagRemediationDocument": (None, "0.3"),
        "BaselineRemediationDocument": (None, "0.3"),
    }
    documents = [each.properties for each in made.values() if each.kind == "AWS::SSM::Document"]
    assert {(each["DocumentType"], each["UpdateMethod"]) for each in documents} == {
        ("Automation", "NewVersion")
    }


def installing(**schedule):
    made = filled("patching", ["eu-west-1"])
    made["Mappings"]["Schedules"]["eu-west-1"] |= schedule
    parameters = {
        "PolicyName": "weekly",
        "RingId": "abcde",
        "OwnerAccountId": OWNER,
        "LogRegion": "",
        "Operation": "ScanAndInstall",
    }
    found = resolve(json.dumps(made), parameters, MEMBER, "eu-west-1")
    return found["ScanForPatches"].properties, found["InstallPatches"].properties


def test_an_offset_is_of_the_one_schedule_only():
    scan, install = installing(ScanOffset="0", InstallOffset="3")
    assert ("ScheduleOffset" in scan, install["ScheduleOffset"]) == (False, "3")
    scan, install = installing(ScanOffset="6", InstallOffset="0")
    assert (scan["ScheduleOffset"], "ScheduleOffset" in install) == ("6", False)


def test_calendars_hold_back_installations_and_no_scans():
    one, other = (f"arn:aws:ssm:eu-west-1:111122223333:document/{name}" for name in ("one", "other"))
    scan, install = installing(HasCalendars="true", Calendars=[one, other])
    assert ("CalendarNames" in scan, install["CalendarNames"]) == (False, [one, other])
    _, install = installing(HasCalendars="false", Calendars=["none"])
    assert "CalendarNames" not in install
