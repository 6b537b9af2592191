"""Systems Manager takes the documents and associations of the rendered templates, and gives them back.

The emulator's CloudFormation makes phantoms of them, so here they are made through the
API of Systems Manager, as CloudFormation would: resolved for one account and Region.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from emulator import MANAGEMENT_ACCOUNT, Emulator
from organization import HOME
from world import REPOSITORY, run_alone

sys.path.append(str(REPOSITORY / "tests" / "python"))
from rendered import Stack, resolved  # noqa: E402 - it lies beside these tests
from resolver import Resource, resolve  # noqa: E402

ORGANIZATION = REPOSITORY / "src" / "sim" / "example-organization.json"
POLICIES = sorted(
    path
    for folder in ("policies", "tests/fixtures/rendered")
    for path in (REPOSITORY / folder).glob("*.yaml")
)
# CloudFormation's spelling of what the API takes as another type.
BOOLEANS = {"true": True, "false": False}
# What the emulator takes, and does not tell any more.
FORGOTTEN = {"AutomationTargetParameterName", "CalendarNames"}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator.running(tmp_path_factory.mktemp("ssm") / "fakecloud.log") as started:
        yield started


def _stacks(policy: Path, folder: Path) -> list[dict[str, Resource]]:
    """The resources of the home stack, and of a member's stack in one Region."""
    run_alone(
        "render", str(policy), "--org", str(ORGANIZATION), "--out", str(folder)
    ).exits(0)
    stacks = [Stack(path) for path in sorted(folder.glob("*.template.json"))]
    return [
        resolve(stack.text, stack.parameters, MANAGEMENT_ACCOUNT, stack.regions[0])
        for stack in stacks
    ]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_what_a_policy_has_is_taken_and_given_back(
    started: Emulator, policy: Path, tmp_path: Path
) -> None:
    made = sum(_make(started, stack) for stack in _stacks(policy, tmp_path))
    assert made >= 2 * 6


def test_what_takes_it_back_is_taken_and_given_back(started: Emulator) -> None:
    assert _make(started, resolved("removal", region=HOME)) == 2


def _make(started: Emulator, resources: dict[str, Resource]) -> int:
    """Makes documents, then associations, and reads each back. Answers how many."""
    started.reset()
    ssm = started.client("ssm", HOME)
    made = 0
    for each in resources.values():
        if each.kind == "AWS::SSM::Document":
            _document(ssm, each)
            made += 1
    for each in resources.values():
        if each.kind == "AWS::SSM::Association":
            _association(ssm, each)
            made += 1
    return made


def _document(ssm: Any, document: Resource) -> None:
    given = dict(document.properties)
    given.pop("UpdateMethod")  # CloudFormation's own
    content = given.pop("Content")
    ssm.create_document(Content=json.dumps(content), DocumentFormat="JSON", **given)
    found = ssm.get_document(Name=document.name)
    assert json.loads(found["Content"]) == content
    assert found["DocumentType"] == "Automation"


def _association(ssm: Any, association: Resource) -> None:
    given = _typed(association.properties)
    if "SyncCompliance" in given:
        enum = ssm.meta.service_model.shape_for("AssociationSyncCompliance").enum
        assert given["SyncCompliance"] in enum
        # The emulator has AWS's values, and spells them in another way.
        given["SyncCompliance"] = given["SyncCompliance"].capitalize()
    identifier = ssm.create_association(**given)["AssociationDescription"][
        "AssociationId"
    ]
    found = ssm.describe_association(AssociationId=identifier)["AssociationDescription"]
    for key, value in given.items():
        assert found.get(key, value if key in FORGOTTEN else None) == value, key


def _typed(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties as the API types them."""
    given = dict(properties)
    if (only := given.get("ApplyOnlyAtCronInterval")) in BOOLEANS:
        given["ApplyOnlyAtCronInterval"] = BOOLEANS[only]
    if "ScheduleOffset" in given:
        given["ScheduleOffset"] = int(given["ScheduleOffset"])
    return given
