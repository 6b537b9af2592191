"""What both attach scripts do with a role, and what they note of it, so that it can be taken back."""

import functools
import io

import boto3
import pytest

from conftest import NAMES, Turns, arns, load, refusal

ACCESS, CORE = NAMES
DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"
RING = "QSConfigId-abcde"
ALL = {ACCESS, CORE, "tag"}
DENIED = refusal("AccessDenied")
BUSY = refusal("ConcurrentModification", "somebody else changes the role")


class Node:
    """A node of one kind, whose role is given what it lacks."""

    def __init__(self, kind, calls, attached):
        self.kind, self.calls, self.attached = kind, calls, attached
        self.id = "mi-0123456789abcdef0"

    def make(self, *names, role="web", **tags):
        """Makes the node and its role, which has policies and tags."""
        iam = boto3.client("iam")
        given = [{"Key": key.replace("_", "-"), "Value": value} for key, value in tags.items()]
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}", Tags=given)
        self.attached[role] = {arn for arn in arns() if arn.endswith(names or "-")}
        if self.kind == "hybrid":
            found = {"InstanceId": self.id, "IamRole": f"service-role/{role}"}
            self.calls.always("DescribeInstanceInformation", {"InstanceInformationList": [found]})
        else:
            iam.create_instance_profile(InstanceProfileName="profile")
            iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName=role)
            ec2 = boto3.client("ec2")
            made = ec2.run_instances(
                ImageId="ami-12c6146b", MinCount=1, MaxCount=1, IamInstanceProfile={"Name": "profile"}
            )
            self.id = made["Instances"][0]["InstanceId"]
        self.calls.made.clear()

    def run(self, attach="true", ring="abcde"):
        events = {"InstanceId": self.id, "RingId": ring, "AttachPolicies": attach, "Partition": "aws"}
        return load(f"attach_{self.kind}").handler(events, None)


@pytest.fixture(params=["ec2", "hybrid"])
def node(request, calls, attached):
    return Node(request.param, calls, attached)


def tags(role="web"):
    return {tag["Key"]: tag["Value"] for tag in boto3.client("iam").list_role_tags(RoleName=role)["Tags"]}


def notes(role="web", ring="abcde"):
    """What the ring noted that it added. The value of each note is the ring's id."""
    start = f"QSConfigId-{ring}-"
    found = {key.removeprefix(start): value for key, value in tags(role).items() if key.startswith(start)}
    assert set(found.values()) <= {ring}
    return set(found)


def test_a_role_that_has_nothing_gets_all_of_it_and_a_note_of_each(node, attached):
    node.make()
    answer = node.run()
    assert attached["web"] == arns()
    assert tags() == dict.fromkeys(
        [
            "QSConfigId-abcde",
            "QSConfigId-abcde-tag",
            "QSConfigId-abcde-AWSQuickSetupPatchPolicyBaselineAccess",
            "QSConfigId-abcde-AmazonSSMManagedInstanceCore",
        ],
        "abcde",
    )
    assert answer == {
        "Role": "web",
        "Done": [
            f"gave role web tag {RING}=abcde",
            *(f"gave role web policy arn:aws:iam::aws:policy/{name}" for name in NAMES),
        ],
    }


def test_the_own_tag_goes_first_and_each_policy_is_noted_before_the_next(node):
    """Where tagging is refused, nothing can be noted, and nothing must be attached."""
    node.make()
    node.run()
    steps = [
        [tag["Key"] for tag in given["Tags"]] if "Tags" in given else given["PolicyArn"]
        for operation, given in node.calls.made
        if operation in ("TagRole", "AttachRolePolicy")
    ]
    policy = "arn:aws:iam::aws:policy/"
    assert steps == [
        [RING, f"{RING}-tag"],
        policy + ACCESS,
        [f"{RING}-{ACCESS}"],
        policy + CORE,
        [f"{RING}-{CORE}"],
    ]


@pytest.mark.parametrize(
    ("before", "own", "noted"),
    [
        ([ACCESS], {}, {CORE, "tag"}),
        ([CORE], {}, {ACCESS, "tag"}),
        ([ACCESS, CORE], {}, {"tag"}),
        ([], {"QSConfigId_abcde": "abcde"}, {ACCESS, CORE}),
        ([CORE], {"QSConfigId_abcde": "abcde"}, {ACCESS}),
        ([ACCESS, CORE], {"QSConfigId_abcde": "abcde"}, set()),
    ],
)
def test_what_was_there_before_is_not_noted(node, before, own, noted):
    node.make(*before, **own)
    node.run()
    assert notes() == noted


def test_a_role_that_has_all_is_left_as_it_is(node):
    node.make(*NAMES, QSConfigId_abcde="abcde")
    assert node.run() == {"Role": "web", "Done": []}
    assert node.calls.changes() == []


def test_a_second_run_notes_nothing_more(node):
    node.make(CORE)
    node.run()
    before = tags()
    node.calls.made.clear()
    node.run()
    assert (tags(), node.calls.changes()) == (before, [])


def test_what_the_ring_adds_later_is_noted_too(node, attached):
    node.make(CORE)
    node.run()
    attached["web"].clear()  # a person takes all off, so all that comes now is the ring's
    node.run()
    assert notes() == ALL


def test_each_ring_keeps_its_own_notes(node):
    node.make()
    node.run()
    node.run(ring="zzzzz")
    assert (notes(), notes(ring="zzzzz")) == (ALL, {"tag"})


@pytest.mark.parametrize("other", ["abcde", "zzzzz"])
@pytest.mark.parametrize("first", range(7))
def test_two_runs_at_once_lose_no_note(calls, attached, first, other):
    """Wherever one run, of the same ring or not, stops and lets the other one go some steps or to its end."""
    node = Node("hybrid", calls, attached)
    for then in range(1, 8):
        role = f"web-{then}"
        node.make(role=role)
        order = "X" * first + "Y" * then + "X" * 7
        Turns(calls, order, X=node.run, Y=functools.partial(node.run, ring=other))
        assert attached[role] == arns()
        assert notes(role) | notes(role, other) == ALL, order
        assert tags(role).items() >= {RING: "abcde", f"QSConfigId-{other}": other}.items()


def test_a_wrong_value_of_the_rings_tag_is_set_right_and_noted(node):
    node.make(*NAMES, QSConfigId_abcde="other")
    node.run()
    assert tags() == {RING: "abcde", f"{RING}-tag": "abcde"}


def test_where_the_second_policy_is_refused_the_first_one_is_noted(node):
    node.make()
    node.calls.script("AttachRolePolicy", None, refusal("LimitExceeded"))
    with pytest.raises(RuntimeError) as error:
        node.run()
    assert notes() == {"tag", ACCESS}
    assert f"Done before: gave role web tag {RING}=abcde; gave role web policy" in str(error.value)
    assert "10 managed policies or 50 tags a role" in str(error.value)


@pytest.mark.parametrize("operation", ["ListAttachedRolePolicies", "GetRole"])
def test_where_looking_is_forbidden_all_is_given_and_nothing_is_noted(node, attached, operation):
    node.make(CORE)
    node.calls.script(operation, DENIED)
    node.run()
    assert attached["web"] == arns()
    assert tags() == {RING: "abcde"}


def test_where_looking_is_forbidden_a_note_that_is_there_stays(node):
    node.make(CORE)
    node.run()
    node.calls.script("GetRole", DENIED)
    node.run()
    assert notes() == {ACCESS, "tag"}


@pytest.mark.parametrize("operation", ["ListAttachedRolePolicies", "GetRole"])
def test_where_neither_looking_nor_attaching_is_allowed_it_is_not_passed_over(node, operation):
    node.make(*NAMES, QSConfigId_abcde="abcde")
    node.calls.script(operation, DENIED)
    with pytest.raises(RuntimeError, match="reading policies and tags of role web failed"):
        node.run(attach="false")


def test_a_role_that_a_person_completed_gets_no_note_where_attaching_is_not_allowed(node):
    node.make(*NAMES, QSConfigId_abcde="abcde")
    assert node.run(attach="false") == {"Role": "web", "Done": []}
    assert node.calls.changes() == []


def test_where_attaching_is_not_allowed_the_error_names_all_that_is_missing(node):
    node.make()
    with pytest.raises(RuntimeError) as error:
        node.run(attach="false")
    for part in (f"Node {node.id}", "role web", *arns(), f"{RING}=abcde", "Done before: nothing"):
        assert part in str(error.value)
    assert node.calls.changes() == []


def test_where_attaching_is_not_allowed_nothing_else_is_named(node):
    node.make(*NAMES)
    with pytest.raises(RuntimeError, match=f"role web lacks tag {RING}=abcde, and"):
        node.run(attach="false")


def test_quick_setups_own_role_is_completed_and_noted_all_the_same(node, attached):
    node.make(role=DEFAULT)
    node.run(attach="false")
    assert attached[DEFAULT] == arns()
    assert notes(DEFAULT) == ALL


def test_where_tagging_is_refused_nothing_is_attached(node, attached):
    """Nobody could note it, so nobody would take it back."""
    node.make()
    node.calls.script("TagRole", DENIED)
    with pytest.raises(RuntimeError) as error:
        node.run()
    assert f"giving role web tag {RING}=abcde failed" in str(error.value)
    assert "Done before: nothing." in str(error.value)
    assert attached["web"] == set()


def test_where_a_note_is_refused_the_error_names_it_and_what_was_done_before(node):
    node.make()
    node.calls.script("TagRole", None, refusal("LimitExceeded"))
    with pytest.raises(RuntimeError) as error:
        node.run()
    assert f"giving role web tag {RING}-{ACCESS}=abcde failed" in str(error.value)
    assert "50 tags a role" in str(error.value)
    assert f"; gave role web policy arn:aws:iam::aws:policy/{ACCESS}." in str(error.value)


def test_a_role_that_vanishes_between_two_calls_is_waited_for_and_named(node, pauses):
    """IAM takes a while to spread, so on EC2 a role that is not there may have been made just now."""
    node.make()
    node.calls.script("AttachRolePolicy", *[refusal("NoSuchEntity", "role web can't be found")] * 8)
    with pytest.raises(RuntimeError) as error:
        node.run()
    assert f"Node {node.id}: giving role web policy" in str(error.value)
    assert f"role web can't be found. Done before: gave role web tag {RING}=abcde." in str(error.value)
    assert sum(pauses) == (60 if node.kind == "ec2" else 0)


@pytest.mark.parametrize("operation", ["TagRole", "AttachRolePolicy"])
def test_a_change_by_somebody_else_at_the_same_moment_is_waited_for(node, attached, pauses, operation):
    node.make()
    node.calls.script(operation, BUSY, BUSY)
    node.run()
    assert (pauses, notes(), attached["web"]) == ([1, 2], ALL, arns())


def test_somebody_else_who_never_ends_is_reported_after_a_minute(node, pauses):
    node.make()
    node.calls.always("TagRole", BUSY)
    with pytest.raises(RuntimeError, match="somebody else changes the role"):
        node.run()
    assert sum(pauses) == 60


def test_a_role_is_taken_back_to_what_it_was(node, attached, monkeypatch):
    """What the one script notes the other one reads."""
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO())
    node.make(CORE, Team="shop")
    node.run()
    node.calls.always("DescribeInstanceInformation", {"InstanceInformationList": []})
    assert notes() == {ACCESS, "tag"}
    events = {"RingId": "abcde", "Partition": "aws", "Signal": "https://stack.example/"}
    load("take_back").handler(events, None)
    assert attached["web"] == {f"arn:aws:iam::aws:policy/{CORE}"}
    assert tags() == {"Team": "shop"}
