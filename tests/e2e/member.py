"""What a member account has by itself: a role for the management account, and patching of its own."""

import json

from emulator import MANAGEMENT_ACCOUNT
from organization import GLOBAL
from world import World

# What Organizations makes in an account that it creates. The emulator does not.
ROLE = "OrganizationAccountAccessRole"


def make_role(world: World, account: str, name: str = ROLE) -> None:
    """Makes a role that the management account may take on."""
    keys = world.emulator.administrator(account)
    trusts = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{MANAGEMENT_ACCOUNT}:root"},
    }
    world.emulator.client("iam", GLOBAL, keys).create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [trusts]}
        ),
    )


def associate(world: World, account: str, region: str) -> None:
    """Makes what a team has that patches its own nodes: the association `own-patching`."""
    keys = world.emulator.administrator(account)
    world.emulator.client("ssm", region, keys).create_association(
        Name="AWS-RunPatchBaseline",
        AssociationName="own-patching",
        Parameters={"Operation": ["Install"]},
        Targets=[{"Key": "InstanceIds", "Values": ["*"]}],
        ScheduleExpression="cron(0 2 ? * SUN *)",
    )


def open_window(world: World, account: str, region: str) -> None:
    """Makes the maintenance window `nightly`, with a task that patches, and a patch group."""
    keys = world.emulator.administrator(account)
    ssm = world.emulator.client("ssm", region, keys)
    window = ssm.create_maintenance_window(
        Name="nightly",
        Schedule="cron(0 2 ? * SUN *)",
        Duration=3,
        Cutoff=1,
        AllowUnassociatedTargets=False,
    )["WindowId"]
    target = ssm.register_target_with_maintenance_window(
        WindowId=window,
        ResourceType="INSTANCE",
        Targets=[{"Key": "tag:Team", "Values": ["web"]}],
    )["WindowTargetId"]
    ssm.register_task_with_maintenance_window(
        WindowId=window,
        Name="patching",
        TaskArn="AWS-RunPatchBaseline",
        TaskType="RUN_COMMAND",
        Targets=[{"Key": "WindowTargetIds", "Values": [target]}],
        TaskInvocationParameters={
            "RunCommand": {"Parameters": {"Operation": ["Scan"]}}
        },
        MaxConcurrency="1",
        MaxErrors="1",
    )
    baseline = ssm.create_patch_baseline(Name="of-the-team", OperatingSystem="WINDOWS")
    ssm.register_patch_baseline_for_patch_group(
        BaselineId=baseline["BaselineId"], PatchGroup="team-web"
    )
