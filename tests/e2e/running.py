"""Runs of orgpatch that have not ended, and the runs that finish what they left."""

import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from recorder import Hold
from world import Run, World, binary

# What a standard stream can be: a number, or an open file.
Stream = int | BinaryIO
# No two runs write to the same files.
_NUMBERS = itertools.count()
# What takes longer hangs.
SECONDS_TO_END = 60


@dataclass(frozen=True)
class Running:
    """A run that goes on beside the test."""

    command: str
    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def send(self, number: signal.Signals) -> None:
        """Sends a signal."""
        os.kill(self.process.pid, number)

    def kill(self) -> Run:
        """Ends it as kill -9 does: it can do nothing about it."""
        self.send(signal.SIGKILL)
        run = self.ends()
        assert run.code == -signal.SIGKILL, f"it ended before it could be killed\n{run}"
        return run

    def comes_to(self, held: Hold) -> None:
        """Waits until it has made the call that is held up."""
        self._wait_until(held.is_reached, f"comes to {held.call}")

    def says(self, pattern: str) -> None:
        """Waits until standard error matches."""

        def is_said() -> bool:
            return re.search(pattern, self.err.read_text()) is not None

        self._wait_until(is_said, f"says {pattern!r}")

    def _wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        for _ in range(SECONDS_TO_END * 50):
            if is_so():
                return
            ended = self.process.poll() is not None
            assert not ended, f"it ended before it {what}\n{self.ends()}"
            time.sleep(0.02)
        raise TimeoutError(f"it never {what}:\n{self.err.read_text()}")

    def ends(self) -> Run:
        """Waits for its end."""
        code = self.process.wait(SECONDS_TO_END)
        run = Run(self.command, code, self.out.read_text(), self.err.read_text())
        print(run)
        return run


@contextmanager
def started(world: World, *arguments: str, **env: str) -> Iterator[Running]:
    """A run that is over when the block is, whatever the block does."""
    number = next(_NUMBERS)
    out, err = (world.folder / f"run-{number}.{name}" for name in ("out", "err"))
    command = [str(binary()), *arguments]
    with (
        out.open("wb") as to_out,
        err.open("wb") as to_err,
        spawned(command, world, subprocess.DEVNULL, to_out, to_err, **env) as process,
    ):
        yield Running(" ".join(["orgpatch", *arguments]), process, out, err)


@contextmanager
def spawned(
    command: list[str],
    world: World,
    stdin: Stream,
    out: Stream,
    err: Stream,
    **env: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in orgpatch's environment that is over when the block is."""
    with subprocess.Popen(
        command,
        env=world.environment() | env,
        cwd=world.folder,
        stdin=stdin,
        stdout=out,
        stderr=err,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(world: World, file: str) -> Run:
    """Applies what a run has left unfinished that was killed."""
    return _again(world, "apply", file, "--yes")


def finish_destroying(world: World, file: str, name: str) -> Run:
    """Takes away what a run has left that was killed while it destroyed the policy."""
    return _again(world, "destroy", file, "--yes", name)


def _again(world: World, *arguments: str) -> Run:
    """The same once more. A killed run can't give back its lock, so it may be broken."""
    run = world.run(*arguments)
    if run.code == 4 and "--break-lock" in run.err:
        run = world.run(*arguments, "--break-lock")
    return run.exits(0)
