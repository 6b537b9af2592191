"""What the script takes back from roles."""

import functools
import json

import boto3
import pytest

from conftest import NAMES, Turns, arns
from taking_back import (
    ACCESS,
    BUSY,
    CORE,
    GONE,
    KEY,
    NOTES,
    OTHER,
    RING,
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


def test_where_there_is_nothing_nothing_is_changed_and_the_stack_is_told(calls, signals):
    assert run()["Done"] == [f"took tag {KEY} off nodes, 0 in all"]
    assert calls.changes() == []
    assert said(signals)["Status"] == "SUCCESS"


def test_a_role_that_got_all_from_the_ring_is_as_it_was_before(make, attached):
    make("web", {"Team": "shop"} | noted())
    make("bystander", {"Team": "shop"})
    run()
    assert (policies(attached, "web"), tags("web")) == ([], {"Team": "shop"})
    assert (policies(attached, "bystander"), tags("bystander")) == (sorted(NAMES), {"Team": "shop"})


def test_a_tag_of_somebody_elses_that_looks_like_a_note_stays(make, attached):
    own = {"QSConfigId-q4bkg-owner": "team", "QSConfigId-zzzzz-tagged": "x"}
    make("web", own | noted())
    run()
    assert (policies(attached, "web"), tags("web")) == ([], own)


def test_a_role_without_anything_of_a_ring_is_read_once(make, calls):
    make("web", {"Team": "shop"})
    calls.made.clear()
    run()
    assert [operation for operation, _ in calls.made].count("ListRoleTags") == 1


def test_what_was_done_is_said(make):
    make("web", noted())
    assert run()["Done"] == [
        f"took tags {RING} off role web",
        f"detached policy {ACCESS} from role web",
        f"detached policy {CORE} from role web",
        f"took tags {NOTES} off role web",
        f"took tag {KEY} off nodes, 0 in all",
    ]


def test_the_own_tag_goes_first_and_the_notes_go_last(make, calls):
    """So that another ring sees that this one goes, and a second run what the first one left."""
    make("web", noted())
    calls.made.clear()
    run()
    steps = [name for name, arguments in calls.made if arguments.get("RoleName") == "web"]
    assert steps == [
        "ListRoleTags",
        "UntagRole",
        "ListRoleTags",
        "DetachRolePolicy",
        "DetachRolePolicy",
        "UntagRole",
    ]
    assert [each["TagKeys"] for each in calls.of("UntagRole")] == [[RING], NOTES.split(", ")]


@pytest.mark.parametrize(
    ("things", "policies_left", "tags_left"),
    [
        ([ACCESS, "tag"], [CORE], {}),
        ([CORE, "tag"], [ACCESS], {}),
        (["tag"], sorted(NAMES), {}),
        # A person put the tag there: it stays, and is no other user.
        ([ACCESS], [CORE], {RING: "abcde"}),
        ([CORE], [ACCESS], {RING: "abcde"}),
        ([ACCESS, CORE], [], {RING: "abcde"}),
    ],
)
def test_what_a_role_had_before_the_ring_stays(make, attached, things, policies_left, tags_left):
    make("web", noted(*things))
    run()
    assert policies(attached, "web") == policies_left
    assert tags("web") == tags_left


def test_where_nothing_is_noted_nothing_is_changed(make, attached, calls):
    make("web", {RING: "abcde"})
    calls.made.clear()
    run()
    assert calls.changes() == []
    assert policies(attached, "web") == sorted(NAMES)


@pytest.mark.parametrize("other", [OTHER, "QSConfigId-q4bkg"])
def test_while_another_ring_or_quick_setup_uses_a_role_only_the_own_tag_goes(make, attached, other):
    make("web", noted() | {other: other.removeprefix("QSConfigId-")})
    done = run()["Done"]
    assert policies(attached, "web") == sorted(NAMES)
    assert set(tags("web")) == {other, *notes(ACCESS, CORE, "tag")}
    assert f"left the policies of role web to {other}" in done


def test_a_note_of_another_ring_is_no_use_of_the_role(make, attached):
    make("web", noted("tag") | notes(ACCESS, ring="zzzzz"))
    run()
    assert (policies(attached, "web"), tags("web")) == ([CORE], {})


def test_the_last_ring_on_a_role_takes_the_policies_that_an_earlier_one_noted(make, attached):
    make("web", noted("tag") | noted(ring="zzzzz"))
    run(RingId="zzzzz")  # the earlier one goes first, and leaves its notes
    left = {RING, *notes("tag"), *notes(*NAMES, "tag", ring="zzzzz")}
    assert (policies(attached, "web"), set(tags("web"))) == (sorted(NAMES), left)
    run()
    assert (policies(attached, "web"), tags("web")) == ([], {})


@pytest.mark.parametrize("own", [{}, {RING: "abcde"}])
def test_a_ring_that_added_nothing_takes_what_earlier_ones_noted(make, attached, own):
    make("web", own | notes(ACCESS, "tag", ring="zzzzz") | notes(CORE, ring="yyyyy"))
    run()
    assert (policies(attached, "web"), tags("web")) == ([], own)


@pytest.mark.parametrize("adder", ["abcde", "zzzzz"])
@pytest.mark.parametrize("first", range(6))
def test_two_rings_that_go_at_once_leave_no_policy_to_each_other(make, attached, calls, adder, first):
    """Wherever one run stops and lets the other one go some steps or to its end."""
    for then in range(1, 7):
        make("web", noted("tag") | noted("tag", ring="zzzzz") | notes(*NAMES, ring=adder))
        order = "X" * first + "Y" * then + "X" * 6
        Turns(calls, order, X=run, Y=functools.partial(run, RingId="zzzzz"))
        assert (policies(attached, "web"), tags("web")) == ([], {}), order
        boto3.client("iam").delete_role(RoleName="web")


def test_roles_are_found_by_either_policy_and_on_every_page(make, attached):
    for number in range(5):
        make(f"core-{number}", noted(CORE, "tag"), CORE)
        make(f"access-{number}", noted(ACCESS, "tag"), ACCESS)
    run()
    assert set().union(*attached.values()) == set()
    assert tags("core-4") == tags("access-4") == {}


def test_repeating_changes_nothing(make, calls, signals):
    make("web", noted())
    run()
    calls.made.clear()
    run()
    assert calls.changes() == []
    assert [json.loads(told.data)["Status"] for told in signals[0]] == ["SUCCESS", "SUCCESS"]


def test_a_second_run_takes_back_what_the_first_one_could_not(make, attached, calls):
    make("web", noted())
    allow = deny(calls, "DetachRolePolicy", lambda arguments: arguments["PolicyArn"].endswith(CORE))
    with pytest.raises(RuntimeError):
        run()
    assert (policies(attached, "web"), tags("web")) == ([CORE], notes(ACCESS, CORE, "tag"))
    allow()
    run()
    assert (policies(attached, "web"), tags("web")) == ([], {})


@pytest.mark.parametrize("kind", ["ec2", "hybrid"])
def test_a_second_run_finds_a_role_whose_policies_are_off_by_its_node(make, attached, calls, nodes, kind):
    make("web", noted())
    if kind == "ec2":
        launch("web")
        launch(None)
    else:
        nodes["roles"] = [""] * 100 + ["service-role/web"]
    allow = deny(calls, "UntagRole", lambda arguments: arguments["TagKeys"] != [RING])
    with pytest.raises(RuntimeError):
        run()
    assert (policies(attached, "web"), tags("web")) == ([], notes(ACCESS, CORE, "tag"))
    allow()
    run()
    assert tags("web") == {}


def test_every_page_of_ec2_nodes_is_read_for_their_roles(make, calls):
    for role in ("web", "db"):
        make(role, notes("tag"), "neither")
        launch(role)
    found = boto3.client("ec2").describe_instances()["Reservations"]
    calls.script(
        "DescribeInstances", {"Reservations": found[:1], "NextToken": "1"}, {"Reservations": found[1:]}
    )
    run()
    assert tags("web") == tags("db") == {}


@pytest.mark.parametrize("operation", ["ListRoleTags", "DetachRolePolicy", "UntagRole"])
def test_a_role_that_vanishes_meanwhile_needs_nothing(make, calls, signals, operation):
    make("web", noted())
    calls.script(operation, GONE, GONE)
    run()
    assert said(signals)["Status"] == "SUCCESS"


def test_an_instance_profile_that_vanishes_meanwhile_needs_nothing(make, calls, signals):
    make("web", noted())
    launch("web")
    calls.script("GetInstanceProfile", GONE)
    run()
    assert (tags("web"), said(signals)["Status"]) == ({}, "SUCCESS")


def test_a_policy_that_somebody_else_detached_meanwhile_needs_nothing(make, attached):
    make("web", noted(), CORE)
    run()
    assert (policies(attached, "web"), tags("web")) == ([], {})


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_policies_are_those_of_the_partition(make, attached, partition, calls):
    make("web", noted(), partition=partition)
    run(partition)
    assert policies(attached, "web") == []
    assert {each["PolicyArn"] for each in calls.of("DetachRolePolicy")} == arns(partition)


def test_a_policy_that_the_partition_lacks_is_on_no_role(make, attached, calls, signals):
    make("web", noted(CORE, "tag"), CORE)
    calls.script("ListEntitiesForPolicy", GONE)
    run()
    assert (policies(attached, "web"), said(signals)["Status"]) == ([], "SUCCESS")


@pytest.mark.parametrize("operation", ["UntagRole", "DetachRolePolicy"])
def test_a_change_by_somebody_else_at_the_same_moment_is_waited_for(make, calls, pauses, signals, operation):
    make("web", noted())
    calls.script(operation, BUSY, BUSY)
    run()
    assert (tags("web"), pauses, said(signals)["Status"]) == ({}, [1, 2], "SUCCESS")


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("ListEntitiesForPolicy", {"PolicyUsers": [{"UserName": "somebody"}]}),
        ("DescribeInstances", {}),
        ("DescribeInstanceInformation", {}),
        ("DescribeTags", {}),
    ],
)
def test_an_answer_without_the_list_is_an_empty_one(calls, signals, operation, answer):
    calls.always(operation, answer)
    run()
    assert said(signals)["Status"] == "SUCCESS"
