"""The life of a policy over HTTP, from `validate` to `destroy`.

One story: the tests run in the order of this file, and each begins where the one before
has left AWS. What stands in the accounts is looked at by `look`, never by orgpatch.
"""

import json
import re
from dataclasses import replace
from typing import Any

import look
from emulator import MANAGEMENT_ACCOUNT
from look import Footprint
from organization import (
    CLOSED,
    HOME,
    OPERATING_SYSTEMS,
    PINNED,
    WHOLE,
    add_accounts,
    move_account,
)
from policy import Policy
from world import Counts, World

NAME = "corp-patch"
SET = "orgpatch-corp-patch-main"
REGIONS = (HOME, "us-east-1", "eu-west-1")
# One Region more than the policies name: nothing may ever stand there.
LOOKED_AT = (*REGIONS, "us-west-2")
# Whoever sits below a target, and still gets nothing.
LEFT_OUT = {
    "old-prod": "/Workloads/Prod/Suspended",
    "policy-test": "/Workloads/PolicyStaging",
    CLOSED: "suspended|closed",
}
FOREIGN_TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
# Tokyo has no daylight saving time, so these do not depend on the day of the test:
# Sunday 02:00 and 03:00 there, in the words of State Manager.
TOKYO_AT_TWO = re.compile(r"cron\(0 17 \? \* SAT \*\)")
TOKYO_AT_THREE = re.compile(r"cron\(0 18 \? \* SAT \*\)")


def test_validate_takes_the_policy(world: World) -> None:
    world.run("validate", world.write(world.policy()), keys=None).exits(0)


def test_plan_counts_and_explains_and_changes_nothing(world: World) -> None:
    before = _look(world)
    file = world.write(world.policy())

    plan = world.run("plan", file).exits(0)

    everybody = len(world.organization.everybody())
    covered = len(WHOLE) + len(PINNED) + 1
    assert plan.counts() == Counts(
        add=covered, change=0, remove=0, unchanged=0, skipped=everybody - covered
    )
    for name, reason in LEFT_OUT.items():
        plan.says(rf"\b{name}\b|{world.organization.accounts[name]}", reason)
    world.run("plan", file, "--detailed-exitcode").exits(2)
    assert _look(world) == before
    assert before.objects == {} and before.stack_sets == ()


def test_apply_without_a_yes_changes_nothing(world: World) -> None:
    before = _look(world)
    apply = world.run("apply", world.write(world.policy()))
    apply.exits(4, 252).complains("--yes")
    assert _look(world) == before


def test_apply_reaches_every_covered_account_and_no_other(world: World) -> None:
    world.run("apply", world.write(world.policy()), "--yes").exits(0)

    found = _look(world)
    assert found.places() == _expected(world, WHOLE, PINNED, REGIONS)
    for stack in found.stacks:
        assert stack.status == "CREATE_COMPLETE", stack
        assert stack.tags["orgpatch:policy"] == NAME, stack
        assert stack.tags["orgpatch:ring"] == "main", stack
    # AWS ignores account filters when it deploys by itself, so only whole OUs may.
    assert found.stack_set(SET).auto_deployment
    assert not found.stack_set(f"{SET}-pinned").auto_deployment
    assert {each.ou for each in found.stack_set(SET).instances} == {
        world.organization.ous[path]
        for path in ("/Workloads/Prod/Web", "/Workloads/NonProd", "/Security")
    }
    # The emulator makes roles, but neither documents nor associations: for those this
    # test has no more than the templates that the accounts were given.
    covered = world.organization.ids(*WHOLE, *PINNED) | {MANAGEMENT_ACCOUNT}
    assert {account for account, _ in found.roles} == covered
    for stack in found.stacks:
        if not stack.name.endswith("-home"):
            assert "AWS::SSM::Association" in stack.template
            assert TOKYO_AT_TWO.search(stack.template)


def test_the_override_object_says_what_the_baselines_say(world: World) -> None:
    entries = look.overrides(world.emulator)
    assert [each["OperatingSystem"] for each in entries] == sorted(OPERATING_SYSTEMS)
    assert all(set(each) == look.ENTRY_KEYS for each in entries)
    assert entries == _baselines(world)


def test_planning_again_finds_nothing_to_do(world: World) -> None:
    file = world.write(world.policy())
    plan = world.run("plan", file, "--detailed-exitcode").exits(0)
    plan.says(r"No changes\.")


def test_applying_again_does_nothing_and_says_so(world: World) -> None:
    before = _look(world)
    apply = world.run("apply", world.write(world.policy()), "--yes").exits(0)
    apply.says(r"No changes\.")
    assert _look(world).without_records() == before.without_records()


def test_status_tells_how_the_policy_stands(world: World) -> None:
    before = _look(world)
    world.run("status", world.write(world.policy())).exits(0).says(NAME)
    assert _look(world) == before


def test_another_schedule_reaches_every_account(world: World) -> None:
    before = _look(world)
    file = world.write(_at_three(world))

    plan = world.run("plan", file, "--detailed-exitcode").exits(2)

    covered = len(WHOLE) + len(PINNED) + 1
    assert plan.counts().change == covered
    assert (plan.counts().add, plan.counts().remove) == (0, 0)
    plan.says(r"(0 17|02:00).*(→|->).*(0 18|03:00)")
    assert _look(world) == before
    # The digest that was printed is the one that is taken.
    world.run("apply", file, "--yes", "--expect", plan.digest()).exits(0)
    after = _look(world)
    assert after.places() == before.places()
    for stack in after.stacks:
        if not stack.name.endswith("-home"):
            assert TOKYO_AT_THREE.search(stack.template)
            assert not TOKYO_AT_TWO.search(stack.template)
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_changed_baseline_reaches_the_override_object(world: World) -> None:
    file = world.write(_at_three(world))
    ssm = world.emulator.client("ssm", HOME)
    ssm.update_patch_baseline(
        BaselineId=world.baselines["AMAZON_LINUX_2023"], RejectedPatches=["kernel-*"]
    )

    plan = world.run("plan", file, "--detailed-exitcode").exits(2)

    plan.says(r"AMAZON_LINUX_2023|amazon_linux_2023", r"kernel-\*")
    world.run("apply", file, "--yes").exits(0)
    assert look.overrides(world.emulator) == _baselines(world)
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_new_accounts_are_covered(world: World) -> None:
    file = world.write(_at_three(world))
    add_accounts(
        world.emulator,
        world.organization,
        # One that AWS deploys to by itself, and one that waits for the next apply.
        {"dev-2": "/Workloads/NonProd", "prod-shared-2": "/Workloads/Prod"},
    )

    plan = world.run("plan", file, "--detailed-exitcode").exits(2)

    # The emulator deploys to `dev-2` within milliseconds of its move. On AWS it may
    # take minutes, in which a plan may count it as one to add.
    assert plan.counts().add in (1, 2)
    assert (plan.counts().change, plan.counts().remove) == (0, 0)
    world.run("apply", file, "--yes").exits(0)
    whole, pinned = (*WHOLE, "dev-2"), (*PINNED, "prod-shared-2")
    assert _look(world).places() == _expected(world, whole, pinned, REGIONS)
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_an_account_moved_into_suspended_leaves_only_with_consent(
    world: World,
) -> None:
    file = world.write(_at_three(world))
    # Pinned, so AWS does nothing by itself. Its instance is still known by the OU that
    # it was made through, /Workloads/Prod.
    path = "/Workloads/Prod/Suspended"
    move_account(world.emulator, world.organization, "prod-shared-2", path)
    before = _look(world)

    plan = world.run("plan", file, "--detailed-exitcode").exits(2)

    assert plan.counts().remove == 1
    assert (plan.counts().add, plan.counts().change) == (0, 0)
    world.run("apply", file, "--yes").exits(4).complains("--allow-removals")
    assert _look(world) == before
    world.run("apply", file, "--yes", "--allow-removals", "1").exits(0)
    whole = (*WHOLE, "dev-2")
    assert _look(world).places() == _expected(world, whole, PINNED, REGIONS)
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_region_leaves_only_with_consent(world: World) -> None:
    file = world.write(_in_two_regions(world))
    before = _look(world)
    losing = len(WHOLE) + len(PINNED) + 2

    plan = world.run("plan", file, "--detailed-exitcode").exits(2).says("eu-west-1")
    for arguments in [
        [],
        ["--allow-removals", str(losing - 1)],
        ["--allow-removals", str(losing), "--expect", "0123456789abcdef"],
    ]:
        world.run("apply", file, "--yes", *arguments).exits(4).complains(
            plan.digest() if "--expect" in arguments else "--allow-removals"
        )
        assert _look(world) == before, arguments
    world.run("apply", file, "--yes", "--allow-removals", str(losing)).exits(0)

    whole = (*WHOLE, "dev-2")
    after = _look(world)
    assert after.places() == _expected(world, whole, PINNED, REGIONS[:2])
    # What stays was not touched: same stacks, not new ones of the same name.
    assert {stack.name for stack in after.stacks} <= {
        stack.name for stack in before.stacks
    }
    world.run("plan", file, "--detailed-exitcode").exits(0)


def test_a_stack_set_that_is_not_orgpatchs_is_left_alone(world: World) -> None:
    _create_foreign_stack_set(world)
    before = _look(world)
    file = world.write(world.policy(name="foreign", ous=("/Sandbox",)))

    refused = world.run("apply", file, "--yes").exits(4)

    refused.complains("orgpatch-foreign-main", "orgpatch:policy")
    assert _look(world) == before


def test_a_second_policy_for_the_same_nodes_is_a_conflict(world: World) -> None:
    file = world.write(world.policy(name="other", ous=("/Security",)))
    plan = world.run("plan", file).exits(4)
    assert "conflict" in plan.out + plan.err and NAME in plan.out + plan.err


def test_destroy_wants_the_right_name(world: World) -> None:
    before = _look(world)
    file = world.write(_in_two_regions(world))
    world.run("destroy", file, "--yes", "another-name").exits(4, 252).complains(NAME)
    assert _look(world) == before


def test_destroy_takes_back_all_that_is_ours_and_nothing_else(world: World) -> None:
    foreign = _foreign(_look(world))
    assert len(foreign.stacks) == 1 and len(foreign.stack_sets) == 1

    world.run("destroy", world.write(_in_two_regions(world)), "--yes", NAME).exits(0)

    after = _look(world)
    assert after.stacks == foreign.stacks
    assert after.stack_sets == foreign.stack_sets
    assert after.roles == frozenset()
    # On AWS a bucket must be emptied before its stack can be deleted; the emulator
    # deletes full ones too, so that orgpatch empties them is not shown here.
    assert after.objects == {}
    ssm = world.emulator.client("ssm", HOME)
    pages = ssm.get_paginator("describe_patch_baselines").paginate(
        Filters=[{"Key": "OWNER", "Values": ["Self"]}]
    )
    left = {each["BaselineId"] for page in pages for each in page["BaselineIdentities"]}
    assert left == set(world.baselines.values())


def _look(world: World) -> Footprint:
    everybody = world.organization.everybody()
    return look.footprint(world.emulator, everybody, LOOKED_AT)


def _expected(
    world: World,
    whole: tuple[str, ...],
    pinned: tuple[str, ...],
    regions: tuple[str, ...],
) -> set[tuple[str, str, str]]:
    """(account, Region, name) of every stack that the policy should have."""
    ids = world.organization.ids
    members = {
        *((account, f"StackSet-{SET}") for account in ids(*whole)),
        *((account, f"StackSet-{SET}-pinned") for account in ids(*pinned)),
    }
    return {
        (MANAGEMENT_ACCOUNT, HOME, f"{SET}-home"),
        *((MANAGEMENT_ACCOUNT, region, f"{SET}-{region}") for region in regions),
        *((account, region, name) for account, name in members for region in regions),
    }


def _at_three(world: World) -> Policy:
    return world.policy(install="sun 03:00")


def _in_two_regions(world: World) -> Policy:
    return replace(_at_three(world), regions=REGIONS[:2])


def _baselines(world: World) -> list[dict[str, Any]]:
    """What the override object should hold, out of SSM's own mouth."""
    ssm = world.emulator.client("ssm", HOME)
    found = {
        system: ssm.get_patch_baseline(BaselineId=baseline)
        for system, baseline in sorted(world.baselines.items())
    }
    # The emulator leaves GlobalFilters away where none were given; AWS answers an
    # empty group, and so must the object, or agents would send a null on.
    return [
        {"GlobalFilters": {"PatchFilters": []}}
        | {key: value for key, value in baseline.items() if key in look.ENTRY_KEYS}
        for baseline in found.values()
    ]


def _create_foreign_stack_set(world: World) -> None:
    """Makes a stack set with an instance, called as orgpatch would call its own."""
    cloudformation = world.emulator.client("cloudformation", HOME)
    name = "orgpatch-foreign-main"
    cloudformation.create_stack_set(
        StackSetName=name,
        TemplateBody=FOREIGN_TEMPLATE,
        PermissionModel="SERVICE_MANAGED",
        AutoDeployment={"Enabled": False},
        ManagedExecution={"Active": False},
    )
    cloudformation.create_stack_instances(
        StackSetName=name,
        OperationId="somebody",
        Regions=[HOME],
        DeploymentTargets={
            "OrganizationalUnitIds": [world.organization.ous["/Infrastructure"]]
        },
    )
    look.await_operation(world.emulator, name, "somebody")


def _foreign(footprint: Footprint) -> Footprint:
    return Footprint(
        tuple(each for each in footprint.stacks if "orgpatch-foreign" in each.name),
        tuple(each for each in footprint.stack_sets if "foreign" in each.name),
        {},
        frozenset(),
    )
