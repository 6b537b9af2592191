"""Who applied what is found in the bucket afterwards, and one run at a time holds the lock."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import look
import recorder as recorders
from organization import HOME
from recorder import Recorder
from running import started
from world import World

POLL = "cloudformation:DescribeStackSetOperation"


@pytest.fixture
def recorder(small_world: World) -> Iterator[Recorder]:
    with recorders.recording(small_world.emulator.url) as opened:
        yield opened


@pytest.fixture
def file(small_world: World, regions: Iterator[str]) -> str:
    """A policy of the test's own."""
    region = next(regions)
    policy = small_world.policy(
        name=f"recorded-in-{region}",
        ous=("/Security",),
        regions=(region,),
        management_account="exclude",
    )
    return small_world.write(policy)


def _destroy(world: World, file: str) -> None:
    world.run("destroy", file, "--yes", Path(file).stem).exits(0)


def test_the_history_tells_of_each_run(small_world: World, file: str) -> None:
    small_world.run("history", file).exits(0).says("there is no bucket")
    planned = small_world.run("plan", file).exits(0).digest()

    small_world.run("apply", file, "--yes").exits(0)

    small_world.run("history", file).exits(0).says(
        r"apply by arn:aws:", planned, r"ended after \d+ seconds?: 4 done of 4 steps"
    )
    told = json.loads(small_world.run("history", file, "-o", "json").exits(0).out)
    [run] = told["runs"]
    assert {step["end"] for step in run["record"]["steps"]} == {"done"}
    # Nothing to do is nothing to record, and the lock is free.
    small_world.run("apply", file, "--yes").exits(0)
    again = json.loads(small_world.run("history", file, "-o", "json").exits(0).out)
    assert again == told
    _destroy(small_world, file)


def test_a_record_that_cannot_be_written_is_said_and_stops_nothing(
    small_world: World, recorder: Recorder, file: str
) -> None:
    wired = small_world.through(recorder.url)
    recorder.cut("s3:PutObject", "runs/", after=False, times=99)

    run = wired.run("apply", file, "--yes", AWS_MAX_ATTEMPTS="1").exits(0)

    run.complains("the record of this run is not in s3://", "runs/")
    small_world.run("plan", file, "--detailed-exitcode").exits(0)
    small_world.run("history", file).exits(0).says("No run of")
    _destroy(small_world, file)


def test_who_comes_second_is_told_whose_run_goes_on(
    small_world: World, recorder: Recorder, file: str
) -> None:
    small_world.run("apply", file, "--yes").exits(0)
    wired = small_world.through(recorder.url)
    name = Path(file).stem
    text = Path(file).read_text()
    Path(file).write_text(text.replace("sun 02:00", "sun 03:00"))
    held = recorder.hold(POLL, after=True)
    with started(wired, "apply", file, "--yes") as first:
        held.wait()

        second = small_world.run("apply", file, "--yes").exits(4)

        second.complains(
            "another `orgpatch apply`", "--break-lock", "nothing was changed"
        )
        held.pass_on()
        first.ends().exits(0)
    small_world.run("plan", file, "--detailed-exitcode").exits(0)
    bucket = next(
        bucket
        for bucket, key in look.footprint(small_world.emulator, [], [HOME]).objects
        if key == "lock.json"
    )
    s3 = small_world.emulator.client("s3", HOME)
    s3.put_object(Bucket=bucket, Key="lock.json", Body=b"no lock")
    small_world.run("destroy", file, "--yes", name).exits(4).complains(
        "can't be understood", "--break-lock"
    )
    small_world.run("destroy", file, "--yes", name, "--break-lock").exits(0)
