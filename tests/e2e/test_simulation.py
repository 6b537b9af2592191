"""The simulated AWS and the emulator, which others wrote, come to the same end.

One organization, recorded from the emulator; one policy, rehearsed over the recording and
carried out on the emulator. What is compared is what the emulator does as AWS documents
it: who is reached, who is skipped, and how many operations that takes.
"""

import json
from collections import Counter
from typing import Any

import look
from emulator import MANAGEMENT_ACCOUNT
from organization import CLOSED
from world import World

NAME = "rehearsed"
SETS = {f"orgpatch-{NAME}-main", f"orgpatch-{NAME}-main-pinned"}


def test_the_same_story_ends_the_same_in_both(world: World) -> None:
    # The suspended account is left where StackSets finds it: inside of a whole OU.
    policy = world.policy(name=NAME)
    file, recording = world.write(policy), str(world.folder / "org.json")
    world.run("snapshot", "--region", policy.home_region, "--out", recording).exits(0)
    rehearsed = json.loads(
        world.run("rehearse", file, "--org", recording, "-o", "json", keys=None)
        .exits(0)
        .out
    )

    planned = json.loads(world.run("plan", file, "-o", "json").exits(0).out)
    world.run("apply", file, "--yes").exits(0)

    assert rehearsed["plan"]["digest"] == planned["digest"]
    sets = {
        found.name: found
        for found in look.footprint(world.emulator, [], []).stack_sets
        if found.name in SETS
    }
    assert _operations(rehearsed) == {
        name: len(found.operations) for name, found in sets.items()
    }
    skipped = "SKIPPED_SUSPENDED_ACCOUNT"
    current = Counter(
        each.region
        for found in sets.values()
        for each in found.instances
        if each.status == "CURRENT" and each.detailed_status != skipped
    )
    left_out = {
        each.account
        for found in sets.values()
        for each in found.instances
        if each.detailed_status == skipped
    }
    assert left_out == world.organization.ids(CLOSED)
    regions = rehearsed["status"]["rings"][0]["regions"]
    assert {name: counts["skipped"] for name, counts in regions.items()} == {
        name: len(left_out) for name in policy.regions
    }
    # The management account has stacks of its own, which are no instances.
    own = 1
    assert {
        name: counts["current"] - own for name, counts in regions.items()
    } == current
    assert _reached(planned) == {
        (each.account, each.region)
        for found in sets.values()
        for each in found.instances
        if each.account not in left_out
    }
    world.run("destroy", file, "--yes", NAME, "--keep-roles").exits(0)


def _operations(rehearsed: dict[str, Any]) -> dict[str, int]:
    """By stack set, how many steps had an operation of StackSets."""
    [run] = rehearsed["runs"]
    counted = Counter(
        name
        for step in run["steps"]
        if step["regions"]
        for name in SETS
        if f"/{name}/" in step["step"]
    )
    return dict(counted)


def _reached(planned: dict[str, Any]) -> set[tuple[str, str]]:
    """Accounts and Regions that get something, but for the management account."""
    return {
        (account["id"], region)
        for account in planned["accounts"]
        for region in account["regions"]["added"]
        if account["id"] != MANAGEMENT_ACCOUNT
    }
