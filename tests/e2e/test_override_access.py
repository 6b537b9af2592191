"""Who can read the override object: whether patching works, and who learns its rules.

The emulator runs strictly here, so that the bucket policy is really asked.
"""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import look
import world as worlds
from emulator import MANAGEMENT_ACCOUNT
from organization import GLOBAL, HOME, PINNED, WHOLE
from world import World

OUTSIDER = "999988887777"


@pytest.fixture(scope="module")
def rolled_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds.opened(tmp_path_factory.mktemp("strict"), strict=True) as world:
        file = world.write(world.policy(regions=(HOME,)))
        # Root, as these keys are, is above all policies, also of the strict emulator.
        world.run("apply", file, "--yes").exits(0)
        _permit_plain_http(world)
        yield world


@pytest.mark.parametrize("name", [*WHOLE, *PINNED])
def test_a_node_of_a_covered_account_reads_it(rolled_out: World, name: str) -> None:
    account = rolled_out.organization.accounts[name]
    assert _reads(rolled_out, account, tagged=True)
    assert not _reads(rolled_out, account, tagged=False)


@pytest.mark.parametrize("name", ["sandbox-1", "staging-1"])
def test_a_node_outside_of_the_targets_does_not(rolled_out: World, name: str) -> None:
    assert not _reads(rolled_out, rolled_out.organization.accounts[name], tagged=True)


def test_a_node_outside_of_the_organization_does_not(rolled_out: World) -> None:
    assert not _reads(rolled_out, OUTSIDER, tagged=True)


@pytest.mark.parametrize("tagged", [True, False])
def test_everybody_with_the_right_in_the_owner_account_does(
    rolled_out: World, tagged: bool
) -> None:
    # Its own nodes, and operators who want to know what is in force.
    assert _reads(rolled_out, MANAGEMENT_ACCOUNT, tagged=tagged)


def _permit_plain_http(world: World) -> None:
    """Takes away what would deny every request: the emulator has no TLS."""
    s3 = world.emulator.client("s3", HOME)
    bucket = look.override_bucket(world.emulator)
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    statements = policy["Statement"]
    kept = [
        each for each in statements if "aws:SecureTransport" not in json.dumps(each)
    ]
    assert len(kept) == len(statements) - 1, "insecure transport must be denied"
    document = json.dumps(policy | {"Statement": kept})
    s3.put_bucket_policy(Bucket=bucket, Policy=document)


def _reads(world: World, account: str, *, tagged: bool) -> bool:
    """Whether a node of the account, whose role may read all of S3, reads it."""
    bucket = look.override_bucket(world.emulator)
    try:
        _node(world, account, bucket, tagged=tagged).get_object(
            Bucket=bucket, Key=look.OVERRIDE_KEY
        )
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return False
    return True


def _node(world: World, account: str, bucket: str, *, tagged: bool) -> Any:
    """S3 in the hands of a role as it is attached to nodes."""
    ring = bucket.rpartition("-")[2]
    keys = world.emulator.administrator(account)
    iam = world.emulator.client("iam", GLOBAL, keys)
    name = f"node-{tagged}"
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=_document(
            "sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{account}:root"}
        ),
        Tags=[{"Key": f"QSConfigId-{ring}", "Value": ring}] if tagged else [],
    )["Role"]
    iam.put_role_policy(
        RoleName=name,
        PolicyName="read",
        PolicyDocument=_document("s3:GetObject", Resource="*"),
    )
    credentials = world.emulator.client("sts", HOME, keys).assume_role(
        RoleArn=role["Arn"], RoleSessionName="node"
    )["Credentials"]
    return boto3.client(
        "s3",
        region_name=HOME,
        endpoint_url=world.emulator.url,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=Config(s3={"addressing_style": "path"}),
    )


def _document(action: str, **rest: object) -> str:
    statement = {"Effect": "Allow", "Action": action} | rest
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
