"""The JSON Schema of the policy file, tried by a validator that others wrote."""

import json
import pathlib
import re

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = pathlib.Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "orgpatch.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
BAD = {path.stem: path for path in ROOT.glob("tests/fixtures/bad-policies/*.yaml")}
GOOD = [
    path
    for folder in ("policies", "tests/fixtures/policies", "tests/fixtures/rendered")
    for path in sorted((ROOT / folder).glob("*.yaml"))
]
README = re.findall(r"^```yaml\n((?:#.*\n)*version:.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)

# Bad policies in which only orgpatch can see what is wrong, and why. All others are refused by the schema.
ONLY_ORGPATCH = {
    # The same thing in other words, or a second time beside it.
    "account-twice": "the account is there by itself, and once more with a reason",
    "ou-twice": "/Workloads and /Workloads/ are the same OU",
    "duplicate-key": "YAML readers take the last one",
    "duplicate-key-inside": "YAML readers take the last one",
    "exception-twice": "the patch is rejected in all rings already",
    # What depends on another key.
    "approve-only-with-approved": "two lists have too many patches together",
    "exception-not-ours": "the baselines are not made by orgpatch",
    "exception-patch-wrong": "how a patch is named depends on the operating system",
    "exception-unknown-ring": "no rings are called so",
    "exceptions-51-rejected": "two lists have too many patches together",
    "auditor-other-partition": "the auditor's partition is not that of home_region",
    "calendar-other-partition": "the calendar's Region is not among targets.regions",
    "calendar-other-region": "the calendar's Region is not among targets.regions",
    "boundary-without-lookup": "approve and iam exclude each other",
    "calendar-without-install": "a ring may install",
    "encryption-other-partition": "the key's Region is not home_region",
    "encryption-other-region": "the key's Region is not home_region",
    "encryption-with-awss-boundary": "overrides and iam exclude each other",
    "install-never-with-calendar": "a ring may install",
    "region-other-partition": "the Regions are of several partitions",
    "rings-same-name": "two rings have one name",
    "rings-same-ou": "two rings have one OU",
    "rings-taken-name": "parts of one ring are called as another one is",
    # What a pattern can't tell, or a list that AWS may lengthen.
    "approve-only-wrong": "the names are of no operating system",
    "errors-beside-warnings": "AWS might have another spelling by now",
    "filter-value-case": "AWS might have another spelling by now",
    "filter-value-misspelled": "AWS might have another word by now",
    "until-no-such-day": "there is no 30 February",
    "approve-date-none": "there is no 31 November",
    "zone-map": "the zone's Region is not among targets.regions",
    "zone-map-without-default": "a Region of targets.regions has no zone",
    "zone-typo": "there is no such zone",
    "zone-unknown-far": "there is no such zone on Mars",
}


class Yaml(yaml.SafeLoader):
    """YAML as orgpatch reads it (1.2, core schema): `yes` is a text, and so are days and times."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own


for tag, pattern, first in [
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
]:
    Yaml.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))
Yaml.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


def read(text):
    return Yaml(text).get_single_data()


def complaints(policy):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(policy)]


def refused(text):
    try:
        return bool(complaints(read(text)))
    except yaml.YAMLError:
        return True  # an editor marks that without a schema


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


# ---- policies ----


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_policy_is_taken(path):
    assert complaints(read(path.read_text())) == []


@pytest.mark.parametrize("text", README, ids=lambda text: read(text)["name"])
def test_a_policy_in_the_readme_is_taken(text):
    assert complaints(read(text)) == []


def test_there_are_policies_to_take():
    assert len(GOOD) > 5
    assert len(README) > 1


@pytest.mark.parametrize("name", sorted(name for name in BAD if name not in ONLY_ORGPATCH))
def test_a_bad_policy_is_refused(name):
    assert refused(BAD[name].read_text())


@pytest.mark.parametrize("name", ONLY_ORGPATCH)
def test_what_only_orgpatch_sees_the_schema_does_not(name):
    assert name in BAD, "take it out of the list"
    assert not refused(BAD[name].read_text()), "the schema sees it: take it out of the list"


# ---- values ----


SHORTEST = {
    "version": 1,
    "name": "weekly",
    "home_region": "eu-west-1",
    "targets": {"ous": ["/Workloads"], "regions": ["eu-west-1"]},
    "schedule": {"scan": "daily 01:00"},
}


def with_value(path, value):
    """The shortest policy with something at a place: `a.b` is the key `b` of the map `a`."""
    policy = json.loads(json.dumps(SHORTEST))
    *above, last = path.split(".")
    place = policy
    for key in above:
        place = place.setdefault(key, {})
    place[last] = value
    return policy


RULE = {"classification": ["Security"]}
RING = {"name": "prod", "ous": ["/Workloads/Prod"]}
EXCEPTION = {
    "patch": "kernel-*",
    "os": "amazon_linux_2023",
    "owner": "linux-team",
    "ticket": "OPS-812",
    "until": "2026-12-31",
}
CALENDAR = "arn:aws-cn:ssm:cn-north-1:111122223333:document/holidays"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
DAY_TIMES = [
    "daily 01:00",
    "sun 00:00",
    "mon#1 23:59",
    "sat#4 02:00",
    "last-fri 02:00",
    "patch-tuesday 02:00",
]
DAY_TIMES += ["patch-tuesday+0d 02:00", "patch-tuesday+20d 02:00", "every 30m", "every 4h", "every 12h"]
# What State Manager takes, as in src/policy/schedule_aws.rs.
CRONS = ["0/30 * * * ? *", "0 0/4 * * ? *", "15 13 ? * * *", "0 2 ? * SUN *", "30 23 ? * TUE#3 *"]
CRONS += [
    "0 0 ? * 3L *",
    "0 1 * * ? *",
    "0 0/1 * * ? *",
    "0 */30 * * * ? *",
    "0 2 31 * ? *",
    "0 2 1/15 * ? *",
]
TAKEN = {
    "schedule.scan": [
        *DAY_TIMES,
        *[f"cron({cron})" for cron in CRONS],
        *["rate(30 minutes)", "rate(1 hour)", "rate(12 hours)", "rate(1 day)", "rate(30 days)"],
    ],
    "schedule.install": ["never", *DAY_TIMES, *[f"cron({cron})" for cron in CRONS]],
    "schedule.timezone": [
        *["UTC", "region", "Europe/Berlin", "America/Argentina/Buenos_Aires", "America/Port-au-Prince"],
        *[{"eu-west-1": "Europe/Berlin", "default": "region"}, {"eu-west-1": "UTC"}],
    ],
    "schedule.calendars": [[], [CALENDAR]],
    "targets.ous": [["/"], ["ou-ab12-cdef3456", "r-ab12", "Security", 123, "/Work loads"]],
    "targets.exclude.ous": [[]],
    "targets.exclude.accounts": [
        [111122223333, "012345678901", {"id": 444455556666, "reason": "vendor", "until": "2027-01-31"}]
    ],
    "targets.nodes": [
        *["all", {"tags": {"Patch": "true", "Tier": ["*"], "Size": [1, "2"]}}, {"resource_group": "web"}],
        {"instance_ids": ["i-0123abcd", "mi-0123456789abcdef0"]},
    ],
    "patching.concurrency": ["1%", "100%", "10", 1, 5000],
    "patching.error_threshold": ["0%", "0", 0, "99%", 9_999_999],
    "rollout.accounts": ["1%", "100%"],
    "rollout.tolerate": ["0%", "100%"],
    "iam.permissions_boundary": ["none", "aws", "arn:aws:iam::aws:policy/AdministratorAccess"],
    "overrides": [{"encryption": KEY, "auditor": "arn:aws:iam::111122223333:user/a/b"}, {"encryption": "s3"}],
    "logs": [{"bucket": "a.b-1", "prefix": "", "region": "us-gov-west-1"}],
    "tags": [{}, {"Cost Center": 4711, "Größe": "a_b.c:/=+-@"}],
    "owner": ["platform@example.com", "Büro für Übergänge"],
    "approve": [
        *[{"after_days": 0}, {"after_days": 360}, {"until": "2026-11-01"}, {"until": "month-start"}],
        *[{"until": "previous-month-start"}, {"only": ["CVE-2026-12345", "KB5034439", 123456]}],
    ],
    "baselines.ubuntu": [
        *["aws", "pb-0123456789abcdef0", "my-baseline"],
        "arn:aws:ssm:eu-west-1:075727635805:patchbaseline/pb-05c9c9bf778d4c4d0",
        [{"priority": ["Required"], "section": "libs", "compliance": "high", "non_security": True}],
    ],
    "baselines.amazon_linux_2023": [
        [RULE | {"severity": ["Critical", "a new one"], "approve": {"after_days": 14}}, {"product": ["*"]}],
        {
            "filters": {"product": ["AmazonLinux2023"]},
            "rules": [RULE],
            "approved": ["kernel-*"],
            "approved_compliance": "critical",
            "approved_non_security": True,
            "rejected": "nginx",
            "rejected_action": "block",
            "sources": [{"name": "main", "products": ["*"], "configuration": "[main]\nname=main"}],
        },
    ],
    "baselines.windows": [
        {"approved": "KB5034439", "rejected": ["MS10-048"]},
        [],
        [{"patch_set": "application", "product_family": "Office", "product": ["Office 2019", "Office 2016"]}],
        [{"patch_set": ["os"], "product": "*"}],
        [{"product": ["WindowsServer2022"], "msrc_severity": ["Critical"]} | RULE],
    ],
    "baselines.macos": [[RULE | {"approve": {"until": "2026-11-01"}}]],
    "rings": [
        [RING],
        [
            RING
            | {
                "approve": {"after_days": 1},
                "schedule": {"install": "never"},
                "patching": {"reboot": "never"},
                "nodes": {"tags": {"Patch": "yes"}},
                "baselines": {"windows": "aws"},
                "regions": ["eu-west-1"],
            },
            {"name": "rest", "ous": ["/"]},
        ],
    ],
    "exceptions": [
        *[
            [],
            [EXCEPTION],
            [EXCEPTION | {"rings": ["prod"], "patch": "KB5034439"}],
            [EXCEPTION | {"rings": "prod"}],
        ],
    ],
}
REFUSED = {
    "schedule.scan": [
        *[
            "never",
            "daily",
            "daily 24:00",
            "daily 1:00",
            "sunday 02:00",
            "sun#5 02:00",
            "sun#0 02:00",
            "at(x)",
        ],
        *["patch-tuesday+21d 02:00", "patch-tuesday-1d 02:00", "every 5m", "every 3h", "every 4h 01:00", 100],
        *["cron(0 2 * *)", "cron(0 2 * * * *)", "cron(0 2 ? * ? *)", "cron(0 2 ? JAN SUN *)"],
        *[
            "cron(0 2 ? * MON-FRI *)",
            "cron(* 2 * * ? *)",
            "cron(0/5 * * * ? *)",
            "cron(0/45 * * * ? *)",
            "cron(0 24 * * ? *)",
        ],
        *["cron(0 2 ? * SUN 2027)", "cron(5 0 2 ? * SUN *)", "cron(0 2 ? * TUE#6 *)", "cron(0 0/0 * * ? *)"],
        *[
            "rate(15 minutes)",
            "rate(1 days)",
            "rate(2 hour)",
            "rate(31 days)",
            "rate(often)",
            "rate(5 weeks)",
        ],
    ],
    "schedule.install": ["rate(7 days)", None, True, ["sun 02:00"]],
    "schedule.timezone": ["utc", "", {}, {"eu-west-9": "UTC"}, {"eu-west-1": {"default": "UTC"}}],
    "schedule.calendars": ["holidays", ["holidays"], [CALENDAR, CALENDAR], [f"{CALENDAR}*"]],
    "targets.ous": [[], "/Workloads", [""], [" "], ["/a", "/a"], [True], None],
    "targets.regions": [[], ["eu-west-1", "eu-west-1"], ["eu-west-1a"], "eu-west-1"],
    "targets.exclude.accounts": [["44445555666"], [44445555666], [{"reason": "a"}], ["a" * 12]],
    "targets.nodes": [
        *["some", {}, {"tags": {}}, {"tags": {"a": True}}, {"tags": {"a": []}}, {"tags": {"a": ["*", "b"]}}],
        *[{"tags": {"{{a": "b"}}, {"tags": {"a": "{{b}}"}}, {"tags": dict.fromkeys("abcdef", "1")}],
        *[{"resource_group": "{{a}}"}, {"resource_group": ""}, {"tags": {"a": "b"}, "resource_group": "c"}],
        *[{"instance_ids": []}, {"instance_ids": ["web-1"]}, {"instance_ids": ["i-0123abcd"] * 51}],
    ],
    "patching.concurrency": ["0", "0%", 0, "101%", "05%", "1.5%", 1.5, 10_000_000, "many"],
    "patching.error_threshold": ["101%", "01", -1, "-1"],
    "patching.reboot": ["if-needed", True],
    "rollout.accounts": ["0%", "25", 25],
    "explorer": ["yes", "maybe", 1],
    "iam.attach": ["yes"],
    "iam.permissions_boundary": ["AWS", "arn:aws:iam::aws:role/a"],
    "overrides.encryption": ["kms", "arn:aws:kms:eu-west-1:111122223333:alias/a", f"{KEY}*"],
    "overrides.auditor": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/*"],
    "logs": [{}, {"bucket": "Corp_Logs"}, {"bucket": "ab"}, {"bucket": "abc", "prefix": "a" * 501}],
    "guards.max_removed_accounts": [-1, 100_001, "1", 1.5],
    "tags": [["a"], {"AWS:a": "b"}, {"orgpatch:a": "b"}, {"a": ""}, {"a": "b&c"}, {"": "a"}, {"a": True}],
    "name": ["Weekly", "2-weekly", "a" * 32, "", True, 5],
    "owner": ["a <b@example.com>", "", "a" * 257],
    "version": [2, "1", 1.5],
    "home_region": ["tokyo", "eu-west1"],
    "approve": [
        *[{}, 7, "7 days", {"after_days": 361}, {"after_days": -1}, {"after_days": 1, "until": "2026-11-01"}],
        *[{"until": "2026-13-01"}, {"until": "month-end"}, {"only": []}, {"only": ["a"] * 51}, {"days": 1}],
    ],
    "baselines.amazon_linux": [
        *[
            "my baseline",
            "ab",
            [{"msrc_severity": ["Critical"]}],
            [{"classification": True}],
            [RULE] * 11,
        ],
        *[{"rules": RULE}, {"rejected_action": "allow"}, {"approved": ["a" * 101]}, {"rules": [], "os": "a"}],
        *[[RULE | {"compliance": "CRITICAL"}], [{"classification": []}], [{"product": ["*", "a"]}], {}],
        {"rules": [RULE], "sources": [{"name": "a b", "products": ["*"], "configuration": "a"}]},
        *[{"rejected": ["nginx"]}, [{}], [{"compliance": "high"}], [RULE | {"approve": {"only": ["nginx"]}}]],
        *["pb-0123", "PB-0123456789abcdef0", "AWS"],
    ],
    "baselines.windows": [
        *[{"rules": [], "sources": []}, {"rules": [], "approved_non_security": False}],
        *[
            [RULE | {"non_security": True}],
            [{"patch_set": "application"}],
            [{"patch_set": ["os", "application"]}],
        ],
        [dict.fromkeys(("patch_set", "product", "product_family", "classification", "msrc_severity"), "os")],
    ],
    "baselines.debian": [[{"priority": ["Required"], "approve": {"after_days": 7}}], [RULE]],
    "baselines.macos": [[RULE | {"severity": ["Critical"]}], {"rules": [], "sources": []}],
    "baselines.amazon_linux2": ["aws"],
    "rings": [
        *[[], {}, [{"name": "prod"}], [{"ous": ["/"]}], [RING | {"ous": []}], [RING | {"name": "Prod"}]],
        *[[RING | {"exclude": {}}], [RING | {"rollout": {}}], [RING | {"schedule": {"scan": "never"}}]],
    ],
    "exceptions": [
        *[
            {},
            [{}],
            [EXCEPTION | {"os": "linux"}],
            [EXCEPTION | {"until": "soon"}],
            [EXCEPTION | {"owner": " "}],
            [EXCEPTION | {"rings": []}],
        ],
        *[[{key: each for key, each in EXCEPTION.items() if key != gone}] for gone in EXCEPTION],
    ],
    "lambda": ["yes"],
}


def cases(values):
    return [(path, value) for path, each in values.items() for value in each]


@pytest.mark.parametrize(("path", "value"), cases(TAKEN))
def test_a_value_is_taken(path, value):
    assert complaints(with_value(path, value)) == []


@pytest.mark.parametrize(("path", "value"), cases(REFUSED))
def test_a_value_is_refused_where_it_stands(path, value):
    first = path.split(".")[0]
    assert [each for each in complaints(with_value(path, value)) if first in each]


ANY = {"product": "*"}
WRONG_ON_EVERY_SYSTEM = [
    *[
        "pb-0123",
        "arn:aws:ssm:eu-west-1:1:patchbaseline/pb-0123456789abcdef0",
        "my baseline",
        "AWS",
        "ab",
        5,
        {},
    ],
    *[ANY, [{}], [ANY] * 11, [[ANY]], [ANY | {"arch": "x86_64"}], [ANY | {"compliance": "HIGH"}]],
    *[[{"product": wrong}] for wrong in ([], ["a", "a"], ["*", "a"], "", "a" * 65, True, [True])],
    [{"product": [f"a{number}" for number in range(21)]}],
    *[{"rules": [ANY]} | wrong for wrong in ({"filters": [ANY]}, {"filters": {"arch": "a"}}, {"os": "a"})],
    *[{"rules": [ANY]} | wrong for wrong in ({"rejected_action": "allow"}, {"approved_compliance": "HIGH"})],
    *[{"approved": wrong} for wrong in ("", [True], {}, "*", "a" * 101, "kernel-*-*")],
    {"rejected": ["KB5034439"]},
]


# Names in the forms of the user guide, as in src/policy/baselines/patch_names.rs.
PATCHES = {
    "windows": ["KB89083", "KB2032276", "MS10-048"],
    "rocky_linux": ["dbus", "dbus-1:1.12.28-1.amzn2023.0.1.x86_64", "kernel-*", "RHSA-2017:0864", 1234567],
    "suse": ["openssl-*", "SUSE-SLE-Example-Package-15-2023-123", "example-pkg-2023.15.4-46.17.1.*.rpm"],
    "raspbian": ["openssl", "libstdc++6"],
    "macos": ["XProtectPlistConfigData"],
}


@pytest.mark.parametrize("system", PATCHES)
@pytest.mark.parametrize("wrong", WRONG_ON_EVERY_SYSTEM)
def test_rules_are_refused_on_every_operating_system(system, wrong):
    baseline = f"baselines.{system}"
    assert complaints(with_value(baseline, wrong)) != []
    assert complaints(with_value(baseline, [ANY])) == []
    patches = PATCHES[system]
    whole = {"filters": ANY, "rules": [ANY], "approved": patches[0], "rejected": patches}
    assert complaints(with_value(baseline, whole)) == []
    for wrong in ([patches[0]] * 2, [f"{patches[0]}{number}" for number in range(10, 61)]):
        assert complaints(with_value(baseline, whole | {"rejected": wrong})) != []


def test_the_shortest_policy_lacks_nothing_and_has_nothing_to_spare():
    assert complaints(SHORTEST) == []
    for key in SHORTEST:
        assert complaints({name: each for name, each in SHORTEST.items() if name != key})


def test_ous_may_be_missing_only_where_there_are_rings():
    without = with_value("targets", {"regions": ["eu-west-1"]})
    assert complaints(without) == ["$.targets: 'ous' is a required property"]
    assert complaints(without | {"rings": [RING]}) == []


# ---- what it tells people ----


def subschemas(schema, path="$"):
    """The schema and those inside of it, each with where it stands."""
    yield path, schema
    for key in ("properties", "$defs"):
        for name, each in schema.get(key, {}).items():
            yield from subschemas(each, f"{path}.{key}.{name}")
    for key in ("items", "additionalProperties", "propertyNames", "not", "if", "then", "contains"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key], f"{path}.{key}")
    for number, each in enumerate(schema.get("anyOf", [])):
        yield from subschemas(each, f"{path}.anyOf.{number}")


PARTS = dict(subschemas(SCHEMA))
KEYWORDS = {
    *["$schema", "$defs", "$ref", "title", "description", "default", "examples", "type", "enum", "const"],
    *["properties", "additionalProperties", "required", "minProperties", "maxProperties", "propertyNames"],
    *[
        "items",
        "minItems",
        "maxItems",
        "uniqueItems",
        "contains",
        "minLength",
        "maxLength",
        "pattern",
        "format",
    ],
    *["minimum", "maximum", "anyOf", "not", "if", "then"],
}


def test_every_keyword_is_one():
    """A misspelled one would say nothing."""
    assert {key for part in PARTS.values() for key in part} <= KEYWORDS


def meaning(schema):
    """The description of a schema, or of what it refers to."""
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return schema.get("description") or (name and meaning(SCHEMA["$defs"][name]))


def test_every_key_says_what_it_means_in_sentences():
    for path, part in PARTS.items():
        for key, its in part.get("properties", {}).items():
            if not path.endswith((".then", ".not", ".if")):
                assert re.fullmatch(r"[\"A-Z`][^\n]+\.", meaning(its) or ""), f"{path}: {key}"


def test_a_map_refuses_keys_that_it_does_not_know():
    """But for those with keys of people's own, which say what they must be."""
    for path, part in PARTS.items():
        if part.get("type") == "object":
            assert part.get("additionalProperties") is False or "propertyNames" in part, path


def test_defaults_and_examples_are_right():
    found = 0
    for path, part in PARTS.items():
        shown = part.get("examples", []) + ([part["default"]] if "default" in part else [])
        for value in shown:
            found += 1
            # Alone, a schema that refers to others needs them beside it.
            assert Draft202012Validator(part | {"$defs": SCHEMA["$defs"]}).is_valid(value), f"{path}: {value}"
    assert found > 50


def test_lists_that_aws_may_lengthen_are_open_and_others_are_not():
    known, other = SCHEMA["$defs"]["classification_windows"]["anyOf"][0]["anyOf"]
    assert (list(known), other["type"]) == (["enum"], ["string", "integer"])
    assert set(SCHEMA["$defs"]["compliance"]) == {"enum"}
