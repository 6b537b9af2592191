"""What every script's test has: a Region, keys that are none, moto, and a clock that doesn't wait."""

import concurrent.futures
import contextlib
import functools
import importlib
import sys
import threading
import time

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.base_backend import BackendDict

from rendered import SCRIPTS

sys.path.insert(0, str(SCRIPTS))

pytest_plugins = ["taking_back"]

CLIENTS = {}
NAMES = ("AWSQuickSetupPatchPolicyBaselineAccess", "AmazonSSMManagedInstanceCore")


def load(name):
    return importlib.import_module(name)


def refusal(code, message="refused", operation="Operation"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def arns(partition="aws"):
    return {f"arn:{partition}:iam::aws:policy/{name}" for name in NAMES}


class Turns:
    """Two runs at once: their calls on roles are made in an order such as "XXYX", the rest as they come."""

    def __init__(self, calls, order, **runs):
        self.order, self.running, self.changed = list(order), set(runs), threading.Condition()
        for service in ("ec2", "iam", "ssm"):
            boto3.client(service)  # two threads can't make one at once
        calls.turns = self
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for run in [pool.submit(self.run, name, call) for name, call in runs.items()]:
                run.result()
        calls.turns = None

    def run(self, name, call):
        threading.current_thread().name = name
        try:
            call()
        finally:
            with self.changed:
                self.running.remove(name)
                self.changed.notify_all()

    def come(self):
        """Whether this run's next call is due. A run that has ended needs no turns any more."""
        while self.order and self.order[0] not in self.running:
            self.order.pop(0)
        return not self.order or self.order[0] == threading.current_thread().name

    @contextlib.contextmanager
    def wait(self):
        with self.changed:
            assert self.changed.wait_for(self.come, timeout=10)
            try:
                yield
            finally:
                self.order = self.order[1:]
                self.changed.notify_all()


class Calls:
    """Stands before boto3: notes each call, and refuses or answers those that a test names."""

    def __init__(self, monkeypatch):
        self.made, self.scripted, self.standing, self.turns = [], {}, {}, None
        make = boto3.client

        def client(service, **arguments):
            # Making one takes long. Those of S3 get handlers from a script, and are therefore made anew.
            made = CLIENTS.get(service) or make(service, **arguments)
            if service != "s3":
                CLIENTS[service] = made
            made._make_api_call = self.wrap(functools.partial(type(made)._make_api_call, made))
            return made

        monkeypatch.setattr(boto3, "client", client)

    def wrap(self, call):
        def made(operation, arguments):
            if self.turns and "RoleName" in arguments:
                with self.turns.wait():
                    return answered(operation, arguments)
            return answered(operation, arguments)

        def answered(operation, arguments):
            self.made.append((operation, arguments))
            scripted = self.scripted.get(operation)
            for answer in (scripted.pop(0) if scripted else None, self.standing.get(operation)):
                if isinstance(answer, Exception):
                    raise answer
                found = answer(arguments) if callable(answer) else answer
                if found is not None:
                    return found
            return call(operation, arguments)

        return made

    def script(self, operation, *answers):
        """Each call takes one: an error, an answer, a function of the arguments, or None for the usual."""
        self.scripted[operation] = list(answers)

    def always(self, operation, answer):
        """The usual answer, where a test does not want moto's."""
        self.standing[operation] = answer

    def of(self, operation):
        return [arguments for name, arguments in self.made if name == operation]

    def changes(self):
        reading = ("Describe", "Get", "List")
        return [name for name, _ in self.made if not name.startswith(reading)]


@pytest.fixture(scope="session", autouse=True)
def moto():
    """Once, since it takes as long to begin as many tests do. Without AMIs, whose reading takes longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with mock_aws():
            yield


@pytest.fixture(autouse=True)
def account():
    """An account that has nothing."""
    BackendDict.reset()


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    taken = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


@pytest.fixture
def calls(monkeypatch):
    return Calls(monkeypatch)


@pytest.fixture
def attached(calls):
    """The policies of roles, by name. moto knows AWS's managed policies only at a high price."""
    policies = {}

    def attach(arguments):
        policies.setdefault(arguments["RoleName"], set()).add(arguments["PolicyArn"])
        return {}

    def detach(arguments):
        if arguments["PolicyArn"] not in policies.get(arguments["RoleName"], ()):
            raise refusal("NoSuchEntity")
        policies[arguments["RoleName"]].remove(arguments["PolicyArn"])
        return {}

    def of_role(arguments):
        found = sorted(policies.get(arguments["RoleName"], ()))
        return {"AttachedPolicies": [{"PolicyArn": arn} for arn in found]}

    def with_policy(arguments):
        """In pages of two, as IAM has pages of a hundred."""
        assert arguments["EntityFilter"] == "Role"
        found = sorted(name for name, its in policies.items() if arguments["PolicyArn"] in its)
        start = int(arguments.get("Marker", 0))
        more = {"IsTruncated": True, "Marker": str(start + 2)} if start + 2 < len(found) else {}
        return {"PolicyRoles": [{"RoleName": name} for name in found[start : start + 2]]} | more

    calls.always("AttachRolePolicy", attach)
    calls.always("DetachRolePolicy", detach)
    calls.always("ListAttachedRolePolicies", of_role)
    calls.always("ListEntitiesForPolicy", with_policy)
    return policies
