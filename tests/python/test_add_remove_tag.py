import boto3
import pytest

from conftest import load, refusal

script = load("add_remove_tag")
HYBRID = "mi-0123456789abcdef0"
KEY = "QSConfigName-abcde"
IMAGE = "ami-12c6146b"  # one that moto has


def run(node, action="Add"):
    events = {"InstanceId": node, "TagAction": action, "PolicyName": "weekly", "RingId": "abcde"}
    return script.handler(events, None)


def node():
    ec2 = boto3.client("ec2")
    instance = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "QSConfigName-zzzzz", "Value": "other"}])
    return instance


def tags(instance):
    found = boto3.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def test_add_puts_the_tag_on_an_ec2_node_and_leaves_the_others():
    instance = node()
    assert run(instance) == {"Changed": True}
    assert tags(instance) == {KEY: "weekly", "QSConfigName-zzzzz": "other"}


def test_adding_twice_is_the_same_as_once():
    instance = node()
    run(instance)
    run(instance)
    assert tags(instance)[KEY] == "weekly"


def test_remove_takes_only_the_rings_own_tag_off_an_ec2_node():
    instance = node()
    run(instance)
    run(instance, "Remove")
    run(instance, "Remove")
    assert tags(instance) == {"QSConfigName-zzzzz": "other"}


def test_add_puts_the_tag_on_a_hybrid_node(calls):
    calls.script("AddTagsToResource", {})
    assert run(HYBRID) == {"Changed": True}
    assert calls.made == [
        (
            "AddTagsToResource",
            {
                "ResourceType": "ManagedInstance",
                "ResourceId": HYBRID,
                "Tags": [{"Key": KEY, "Value": "weekly"}],
            },
        )
    ]


def test_remove_takes_the_tag_off_a_hybrid_node(calls):
    calls.script("RemoveTagsFromResource", {})
    assert run(HYBRID, "Remove") == {"Changed": True}
    expected = {"ResourceType": "ManagedInstance", "ResourceId": HYBRID, "TagKeys": [KEY]}
    assert calls.of("RemoveTagsFromResource") == [expected]


@pytest.mark.parametrize("gone", ["InvalidInstanceID.NotFound", "InvalidResourceId"])
def test_adding_to_a_node_that_is_gone_is_reported(calls, gone):
    calls.script("CreateTags", refusal(gone))
    with pytest.raises(RuntimeError, match=f"Add tag {KEY}=weekly on node i-0 failed: it no longer exists"):
        run("i-0")


def test_removing_from_a_node_that_is_gone_needs_nothing(calls):
    calls.script("RemoveTagsFromResource", refusal("InvalidResourceId"))
    assert run(HYBRID, "Remove") == {"Changed": False}


def test_another_error_says_what_was_being_done(calls):
    calls.script("DeleteTags", refusal("UnauthorizedOperation"))
    with pytest.raises(RuntimeError, match=rf"Remove tag {KEY}=weekly on node i-0 failed.*Unauthorized"):
        run("i-0", "Remove")


@pytest.mark.parametrize("action", ["Add", "Remove"])
def test_what_is_no_node_is_left(calls, action):
    assert run("arn:aws:ecs:task", action) == {"Changed": False}
    assert calls.made == []
