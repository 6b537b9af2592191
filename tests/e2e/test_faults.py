"""A rollout comes through what AWS answers on a bad day.

Between orgpatch and the emulator stands a proxy that answers in AWS's place: with the
codes and statuses that AWS has for it, and only so often. Each story is a small policy
that is rolled out, changed and taken away, and after each step it is asked whether all
the faults that were meant have happened.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

import pytest

import proxy as proxies
import stories
from organization import HOME
from policy import Policy
from proxy import Fault, Proxy, broken_connection, delay, error
from recorder import Recorder
from small import BOTH
from stories import Told
from world import Run, World

# By then the emulator has done what it was asked for; orgpatch would look again only
# after five seconds.
UNHURRIED = delay(250, "cloudformation:DescribeStackSetOperation")
NAME = "bad-day"
LATER = "sun 03:00"
OVERRIDES, LOCK, RECORD = "/baseline_overrides.json", "/lock.json", "/runs/"


def _throttled(call: str, times: int) -> Fault:
    """Too many requests: every service has a code of its own for that."""
    service = call.partition(":")[0]
    code, status = {
        "organizations": ("TooManyRequestsException", 400),
        "s3": ("SlowDown", 503),
        "ssm": ("ThrottlingException", 400),
    }.get(service, ("Throttling", 400))
    return error(call, code, status, times, "Rate exceeded")


def _busy(call: str, times: int) -> Fault:
    return error(
        call,
        "OperationInProgressException",
        409,
        times,
        "Another Operation on StackSet is in progress",
    )


@dataclass(frozen=True)
class Trouble:
    """Faults by the step of the story in which they happen."""

    name: str
    rollout: list[Fault]
    update: list[Fault]
    removal: list[Fault]


TROUBLES = [
    Trouble(
        "throttled",
        rollout=[
            _throttled("organizations:ListAccounts", 2),
            _throttled("organizations:ListOrganizationalUnitsForParent", 3),
            _throttled("organizations:ListAccountsForParent", 3),
            _throttled("ssm:GetPatchBaseline", 3),
            _throttled("cloudformation:DescribeStacks", 2),
            _throttled("cloudformation:CreateChangeSet", 2),
            _throttled("s3:PutObject", 2),
            _throttled("cloudformation:CreateStackSet", 2),
            _throttled("cloudformation:CreateStackInstances", 2),
            _throttled("cloudformation:DescribeStackSetOperation", 2),
        ],
        update=[_throttled("cloudformation:UpdateStackSet", 2)],
        removal=[
            _throttled("cloudformation:DeleteStackInstances", 2),
            _throttled("cloudformation:DeleteStackSet", 2),
            _throttled("s3:DeleteObjects", 2),
            _throttled("cloudformation:DeleteStack", 2),
        ],
    ),
    Trouble(
        "unavailable",
        rollout=[
            error("sts:GetCallerIdentity", "ServiceUnavailable", 503, 1),
            error("organizations:ListRoots", "ServiceException", 500, 2),
            error("ssm:GetPatchBaseline", "InternalServerError", 500, 2),
            error("s3:GetObject", "InternalError", 500, 2),
            error("cloudformation:ListStackSets", "InternalFailure", 500, 2),
            error("cloudformation:CreateChangeSet", "InternalFailure", 500, 2),
            broken_connection("cloudformation:ExecuteChangeSet"),
            error("s3:PutObject", "ServiceUnavailable", 503, 2),
            error("cloudformation:CreateStackSet", "ServiceUnavailable", 503, 2),
            error("cloudformation:CreateStackInstances", "InternalFailure", 500, 2),
            broken_connection("cloudformation:DescribeStackSetOperation", 2),
        ],
        update=[
            error("cloudformation:UpdateStackSet", "ServiceUnavailable", 503, 2),
        ],
        removal=[
            error("cloudformation:UpdateStackSet", "InternalFailure", 500, 2),
            error("cloudformation:DeleteStackInstances", "InternalFailure", 500, 2),
            broken_connection("cloudformation:DeleteStackSet"),
            error("s3:DeleteObjects", "InternalError", 500, 2),
            error("cloudformation:DeleteStack", "ServiceUnavailable", 503, 2),
        ],
    ),
    # Being busy costs a pause, in both stack sets at the same time.
    Trouble(
        "busy-and-slow",
        rollout=[_busy("cloudformation:CreateStackInstances", 2), delay(300)],
        update=[_busy("cloudformation:UpdateStackSet", 2)],
        removal=[],
    ),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    wanted = {
        **{each.name: partial(_comes_through, each) for each in TROUBLES},
        "stale": _stops_alone,
        "lost": _is_not_made_twice,
    }
    with stories.told(tmp_path_factory, wanted) as told:
        yield told


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_the_whole_story_comes_through(told: Told, trouble: Trouble) -> None:
    told[trouble.name].result()


def test_a_stack_set_that_somebody_else_changed_stops_alone(told: Told) -> None:
    told["stale"].result()


def test_a_lost_answer_costs_no_more_than_a_second_run(told: Told) -> None:
    told["lost"].result()


def _comes_through(trouble: Trouble, world: World, recorder: Recorder) -> None:
    policy = _policy(world)
    file = world.write(policy)
    apply = ("apply", file, "--yes")
    with _proxy(world, recorder) as proxy:
        rollout = _run_with(trouble.rollout, world, proxy, *apply).exits(0)
        world.run("plan", file, "--detailed-exitcode").exits(0)
        world.write(replace(policy, install=LATER))
        update = _run_with(trouble.update, world, proxy, *apply).exits(0)
        world.run("plan", file, "--detailed-exitcode").exits(0)
        destroy = ("destroy", file, "--yes", NAME)
        _run_with(trouble.removal, world, proxy, *destroy).exits(0)

    assert _templates(world) == {}
    if trouble.name == "busy-and-slow":
        # Whoever watches has to know why nothing happens.
        for run in rollout, update:
            run.complains("another operation runs on the stack set")


def _stops_alone(world: World, recorder: Recorder) -> None:
    whole, pinned = f"orgpatch-{NAME}-main", f"orgpatch-{NAME}-main-pinned"
    policy = _policy(world)
    file = world.write(policy)
    world.run("apply", file, "--yes").exits(0)
    before = _templates(world)
    world.write(replace(policy, install=LATER))
    stale = error(
        "cloudformation:UpdateStackSet",
        "StaleRequestException",
        409,
        times=1,
        message="The request is stale",
        only=f"StackSetName == '{whole}'",
    )

    with _proxy(world, recorder) as proxy:
        stopped = _run_with([stale], world, proxy, "apply", file, "--yes")

    stopped.exits(3).says("StaleRequestException", "orgpatch plan.* again")
    after = _templates(world)
    assert after[whole] == before[whole]
    assert after[pinned] != before[pinned]
    # It is for the reader to look at the plan first. Nothing else stands in the way.
    world.run("plan", file, "--detailed-exitcode").exits(2)
    world.run("apply", file, "--yes").exits(0)
    world.run("plan", file, "--detailed-exitcode").exits(0)
    world.run("destroy", file, "--yes", NAME).exits(0)


def _is_not_made_twice(world: World, recorder: Recorder) -> None:
    policy = _policy(world)
    file = world.write(policy)
    apply = ("apply", file, "--yes")

    creation = [
        ("cloudformation:CreateChangeSet", ""),
        ("cloudformation:ExecuteChangeSet", ""),
        # S3 refuses it the second time, since the object is there now.
        ("s3:PutObject", OVERRIDES),
        # AWS knows by its token that it is the same; the emulator refuses it.
        ("cloudformation:CreateStackSet", ""),
        ("cloudformation:CreateStackInstances", ""),
    ]
    lost = _lost(recorder, *creation)
    for codes in (0, 3), (0, 3), (0,):
        world.run(*apply).exits(*codes)
    assert lost() == creation
    world.run("plan", file, "--detailed-exitcode").exits(0)

    world.write(replace(policy, install=LATER))
    update = [
        ("s3:PutObject", LOCK),
        ("cloudformation:UpdateStackSet", ""),
        ("s3:PutObject", RECORD),
    ]
    lost = _lost(recorder, *update)
    world.run(*apply).exits(0)
    assert lost() == update
    world.run("plan", file, "--detailed-exitcode").exits(0)

    removal = [
        ("cloudformation:DeleteStackInstances", ""),
        ("cloudformation:DeleteStackSet", ""),
        ("cloudformation:DeleteStack", ""),
    ]
    lost = _lost(recorder, *removal)
    world.run("destroy", file, "--yes", NAME).exits(0)
    assert lost() == removal

    assert _templates(world) == {}
    # By its ID AWS knows that an operation is the same.
    for call in "cloudformation:CreateStackInstances", "cloudformation:UpdateStackSet":
        sent = [each.text for each in recorder.log if each.call == call]
        assert len(set(sent)) < len(sent), f"{call} was not tried again as it was"


def _lost(
    recorder: Recorder, *calls: tuple[str, str]
) -> Callable[[], list[tuple[str, str]]]:
    """Has the first answer to each of these calls lost, and tells which have been."""
    cuts = [(call, recorder.cut(*call, after=True)) for call in calls]
    return lambda: [call for call, cut in cuts if not cut.left]


def _proxy(world: World, recorder: Recorder) -> AbstractContextManager[Proxy]:
    """A proxy beside the recorder, which can't read what a proxy sends in chunks."""
    return proxies.running(recorder.upstream, world.folder / "microburst.log")


def _run_with(faults: list[Fault], world: World, proxy: Proxy, *arguments: str) -> Run:
    """Runs orgpatch while these faults happen, and sees that every one of them has."""
    proxy.clear()
    numbers = proxy.inject(*faults, UNHURRIED)
    run = world.through(proxy.url).run(*arguments)
    fired = proxy.fired()
    for fault, number in zip(faults, numbers, strict=False):
        happened = fired[number]
        # What happens to all calls happens to dozens.
        is_right = happened > 24 if fault.times is None else happened == fault.times
        assert is_right, f"{fault} happened {happened} times\n{run}"
    return run


def _policy(world: World) -> Policy:
    return world.policy(
        name=NAME, ous=BOTH, regions=(HOME,), management_account="exclude"
    )


def _templates(world: World) -> dict[str, str]:
    """The templates of all stack sets."""
    cloudformation = world.emulator.client("cloudformation", HOME)
    listed = cloudformation.list_stack_sets(Status="ACTIVE")["Summaries"]
    names = [each["StackSetName"] for each in listed]
    return {
        name: cloudformation.describe_stack_set(StackSetName=name)["StackSet"][
            "TemplateBody"
        ]
        for name in names
    }
