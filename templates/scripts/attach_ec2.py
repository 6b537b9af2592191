"""Lets one EC2 node read the ring's baselines: its role gets two policies and the ring's tag."""

import json
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"  # role and profile of a node that has none
POLICIES = ("AWSQuickSetupPatchPolicyBaselineAccess", "AmazonSSMManagedInstanceCore")
RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
# Errors that pass by themselves: IAM takes up to a minute to spread, an instance some time to start.
PASSING = ("NoSuchEntity", "ConcurrentModification", "InvalidParameterValue", "IncorrectInstanceState")
PAUSES = (1, 2, 4, 8, 15, 15, 15)  # seconds
HINTS = {"LimitExceeded": ". A quota is used up (10 managed policies a role): detach one or raise it"}


class Run:
    """One node's turn. Every error says what had been done before."""

    def __init__(self, node: str) -> None:
        self.node, self.done = node, []

    def error(self, text: str) -> Exception:
        return RuntimeError(f"Node {self.node}: {text}. Done before: {'; '.join(self.done) or 'nothing'}.")

    def call(self, doing: str, call: Any, *fine: str, **arguments: Any) -> Any:
        """AWS's answer; None if it is one of the errors that are fine."""
        pauses = iter(PAUSES)
        while True:
            try:
                return call(**arguments)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in fine:
                    return None
                pause = next(pauses, 0)
                if code not in PASSING or not pause:
                    raise self.error(f"{doing} failed: {error}{HINTS.get(code, '')}") from error
                time.sleep(pause)


def complete(run: Run, role: str, allowed: bool, ring: str, partition: str) -> dict[str, Any]:
    """Gives the role what it lacks; where that is not allowed, says what it lacks."""
    iam = boto3.client("iam", config=RETRIES)
    # A boundary may forbid looking, and giving twice changes nothing.
    fine = ("AccessDenied", "NoSuchEntity") if allowed else ()
    doing = f"reading policies and tags of role {role}"
    policies = run.call(doing, iam.list_attached_role_policies, *fine, RoleName=role) or {}
    has = [each["PolicyArn"] for each in policies.get("AttachedPolicies", [])]
    tags = (run.call(doing, iam.get_role, *fine, RoleName=role) or {"Role": {}})["Role"].get("Tags", [])
    wanted = [f"arn:{partition}:iam::aws:policy/{name}" for name in POLICIES]
    todo = [(f"policy {arn}", iam.attach_role_policy, {"PolicyArn": arn}) for arn in wanted if arn not in has]
    tag = {"Key": f"QSConfigId-{ring}", "Value": ring}
    if tag not in tags:
        todo.append((f"tag {tag['Key']}={ring}", iam.tag_role, {"Tags": [tag]}))
    if todo and not allowed:
        raise run.error(
            f"role {role} lacks {', '.join(what for what, _, _ in todo)}, and the patch policy forbids to "
            "attach to roles that nodes already have: add it yourself, or set iam.attach: true"
        )
    for what, call, arguments in todo:
        run.call(f"giving role {role} {what}", call, RoleName=role, **arguments)
        run.done.append(f"gave role {role} {what}")
    return {"Role": role, "Done": run.done}


def profile_of(run: Run, ec2: Any) -> str:
    """The name of the node's instance profile; empty if it has none."""
    gone = "InvalidInstanceID.NotFound"
    found = run.call("looking for the node", ec2.describe_instances, gone, InstanceIds=[run.node]) or {}
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
    if not events["InstanceId"].startswith("i-"):
        return {"Role": "", "Done": []}
    run, ring, partition = Run(events["InstanceId"]), events["RingId"], events["Partition"]
    ec2, iam = boto3.client("ec2", config=RETRIES), boto3.client("iam", config=RETRIES)
    profile = profile_of(run, ec2)
    if not profile:
        make_role(run, iam, partition)
        complete(run, DEFAULT, True, ring, partition)
        make_profile(run, iam)
        doing, wanted = f"associating instance profile {DEFAULT}", {"Name": DEFAULT}
        call = ec2.associate_iam_instance_profile
        if run.call(doing, call, "IncorrectState", InstanceId=run.node, IamInstanceProfile=wanted):
            run.done.append(f"associated instance profile {DEFAULT}")
            return {"Role": DEFAULT, "Done": run.done}
        profile = profile_of(run, ec2)  # somebody else gave it one in the meantime
    roles = roles_of(run, iam, profile) if profile else []
    if not roles:
        raise run.error(
            f"instance profile {profile or 'that is being associated'} has no role; add one to it"
        )
    allowed = events["AttachPolicies"] == "true" or roles[0] == DEFAULT
    return complete(run, roles[0], allowed, ring, partition)
