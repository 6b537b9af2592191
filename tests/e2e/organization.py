"""Seeds the emulator with an organization three OUs deep, by boto3 alone."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulator import MANAGEMENT_ACCOUNT, ROOT_KEYS, Emulator, Keys

HOME = "ap-northeast-1"
# Organizations has one endpoint per partition, in this Region.
GLOBAL = "us-east-1"

# OU path → the accounts directly in it. Parents stand before their children.
TREE: dict[str, tuple[str, ...]] = {
    # An account beside an excluded child: reachable only account by account.
    "/Workloads": ("workloads-tools",),
    "/Workloads/Prod": ("prod-shared",),
    "/Workloads/Prod/Web": ("web-1", "web-2"),
    "/Workloads/Prod/Suspended": ("old-prod",),
    # `closed-dev` is closed, yet still where it worked.
    "/Workloads/NonProd": ("dev-1", "closed-dev"),
    "/Workloads/PolicyStaging": ("policy-test",),
    "/Security": ("audit", "log-archive"),
    "/Infrastructure": ("tools",),
    "/Sandbox": ("sandbox-1",),
    "/Suspended": ("left-1",),
    "/PolicyStaging": ("staging-1",),
}
CLOSED = "closed-dev"

# What a policy with the targets /Workloads and /Security reaches, beside the
# management account: by whole OUs, and account by account.
WHOLE = ("web-1", "web-2", "dev-1", "audit", "log-archive")
PINNED = ("workloads-tools", "prod-shared")

OPERATING_SYSTEMS = (
    "ALMA_LINUX",
    "AMAZON_LINUX",
    "AMAZON_LINUX_2",
    "AMAZON_LINUX_2022",
    "AMAZON_LINUX_2023",
    "CENTOS",
    "DEBIAN",
    "MACOS",
    "ORACLE_LINUX",
    "RASPBIAN",
    "REDHAT_ENTERPRISE_LINUX",
    "ROCKY_LINUX",
    "SUSE",
    "UBUNTU",
    "WINDOWS",
)


@dataclass(frozen=True)
class Organization:
    """What `seed` has made: ids by OU path, and by account name."""

    root: str
    ous: dict[str, str]
    accounts: dict[str, str]

    def ids(self, *names: str) -> set[str]:
        """The ids of accounts that are called so."""
        return {self.accounts[name] for name in names}

    def everybody(self) -> set[str]:
        """All accounts of the organization, the management account too."""
        return {MANAGEMENT_ACCOUNT, *self.accounts.values()}


def seed(emulator: Emulator, *, trusted_access: bool = True) -> Organization:
    """Makes `TREE`, with the emulator's default account as the management account."""
    organizations = emulator.client("organizations", GLOBAL)
    organizations.create_organization(FeatureSet="ALL")
    if trusted_access:
        emulator.client("cloudformation", HOME).activate_organizations_access()
    root = organizations.list_roots()["Roots"][0]["Id"]

    ous: dict[str, str] = {}
    for path in TREE:
        parent, _, name = path.rpartition("/")
        made = organizations.create_organizational_unit(
            ParentId=ous.get(parent, root), Name=name
        )
        ous[path] = made["OrganizationalUnit"]["Id"]

    accounts: dict[str, str] = {}
    organization = Organization(root, ous, accounts)
    homes = {name: path for path, names in TREE.items() for name in names}
    add_accounts(emulator, organization, homes)
    organizations.close_account(AccountId=accounts[CLOSED])
    return organization


def add_accounts(
    emulator: Emulator, organization: Organization, homes: dict[str, str]
) -> None:
    """Makes accounts and moves each to the path of its OU. About two seconds."""
    organizations = emulator.client("organizations", GLOBAL)
    # Creation is asynchronous, and takes as long for one account as for a hundred.
    requests = {}
    for name in homes:
        made = organizations.create_account(
            AccountName=name, Email=f"{name}@example.com"
        )
        requests[name] = made["CreateAccountStatus"]["Id"]
    for name, request in requests.items():
        organization.accounts[name] = _created(organizations, request)
        move_account(emulator, organization, name, homes[name])


def move_account(
    emulator: Emulator, organization: Organization, name: str, path: str
) -> None:
    """Moves an account from wherever it is to the OU at `path`."""
    organizations = emulator.client("organizations", GLOBAL)
    account = organization.accounts[name]
    parent = organizations.list_parents(ChildId=account)["Parents"][0]["Id"]
    organizations.move_account(
        AccountId=account,
        SourceParentId=parent,
        DestinationParentId=organization.ous[path],
    )


def register_delegated_administrator(emulator: Emulator, account: str) -> None:
    """Lets a member account run StackSets for the whole organization."""
    principal = "member.org.stacksets.cloudformation.amazonaws.com"
    organizations = emulator.client("organizations", GLOBAL)
    # On AWS, ActivateOrganizationsAccess has done this already.
    organizations.enable_aws_service_access(ServicePrincipal=principal)
    organizations.register_delegated_administrator(
        AccountId=account, ServicePrincipal=principal
    )
    # A lie of the emulator: it keeps trusted access per account, so that
    # DescribeOrganizationsAccess says DISABLED to a delegated administrator until
    # that account has activated it too (AWS takes this call from the management
    # account only).
    keys = emulator.administrator(account)
    emulator.client("cloudformation", HOME, keys).activate_organizations_access()


def _created(organizations: Any, request: str) -> str:
    for _ in range(300):
        status = organizations.describe_create_account_status(
            CreateAccountRequestId=request
        )
        status = status["CreateAccountStatus"]
        if status["State"] == "SUCCEEDED":
            return status["AccountId"]
        if status["State"] == "FAILED":
            raise RuntimeError(f"the emulator did not create the account: {status}")
        time.sleep(0.1)
    raise TimeoutError(f"account request {request} was still IN_PROGRESS after 30 s")


def seed_baselines(emulator: Emulator, keys: Keys = ROOT_KEYS) -> dict[str, str]:
    """A custom patch baseline per operating system: the emulator has none of AWS's."""
    return dict(_baselines(emulator.client("ssm", HOME, keys)))


def _baselines(ssm: Any) -> Iterator[tuple[str, str]]:
    for system in OPERATING_SYSTEMS:
        made = ssm.create_patch_baseline(
            Name=f"seed-{system}",
            OperatingSystem=system,
            ApprovalRules={"PatchRules": [_rule(system)]},
        )
        yield system, made["BaselineId"]


def _rule(system: str) -> dict[str, Any]:
    """A rule that AWS would take: apt knows priorities, and no release dates."""
    by_priority = system in {"DEBIAN", "RASPBIAN", "UBUNTU"}
    wanted = (
        ("PRIORITY", ["Required"]) if by_priority else ("CLASSIFICATION", ["Security"])
    )
    if system == "WINDOWS":
        wanted = ("CLASSIFICATION", ["SecurityUpdates"])
    rule: dict[str, Any] = {
        "PatchFilterGroup": {"PatchFilters": [{"Key": wanted[0], "Values": wanted[1]}]},
        "ComplianceLevel": "HIGH",
    }
    return rule if by_priority else rule | {"ApproveAfterDays": 7}
