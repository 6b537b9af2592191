import json

import boto3
import pytest

from conftest import NAMES, arns, load, refusal

script = load("attach_ec2")
DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"
ARNS = arns()
IMAGE = "ami-12c6146b"  # one that moto has

pytestmark = pytest.mark.usefixtures("attached")


def trust():
    return json.dumps({"Version": "2012-10-17", "Statement": []})


def node(profile=None):
    ec2 = boto3.client("ec2")
    instance = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    if profile:
        ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": profile})
    return instance


def profile(name, role, path="/"):
    iam = boto3.client("iam")
    iam.create_instance_profile(InstanceProfileName=name, Path=path)
    if role:
        iam.create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=trust())
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return name


def run(instance, attach="true", partition="aws"):
    events = {"InstanceId": instance, "RingId": "abcde", "AttachPolicies": attach, "Partition": partition}
    return script.handler(events, None)


def tags(role):
    found = boto3.client("iam").get_role(RoleName=role)["Role"].get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in found}


def profile_of(instance):
    found = boto3.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found["IamInstanceProfile"]["Arn"].rsplit("/", 1)[-1]


def test_a_profile_with_a_role_gets_both_policies_and_the_tag(attached):
    assert run(node(profile("web", "web-role")))["Role"] == "web-role"
    assert attached == {"web-role": ARNS}
    assert tags("web-role")["QSConfigId-abcde"] == "abcde"


def test_role_and_profile_may_have_a_path_and_different_names(attached):
    run(node(profile("web-profile", "other-role", "/team/web/")))
    assert attached == {"other-role": ARNS}


def test_a_tag_of_another_ring_is_left_and_does_not_count():
    instance = node(profile("web", "web-role"))
    other = {"Key": "QSConfigId-zzzzz", "Value": "zzzzz"}
    boto3.client("iam").tag_role(RoleName="web-role", Tags=[other])
    run(instance)
    assert tags("web-role").items() > {"QSConfigId-abcde": "abcde", "QSConfigId-zzzzz": "zzzzz"}.items()


def test_policies_are_those_of_the_partition(attached):
    run(node(profile("web", "web-role")), partition="aws-us-gov")
    assert {arn.split(":")[1] for arn in attached["web-role"]} == {"aws-us-gov"}


@pytest.mark.parametrize("attach", ["true", "false"])
def test_a_node_without_a_profile_gets_the_default_one(attached, attach):
    instance = node()
    answer = run(instance, attach=attach)
    assert profile_of(instance) == DEFAULT
    assert attached == {DEFAULT: ARNS}
    assert tags(DEFAULT)["QSConfigId-abcde"] == "abcde"
    role = boto3.client("iam").get_role(RoleName=DEFAULT)["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert role["Description"] == "EC2 role for SSM for Quick-Setup"
    assert answer == {
        "Role": DEFAULT,
        "Done": [
            f"created role {DEFAULT}",
            f"gave role {DEFAULT} tag QSConfigId-abcde=abcde",
            *(f"gave role {DEFAULT} policy arn:aws:iam::aws:policy/{name}" for name in NAMES),
            f"created instance profile {DEFAULT}",
            f"added the role to instance profile {DEFAULT}",
            f"associated instance profile {DEFAULT}",
        ],
    }


def test_the_second_node_without_a_profile_uses_what_is_there(calls):
    run(node())
    instance = node()
    calls.made.clear()
    assert run(instance)["Done"] == [f"associated instance profile {DEFAULT}"]
    assert profile_of(instance) == DEFAULT


def test_the_default_profile_gets_its_role_if_it_has_none():
    profile(DEFAULT, None)
    instance = node()
    run(instance)
    assert profile_of(instance) == DEFAULT


def test_a_default_profile_with_another_role_is_reported():
    profile(DEFAULT, "intruder")
    with pytest.raises(RuntimeError, match="holds role intruder, not the role of its own name"):
        run(node())


def test_in_china_the_default_role_trusts_chinas_ec2():
    run(node(), partition="aws-cn")
    role = boto3.client("iam").get_role(RoleName=DEFAULT)["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "ec2.amazonaws.com.cn"
    }


def test_a_profile_that_has_not_spread_yet_is_tried_again(calls, pauses):
    wait = refusal("InvalidParameterValue", "Invalid IAM Instance Profile name")
    calls.script("AssociateIamInstanceProfile", wait, wait)
    instance = node()
    run(instance)
    assert profile_of(instance) == DEFAULT
    assert pauses == [1, 2]


def test_waiting_ends_and_says_what_was_done_before(calls, pauses):
    calls.script("AssociateIamInstanceProfile", *[refusal("InvalidParameterValue")] * 8)
    with pytest.raises(RuntimeError) as error:
        run(node())
    assert "associating instance profile" in str(error.value)
    assert f"created role {DEFAULT}; gave role" in str(error.value)
    assert sum(pauses) == 60


def test_a_profile_that_somebody_else_associates_meanwhile_is_completed(calls, attached):
    name = profile("late", "late-role")
    instance = node()

    def meanwhile(_):
        calls.script("AssociateIamInstanceProfile")
        boto3.client("ec2").associate_iam_instance_profile(
            InstanceId=instance, IamInstanceProfile={"Name": name}
        )
        raise refusal("IncorrectState")

    calls.script("AssociateIamInstanceProfile", meanwhile)
    assert run(instance)["Role"] == "late-role"
    assert attached["late-role"] == ARNS


def test_a_profile_that_is_still_being_associated_is_reported(calls):
    calls.script("AssociateIamInstanceProfile", refusal("IncorrectState"))
    with pytest.raises(RuntimeError, match="that is being associated"):
        run(node())


def test_two_runs_that_make_the_default_role_at_once_both_succeed(calls):
    calls.script("CreateRole", None, refusal("EntityAlreadyExists"))
    run(node())
    calls.script("GetInstanceProfile", refusal("NoSuchEntity"))
    calls.script("CreateInstanceProfile", refusal("EntityAlreadyExists"))
    calls.script("AddRoleToInstanceProfile", refusal("LimitExceeded"))
    instance = node()
    assert run(instance)["Done"] == [f"associated instance profile {DEFAULT}"]


def test_a_profile_without_a_role_is_reported():
    with pytest.raises(RuntimeError, match="instance profile empty has no role"):
        run(node(profile("empty", None)))


def test_a_node_that_is_unknown_is_reported():
    with pytest.raises(RuntimeError, match="i-0123456789abcdef0: it no longer exists"):
        run("i-0123456789abcdef0")


def test_a_node_that_is_terminated_is_reported():
    instance = node()
    boto3.client("ec2").terminate_instances(InstanceIds=[instance])
    with pytest.raises(RuntimeError, match="it no longer exists"):
        run(instance)


def test_another_error_is_reported_at_once(calls, pauses):
    calls.script("DescribeInstances", refusal("UnauthorizedOperation"))
    with pytest.raises(RuntimeError, match=r"looking for the node failed.*UnauthorizedOperation"):
        run("i-0123456789abcdef0")
    assert pauses == []


def test_a_hybrid_node_is_not_this_documents_business(calls):
    assert run("mi-0123456789abcdef0") == {"Role": "", "Done": []}
    assert calls.made == []
