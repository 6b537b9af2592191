"""What a policy deploys, as a list that a person can read.

A change of it is to be looked at. `ORGPATCH_UPDATE_SNAPSHOTS=1 make test` renews the files.
"""

import os
import pathlib

import pytest
import yaml

from rendered import FOLDER, policies
from resolver import resolve

ROOT = pathlib.Path(__file__).parents[2]
SNAPSHOTS = pathlib.Path(__file__).parent / "snapshots"
OWNER, MEMBER = "111122223333", "777788889999"


def statements(document):
    return document.get("Statement", [])


def listed(value):
    return value if isinstance(value, list) else [value]


def of_role(properties):
    if "PermissionsBoundary" in properties:
        yield f"boundary {properties['PermissionsBoundary']}"
    for policy in properties.get("Policies", []):
        for each in statements(policy["PolicyDocument"]):
            yield f"{each['Effect']} {each['Sid']}: {', '.join(listed(each['Action']))}"


def of_bucket(properties):
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    its = rule["ServerSideEncryptionByDefault"]
    yield " ".join(["encrypted", *its.values()])


def of_bucket_policy(properties):
    for each in statements(properties["PolicyDocument"]):
        yield f"{each['Effect']} {each['Sid']}"


def of_association(properties):
    yield f"runs {properties['Name']}"
    for target in properties.get("Targets", []):
        values = target["Values"]
        shown = ", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else "")
        yield f"on {target['Key']} {shown}"


DETAILS = {
    "AWS::IAM::Role": of_role,
    "AWS::S3::Bucket": of_bucket,
    "AWS::S3::BucketPolicy": of_bucket_policy,
    "AWS::SSM::Association": of_association,
}


def schedule(properties, region, shifting):
    at = properties.get("ScheduleExpression", "once")
    if at.startswith("cron") and region in shifting:
        at = "cron in local time, whose clocks change"
    offset = f", {properties['ScheduleOffset']} days later" if "ScheduleOffset" in properties else ""
    only = " and not with the stack" if properties.get("ApplyOnlyAtCronInterval") in (True, "true") else ""
    calendars = "".join(f", while open: {each}" for each in properties.get("CalendarNames", []))
    return f"{at}{offset}{only}{calendars}"


def alike(stacks):
    """The stacks and stack sets of a policy, those of one template and the same parameters together."""
    groups = {}
    for stack in stacks:
        groups.setdefault((stack.text, str(stack.parameters)), []).append(stack)
    return groups.values()


def lines(stacks, shifting):
    """The resources of stacks that are alike: what is the same in all Regions, and the schedules of each."""
    stack = stacks[0]
    account = MEMBER if "stack_set" in stacks[-1].sent else OWNER
    regions = sorted({region for each in stacks for region in each.regions})
    found = {region: resolve(stack.text, stack.parameters, account, region) for region in regions}
    first = found[regions[0]]
    for each in stacks:
        kind = "stack set" if "stack_set" in each.sent else "stack"
        yield f"== {kind} {each.name}: {', '.join(each.regions)}"
    for logical, resource in sorted(stack.template["Resources"].items()):
        kind = resource["Type"].removeprefix("AWS::")
        condition = f" if {resource['Condition']}" if "Condition" in resource else ""
        if logical not in first:
            yield f"{kind} {logical}{condition}: not made"
            continue
        properties, name = first[logical].properties, first[logical].name.replace(regions[0], "<region>")
        yield f"{kind} {logical}{condition}" + ("" if name == logical else f": {name}")
        yield from (f"    {line}" for line in DETAILS.get(resource["Type"], lambda _: ())(properties))
        if resource["Type"] == "AWS::SSM::Association":
            every = {
                region: schedule(found[region][logical].properties, region, shifting) for region in regions
            }
            same = len(set(every.values())) == 1
            yield from (
                f"    {'at' if same else region} {at}"
                for region, at in list(every.items())[: 1 if same else None]
            )
    yield ""


def changing_clocks(name):
    """The Regions in which a schedule depends on the day: those of a policy in local time, but for Tokyo."""
    (path,) = [*ROOT.glob(f"policies/{name}.yaml"), *ROOT.glob(f"tests/fixtures/rendered/{name}.yaml")]
    policy = yaml.safe_load(path.read_text())
    parts = [policy, *policy.get("rings", [])]
    local = any(part.get("schedule", {}).get("timezone", "UTC") != "UTC" for part in parts)
    regions = {region for part in [policy["targets"], *parts] for region in part.get("regions", [])}
    return regions - {"ap-northeast-1"} if local else set()


@pytest.mark.parametrize("name", policies())
def test_a_policy_deploys_what_its_snapshot_says(name):
    shifting = changing_clocks(name)
    text = "\n".join(line for stacks in alike(policies()[name]) for line in lines(stacks, shifting))
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("ORGPATCH_UPDATE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(text)
    before = path.read_text() if path.exists() else ""
    assert text.splitlines() == before.splitlines(), (
        "another deployment than the snapshot's; if it is meant: ORGPATCH_UPDATE_SNAPSHOTS=1 make test"
    )


def test_every_snapshot_is_of_a_policy():
    assert not FOLDER or {path.stem for path in SNAPSHOTS.glob("*.txt")} == set(policies())
