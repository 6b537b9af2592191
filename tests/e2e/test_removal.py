"""What `destroy` does before the stacks go, and what it leaves where it is told to."""

import pytest

import look
from look import Footprint
from organization import HOME
from recorder import recording
from world import World

NAME = "leaving"
SET = f"orgpatch-{NAME}-main"
REASON = "not taken back: detaching policy AmazonSSMManagedInstanceCore from role web"


def _file(world: World) -> str:
    """A policy for two accounts in one Region, rolled out."""
    policy = world.policy(
        name=NAME, ous=("/Security",), regions=(HOME,), management_account="exclude"
    )
    file = world.write(policy)
    world.run("apply", file, "--yes").exits(0)
    return file


def _look(world: World) -> Footprint:
    return look.footprint(world.emulator, world.organization.everybody(), [HOME])


@pytest.fixture
def file(world: World) -> str:
    return _file(world)


def test_members_keep_their_stacks_until_all_is_taken_back(
    world: World, file: str
) -> None:
    members = world.organization.ids("audit", "log-archive")
    with recording(world.emulator.url) as recorder:
        # The emulator has no Systems Manager that could fail at it, so its answer is
        # changed to what CloudFormation says then.
        recorder.rewrite(
            "cloudformation:DescribeStackSetOperation",
            "<FailedStackInstancesCount>0<",
            "<FailedStackInstancesCount>1<",
            times=99,
        )
        recorder.rewrite(
            "cloudformation:ListStackSetOperationResults",
            "<Status>SUCCEEDED</Status>",
            f"<Status>FAILED</Status><StatusReason>{REASON}</StatusReason>",
            times=99,
        )
        failed = world.run(
            "destroy", file, "--yes", NAME, AWS_ENDPOINT_URL=recorder.url
        ).exits(1, 3)

    failed.says(REASON, "--keep-roles", *members)
    left = [stack for stack in _look(world).stacks if stack.account in members]
    assert {stack.account for stack in left} == members
    for stack in left:
        # This is what takes back, with the ring's id and nothing else.
        assert "AWS::CloudFormation::WaitCondition" in stack.template
        assert "AWS-RunPatchBaseline" not in stack.template
        assert set(stack.parameters) == {
            "RingId",
            "OwnerAccountId",
            "PermissionsBoundary",
        }
    assert not _look(world).stack_set(SET).auto_deployment

    world.run("destroy", file, "--yes", NAME).exits(0)
    assert _look(world).stacks == () and _look(world).objects == {}


def test_it_leaves_what_it_is_told_to_leave(world: World, file: str) -> None:
    before = {bucket for bucket, _ in _look(world).objects}
    operations = _look(world).stack_set(SET).operations

    left = world.run("destroy", file, "--yes", NAME, "--keep-roles", "--keep-logs")

    left.exits(0).says("QSConfigName-.*stay", "access-log-.*nobody's")
    assert len(operations) == 1, "an update would have taken back"
    after = _look(world)
    assert after.stacks == () and after.stack_sets == () and after.roles == frozenset()
    assert {bucket for bucket, _ in after.objects} == {
        bucket for bucket in before if "-access-log-" in bucket
    }
    # It is nobody's now, so it is in nobody's way.
    world.run("destroy", file, "--yes", NAME).exits(0).says("Nothing of the policy")
