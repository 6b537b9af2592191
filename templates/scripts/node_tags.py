"""Taking a tag off nodes."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from document import GONE, code


def chunks(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def untag_some(ec2: Any, ssm: Any, some: list[str], key: str) -> None:
    if some[0].startswith("mi-"):
        ssm.remove_tags_from_resource(ResourceType="ManagedInstance", ResourceId=some[0], TagKeys=[key])
    else:
        ec2.delete_tags(Resources=some, Tags=[{"Key": key}])


def untag(ec2: Any, ssm: Any, nodes: list[str], key: str, until: float) -> list[str]:
    """Takes the tag off, for so long; answers what failed. A node that is gone needs nothing."""
    batches = deque([node] for node in nodes if node.startswith("mi-"))
    batches.extend(chunks([node for node in nodes if node.startswith("i-")], 250))
    failed: list[str] = []
    while batches:
        some = batches.popleft()
        if time.monotonic() > until:
            left = sum(len(each) for each in (some, *batches))
            return [*failed, f"{some[0]} and those after it, {left} in all: the time was up; run it again"]
        try:
            untag_some(ec2, ssm, some, key)
        except (BotoCoreError, ClientError) as error:
            gone = isinstance(error, ClientError) and code(error) in GONE
            if gone and len(some) > 1:  # one node that is gone fails its whole batch
                batches.extendleft([node] for node in reversed(some))
            elif not gone:
                named = some[0] if len(some) == 1 else f"{some[0]} and {len(some) - 1} more"
                failed.append(f"{named}: {error}")
    return failed
