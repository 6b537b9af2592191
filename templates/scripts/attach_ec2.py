"""Lets one EC2 node read the ring's baselines: its role gets two policies and the ring's tag."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"  # role and profile of a node that has none
POLICIES = ("AWSQuickSetupPatchPolicyBaselineAccess", "AmazonSSMManagedInstanceCore")
RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
# Errors that pass by themselves, since IAM takes up to a minute to spread and instances to start.
PASSING = ("NoSuchEntity", "ConcurrentModification", "InvalidParameterValue", "IncorrectInstanceState")
PAUSES = (1, 2, 4, 8, 15, 15, 15)  # seconds
HINTS = {"LimitExceeded": ". A quota is used up (10 managed policies a role): detach one or raise it"}


class Run:
    """One node's turn. Every error says what was being done to what, and what had been done before."""

    def __init__(self, events: dict[str, Any]) -> None:
        self.node, self.ring, self.partition = events["InstanceId"], events["RingId"], events["Partition"]
        self.attach = events["AttachPolicies"] == "true"
        self.iam = boto3.client("iam", config=RETRIES)
        self.done: list[str] = []

    def error(self, text: str) -> Exception:
        return RuntimeError(f"Node {self.node}: {text}. Done before: {'; '.join(self.done) or 'nothing'}.")

    def call(self, doing: str, call: Callable[..., Any], fine: tuple[str, ...] = (), **arguments: Any) -> Any:
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

    def change(self, doing: str, call: Callable[..., Any], *fine: str, **arguments: Any) -> bool:
        changed = self.call(doing, call, fine, **arguments) is not None
        self.done += [doing] if changed else []
        return changed

    def complete(self, role: str) -> dict[str, Any]:
        """Gives the role what it lacks; where that is not allowed, says what it lacks."""
        allowed = self.attach or role == DEFAULT
        # A boundary may forbid looking, and giving twice changes nothing.
        fine = ("AccessDenied", "NoSuchEntity") if allowed else ()
        doing = f"reading policies and tags of role {role}"
        policies = self.call(doing, self.iam.list_attached_role_policies, fine, RoleName=role) or {}
        tags = (self.call(doing, self.iam.get_role, fine, RoleName=role) or {"Role": {}})["Role"].get(
            "Tags", []
        )
        has = [each["PolicyArn"] for each in policies.get("AttachedPolicies", [])]
        wanted = [f"arn:{self.partition}:iam::aws:policy/{name}" for name in POLICIES]
        todo = [
            (f"policy {arn}", self.iam.attach_role_policy, {"PolicyArn": arn})
            for arn in wanted
            if arn not in has
        ]
        tag = {"Key": f"QSConfigId-{self.ring}", "Value": self.ring}
        if tag not in tags:
            todo.append((f"tag {tag['Key']}={self.ring}", self.iam.tag_role, {"Tags": [tag]}))
        if todo and not allowed:
            raise self.error(
                f"role {role} lacks {', '.join(what for what, _, _ in todo)}, and the patch policy says not to "
                "attach to roles that nodes already have: add it yourself, or set iam.attach: true"
            )
        for what, call, arguments in todo:
            self.change(f"giving role {role} {what}", call, RoleName=role, **arguments)
        return {"Role": role, "Done": self.done}


def profile_of(run: Run, ec2: Any) -> str:
    """The name of the node's instance profile; empty if it has none."""
    fine = ("InvalidInstanceID.NotFound",)
    found = run.call("looking for the node", ec2.describe_instances, fine, InstanceIds=[run.node]) or {}
    instances = [each for group in found.get("Reservations", []) for each in group["Instances"]]
    if not instances or instances[0]["State"]["Name"] in ("shutting-down", "terminated"):
        raise run.error("it no longer exists, so its role was not looked at")
    return instances[0].get("IamInstanceProfile", {}).get("Arn", "").rsplit("/", 1)[-1]


def roles_of(run: Run, profile: str, *fine: str) -> list[str] | None:
    doing = f"reading instance profile {profile}"
    found = run.call(doing, run.iam.get_instance_profile, fine, InstanceProfileName=profile)
    return found and [role["RoleName"] for role in found["InstanceProfile"]["Roles"]]


def make_role(run: Run) -> None:
    service = "ec2.amazonaws.com.cn" if run.partition == "aws-cn" else "ec2.amazonaws.com"
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    run.change(
        f"creating role {DEFAULT}",
        run.iam.create_role,
        "EntityAlreadyExists",
        RoleName=DEFAULT,
        Description="EC2 role for SSM for Quick-Setup",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )


def make_profile(run: Run) -> None:
    named = {"InstanceProfileName": DEFAULT}
    roles = roles_of(run, DEFAULT, "NoSuchEntity")
    if roles is None:
        doing = f"creating instance profile {DEFAULT}"
        run.change(doing, run.iam.create_instance_profile, "EntityAlreadyExists", **named)
    if not roles:  # another node's run may add it at the same time: that is its limit
        doing = f"adding role {DEFAULT} to the instance profile of that name"
        run.change(doing, run.iam.add_role_to_instance_profile, "LimitExceeded", RoleName=DEFAULT, **named)
    elif roles != [DEFAULT]:
        raise run.error(f"instance profile {DEFAULT} holds role {roles[0]}, not the role of its own name")


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    if not events["InstanceId"].startswith("i-"):
        return {"Role": "", "Done": []}
    run, ec2 = Run(events), boto3.client("ec2", config=RETRIES)
    profile = profile_of(run, ec2)
    if not profile:
        make_role(run)
        run.complete(DEFAULT)
        make_profile(run)
        doing, wanted = f"associating instance profile {DEFAULT}", {"Name": DEFAULT}
        call = ec2.associate_iam_instance_profile
        if run.change(doing, call, "IncorrectState", InstanceId=run.node, IamInstanceProfile=wanted):
            return {"Role": DEFAULT, "Done": run.done}
        profile = profile_of(run, ec2)  # somebody else gave it one meanwhile
    roles = roles_of(run, profile) if profile else []
    if not roles:
        raise run.error(f"its instance profile {profile} has no role; add one to it")
    return run.complete(roles[0])
