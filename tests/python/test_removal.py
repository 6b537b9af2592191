"""What `destroy` makes of a stack before it deletes it: an update from patching.yaml to removal.yaml."""

import re

from rendered import ACCOUNT, RING, fill, resolved, resources, template

BEFORE, AFTER = template("patching"), template("removal")
ROLES = ["AutomationRole", "NameTagRole"]


def after(logical):
    """What CloudFormation makes before a resource: what it depends on, and on what these depend."""
    found, waiting = set(), [logical]
    while waiting:
        resource = AFTER["Resources"][waiting.pop()]
        names = resource.get("DependsOn", [])
        text = str(resource.get("Properties", {}))
        named = set([names] if isinstance(names, str) else names)
        named |= set(re.findall(r"'Ref': '(\w+)'", text)) | set(re.findall(r"'Fn::GetAtt': \['(\w+)'", text))
        new = (named & set(AFTER["Resources"])) - found
        found |= new
        waiting += new
    return found


def test_two_roles_are_kept_and_all_else_of_the_stack_goes():
    assert set(BEFORE["Resources"]) & set(AFTER["Resources"]) == set(ROLES)


def test_the_roles_are_changed_where_they_stand_and_not_replaced():
    before, now = resolved("patching"), resolved("removal")
    for logical in ROLES:
        assert (before[logical].kind, before[logical].name) == (now[logical].kind, now[logical].name)
        same = ["AssumeRolePolicyDocument", "Tags", "Path", "Description"]
        of = [{key: each[logical].properties.get(key) for key in same} for each in (before, now)]
        assert of[0] == of[1]


def test_the_roles_rights_are_replaced_and_not_added_to():
    """An inline policy of another name would be made before the old one goes."""
    names = [
        [policy["PolicyName"] for policy in resources(name, "IAM::Role")["AutomationRole"]["Policies"]]
        for name in ("patching", "removal")
    ]
    assert names == [["RolesOfNodes"], ["RolesOfNodes"]]


def test_the_role_of_name_tags_may_do_nothing_any_more():
    properties = resolved("removal")["NameTagRole"].properties
    assert not {"Policies", "ManagedPolicyArns"} & set(properties)


def test_nothing_can_be_added_anew_by_the_time_the_script_runs():
    assert set(ROLES) | {"TakeBackDocument", "Signal"} <= after("TakeBack")


def test_the_stack_waits_for_the_script():
    assert after("TakenBack") >= {"TakeBack", "Signal"}
    properties = AFTER["Resources"]["TakenBack"]["Properties"]
    assert properties["Handle"] == {"Ref": "Signal"}
    assert "Count" not in properties, "one signal is what it waits for"


def test_the_stack_waits_longer_than_the_script_may_take():
    (step,) = AFTER["Resources"]["TakeBackDocument"]["Properties"]["Content"]["mainSteps"]
    assert step["timeoutSeconds"] == 600, "as long as Automation gives a script"
    assert 1200 <= int(AFTER["Resources"]["TakenBack"]["Properties"]["Timeout"]) - 600 <= 43_200


def test_it_runs_once_at_once_and_over_no_targets():
    properties = resolved("removal")["TakeBack"].properties
    assert properties == {
        "AssociationName": f"AWS-QuickSetup-PatchPolicy-TakeBack-{RING}",
        "Name": f"QuickSetup-TakeBack-{RING}",
        "Parameters": {
            "AutomationAssumeRole": [
                f"arn:aws:iam::{ACCOUNT}:role/AWS-QuickSetup-AutomationRole-V2-ap-southeast-1-{RING}"
            ]
        },
    }


def test_the_script_gets_the_address_of_the_stacks_own_signal():
    content = resolved("removal", partition="aws-cn", region="cn-north-1")["TakeBackDocument"].properties[
        "Content"
    ]
    (step,) = content["mainSteps"]
    assert content["parameters"]["Signal"]["default"].startswith("https://cloudformation-waitcondition.")
    assert step["inputs"]["InputPayload"] == {
        "RingId": RING,
        "Partition": "aws-cn",
        "Signal": "{{ Signal }}",
    }


def test_its_parameters_are_among_those_that_the_stack_has():
    assert set(AFTER["Parameters"]) <= set(BEFORE["Parameters"])
    for name, each in AFTER["Parameters"].items():
        assert each.get("Default") == BEFORE["Parameters"][name].get("Default")


def test_what_it_takes_off_is_what_the_other_template_puts_on():
    on, off = (str(fill(each)) for each in (BEFORE, AFTER))
    for text in ("QSConfigName-", "QSConfigId-", "AWSQuickSetupPatchPolicyBaselineAccess"):
        assert text in on
        assert text in off
