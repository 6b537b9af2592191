"""What the same reads would cost on AWS: calls from the shape, seconds from the rates."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from landscape import Node

# The most that Organizations puts on one page (`MaxResults` of every list).
AWS_PAGE = 20
# OUs nest five levels below the root at most; orgpatch does not ask those for children.
_DEEPEST = 5


@dataclass(frozen=True)
class Bucket:
    """A token bucket: calls a second, and calls at once."""

    per_second: int
    burst: int

    def seconds(self, calls: int) -> float:
        """When the last of so many calls may be sent, beginning with a full bucket."""
        return max(0, calls - self.burst) / self.per_second


# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
# "Throttling limits", per account. Whether the calls of one row have a bucket each is
# not published; one for all is assumed.
AWS_BUCKETS: dict[tuple[str, ...], Bucket] = {
    ("DescribeOrganization",): Bucket(1, 2),
    ("ListRoots",): Bucket(1, 2),
    ("ListAccounts",): Bucket(8, 12),
    (
        "ListParents",
        "ListAccountsForParent",
        "ListOrganizationalUnitsForParent",
    ): Bucket(5, 8),
}


def seconds_by_aws_rates(calls: Counter[str]) -> float:
    """What the buckets allow at best: no latency, nobody else, all buckets at once."""
    return max(
        bucket.seconds(sum(calls[name] for name in names))
        for names, bucket in AWS_BUCKETS.items()
    )


def calls_of_orgpatch_with_paths(nodes: list[Node], page: int | None) -> Counter[str]:
    """AWS answers `Paths` since 2026-03-31: accounts by pages, then the OUs' names."""
    return Counter(
        DescribeOrganization=1,
        ListAccounts=_pages(_total(nodes), page),
        ListOrganizationalUnitsForParent=_for_each(_can_have_ous(nodes), _ous, page),
    )


def calls_of_orgpatch_without_paths(
    nodes: list[Node], page: int | None
) -> Counter[str]:
    """What an emulator is asked: a walk, held against the plain listing of all accounts."""
    return Counter(
        DescribeOrganization=1,
        ListAccounts=_pages(_total(nodes), page),
        ListRoots=1,
        ListOrganizationalUnitsForParent=_for_each(_can_have_ous(nodes), _ous, page),
        ListAccountsForParent=_for_each(nodes, _accounts, page),
    )


def calls_of_recursive_walk(nodes: list[Node], page: int | None) -> Counter[str]:
    """Both lists of the root and of every OU."""
    return Counter(
        ListRoots=1,
        ListOrganizationalUnitsForParent=_for_each(nodes, _ous, page),
        ListAccountsForParent=_for_each(nodes, _accounts, page),
    )


def calls_of_parent_of_each(nodes: list[Node], page: int | None) -> Counter[str]:
    """All accounts by pages, then one call for each."""
    total = _total(nodes)
    return Counter(ListAccounts=_pages(total, page), ListParents=total)


def _pages(items: int, page: int | None) -> int:
    """An empty list is a page too. Without a page size, everything is on one."""
    return max(1, math.ceil(items / page)) if page else 1


def _for_each(
    nodes: Iterable[Node], items: Callable[[Node], int], page: int | None
) -> int:
    return sum(_pages(items(node), page) for node in nodes)


def _can_have_ous(nodes: list[Node]) -> list[Node]:
    return [node for node in nodes if node.depth < _DEEPEST]


def _ous(node: Node) -> int:
    return node.ous


def _accounts(node: Node) -> int:
    return node.accounts


def _total(nodes: list[Node]) -> int:
    return sum(node.accounts for node in nodes)
