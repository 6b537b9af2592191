"""What one ring has is given to the next: in the file, in the baseline, on the nodes.

One story: the tests run in the order of this file, and each begins where the one before
has left AWS.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import look
import recorder as recorders
from look import Footprint
from organization import HOME
from policy import Ring
from small import BOTH
from world import World

NAME = "promoted"
REGION = "us-east-1"
SYSTEM = "AMAZON_LINUX_2023"
OLD, NEW = "2026-09-01", "2026-10-15"
BETWEEN = ("--from", "staging", "--to", "prod")


@pytest.fixture(scope="module")
def world(small_world: World) -> Iterator[World]:
    """The small world, in which nobody waits for an operation that has ended."""
    url = small_world.emulator.url
    with recorders.recording(url, is_patient=True) as recorder:
        yield small_world.through(recorder.url)


@pytest.fixture(scope="module")
def file(world: World) -> Path:
    """A policy whose first ring takes a month's patches, and whose second one a day's."""
    policy = world.policy(
        name=NAME,
        ous=BOTH,
        regions=(REGION,),
        management_account="exclude",
        baselines=world.baselines
        | {SYSTEM: "[{ classification: [Security], severity: [Critical, Important] }]"},
        rings=(
            Ring("staging", ("/Security",), {"approve": "{ until: month-start }"}),
            Ring("prod", ("/Workloads",), {"approve": f"{{ until: {OLD} }}"}),
        ),
    )
    return Path(world.write(policy))


def test_each_ring_approves_up_to_its_day(world: World, file: Path) -> None:
    world.run("apply", str(file), "--yes").exits(0)
    assert _approved(world, "prod") == {OLD}
    [day] = _approved(world, "staging")
    # The first of a month: which one depends on the day of the test.
    assert day.endswith("-01") and day > OLD


def test_a_dry_run_shows_the_line_and_leaves_the_file(world: World, file: Path) -> None:
    before, text = _look(world), file.read_text()

    shown = world.run("promote", str(file), *BETWEEN, "--until", NEW, "--dry-run")

    shown.exits(0).says(OLD, NEW)
    assert file.read_text() == text
    assert _look(world) == before


def test_a_day_is_written_into_the_file_and_apply_brings_it_to_the_ring(
    world: World, file: Path
) -> None:
    text, staging = file.read_text(), _approved(world, "staging")

    world.run("promote", str(file), *BETWEEN, "--until", NEW).exits(0).says(NEW)

    # Everything else stays as it was, comments too.
    assert file.read_text() == text.replace(OLD, NEW)
    plan = world.run("plan", str(file), "--detailed-exitcode").exits(2)
    plan.says(rf"{OLD}.*(→|->).*{NEW}")
    world.run("apply", str(file), "--yes").exits(0)
    assert _approved(world, "prod") == {NEW}
    assert _approved(world, "staging") == staging
    world.run("plan", str(file), "--detailed-exitcode").exits(0)


def test_without_a_day_it_is_that_of_the_first_ring(world: World, file: Path) -> None:
    text = file.read_text()
    [day] = _approved(world, "staging")

    world.run("promote", str(file), *BETWEEN).exits(0).says(day)

    # The day itself and not `month-start`, which would move on by itself.
    assert file.read_text() == text.replace(NEW, day)
    world.run("apply", str(file), "--yes").exits(0)
    assert _approved(world, "prod") == {day}
    again = file.read_text()
    world.run("promote", str(file), *BETWEEN).exits(0)
    assert file.read_text() == again


def test_only_named_patches_are_promoted(world: World, file: Path) -> None:
    text = file.read_text()
    only = ("--only", "CVE-2026-12345")

    world.run("promote", str(file), *BETWEEN, *only).exits(0).says(only[1])

    assert "only: [CVE-2026-12345]" in file.read_text()
    world.run("apply", str(file), "--yes").exits(0)
    said = _said(world, "prod")
    assert said["ApprovedPatches"] == ["CVE-2026-12345"]
    assert said["ApprovalRules"] == []
    file.write_text(text)


def test_what_the_first_ring_has_not_is_refused(world: World, file: Path) -> None:
    text = file.read_text()
    for arguments, named in [
        (("--from", "stagin", "--to", "prod"), "staging"),
        (("--from", "prod", "--to", "staging"), "behind"),
        ((*BETWEEN, "--until", "2099-01-01"), "2099-01-01"),
    ]:
        refused = world.run("promote", str(file), *arguments)
        refused.exits(1, 4, 252).complains(named)
    assert file.read_text() == text


def test_destroy_takes_both_rings_and_their_baselines(world: World, file: Path) -> None:
    assert len(look.baselines(world.emulator)) == 2

    world.run("destroy", str(file), "--yes", NAME).exits(0)

    assert _look(world) == Footprint((), (), {}, frozenset())
    assert look.baselines(world.emulator) == {}
    # Those that the policy only names are somebody's own.
    ssm = world.emulator.client("ssm", HOME)
    for baseline in world.baselines.values():
        ssm.get_patch_baseline(BaselineId=baseline)


def _look(world: World) -> Footprint:
    everybody = world.organization.everybody()
    return look.footprint(world.emulator, everybody, [HOME, REGION])


def _approved(world: World, ring: str) -> set[str]:
    """Up to which days the ring approves, by its baseline and by its override object."""
    return {rule["ApproveUntilDate"] for rule in _said(world, ring)["ApprovalRules"]}


def _said(world: World, ring: str) -> dict[str, Any]:
    """What a ring's baseline says; its entry in the override object says the same."""
    baseline = look.baselines(world.emulator)[
        f"orgpatch-{NAME}-{ring}-{SYSTEM.lower()}"
    ].says
    bucket = _look(world).bucket(f"orgpatch-{NAME}-{ring}-home")
    [entry] = [
        look.said(each)
        for each in look.overrides(world.emulator, bucket=bucket)
        if each["OperatingSystem"] == SYSTEM
    ]
    assert entry == baseline
    return baseline
