"""A rollout from an account that is a delegated administrator of StackSets."""

from dataclasses import dataclass

import pytest

import look
from emulator import MANAGEMENT_ACCOUNT, Keys
from organization import (
    HOME,
    PINNED,
    WHOLE,
    register_delegated_administrator,
    seed_baselines,
)
from world import World

NAME = "from-tools"
REGIONS = (HOME, "us-east-1")


@dataclass(frozen=True)
class Administrator:
    """The delegated administrator: it sits outside of the policy's targets."""

    account: str
    keys: Keys
    policy_file: str


@pytest.fixture(scope="module")
def administrator(world: World) -> Administrator:
    account = world.organization.accounts["tools"]
    keys = world.emulator.administrator(account)
    register_delegated_administrator(world.emulator, account)
    policy = world.policy(
        name=NAME,
        regions=REGIONS,
        # Baselines belong to the account that the policy lives in.
        baselines=seed_baselines(world.emulator, keys),
    )
    return Administrator(account, keys, world.write(policy))


def test_plan_says_that_the_management_account_is_out_of_reach(
    world: World, administrator: Administrator
) -> None:
    before = _look(world, administrator)
    run = world.run("plan", administrator.policy_file, keys=administrator.keys)
    run.exits(0).says("management account", MANAGEMENT_ACCOUNT)
    assert run.counts().add == len(WHOLE) + len(PINNED)
    assert _look(world, administrator) == before


def test_apply_covers_the_members(world: World, administrator: Administrator) -> None:
    file, keys = administrator.policy_file, administrator.keys
    world.run("apply", file, "--yes", keys=keys).exits(0)

    ids = world.organization.ids
    stack_set = f"StackSet-orgpatch-{NAME}-main"
    found = _look(world, administrator)
    assert found.places() == {
        (administrator.account, HOME, f"orgpatch-{NAME}-main-home"),
        *((member, region, stack_set) for member in ids(*WHOLE) for region in REGIONS),
        *(
            (member, region, f"{stack_set}-pinned")
            for member in ids(*PINNED)
            for region in REGIONS
        ),
    }
    entries = look.overrides(world.emulator, owner=administrator.account)
    assert len(entries) == len(world.baselines)
    world.run("plan", file, "--detailed-exitcode", keys=keys).exits(0)


def test_destroy_leaves_nothing(world: World, administrator: Administrator) -> None:
    file, keys = administrator.policy_file, administrator.keys
    world.run("destroy", file, "--yes", NAME, keys=keys).exits(0)
    found = _look(world, administrator)
    assert (found.stacks, found.stack_sets, found.roles) == ((), (), frozenset())


def _look(world: World, administrator: Administrator) -> look.Footprint:
    everybody = world.organization.everybody()
    return look.footprint(world.emulator, everybody, REGIONS, administrator.account)
