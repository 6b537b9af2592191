"""What the script takes back from nodes, and what it says where it can't."""

import http.client
import json
import urllib.error
import urllib.request

import boto3
import pytest

from conftest import NAMES, refusal
from taking_back import (
    ACCESS,
    BUSY,
    CORE,
    DENIED,
    IMAGE,
    KEY,
    OFFLINE,
    RING,
    SIGNAL,
    deny,
    launch,
    noted,
    notes,
    policies,
    run,
    said,
    tags,
)

pytestmark = pytest.mark.usefixtures("attached", "signals", "nodes")


# ---- name tags of nodes ------------------------------------------------------------------------------------


def test_only_the_rings_own_tag_is_taken_off_an_ec2_node(calls, monkeypatch):
    for operation in ("DescribeTags", "DeleteTags"):
        monkeypatch.delitem(calls.standing, operation)  # moto's own
    ec2 = boto3.client("ec2")
    made = ec2.run_instances(ImageId=IMAGE, MinCount=2, MaxCount=2)["Instances"]
    mine, bystander = (each["InstanceId"] for each in made)
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    other = {"Key": "QSConfigName-zzzzz", "Value": "other"}
    ec2.create_tags(Resources=[mine, volume], Tags=[{"Key": KEY, "Value": "weekly"}, other])
    ec2.create_tags(Resources=[bystander], Tags=[other])
    assert f"took tag {KEY} off nodes, 1 in all" in run()["Done"]
    left = {(tag["ResourceId"], tag["Key"]) for tag in ec2.describe_tags()["Tags"]}
    assert left == {(each, other["Key"]) for each in (mine, volume, bystander)} | {(volume, KEY)}


def test_every_page_is_read_and_ec2_nodes_go_in_batches_of_250(calls, nodes):
    nodes["ec2"] = [f"i-{number:04}" for number in range(601)]
    run()
    assert [len(each["Resources"]) for each in calls.of("DeleteTags")] == [250, 250, 101]
    assert sorted(node for each in calls.of("DeleteTags") for node in each["Resources"]) == nodes["ec2"]
    assert all(each["Tags"] == [{"Key": KEY}] for each in calls.of("DeleteTags"))


def test_hybrid_nodes_go_one_by_one(calls, nodes):
    nodes["ec2"], nodes["hybrid"] = ["i-1"], [f"mi-{number:03}" for number in range(150)]
    assert f"took tag {KEY} off nodes, 151 in all" in run()["Done"]
    assert calls.of("RemoveTagsFromResource") == [
        {"ResourceType": "ManagedInstance", "ResourceId": node, "TagKeys": [KEY]} for node in nodes["hybrid"]
    ]


def test_a_node_that_is_gone_needs_nothing(calls, nodes, signals):
    nodes["ec2"], nodes["hybrid"] = ["i-1", "i-2"], ["mi-1"]
    gone = refusal("InvalidInstanceID.NotFound")
    calls.script("DeleteTags", gone, gone, None)
    calls.script("RemoveTagsFromResource", refusal("InvalidResourceId"))
    run()
    assert [each["Resources"] for each in calls.of("DeleteTags")] == [["i-1", "i-2"], ["i-1"], ["i-2"]]
    assert said(signals)["Status"] == "SUCCESS"


def test_a_node_that_keeps_its_tag_is_named_and_the_others_lose_theirs(calls, nodes, signals):
    nodes["hybrid"] = ["mi-1", "mi-2"]
    deny(calls, "RemoveTagsFromResource", lambda arguments: arguments["ResourceId"] == "mi-1")
    with pytest.raises(RuntimeError, match=f"not taken back: tag {KEY} of node mi-1: "):
        run()
    assert {each["ResourceId"] for each in calls.of("RemoveTagsFromResource")} == {"mi-1", "mi-2"}
    assert said(signals)["Reason"].startswith(f"not taken back: tag {KEY} of node mi-1: ")


def test_nodes_that_keep_their_tag_are_not_said_to_have_lost_it(calls, nodes):
    nodes["hybrid"] = ["mi-1", "mi-2"]
    deny(calls, "RemoveTagsFromResource")
    with pytest.raises(
        RuntimeError, match=rf"Done: took tag {KEY} off nodes, 2 in all, but for those named\."
    ):
        run()


# ---- what can't be taken back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "doing", "left"),
    [
        ("ListRoleTags", "reading the tags of role b", noted()),
        ("UntagRole", f"taking tags {RING} off role b", noted()),
        ("DetachRolePolicy", f"detaching policy {ACCESS} from role b", notes(ACCESS, CORE, "tag")),
    ],
)
def test_a_role_that_refuses_is_named_and_keeps_no_other_from_being_restored(
    make, attached, calls, nodes, signals, operation, doing, left
):
    for role in "abc":
        make(role, noted())
    nodes["ec2"] = ["i-1"]
    allow = deny(calls, operation, lambda arguments: arguments["RoleName"] == "b")
    with pytest.raises(RuntimeError, match=f"^not taken back: {doing} failed: .*AccessDenied.*Done: took"):
        run()
    allow()
    assert (policies(attached, "a"), policies(attached, "c")) == ([], [])
    assert (tags("a"), tags("c"), tags("b")) == ({}, {}, left)
    assert len(calls.of("DeleteTags")) == 1
    told = said(signals)
    assert (told["Status"], told["Data"]) == ("FAILURE", "1")
    assert told["Reason"].startswith(f"not taken back: {doing} failed: ")
    assert "Done before" not in told["Reason"]


def test_rights_that_have_not_spread_yet_are_waited_for(make, attached, calls, nodes, pauses, signals):
    make("web", noted())
    launch("web")
    nodes["ec2"] = ["i-1"]
    calls.script("ListEntitiesForPolicy", DENIED, DENIED)
    calls.script("DescribeInstances", refusal("UnauthorizedOperation"))
    calls.script("GetInstanceProfile", DENIED)
    calls.script("DescribeInstanceInformation", *[refusal("AccessDeniedException")] * 3)
    calls.script("DescribeTags", refusal("UnauthorizedOperation"))
    run()
    assert pauses == [1, 2, 1, 1, 1, 2, 4, 1]
    assert (policies(attached, "web"), len(calls.of("DeleteTags"))) == ([], 1)
    assert said(signals)["Status"] == "SUCCESS"


@pytest.mark.parametrize("name", NAMES)
def test_where_one_policy_may_not_be_looked_for_all_else_is_restored(
    make, attached, calls, nodes, pauses, signals, name
):
    """By the other policy, and by the nodes."""
    make("both", noted())
    make("ec2", noted(name, "tag"), name)
    make("hybrid", noted(name, "tag"), name)
    launch("ec2")
    nodes["ec2"], nodes["roles"] = ["i-1"], ["hybrid"]
    deny(calls, "ListEntitiesForPolicy", lambda arguments: arguments["PolicyArn"].endswith(name))
    with pytest.raises(RuntimeError, match=f"looking for roles with policy {name} failed"):
        run()
    assert sum(pauses) == 60
    assert set().union(*attached.values()) == set()
    assert [tags(role) for role in ("both", "ec2", "hybrid")] == [{}, {}, {}]
    assert len(calls.of("DeleteTags")) == 1
    told = said(signals)
    assert (told["Status"], told["Data"]) == ("FAILURE", "1")
    assert told["Reason"].startswith(f"not taken back: looking for roles with policy {name} failed")


@pytest.mark.parametrize(
    ("operation", "doing"),
    [
        ("DescribeInstances", "roles of nodes: looking for EC2 nodes failed"),
        ("GetInstanceProfile", "roles of nodes: reading instance profile web-profile failed"),
        ("DescribeInstanceInformation", "roles of nodes: looking for hybrid nodes failed"),
        ("DescribeTags", f"looking for nodes with tag {KEY} failed"),
    ],
)
def test_where_nodes_may_not_be_looked_for_roles_are_restored_all_the_same(
    make, attached, calls, signals, operation, doing
):
    make("web", noted())
    launch("web")
    deny(calls, operation)
    with pytest.raises(RuntimeError, match=f"not taken back: {doing}"):
        run()
    assert (policies(attached, "web"), tags("web")) == ([], {})
    assert said(signals)["Status"] == "FAILURE"


def test_where_nothing_may_be_looked_for_the_stack_is_told_in_time(calls, pauses, signals):
    for operation in (
        "ListEntitiesForPolicy",
        "DescribeInstances",
        "DescribeInstanceInformation",
        "DescribeTags",
    ):
        calls.always(operation, DENIED)
    with pytest.raises(RuntimeError):
        run()
    assert (said(signals)["Status"], said(signals)["Data"]) == ("FAILURE", "4")
    assert sum(pauses) < 300  # of 600 seconds


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        ("ListEntitiesForPolicy", f"policy {ACCESS}"),
        ("DescribeInstances", "roles of nodes"),
        ("GetInstanceProfile", "roles of nodes"),
        ("DescribeInstanceInformation", "roles of nodes"),
        ("ListRoleTags", "role web"),
        ("UntagRole", "role web"),
        ("DetachRolePolicy", "role web"),
        ("DescribeTags", "nodes"),
        ("DeleteTags", f"tag {KEY} of node i-1"),
        ("RemoveTagsFromResource", f"tag {KEY} of node mi-1"),
    ],
)
@pytest.mark.parametrize("error", [OFFLINE, refusal("ServiceFailure")], ids=type)
def test_the_stack_is_told_on_what_it_failed(make, calls, nodes, signals, error, operation, named):
    make("web", noted())
    launch("web")
    nodes["ec2"], nodes["hybrid"] = ["i-1"], ["mi-1"]
    calls.always(operation, error)
    with pytest.raises(RuntimeError, match=r"^not taken back: "):
        run()
    told = said(signals)
    assert (told["Status"], str(error) in told["Reason"]) == ("FAILURE", True)
    assert named in told["Reason"]
    # Of roles and nodes, the other kind is taken back.
    assert {"DetachRolePolicy", "DeleteTags"} & set(calls.changes())


@pytest.mark.parametrize(
    "operation",
    [
        *["ListEntitiesForPolicy", "DescribeInstances", "GetInstanceProfile", "DescribeInstanceInformation"],
        *["ListRoleTags", "UntagRole", "DetachRolePolicy"],
        *["DescribeTags", "DeleteTags", "RemoveTagsFromResource"],
    ],
)
def test_whatever_happens_the_stack_is_told(make, calls, nodes, signals, operation):
    """Also of what no script should come to: an answer that is not what AWS says it is."""
    make("web", noted())
    launch("web")
    nodes["ec2"], nodes["hybrid"] = ["i-1"], ["mi-1"]
    calls.always(operation, KeyError("Unheard"))
    with pytest.raises(RuntimeError, match=r"^not taken back: .*Unheard"):
        run()
    assert said(signals)["Status"] == "FAILURE"


# ---- the time that a script has ----------------------------------------------------------------------------


def later(clock, seconds):
    """For a call that takes so long, and is answered as usual."""

    def answer(_):
        clock.seconds += seconds

    return answer


def test_after_seven_minutes_the_roles_that_are_left_are_named_and_nodes_have_their_turn(
    make, calls, nodes, signals, clock
):
    for role in "abcd":
        make(role, noted())
    nodes["ec2"] = ["i-1"]
    calls.script("DetachRolePolicy", None, later(clock, 421))
    with pytest.raises(RuntimeError, match="the time was up"):
        run()
    assert [bool(tags(role)) for role in "abcd"] == [False, True, True, True]
    assert [each["Resources"] for each in calls.of("DeleteTags")] == [["i-1"]]
    told = said(signals)
    assert (told["Status"], told["Data"]) == ("FAILURE", "1")
    assert told["Reason"] == "not taken back: role b and those after it, 3 in all: the time was up"


def test_after_eight_minutes_the_nodes_that_are_left_are_named_and_counted(calls, nodes, signals, clock):
    nodes["ec2"], nodes["hybrid"] = [f"i-{number}" for number in range(300)], ["mi-1", "mi-2"]
    calls.script("RemoveTagsFromResource", later(clock, 481))
    with pytest.raises(RuntimeError):
        run()
    assert [each["ResourceId"] for each in calls.of("RemoveTagsFromResource")] == ["mi-1"]
    assert calls.of("DeleteTags") == []
    told = said(signals)
    left = f"tag {KEY} of node mi-2 and those after it, 301 in all: the time was up; run it again"
    assert (told["Status"], told["Reason"]) == ("FAILURE", f"not taken back: {left}")


def test_where_looking_takes_all_the_time_every_role_and_node_is_left(make, calls, nodes, signals, clock):
    for role in "ab":
        make(role, noted())
    nodes["ec2"] = ["i-1", "i-2"]
    calls.script("DescribeInstances", later(clock, 481))
    calls.made.clear()
    with pytest.raises(RuntimeError):
        run()
    assert calls.changes() == []
    assert "role a and those after it, 2 in all" in said(signals)["Reason"]
    assert "node i-1 and those after it, 2 in all" in said(signals)["Reason"]


def test_within_seven_minutes_all_are_taken_back(make, calls, nodes, signals, clock):
    for role in "ab":
        make(role, noted())
    nodes["ec2"] = ["i-1"]
    calls.script("DescribeInstances", later(clock, 419))
    run()
    assert (tags("b"), said(signals)["Status"]) == ({}, "SUCCESS")


def test_roles_that_refuse_for_good_do_not_use_up_the_time(make, calls, signals, clock):
    for number in range(40):
        make(f"role-{number:02}", noted())
    calls.always("DetachRolePolicy", DENIED)
    with pytest.raises(RuntimeError):
        run()
    assert (clock.seconds, said(signals)["Data"]) == (0, "40")


def test_where_all_waiting_is_in_vain_the_stack_is_told_before_the_time_is_over(make, calls, signals, clock):
    """Automation ends the script after 600 seconds, and telling may take 47."""
    for number in range(40):
        make(f"role-{number:02}", noted())
    deny(calls, "ListEntitiesForPolicy", lambda arguments: arguments["PolicyArn"].endswith(ACCESS))
    for operation in ("DescribeInstances", "DescribeTags"):
        calls.always(operation, DENIED)
    calls.always("UntagRole", BUSY)
    with pytest.raises(RuntimeError):
        run()
    assert 420 < clock.seconds < 600 - 47
    assert said(signals)["Status"] == "FAILURE"


# ---- what the stack is told --------------------------------------------------------------------------------


def test_the_stack_is_told_by_put_without_a_content_type(signals):
    run()
    (request,) = signals[0]
    assert (request.get_method(), request.full_url) == ("PUT", SIGNAL)
    assert json.loads(request.data) == {
        "Status": "SUCCESS",
        "UniqueId": "take-back",
        "Reason": "all taken back",
        "Data": "0",
    }
    # urllib adds a content type of its own where there is none.
    https = urllib.request.HTTPSHandler()
    https.add_parent(urllib.request.build_opener())
    assert dict(https.do_request_(request).header_items())["Content-type"] == ""


def test_telling_is_tried_again(signals, pauses):
    told, failures = signals
    failures += [
        urllib.error.HTTPError(SIGNAL, 503, "Slow Down", {}, None),
        http.client.BadStatusLine("nonsense"),
        TimeoutError(),
    ]
    run()
    assert (len(told), pauses) == (4, [1, 2, 4])


@pytest.mark.parametrize("failure", [urllib.error.URLError("broken"), http.client.BadStatusLine("broken")])
def test_where_the_stack_can_not_be_told_the_error_says_how_it_went(make, calls, signals, failure):
    make("web", noted())
    calls.always("DetachRolePolicy", DENIED)
    signals[1].extend([failure] * 4)
    with pytest.raises(RuntimeError) as error:
        run()
    assert str(error.value).startswith(f"telling the stack failed: {failure}. It was: not taken back: ")
    assert f"detaching policy {ACCESS} from role web failed" in str(error.value)


def test_where_all_went_well_but_can_not_be_told_the_execution_fails(signals):
    signals[1].extend([urllib.error.URLError("unreachable")] * 4)
    with pytest.raises(RuntimeError, match="It was: all taken back"):
        run()


def test_more_than_a_stack_event_shows_is_counted(make, calls, signals):
    for number in range(40):
        make(f"role-{number:02}", noted())
    calls.always("DetachRolePolicy", DENIED)
    with pytest.raises(RuntimeError):
        run()
    told = said(signals)
    shown = told["Reason"].count("detaching policy")
    assert told["Reason"].endswith(f"; and {40 - shown} more")
    assert (shown > 3, len(told["Reason"]) < 900, told["Data"]) == (True, True, "40")


def test_one_text_that_is_too_long_is_cut(make, calls, signals):
    make("web", noted())
    calls.always("DetachRolePolicy", refusal("AccessDenied", "x" * 5000))
    with pytest.raises(RuntimeError):
        run()
    assert len(said(signals)["Reason"]) == len("not taken back: ") + 800


def test_what_comes_after_a_text_that_is_too_long_is_counted(make, calls, signals):
    for role in "abc":
        make(role, noted())
    calls.always("DetachRolePolicy", refusal("AccessDenied", "x" * 5000))
    with pytest.raises(RuntimeError):
        run()
    told = said(signals)
    assert (told["Reason"][-16:], told["Data"]) == ("xxxx; and 2 more", "3")
