"""A role may do what the scripts of its documents do, and nothing else."""

import ast
import fnmatch
import pathlib
import re

import pytest
from botocore import xform_name
from botocore.session import get_session

from rendered import NAMES, fill, included, resolved, resources, template, walk

SESSION = get_session()
# A script calls its clients by the names of their services.
SERVICES = {
    name: {
        xform_name(operation): f"{name}:{operation}"
        for operation in SESSION.get_service_model(name).operation_names
    }
    for name in ("ec2", "iam", "s3", "ssm")
}
# What a call needs beside the right of its own name.
MORE = {
    # EC2 and IAM ask who gives a role away.
    "ec2:AssociateIamInstanceProfile": {"iam:PassRole"},
    "iam:AddRoleToInstanceProfile": {"iam:PassRole"},
    # Without it, S3 answers that access is denied where there is no such key.
    "s3:GetObject": {"s3:ListBucket"},
}
# The same, where the bucket is encrypted with a key of the owner's.
MORE_WITH_KEY = {"s3:GetObject": {"kms:Decrypt"}, "s3:PutObject": {"kms:GenerateDataKey"}}
# An execution over many nodes starts one execution a node, looks how it goes, and gives it the same role.
OVER_TARGETS = {"ssm:StartAutomationExecution", "ssm:GetAutomationExecution", "iam:PassRole"}
# AWS-EnableExplorer is AWS's own document. This is what its script calls, and what Quick Setup's role has.
EXPLORER = {
    "iam:ListRoles",
    "iam:CreateServiceLinkedRole",
    "config:DescribeConfigurationRecorders",
    "compute-optimizer:GetEnrollmentStatus",
    "support:DescribeTrustedAdvisorChecks",
    "ssm:GetServiceSetting",
    "ssm:UpdateServiceSetting",
}


def service(node):
    """The service whose client an expression is: a name of one, or `client("…")` itself."""
    if isinstance(node, ast.Name) and node.id in SERVICES:
        return node.id
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "client":
        return node.args[0].value
    return None


def reached(text):
    """The parts of a script that its handler comes to: a module may have more than one script needs."""
    parts = {each.name: each for each in ast.parse(text).body if hasattr(each, "name")}
    names, done = ["handler"], set()
    while names:
        name = names.pop()
        if name in parts and name not in done:
            done.add(name)
            yield from (inner := list(ast.walk(parts[name])))
            names += [node.id for node in inner if isinstance(node, ast.Name)]


def actions(text):
    """What the calls of a script are called in a policy."""
    found = set()
    for node in reached(text):
        if isinstance(node, ast.Attribute) and (name := service(node.value)):
            if node.attr not in ("meta", "get_paginator"):
                found.add(SERVICES[name][node.attr])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get_paginator":
            found.add(SERVICES[service(node.func.value)][node.args[0].value])
    return found


def clients(text):
    """Pairs of what a client is called and what service it is for."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            yield from (
                (to.id, service(made)) for to, made in pairs if isinstance(made, ast.Call) and service(made)
            )


def needs():
    """What each role must be allowed, by template and logical id: by the documents that are run with it."""
    found = {}
    for name in NAMES:
        documents = resources(name, "SSM::Document")
        for each in resources(name, "SSM::Association").values():
            if each["Name"] == "AWS-EnableExplorer":
                found.setdefault((name, "EnableExplorerRole"), set()).update(EXPLORER)
                continue
            if each["Name"] == "AWS-RunPatchBaseline":
                continue  # a command, which runs with the node's own role
            content = documents[each["Name"]["Ref"]]["Content"]
            default = content["parameters"]["AutomationAssumeRole"].get("default")
            (role,) = each.get("Parameters", {}).get("AutomationAssumeRole", [default])
            (step,) = content["mainSteps"]
            needed = found.setdefault((name, role["Fn::GetAtt"][0]), set())
            needed |= actions(fill(step["inputs"]["Script"]))
            if "AutomationTargetParameterName" in each:
                needed |= OVER_TARGETS
    return found


def needed(name, role, more):
    its = needs()[name, role]
    return its.union(*(more.get(action, ()) for action in its))


def statements(role):
    """Those of a resolved role, by Sid."""
    policies = role.properties.get("Policies", [])
    return {each["Sid"]: each for policy in policies for each in policy["PolicyDocument"]["Statement"]}


def listed(value):
    return value if isinstance(value, list) else [value]


def allowed(role, effect="Allow"):
    return {
        action
        for each in statements(role).values()
        if each["Effect"] == effect
        for action in listed(each["Action"])
    }


ROLES = sorted((name, role) for name in NAMES for role in resources(name, "IAM::Role"))


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_a_role_may_do_what_its_documents_do_and_nothing_else(name, role):
    made = resolved(name)[role]
    if (name, role) not in needs():
        assert (name, role) == ("removal", "NameTagRole"), "no document is run with it any more"
        assert allowed(made) == set()
    else:
        assert allowed(made) == needed(name, role, MORE)


def test_with_a_key_of_the_owners_the_file_may_be_read_and_written_too():
    key = f"arn:aws:kms:ap-southeast-1:111122223333:key/{'0' * 8}"
    role = resolved("home", Encryption=key)["BaselineRemediationRole"]
    with_key = {
        action: MORE.get(action, set()) | MORE_WITH_KEY.get(action, set()) for action in MORE | MORE_WITH_KEY
    }
    assert allowed(role) == needed("home", "BaselineRemediationRole", with_key)
    assert statements(role)["UseKey"]["Resource"] == key
    assert "UseKey" not in statements(resolved("home")["BaselineRemediationRole"])


@pytest.mark.parametrize("name", NAMES)
def test_a_role_is_used_only_by_documents_of_its_own_template(name):
    used = {role for template, role in needs() if template == name}
    assert used | ({"NameTagRole"} if name == "removal" else set()) == set(resources(name, "IAM::Role"))


@pytest.mark.parametrize("path", ["attach_ec2", "take_back", "sync_baselines", "remediate_name_tags"])
def test_a_client_is_called_by_the_name_of_its_service(path):
    """The tests above go by these names."""
    found = list(clients(included(path)))
    assert found
    assert all(name == service for name, service in found)


def test_calls_are_found_in_every_form():
    text = """
def handler(events, context):
    ec2, iam = client("ec2"), client("iam")
    call = iam.attach_role_policy
    run.call("x", ec2.describe_instances, InstanceIds=[])
    return below
def below():
    client("ssm").get_paginator("get_inventory").paginate()
    s3.meta.events.register()
def beside(ec2):
    ec2.terminate_instances()
"""
    assert actions(text) == {"iam:AttachRolePolicy", "ec2:DescribeInstances", "ssm:GetInventory"}


# ---- on what ----


CHANGING = re.compile(r":(?!Describe|Get|List)")


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_what_a_role_may_change_is_bound_to_a_resource_or_a_condition(name, role):
    for sid, each in statements(resolved(name)[role]).items():
        changes = [action for action in listed(each["Action"]) if CHANGING.search(action)]
        assert not changes or each["Resource"] != "*" or each.get("Condition"), sid
        assert not any("*" in action for action in listed(each["Action"])), sid


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_arns_of_a_role_are_of_its_partition_and_account(name, role):
    made = resolved(name, "cn-north-1", "aws-cn")[role]
    arns = [each for each in walk(made.properties) if isinstance(each, str) and each.startswith("arn:")]
    assert arns
    for arn in arns:
        _, partition, service_name, _, account, _ = arn.split(":", 5)
        assert partition == "aws-cn"
        # AWS's policies and baselines are AWS's, and a bucket's ARN names no account.
        assert (
            account in ("111122223333", "aws", "*" if service_name == "ssm" else "aws")
            or service_name == "s3"
        )


@pytest.mark.parametrize("attach", ["true", "false"])
def test_the_attaching_role_may_give_two_policies_and_own_tags_to_roles_of_nodes(attach):
    made = statements(resolved("patching", AttachPolicies=attach)["AutomationRole"])
    given = made["TwoPoliciesAndOwnTags"]
    assert given["Action"] == ["iam:AttachRolePolicy", "iam:TagRole"]
    roles = "*" if attach == "true" else "AmazonSSMRoleForInstancesQuickSetup"
    assert given["Resource"] == f"arn:aws:iam::111122223333:role/{roles}"
    assert given["Condition"] == {
        "ArnEqualsIfExists": {
            "iam:PolicyARN": [
                "arn:aws:iam::aws:policy/AWSQuickSetupPatchPolicyBaselineAccess",
                "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            ]
        },
        "ForAllValues:StringLike": {"aws:TagKeys": ["QSConfigId-abcde", "QSConfigId-abcde-*"]},
    }


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("patching", {"iam:AttachRolePolicy", "iam:TagRole"}),
        ("removal", {"iam:DetachRolePolicy", "iam:UntagRole"}),
    ],
)
def test_a_role_of_orgpatch_may_never_be_changed_by_one(name, changes):
    role = resolved(name)["AutomationRole"]
    denied = statements(role)["NeverItsOwnKind"]
    assert allowed(role, "Deny") == changes
    assert denied["Resource"] == "arn:aws:iam::111122223333:role/AWS-QuickSetup-*"
    assert "Condition" not in denied
    # The rest that may change roles is for the default role only.
    may = {action for action in allowed(role) if action.startswith("iam:") and CHANGING.search(action)}
    assert may - changes <= {
        "iam:CreateRole",
        "iam:CreateInstanceProfile",
        "iam:AddRoleToInstanceProfile",
        "iam:PassRole",
    }


@pytest.mark.parametrize(("name", "role"), [("patching", "NameTagRole"), ("removal", "AutomationRole")])
def test_only_the_rings_own_name_tag_may_be_put_on_and_taken_off(name, role):
    made = statements(resolved(name)[role])["OwnNameTagOnly"]
    assert made["Condition"] == {
        "ForAllValues:StringEquals": {"aws:TagKeys": "QSConfigName-abcde"},
        "Null": {"aws:TagKeys": "false"},  # without keys, DeleteTags takes all tags off
    }
    assert made["Resource"] == [
        "arn:aws:ec2:ap-southeast-1:111122223333:instance/*",
        "arn:aws:ssm:ap-southeast-1:111122223333:managed-instance/*",
    ]


def test_only_the_two_policies_and_the_tags_of_rings_may_be_taken_off_a_role():
    made = statements(resolved("removal")["AutomationRole"])
    assert made["TwoPolicies"]["Condition"] == {
        "ArnEquals": {
            "iam:PolicyARN": [
                "arn:aws:iam::aws:policy/AWSQuickSetupPatchPolicyBaselineAccess",
                "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            ]
        }
    }
    assert made["OwnTagAndNotes"]["Condition"] == {
        "ForAllValues:StringLike": {"aws:TagKeys": ["QSConfigId-abcde", "QSConfigId-*-*"]},
        "Null": {"aws:TagKeys": "false"},
    }


def test_explorers_role_may_change_four_settings():
    """That Explorer is on, and the three sources which the association names."""
    made = statements(resolved("patching")["EnableExplorerRole"])
    changed = [each for each in made.values() if "ssm:UpdateServiceSetting" in listed(each["Action"])]
    start = "arn:aws:ssm:ap-southeast-1:111122223333:servicesetting/ssm/"
    assert [each["Resource"] for each in changed] == [
        [
            f"{start}opsdata/Association",
            f"{start}opsdata/ExplorerOnboarded",
            f"{start}opsitem/EC2",
            f"{start}opsitem/ssm-patchmanager",
        ]
    ]
    (sources,) = resources("patching", "SSM::Association")["EnableExplorerAssociation"]["Parameters"][
        "OpsDataSources"
    ]
    settings = {resource.rsplit("/", 1)[1] for resource in changed[0]["Resource"]}
    assert settings == {*sources.split(","), "ExplorerOnboarded"}


@pytest.mark.parametrize(
    "key", ["QSConfigId-abcde", "QSConfigId-abcde-tag", "QSConfigId-abcde-AmazonSSMManagedInstanceCore"]
)
def test_what_is_put_on_a_role_may_be_taken_off_again(key):
    for name, sid in [("patching", "TwoPoliciesAndOwnTags"), ("removal", "OwnTagAndNotes")]:
        condition = statements(resolved(name)["AutomationRole"])[sid]["Condition"]
        patterns = condition["ForAllValues:StringLike"]["aws:TagKeys"]
        assert any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns), name


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_a_role_gives_itself_or_the_default_role_away_and_no_other(name, role):
    made = resolved(name)[role]
    for each in statements(made).values():
        if "iam:PassRole" in listed(each["Action"]):
            to = each["Condition"]
            own = (made.name, {"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}})
            default = (
                "AmazonSSMRoleForInstancesQuickSetup",
                {"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}},
            )
            assert (each["Resource"].split("/")[-1], to) in (own, default)


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_an_execution_may_be_started_of_the_roles_own_documents_only(name, role):
    made = resolved(name)
    # Those that are run over targets with this role.
    its = {
        each["Name"]["Ref"]
        for each in resources(name, "SSM::Association").values()
        if "AutomationTargetParameterName" in each
        and each["Parameters"]["AutomationAssumeRole"] == [{"Fn::GetAtt": [role, "Arn"]}]
    }
    documents = {each.name: logical for logical, each in made.items() if each.kind == "AWS::SSM::Document"}
    patterns = [
        resource.split(":", 5)[5]
        for each in statements(made[role]).values()
        if "ssm:StartAutomationExecution" in listed(each["Action"])
        for resource in each["Resource"]
    ]
    for kind, end in [("automation-definition/", ":*"), ("document/", "")]:
        of_kind = [p.removeprefix(kind).removesuffix(end) for p in patterns if p.startswith(kind)]
        matched = {
            logical
            for document, logical in documents.items()
            if any(pathlib.PurePath(document).match(pattern) for pattern in of_kind)
        }
        assert matched == its


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_only_this_accounts_automations_may_take_a_role(name, role):
    (statement,) = resolved(name)[role].properties["AssumeRolePolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    assert statement["Principal"] == {"Service": "ssm.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ssm:ap-southeast-1:111122223333:automation-execution/*"},
    }


AWS_BOUNDARY = "arn:aws:iam::aws:policy/AWSQuickSetupPatchPolicyPermissionsBoundary"
OWN_BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"


@pytest.mark.parametrize(("name", "role"), ROLES)
@pytest.mark.parametrize(
    ("wanted", "boundary"), [("none", None), ("aws", AWS_BOUNDARY), (OWN_BOUNDARY, OWN_BOUNDARY)]
)
def test_a_role_has_the_boundary_that_the_policy_names(name, role, wanted, boundary):
    pattern = template(name)["Parameters"]["PermissionsBoundary"]["AllowedPattern"]
    if name == "removal" and wanted == "aws":
        assert not re.match(pattern, wanted), "AWS's own forbids to look for what has to be taken back"
        return
    assert re.match(pattern, wanted)
    made = resolved(name, PermissionsBoundary=wanted)[role]
    assert made.properties.get("PermissionsBoundary") == boundary


@pytest.mark.parametrize("name", ["patching", "removal"])
def test_awss_boundary_lets_the_automation_role_attach_policies(name):
    """It asks for the tag QuickSetupManagerID, and for a name that begins so."""
    role = resolved(name)["AutomationRole"]
    assert role.properties["Tags"] == [{"Key": "QuickSetupManagerID", "Value": "orgpatch-abcde"}]
    for logical in ("AutomationRole", "NameTagRole"):
        assert resolved(name)[logical].name.startswith("AWS-QuickSetup-AutomationRole-")
