"""Looks at what stands in AWS, with a client that shares nothing with orgpatch."""

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from emulator import MANAGEMENT_ACCOUNT, Emulator
from organization import GLOBAL, HOME

PREFIXES = ("StackSet-orgpatch-", "orgpatch-")
BUCKET_PREFIX = "aws-quicksetup-patchpolicy-"
OVERRIDE_KEY = "baseline_overrides.json"
BASELINE_PREFIX = "orgpatch-"
# What an entry of the override object has, and nothing else.
ENTRY_KEYS = {
    "OperatingSystem",
    "GlobalFilters",
    "ApprovalRules",
    "ApprovedPatches",
    "ApprovedPatchesComplianceLevel",
    "ApprovedPatchesEnableNonSecurity",
    "RejectedPatches",
    "RejectedPatchesAction",
    "Sources",
}
# StackSets puts a UUID behind the name of the set.
_UUID = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass(frozen=True)
class Stack:
    """A stack of orgpatch's, or one that is called like it."""

    account: str
    region: str
    name: str
    status: str
    template: str
    parameters: dict[str, str]
    tags: dict[str, str]

    @property
    def family(self) -> str:
        """Its name, without the UUID that StackSets adds."""
        return _UUID.sub("", self.name)


@dataclass(frozen=True)
class Instance:
    """A stack instance, as the account that runs the stack set sees it."""

    account: str
    region: str
    ou: str
    status: str
    detailed_status: str


@dataclass(frozen=True)
class StackSet:
    """An active stack set, with the ids of all operations that it has ever had."""

    name: str
    template: str
    parameters: dict[str, str]
    tags: dict[str, str]
    auto_deployment: bool
    managed_execution: bool
    instances: tuple[Instance, ...]
    operations: tuple[str, ...]


@dataclass(frozen=True)
class Baseline:
    """A patch baseline of the owner's that is called like orgpatch's."""

    id: str
    tags: dict[str, str]
    says: dict[str, Any]


@dataclass(frozen=True)
class Footprint:
    """All that orgpatch could have made. Two are equal if nothing happened between."""

    stacks: tuple[Stack, ...]
    stack_sets: tuple[StackSet, ...]
    # (bucket, key) → version; a key without text stands for the bucket itself.
    objects: dict[tuple[str, str], str]
    # (account, name) of IAM roles that are called like Quick Setup's.
    roles: frozenset[tuple[str, str]]

    def without_records(self) -> "Footprint":
        """The same, but for what apply writes down about itself."""
        kept = {
            place: version
            for place, version in self.objects.items()
            if not place[1].startswith(("runs/", "lock.json"))
        }
        return Footprint(self.stacks, self.stack_sets, kept, self.roles)

    def places(self) -> set[tuple[str, str, str]]:
        """(account, Region, name without UUID) of every stack."""
        found = [(stack.account, stack.region, stack.family) for stack in self.stacks]
        assert len(found) == len(set(found)), f"two alike in one place: {found}"
        return set(found)

    def stack_set(self, name: str) -> StackSet:
        """The stack set of that name."""
        return next(each for each in self.stack_sets if each.name == name)

    def operations(self) -> set[str]:
        """The ids of all StackSets operations."""
        return {each for found in self.stack_sets for each in found.operations}

    def bucket(self, home: str) -> str:
        """The override bucket of the ring whose home stack is called so."""
        [stack] = [stack for stack in self.stacks if stack.name == home]
        return f"{BUCKET_PREFIX}{stack.account}-{stack.parameters['RingId']}"

    def buckets(self) -> set[str]:
        """All override buckets, without those for access logs."""
        return {name for name, _ in self.objects if "-access-log-" not in name}


def footprint(
    emulator: Emulator,
    accounts: Iterable[str],
    regions: Iterable[str],
    owner: str = MANAGEMENT_ACCOUNT,
) -> Footprint:
    """Looks everywhere. `owner` is the account that orgpatch runs in."""
    accounts, regions = sorted(accounts), sorted(regions)
    return Footprint(
        stacks=tuple(
            stack
            for account in accounts
            for region in regions
            for stack in _stacks(emulator, account, region)
        ),
        stack_sets=tuple(_stack_sets(emulator)),
        objects=dict(_objects(emulator, owner)),
        roles=frozenset(
            (account, role)
            for account in accounts
            for role in _roles(emulator, account)
        ),
    )


def override_bucket(emulator: Emulator, owner: str = MANAGEMENT_ACCOUNT) -> str:
    """The one bucket with the override object. It ends in the ring's id."""
    s3 = emulator.client("s3", HOME, emulator.administrator(owner))
    [bucket] = [
        name for name in _buckets(s3) if name.startswith(f"{BUCKET_PREFIX}{owner}-")
    ]
    return bucket


def overrides(
    emulator: Emulator, owner: str = MANAGEMENT_ACCOUNT, bucket: str = ""
) -> list[dict[str, Any]]:
    """The override object: what every scan in every account is told to approve.

    Where there are several rings, `bucket` says whose.
    """
    s3 = emulator.client("s3", HOME, emulator.administrator(owner))
    bucket = bucket or override_bucket(emulator, owner)
    return json.load(s3.get_object(Bucket=bucket, Key=OVERRIDE_KEY)["Body"])


def baselines(emulator: Emulator) -> dict[str, Baseline]:
    """The management account's baselines that are called like orgpatch's, by name."""
    ssm = emulator.client("ssm", HOME)
    pages = ssm.get_paginator("describe_patch_baselines").paginate(
        Filters=[
            {"Key": "OWNER", "Values": ["Self"]},
            {"Key": "NAME_PREFIX", "Values": [BASELINE_PREFIX]},
        ]
    )
    listed = [each for page in pages for each in page["BaselineIdentities"]]
    names = [each["BaselineName"] for each in listed]
    assert len(names) == len(set(names)), f"two of one name: {names}"
    return {
        each["BaselineName"]: Baseline(
            id=each["BaselineId"],
            tags=_pairs(
                ssm.list_tags_for_resource(
                    ResourceType="PatchBaseline", ResourceId=each["BaselineId"]
                )["TagList"]
            ),
            says=said(ssm.get_patch_baseline(BaselineId=each["BaselineId"])),
        )
        for each in listed
    }


def said(baseline: dict[str, Any]) -> dict[str, Any]:
    """What a baseline, or an entry of the override object, says to nodes.

    The emulator gives back what it was given. AWS adds what was left away, so that does
    not count here, nor does the order of filters.
    """
    groups = {
        "GlobalFilters": {"PatchFilters": []},
        "ApprovalRules": {"PatchRules": []},
    }
    says = groups | {key: baseline[key] for key in baseline.keys() & ENTRY_KEYS}
    return says | {
        "GlobalFilters": _filters(says["GlobalFilters"]),
        "ApprovalRules": [
            {"EnableNonSecurity": False, "ComplianceLevel": "UNSPECIFIED"}
            | rule
            | {"PatchFilterGroup": _filters(rule["PatchFilterGroup"])}
            for rule in says["ApprovalRules"]["PatchRules"]
        ],
    }


def _filters(group: dict[str, Any]) -> dict[str, list[str]]:
    return {each["Key"]: sorted(each["Values"]) for each in group["PatchFilters"]}


def _stacks(emulator: Emulator, account: str, region: str) -> Iterator[Stack]:
    keys = emulator.administrator(account)
    cloudformation = emulator.client("cloudformation", region, keys)
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    for found in (stack for page in pages for stack in page["Stacks"]):
        name = found["StackName"]
        if not name.startswith(PREFIXES):
            continue
        in_arn = found["StackId"].split(":")[4]
        assert in_arn == account, f"asked {account} for stacks, {in_arn} answered"
        # boto3 hands out a JSON template as a dictionary, a YAML one as text.
        template = cloudformation.get_template(StackName=name)["TemplateBody"]
        yield Stack(
            account=account,
            region=region,
            name=name,
            status=found["StackStatus"],
            template=template if isinstance(template, str) else json.dumps(template),
            # The emulator lists the pseudo parameters (AWS::Region …) too.
            parameters={
                each["ParameterKey"]: each["ParameterValue"]
                for each in found.get("Parameters", [])
                if not each["ParameterKey"].startswith("AWS::")
            },
            tags=_pairs(found.get("Tags", [])),
        )


def _stack_sets(emulator: Emulator) -> Iterator[StackSet]:
    """From the management account, which sees a delegated administrator's sets too."""
    cloudformation = emulator.client("cloudformation", HOME)
    pages = cloudformation.get_paginator("list_stack_sets").paginate(Status="ACTIVE")
    for summary in (each for page in pages for each in page["Summaries"]):
        name = summary["StackSetName"]
        if not name.startswith(PREFIXES):
            continue
        found = cloudformation.describe_stack_set(StackSetName=name)["StackSet"]
        operations = cloudformation.get_paginator("list_stack_set_operations")
        instances = cloudformation.get_paginator("list_stack_instances")
        yield StackSet(
            name=name,
            template=found["TemplateBody"],
            parameters={
                each["ParameterKey"]: each["ParameterValue"]
                for each in found["Parameters"]
            },
            tags=_pairs(found["Tags"]),
            auto_deployment=found["AutoDeployment"]["Enabled"],
            managed_execution=found["ManagedExecution"]["Active"],
            instances=tuple(
                _instance(each)
                for page in instances.paginate(StackSetName=name)
                for each in page["Summaries"]
            ),
            operations=tuple(
                each["OperationId"]
                for page in operations.paginate(StackSetName=name)
                for each in page["Summaries"]
            ),
        )


def _instance(summary: dict[str, Any]) -> Instance:
    return Instance(
        account=summary["Account"],
        region=summary["Region"],
        ou=summary["OrganizationalUnitId"],
        status=summary["Status"],
        detailed_status=summary["StackInstanceStatus"]["DetailedStatus"],
    )


def _objects(emulator: Emulator, owner: str) -> Iterator[tuple[tuple[str, str], str]]:
    s3 = emulator.client("s3", HOME, emulator.administrator(owner))
    for bucket in _buckets(s3):
        yield (bucket, ""), ""
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []):
                if version["IsLatest"]:
                    yield (bucket, version["Key"]), version["VersionId"]


def _buckets(s3: Any) -> list[str]:
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    return [name for name in names if name.startswith(BUCKET_PREFIX)]


def _roles(emulator: Emulator, account: str) -> Iterator[str]:
    iam = emulator.client("iam", GLOBAL, emulator.administrator(account))
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if "QuickSetup" in role["RoleName"]:
                yield role["RoleName"]


def _pairs(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def await_operation(emulator: Emulator, stack_set: str, operation: str) -> None:
    """Waits until an operation that the test itself has begun has succeeded."""
    cloudformation = emulator.client("cloudformation", HOME)
    for _ in range(300):
        found = cloudformation.describe_stack_set_operation(
            StackSetName=stack_set, OperationId=operation
        )["StackSetOperation"]
        if found["Status"] not in ("QUEUED", "RUNNING", "STOPPING"):
            assert found["Status"] == "SUCCEEDED", found
            return
        time.sleep(0.1)
    raise TimeoutError(f"operation {operation} on {stack_set} still runs after 30 s")


def bucket_exists(emulator: Emulator, bucket: str) -> bool:
    """Whether anybody has a bucket of that name."""
    try:
        emulator.client("s3", HOME).head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True
