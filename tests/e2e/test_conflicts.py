"""Who else patches the same nodes: other policies, Quick Setup, and members themselves."""

import json
from collections.abc import Iterator

import pytest

import look
import member
from organization import HOME
from world import World

QUICK_SETUP = "AWS-QuickSetup-PatchPolicy-TA-q4bkg"
# As Quick Setup's has it: all nodes.
TEMPLATE = json.dumps(
    {
        "Parameters": {"TargetType": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
)


def _file(world: World, name: str, region: str, ou: str = "/Security") -> str:
    """A policy for one OU in one Region."""
    policy = world.policy(
        name=name, ous=(ou,), regions=(region,), management_account="exclude"
    )
    return world.write(policy)


def test_two_policies_for_the_same_nodes(
    small_world: World, regions: Iterator[str]
) -> None:
    here, elsewhere = next(regions), next(regions)
    first = _file(small_world, "first", here)
    second = _file(small_world, "second", here)
    apart = _file(small_world, "apart", elsewhere)
    members = small_world.organization.ids("audit", "log-archive")

    found = small_world.run("conflicts", first, second, apart).exits(4)

    found.says("first", "second", here, "|".join(members), r"(?m)^1 conflict\.")
    as_json = small_world.run("conflicts", first, second, "-o", "json").exits(4)
    told = json.loads(as_json.out)
    assert told["format_version"] == 1
    [conflict] = told["conflicts"]
    assert {(each["account"], each["region"]) for each in conflict["places"]} == {
        (account, here) for account in members
    }
    small_world.run("conflicts", first, apart).exits(0).says(r"No conflicts\.")


def test_a_policy_of_quick_setups(small_world: World, regions: Iterator[str]) -> None:
    here, elsewhere = next(regions), next(regions)
    _roll_out_quick_setup(small_world, here)
    before = look.footprint(small_world.emulator, [], [])

    found = small_world.run("conflicts", _file(small_world, "beside", here)).exits(4)

    found.says(QUICK_SETUP, here)
    apart = _file(small_world, "beside", elsewhere)
    small_world.run("conflicts", apart).exits(0).says(r"No conflicts\.")
    assert look.footprint(small_world.emulator, [], []) == before


def test_what_patches_in_a_member_account_by_itself(
    small_world: World, regions: Iterator[str]
) -> None:
    here = next(regions)
    audit = small_world.organization.accounts["audit"]
    unseen = small_world.organization.accounts["log-archive"]
    member.make_role(small_world, audit)
    member.associate(small_world, audit, here)
    member.open_window(small_world, audit, here)
    file = _file(small_world, "deep", here)

    # The stack sets don't show it, so it takes a look into the accounts.
    small_world.run("conflicts", file).exits(0)
    found = small_world.run("conflicts", file, "--deep").exits(4)

    found.says(audit, here, "AWS-RunPatchBaseline", "own-patching")
    found.says("nightly", "patching", "team-web")
    # What could not be looked at is not taken for empty.
    found.says(unseen, member.ROLE, "could not be read")


def test_a_role_of_another_name(small_world: World, regions: Iterator[str]) -> None:
    here, role = next(regions), "patch-auditor"
    members = small_world.organization.ids("audit", "log-archive")
    for account in members:
        member.make_role(small_world, account, role)
    member.associate(
        small_world, small_world.organization.accounts["log-archive"], here
    )
    file = _file(small_world, "deeper", here)

    found = small_world.run("conflicts", file, "--deep", "--role-name", role).exits(4)

    found.says(small_world.organization.accounts["log-archive"], "own-patching")
    assert member.ROLE not in found.out + found.err


def test_an_account_that_nobody_can_look_into(
    small_world: World, regions: Iterator[str]
) -> None:
    tools = small_world.organization.accounts["tools"]
    file = _file(small_world, "blind", next(regions), "/Workloads")

    run = small_world.run("conflicts", file, "--deep").exits(1)

    run.says(tools, member.ROLE, "could not be read")
    assert "No conflicts." not in run.out


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_folder_with_a_conflict_is_refused(
    small_world: World, regions: Iterator[str], form: str
) -> None:
    here = next(regions)
    folder = small_world.folder / f"folder-{form}"
    folder.mkdir()
    names = [f"left-{form}", f"right-{form}"]
    for name in names:
        policy = small_world.policy(
            name=name, ous=("/Security",), regions=(here,), management_account="exclude"
        )
        (folder / f"{name}.yaml").write_text(policy.text())

    plan = small_world.run("plan", str(folder), "-o", form).exits(4)

    said = plan.out + plan.err
    assert "conflict" in said.lower() and all(name in said for name in names)


def _roll_out_quick_setup(world: World, region: str) -> None:
    """A stack set that is called like Quick Setup's, with instances."""
    cloudformation = world.emulator.client("cloudformation", HOME)
    cloudformation.create_stack_set(
        StackSetName=QUICK_SETUP,
        TemplateBody=TEMPLATE,
        Parameters=[{"ParameterKey": "TargetType", "ParameterValue": "*"}],
        PermissionModel="SERVICE_MANAGED",
        AutoDeployment={"Enabled": False},
    )
    cloudformation.create_stack_instances(
        StackSetName=QUICK_SETUP,
        OperationId="somebody",
        Regions=[region],
        DeploymentTargets={
            "OrganizationalUnitIds": [world.organization.ous["/Security"]]
        },
    )
    look.await_operation(world.emulator, QUICK_SETUP, "somebody")
