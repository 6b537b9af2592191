"""Lets one hybrid node read the ring's baselines: its role gets two policies and the ring's tag."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"  # Quick Setup's own role, which may always be completed
POLICIES = ("AWSQuickSetupPatchPolicyBaselineAccess", "AmazonSSMManagedInstanceCore")
RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
HINTS = {"LimitExceeded": ". A quota is used up (10 managed policies a role): detach one or raise it"}


class Run:
    """One node's turn. Every error says what had been done before."""

    def __init__(self, node: str) -> None:
        self.node, self.done = node, []

    def error(self, text: str) -> Exception:
        return RuntimeError(f"Node {self.node}: {text}. Done before: {'; '.join(self.done) or 'nothing'}.")

    def call(self, doing: str, call: Any, *fine: str, **arguments: Any) -> Any:
        """AWS's answer; None if it is one of the errors that are fine."""
        try:
            return call(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in fine:
                return None
            raise self.error(f"{doing} failed: {error}{HINTS.get(code, '')}") from error


def role_of(run: Run) -> str:
    filters = [{"Key": "InstanceIds", "Values": [run.node]}]
    call = boto3.client("ssm", config=RETRIES).describe_instance_information
    found = run.call("looking for the node", call, Filters=filters)["InstanceInformationList"]
    if not found:
        raise run.error("it is no longer registered, so its role was not looked at")
    role = found[0].get("IamRole", "").rsplit("/", 1)[-1]
    if not role:
        raise run.error("Systems Manager names no role for it; register it with a role")
    return role


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


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    if not events["InstanceId"].startswith("mi-"):
        return {"Role": "", "Done": []}
    run = Run(events["InstanceId"])
    role = role_of(run)
    allowed = events["AttachPolicies"] == "true" or role == DEFAULT
    return complete(run, role, allowed, events["RingId"], events["Partition"])
