"""Takes the ring's name tag off nodes that are no longer targets. Touches no other tag."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
GONE = ("InvalidInstanceID.NotFound", "InvalidResourceId")
STATUS = "AWS:InstanceInformation.InstanceStatus"
ALIVE = {"Key": STATUS, "Values": ["Terminated", "ConnectionLost"], "Type": "NotEqual"}


def chunks(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def nodes(ssm: Any, **filters: list[str]) -> set[str]:
    """The ids of the nodes that Inventory has for all of the filters."""
    asked = [{"Key": f"AWS:{key.replace('_', '.')}", "Values": values} for key, values in filters.items()]
    pages = ssm.get_paginator("get_inventory").paginate(Filters=[*asked, ALIVE])
    return {entity["Id"] for page in pages for entity in page["Entities"]}


def tagged(ssm: Any, key: str, values: list[str]) -> set[str]:
    """The nodes with the tag: with one of the values, or with any if none is named."""
    if not values:
        return nodes(ssm, Tag_Key=[key])
    found: set[str] = set()
    for some in chunks(values, 40):  # Inventory takes 40 values a filter
        found |= nodes(ssm, Tag_Key=[key], Tag_Value=some)
    return found


def targets(ssm: Any, kind: str, values: list[Any]) -> set[str]:
    """The nodes that the policy means now. Filters are ANDed, so each tag is asked for by itself."""
    if kind == "InstanceIds" and values:
        return set(values)
    if kind == "ResourceGroup" and values:
        return nodes(ssm, ResourceGroup_Name=values)
    if kind == "Tags" and values:
        return set.intersection(*(tagged(ssm, tag["Key"], tag["Values"]) for tag in values))
    raise ValueError(f"TargetType {kind} with TargetValues {values} names no nodes. Nothing changed.")


def untag(ec2: Any, ssm: Any, some: list[str], key: str) -> list[str]:
    """Takes the tag off; answers what failed. A node that is gone needs nothing."""
    try:
        if some[0].startswith("mi-"):
            ssm.remove_tags_from_resource(ResourceType="ManagedInstance", ResourceId=some[0], TagKeys=[key])
        else:
            ec2.delete_tags(Resources=some, Tags=[{"Key": key}])
    except ClientError as error:
        if len(some) > 1:  # one bad node fails its whole batch
            return [text for node in some for text in untag(ec2, ssm, [node], key)]
        return [] if error.response["Error"]["Code"] in GONE else [f"{some[0]}: {error}"]
    return []


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    kind, key = events["TargetType"], f"QSConfigName-{events['RingId']}"
    if kind == "*":
        return {"Removed": []}  # every node is a target
    values = events["TargetValues"]
    values = json.loads(values) if isinstance(values, str) else values
    ec2, ssm = boto3.client("ec2", config=RETRIES), boto3.client("ssm", config=RETRIES)
    try:
        stale = sorted(nodes(ssm, Tag_Key=[key]) - targets(ssm, kind, values))
    except ClientError as error:
        raise RuntimeError(
            f"reading nodes with tag {key} and targets failed: {error}. Nothing changed."
        ) from error
    batches = [[node] for node in stale if node.startswith("mi-")]
    batches += chunks([node for node in stale if node.startswith("i-")], 250)
    failed = [text for some in batches for text in untag(ec2, ssm, some, key)]
    if failed:
        raise RuntimeError(
            f"removing tag {key} from {len(failed)} of {len(stale)} nodes failed: {'; '.join(failed)}"
        )
    return {"Removed": stale}
