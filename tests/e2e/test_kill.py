"""kill -9 at any point of a run costs no more than a second run.

A recorder stands before the emulator and holds up the call at which the run is killed:
before the emulator has seen it, or when its answer is on the way. So every point is hit
exactly, whatever the machine has to do besides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

import stories
from organization import HOME
from policy import Policy
from recorder import Recorder
from running import finish, finish_destroying, started
from small import BOTH
from stories import Told
from world import World

NAME = "killed"
WHOLE_SET = f"StackSetName=orgpatch-{NAME}-main(&|$)"
PINNED_SET = f"StackSetName=orgpatch-{NAME}-main-pinned(&|$)"
OVERRIDES = "/baseline_overrides.json"
LOCK_TAKEN = r'/lock\.json\b[\s\S]*"held"'
LOCK_GIVEN_BACK = r'/lock\.json\b[\s\S]*"free"'


@dataclass(frozen=True)
class Point:
    """A call, and whether the run dies before or after it has its effect."""

    call: str
    after: bool
    about: str = ""
    # Distinguishes points of the same call.
    what: str = ""

    def __str__(self) -> str:
        """How pytest names it."""
        when = "after" if self.after else "before"
        return "-".join(filter(None, [when, self.call.partition(":")[2], self.what]))


CREATION = [
    Point("cloudformation:CreateChangeSet", after=False),
    Point("cloudformation:CreateChangeSet", after=True),
    Point("cloudformation:ExecuteChangeSet", after=False),
    Point("cloudformation:ExecuteChangeSet", after=True),
    Point("s3:PutObject", after=False, about=OVERRIDES, what="overrides"),
    Point("s3:PutObject", after=True, about=OVERRIDES, what="overrides"),
    Point("cloudformation:CreateStackSet", after=False, about=WHOLE_SET, what="whole"),
    Point("cloudformation:CreateStackSet", after=True, about=PINNED_SET, what="pinned"),
    Point(
        "cloudformation:CreateStackInstances",
        after=False,
        about=PINNED_SET,
        what="pinned",
    ),
    Point(
        "cloudformation:CreateStackInstances",
        after=True,
        about=WHOLE_SET,
        what="whole",
    ),
    Point(
        "cloudformation:CreateStackInstances",
        after=True,
        about=PINNED_SET,
        what="pinned",
    ),
    Point("cloudformation:DescribeStackSetOperation", after=False),
]
UPDATE = [
    Point("s3:PutObject", after=True, about=LOCK_TAKEN, what="taking-the-lock"),
    Point("cloudformation:UpdateStackSet", after=False, about=WHOLE_SET, what="whole"),
    Point("cloudformation:UpdateStackSet", after=True, about=PINNED_SET, what="pinned"),
    Point("s3:PutObject", after=False, about=LOCK_GIVEN_BACK, what="freeing-the-lock"),
]
REMOVAL = [
    Point("cloudformation:UpdateStackSet", after=True, about=WHOLE_SET, what="whole"),
    Point("cloudformation:DeleteStackInstances", after=True),
    Point("cloudformation:DeleteStack", after=True),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    wanted = {
        f"{what} {point}": partial(story, point)
        for what, story, points in [
            ("rollout", _is_rolled_out, CREATION),
            ("update", _is_changed, UPDATE),
            ("removal", _is_taken_away, REMOVAL),
        ]
        for point in points
    }
    with stories.told(tmp_path_factory, wanted) as told:
        yield told


@pytest.mark.parametrize("point", CREATION, ids=str)
def test_a_rollout_is_finished_by_the_next(told: Told, point: Point) -> None:
    told[f"rollout {point}"].result()


@pytest.mark.parametrize("point", UPDATE, ids=str)
def test_an_update_is_finished_by_the_next(told: Told, point: Point) -> None:
    told[f"update {point}"].result()


@pytest.mark.parametrize("point", REMOVAL, ids=str)
def test_a_removal_is_finished_by_the_next(told: Told, point: Point) -> None:
    told[f"removal {point}"].result()


def _is_rolled_out(point: Point, world: World, recorder: Recorder) -> None:
    file = world.write(_policy(world))

    _kill_at(point, world, recorder, "apply", file, "--yes")

    finish(world, file)
    world.run("plan", file, "--detailed-exitcode").exits(0)
    assert _standing(world) == _complete(world)


def _is_changed(point: Point, world: World, recorder: Recorder) -> None:
    file = world.write(_policy(world))
    world.run("apply", file, "--yes").exits(0)
    world.write(replace(_policy(world), install="sun 03:00"))

    _kill_at(point, world, recorder, "apply", file, "--yes")

    finish(world, file)
    world.run("plan", file, "--detailed-exitcode").exits(0)
    assert _standing(world) == _complete(world)


def _is_taken_away(point: Point, world: World, recorder: Recorder) -> None:
    file = world.write(_policy(world))
    world.run("apply", file, "--yes").exits(0)
    assert _standing(world) == _complete(world)

    _kill_at(point, world, recorder, "destroy", file, "--yes", NAME)

    finish_destroying(world, file, NAME)
    assert _standing(world) == set()
    again = world.run("destroy", file, "--yes", NAME)
    again.exits(0).says("Nothing of the policy")


def _policy(world: World) -> Policy:
    return world.policy(
        name=NAME, ous=BOTH, regions=(HOME,), management_account="exclude"
    )


def _kill_at(point: Point, world: World, recorder: Recorder, *arguments: str) -> None:
    """Begins a run and kills it at that point. Its call gets no answer."""
    held = recorder.hold(point.call, point.about, after=point.after)
    with started(world, *arguments) as run:
        run.comes_to(held)
        run.kill()
        held.drop()


def _standing(world: World) -> set[tuple[str, ...]]:
    """What there is: stacks of the owner account, stack sets and their instances.

    That the members really have these stacks is shown by other tests.
    """
    cloudformation = world.emulator.client("cloudformation", HOME)

    def listed(operation: str, key: str, **arguments: str) -> list[dict[str, Any]]:
        pages = cloudformation.get_paginator(operation).paginate(**arguments)
        return [each for page in pages for each in page[key]]

    stacks = listed("describe_stacks", "Stacks")
    sets = listed("list_stack_sets", "Summaries", Status="ACTIVE")
    names = [each["StackSetName"] for each in sets]
    return {
        *((each["StackName"], each["StackStatus"]) for each in stacks),
        *((name,) for name in names),
        *(
            (name, each["Account"], each["Region"], each["Status"])
            for name in names
            for each in listed("list_stack_instances", "Summaries", StackSetName=name)
        ),
    }


def _complete(world: World) -> set[tuple[str, ...]]:
    """What there should be: members in whole OUs, and one beside an excluded OU."""
    members = {
        f"orgpatch-{NAME}-main": world.organization.ids("audit", "log-archive"),
        f"orgpatch-{NAME}-main-pinned": world.organization.ids("tools"),
    }
    return {
        (f"orgpatch-{NAME}-main-home", "CREATE_COMPLETE"),
        *((stack_set,) for stack_set in members),
        *(
            (stack_set, account, HOME, "CURRENT")
            for stack_set, accounts in members.items()
            for account in accounts
        ),
    }
