"""Circumstances in which orgpatch can't work: each has its exit code and its advice."""

from pathlib import Path

import pytest

import world as worlds
from world import World

OUTSIDER = "999988887777"


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_no_credentials(world: World, command: str) -> None:
    run = world.run(command, world.write(world.policy()), *_yes(command), keys=None)
    run.exits(253).complains("credentials", "AWS_PROFILE|--profile|aws sso login")


def test_a_profile_that_does_not_exist(world: World) -> None:
    # Keys in the environment would win over a profile.
    file = world.write(world.policy())
    run = world.run("plan", file, keys=None, AWS_PROFILE="no-such-profile")
    run.exits(253).complains("no-such-profile")


def test_an_account_without_an_organization(world: World) -> None:
    keys = world.emulator.administrator(OUTSIDER)
    run = world.run("plan", world.write(world.policy()), keys=keys)
    run.exits(1).complains("organization", "management account")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_member_that_may_not_run_stack_sets(world: World, command: str) -> None:
    # On AWS, such an account may not list the organization either. Here it may, so what
    # stops orgpatch is that StackSets do not take it for a delegated administrator.
    member = world.organization.accounts["sandbox-1"]
    keys = world.emulator.administrator(member)
    file = world.write(world.policy())
    run = world.run(command, file, *_yes(command), keys=keys)
    run.exits(253).complains(member, "management account", "delegated administrator")


def test_trusted_access_is_off(tmp_path: Path) -> None:
    with worlds.opened(tmp_path, trusted_access=False) as world:
        run = world.run("plan", world.write(world.policy()))
    run.exits(1).complains("trusted access", "activate-organizations-access")


def test_an_ou_that_does_not_exist(world: World) -> None:
    file = world.write(world.policy(ous=("/Workload", "/Security")))
    run = world.run("plan", file).exits(1)
    run.complains(r"corp-patch\.yaml:\d+:\d+", "did you mean.*/Workloads")


def test_no_account_matches(world: World) -> None:
    file = world.write(
        world.policy(ous=("/PolicyStaging",), management_account="exclude")
    )
    world.run("plan", file).exits(1).complains("no (active )?account", "exclude|target")


def _yes(command: str) -> list[str]:
    return ["--yes"] if command == "apply" else []
