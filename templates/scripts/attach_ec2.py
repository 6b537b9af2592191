"""Lets one EC2 node read the ring's baselines: its role gets two policies and the ring's tag."""

import json
from typing import Any

from document import client, given
from role import DEFAULT, complete
from run import Run

# Errors that pass by themselves: IAM takes up to a minute to spread, an instance some time to start.
PASSING = ("NoSuchEntity", "InvalidParameterValue", "IncorrectInstanceState")


def profile_of(run: Run, ec2: Any, node: str) -> str:
    """The name of the node's instance profile; empty if it has none."""
    gone = "InvalidInstanceID.NotFound"
    found = run.call("looking for the node", ec2.describe_instances, gone, InstanceIds=[node]) or {}
    instances = [each for group in found.get("Reservations", []) for each in group["Instances"]]
    if not instances or instances[0]["State"]["Name"] in ("shutting-down", "terminated"):
        raise run.error("it no longer exists, so its role was not looked at")
    return instances[0].get("IamInstanceProfile", {}).get("Arn", "").rsplit("/", 1)[-1]


def roles_of(run: Run, iam: Any, profile: str, *fine: str) -> list[str] | None:
    doing = f"reading instance profile {profile}"
    found = run.call(doing, iam.get_instance_profile, *fine, InstanceProfileName=profile)
    return found and [role["RoleName"] for role in found["InstanceProfile"]["Roles"]]


def make_role(run: Run, iam: Any, partition: str) -> None:
    service = "ec2.amazonaws.com.cn" if partition == "aws-cn" else "ec2.amazonaws.com"
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    role = {
        "RoleName": DEFAULT,
        "Description": "EC2 role for SSM for Quick-Setup",
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    }
    if run.call(f"creating role {DEFAULT}", iam.create_role, "EntityAlreadyExists", **role):
        run.done.append(f"created role {DEFAULT}")


def make_profile(run: Run, iam: Any) -> None:
    """Each step may have been done by another node's run in the meantime."""
    named = {"InstanceProfileName": DEFAULT}
    what = f"instance profile {DEFAULT}"
    roles = roles_of(run, iam, DEFAULT, "NoSuchEntity")
    if roles is None and run.call(
        f"creating {what}", iam.create_instance_profile, "EntityAlreadyExists", **named
    ):
        run.done.append(f"created {what}")
    call = iam.add_role_to_instance_profile
    if not roles and run.call(f"adding the role to {what}", call, "LimitExceeded", RoleName=DEFAULT, **named):
        run.done.append(f"added the role to {what}")
    if roles and roles != [DEFAULT]:
        raise run.error(f"{what} holds role {roles[0]}, not the role of its own name")


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    node, ring = given(events, "InstanceId", r"\S+"), given(events, "RingId", r"[a-z0-9]{5}")
    attach = given(events, "AttachPolicies", "true|false") == "true"
    partition = given(events, "Partition", r"aws[a-z-]*")
    if not node.startswith("i-"):
        return {"Role": "", "Done": []}
    run, ec2, iam = Run(f"Node {node}", *PASSING), client("ec2"), client("iam")
    profile = profile_of(run, ec2, node)
    if not profile:
        make_role(run, iam, partition)
        complete(run, DEFAULT, True, ring, partition)
        make_profile(run, iam)
        doing, wanted = f"associating instance profile {DEFAULT}", {"Name": DEFAULT}
        call = ec2.associate_iam_instance_profile
        if run.call(doing, call, "IncorrectState", InstanceId=node, IamInstanceProfile=wanted):
            run.done.append(f"associated instance profile {DEFAULT}")
            return {"Role": DEFAULT, "Done": run.done}
        profile = profile_of(run, ec2, node)  # somebody else gave it one in the meantime
    roles = roles_of(run, iam, profile) if profile else []
    if not roles:
        raise run.error(
            f"instance profile {profile or 'that is being associated'} has no role; add one to it"
        )
    return complete(run, roles[0], attach or roles[0] == DEFAULT, ring, partition)
