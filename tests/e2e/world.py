"""An emulated organization, the built binary beside it, and what the binary answers."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import emulator
import organization
from emulator import ROOT_KEYS, Emulator, Keys
from organization import HOME, Organization
from policy import Policy

REPOSITORY = Path(__file__).resolve().parents[2]
# Nothing here takes longer; what does hangs.
SECONDS_PER_RUN = 300

_PLAN_LINE = re.compile(
    r"Plan: (\d+) accounts? to add, (\d+) to change, (\d+) to remove, "
    r"(\d+) unchanged, (\d+) skipped\. Digest ([0-9a-f]+)"
)


@dataclass(frozen=True)
class Counts:
    """The accounts in the last line of a plan."""

    add: int
    change: int
    remove: int
    unchanged: int
    skipped: int


@dataclass(frozen=True)
class Run:
    """One finished run of the binary."""

    command: str
    code: int
    out: str
    err: str

    def exits(self, *codes: int) -> "Run":
        """Holds the run to one of these exit codes."""
        assert self.code in codes, f"exit {self.code}, expected {codes}\n{self}"
        return self

    def says(self, *patterns: str) -> "Run":
        """Holds standard output to these patterns."""
        return self._holds("standard output", self.out, patterns)

    def complains(self, *patterns: str) -> "Run":
        """Holds standard error to these patterns."""
        return self._holds("standard error", self.err, patterns)

    def counts(self) -> Counts:
        """The counts of a plan, which end its text."""
        return Counts(*map(int, self._plan_line().groups()[:5]))

    def digest(self) -> str:
        """The digest of a plan."""
        return self._plan_line().group(6)

    def _plan_line(self) -> re.Match[str]:
        last = self.out.rstrip().rpartition("\n")[2]
        found = _PLAN_LINE.match(last)
        assert found, f"no plan in the last line\n{self}"
        return found

    def _holds(self, stream: str, text: str, patterns: tuple[str, ...]) -> "Run":
        for pattern in patterns:
            found = re.search(pattern, text, re.IGNORECASE)
            assert found, f"{stream} does not match {pattern!r}\n{self}"
        return self

    def __str__(self) -> str:
        """A transcript, which pytest shows of a test that failed."""
        return f"$ {self.command}\n{self.out}{self.err}[exit {self.code}]\n"


@dataclass(frozen=True)
class World:
    """A seeded emulator, and a folder for policy files and as a home directory."""

    emulator: Emulator
    organization: Organization
    baselines: dict[str, str]
    folder: Path
    # Where orgpatch finds AWS. A test itself always asks the emulator.
    endpoint: str

    def policy(self, **changes: object) -> Policy:
        """A policy for /Workloads and /Security in three Regions, with changes."""
        usual = {
            "name": "corp-patch",
            "ous": ("/Workloads", "/Security"),
            "regions": (HOME, "us-east-1", "eu-west-1"),
            "home_region": HOME,
            "baselines": self.baselines,
        }
        return Policy(**(usual | changes))

    def write(self, policy: Policy) -> str:
        """Writes the policy's file, over the one that there was, and names it."""
        file = self.folder / f"{policy.name}.yaml"
        file.write_text(policy.text())
        return str(file)

    def through(self, url: str) -> "World":
        """The same world for orgpatch, which goes through what listens at `url`."""
        return replace(self, endpoint=url)

    def run(self, *arguments: str, keys: Keys | None = ROOT_KEYS, **env: str) -> Run:
        """Runs orgpatch to its end."""
        return _run(arguments, self.environment(keys) | env, self.folder)

    def environment(self, keys: Keys | None = ROOT_KEYS) -> dict[str, str]:
        """An environment of orgpatch's own: nothing of this machine's."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": HOME,
            # Credentials are not to be looked for beyond this environment.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if keys is not None:
            environment["AWS_ACCESS_KEY_ID"] = keys.access_key_id
            environment["AWS_SECRET_ACCESS_KEY"] = keys.secret_access_key
        return environment


def run_alone(*arguments: str) -> Run:
    """Runs orgpatch where there is no AWS at all."""
    return _run(arguments, {"PATH": os.environ["PATH"]}, REPOSITORY)


def _run(arguments: tuple[str, ...], environment: dict[str, str], folder: Path) -> Run:
    done = subprocess.run(
        [binary(), *arguments],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_PER_RUN,
    )
    command = " ".join(["orgpatch", *arguments])
    run = Run(command, done.returncode, done.stdout, done.stderr)
    print(run)
    return run


@contextmanager
def opened(
    folder: Path, *, trusted_access: bool = True, strict: bool = False
) -> Iterator[World]:
    """A world that ends with the block."""
    with emulator.running(folder / "fakecloud.log", strict=strict) as started:
        yield World(
            started,
            organization.seed(started, trusted_access=trusted_access),
            organization.seed_baselines(started),
            folder,
            started.url,
        )


def binary() -> Path:
    """The orgpatch that is tested."""
    chosen = Path(os.environ.get("ORGPATCH_BIN") or "target/debug/orgpatch")
    # The binary runs in another directory, and a relative path is meant from here.
    return REPOSITORY / chosen
