"""Two rings: what each has of its own, and what becomes of a ring that goes.

One story: the tests run in the order of this file, and each begins where the one before
has left AWS. The last one has a policy of its own.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import look
import recorder as recorders
from emulator import MANAGEMENT_ACCOUNT
from look import Footprint
from organization import HOME
from policy import Policy, Ring
from recorder import Recorder
from small import BOTH
from world import Counts, World

NAME = "ringed"
REGION = "us-east-1"
# Where nobody else's policy is.
ELSEWHERE = "us-west-2"
STAGING, PROD = f"orgpatch-{NAME}-staging", f"orgpatch-{NAME}-prod"
# The systems that the policy gives rules for. All others have baselines that exist.
RULED = ("AMAZON_LINUX_2023", "WINDOWS")
# What stands in an account, by stack set: whole OUs in staging, a single account in prod.
COVERED = {STAGING: ("audit", "log-archive"), f"{PROD}-pinned": ("tools",)}


@pytest.fixture(scope="module")
def recorder(small_world: World) -> Iterator[Recorder]:
    with recorders.recording(small_world.emulator.url, is_patient=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def world(small_world: World, recorder: Recorder) -> World:
    """The small world, in which nobody waits for an operation that has ended."""
    return small_world.through(recorder.url)


def test_the_plan_names_rings_in_their_order_and_changes_nothing(world: World) -> None:
    before = _look(world)

    plan = world.run("plan", world.write(_policy(world))).exits(0)

    everybody = len(world.organization.everybody())
    assert plan.counts() == Counts(
        add=3, change=0, remove=0, unchanged=0, skipped=everybody - 3
    )
    plan.says(r"(?s)Ring staging \(.*Ring prod \(", *_baseline_names("staging", "prod"))
    assert _look(world) == before
    assert look.baselines(world.emulator) == {}


def test_each_ring_gets_parts_of_its_own_one_ring_after_the_other(
    world: World, recorder: Recorder
) -> None:
    world.run("apply", world.write(_policy(world)), "--yes").exits(0)

    found = _look(world)
    assert found.places() == _expected(world, COVERED)
    for stack in found.stacks:
        assert stack.tags["orgpatch:policy"] == NAME, stack
        ring = "staging" if "-staging" in stack.name else "prod"
        assert stack.tags["orgpatch:ring"] == ring, stack
    assert {each.name for each in found.stack_sets} == set(COVERED)
    assert found.stack_set(STAGING).auto_deployment
    assert not found.stack_set(f"{PROD}-pinned").auto_deployment
    assert found.buckets() == {
        found.bucket(f"{STAGING}-home"),
        found.bucket(f"{PROD}-home"),
    }
    # The second ring waits for the end of the first one.
    polled = _calls(recorder, "DescribeStackSetOperation", STAGING)
    begun = _calls(recorder, "CreateStackInstances", PROD)
    assert polled and begun and max(polled) < min(begun)


def test_rules_become_baselines_of_each_ring(world: World) -> None:
    made = look.baselines(world.emulator)

    assert set(made) == _baseline_names("staging", "prod")
    for name, baseline in made.items():
        ring = "staging" if "-staging-" in name else "prod"
        assert baseline.tags["orgpatch:policy"] == NAME, name
        assert baseline.tags["orgpatch:ring"] == ring, name
    for ring, days in ("staging", 1), ("prod", 8):
        linux = made[f"orgpatch-{NAME}-{ring}-amazon_linux_2023"].says
        [rule] = linux["ApprovalRules"]
        assert rule["ApproveAfterDays"] == days
        assert rule["ComplianceLevel"] == "CRITICAL"
        assert rule["PatchFilterGroup"] == {
            "CLASSIFICATION": ["Security"],
            "SEVERITY": ["Critical"],
        }
        windows = made[f"orgpatch-{NAME}-{ring}-windows"].says
        assert windows["RejectedPatches"] == ["KB5034439"]
        assert windows["RejectedPatchesAction"] == "BLOCK"
        # The rule's own word wins over the ring's.
        [rule] = windows["ApprovalRules"]
        assert rule["ApproveAfterDays"] == 3


def test_the_override_objects_say_what_the_baselines_say(world: World) -> None:
    assert _entries(world, f"{STAGING}-home") == _baselines(world, "staging")
    assert _entries(world, f"{PROD}-home") == _baselines(world, "prod")
    assert _baselines(world, "staging") != _baselines(world, "prod")


def test_nothing_is_left_to_do_and_status_knows_both_rings(world: World) -> None:
    file = world.write(_policy(world))
    world.run("plan", file, "--detailed-exitcode").exits(0).says(r"No changes\.")
    world.run("status", file).exits(0).says("ring staging", "ring prod")


def test_another_rule_reaches_baseline_and_file_and_no_account(world: World) -> None:
    before, made = _look(world), look.baselines(world.emulator)
    file = world.write(_edited(world))

    plan = world.run("plan", file, "--detailed-exitcode").exits(2)

    # Both sides of each change: a severity in both rings, an exception in one.
    plan.says("SEVERITY|severity", "Important", r"kernel-\*")
    world.run("apply", file, "--yes").exits(0)
    after = look.baselines(world.emulator)
    assert {name: each.id for name, each in after.items()} == {
        name: each.id for name, each in made.items()
    }
    for ring, rejected in ("staging", []), ("prod", ["kernel-*"]):
        linux = after[f"orgpatch-{NAME}-{ring}-amazon_linux_2023"].says
        [rule] = linux["ApprovalRules"]
        assert rule["PatchFilterGroup"]["SEVERITY"] == ["Critical", "Important"]
        assert linux["RejectedPatches"] == rejected
        assert (
            after[f"orgpatch-{NAME}-{ring}-windows"]
            == (made[f"orgpatch-{NAME}-{ring}-windows"])
        )
        home = f"orgpatch-{NAME}-{ring}-home"
        assert _entries(world, home) == _baselines(world, ring)
    # Nodes read the file, so no stack has to change for it.
    assert _look(world).operations() == before.operations()
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_renamed_ring_is_made_anew_with_consent(world: World) -> None:
    file = world.write(_edited(world, first="early"))
    before = _look(world)

    plan = world.run("plan", file, "--detailed-exitcode").exits(2)

    plan.says(r"Ring early \(", r"Ring staging \(.*removed", "renamed")
    assert plan.counts().unchanged == 1
    world.run("apply", file, "--yes").exits(4).complains("--allow-removals")
    assert _look(world) == before
    world.run("apply", file, "--yes", "--allow-removals", "2").exits(0)
    after = _look(world)
    early = f"orgpatch-{NAME}-early"
    covered = {early: COVERED[STAGING], f"{PROD}-pinned": COVERED[f"{PROD}-pinned"]}
    assert after.places() == _expected(world, covered)
    assert {each.name for each in after.stack_sets} == set(covered)
    # The ID is made of the ring's name, and so is the bucket's name.
    assert before.bucket(f"{STAGING}-home") not in after.buckets()
    assert len(after.buckets()) == 2
    assert set(look.baselines(world.emulator)) == _baseline_names("early", "prod")
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_ring_that_is_taken_out_goes_only_with_consent(world: World) -> None:
    file = world.write(_edited(world, first="early", rings=1))
    before = _look(world)

    plan = world.run("plan", file, "--detailed-exitcode").exits(2)

    plan.says(r"Ring prod \(.*removed", "in none of the rings")
    assert plan.counts().remove == 1
    assert (plan.counts().add, plan.counts().change) == (0, 0)
    world.run("apply", file, "--yes").exits(4).complains("--allow-removals")
    assert _look(world) == before
    assert set(look.baselines(world.emulator)) == _baseline_names("early", "prod")
    world.run("apply", file, "--yes", "--allow-removals", "1").exits(0)
    after = _look(world)
    early = f"orgpatch-{NAME}-early"
    assert after.places() == _expected(world, {early: COVERED[STAGING]})
    assert {each.name for each in after.stack_sets} == {early}
    assert after.buckets() == {after.bucket(f"{early}-home")}
    assert set(look.baselines(world.emulator)) == _baseline_names("early")
    # What stays was not touched.
    assert after.stack_set(early) == before.stack_set(early)
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_somebody_elses_baseline_of_the_name_is_in_the_way(world: World) -> None:
    name = "orgpatch-taken-main-amazon_linux_2023"
    ssm = world.emulator.client("ssm", HOME)
    theirs = ssm.create_patch_baseline(Name=name, OperatingSystem="AMAZON_LINUX_2023")
    policy = world.policy(
        name="taken",
        ous=("/Security",),
        regions=(ELSEWHERE,),
        management_account="exclude",
        baselines=world.baselines | _rules(["Critical"]),
    )
    before = _look(world)

    refused = world.run("apply", world.write(policy), "--yes").exits(4)

    refused.complains(name, "orgpatch:policy")
    assert _look(world) == before
    assert look.baselines(world.emulator)[name].id == theirs["BaselineId"]


def _policy(
    world: World,
    *,
    severities: tuple[str, ...] = ("Critical",),
    first: str = "staging",
    rings: int = 2,
    keys: dict[str, str] | None = None,
) -> Policy:
    """A policy with the first of two rings, or with both."""
    both = (
        Ring(first, ("/Security",), {"approve": "{ after_days: 1 }"}),
        Ring("prod", ("/Workloads",), {"approve": "{ after_days: 8 }"}),
    )
    return world.policy(
        name=NAME,
        ous=BOTH,
        regions=(REGION,),
        management_account="exclude",
        baselines=world.baselines | _rules(severities),
        rings=both[:rings],
        keys=keys or {},
    )


def _edited(world: World, *, first: str = "staging", rings: int = 2) -> Policy:
    """The same with one severity more, and with an exception for what is left of prod."""
    exception = "{ patch: kernel-*, os: amazon_linux_2023, rings: [prod], owner: ops, ticket: OPS-1, until: 2099-12-31 }"
    return _policy(
        world,
        severities=("Critical", "Important"),
        first=first,
        rings=rings,
        keys={"exceptions": f"[{exception}]"} if rings == 2 else {},
    )


def _rules(severities: tuple[str, ...] | list[str]) -> dict[str, str]:
    linux = f"classification: [Security], severity: [{', '.join(severities)}]"
    windows = "classification: [SecurityUpdates], approve: { after_days: 3 }"
    return {
        "AMAZON_LINUX_2023": f"[{{ {linux}, compliance: critical }}]",
        "WINDOWS": f"{{ rules: [{{ {windows} }}], rejected: [KB5034439], rejected_action: block }}",
    }


def _look(world: World) -> Footprint:
    everybody = world.organization.everybody()
    return look.footprint(world.emulator, everybody, [HOME, REGION, ELSEWHERE])


def _expected(
    world: World, covered: dict[str, tuple[str, ...]]
) -> set[tuple[str, str, str]]:
    """(account, Region, name) of every stack: a home stack for each ring, and members'."""
    return {
        *(
            (MANAGEMENT_ACCOUNT, HOME, f"{name.removesuffix('-pinned')}-home")
            for name in covered
        ),
        *(
            (account, REGION, f"StackSet-{name}")
            for name, members in covered.items()
            for account in world.organization.ids(*members)
        ),
    }


def _baseline_names(*rings: str) -> set[str]:
    return {
        f"orgpatch-{NAME}-{ring}-{system.lower()}" for ring in rings for system in RULED
    }


def _entries(world: World, home: str) -> list[dict[str, Any]]:
    """The override object of the ring whose home stack is called so."""
    bucket = _look(world).bucket(home)
    entries = look.overrides(world.emulator, bucket=bucket)
    assert all(set(each) == look.ENTRY_KEYS for each in entries)
    return [look.said(each) for each in entries]


def _baselines(world: World, ring: str) -> list[dict[str, Any]]:
    """What the object should hold: made baselines, and for all else those that exist."""
    ssm = world.emulator.client("ssm", HOME)
    made = look.baselines(world.emulator)
    return [
        made[f"orgpatch-{NAME}-{ring}-{system.lower()}"].says
        if system in RULED
        else look.said(ssm.get_patch_baseline(BaselineId=baseline))
        for system, baseline in sorted(world.baselines.items())
    ]


def _calls(recorder: Recorder, call: str, stack_set: str) -> list[int]:
    """When a call was made about stack sets whose names begin so."""
    about = re.compile(rf"\bStackSetName={stack_set}")
    return [
        number
        for number, request in enumerate(recorder.log)
        if request.call == f"cloudformation:{call}" and about.search(request.text)
    ]
