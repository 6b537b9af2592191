"""What every script's test has: a Region, keys that are none, moto, and a clock that doesn't wait."""

import importlib.util
import pathlib
import time

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

SCRIPTS = pathlib.Path(__file__).parents[2] / "templates" / "scripts"


def load(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refusal(code, message="refused", operation="Operation"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Calls:
    """Stands before boto3: notes each call, and refuses or answers those that a test names."""

    def __init__(self, monkeypatch):
        self.made, self.scripted = [], {}
        make = boto3.client

        def client(*args, **kwargs):
            made = make(*args, **kwargs)
            made._make_api_call = self.wrap(made._make_api_call)
            return made

        monkeypatch.setattr(boto3, "client", client)

    def wrap(self, call):
        def made(operation, arguments):
            self.made.append((operation, arguments))
            answers = self.scripted.get(operation, [])
            answer = answers.pop(0) if answers else None
            if isinstance(answer, Exception):
                raise answer
            if callable(answer):
                answer = answer(arguments)
            return call(operation, arguments) if answer is None else answer

        return made

    def script(self, operation, *answers):
        """Each call takes one: an error, an answer, a function of the arguments, or None for moto's own."""
        self.scripted[operation] = list(answers)

    def of(self, operation):
        return [arguments for name, arguments in self.made if name == operation]

    def changes(self):
        reading = ("Describe", "Get", "List")
        return [name for name, _ in self.made if not name.startswith(reading)]


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    for key, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(key, value)
    with mock_aws():
        yield


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    taken = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


@pytest.fixture
def calls(monkeypatch):
    return Calls(monkeypatch)
