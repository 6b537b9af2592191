"""What CloudFormation makes of a template in one account and Region, as far as orgpatch's need it."""

import json
import re
from dataclasses import dataclass
from typing import Any

NO_VALUE = object()  # AWS::NoValue: the property or list item is left out
# Where a resource's physical name stands in its properties.
NAMES = {
    "AWS::IAM::Role": "RoleName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SSM::Document": "Name",
    "AWS::SSM::Association": "AssociationName",
}
# Functions that need nothing but their arguments.
PURE = {
    "Fn::Equals": lambda one, other: one == other,
    "Fn::Not": lambda value: not value,
    "Fn::Join": lambda between, parts: between.join(parts),
    "Fn::Select": lambda index, parts: parts[int(index)],
    "Fn::Split": lambda between, text: text.split(between),
}
UUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


@dataclass(frozen=True)
class Resource:
    """A resource that exists, with its properties as its service gets them."""

    kind: str
    name: str
    properties: dict[str, Any]


class Resolver:
    def __init__(self, template: dict[str, Any], parameters: dict[str, str], pseudo: dict[str, Any]) -> None:
        declared = template.get("Parameters", {})
        defaults = {name: each["Default"] for name, each in declared.items() if "Default" in each}
        wrong = set(parameters) - set(declared) | set(declared) - set(defaults) - set(parameters)
        if wrong:
            raise KeyError(f"parameters that are not the template's, or are missing: {sorted(wrong)}")
        self.template, self.known = template, defaults | parameters | pseudo

    def exists(self, resource: dict[str, Any]) -> bool:
        return "Condition" not in resource or self.condition(resource["Condition"])

    def condition(self, name: str) -> bool:
        return self.value(self.template["Conditions"][name])

    def name(self, logical: str) -> str:
        """What Ref gives for a resource; its logical id if it has no name of its own."""
        resource = self.template["Resources"][logical]
        if not self.exists(resource):
            raise KeyError(f"{logical} is not there, and something refers to it")
        if resource["Type"] == "AWS::CloudFormation::WaitConditionHandle":
            return f"https://cloudformation-waitcondition.example/{logical}?X=a%3Ab&Y=c"
        return self.value(resource.get("Properties", {}).get(NAMES.get(resource["Type"], ""), logical))

    def ref(self, name: str) -> Any:
        return self.known[name] if name in self.known else self.name(name)

    def arn(self, logical: str) -> str:
        kind, account = self.template["Resources"][logical]["Type"], self.known["AWS::AccountId"]
        place = {"AWS::IAM::Role": f"iam::{account}:role/", "AWS::S3::Bucket": "s3:::"}[kind]
        return f"arn:{self.known['AWS::Partition']}:{place}{self.name(logical)}"

    def sub(self, text: str, more: dict[str, Any]) -> str:
        def found(match: re.Match[str]) -> str:
            name = match[1]
            if name in more:
                return more[name]
            return self.arn(name.removesuffix(".Arn")) if name.endswith(".Arn") else self.ref(name)

        return re.sub(r"\$\{([^!}]+)\}", found, text).replace("${!", "${")

    def call(self, function: str, raw: Any) -> Any:
        if function == "Fn::If":  # the other branch may name what is not there
            return self.value(raw[1] if self.condition(raw[0]) else raw[2])
        argument = self.value(raw)
        if function in PURE:
            return PURE[function](*argument)
        match function, argument:
            case "Ref", name:
                return NO_VALUE if name == "AWS::NoValue" else self.ref(name)
            case "Fn::GetAtt", [logical, "Arn"]:
                return self.arn(logical)
            case "Fn::Sub", [text, more]:
                return self.sub(text, more)
            case "Fn::Sub", text:
                return self.sub(text, {})
            case "Fn::FindInMap", [mapping, key, below]:
                return self.template["Mappings"][mapping][key][below]
        raise KeyError(f"{function} is not known here")

    def value(self, raw: Any) -> Any:
        if isinstance(raw, list):
            return [each for each in map(self.value, raw) if each is not NO_VALUE]
        if not isinstance(raw, dict):
            return raw
        if len(raw) == 1 and (next(iter(raw)) == "Ref" or next(iter(raw)).startswith("Fn::")):
            return self.call(*next(iter(raw.items())))
        made = {key: self.value(each) for key, each in raw.items()}
        return {key: each for key, each in made.items() if each is not NO_VALUE}


def resolve(
    template: str, parameters: dict[str, str], account: str, region: str, partition: str = "aws"
) -> dict[str, Resource]:
    """The resources that exist, by logical id."""
    pseudo = {"AccountId": account, "Region": region, "Partition": partition, "StackName": "orgpatch"}
    pseudo["URLSuffix"] = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    pseudo["StackId"] = f"arn:{partition}:cloudformation:{region}:{account}:stack/orgpatch/{UUID}"
    resolver = Resolver(json.loads(template), parameters, {f"AWS::{k}": v for k, v in pseudo.items()})
    return {
        logical: Resource(each["Type"], resolver.name(logical), resolver.value(each.get("Properties", {})))
        for logical, each in resolver.template["Resources"].items()
        if resolver.exists(each)
    }
