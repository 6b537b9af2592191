"""The policy that `iam-policy` prints has the calls that are made: none missing, none unused.

One story through every command, recorded on the wire. The emulator lets everybody do
everything, so what counts is what was asked of it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import member
import world as worlds
from emulator import MANAGEMENT_ACCOUNT
from organization import HOME
from policy import Policy
from recorder import Recorder, recording
from world import World

# Actions that IAM asks for although nobody calls them, with who says so.
COMPANIONS = {
    # A delegated administrator without it is told that it is none (user guide).
    "organizations:ListDelegatedAdministrators",
    # Part of DeleteObjects where versions are named (service authorization reference).
    "s3:DeleteObjectVersion",
    # Checked where stacks and stack sets are made or changed with tags (the same).
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
}
# The operation for which IAM has another name.
ACTIONS = {"s3:DeleteObjects": "s3:DeleteObject"}


@dataclass(frozen=True)
class Recorded:
    """What was called by those who only look, and by all."""

    looking: set[str]
    all: set[str]
    # By `conflicts --deep`: with its own credentials, and with those of roles in members.
    deep: set[str]
    in_members: set[str]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with (
        worlds.opened(tmp_path_factory.mktemp("permissions")) as world,
        recording(world.emulator.url) as recorder,
    ):
        deep = _look_deep(world, recorder)
        looking = _look(world, recorder)
        _change(world, recorder)
        # How an operation stands is asked for only where the listing says that it runs.
        recorder.rewrite(
            "cloudformation:ListStackSetOperations", "SUCCEEDED", "RUNNING"
        )
        looking |= _look(world, recorder)
        _remove(world, recorder)
        changing = _actions(recorder.calls)
        yield Recorded(looking, changing, deep, recorder.calls_in_roles)


def _run(world: World, recorder: Recorder, *arguments: str) -> worlds.Run:
    return world.run(*arguments, AWS_ENDPOINT_URL=recorder.url)


def _policy(world: World, **changes: object) -> Policy:
    """A policy with a baseline that it makes, and with a calendar."""
    rules = "[{ classification: [Security], severity: [Critical] }]"
    usual = {
        "baselines": world.baselines | {"AMAZON_LINUX_2023": rules},
        "calendars": (f"arn:aws:ssm:{HOME}:{MANAGEMENT_ACCOUNT}:document/freeze",),
    }
    return world.policy(**(usual | changes))


def _look(world: World, recorder: Recorder) -> set[str]:
    """Every command that only looks."""
    before, recorder.calls = recorder.calls, set()
    file = world.write(_policy(world))
    _run(world, recorder, "snapshot", "--out", "org.json").exits(0)
    _run(world, recorder, "plan", file).exits(0)
    _run(world, recorder, "render", file, "--out", "rendered").exits(0)
    _run(world, recorder, "status", file).exits(0)
    _run(world, recorder, "history", file).exits(0)
    _run(world, recorder, "validate", file, "--online").exits(0)
    _run(world, recorder, "why", file, "/Security").exits(0)
    _run(world, recorder, "conflicts", file).exits(0)
    # There is no such calendar.
    _run(world, recorder, "next-runs", file, "--online").exits(1)
    looking = _actions(recorder.calls)
    recorder.calls |= before
    return looking


def _look_deep(world: World, recorder: Recorder) -> set[str]:
    """The one command that looks into members too, and into its own account."""
    audit = world.organization.accounts["audit"]
    member.make_role(world, audit)
    for account in audit, MANAGEMENT_ACCOUNT:
        member.associate(world, account, HOME)
        member.open_window(world, account, HOME)
    _run(world, recorder, "conflicts", world.write(_policy(world)), "--deep").exits(4)
    deep, recorder.calls = _actions(recorder.calls), set()
    return deep


def _change(world: World, recorder: Recorder) -> None:
    """A rollout in which a stack fails, the rollout again, and an update."""
    file = world.write(_policy(world, keys={"tags": '{ CostCenter: "4711" }'}))
    # Why a stack failed is asked for only where one did.
    recorder.rewrite(
        "cloudformation:DescribeStacks", "CREATE_COMPLETE", "ROLLBACK_COMPLETE"
    )
    _run(world, recorder, "apply", file, "--yes").exits(1, 3)
    # How far an operation is is asked for only while it runs.
    recorder.rewrite("cloudformation:DescribeStackSetOperation", "SUCCEEDED", "RUNNING")
    _run(world, recorder, "apply", file, "--yes").exits(0)
    # A baseline has another rule now, and a tag less.
    rules = "[{ classification: [Security], severity: [Critical, Important] }]"
    baselines = world.baselines | {"AMAZON_LINUX_2023": rules}
    later = world.write(_policy(world, install="sun 03:00", baselines=baselines))
    _run(world, recorder, "apply", later, "--yes").exits(0)


def _remove(world: World, recorder: Recorder) -> None:
    policy = _policy(world)
    _run(world, recorder, "destroy", world.write(policy), "--yes", policy.name).exits(0)


def _actions(calls: set[str]) -> set[str]:
    return {ACTIONS.get(call, call) for call in calls}


def _allowed(world_runner: str) -> set[str]:
    """The actions of the printed policy, but for those that CloudFormation makes itself."""
    printed = worlds.run_alone("iam-policy", "--for", world_runner).exits(0).out
    return {
        action
        for statement in json.loads(printed)["Statement"]
        if "aws:CalledVia" not in json.dumps(statement)
        for action in statement["Action"]
    }


def test_who_looks_may_make_the_calls_that_are_made_and_no_other(
    recorded: Recorded,
) -> None:
    allowed = _allowed("plan")
    assert recorded.looking - allowed == set()
    assert allowed - COMPANIONS - recorded.looking == set()


def test_the_operator_may_make_the_calls_that_are_made_and_no_other(
    recorded: Recorded,
) -> None:
    allowed = _allowed("operator")
    assert recorded.all - allowed == set()
    assert allowed - COMPANIONS - recorded.all == set()


def test_who_looks_into_members_may_make_the_calls_that_are_made_and_no_other(
    recorded: Recorded,
) -> None:
    assert recorded.deep - _allowed("deep") == set()
    more = _allowed("deep") - _allowed("plan")
    assert more - recorded.deep == set()
    assert "sts:AssumeRole" in more


def test_the_role_in_members_may_make_the_calls_that_are_made_and_no_other(
    recorded: Recorded,
) -> None:
    assert recorded.in_members == _allowed("member")
    assert all(
        call.partition(":")[2].startswith(("Describe", "Get", "List"))
        for call in recorded.in_members
    )
