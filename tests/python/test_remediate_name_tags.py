import json
import types

import pytest
from botocore.exceptions import EndpointConnectionError

from conftest import load, refusal

script = load("remediate_name_tags")
KEY = "QSConfigName-abcde"


class Inventory:
    """Answers GetInventory as AWS does: filters ANDed, fifty nodes a page, gone nodes only if asked for."""

    def __init__(self, calls, nodes):
        self.nodes = nodes  # id -> {"tags": {…}, "groups": […], "status": …}
        calls.script("GetInventory", *[self.answer] * 500)
        calls.script("DeleteTags", *[{}] * 500)
        calls.script("RemoveTagsFromResource", *[{}] * 500)

    def holds(self, node, asked):
        tags, values = node["tags"], set(asked["Values"])
        assert 1 <= len(values) <= 40
        match asked["Key"]:
            case "AWS:Tag.Key":
                return bool(values & set(tags))
            case "AWS:Tag.Value":
                return bool(values & set(tags.values()))
            case "AWS:ResourceGroup.Name":
                return bool(values & set(node.get("groups", ())))
            case "AWS:InstanceInformation.InstanceStatus":
                assert asked["Type"] == "NotEqual"
                return node.get("status", "Active") not in values
        raise AssertionError(asked)

    def answer(self, arguments):
        assert len(arguments["Filters"]) <= 5
        found = [
            name
            for name, node in self.nodes.items()
            if all(self.holds(node, asked) for asked in arguments["Filters"])
        ]
        start = int(arguments.get("NextToken", 0))
        page = {"Entities": [{"Id": name} for name in found[start : start + 50]]}
        return page | ({"NextToken": str(start + 50)} if start + 50 < len(found) else {})


def named(**tags):
    return {"tags": {KEY: "weekly", **tags}}


def run(kind, values):
    events = {"TargetType": kind, "TargetValues": values, "RingId": "abcde"}
    return script.handler(events, None)["Removed"]


def removed(calls):
    assert all(each["Tags"] == [{"Key": KEY}] for each in calls.of("DeleteTags"))
    assert all(each["TagKeys"] == [KEY] for each in calls.of("RemoveTagsFromResource"))
    hybrid = [each["ResourceId"] for each in calls.of("RemoveTagsFromResource")]
    return sorted([node for each in calls.of("DeleteTags") for node in each["Resources"]] + hybrid)


def test_where_every_node_is_a_target_nothing_is_looked_at(calls):
    assert run("*", "[]") == []
    assert calls.made == []


def test_nodes_without_the_targets_tag_lose_the_name_tag(calls):
    Inventory(calls, {"i-1": named(Patch="true"), "i-2": named(), "mi-3": named(), "i-4": {"tags": {}}})
    assert run("Tags", json.dumps([{"Key": "Patch", "Values": ["true", "yes"]}])) == ["i-2", "mi-3"]
    assert removed(calls) == ["i-2", "mi-3"]


def test_any_value_of_a_key_will_do(calls):
    Inventory(calls, {"i-1": named(Patch="yes"), "i-2": named(Patch="no")})
    run("Tags", json.dumps([{"Key": "Patch", "Values": ["true", "yes"]}]))
    assert removed(calls) == ["i-2"]


def test_an_empty_list_means_that_the_key_is_there(calls):
    Inventory(calls, {"i-1": named(Tier="web"), "i-2": named()})
    run("Tags", json.dumps([{"Key": "Tier", "Values": []}]))
    assert removed(calls) == ["i-2"]


def test_all_keys_must_match(calls):
    nodes = {"i-1": named(Patch="true", Tier="web"), "i-2": named(Patch="true"), "i-3": named(Tier="web")}
    Inventory(calls, nodes)
    run("Tags", json.dumps([{"Key": "Patch", "Values": ["true"]}, {"Key": "Tier", "Values": []}]))
    assert removed(calls) == ["i-2", "i-3"]


def test_more_than_forty_values_are_asked_for_in_parts(calls):
    values = [f"v{number}" for number in range(50)]
    Inventory(calls, {"i-1": named(Patch="v3"), "i-2": named(Patch="v49"), "i-3": named(Patch="v50")})
    run("Tags", json.dumps([{"Key": "Patch", "Values": values}]))
    assert removed(calls) == ["i-3"]


def test_nodes_outside_the_resource_group_lose_the_name_tag(calls):
    Inventory(calls, {"i-1": named() | {"groups": ["web"]}, "i-2": named() | {"groups": ["db"]}})
    run("ResourceGroup", '["web"]')
    assert removed(calls) == ["i-2"]


@pytest.mark.parametrize("count", [1, 41, 251])
def test_any_number_of_ids_is_kept(calls, count):
    kept = [f"i-{number:04}" for number in range(count)]
    Inventory(calls, {node: named() for node in [*kept, "i-9999", "mi-9999"]})
    run("InstanceIds", json.dumps(kept))
    assert removed(calls) == ["i-9999", "mi-9999"]


def test_every_page_is_read_and_ec2_nodes_go_in_batches_of_250(calls):
    Inventory(calls, {f"i-{number:04}": named() for number in range(601)})
    run("InstanceIds", '["i-0000"]')
    assert [len(each["Resources"]) for each in calls.of("DeleteTags")] == [250, 250, 100]
    assert len(calls.of("GetInventory")) == 13


def test_terminated_and_lost_nodes_are_left(calls):
    gone = {"i-1": named() | {"status": "Terminated"}, "i-2": named() | {"status": "ConnectionLost"}}
    Inventory(calls, gone)
    assert run("InstanceIds", '["i-5"]') == []
    assert removed(calls) == []


def test_repeating_changes_nothing(calls):
    nodes = {"i-1": named()}
    Inventory(calls, nodes)
    run("InstanceIds", '["i-5"]')
    nodes["i-1"]["tags"].clear()
    calls.made.clear()
    assert run("InstanceIds", '["i-5"]') == []
    assert calls.changes() == []


def test_a_node_that_is_gone_does_not_keep_the_others_of_its_batch(calls):
    Inventory(calls, {"i-1": named(), "i-2": named(), "i-3": named()})
    gone = refusal("InvalidInstanceID.NotFound")
    calls.script("DeleteTags", gone, {}, gone, {})
    assert run("InstanceIds", '["i-5"]') == ["i-1", "i-2", "i-3"]
    assert [each["Resources"] for each in calls.of("DeleteTags")] == [
        ["i-1", "i-2", "i-3"],
        ["i-1"],
        ["i-2"],
        ["i-3"],
    ]


def test_what_failed_is_named_after_the_rest_was_done(calls):
    Inventory(calls, {"i-1": named(), "mi-2": named(), "mi-3": named()})
    calls.script("RemoveTagsFromResource", refusal("AccessDeniedException"), {})
    with pytest.raises(
        RuntimeError, match=rf"removing tag {KEY} from some of 3 nodes failed: mi-2: .*AccessDenied"
    ):
        run("InstanceIds", '["i-5"]')
    assert removed(calls) == ["i-1", "mi-2", "mi-3"]


def test_an_error_while_reading_changes_nothing(calls):
    Inventory(calls, {})
    calls.script("GetInventory", refusal("InternalServerError"))
    with pytest.raises(RuntimeError, match=f"reading nodes with tag {KEY} and targets failed"):
        run("InstanceIds", '["i-5"]')
    assert calls.changes() == []


def test_where_a_batch_fails_it_is_one_text_and_not_tried_node_by_node(calls):
    """It would fail 250 times more."""
    Inventory(calls, {f"i-{number:04}": named() for number in range(300)})
    calls.script("DeleteTags", refusal("UnauthorizedOperation"), {})
    with pytest.raises(RuntimeError) as error:
        run("InstanceIds", '["i-9999"]')
    assert str(error.value).startswith(
        f"removing tag {KEY} from some of 300 nodes failed: i-0000 and 249 more: "
    )
    assert [len(each["Resources"]) for each in calls.of("DeleteTags")] == [250, 50]


def test_where_aws_does_not_answer_the_node_is_named_and_the_others_lose_theirs(calls):
    Inventory(calls, {"i-1": named(), "mi-2": named(), "mi-3": named()})
    offline = EndpointConnectionError(endpoint_url="https://aws.example")
    calls.script("RemoveTagsFromResource", offline, {})
    with pytest.raises(RuntimeError, match=f"some of 3 nodes failed: mi-2: {offline}"):
        run("InstanceIds", '["i-5"]')
    assert removed(calls) == ["i-1", "mi-2", "mi-3"]


def test_in_a_batch_that_is_split_each_node_that_fails_is_named(calls):
    Inventory(calls, {"i-1": named(), "i-2": named(), "i-3": named()})
    gone = refusal("InvalidInstanceID.NotFound")
    calls.script("DeleteTags", gone, gone, refusal("UnauthorizedOperation"), {})
    with pytest.raises(RuntimeError, match=r"some of 3 nodes failed: i-2: .*Unauthorized[^;]*$"):
        run("InstanceIds", '["i-5"]')
    assert [each["Resources"] for each in calls.of("DeleteTags")][1:] == [["i-1"], ["i-2"], ["i-3"]]


def test_after_eight_minutes_the_nodes_that_are_left_are_named_and_counted(calls, monkeypatch):
    """Automation ends the script after ten, and nobody would know why."""
    now = types.SimpleNamespace(monotonic=lambda: now.seconds, seconds=0)
    for module in (script, load("node_tags")):
        monkeypatch.setattr(module, "time", now)
    Inventory(calls, {"mi-1": named(), "mi-2": named(), "i-3": named()})

    def slowly(_):
        now.seconds += 300
        return {}

    calls.script("RemoveTagsFromResource", slowly, slowly)
    with pytest.raises(RuntimeError) as error:
        run("InstanceIds", '["i-5"]')
    assert str(error.value) == (
        f"removing tag {KEY} from some of 3 nodes failed: i-3 and those after it, 1 in all: the time was up; "
        "run it again"
    )
    assert calls.of("DeleteTags") == []


def test_a_batch_that_is_split_does_not_outlast_the_time(calls, monkeypatch):
    now = types.SimpleNamespace(monotonic=lambda: now.seconds, seconds=0)
    for module in (script, load("node_tags")):
        monkeypatch.setattr(module, "time", now)
    Inventory(calls, {f"i-{number}": named() for number in range(9)})

    def slowly(arguments):
        now.seconds += 200
        if len(arguments["Resources"]) > 1:
            raise refusal("InvalidInstanceID.NotFound")
        return {}

    calls.script("DeleteTags", *[slowly] * 10)
    with pytest.raises(RuntimeError, match=r"i-2 and those after it, 7 in all: the time was up"):
        run("InstanceIds", '["i-99"]')
