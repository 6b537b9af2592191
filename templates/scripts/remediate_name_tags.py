"""Takes the ring's name tag off nodes that are no longer targets. Touches no other tag."""

import json
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from document import client, given
from node_tags import chunks, untag

STATUS = "AWS:InstanceInformation.InstanceStatus"
ALIVE = {"Key": STATUS, "Values": ["Terminated", "ConnectionLost"], "Type": "NotEqual"}


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
    if kind == "InstanceIds":
        return set(values)
    if kind == "ResourceGroup":
        return nodes(ssm, ResourceGroup_Name=values)
    return set.intersection(*(tagged(ssm, tag["Key"], tag["Values"]) for tag in values))


def names_nodes(kind: str, values: list[Any]) -> bool:
    """Whether targets are what they should be: without any, every node would lose its tag."""

    def named(value: Any) -> bool:
        return isinstance(value, str) and bool(value)

    def meant(tag: Any) -> bool:
        found = tag.get("Values") if isinstance(tag, dict) else None
        return isinstance(found, list) and named(tag.get("Key")) and all(isinstance(v, str) for v in found)

    return bool(values) and all(map(meant if kind == "Tags" else named, values))


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    kind = given(events, "TargetType", r"\*|Tags|ResourceGroup|InstanceIds")
    key = f"QSConfigName-{given(events, 'RingId', '[a-z0-9]{5}')}"
    text = given(events, "TargetValues", r"\[[\s\S]*\]")
    if kind == "*":
        return {"Removed": []}  # every node is a target
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"the document's input TargetValues is no JSON: {error}. Nothing changed."
        ) from error
    if not names_nodes(kind, values):
        raise ValueError(f"TargetType {kind} with TargetValues {values} names no nodes. Nothing changed.")
    until = time.monotonic() + 480  # seconds; Automation ends the script after 600
    ec2, ssm = client("ec2"), client("ssm")
    try:
        stale = sorted(nodes(ssm, Tag_Key=[key]) - targets(ssm, kind, values))
    except (BotoCoreError, ClientError) as error:
        raise RuntimeError(
            f"reading nodes with tag {key} and targets failed: {error}. Nothing changed."
        ) from error
    failed = untag(ec2, ssm, stale, key, until)
    if failed:
        raise RuntimeError(f"removing tag {key} from some of {len(stale)} nodes failed: {'; '.join(failed)}")
    return {"Removed": stale}
