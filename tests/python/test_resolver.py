import json

import pytest

from resolver import resolve

ROLE = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": {"Fn::Sub": "role-${AWS::Region}-${Ring}"}}}
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "bucket"}}


def value(raw, partition="aws", **resources):
    """What a property becomes."""
    template = {
        "Parameters": {"Ring": {"Type": "String"}, "Word": {"Type": "String", "Default": "word"}},
        "Mappings": {"Schedules": {"eu-west-1": {"Scan": "cron", "Calendars": ["one", "two"]}}},
        "Conditions": {
            "Yes": {"Fn::Equals": [{"Ref": "Ring"}, "abcde"]},
            "No": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Ring"}, "abcde"]}]},
        },
        "Resources": {"Role": ROLE, "Bucket": BUCKET, "It": {"Type": "X", "Properties": {"P": raw}}}
        | resources,
    }
    found = resolve(json.dumps(template), {"Ring": "abcde"}, "111122223333", "eu-west-1", partition)
    return found["It"].properties.get("P", "left out")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("plain", "plain"),
        (True, True),
        ({"Ref": "Ring"}, "abcde"),
        ({"Ref": "Word"}, "word"),
        ({"Ref": "AWS::AccountId"}, "111122223333"),
        ({"Ref": "Role"}, "role-eu-west-1-abcde"),
        ({"Ref": "It"}, "It"),
        ({"Ref": "AWS::NoValue"}, "left out"),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"Fn::Sub": "a-${Ring}-${!Ring}"}, "a-abcde-${Ring}"),
        ({"Fn::Sub": "${Bucket.Arn}/*"}, "arn:aws:s3:::bucket/*"),
        ({"Fn::Sub": ["${Ring}/${More}", {"More": {"Ref": "Word"}}]}, "abcde/word"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:aws:iam::111122223333:role/role-eu-west-1-abcde"),
        ({"Fn::If": ["Yes", "a", {"Ref": "Nothing"}]}, "a"),
        ({"Fn::If": ["No", {"Ref": "Nothing"}, "b"]}, "b"),
        ({"Fn::FindInMap": ["Schedules", {"Ref": "AWS::Region"}, "Calendars"]}, ["one", "two"]),
        ({"Fn::Join": ["-", ["a", {"Ref": "Ring"}]]}, "a-abcde"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}]}, "west"),
        ({"Condition": {"Bool": {"x": "false"}}}, {"Condition": {"Bool": {"x": "false"}}}),
    ],
)
def test_a_value_is_what_cloudformation_makes_of_it(raw, expected):
    assert value(raw) == expected


def test_arns_are_those_of_the_partition():
    assert value({"Fn::GetAtt": ["Bucket", "Arn"]}, "aws-cn") == "arn:aws-cn:s3:::bucket"
    assert value({"Ref": "AWS::URLSuffix"}, "aws-cn") == "amazonaws.com.cn"


def test_a_resource_whose_condition_is_false_is_not_there():
    assert value("x", Other={"Type": "X", "Condition": "Yes"}) == "x"
    with pytest.raises(KeyError, match="Other is not there"):
        value({"Ref": "Other"}, Other={"Type": "X", "Condition": "No"})


@pytest.mark.parametrize("raw", [{"Fn::Cidr": []}, {"Ref": "Nothing"}, {"Fn::GetAtt": ["Role", "RoleId"]}])
def test_what_is_not_known_is_an_error_and_no_guess(raw):
    with pytest.raises(KeyError):
        value(raw)


@pytest.mark.parametrize("parameters", [{}, {"Ring": "abcde", "Rong": "x"}])
def test_parameters_must_be_all_that_the_template_has_and_no_others(parameters):
    template = {"Parameters": {"Ring": {"Type": "String"}}, "Resources": {}}
    with pytest.raises(KeyError, match="parameters that are not the template's, or are missing"):
        resolve(json.dumps(template), parameters, "111122223333", "eu-west-1")
