"""What policy linters find in the templates is what templates/findings.yaml explains.

ORGPATCH_CHECKOV is the path of checkov, ORGPATCH_CFN_GUARD the command `cfn-guard validate --rules FOLDER`.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess

import pytest
import yaml

TEMPLATES = pathlib.Path(__file__).parents[2] / "templates"
EXPLAINED = yaml.safe_load((TEMPLATES / "findings.yaml").read_text())
IAM_CHECKS = {f"CKV_AWS_{number}" for number in range(107, 112)}
CHECKOV = ["--framework=cloudformation", "--compact", "--output=json", "--skip-download"]
GUARD = ["--structured", "--output-format=json", "--show-summary=none"]


def taken(value, branch):
    """The value where every Fn::If takes this branch and every Fn::Sub is its text."""
    if isinstance(value, list):
        return [each for each in (taken(each, branch) for each in value) if each is not None]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return None
    if "Fn::If" in value:
        return taken(value["Fn::If"][branch], branch)
    if "Fn::Sub" in value:
        return value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
    made = {key: taken(each, branch) for key, each in value.items()}
    return {key: each for key, each in made.items() if each is not None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Each template as it stands, and once with each branch.

    Checkov passes over a role where a policy has an Fn::If among its statements, or an Fn::Sub as its name.
    """
    made = tmp_path_factory.mktemp("templates")
    for path in TEMPLATES.glob("*.yaml"):
        if path.name == "findings.yaml":
            continue
        template = yaml.safe_load(path.read_text())
        variants = {"plain": template} | {
            name: template | {"Resources": taken(template["Resources"], branch)}
            for branch, name in [(1, "then"), (2, "else")]
        }
        for name, variant in variants.items():
            (made / f"{path.stem}.{name}.json").write_text(json.dumps(variant, indent=2))
    return made


def run(variable, arguments):
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    # With a key checkov would send what it finds.
    quiet = os.environ | {"BC_API_KEY": "", "LOG_LEVEL": "ERROR"}
    command = shlex.split(os.environ[variable]) + arguments
    done = subprocess.run(command, capture_output=True, text=True, env=quiet, timeout=120)  # noqa: S603
    assert done.stdout, f"{shlex.join(command)}: {done.stderr}"
    return json.loads(done.stdout)


def template_of(file):
    return pathlib.Path(file).name.split(".")[0] + ".yaml"


@pytest.fixture(scope="module")
def checkov(folder):
    said = run("ORGPATCH_CHECKOV", ["--directory", str(folder), *CHECKOV])
    assert said["summary"]["parsing_errors"] == 0
    return said["results"]


def found_by_checkov(checks):
    return {
        f"{template_of(check['file_path'])}: {check['resource'].split('.')[-1]}: {check['check_id']}"
        for check in checks
    }


@pytest.fixture(scope="module")
def guard(folder):
    said = run("ORGPATCH_CFN_GUARD", ["--data", str(folder), *GUARD])
    assert len(said) == len(list(folder.iterdir()))
    return said


def found_by_guard(said):
    found = set()
    for file in said:
        for rule in map(json.dumps, file["not_compliant"]):
            control = re.search(r"\[(CT\.[\w.]+)\]", rule)[1]
            resources = re.findall(r'"path": "/Resources/(\w+)', rule)
            found |= {f"{template_of(file['name'])}: {resource}: {control}" for resource in resources}
    return found


def explained(prefix):
    return {
        f"{template}: {resource}: {rule}"
        for template, resources in EXPLAINED.items()
        for resource, rules in resources.items()
        for rule in rules
        if rule.startswith(prefix)
    }


def assert_none(findings):
    assert not findings, "\n".join(sorted(findings))


def test_every_finding_of_checkov_is_explained(checkov):
    assert_none(found_by_checkov(checkov["failed_checks"]) - explained("CKV"))


def test_checkov_still_finds_what_is_explained(checkov):
    assert_none(explained("CKV") - found_by_checkov(checkov["failed_checks"]))


def test_checkov_examines_the_policies_of_every_role(checkov):
    examined = found_by_checkov(checkov["passed_checks"] + checkov["failed_checks"])
    for path in TEMPLATES.glob("*.yaml"):
        for logical, resource in yaml.safe_load(path.read_text()).get("Resources", {}).items():
            if resource["Type"] == "AWS::IAM::Role":
                assert_none({f"{path.name}: {logical}: {check}" for check in IAM_CHECKS} - examined)


def test_every_finding_of_cfn_guard_is_explained(guard):
    assert_none(found_by_guard(guard) - explained("CT."))


def test_cfn_guard_still_finds_what_is_explained(guard):
    assert_none(explained("CT.") - found_by_guard(guard))


def test_cfn_guard_has_rules_for_buckets_and_roles(guard):
    """A rule that applies to nothing in a template is no rule for it."""
    home = next(file for file in guard if file["name"].endswith("home.plain.json"))
    assert {
        "iam_inline_policy_no_statements_with_admin_access_check",
        "s3_bucket_level_public_access_prohibited_check",
        "s3_bucket_versioning_enabled_check",
    } <= set(home["compliant"])


def test_every_explanation_is_a_sentence_about_a_rule_of_the_two():
    for resources in EXPLAINED.values():
        for rules in resources.values():
            for rule, reason in rules.items():
                assert rule.startswith(("CKV", "CT.")), rule
                assert reason.endswith("."), rule
