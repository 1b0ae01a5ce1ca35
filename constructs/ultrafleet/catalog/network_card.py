"""Network cards of an instance type, and the fabrics that they join."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from ultrafleet.catalog.source import CALLER, Source
from ultrafleet.errors import FleetError

NETWORK_INTERFACE_TYPES = ("interface", "efa", "efa-only")
"""Types of `NetworkInterfaces` in launches and launch templates: ENA; ENA and EFA; EFA alone."""
INTERFACE_TYPES = (*NETWORK_INTERFACE_TYPES, "secondary")
"""The same, and that of `SecondaryInterfaces`: RoCE, on a subnet of a secondary network."""


class Fabric(StrEnum):
    """A network between accelerators of different nodes."""

    EFA = "efa"
    """Elastic Fabric Adapter."""
    ROCE = "roce"
    """RDMA over converged Ethernet: secondary interfaces on a secondary network."""


@dataclass(frozen=True, kw_only=True)
class NetworkCard:
    """A network card as EC2 numbers it; None is unknown.

    Attributes:
        index: network card index.
        interface_types: what an interface on it may be: `interface` (ENA), `efa` (ENA and EFA), `efa-only`, or
            `secondary` (RoCE).
        max_interfaces: ordinary interfaces it takes; 0 for cards that take none, or secondary ones alone.
        baseline_gbps: baseline bandwidth that DescribeInstanceTypes reports.
        ena_bandwidth_gbps: IP bandwidth.
        efa_bandwidth_gbps: EFA bandwidth.
        physical_nic_group: cards of one group share a physical NIC and its bandwidth.
        accelerators: accelerators it serves, numbered from 0.
        additional_ena_interface: whether it may carry an ENA interface at device 1 for more IP bandwidth.
        source: where the card comes from. Default: the caller.
        as_of: day at which the source was read, or was of.
        note: what a reader should know of it.
        other_sources: where single values come from, by their names. Default: all from `source`.

    Raises:
        FleetError: the index is negative, or an interface type is none of the API's.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    index: int
    interface_types: tuple[str, ...] | None = None
    max_interfaces: int | None = None
    baseline_gbps: float | None = None
    ena_bandwidth_gbps: int | None = None
    efa_bandwidth_gbps: int | None = None
    physical_nic_group: str | None = None
    accelerators: tuple[int, ...] | None = None
    additional_ena_interface: bool | None = None
    source: Source = CALLER
    as_of: str | None = None
    note: str | None = None
    other_sources: Mapping[str, Source] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.index < 0:
            raise FleetError(
                path="network card index",
                got=self.index,
                expected="0 or more",
                remedy="number cards as EC2 does",
            )
        strange = [found for found in self.interface_types or () if found not in INTERFACE_TYPES]
        if strange:
            raise FleetError(
                path=f"network card {self.index}",
                verb="has",
                got=f"interface type {strange[0]!r}",
                expected=f"one of {', '.join(INTERFACE_TYPES)}",
                remedy="correct it",
            )

    def source_of(self, value: str) -> Source:
        """Source of one value of the card, such as `max_interfaces`."""
        return self.other_sources.get(value, self.source)

    @property
    def takes_efa_only(self) -> bool:
        """True if EFA-only interfaces are known to be allowed."""
        return self.interface_types is not None and "efa-only" in self.interface_types

    @property
    def takes_secondary(self) -> bool:
        """True if secondary interfaces are known to be allowed."""
        return self.interface_types is not None and "secondary" in self.interface_types
