"""Three ways to find out in which OU each account is."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emulator import ROOT_KEYS, Emulator
from landscape import Node
from limits import (
    calls_of_orgpatch_with_paths,
    calls_of_orgpatch_without_paths,
    calls_of_parent_of_each,
    calls_of_recursive_walk,
)
from organization import GLOBAL, HOME

REPOSITORY = Path(__file__).resolve().parents[2]
# What takes longer hangs.
_SECONDS_PER_RUN = 300

# Account → parent, by id.
Parents = dict[str, str]
Calls = Callable[[list[Node], int | None], Counter[str]]


@dataclass(frozen=True)
class Way:
    """A way to read the organization at a URL, and the calls that it takes."""

    what: str
    read: Callable[[str], Parents]
    calls_here: Calls
    calls_on_aws: Calls


def binary() -> Path:
    """The binary to measure. A relative path is meant from the repository."""
    chosen = os.environ.get("ORGPATCH_BIN") or "target/release/orgpatch"
    found = REPOSITORY / chosen
    if not found.is_file():
        raise FileNotFoundError(f"{found} is missing; ORGPATCH_BIN can name another")
    return found


def orgpatch_snapshot(url: str) -> Parents:
    """`orgpatch snapshot`, which reads Regions and baselines beside the organization."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "org.json"
        done = subprocess.run(
            [binary(), "snapshot", "--region", HOME, "--out", out],
            # Nothing of this machine's own settings.
            env={
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "AWS_ENDPOINT_URL": url,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ACCESS_KEY_ID": ROOT_KEYS.access_key_id,
                "AWS_SECRET_ACCESS_KEY": ROOT_KEYS.secret_access_key,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS_PER_RUN,
        )
        if done.returncode:
            raise RuntimeError(f"orgpatch ended with {done.returncode}: {done.stderr}")
        accounts = json.loads(out.read_text())["organization"]["accounts"]
    return {account["id"]: account["parent"] for account in accounts}


def recursive_walk(url: str) -> Parents:
    """The walk that most scripts have: both lists of every OU, from the root down."""
    organizations = _client(url)
    units = organizations.get_paginator("list_organizational_units_for_parent")
    accounts = organizations.get_paginator("list_accounts_for_parent")

    def below(parent: str) -> Iterator[tuple[str, str]]:
        for page in accounts.paginate(ParentId=parent):
            yield from ((account["Id"], parent) for account in page["Accounts"])
        for page in units.paginate(ParentId=parent):
            for unit in page["OrganizationalUnits"]:
                yield from below(unit["Id"])

    roots = organizations.list_roots()["Roots"]
    return dict(pair for root in roots for pair in below(root["Id"]))


def parent_of_each(url: str) -> Parents:
    """The slow way: list all accounts, then ask for the parent of each."""
    organizations = _client(url)
    pages = organizations.get_paginator("list_accounts").paginate()
    ids = [account["Id"] for page in pages for account in page["Accounts"]]
    return {
        each: organizations.list_parents(ChildId=each)["Parents"][0]["Id"]
        for each in ids
    }


# The first is what the others are compared to.
WAYS = (
    Way(
        "orgpatch snapshot",
        orgpatch_snapshot,
        calls_of_orgpatch_without_paths,
        calls_of_orgpatch_with_paths,
    ),
    Way(
        "boto3, recursive walk",
        recursive_walk,
        calls_of_recursive_walk,
        calls_of_recursive_walk,
    ),
    Way(
        "boto3, list_parents for each account",
        parent_of_each,
        calls_of_parent_of_each,
        calls_of_parent_of_each,
    ),
)


def _client(url: str) -> Any:
    """A new client: the program's start is part of what orgpatch takes, too."""
    return Emulator(url).client("organizations", GLOBAL)
