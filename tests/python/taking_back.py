"""A stage for the script that takes back: nodes, roles, and a stack that waits."""

import json
import types
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from conftest import NAMES, arns, load, refusal

script = load("take_back")
RING, OTHER = "QSConfigId-abcde", "QSConfigId-zzzzz"
KEY = "QSConfigName-abcde"
SIGNAL = (
    "https://cloudformation-waitcondition.example/arn%3Aaws%3Astack?X-Amz-Expires=86399&X-Amz-Signature=1"
)
ACCESS, CORE = NAMES
DENIED = refusal("AccessDenied", "not authorized")
GONE = refusal("NoSuchEntity")
BUSY = refusal("ConcurrentModification")
OFFLINE = EndpointConnectionError(endpoint_url="https://aws.example")
IMAGE = "ami-12c6146b"


@pytest.fixture
def signals(monkeypatch):
    """What the stack is told; `failures` are raised first, one a call."""
    told, failures = [], []

    class Answer:
        def close(self):
            pass

    def urlopen(request, timeout):
        assert timeout < 60
        told.append(request)
        if failures:
            raise failures.pop(0)
        return Answer()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return told, failures


@pytest.fixture
def nodes(calls):
    """The nodes that carry the ring's name tag, and the roles of hybrid nodes, tagged or not."""
    found = {"ec2": [], "hybrid": [], "roles": []}

    def instances(arguments):
        key, kind = arguments["Filters"]
        assert (key["Name"], kind) == ("key", {"Name": "resource-type", "Values": ["instance"]})
        tagged = found["ec2"] if key["Values"] == [KEY] else []
        return paged("Tags", [{"ResourceId": node} for node in tagged], arguments)

    def managed(arguments):
        (asked,) = arguments["Filters"]
        if asked == {"Key": "ResourceType", "Values": ["ManagedInstance"]}:
            wanted = [{"InstanceId": f"mi-{at}", "IamRole": role} for at, role in enumerate(found["roles"])]
        else:
            assert asked["Key"] == "tag-key"
            # Systems Manager knows EC2 nodes too, and names them here.
            tagged = found["ec2"][:1] + found["hybrid"] if asked["Values"] == [KEY] else []
            wanted = [{"InstanceId": node} for node in tagged]
        return paged("InstanceInformationList", wanted, arguments)

    calls.always("DescribeTags", instances)
    calls.always("DescribeInstanceInformation", managed)
    calls.always("DeleteTags", {})
    calls.always("RemoveTagsFromResource", {})
    return found


def paged(key, found, arguments):
    start = int(arguments.get("NextToken", 0))
    page = {key: found[start : start + 100]}
    return page | ({"NextToken": str(start + 100)} if start + 100 < len(found) else {})


@pytest.fixture
def make(attached):
    """Makes a role that has policies (both, if none are named) and tags."""

    def made(role, tags, *names, partition="aws"):
        boto3.client("iam").create_role(
            RoleName=role,
            AssumeRolePolicyDocument="{}",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        wanted = arns(partition)
        attached[role] = {arn for arn in wanted if not names or arn.rsplit("/", 1)[-1] in names}

    return made


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, as a test and the script's own pauses set it; pytest has another one."""
    now = types.SimpleNamespace(seconds=0)

    def sleep(seconds):
        now.seconds += seconds

    fake = types.SimpleNamespace(monotonic=lambda: now.seconds, sleep=sleep)
    for module in ("take_back", "node_tags", "run"):
        monkeypatch.setattr(load(module), "time", fake)
    return now


def launch(role):
    """Starts an EC2 node with a role, in a profile of another name; with no profile if there is no role."""
    iam, profile = boto3.client("iam"), f"{role}-profile"
    if role:
        iam.create_instance_profile(InstanceProfileName=profile, Path="/team/")
        iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
    its = {"IamInstanceProfile": {"Name": profile}} if role else {}
    boto3.client("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, **its)


def deny(calls, operation, denied=lambda _: True, error=DENIED):
    """From now on a call is refused where its arguments are such ones."""
    usual = calls.standing.get(operation)

    def answer(arguments):
        if denied(arguments):
            raise error
        return usual(arguments) if callable(usual) else usual

    calls.always(operation, answer)
    return lambda: calls.always(operation, usual)


def run(partition="aws", **events):
    return script.handler({"RingId": "abcde", "Partition": partition, "Signal": SIGNAL} | events, None)


def tags(role):
    return {tag["Key"]: tag["Value"] for tag in boto3.client("iam").list_role_tags(RoleName=role)["Tags"]}


def policies(attached, role):
    return sorted(arn.rsplit("/", 1)[-1] for arn in attached[role])


def said(signals):
    return json.loads(signals[0][-1].data)


def notes(*things, ring="abcde"):
    return {f"QSConfigId-{ring}-{thing}": ring for thing in things}


def noted(*things, ring="abcde"):
    """The ring's tag, and notes of what it added: all, if none is named."""
    return {f"QSConfigId-{ring}": ring} | notes(*(things or (ACCESS, CORE, "tag")), ring=ring)


NOTES = ", ".join(notes(ACCESS, CORE, "tag"))
