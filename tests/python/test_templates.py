"""The templates: as they stand, with the scripts in them, and (in ORGPATCH_RENDERED) as they are sent."""

import ast
import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.helpers import REGION_PRIMARY, REGIONS
from cfnlint.runner import Runner

from rendered import (
    ACCOUNT,
    FOLDER,
    NAMES,
    RING,
    SCRIPTS,
    TEMPLATES,
    beside,
    fill,
    filled,
    included,
    policies,
    resolved,
    resources,
    template,
)

PLAIN = [TEMPLATES / f"{name}.yaml" for name in NAMES]
# Of stacks with the same template, one.
RENDERED = {
    path.read_text(): path for path in pathlib.Path(FOLDER or "none").rglob("*.template.json")
}.values()
RENDERED = sorted(RENDERED)
LIMIT = 51_200  # bytes of a template that is sent with the call
DOCUMENT_LIMIT = 64 * 1024  # bytes of a Systems Manager document
ENTRIES = {
    "add_remove_tag",
    "attach_ec2",
    "attach_hybrid",
    "remediate_name_tags",
    "sync_baselines",
    "take_back",
}
MODULES = {"document", "node_tags", "policies", "role", "run"}


def steps():
    """Every step with a script: what it is given, and the document's parameters."""
    for name in NAMES:
        for document in resources(name, "SSM::Document").values():
            (step,) = document["Content"]["mainSteps"]
            inputs = step["inputs"]
            yield pytest.param(
                inputs, document["Content"]["parameters"], id=pathlib.Path(inputs["Script"]).stem
            )


@pytest.fixture(scope="module")
def linter():
    """One for all templates: reading its rules takes as long as a template does."""
    return Runner(ConfigMixIn(regions=[REGION_PRIMARY]))


def findings(linter, text):
    made, errors = decode_str(text)
    return [str(each) for each in errors or linter.validate_template(made)]


@pytest.mark.parametrize("path", PLAIN + RENDERED, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(linter, path):
    assert findings(linter, path.read_text()) == []


@pytest.mark.parametrize("name", NAMES)
def test_cfn_lint_finds_nothing_with_the_scripts_in_it(linter, name):
    assert findings(linter, json.dumps(filled(name), indent=2)) == []


def test_cfn_lint_would_find_something_each_time(linter):
    made = template("home")
    made["Resources"]["OverrideBucket"]["Properties"]["BucketNames"] = "one too many"
    for _ in range(2):
        (found,) = findings(linter, json.dumps(made))
        assert "'BucketNames' was unexpected" in found
    assert findings(linter, "Resources: [") != []


def size(template):
    return len(json.dumps(template, separators=(",", ":"), ensure_ascii=False).encode())


def of_regions(count):
    """The patching template for so many Regions, each with schedules as long as they get."""
    return filled("patching", [f"ap-southeast-{number}" for number in range(1, count + 1)])


def test_the_filled_template_may_be_sent_with_the_call():
    assert all(size(filled(name)) < LIMIT for name in NAMES)


def test_so_may_that_of_45_regions_where_none_uses_offsets_or_calendars():
    made = of_regions(45)
    for entry in made["Mappings"]["Schedules"].values():
        for unused in ("ScanOffset", "InstallOffset", "HasCalendars", "Calendars"):
            del entry[unused]  # orgpatch leaves it out
    assert size(made) < LIMIT


def test_so_may_that_of_17_regions_where_all_use_offsets_and_calendars():
    """As many as are enabled in a new account."""
    assert size(of_regions(17)) < LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_no_larger_than_systems_manager_takes(name):
    for document in resources(name, "SSM::Document").values():
        assert len(json.dumps(fill(document["Content"])).encode()) < DOCUMENT_LIMIT


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.name)
def test_a_rendered_template_is_complete_and_may_be_sent_with_the_call(path):
    text = path.read_text()
    assert len(text.encode()) < LIMIT
    assert "file:scripts/" not in text
    assert "RINGID" not in text


def test_a_rendered_template_has_the_scripts_as_they_are_put_in_here():
    """So what is tested here is what orgpatch sends. How many empty lines stand between does not matter."""
    lines = {name: [line for line in included(name).splitlines() if line] for name in ENTRIES}
    for stack in (stack for stacks in policies().values() for stack in stacks):
        for each in stack.template["Resources"].values():
            if each["Type"] == "AWS::SSM::Document":
                (step,) = each["Properties"]["Content"]["mainSteps"]
                text = step["inputs"]["Script"]
                assert [line for line in text.splitlines() if line] in lines.values(), stack.name


def test_the_folder_of_rendered_templates_has_some():
    assert RENDERED or not FOLDER


def test_every_template_is_tested():
    found = [
        path.stem
        for path in TEMPLATES.glob("*.yaml")
        if "AWSTemplateFormatVersion" in yaml.safe_load(path.read_text())
    ]
    assert sorted(found) == NAMES


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_a_template_is_plain_yaml_for_any_partition(path):
    text = path.read_text()
    assert "arn:aws:" not in text
    assert "CommaDelimitedList" not in text
    assert not re.search(r":\s+[!&*][A-Za-z]", text), "a tag, an anchor or an alias"
    made = yaml.safe_load(text)
    assert "Transform" not in made
    assert all(each["Type"] != "AWS::CloudFormation::Stack" for each in made["Resources"].values())


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_is_for_any_partition(path):
    assert "arn:aws:" not in path.read_text()


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_every_parameter_is_a_described_and_checked_string(path):
    for name, parameter in template(path.stem)["Parameters"].items():
        assert parameter["Type"] == "String", name
        assert parameter["Description"], name
        assert {"AllowedValues", "AllowedPattern", "MaxLength"} & set(parameter), name


# ---- scripts in documents ----------------------------------------------------------------------------------


def test_every_script_is_used_once_and_every_module_by_one_of_them():
    used = [pathlib.PurePath(step.values[0]["Script"]).stem for step in steps()]
    assert sorted(used) == sorted(ENTRIES)
    assert {path.stem for path in SCRIPTS.glob("*.py")} == ENTRIES | MODULES
    imported = re.findall(r"^from (\w+) import", "".join(p.read_text() for p in SCRIPTS.glob("*.py")), re.M)
    assert set(imported) >= MODULES


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_script_imports_from_beside_it_is_one_line_that_orgpatch_finds(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(beside(name.name) for name in node.names)
        if isinstance(node, ast.ImportFrom) and beside(node.module):
            assert (node.col_offset, node.lineno) == (0, node.end_lineno)
            assert not any(name.asname for name in node.names)


@pytest.mark.parametrize("script", sorted(ENTRIES))
def test_a_script_with_its_modules_before_it_is_whole(script):
    """No name is missing, and none hides another module's."""
    # Two modules may import the same.
    rules = ["--select=F", "--ignore=F811"]
    command = [sys.executable, "-m", "ruff", "check", "--isolated", *rules, "-"]
    found = subprocess.run(command, input=included(script), capture_output=True, text=True)  # noqa: S603
    assert (found.stdout.strip(), found.returncode) == ("All checks passed!", 0)
    names = [
        name
        for node in ast.parse(included(script)).body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.name] if hasattr(node, "name") else [at.id for at in getattr(node, "targets", ())])
    ]
    assert len(names) == len(set(names))
    assert not re.search(rf"^from ({'|'.join(MODULES)}) import", included(script), re.MULTILINE)


@pytest.mark.parametrize("script", sorted(ENTRIES))
def test_a_script_with_its_modules_before_it_runs_where_there_is_no_folder(script, monkeypatch):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(SCRIPTS)])
    for module in MODULES | ENTRIES:
        monkeypatch.delitem(sys.modules, module, raising=False)
    names = {}
    exec(compile(included(script), script, "exec"), names)  # noqa: S102
    with pytest.raises(ValueError, match="the document's input"):
        names["handler"]({}, None)


@pytest.mark.parametrize("script", sorted(ENTRIES))
def test_a_module_stands_once_and_before_what_uses_it(script):
    text = included(script)
    assert text.count("RETRIES = ") == 1
    assert text.index("RETRIES = ") < text.index("def handler(")


@pytest.mark.parametrize(("inputs", "parameters"), list(steps()))
def test_a_script_reads_just_what_its_document_gives(inputs, parameters):
    tree = ast.parse(fill(inputs["Script"]))
    read = {
        node.args[1].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "given"
    }
    assert read == set(inputs["InputPayload"])
    events = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "events"]
    # Each is an argument of `given`, and one stands in it.
    assert len(events) == len(read) + 1
    used = {
        found
        for each in inputs["InputPayload"].values()
        for found in re.findall(r"\{\{ (\w+) \}\}", str(each))
    }
    assert used | {"AutomationAssumeRole"} == set(parameters)
    assert inputs["Runtime"] == "python3.11"
    assert any(isinstance(node, ast.FunctionDef) and node.name == inputs["Handler"] for node in tree.body)


@pytest.mark.parametrize(("inputs", "parameters"), list(steps()))
def test_a_script_has_nothing_that_automation_would_replace(inputs, parameters):
    assert parameters
    assert "{{" not in fill(inputs["Script"])


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_what_an_association_passes_is_short_enough_for_automation(path):
    """Automation takes 512 characters a value: a parameter that may be longer is a document's default."""
    for each in resources(path.stem, "SSM::Association").values():
        passed = [
            value.get("Ref")
            for values in each.get("Parameters", {}).values()
            for value in values
            if isinstance(value, dict)
        ]
        assert not {"TargetValues", "Baselines", "Signal"} & set(passed)


# ---- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("region", REGIONS)
def test_names_keep_within_their_limits(name, region):
    limits = {"IAM::Role": 64, "S3::Bucket": 63, "SSM::Document": 128, "SSM::Association": 128}
    for each in resolved(name, region).values():
        kind = each.kind.removeprefix("AWS::")
        if kind in limits:
            assert 3 <= len(each.name) <= limits[kind]
            # Names of documents that begin so belong to AWS.
            assert kind != "SSM::Document" or not each.name.lower().startswith(("aws", "amazon"))
            assert kind != "SSM::Association" or re.fullmatch(r"[\w.-]+", each.name)


def test_names_are_those_that_agents_and_managed_policies_know():
    region = "ap-southeast-1"
    names = {
        each.name
        for name in NAMES
        for each in resolved(
            name, region, **({"Operation": "ScanAndInstall"} if name == "patching" else {})
        ).values()
        if not each.kind.startswith(("AWS::CloudFormation", "AWS::S3::BucketPolicy"))
    }
    associations = [
        "AttachIAMToEc2Instance",
        "AttachIAMToHybridInstance",
        "AddRemoveNameTag",
        "NameTagRemediation",
        "EnableExplorer",
        "BaselineRemediation",
        "ScanForPatches",
        "InstallPatches",
        "TakeBack",
    ]
    assert names == {
        *(f"AWS-QuickSetup-PatchPolicy-{what}-{RING}" for what in associations),
        f"AWS-QuickSetup-AutomationRole-V2-{region}-{RING}",
        f"AWS-QuickSetup-AutomationRole-Tags-V2-{region}-{RING}",
        f"AWS-QuickSetup-EnableExplorer-V2-{region}-{RING}",
        f"AWS-QuickSetup-Remediation-AutomationRole-V2-{RING}",
        f"QuickSetup-CreateAndAttachIAMToEc2Node-{RING}",
        f"QuickSetup-CreateAndAttachIAMToHybridNode-{RING}",
        f"QuickSetup-AddOrRemoveTag-PatchPolicy-{RING}",
        f"QuickSetup-NameTagRemediation-{RING}",
        f"QuickSetup-PatchPolicy-Remediation-{RING}",
        f"QuickSetup-TakeBack-{RING}",
        f"aws-quicksetup-patchpolicy-{ACCOUNT}-{RING}",
        f"aws-quicksetup-patchpolicy-access-log-{ACCOUNT}-4e5f-{RING}",
    }


# ---- associations ------------------------------------------------------------------------------------------


def test_schedules_are_quick_setups():
    found = resources("patching", "SSM::Association") | resources("home", "SSM::Association")
    schedules = {logical: each.get("ScheduleExpression") for logical, each in found.items()}
    assert schedules == {
        "AttachIAMToEc2Instance": "rate(30 days)",
        "AttachIAMToHybridInstance": "rate(30 days)",
        "AddRemoveNameTag": "rate(30 days)",
        "NameTagRemediation": "rate(1 day)",
        "EnableExplorerAssociation": None,
        "BaselineRemediation": "cron(0 0/1 * * ? *)",
        "ScanForPatches": {"Fn::FindInMap": ["Schedules", {"Ref": "AWS::Region"}, "Scan"]},
        "InstallPatches": {"Fn::FindInMap": ["Schedules", {"Ref": "AWS::Region"}, "Install"]},
    }


def test_an_installation_never_starts_with_the_stack():
    assert resources("patching", "SSM::Association")["InstallPatches"]["ApplyOnlyAtCronInterval"] is True
    assert template("patching")["Resources"]["InstallPatches"]["Condition"] == "Installs"


def test_what_completes_roles_of_nodes_is_there_before_scan_and_install_are():
    """CloudFormation makes those associations first. It does not wait until they have run."""
    made = template("patching")["Resources"]
    after = {logical: each["DependsOn"] for logical, each in made.items() if "DependsOn" in each}
    both = ["AttachIAMToEc2Instance", "AttachIAMToHybridInstance"]
    assert after == {"ScanForPatches": both, "InstallPatches": both}
