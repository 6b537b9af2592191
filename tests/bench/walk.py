"""How orgpatch reads an organization, beside the ways that scripts read it.

Seeds the emulator with 1,000 accounts in 50 OUs and has each way read it: once through
a recorder that counts the calls, then three times without it, all ways in turn. Every
reading must find the seeded accounts with the seeded parents.

It shows numbers of calls and relative seconds, no more. The emulator answers without
`Paths`, never pages Organizations' lists and has no rate limits, while orgpatch keeps
below AWS's published rates wherever it runs: its seconds here are those of the rates.
What AWS would make of it is computed, in `limits.py`.

    ORGPATCH_BIN=target/release/orgpatch target/venv/bin/python tests/bench/walk.py
"""

import argparse
import json
import socketserver
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import emulator
from landscape import Node, landscape, nodes, seed
from limits import AWS_PAGE, calls_of_orgpatch_without_paths, seconds_by_aws_rates
from recorder import recording
from ways import WAYS, Parents, Way, binary

ROUNDS = 3
_SERVICE = "organizations:"

NOTE = """\
calls, seconds: against an emulator on this machine that answers without `Paths`, puts
  every list on one page and has no rate limits. Good for the number of calls and for
  comparing seconds within this run, for nothing else. orgpatch keeps below AWS's
  published rates here too (5 a second for the calls about a parent), so that its
  seconds are those of the rates. It also reads Regions and baselines meanwhile.
at rates: the seconds that AWS's published token buckets (per account) make of those
  calls at the least: full at the beginning, used by nobody else, all at once, without
  latency. The ways with boto3 know no rates; AWS throttles them, and they retry or
  fail.
on AWS: computed from the shape of the organization, with pages of 20. AWS answers
  `Paths`, which orgpatch uses; a script that does so too needs as few calls. Asking
  for each parent finds no names of OUs and none of the OUs above: it does less.
"""


class Tally(set[str]):
    """The recorder's set of calls, which also counts how often each was added."""

    def __init__(self) -> None:
        super().__init__()
        self.times: Counter[str] = Counter()

    def add(self, call: str) -> None:
        """Called by the recorder under its lock."""
        super().add(call)
        self.times[call] += 1


@dataclass(frozen=True)
class Row:
    """What was measured of one way."""

    way: Way
    calls: Counter[str]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the rows there"
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the table there"
    )
    arguments = parser.parse_args()
    binary()

    accounts = landscape()
    shape = nodes(accounts)
    with (
        TemporaryDirectory() as folder,
        emulator.running(Path(folder) / "fakecloud.log") as started,
    ):
        seeded = seed(started, accounts)
        rows = measured(started.url, seeded, shape)
    print(
        f"{len(seeded):,} accounts in {len(accounts)} OUs; medians of {ROUNDS} rounds\n"
    )
    print(table(rows, shape))
    print(NOTE, end="")
    if arguments.markdown:
        arguments.markdown.write_text(
            f"{len(seeded):,} accounts in {len(accounts)} OUs, medians of {ROUNDS} rounds:\n\n"
            f"```text\n{table(rows, shape)}```\n\n```text\n{NOTE}```\n"
        )
    if arguments.json:
        record = {
            "rows": [
                {
                    "what": row.way.what,
                    "calls": row.calls.total(),
                    "seconds": round(row.seconds, 3),
                    "ratio_to_orgpatch": round(row.seconds / rows[0].seconds, 3),
                }
                for row in rows
            ],
            "accounts": len(seeded),
            "ous": len(accounts),
        }
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


def measured(url: str, seeded: Parents, shape: list[Node]) -> list[Row]:
    """Counts, then measures, all ways in turn."""
    calls = {way.what: counted(way, url, seeded, shape) for way in WAYS}
    seconds: dict[str, list[float]] = {way.what: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            seconds[way.what].append(timed(way, url, seeded))
    return [
        Row(way, calls[way.what], statistics.median(seconds[way.what])) for way in WAYS
    ]


def counted(way: Way, url: str, seeded: Parents, shape: list[Node]) -> Counter[str]:
    """The calls of one reading. They must be those that are computed for one page."""
    # Else each answer waits 40 ms for the acknowledgement of its own headers.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    with recording(url) as recorder:
        tally = Tally()
        recorder.calls = tally
        timed(way, recorder.url, seeded)
    calls = Counter(
        {
            call.removeprefix(_SERVICE): times
            for call, times in tally.times.items()
            if call.startswith(_SERVICE)
        }
    )
    computed = way.calls_here(shape, None)
    if calls != computed:
        raise RuntimeError(f"{way.what} made {calls}; computed were {computed}")
    return calls


def timed(way: Way, url: str, seeded: Parents) -> float:
    """The seconds of one reading, which must have found what was seeded."""
    begin = time.perf_counter()
    found = way.read(url)
    seconds = time.perf_counter() - begin
    if found != seeded:
        differ = len(found.items() ^ seeded.items())
        raise RuntimeError(f"{way.what} found something else: {differ} pairs differ")
    return seconds


def table(rows: list[Row], shape: list[Node]) -> str:
    """What was measured, and beside it what AWS would make of it."""
    lines = [
        ("", "calls", "seconds", "ratio", "at rates", "calls on AWS", "at rates"),
        *(
            (
                row.way.what,
                f"{row.calls.total():,}",
                f"{row.seconds:.2f}",
                f"{row.seconds / rows[0].seconds:.3f}",
                f"{seconds_by_aws_rates(row.calls):.1f} s",
                *on_aws(row.way.calls_on_aws(shape, AWS_PAGE)),
            )
            for row in rows
        ),
        (
            "(orgpatch on AWS, were `Paths` missing)",
            *("",) * 4,
            *on_aws(calls_of_orgpatch_without_paths(shape, AWS_PAGE)),
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            [line[0].ljust(widths[0])]
            + [
                cell.rjust(width)
                for cell, width in zip(line[1:], widths[1:], strict=True)
            ]
        ).rstrip()
        + "\n"
        for line in lines
    )


def on_aws(calls: Counter[str]) -> tuple[str, str]:
    """The two cells about AWS."""
    return f"{calls.total():,}", f"{seconds_by_aws_rates(calls):.1f} s"


if __name__ == "__main__":
    main()
