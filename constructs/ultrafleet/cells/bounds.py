"""Limits of AWS that a programme's file can raise, and what bounds a cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ultrafleet.catalog import Fact, limits
from ultrafleet.programme import LimitSettings


@dataclass(frozen=True, kw_only=True)
class KnownLimit:
    """Limit of AWS that a programme's file can raise.

    Attributes:
        key: its key in `limits:` of the programme.
        fact_id: id of its documented value.
        service: service code of Service Quotas.
        quota: name of the quota.
        of: what it is a limit of: `cell`, `region` (of an account) or `zone` (of an account).
        adjustable: True if AWS raises it.
    """

    key: str
    fact_id: str
    service: str
    quota: str
    of: Literal["cell", "region", "zone"]
    adjustable: bool = True

    @property
    def documented(self) -> Fact[Any]:
        """Documented value with its source."""
        return limits.fact(self.fact_id)

    @property
    def maximum(self) -> Fact[Any] | None:
        """Most that it can be raised to; None where no source states one."""
        return _stated(f"{self.fact_id}-maximum")

    @property
    def code(self) -> str | None:
        """Code of the quota in Service Quotas; None where no source states it."""
        found = _stated(f"{self.fact_id}/quota-code")
        return None if found is None else found.value

    def value(self, raised: LimitSettings) -> int:
        """Value that holds in a programme.

        Args:
            raised: limits of its file.
        """
        found = raised.raised(self.key)
        return int(self.documented.value) if found is None else found.value


def _stated(fact_id: str) -> Fact[Any] | None:
    return next((fact for known, fact in limits.facts() if known == fact_id), None)


def _known(key: str, fact_id: str, quota: str, of: Literal["cell", "region", "zone"], **other: bool) -> KnownLimit:
    service = fact_id.split("/")[1]
    return KnownLimit(key=key, fact_id=fact_id, service=service, quota=quota, of=of, **other)


_ALL: Final = (
    _known("node_groups_per_cluster", "limit/eks/node-groups-per-cluster", "Managed node groups per cluster", "cell"),
    _known("nodes_per_node_group", "limit/eks/nodes-per-node-group", "Nodes per managed node group", "cell"),
    _known("nodes_per_cluster", "limit/eks/nodes-per-cluster", "Nodes per cluster", "cell"),
    _known("network_address_usage", "limit/vpc/network-address-usage", "Network Address Usage", "cell"),
    _known("cidrs_per_vpc", "limit/vpc/cidrs-per-vpc", "IPv4 CIDR blocks per VPC", "cell"),
    _known("subnets_per_vpc", "limit/vpc/subnets-per-vpc", "Subnets per VPC", "cell"),
    _known("history_events", "limit/step-functions/history-events", "Events of an execution", "cell", adjustable=False),
    _known("clusters_per_region", "limit/eks/clusters-per-region", "Clusters", "region"),
    _known("vpcs_per_region", "limit/vpc/vpcs-per-region", "VPCs per Region", "region"),
    _known("launch_templates_per_region", "limit/ec2/launch-templates-per-region", "Launch templates", "region"),
    _known(
        "auto_scaling_groups_per_region",
        "limit/autoscaling/groups-per-region",
        "Auto Scaling groups per region",
        "region",
    ),
    _known("secondary_networks_per_region", "limit/ec2/secondary-networks-per-region", "Secondary networks", "region"),
    _known("stacks_per_region", "limit/cloudformation/stacks-per-region", "Stack count", "region"),
    _known(
        "network_interfaces_per_zone", "limit/vpc/network-interfaces-per-zone", "Network interfaces per Region", "zone"
    ),
)
KNOWN_LIMITS: Final[Mapping[str, KnownLimit]] = {item.key: item for item in _ALL}
"""Limits of AWS by their keys."""


@dataclass(frozen=True, kw_only=True)
class CellLimit:
    """Limit with the racks that it leaves a cell.

    Attributes:
        key: key of the limit in the programme's file: under `limits`, or `most_racks_per_cell` under `fleet`.
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
        why: purpose, as a clause.
        is_required: True if the cells can't be had without it; False if it would make fewer and larger ones.
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
    is_required: bool
