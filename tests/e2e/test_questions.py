"""Questions about policies, answered from what AWS says. No answer changes anything."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import look
from emulator import MANAGEMENT_ACCOUNT
from look import Footprint
from organization import HOME
from policy import Policy, Ring
from small import BOTH
from world import World

NAME = "asked"
REGIONS = (HOME, "us-east-1")
CALENDAR = f"arn:aws:ssm:{HOME}:{MANAGEMENT_ACCOUNT}:document/freeze"
# It is closed from before this was written until long after.
FREEZE = """\
BEGIN:VCALENDAR
PRODID:-//AWS//Change Calendar 1.0//EN
VERSION:2.0
X-CALENDAR-TYPE:DEFAULT_OPEN
BEGIN:VEVENT
DTSTAMP:20200101T000000Z
UID:freeze
SUMMARY:freeze
DTSTART:20200101T000000Z
DTEND:20991231T000000Z
END:VEVENT
END:VCALENDAR
"""
# Sunday 02:00 in Tokyo, where clocks never change, is Saturday in UTC.
IN_TOKYO, IN_UTC = r"02:00", r"17:00"


@pytest.fixture(scope="module")
def file(small_world: World) -> str:
    """A policy that nobody applies."""
    return small_world.write(_policy(small_world))


@pytest.fixture(autouse=True)
def nothing_is_changed(small_world: World) -> Iterator[None]:
    yield
    everybody = small_world.organization.everybody()
    found = look.footprint(small_world.emulator, everybody, REGIONS)
    assert found == Footprint((), (), {}, frozenset())


def _policy(world: World) -> Policy:
    return world.policy(
        name=NAME,
        ous=BOTH,
        regions=REGIONS,
        management_account="exclude",
        calendars=(CALENDAR,),
        rings=(Ring("staging", ("/Security",)), Ring("prod", ("/Workloads",))),
    )


def test_why_an_account_is_covered_or_not(small_world: World, file: str) -> None:
    accounts = small_world.organization.accounts
    for name, patterns in {
        "audit": ("audit", "/Security", "staging", *REGIONS),
        "tools": ("tools", "/Workloads", "prod"),
        "old": ("old", "/Workloads/Suspended", "excluded"),
    }.items():
        small_world.run("why", file, accounts[name]).exits(0).says(*patterns)
    small_world.run("why", file, MANAGEMENT_ACCOUNT).exits(0).says("management account")
    # In one Region, also in one that the policy does not name.
    small_world.run("why", file, accounts["audit"], HOME).exits(0).says("staging", HOME)
    small_world.run("why", file, accounts["audit"], "eu-west-3").exits(0).says(
        "eu-west-3", "regions"
    )
    answered = small_world.run("why", file, accounts["audit"], "-o", "json").exits(0)
    told = json.loads(answered.out)
    assert (told["format_version"], told["in"]) == (1, True)
    assert told["account"]["id"] == accounts["audit"]
    assert told["account"]["ring"]["name"] == "staging"


def test_why_an_ou_is_covered_or_not(small_world: World, file: str) -> None:
    why = small_world.run("why", file, "/Workloads").exits(0)
    why.says("2 accounts", "ring prod", "/Workloads/Suspended is excluded")
    small_world.run("why", file, "/Workloads/Suspended").exits(0).says("excluded")


def test_why_somebody_unknown_is_refused(small_world: World, file: str) -> None:
    for asked in "999988887777", "/Workload":
        refused = small_world.run("why", file, asked).exits(1, 252)
        refused.complains(re.escape(asked))


def test_next_runs_in_local_time_and_in_utc(small_world: World, file: str) -> None:
    # Neither credentials nor AWS: the file says it all.
    text = small_world.run("next-runs", file, "--days", "14", keys=None).exits(0)
    text.says("staging", "prod", HOME, "us-east-1", IN_TOKYO, IN_UTC)

    as_json = small_world.run("next-runs", file, "-o", "json", keys=None).exits(0)
    assert json.loads(as_json.out)["format_version"] == 1
    assert re.search(r"T17:00(:00)?(Z|\+00:00)", as_json.out), as_json
    ics = small_world.run("next-runs", file, "-o", "ics", keys=None).exits(0).out
    assert ics.startswith("BEGIN:VCALENDAR\n") and ics.endswith("END:VCALENDAR\n")
    assert ics.count("BEGIN:VEVENT") == ics.count("END:VEVENT") > 2
    part = ("--ring", "prod", "--region", HOME)
    only = small_world.run("next-runs", file, *part, keys=None).exits(0).says("prod")
    assert "staging" not in only.out and "us-east-1" not in only.out


def test_next_runs_know_a_closed_calendar(small_world: World, file: str) -> None:
    ssm = small_world.emulator.client("ssm", HOME)
    ssm.create_document(
        Name="freeze",
        DocumentType="ChangeCalendar",
        DocumentFormat="TEXT",
        Content=FREEZE.replace("\n", "\r\n"),
    )

    runs = small_world.run("next-runs", file, "--days", "14", "--online").exits(0)

    runs.says("closed", "freeze")


def test_validate_online_knows_what_aws_lists(small_world: World) -> None:
    rules = "{{ product: [{}], classification: [SecurityUpdates] }}"
    for product, is_listed in ("WindowsServer2022", True), ("WindowsServer2099", False):
        policy = replace(
            _policy(small_world),
            name="online",
            baselines=small_world.baselines | {"WINDOWS": f"[{rules.format(product)}]"},
        )
        file = small_world.write(policy)
        run = small_world.run("validate", file, "--online")
        if is_listed:
            run.exits(0)
        else:
            run.exits(252).complains(product)
        # By itself the list is not known to be complete.
        small_world.run("validate", file, keys=None).exits(0)


def test_plans_of_a_folder(small_world: World) -> None:
    folder = small_world.folder / "folder"
    folder.mkdir()
    names = ("in-one-region", "in-another")
    for name, region in zip(names, REGIONS, strict=True):
        policy = replace(_policy(small_world), name=name, regions=(region,))
        (folder / f"{name}.yaml").write_text(replace(policy, calendars=()).text())
    (folder / "notes.txt").write_text("no policy\n")

    plan = small_world.run("plan", str(folder), "--detailed-exitcode").exits(2)

    plan.says(*names)
    assert len(re.findall(r"(?m)^Plan: 3 accounts to add", plan.out)) == 2, plan
    alone = Path(folder, f"{names[0]}.yaml")
    digest = small_world.run("plan", str(alone)).exits(0).digest()
    assert digest in plan.out


def test_a_plan_for_a_pull_request(small_world: World, file: str) -> None:
    text = small_world.run("plan", file).exits(0)

    plan = small_world.run("plan", file, "-o", "markdown").exits(0)

    plan.says(NAME, "staging", "prod", text.digest(), r"3 accounts? to add")
    # A table has a line of dashes. Nothing colours a comment.
    assert re.search(r"(?m)^\|( ?:?-+:? ?\|)+$", plan.out), plan
    assert "\x1b" not in plan.out
    # GitHub takes 65,536 characters in a comment.
    assert len(plan.out) < 65_536


def test_the_schema_has_every_key(small_world: World) -> None:
    schema = json.loads(small_world.run("schema", keys=None).exits(0).out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    wanted = {"name", "targets", "schedule", "baselines", "rings", "approve"}
    assert wanted <= set(schema["properties"])
