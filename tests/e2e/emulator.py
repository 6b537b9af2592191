"""Runs fakecloud, an emulator of AWS, as a separate process on a port of its own."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

# Any key that begins with `test` is root of this account.
MANAGEMENT_ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Keys:
    """Long-lived credentials of one account."""

    access_key_id: str
    secret_access_key: str


ROOT_KEYS = Keys("test", "test")


@dataclass(frozen=True)
class Emulator:
    """A running emulator. All that these tests know of AWS comes through `url`."""

    url: str
    _keys: dict[str, Keys] = field(default_factory=dict)
    _clients: dict[tuple[str, str, Keys], Any] = field(default_factory=dict)

    def client(self, service: str, region: str, keys: Keys = ROOT_KEYS) -> Any:
        """A boto3 client (untyped by nature) that talks to the emulator only."""
        key = (service, region, keys)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=keys.access_key_id,
                aws_secret_access_key=keys.secret_access_key,
                config=Config(
                    retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
                ),
            )
        return self._clients[key]

    def administrator(self, account: str) -> Keys:
        """Keys with every right in `account`, in whatever organization it is.

        Made once per account: a second `create-admin` makes the first keys void, and
        the emulator takes void keys for root of the management account. Hence also
        the question whose keys these are.
        """
        if account == MANAGEMENT_ACCOUNT:
            return ROOT_KEYS
        if account not in self._keys:
            body = json.dumps({"accountId": account, "userName": "adm"}).encode()
            made = self._post("/_fakecloud/iam/create-admin", body)
            keys = Keys(made["accessKeyId"], made["secretAccessKey"])
            owner = self.client("sts", "us-east-1", keys).get_caller_identity()[
                "Account"
            ]
            assert owner == account, f"keys for {account} turned out to be {owner}'s"
            self._keys[account] = keys
        return self._keys[account]

    def reset(self) -> None:
        """Empties it."""
        self._post("/_reset", b"")

    def _post(self, path: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"{self.url}/_fakecloud/health", timeout=1
            ) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False


def binary() -> Path:
    """Where `make e2e` has put the emulator."""
    tools = os.environ.get("ORGPATCH_TOOLS") or "~/.cache/orgpatch-tools"
    found = Path(tools).expanduser() / "bin" / "fakecloud"
    if not found.is_file():
        raise FileNotFoundError(f"{found} is missing; `make e2e` installs it")
    return found


@contextmanager
def running(log: Path, *, strict: bool = False) -> Iterator[Emulator]:
    """An empty emulator for the block, stopped however the block ends.

    A strict one holds everybody but root to IAM and bucket policies. Organizations,
    CloudFormation and SSM let anybody pass all the same.
    """
    port = _free_port()
    command = [
        str(binary()),
        # The default binds every interface.
        f"--addr=127.0.0.1:{port}",
        # The default writes 100 MB in minutes.
        "--log-level=warn",
        f"--iam={'strict' if strict else 'off'}",
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            emulator = Emulator(f"http://127.0.0.1:{port}")
            _wait_until_healthy(emulator, process, log)
            yield emulator
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(
    emulator: Emulator, process: subprocess.Popen[bytes], log: Path
) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        if emulator._is_healthy():
            return
        time.sleep(0.1)
    raise RuntimeError(
        f"fakecloud did not start; its log says:\n{log.read_text()[-2000:]}"
    )
