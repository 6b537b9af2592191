"""Takes back what the ring added in this account and Region: node tags, role tags, attached policies."""

import http.client
import json
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from document import client, given
from node_tags import untag
from policies import POLICIES, arns
from run import PAUSES, Run

# The role was given its rights a moment ago, and IAM takes up to a minute to spread.
PASSING = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
MISSING = "NoSuchEntity"
NOTE = re.compile(f"QSConfigId-[^-]+-({'|'.join(['tag', *POLICIES])})")


def untag_nodes(run: Run, key: str, until: float) -> list[str]:
    """Takes the name tag off all nodes; answers what could not be."""
    ec2, ssm = client("ec2"), client("ssm")
    doing = f"looking for nodes with tag {key}"
    wanted = [{"Name": "key", "Values": [key]}, {"Name": "resource-type", "Values": ["instance"]}]
    pages = ec2.get_paginator("describe_tags").paginate(Filters=wanted)
    nodes = [tag["ResourceId"] for tag in run.call(doing, pages.build_full_result).get("Tags", [])]
    pages = ssm.get_paginator("describe_instance_information").paginate(
        Filters=[{"Key": "tag-key", "Values": [key]}]
    )
    found = run.call(doing, pages.build_full_result).get("InstanceInformationList", [])
    nodes += [node["InstanceId"] for node in found if node["InstanceId"].startswith("mi-")]
    failed = untag(ec2, ssm, nodes, key, until)
    run.done.append(
        f"took tag {key} off nodes, {len(nodes)} in all{', but for those named' if failed else ''}"
    )
    return [f"tag {key} of node {text}" for text in failed]


def roles_with(run: Run, iam: Any, name: str, arn: str) -> set[str]:
    """The roles that have a policy, and so may have it from the ring."""
    pages = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn, EntityFilter="Role")
    result = run.call(f"looking for roles with policy {name}", pages.build_full_result, MISSING)
    return {role["RoleName"] for role in (result or {}).get("PolicyRoles", [])}


def roles_of_nodes(run: Run, iam: Any) -> set[str]:
    """The roles of the nodes here, which may have lost the policies and kept the tags."""
    pages = client("ec2").get_paginator("describe_instances").paginate()
    found = run.call("looking for EC2 nodes", pages.build_full_result).get("Reservations", [])
    instances = [each for group in found for each in group["Instances"]]
    profiles = {each["IamInstanceProfile"]["Arn"] for each in instances if "IamInstanceProfile" in each}
    roles = set()
    for profile in sorted(arn.rsplit("/", 1)[-1] for arn in profiles):
        doing = f"reading instance profile {profile}"
        answer = run.call(doing, iam.get_instance_profile, MISSING, InstanceProfileName=profile)
        roles |= {role["RoleName"] for role in answer["InstanceProfile"]["Roles"]} if answer else set()
    pages = (
        client("ssm")
        .get_paginator("describe_instance_information")
        .paginate(Filters=[{"Key": "ResourceType", "Values": ["ManagedInstance"]}])
    )
    found = run.call("looking for hybrid nodes", pages.build_full_result).get("InstanceInformationList", [])
    return roles | {node["IamRole"].rsplit("/", 1)[-1] for node in found if node.get("IamRole")}


def restore(run: Run, iam: Any, role: str, ring: str, partition: str) -> None:
    """Takes from a role what rings noted that they added, and the notes."""

    def tags() -> set[str]:
        listed = run.call(f"reading the tags of role {role}", iam.list_role_tags, MISSING, RoleName=role)
        return {tag["Key"] for tag in (listed or {}).get("Tags", [])}

    def take(keys: list[str]) -> None:
        doing = f"taking tags {', '.join(keys)} off role {role}"
        run.call(doing, iam.untag_role, MISSING, RoleName=role, TagKeys=keys)
        run.done.append(f"took tags {', '.join(keys)} off role {role}")

    own = f"QSConfigId-{ring}"
    keys = tags()
    if {own, f"{own}-tag"} <= keys:
        take([own])
        # Read again: two rings that go at once must not leave the policies to each other.
        keys = tags()
    notes = sorted(key for key in keys if NOTE.fullmatch(key))
    others = sorted(key for key in keys if key != own and re.fullmatch("QSConfigId-[^-]+", key))
    if others and notes:
        # They use the policies, whoever added them. The last one to go takes them off.
        run.done.append(f"left the policies of role {role} to {', '.join(others)}")
    elif notes:
        for name, arn in arns(partition).items():
            if any(note.endswith(f"-{name}") for note in notes):
                doing = f"detaching policy {name} from role {role}"
                run.call(doing, iam.detach_role_policy, MISSING, RoleName=role, PolicyArn=arn)
                run.done.append(f"detached policy {name} from role {role}")
        take(notes)  # last, so that a second run knows what the first one left


def summary(left: list[str]) -> str:
    """What could not be taken back, as much of it as a stack event shows."""
    shown = [left[0][:800]]
    for text in left[1:]:
        if len("; ".join([*shown, text])) > 800:
            break
        shown.append(text)
    more = len(left) - len(shown)
    return f"not taken back: {'; '.join(shown)}{f'; and {more} more' if more else ''}"


def tell(signal: str, left: list[str]) -> None:
    """Tells the stack how it went: it waits for this."""
    reason = summary(left) if left else "all taken back"
    status = "FAILURE" if left else "SUCCESS"
    body = {"Status": status, "UniqueId": "take-back", "Reason": reason, "Data": str(len(left))}
    # The address is signed for a request without a content type.
    request = urllib.request.Request(  # noqa: S310 - the input's pattern holds it to https
        signal, json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    for pause in (*PAUSES[:3], 0):
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above
        except (OSError, http.client.HTTPException) as error:
            if not pause:
                raise RuntimeError(f"telling the stack failed: {error}. It was: {reason}") from error
            time.sleep(pause)
        else:
            return


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    ring, partition = given(events, "RingId", r"[a-z0-9]{5}"), given(events, "Partition", r"aws[a-z-]*")
    signal = given(events, "Signal", r"https://\S+")
    until = time.monotonic() + 420  # seconds; Automation ends the script after 600
    look, act, left = Run(f"Ring {ring}", *PASSING), Run(f"Ring {ring}"), []

    def attempt(what: str, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Exception as error:  # whatever it is, the stack must be told
            text = str(error).split(". Done before:")[0].removeprefix(f"Ring {ring}: ")
            left.append(text if what in text else f"{what}: {text}")
            return None

    iam = client("iam")
    roles: set[str] = set()
    for name, arn in arns(partition).items():
        roles |= attempt(f"policy {name}", roles_with, look, iam, name, arn) or set()
    roles |= attempt("roles of nodes", roles_of_nodes, look, iam) or set()
    for number, role in enumerate(sorted(roles)):
        if time.monotonic() > until:
            left.append(f"role {role} and those after it, {len(roles) - number} in all: the time was up")
            break
        attempt(f"role {role}", restore, act, iam, role, ring, partition)
    left += attempt("nodes", untag_nodes, look, f"QSConfigName-{ring}", until + 60) or []
    tell(signal, left)
    done = act.done + look.done
    if left:
        raise RuntimeError(f"{summary(left)}. Done: {'; '.join(done) or 'nothing'}.")
    return {"Done": done}
