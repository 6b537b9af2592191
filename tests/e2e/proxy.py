"""Runs microburst, which answers in AWS's place with AWS's errors, as a process."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Fault:
    """What happens to the first calls of an operation, and how many of them."""

    # As signatures and IAM name it; `*` for all.
    service: str
    # Empty for all.
    operation: str
    # What happens, in microburst's words.
    effect: dict[str, Any]
    # None for all.
    times: int | None
    # A condition on the form that is sent, in JMESPath; empty for none.
    only: str = ""

    def rule(self) -> dict[str, Any]:
        """The rule of microburst's that makes it happen."""
        chosen = {
            "operation": self.operation or None,
            "times": self.times,
            "body": self.only or None,
        }
        given = {key: value for key, value in chosen.items() if value is not None}
        return {"service": self.service} | self.effect | given

    def __str__(self) -> str:
        """How pytest names it."""
        return f"{self.service}:{self.operation or '*'}"


def error(
    call: str, code: str, status: int, times: int, message: str = "", only: str = ""
) -> Fault:
    """AWS refuses the first calls. Nothing of them reaches the emulator."""
    service, _, operation = call.partition(":")
    told = {"code": code, "status": status, "message": message or code}
    return Fault(service, operation, {"error": told}, times, only)


def broken_connection(call: str, times: int = 1) -> Fault:
    """The connections of the first calls break before the emulator has seen anything."""
    service, _, operation = call.partition(":")
    return Fault(service, operation, {"reset": True}, times)


def delay(milliseconds: int, call: str = "*:") -> Fault:
    """All calls take so much longer."""
    service, _, operation = call.partition(":")
    return Fault(service, operation, {"latency": milliseconds}, None)


@dataclass(frozen=True)
class Proxy:
    """A running proxy. A call has the first fault that fits it, and no other."""

    url: str

    def inject(self, *faults: Fault) -> list[int]:
        """Adds faults behind those that there are, and answers with their numbers."""
        made = self._ask("PATCH", "rules", [fault.rule() for fault in faults])
        return [rule["id"] for rule in made]

    def fired(self) -> Counter[int]:
        """How often each fault has happened since the last `clear`, by its number."""
        return Counter(each["rule_id"] for each in self._ask("GET", "fired?limit=2000"))

    def clear(self) -> None:
        """Takes all faults away, and forgets what has happened."""
        self._ask("POST", "rules", [])
        self._ask("DELETE", "fired")

    def _ask(self, method: str, what: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_microburst/{what}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def _is_healthy(self) -> bool:
        try:
            return self._ask("GET", "health")["status"] == "ok"
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running(upstream: str, log: Path) -> Iterator[Proxy]:
    """A proxy before the emulator at `upstream`, for the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "microburst"),
        *("--host", "127.0.0.1", "--port", str(port)),
        # The signature stays for what is called first. The emulator does not check it.
        *("--upstream", upstream, "--no-resign"),
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            proxy = Proxy(f"http://127.0.0.1:{port}")
            for _ in range(300):
                if process.poll() is not None or proxy._is_healthy():
                    break
                time.sleep(0.1)
            if not proxy._is_healthy():
                said = log.read_text()[-2000:]
                raise RuntimeError(f"microburst did not start; its log says:\n{said}")
            yield proxy
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
