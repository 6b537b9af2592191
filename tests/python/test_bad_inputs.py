"""A document's inputs are checked before anything is done."""

import json
import urllib.request

import pytest

from conftest import load

NODE = {"InstanceId": "i-0123456789abcdef0"}
RING = {"RingId": "abcde"}
ROLE = NODE | RING | {"AttachPolicies": "true", "Partition": "aws"}
GOOD = {
    "add_remove_tag": NODE | RING | {"TagAction": "Add", "PolicyName": "weekly"},
    "attach_ec2": ROLE,
    "attach_hybrid": ROLE,
    "remediate_name_tags": RING | {"TargetType": "Tags", "TargetValues": '[{"Key": "a", "Values": []}]'},
    "sync_baselines": {"BucketName": "bucket", "Baselines": '{"UBUNTU": "pb-0123456789abcdef0"}'},
    "take_back": RING | {"Partition": "aws", "Signal": "https://stack.example/?a=b"},
}
# What no input may be: Automation passes texts only, and an input that it did not replace is still in braces.
NEVER = [None, 1, True, ["text"], {"Key": "a"}, "", "{{ Input }}"]
MALFORMED = {
    "InstanceId": ["i-1 i-2", "i-1\n"],
    "RingId": ["abcd", "abcdef", "ABCDE", "ab-de", "abcde\n", "*****"],
    "AttachPolicies": ["True", "yes", "true "],
    "Partition": ["AWS", "aws:iam", "azure", "aws\n"],
    "TagAction": ["add", "Rename", "Add|Remove"],
    "PolicyName": ["a b", "a" * 129, "ä", "weekly\n"],
    "TargetType": ["Everything", "tags", "ResourceGroups", "Tags\n"],
    "TargetValues": ["web", "{}", "[", "] ["],
    "BucketName": ["ab", "Bucket", "a" * 64, "s3://bucket", "bucket/key"],
    "Baselines": ["[]", "pb-1", "{", "} {"],
    "Signal": ["http://stack.example/", "file:///etc/passwd", "https://", "https://a b", "stack.example"],
}
NOTHING = r"Nothing (changed|was written)\.$"


@pytest.fixture(autouse=True)
def nothing_is_done(calls, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("the stack was told"))
    yield
    assert calls.made == []


def cases(values):
    for script, events in GOOD.items():
        for name in events:
            for value in values(name):
                yield pytest.param(script, name, value, id=f"{script}-{name}-{value!r:.20}")


@pytest.mark.parametrize(("script", "name"), [(script, name) for script in GOOD for name in GOOD[script]])
def test_an_input_that_is_missing_is_named(script, name):
    events = {key: value for key, value in GOOD[script].items() if key != name}
    with pytest.raises(ValueError, match=f"the document's input {name} is None .*{NOTHING}"):
        load(script).handler(events, None)


@pytest.mark.parametrize(("script", "name", "value"), list(cases(lambda _: NEVER)))
def test_an_input_of_another_type_is_named(script, name, value):
    with pytest.raises(ValueError, match=rf"the document's input {name} is .*{NOTHING}"):
        load(script).handler(GOOD[script] | {name: value}, None)


@pytest.mark.parametrize(("script", "name", "value"), list(cases(MALFORMED.get)))
def test_an_input_that_is_malformed_is_named(script, name, value):
    with pytest.raises(ValueError, match=rf"the document's input {name} is .*{NOTHING}"):
        load(script).handler(GOOD[script] | {name: value}, None)


@pytest.mark.parametrize(
    ("script", "name", "value"),
    [
        ("sync_baselines", "Baselines", "{UBUNTU: pb-1}"),
        ("remediate_name_tags", "TargetValues", '[{"Key": "a]'),
    ],
)
def test_what_is_no_json_is_named(script, name, value):
    with pytest.raises(ValueError, match=f"the document's input {name} is no JSON: .*{NOTHING}"):
        load(script).handler(GOOD[script] | {name: value}, None)


ARN = "arn:aws:ssm:eu-west-1:111122223333:patchbaseline/pb-0123456789abcdef0"


@pytest.mark.parametrize(
    "wrong",
    [
        *[1, None, True, [], {}, ["pb-0123456789abcdef0"]],
        *["", "ab", "a" * 129, "my baseline", "a/b", "ä" * 20, "name\n", "*"],
        *[f"{ARN}\n", ARN[:-1], ARN.replace("ssm", "sqs"), ARN.replace("1111", "xyz"), ARN.replace("/", ":")],
    ],
)
def test_baselines_that_have_no_id_arn_or_name_are_refused(wrong):
    """Also where the others are right: none is read then, so the file stays as it is."""
    baselines = json.dumps({"UBUNTU": "pb-0123456789abcdef0", "WINDOWS": wrong})
    with pytest.raises(
        ValueError, match=rf"input Baselines has something else than ids, ARNs or names[\s\S]*{NOTHING}"
    ):
        load("sync_baselines").handler(GOOD["sync_baselines"] | {"Baselines": baselines}, None)


def test_no_baselines_are_refused():
    with pytest.raises(ValueError, match=r"Baselines names none, so s3://bucket/\S+ was left as it is"):
        load("sync_baselines").handler(GOOD["sync_baselines"] | {"Baselines": "{}"}, None)


TAG = {"Key": "a", "Values": []}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        *[("Tags", values) for values in ([], ["a"], [1], [None], [[]], [{}], [TAG, "a"])],
        *[
            ("Tags", [TAG | wrong])
            for wrong in (
                {"Key": 1},
                {"Key": None},
                {"Key": ""},
                {"Values": "b"},
                {"Values": None},
                {"Values": [1]},
            )
        ],
        *[("Tags", [{"Key": "a"}]), ("Tags", [{"Values": []}])],
        *[("InstanceIds", values) for values in ([], [1], [None], [""], [TAG], ["i-1", 2], [["i-1"]])],
        *[("ResourceGroup", values) for values in ([], [1], [None], [""], [TAG])],
    ],
)
def test_targets_that_name_no_nodes_are_refused(kind, values):
    """With such ones every node would lose its tag."""
    events = GOOD["remediate_name_tags"] | {"TargetType": kind, "TargetValues": json.dumps(values)}
    with pytest.raises(
        ValueError, match=rf"TargetType {kind} with TargetValues .* names no nodes\. {NOTHING}"
    ):
        load("remediate_name_tags").handler(events, None)


def test_every_input_of_every_script_is_tested():
    assert {name for events in GOOD.values() for name in events} == set(MALFORMED)
