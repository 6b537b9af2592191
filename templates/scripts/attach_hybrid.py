"""Lets one hybrid node read the ring's baselines: its role gets two policies and the ring's tag."""

from typing import Any

from document import client, given
from role import DEFAULT, complete
from run import Run


def role_of(run: Run, node: str) -> str:
    filters = [{"Key": "InstanceIds", "Values": [node]}]
    call = client("ssm").describe_instance_information
    found = run.call("looking for the node", call, Filters=filters)["InstanceInformationList"]
    if not found:
        raise run.error("it is no longer registered, so its role was not looked at")
    role = found[0].get("IamRole", "").rsplit("/", 1)[-1]
    if not role:
        raise run.error("Systems Manager names no role for it; register it with a role")
    return role


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    node, ring = given(events, "InstanceId", r"\S+"), given(events, "RingId", r"[a-z0-9]{5}")
    attach = given(events, "AttachPolicies", "true|false") == "true"
    partition = given(events, "Partition", r"aws[a-z-]*")
    if not node.startswith("mi-"):
        return {"Role": "", "Done": []}
    run = Run(f"Node {node}")
    role = role_of(run, node)
    return complete(run, role, attach or role == DEFAULT, ring, partition)
