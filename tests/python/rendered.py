"""The templates with the documents' Python in them, as orgpatch fills them: patching.yaml says how."""

import functools
import json
import os
import pathlib
import re

import yaml

from resolver import resolve

TEMPLATES = pathlib.Path(__file__).parents[2] / "templates"
SCRIPTS = TEMPLATES / "scripts"
NAMES = ["home", "patching", "removal"]
FOLDER = os.environ.get("ORGPATCH_RENDERED")
ACCOUNT, RING = "111122223333", "abcde"
# What the templates' parameters without a default get here.
GIVEN = {
    "PolicyName": "weekly",
    "RingId": RING,
    "OwnerAccountId": ACCOUNT,
    "LogRegion": "",
    "OrganizationId": "o-exampleorgid",
    "Baselines": '{"UBUNTU": "pb-0123456789abcdef0"}',
}
IMPORT = re.compile(r"^from (\w+) import .*\n", re.MULTILINE)


def beside(module):
    return (SCRIPTS / f"{module}.py").exists()


def included(script, there=None):
    """A script's text after that of the modules which it imports from beside it, each once."""
    there = set() if there is None else there
    text = (SCRIPTS / f"{script}.py").read_text()
    before = ""
    for module in IMPORT.findall(text):
        if beside(module) and module not in there:
            there.add(module)
            before += included(module, there)
    return before + IMPORT.sub(lambda line: "" if beside(line[1]) else line[0], text)


def fill(value):
    if isinstance(value, dict):
        return {key: fill(each) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each) for each in value]
    if isinstance(value, str) and value.startswith("file:scripts/"):
        return included(pathlib.PurePath(value).stem)
    return value


@functools.cache
def read(name):
    return json.dumps(yaml.safe_load((TEMPLATES / f"{name}.yaml").read_text()))


def template(name):
    """As it stands in the file. A copy each time: a test may change it."""
    return json.loads(read(name))


def resources(name, kind):
    return {
        logical: each["Properties"]
        for logical, each in template(name)["Resources"].items()
        if each["Type"] == f"AWS::{kind}"
    }


def walk(value):
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in children:
        yield from walk(each)


def schedule(region):
    """The longest that a Region's entry gets with one calendar of that name."""
    return {
        "Scan": "cron(30 16 ? * TUE#3 *)",
        "ScanOffset": "4",
        "Install": "cron(30 23 ? * TUE#3 *)",
        "InstallOffset": "4",
        "HasCalendars": "true",
        "Calendars": [f"arn:aws:ssm:{region}:{ACCOUNT}:document/freeze"],
    }


def filled(name, regions=("ap-southeast-1",)):
    made = fill(template(name))
    if name == "patching":
        made["Mappings"]["Schedules"] = {region: schedule(region) for region in regions}
    return made


def resolved(name, region="ap-southeast-1", partition="aws", **parameters):
    made = filled(name, [region])
    given = {key: value for key, value in GIVEN.items() if key in made["Parameters"]} | parameters
    return resolve(json.dumps(made), given, ACCOUNT, region, partition)


class Stack:
    """A template that orgpatch rendered, with the parameters that it sends."""

    def __init__(self, path):
        self.name = path.name.removesuffix(".template.json")
        self.text = path.read_text()
        self.template = json.loads(self.text)
        self.sent = json.loads(path.with_name(f"{self.name}.json").read_text())
        self.parameters = self.sent["parameters"]
        self.regions = self.sent.get("regions") or [self.sent["region"]]
        self.is_home = self.name.endswith("-home")
        self.ring = self.sent["tags"]["orgpatch:ring"]


def policies():
    """The stacks and stack sets of every rendered policy, by the name of its file."""
    folders = sorted(path for path in pathlib.Path(FOLDER).iterdir() if path.is_dir()) if FOLDER else []
    return {
        folder.name: [Stack(path) for path in sorted(folder.glob("*.template.json"))] for folder in folders
    }
