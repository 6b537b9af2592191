"""A small organization, read within one burst of calls.

orgpatch keeps below the published rates of Organizations, so that reading the usual tree
takes it three seconds. Tests that run it dozens of times have this one.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import emulator
import organization
from emulator import Emulator
from organization import GLOBAL, HOME, Organization
from world import World

# `tools` sits beside an excluded OU, so it is reached account by account.
TREE: dict[str, tuple[str, ...]] = {
    "/Security": ("audit", "log-archive"),
    "/Workloads": ("tools",),
    "/Workloads/Suspended": ("old",),
}
# With both, a policy has two stack sets: one for whole OUs, one for single accounts.
BOTH = ("/Security", "/Workloads")
# Those that are enabled from the start, without the home Region.
REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-south-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "sa-east-1",
)
# The clients that seeding takes. boto3 can't make two at a time, and a test may open
# several worlds in as many threads.
_CLIENTS = (("organizations", GLOBAL), ("cloudformation", HOME), ("ssm", HOME))
_ONE_BY_ONE = threading.Lock()


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """A world with this organization that ends with the block."""
    with emulator.running(folder / "fakecloud.log") as started:
        with _ONE_BY_ONE:
            for service, region in _CLIENTS:
                started.client(service, region)
        yield World(
            started,
            _seed(started),
            organization.seed_baselines(started),
            folder,
            started.url,
        )


def _seed(started: Emulator) -> Organization:
    organizations = started.client("organizations", GLOBAL)
    organizations.create_organization(FeatureSet="ALL")
    started.client("cloudformation", HOME).activate_organizations_access()
    root = organizations.list_roots()["Roots"][0]["Id"]
    ous: dict[str, str] = {}
    for path in TREE:
        parent, _, name = path.rpartition("/")
        made = organizations.create_organizational_unit(
            ParentId=ous.get(parent, root), Name=name
        )
        ous[path] = made["OrganizationalUnit"]["Id"]
    seeded = Organization(root, ous, {})
    homes = {name: path for path, names in TREE.items() for name in names}
    organization.add_accounts(started, seeded, homes)
    return seeded
