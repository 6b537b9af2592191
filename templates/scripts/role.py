"""What a node's role must have, so that the node may read the ring's baselines."""

from typing import Any

from document import client
from policies import arns
from run import Run

DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"  # Quick Setup's own role, which may always be completed


def complete(run: Run, role: str, allowed: bool, ring: str, partition: str) -> dict[str, Any]:
    """Gives the role what it lacks, and notes that; where that is not allowed, says what it lacks."""
    iam = client("iam")
    # A boundary may forbid looking, and giving twice changes nothing.
    fine = ("AccessDenied", "NoSuchEntity") if allowed else ()
    doing = f"reading policies and tags of role {role}"
    listed = run.call(doing, iam.list_attached_role_policies, *fine, RoleName=role)
    found = run.call(doing, iam.get_role, *fine, RoleName=role)
    has = {each["PolicyArn"] for each in (listed or {}).get("AttachedPolicies", [])}
    tags = {tag["Key"]: tag["Value"] for tag in (found or {"Role": {}})["Role"].get("Tags", [])}
    lacks = {name: arn for name, arn in arns(partition).items() if arn not in has}
    own = f"QSConfigId-{ring}"
    wanted = [f"policy {arn}" for arn in lacks.values()]
    wanted += [f"tag {own}={ring}"] if tags.get(own) != ring else []
    if wanted and not allowed:
        raise run.error(
            f"role {role} lacks {', '.join(wanted)}, and the patch policy forbids to attach to roles that "
            "nodes already have: add it yourself, or set iam.attach: true"
        )

    def tag(*keys: str) -> None:
        more = [{"Key": key, "Value": ring} for key in keys]
        run.call(f"giving role {role} tag {keys[0]}={ring}", iam.tag_role, RoleName=role, Tags=more)

    # A tag for each thing that the ring added says so, so that it can be taken back one day. Only who has
    # seen what was there before knows. Tags of their own: two runs at once don't overwrite each other's.
    knows = listed is not None and found is not None
    if tags.get(own) != ring:
        tag(own, *([f"{own}-tag"] if knows else []))
        run.done.append(f"gave role {role} tag {own}={ring}")
    for name, arn in lacks.items():
        run.call(f"giving role {role} policy {arn}", iam.attach_role_policy, RoleName=role, PolicyArn=arn)
        run.done.append(f"gave role {role} policy {arn}")
        if knows:
            tag(f"{own}-{name}")
    return {"Role": role, "Done": run.done}
