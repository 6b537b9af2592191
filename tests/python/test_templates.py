"""The templates: as they stand and, with ORGPATCH_RENDERED=folder, as orgpatch renders them."""

import ast
import json
import os
import pathlib
import re

import pytest
import yaml
from cfnlint import lint

TEMPLATES = pathlib.Path(__file__).parents[2] / "templates"
PLAIN = sorted(TEMPLATES.glob("*.yaml"))
FOLDER = os.environ.get("ORGPATCH_RENDERED")
RENDERED = sorted(pathlib.Path(FOLDER).rglob("*.template.json")) if FOLDER else []
LIMIT = 51_200  # bytes of a template that is sent with the call
LONGEST = "ap-southeast-1", "111122223333", "abcde"  # Region, account, ring id


def fill(value):
    if isinstance(value, dict):
        return {key: fill(each) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each) for each in value]
    if isinstance(value, str) and value.startswith("file:"):
        return (TEMPLATES / value.removeprefix("file:")).read_text()
    return value


def template(name):
    return yaml.safe_load((TEMPLATES / f"{name}.yaml").read_text())


def filled(name):
    made = fill(template(name))
    if name == "patching":
        schedule = {"Install": "cron(30 23 ? * TUE#3 *)", "Scan": "cron(30 16 * * ? *)"}
        made["Mappings"]["Schedules"] = {f"ap-southeast-{number}": schedule for number in range(1, 41)}
    return made


def resources(name, kind):
    return {
        logical: each["Properties"]
        for logical, each in template(name)["Resources"].items()
        if each["Type"] == f"AWS::{kind}"
    }


def walk(value):
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in children:
        yield from walk(each)


def subbed(value, region, account, ring):
    """A name as CloudFormation makes it."""
    text, more = (value["Fn::Sub"], {}) if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"]
    known = {"AWS::Region": region, "AWS::AccountId": account, "RingId": ring} | dict.fromkeys(more, "0a1b")
    return re.sub(r"\$\{([^}]+)\}", lambda found: known[found[1]], text)


def steps():
    """Every step with a script: its file and what it is given."""
    for path in PLAIN:
        for document in resources(path.stem, "SSM::Document").values():
            for step in document["Content"]["mainSteps"]:
                yield pytest.param(
                    step["inputs"], document["Content"]["parameters"], id=step["inputs"]["Script"]
                )


@pytest.mark.parametrize("path", PLAIN + RENDERED, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(path):
    assert [str(finding) for finding in lint(path.read_text())] == []


@pytest.mark.parametrize("name", ["patching", "home"])
def test_cfn_lint_finds_nothing_with_the_scripts_in_it(name):
    assert [str(finding) for finding in lint(json.dumps(filled(name), indent=2))] == []


@pytest.mark.parametrize("name", ["patching", "home"])
def test_the_filled_template_may_be_sent_with_the_call(name):
    assert len(json.dumps(filled(name), indent=2, ensure_ascii=False).encode()) < LIMIT


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.name)
def test_a_rendered_template_is_complete_and_may_be_sent_with_the_call(path):
    text = path.read_text()
    assert len(text.encode()) < LIMIT
    assert "file:scripts/" not in text
    assert "RINGID" not in text


def test_the_folder_of_rendered_templates_has_some():
    assert RENDERED or not FOLDER


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_a_template_is_plain_yaml_for_any_partition(path):
    text = path.read_text()
    assert "arn:aws:" not in text
    assert "CommaDelimitedList" not in text
    assert not re.search(r":\s+[!&*][A-Za-z]", text), "a tag, an anchor or an alias"
    made = yaml.safe_load(text)
    assert "Transform" not in made
    assert all(each["Type"] != "AWS::CloudFormation::Stack" for each in made["Resources"].values())


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_every_parameter_is_a_described_and_checked_string(path):
    for name, parameter in template(path.stem)["Parameters"].items():
        assert parameter["Type"] == "String", name
        assert parameter["Description"], name
        assert {"AllowedValues", "AllowedPattern", "MaxLength"} & set(parameter), name


@pytest.mark.parametrize(("inputs", "parameters"), list(steps()))
def test_a_script_reads_just_what_its_document_gives(inputs, parameters):
    tree = ast.parse(fill(inputs["Script"]))
    read = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "events"
    }
    assert read == set(inputs["InputPayload"])
    used = {
        found
        for each in inputs["InputPayload"].values()
        for found in re.findall(r"\{\{ (\w+) \}\}", str(each))
    }
    assert used | {"AutomationAssumeRole"} == set(parameters)
    assert inputs["Runtime"] == "python3.11"
    assert any(isinstance(node, ast.FunctionDef) and node.name == inputs["Handler"] for node in tree.body)


@pytest.mark.parametrize(("inputs", "parameters"), list(steps()))
def test_a_script_has_nothing_that_automation_would_replace(inputs, parameters):
    assert parameters
    assert "{{" not in fill(inputs["Script"])


def test_every_script_is_used_once():
    used = [step.values[0]["Script"] for step in steps()]
    assert sorted(used) == sorted(f"file:scripts/{path.name}" for path in TEMPLATES.glob("scripts/*.py"))


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_names_keep_within_their_limits(path):
    for kind, key, limit in [
        ("IAM::Role", "RoleName", 64),
        ("S3::Bucket", "BucketName", 63),
        ("SSM::Document", "Name", 128),
        ("SSM::Association", "AssociationName", 128),
    ]:
        for properties in resources(path.stem, kind).values():
            name = subbed(properties[key], *LONGEST)
            assert len(name) <= limit
            assert not name.lower().startswith("aws") or kind != "SSM::Document"


def test_names_are_those_that_agents_and_managed_policies_know():
    region, account, ring = LONGEST
    names = set()
    for path in PLAIN:
        for kind, key in [
            ("IAM::Role", "RoleName"),
            ("S3::Bucket", "BucketName"),
            ("SSM::Document", "Name"),
            ("SSM::Association", "AssociationName"),
        ]:
            names |= {subbed(each[key], *LONGEST) for each in resources(path.stem, kind).values()}
    associations = [
        "AttachIAMToEc2Instance",
        "AttachIAMToHybridInstance",
        "AddRemoveNameTag",
        "NameTagRemediation",
        "EnableExplorer",
        "BaselineRemediation",
        "ScanForPatches",
        "InstallPatches",
    ]
    assert names == {
        *(f"AWS-QuickSetup-PatchPolicy-{what}-{ring}" for what in associations),
        f"AWS-QuickSetup-AutomationRole-V2-{region}-{ring}",
        f"AWS-QuickSetup-EnableExplorer-V2-{region}-{ring}",
        f"AWS-QuickSetup-Remediation-AutomationRole-V2-{ring}",
        f"QuickSetup-CreateAndAttachIAMToEc2Node-{ring}",
        f"QuickSetup-CreateAndAttachIAMToHybridNode-{ring}",
        f"QuickSetup-AddOrRemoveTag-PatchPolicy-{ring}",
        f"QuickSetup-NameTagRemediation-{ring}",
        f"QuickSetup-PatchPolicy-Remediation-{ring}",
        f"aws-quicksetup-patchpolicy-{account}-{ring}",
        f"aws-quicksetup-patchpolicy-access-log-{account}-0a1b-{ring}",
    }


def test_schedules_are_quick_setups():
    found = resources("patching", "SSM::Association") | resources("home", "SSM::Association")
    schedules = {logical: each.get("ScheduleExpression") for logical, each in found.items()}
    by_region = {"Fn::FindInMap": ["Schedules", {"Ref": "AWS::Region"}, "Scan"]}
    assert schedules == {
        "AttachIAMToEc2Instance": "rate(30 days)",
        "AttachIAMToHybridInstance": "rate(30 days)",
        "AddRemoveNameTag": "rate(30 days)",
        "NameTagRemediation": "rate(1 day)",
        "EnableExplorerAssociation": None,
        "BaselineRemediation": "cron(0 0/1 * * ? *)",
        "ScanForPatches": by_region,
        "InstallPatches": {"Fn::FindInMap": ["Schedules", {"Ref": "AWS::Region"}, "Install"]},
    }
    assert found["BaselineRemediation"]["ApplyOnlyAtCronInterval"] is True


def test_an_installation_never_starts_with_the_stack():
    assert resources("patching", "SSM::Association")["InstallPatches"]["ApplyOnlyAtCronInterval"] is True
    assert template("patching")["Resources"]["InstallPatches"]["Condition"] == "Installs"


@pytest.mark.parametrize("logical", ["ScanForPatches", "InstallPatches"])
def test_scan_and_install_are_a_patch_policys_runs(logical):
    made = resources("patching", "SSM::Association")[logical]
    override = "s3://aws-quicksetup-patchpolicy-${OwnerAccountId}-${RingId}/baseline_overrides.json"
    assert made["Name"] == "AWS-RunPatchBaseline"
    assert made["SyncCompliance"] == "MANUAL"
    assert made["Parameters"]["BaselineOverride"] == [{"Fn::Sub": override}]
    assert made["MaxConcurrency"] == {"Ref": "Concurrency"}
    assert made["MaxErrors"] == {"Ref": "ErrorThreshold"}


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_what_an_association_passes_is_short_enough_for_automation(path):
    """Automation takes 512 characters a value: a parameter that may be longer is a document's default."""
    for each in resources(path.stem, "SSM::Association").values():
        passed = [
            value.get("Ref")
            for values in each.get("Parameters", {}).values()
            for value in values
            if isinstance(value, dict)
        ]
        assert not {"TargetValues", "Baselines"} & set(passed)


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_only_this_accounts_automations_may_take_a_role(path):
    for role in resources(path.stem, "IAM::Role").values():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "ssm.amazonaws.com"}
        condition = statement["Condition"]
        assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert condition["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(":automation-execution/*")
        assert role["PermissionsBoundary"]["Fn::If"][0] == "NoBoundary"


def statements(name, logical):
    policies = resources(name, "IAM::Role")[logical]["Policies"]
    return {each["Sid"]: each for policy in policies for each in policy["PolicyDocument"]["Statement"]}


def test_the_automation_role_may_change_no_more_than_it_needs():
    made = statements("patching", "AutomationRole")
    given = made["TwoPoliciesAndOneTag"]
    assert given["Resource"]["Fn::Sub"][1]["Roles"]["Fn::If"] == [
        "Attaches",
        "*",
        "AmazonSSMRoleForInstancesQuickSetup",
    ]
    arns = [
        each["Fn::Sub"].rsplit("/")[-1] for each in given["Condition"]["ArnEqualsIfExists"]["iam:PolicyARN"]
    ]
    assert arns == ["AWSQuickSetupPatchPolicyBaselineAccess", "AmazonSSMManagedInstanceCore"]
    assert given["Condition"]["ForAllValues:StringEquals"] == {
        "aws:TagKeys": {"Fn::Sub": "QSConfigId-${RingId}"}
    }
    assert made["OwnNameTagOnly"]["Condition"] == {
        "ForAllValues:StringEquals": {"aws:TagKeys": {"Fn::Sub": "QSConfigName-${RingId}"}},
        "Null": {"aws:TagKeys": "false"},
    }
    denied = made["NeverItsOwnKind"]
    assert denied["Effect"] == "Deny"
    assert denied["Resource"]["Fn::Sub"].endswith(":role/AWS-QuickSetup-*")
    anywhere = {
        action
        for each in made.values()
        if each["Resource"] == "*"
        for action in each["Action"]
        if isinstance(each["Action"], list)
    }
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in anywhere)


def test_awss_boundary_lets_the_automation_role_attach_policies():
    """It asks for the tag QuickSetupManagerID."""
    tags = resources("patching", "IAM::Role")["AutomationRole"]["Tags"]
    assert [tag["Key"] for tag in tags] == ["QuickSetupManagerID"]


@pytest.mark.parametrize("logical", ["OverrideBucket", "AccessLogBucket"])
def test_buckets_are_private_encrypted_and_versioned(logical):
    made = template("home")["Resources"][logical]
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Delete", "Retain")
    properties = made["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert properties["LifecycleConfiguration"]["Rules"][0]["NoncurrentVersionExpiration"] == {
        "NoncurrentDays": 90
    }


def test_members_need_the_role_tag_and_the_owner_does_not():
    (policy,) = [
        each for key, each in resources("home", "S3::BucketPolicy").items() if key == "OverrideBucketPolicy"
    ]
    made = {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}
    denied = made["DenyWithoutRoleTag"]
    assert (denied["Effect"], denied["Action"]) == ("Deny", "s3:GetObject")
    assert denied["Condition"] == {
        "StringNotEquals": {
            "aws:PrincipalTag/QSConfigId-RINGID": {"Ref": "RingId"},
            "aws:PrincipalAccount": {"Ref": "AWS::AccountId"},
        }
    }
    allowed = made["AllowReadFromOrganization"]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "s3:GetObject")
    assert allowed["Condition"]["ForAnyValue:StringLike"] == {"aws:PrincipalOrgPaths": ["o-exampleorgid/*"]}
    assert made["DenyInsecureTransport"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
