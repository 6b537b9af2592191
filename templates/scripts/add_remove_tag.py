"""Puts the ring's name tag on one node, or takes it off. Touches no other tag."""

from typing import Any

from botocore.exceptions import ClientError
from document import GONE, client, code, given


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    node, action = given(events, "InstanceId", r"\S+"), given(events, "TagAction", "Add|Remove")
    key = f"QSConfigName-{given(events, 'RingId', '[a-z0-9]{5}')}"
    name = given(events, "PolicyName", r"[A-Za-z0-9_./-]{1,128}")
    tags, hybrid = [{"Key": key, "Value": name}], {"ResourceType": "ManagedInstance", "ResourceId": node}
    ec2, ssm = client("ec2"), client("ssm")
    try:
        match action, node.split("-")[0]:
            case "Add", "i":
                ec2.create_tags(Resources=[node], Tags=tags)
            case "Remove", "i":
                ec2.delete_tags(Resources=[node], Tags=[{"Key": key}])
            case "Add", "mi":
                ssm.add_tags_to_resource(**hybrid, Tags=tags)
            case "Remove", "mi":
                ssm.remove_tags_from_resource(**hybrid, TagKeys=[key])
            case _:
                return {"Changed": False}  # no node that has tags
    except ClientError as error:
        gone = code(error) in GONE
        if gone and action == "Remove":
            return {"Changed": False}
        why = "it no longer exists" if gone else error
        raise RuntimeError(
            f"{action} tag {key}={name} on node {node} failed: {why}. Nothing changed."
        ) from error
    return {"Changed": True}
