import json

import boto3
import pytest

from conftest import load, refusal

script = load("attach_ec2")
DEFAULT = "AmazonSSMRoleForInstancesQuickSetup"
ARNS = {
    "arn:aws:iam::aws:policy/AWSQuickSetupPatchPolicyBaselineAccess",
    "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
}
IMAGE = "ami-12c6146b"  # one that moto has
TAG = {"Key": "QSConfigId-abcde", "Value": "abcde"}


@pytest.fixture(autouse=True)
def managed_policies(calls):
    """moto knows AWS's managed policies only at a high price: the attachments are kept here."""
    attached = {}

    def attach(arguments):
        attached.setdefault(arguments["RoleName"], set()).add(arguments["PolicyArn"])
        return {}

    def listed(arguments):
        arns = sorted(attached.get(arguments["RoleName"], ()))
        return {"AttachedPolicies": [{"PolicyArn": arn} for arn in arns]}

    calls.script("AttachRolePolicy", *[attach] * 50)
    calls.script("ListAttachedRolePolicies", *[listed] * 50)
    return attached


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
    return boto3.client("iam").get_role(RoleName=role)["Role"].get("Tags", [])


def profile_of(instance):
    found = boto3.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found["IamInstanceProfile"]["Arn"].rsplit("/", 1)[-1]


def test_a_profile_with_a_role_gets_both_policies_and_the_tag(managed_policies):
    answer = run(node(profile("web", "web-role")))
    assert managed_policies == {"web-role": ARNS}
    assert tags("web-role") == [TAG]
    assert answer["Role"] == "web-role"
    assert len(answer["Done"]) == 3


def test_role_and_profile_may_have_a_path_and_different_names(managed_policies):
    run(node(profile("web-profile", "other-role", "/team/web/")))
    assert managed_policies == {"other-role": ARNS}


def test_repeating_changes_nothing(calls):
    instance = node(profile("web", "web-role"))
    run(instance)
    calls.made.clear()
    assert run(instance) == {"Role": "web-role", "Done": []}
    assert calls.changes() == []


def test_only_what_is_missing_is_added(calls, managed_policies):
    instance = node(profile("web", "web-role"))
    managed_policies["web-role"] = {"arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}
    boto3.client("iam").tag_role(RoleName="web-role", Tags=[TAG])
    calls.made.clear()
    run(instance)
    assert calls.changes() == ["AttachRolePolicy"]


def test_a_tag_of_another_ring_is_left_and_does_not_count():
    instance = node(profile("web", "web-role"))
    other = {"Key": "QSConfigId-zzzzz", "Value": "zzzzz"}
    boto3.client("iam").tag_role(RoleName="web-role", Tags=[other])
    run(instance)
    assert sorted(each["Key"] for each in tags("web-role")) == ["QSConfigId-abcde", "QSConfigId-zzzzz"]


def test_policies_are_those_of_the_partition(managed_policies):
    run(node(profile("web", "web-role")), partition="aws-us-gov")
    assert {arn.split(":")[1] for arn in managed_policies["web-role"]} == {"aws-us-gov"}


def test_where_attaching_is_not_allowed_the_error_names_role_policies_and_tag(calls):
    instance = node(profile("web", "web-role"))
    calls.made.clear()
    with pytest.raises(RuntimeError) as error:
        run(instance, attach="false")
    for part in (instance, "role web-role", *ARNS, "QSConfigId-abcde=abcde", "Done before: nothing"):
        assert part in str(error.value)
    assert calls.changes() == []


def test_where_attaching_is_not_allowed_and_nothing_is_missing_all_is_well(calls):
    instance = node(profile("web", "web-role"))
    run(instance)
    calls.made.clear()
    assert run(instance, attach="false") == {"Role": "web-role", "Done": []}
    assert calls.changes() == []


def test_where_attaching_is_not_allowed_only_what_is_missing_is_named(managed_policies):
    instance = node(profile("web", "web-role"))
    managed_policies["web-role"] = set(ARNS)
    with pytest.raises(RuntimeError, match="lacks tag QSConfigId-abcde=abcde, and"):
        run(instance, attach="false")


def test_quick_setups_own_role_may_always_be_completed(managed_policies):
    run(node(profile("web", DEFAULT)), attach="false")
    assert managed_policies == {DEFAULT: ARNS}


@pytest.mark.parametrize("attach", ["true", "false"])
def test_a_node_without_a_profile_gets_the_default_one(managed_policies, attach):
    instance = node()
    answer = run(instance, attach=attach)
    assert profile_of(instance) == DEFAULT
    assert managed_policies == {DEFAULT: ARNS}
    assert tags(DEFAULT) == [TAG]
    role = boto3.client("iam").get_role(RoleName=DEFAULT)["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert answer["Role"] == DEFAULT
    assert len(answer["Done"]) == 7


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


def test_a_profile_that_somebody_else_associates_meanwhile_is_completed(calls, managed_policies):
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
    assert managed_policies["late-role"] == ARNS


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


def test_a_role_that_is_full_is_reported_with_what_to_do(calls, managed_policies):
    calls.script(
        "AttachRolePolicy", lambda _: managed_policies.update(x=set()) or {}, refusal("LimitExceeded")
    )
    with pytest.raises(RuntimeError) as error:
        run(node(profile("web", "web-role")))
    assert "10 managed policies a role" in str(error.value)
    assert "giving role web-role policy arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore" in str(
        error.value
    )
    assert "Done before: gave role web-role policy" in str(error.value)


def test_where_looking_is_forbidden_all_is_given(calls, managed_policies):
    instance = node(profile("web", "web-role"))
    calls.script("ListAttachedRolePolicies", refusal("AccessDenied"))
    calls.script("GetRole", refusal("AccessDenied"))
    run(instance)
    assert managed_policies == {"web-role": ARNS}


def test_where_looking_and_attaching_are_forbidden_it_is_not_passed_over(calls):
    instance = node(profile("web", "web-role"))
    calls.script("ListAttachedRolePolicies", refusal("AccessDenied"))
    with pytest.raises(RuntimeError, match="reading policies and tags of role web-role failed"):
        run(instance, attach="false")


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
