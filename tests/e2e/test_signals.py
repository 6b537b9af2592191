"""Whoever stops a rollout knows afterwards what runs on, and how to go on.

The recorder holds up a call, so that the signal comes while orgpatch waits for just that.
"""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

import recorder as recorders
from policy import Policy
from recorder import Recorder
from running import SECONDS_TO_END, finish, spawned, started
from world import Run, World, binary

POLL = "cloudformation:DescribeStackSetOperation"
# What begins something at AWS that was not there before.
STEPS = {
    "cloudformation:CreateChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:CreateStackSet",
    "cloudformation:CreateStackInstances",
    "cloudformation:UpdateStackSet",
    "cloudformation:DeleteStackInstances",
    "cloudformation:DeleteStackSet",
    "cloudformation:DeleteStack",
}
GO_ON = "Run the same command again to go on"
# Makes its terminal the one that controls it, and becomes what it is told to be.
IN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def recorder(small_world: World) -> Iterator[Recorder]:
    with recorders.recording(small_world.emulator.url, is_patient=True) as opened:
        yield opened


@pytest.fixture
def wired(small_world: World, recorder: Recorder) -> World:
    """The world as orgpatch reaches it."""
    return small_world.through(recorder.url)


@pytest.fixture(scope="module")
def hours() -> Iterator[int]:
    """Hours at which no policy has installed yet."""
    return iter(range(3, 24))


@pytest.fixture(scope="module")
def standing(small_world: World, regions: Iterator[str]) -> Policy:
    """A policy that is rolled out once, and that each test then changes."""
    policy = _policy(small_world, "standing", next(regions))
    with recorders.recording(small_world.emulator.url, is_patient=True) as recorder:
        world = small_world.through(recorder.url)
        world.run("apply", world.write(policy), "--yes").exits(0)
    return policy


@pytest.fixture
def file(
    wired: World, recorder: Recorder, standing: Policy, hours: Iterator[int]
) -> str:
    """The policy with another hour, and StackSets in no hurry to roll it out."""
    recorder.rewrite(POLL, ">SUCCEEDED</Status>", ">RUNNING</Status>", times=99)
    return wired.write(replace(standing, install=f"sun {next(hours):02}:00"))


def _policy(world: World, name: str, region: str) -> Policy:
    return world.policy(
        name=name,
        ous=("/Security",),
        regions=(region,),
        management_account="exclude",
    )


def _begun(recorder: Recorder) -> list[str]:
    """The calls so far that begin something."""
    return [each.call for each in recorder.log if each.call in STEPS]


def _holds_to_its_word(run: Run, recorder: Recorder) -> None:
    """What is left running is the very operation that was begun."""
    run.exits(130).says(GO_ON)
    [begun] = [
        re.search("OperationId=([^&]+)", each.text)
        for each in recorder.log
        if each.call == "cloudformation:UpdateStackSet"
    ]
    assert begun
    run.says(rf"left running at AWS: update stack set .* operation {begun[1]}")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)
def test_one_signal_leaves_running_what_runs(
    wired: World, recorder: Recorder, file: str, number: signal.Signals
) -> None:
    held = recorder.hold(POLL, after=True)
    with started(wired, "apply", file, "--yes") as run:
        run.comes_to(held)
        before = _begun(recorder)
        run.send(number)
        run.says("Stopping")
        held.pass_on()
        stopped = run.ends()

    _holds_to_its_word(stopped, recorder)
    assert _begun(recorder) == before
    recorder.rewrites.clear()
    wired.run("apply", file, "--yes").exits(0)
    wired.run("plan", file, "--detailed-exitcode").exits(0)


def test_after_a_signal_no_step_begins(
    wired: World, recorder: Recorder, regions: Iterator[str]
) -> None:
    file = wired.write(_policy(wired, "stopped", next(regions)))
    held = recorder.hold("cloudformation:CreateStackSet", after=True)
    with started(wired, "apply", file, "--yes") as run:
        run.comes_to(held)
        before = _begun(recorder)
        run.send(signal.SIGINT)
        run.says("Stopping")
        held.pass_on()
        stopped = run.ends()

    stopped.exits(130).says("not started add 2 accounts", GO_ON)
    assert _begun(recorder) == before
    assert "cloudformation:CreateStackInstances" not in before
    wired.run("apply", file, "--yes").exits(0)
    wired.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_second_signal_leaves_at_once(
    wired: World, recorder: Recorder, regions: Iterator[str]
) -> None:
    # It leaves its lock behind, so this policy is no other test's.
    file = wired.write(_policy(wired, "left", next(regions)))
    held = recorder.hold("cloudformation:CreateStackInstances", after=True)
    with started(wired, "apply", file, "--yes") as run:
        run.comes_to(held)
        run.send(signal.SIGINT)
        run.says("Stopping")
        run.send(signal.SIGINT)
        # The answer that it waits for has not come, and does not.
        stopped = run.ends()
        held.drop()

    stopped.exits(130).complains("Left at once", "run the same command again")
    finish(wired, file)
    wired.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_reader_that_has_gone_away_is_as_good_as_one_signal(
    wired: World, recorder: Recorder, file: str
) -> None:
    held = recorder.hold(POLL, after=True)
    command = [str(binary()), "apply", file, "--yes"]
    streams = subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE
    with spawned(command, wired, *streams) as process:
        held.wait()
        before = _begun(recorder)
        for stream in process.stdout, process.stderr:
            assert stream
            stream.close()
        process.send_signal(signal.SIGHUP)
        held.pass_on()
        code = process.wait(SECONDS_TO_END)

    assert code == 130, f"exit {code}"
    assert _begun(recorder) == before
    recorder.rewrites.clear()
    wired.run("apply", file, "--yes").exits(0)
    wired.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_closed_terminal_is_as_good_as_one_signal(
    wired: World, recorder: Recorder, file: str
) -> None:
    held = recorder.hold(POLL, after=True)
    screen, terminal = pty.openpty()
    command = [str(binary()), "apply", file, "--yes"]
    command = [sys.executable, "-c", IN_TERMINAL, *command]
    with spawned(command, wired, terminal, terminal, terminal) as process:
        os.close(terminal)
        while not held.is_reached():
            if select.select([screen], [], [], 0.05)[0]:
                # An error here says that it ended before it waited.
                print(os.read(screen, 65536).decode(errors="replace"), end="")
        before = _begun(recorder)
        # Nobody sends a signal but the system.
        os.close(screen)
        held.pass_on()
        code = process.wait(SECONDS_TO_END)

    assert code == 130, f"exit {code}"
    assert _begun(recorder) == before
    recorder.rewrites.clear()
    wired.run("apply", file, "--yes").exits(0)
    wired.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_lost_network_is_waited_for(
    wired: World, recorder: Recorder, regions: Iterator[str]
) -> None:
    file = wired.write(_policy(wired, "patient", next(regions)))
    # With one attempt a call, so that the SDK does not hide what orgpatch has to bear.
    executed = recorder.hold("cloudformation:ExecuteChangeSet", after=True)
    created = recorder.hold("cloudformation:CreateStackInstances", after=True)
    with started(wired, "apply", file, "--yes", AWS_MAX_ATTEMPTS="1") as run:
        run.comes_to(executed)
        first = recorder.cut("", after=False)
        executed.pass_on()
        run.comes_to(created)
        second = recorder.cut("", after=False, times=2)
        created.pass_on()
        run.ends().exits(0)

    assert (first.left, second.left) == (0, 0)
    wired.run("plan", file, "--detailed-exitcode").exits(0)
