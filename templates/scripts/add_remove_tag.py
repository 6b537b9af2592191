"""Puts the ring's name tag on one node, or takes it off. Touches no other tag."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
GONE = ("InvalidInstanceID.NotFound", "InvalidResourceId")


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    node, action, name = events["InstanceId"], events["TagAction"], events["PolicyName"]
    key = f"QSConfigName-{events['RingId']}"
    tags, hybrid = [{"Key": key, "Value": name}], {"ResourceType": "ManagedInstance", "ResourceId": node}
    ec2, ssm = boto3.client("ec2", config=RETRIES), boto3.client("ssm", config=RETRIES)
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
        gone = error.response["Error"]["Code"] in GONE
        if gone and action == "Remove":
            return {"Changed": False}
        why = "it no longer exists" if gone else error
        raise RuntimeError(
            f"{action} tag {key}={name} on node {node} failed: {why}. Nothing changed."
        ) from error
    return {"Changed": True}
