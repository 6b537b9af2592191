import boto3
import pytest

from conftest import arns, load

script = load("attach_hybrid")
NODE = "mi-0123456789abcdef0"


pytestmark = pytest.mark.usefixtures("attached")


@pytest.fixture(autouse=True)
def edge():
    boto3.client("iam").create_role(RoleName="edge", Path="/service-role/", AssumeRolePolicyDocument="{}")


def run(calls, role, node=NODE):
    """Runs it for a node that Systems Manager says has the role: a name, with its path if it has one."""
    found = [] if role is None else [{"InstanceId": node, **role}]
    calls.script("DescribeInstanceInformation", {"InstanceInformationList": found})
    events = {"InstanceId": node, "RingId": "abcde", "AttachPolicies": "true", "Partition": "aws"}
    return script.handler(events, None)


@pytest.mark.parametrize("role", ["edge", "service-role/edge"])
def test_a_role_is_found_by_its_name_with_and_without_a_path(calls, attached, role):
    assert run(calls, {"IamRole": role})["Role"] == "edge"
    assert attached == {"edge": arns()}
    assert calls.of("DescribeInstanceInformation") == [
        {"Filters": [{"Key": "InstanceIds", "Values": [NODE]}]}
    ]


def test_a_node_that_is_no_longer_registered_is_reported(calls):
    with pytest.raises(RuntimeError, match=f"Node {NODE}: it is no longer registered"):
        run(calls, None)


@pytest.mark.parametrize("role", [{}, {"IamRole": ""}])
def test_a_node_without_a_role_is_reported(calls, role):
    calls.made.clear()
    with pytest.raises(RuntimeError, match="names no role for it"):
        run(calls, role)
    assert calls.changes() == []


def test_an_ec2_node_is_not_this_documents_business(calls):
    calls.made.clear()
    assert run(calls, {"IamRole": "edge"}, "i-0123456789abcdef0") == {"Role": "", "Done": []}
    assert calls.made == []
