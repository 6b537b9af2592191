import json

import boto3
import pytest

from conftest import load, refusal

script = load("attach_hybrid")
NODE = "mi-0123456789abcdef0"
DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"
ARNS = [
    "arn:aws:iam::aws:policy/AWSQuickSetupPatchPolicyBaselineAccess",
    "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
]


def run(calls, role, attach="true", attached=(), node=NODE):
    """Runs it for a node that Systems Manager says has the role (a name, with its path if it has one)."""
    found = [] if role is None else [{"InstanceId": node, "IamRole": role}]
    calls.script("DescribeInstanceInformation", {"InstanceInformationList": found})
    calls.script("ListAttachedRolePolicies", {"AttachedPolicies": [{"PolicyArn": arn} for arn in attached]})
    calls.script("AttachRolePolicy", *calls.scripted.get("AttachRolePolicy") or [{}, {}])
    events = {"InstanceId": node, "RingId": "abcde", "AttachPolicies": attach, "Partition": "aws"}
    return script.handler(events, None)


def make(role, path="/", tags=()):
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    boto3.client("iam").create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=trust, Tags=list(tags))


def given(calls):
    return [each["PolicyArn"] for each in calls.of("AttachRolePolicy")]


def test_the_role_gets_both_policies_and_the_tag(calls):
    make("edge")
    answer = run(calls, "edge")
    assert given(calls) == ARNS
    assert boto3.client("iam").get_role(RoleName="edge")["Role"]["Tags"] == [
        {"Key": "QSConfigId-abcde", "Value": "abcde"}
    ]
    assert answer["Role"] == "edge"
    assert len(answer["Done"]) == 3


def test_a_role_with_a_path_is_found_by_its_name(calls):
    make("edge", "/service-role/")
    assert run(calls, "service-role/edge")["Role"] == "edge"


def test_repeating_changes_nothing(calls):
    make("edge", tags=[{"Key": "QSConfigId-abcde", "Value": "abcde"}])
    calls.made.clear()
    assert run(calls, "edge", attached=ARNS) == {"Role": "edge", "Done": []}
    assert calls.changes() == []


def test_where_attaching_is_not_allowed_the_error_names_role_policies_and_tag(calls):
    make("edge")
    calls.made.clear()
    with pytest.raises(RuntimeError) as error:
        run(calls, "edge", attach="false")
    for part in (NODE, "role edge", *ARNS, "QSConfigId-abcde=abcde"):
        assert part in str(error.value)
    assert calls.changes() == []


def test_where_attaching_is_not_allowed_and_nothing_is_missing_all_is_well(calls):
    make("edge", tags=[{"Key": "QSConfigId-abcde", "Value": "abcde"}])
    assert run(calls, "edge", attach="false", attached=ARNS)["Done"] == []


def test_quick_setups_own_role_may_always_be_completed(calls):
    make(DEFAULT)
    run(calls, DEFAULT, attach="false")
    assert given(calls) == ARNS


def test_a_role_that_is_full_is_reported_with_what_to_do(calls):
    make("edge")
    calls.script("AttachRolePolicy", refusal("LimitExceeded"))
    with pytest.raises(RuntimeError, match=r"10 managed policies a role.*Done before: nothing"):
        run(calls, "edge")


def test_where_looking_is_forbidden_all_is_given(calls):
    make("edge")
    calls.script("GetRole", refusal("AccessDenied"))
    run(calls, "edge")
    assert given(calls) == ARNS


def test_a_node_that_is_no_longer_registered_is_reported(calls):
    with pytest.raises(RuntimeError, match=f"Node {NODE}: it is no longer registered"):
        run(calls, None)


def test_a_node_without_a_role_is_reported(calls):
    with pytest.raises(RuntimeError, match="names no role for it"):
        run(calls, "")


def test_an_ec2_node_is_not_this_documents_business(calls):
    assert run(calls, "edge", node="i-0123456789abcdef0") == {"Role": "", "Done": []}
    assert calls.made == []


def test_both_attach_scripts_complete_a_role_in_the_same_words():
    sources = []
    for name in ("attach_ec2", "attach_hybrid"):
        with open(load(name).__file__) as file:
            text = file.read()
        sources.append(text[text.index("def complete(") :].split("\n\n\n")[0])
    assert sources[0] == sources[1]
