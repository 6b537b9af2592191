"""What a failed apply leaves behind, the next one finishes."""

import look
from emulator import MANAGEMENT_ACCOUNT
from organization import HOME
from world import World

NAME = "unlucky"


def test_a_second_run_finishes_what_a_failed_one_left(world: World) -> None:
    policy = world.policy(name=NAME, ous=("/Security",), regions=(HOME,))
    file = world.write(policy)
    # The name of the bucket is a hash of organization, policy and ring: once to learn
    # it, and once for the test.
    world.run("apply", file, "--yes").exits(0)
    bucket = look.override_bucket(world.emulator)
    world.run("destroy", file, "--yes", NAME).exits(0)
    assert not look.bucket_exists(world.emulator, bucket)
    # Buckets share one namespace: now somebody else has taken the name.
    stranger = world.emulator.administrator("999988887777")
    s3 = world.emulator.client("s3", HOME, stranger)
    location = {"LocationConstraint": HOME}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)

    # The emulator lets ExecuteChangeSet itself answer with the failure of the stack;
    # on AWS that call succeeds, and the stack rolls back.
    failed = world.run("apply", file, "--yes").exits(1, 3)

    failed.complains(bucket)
    # The first scan must never race the override object: no member has a stack yet.
    assert {stack.account for stack in _look(world).stacks} <= {MANAGEMENT_ACCOUNT}
    s3.delete_bucket(Bucket=bucket)
    world.run("apply", file, "--yes").exits(0)
    members = {
        stack.account
        for stack in _look(world).stacks
        if stack.family == f"StackSet-orgpatch-{NAME}-main"
    }
    assert members == world.organization.ids("audit", "log-archive")
    world.run("plan", file, "--detailed-exitcode").exits(0)


def _look(world: World) -> look.Footprint:
    everybody = world.organization.everybody()
    return look.footprint(world.emulator, everybody, [HOME])
