"""The organization that is read: 1,000 accounts in 50 OUs, up to four deep."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from emulator import MANAGEMENT_ACCOUNT, Emulator
from organization import GLOBAL, HOME

# No more than the connections that a boto3 client keeps.
_THREADS = 8
_SECONDS_TO_CREATE = 60

# Business units whose production is divided once more, and those where it is not.
_DIVIDED = ("Retail", "Payments", "Logistics", "Media", "Energy")
_PLAIN = ("Data", "Health", "Research")


@dataclass(frozen=True)
class Node:
    """The root or an OU, by what is directly in it."""

    depth: int
    ous: int
    accounts: int


def landscape() -> dict[str, int]:
    """OU path → how many accounts are directly in it. Parents stand before children."""
    accounts = {"/Workloads": 0}
    for unit in (*_DIVIDED, *_PLAIN):
        path = f"/Workloads/{unit}"
        divided = unit in _DIVIDED
        accounts |= {path: 0, f"{path}/Prod": 5 if divided else 45}
        accounts[f"{path}/NonProd"] = 45
        if divided:
            accounts |= {f"{path}/Prod/Online": 30, f"{path}/Prod/Batch": 20}
    accounts |= {"/Security": 0, "/Security/Prod": 3, "/Security/NonProd": 2}
    accounts["/Infrastructure"] = 0
    for stage in ("Prod", "NonProd"):
        path = f"/Infrastructure/{stage}"
        accounts |= {path: 0, f"{path}/Network": 6, f"{path}/Shared": 6}
    accounts |= {"/Sandbox": 140, "/Suspended": 45}
    return accounts | {"/PolicyStaging": 5, "/Exceptions": 5, "/Deployments": 5}


def nodes(accounts: dict[str, int]) -> list[Node]:
    """The root, with the management account in it, and all OUs."""
    parents = [path.rpartition("/")[0] for path in accounts]
    return [
        Node(path.count("/"), parents.count(path), directly)
        for path, directly in ({"": 1} | accounts).items()
    ]


def seed(emulator: Emulator, accounts: dict[str, int]) -> dict[str, str]:
    """Makes the organization. Answers account → parent, by id."""
    organizations = emulator.client("organizations", GLOBAL)
    organizations.create_organization(FeatureSet="ALL")
    emulator.client("cloudformation", HOME).activate_organizations_access()
    root = organizations.list_roots()["Roots"][0]["Id"]

    ids = {"": root}
    for path in accounts:
        parent, _, name = path.rpartition("/")
        made = organizations.create_organizational_unit(ParentId=ids[parent], Name=name)
        ids[path] = made["OrganizationalUnit"]["Id"]

    homes = {
        f"{path.strip('/').replace('/', '-').lower()}-{number}": ids[path]
        for path, directly in accounts.items()
        for number in range(directly)
    }
    with ThreadPoolExecutor(_THREADS) as pool:
        # A list, so that what a thread raised is raised here.
        list(pool.map(lambda name: _create(organizations, name), homes))
        made = _created(organizations, set(homes))
        list(
            pool.map(
                lambda name: _move(organizations, made[name], root, homes[name]), homes
            )
        )
    return {MANAGEMENT_ACCOUNT: root} | {
        made[name]: home for name, home in homes.items()
    }


def _create(organizations: Any, name: str) -> None:
    organizations.create_account(AccountName=name, Email=f"{name}@example.com")


def _created(organizations: Any, names: set[str]) -> dict[str, str]:
    """Name → id, once all accounts are there: they are created after the answer."""
    until = time.monotonic() + _SECONDS_TO_CREATE
    while time.monotonic() < until:
        listed = organizations.list_accounts()["Accounts"]
        found = {
            each["Name"]: each["Id"] for each in listed if each["Status"] == "ACTIVE"
        }
        if names <= set(found):
            return found
        time.sleep(0.2)
    raise TimeoutError(f"accounts were still missing after {_SECONDS_TO_CREATE} s")


def _move(organizations: Any, account: str, source: str, destination: str) -> None:
    organizations.move_account(
        AccountId=account, SourceParentId=source, DestinationParentId=destination
    )
