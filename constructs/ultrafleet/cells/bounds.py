"""Limits that bound a cell: their values, sources, and the quota by which each is raised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog import Fact, limits
from ultrafleet.programme import LimitSettings


@dataclass(frozen=True, kw_only=True)
class KnownLimit:
    """Limit of AWS that a programme's file can raise.

    Attributes:
        key: its key in `limits:` of the programme.
        fact_id: id of its documented value.
        maximum_id: id of the most that it can be raised to; None where no source states one.
        service: service code of Service Quotas.
        quota: name of the quota.
        code_id: id of the quota's code; None where no source states one.
        of: `cell`, `account` (in a region) or `zone` (of an account).
    """

    key: str
    fact_id: str
    service: str
    quota: str
    of: str
    maximum_id: str | None = None
    code_id: str | None = None

    @property
    def documented(self) -> Fact[Any]:
        """Documented value with its source."""
        return limits.fact(self.fact_id)

    @property
    def maximum(self) -> int | None:
        """Most that it can be raised to."""
        return None if self.maximum_id is None else int(limits.fact(self.maximum_id).value)

    @property
    def code(self) -> str | None:
        """Code of the quota in Service Quotas."""
        return None if self.code_id is None else str(limits.fact(self.code_id).value)

    def value(self, raised: LimitSettings) -> int:
        """Value that holds in a programme.

        Args:
            raised: limits of its file.
        """
        found = raised.raised(self.key)
        return int(self.documented.value) if found is None else found.value


_ALL: Final = (
    KnownLimit(
        key="node_groups_per_cluster",
        fact_id="limit/eks/node-groups-per-cluster",
        maximum_id="limit/eks/node-groups-per-cluster-maximum",
        code_id="limit/eks/node-groups-per-cluster/quota-code",
        service="eks",
        quota="Managed node groups per cluster",
        of="cell",
    ),
    KnownLimit(
        key="nodes_per_cluster",
        fact_id="limit/eks/nodes-per-cluster",
        service="eks",
        quota="Nodes per cluster",
        of="cell",
    ),
    KnownLimit(
        key="network_address_usage",
        fact_id="limit/vpc/network-address-usage",
        maximum_id="limit/vpc/network-address-usage-maximum",
        service="vpc",
        quota="Network Address Usage",
        of="cell",
    ),
    KnownLimit(
        key="cidrs_per_vpc",
        fact_id="limit/vpc/cidrs-per-vpc",
        maximum_id="limit/vpc/cidrs-per-vpc-maximum",
        service="vpc",
        quota="IPv4 CIDR blocks per VPC",
        of="cell",
    ),
)
KNOWN_LIMITS: Final[Mapping[str, KnownLimit]] = {item.key: item for item in _ALL}
"""Limits that a programme's file can raise, by their keys."""


@dataclass(frozen=True, kw_only=True)
class CellLimit:
    """Limit with the racks that it leaves a cell.

    Attributes:
        key: key of the limit in the programme's file, or what bounds the cell instead, such as `most_racks_per_cell`.
        value: the limit.
        racks: racks that a cell can have under it.
        basis: source of the value, or the reason why it was raised.
        overhead: what a cell takes of it without a rack.
        units: what each `per_racks` racks take.
        per_racks: racks that take `units` together.
    """

    key: str
    value: int
    racks: int
    basis: str
    overhead: int = 0
    units: int = 1
    per_racks: int = 1

    def needed(self, racks: int) -> int:
        """Value under which a cell can have that many racks.

        Args:
            racks: the racks.
        """
        return self.overhead + -(-racks // self.per_racks) * self.units


@dataclass(frozen=True, kw_only=True)
class Request:
    """Request to AWS for a larger quota.

    Attributes:
        account: account that asks.
        region: region of the quota.
        service: service code of Service Quotas.
        quota: name of the quota.
        code: its code; None where no source states one.
        key: key in `limits:` of the programme.
        now: value that the programme counts with.
        needed: value to ask for.
        why: what it is for, as a clause.
        required: True if the cells can't be had without it; False if it would make fewer or larger ones.
    """

    account: str
    region: str
    service: str
    quota: str
    code: str | None
    key: str
    now: int
    needed: int
    why: str
    required: bool
