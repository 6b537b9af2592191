"""An apply of a part of the policy makes that part, and leaves the rest for later.

One story: the tests run in the order of this file, and each begins where the one before
has left AWS.
"""

import json
from collections.abc import Iterator

import pytest

import look
import recorder as recorders
from look import Footprint
from organization import HOME
from policy import Ring
from small import BOTH
from world import World

NAME = "in-parts"
REGIONS = ("us-east-1", "eu-west-1")
STAGING, PROD = f"orgpatch-{NAME}-staging", f"orgpatch-{NAME}-prod-pinned"


@pytest.fixture(scope="module")
def world(small_world: World) -> Iterator[World]:
    """The small world, in which nobody waits for an operation that has ended."""
    url = small_world.emulator.url
    with recorders.recording(url, is_patient=True) as recorder:
        yield small_world.through(recorder.url)


@pytest.fixture(scope="module")
def file(world: World) -> str:
    """Two accounts by their whole OU, one by itself, in two Regions."""
    policy = world.policy(
        name=NAME,
        ous=BOTH,
        regions=REGIONS,
        management_account="exclude",
        rings=(Ring("staging", ("/Security",)), Ring("prod", ("/Workloads",))),
    )
    return world.write(policy)


def test_a_plan_of_a_part_counts_that_part(world: World, file: str) -> None:
    before = _look(world)
    for part, accounts in [
        (["--ring", "prod"], ["tools"]),
        (["--ou", "/Security"], ["audit", "log-archive"]),
        (["--account", world.organization.accounts["audit"]], ["audit"]),
        (["--region", REGIONS[0]], ["audit", "log-archive", "tools"]),
    ]:
        plan = world.run("plan", file, "-o", "json", *part).exits(0)
        planned = json.loads(plan.out)
        added = {
            each["id"]: set(each["regions"]["added"])
            for each in planned["accounts"]
            if each["regions"]["added"]
        }
        assert set(added) == world.organization.ids(*accounts), part
        wanted = {REGIONS[0]} if "--region" in part else set(REGIONS)
        assert all(regions == wanted for regions in added.values()), part
    assert _look(world) == before


def test_what_matches_nothing_is_refused(world: World, file: str) -> None:
    for part, named in [
        (["--ring", "stagin"], "staging"),
        (["--account", "999988887777"], "999988887777"),
        (["--ou", "/Securty"], "/Security"),
        (["--region", "eu-west-3"], "eu-west-3"),
    ]:
        refused = world.run("apply", file, "--yes", *part).exits(1, 252)
        refused.complains(named)
    assert _look(world).stack_sets == ()


def test_one_account_in_one_region_is_one_instance(world: World, file: str) -> None:
    audit = world.organization.accounts["audit"]
    part = ("--account", audit, "--region", REGIONS[0])

    world.run("apply", file, "--yes", *part).exits(0)

    assert _instances(world) == {(STAGING, audit, REGIONS[0])}
    # The other ring has nothing yet, not even a bucket.
    found = _look(world)
    assert found.buckets() == {found.bucket(f"{STAGING}-home")}
    # It is said that this was not all.
    plan = world.run("plan", file, "--detailed-exitcode").exits(2)
    assert plan.counts().remove == 0


def test_one_ring_is_all_of_that_ring(world: World, file: str) -> None:
    before = _look(world).stack_set(STAGING).instances

    world.run("apply", file, "--yes", "--ring", "staging").exits(0)

    assert _instances(world) == _expected(world, {STAGING: ("audit", "log-archive")})
    assert set(before) <= set(_look(world).stack_set(STAGING).instances)
    plan = world.run("plan", file, "--detailed-exitcode").exits(2)
    assert (plan.counts().add, plan.counts().unchanged) == (1, 2)


def test_the_rest_follows_with_the_whole(world: World, file: str) -> None:
    world.run("apply", file, "--yes").exits(0)

    covered = {STAGING: ("audit", "log-archive"), PROD: ("tools",)}
    assert _instances(world) == _expected(world, covered)
    world.run("plan", file, "--detailed-exitcode").exits(0)
    tools = world.organization.accounts["tools"]
    status = world.run("status", file, "--ring", "prod", "--account", tools).exits(0)
    status.says("ring prod")
    assert "ring staging" not in status.out


def _look(world: World) -> Footprint:
    return look.footprint(
        world.emulator, world.organization.everybody(), [HOME, *REGIONS]
    )


def _instances(world: World) -> set[tuple[str, str, str]]:
    """(stack set, account, Region) of every instance, each with its stack there."""
    found = _look(world)
    instances = {
        (stack_set.name, each.account, each.region)
        for stack_set in found.stack_sets
        for each in stack_set.instances
    }
    in_members = {
        (family.removeprefix("StackSet-"), account, region)
        for account, region, family in found.places()
        if family.startswith("StackSet-")
    }
    assert instances == in_members
    return instances


def _expected(
    world: World, covered: dict[str, tuple[str, ...]]
) -> set[tuple[str, str, str]]:
    return {
        (stack_set, account, region)
        for stack_set, members in covered.items()
        for account in world.organization.ids(*members)
        for region in REGIONS
    }
