"""One network card of an instance type."""

from dataclasses import dataclass

from ultrafleet.catalog._data import Confidence
from ultrafleet.errors import FleetError

INTERFACE_TYPES = ("interface", "efa", "efa-only")
"""Spellings of the EC2 API."""


@dataclass(frozen=True, kw_only=True)
class NetworkCard:
    """A network card as EC2 numbers it; None is unknown.

    Attributes:
        index: network card index.
        interface_types: what an interface on it may be: `interface` (ENA), `efa` (ENA and EFA), `efa-only`.
        max_interfaces: interfaces it takes; 0 for cards that take none of these.
        baseline_gbps: baseline bandwidth that DescribeInstanceTypes reports.
        ena_bandwidth_gbps: IP bandwidth.
        efa_bandwidth_gbps: EFA bandwidth.
        physical_nic_group: cards of one group share a physical NIC and its bandwidth.
        accelerators: accelerators it serves, numbered from 0.
        additional_ena_interface: whether it may carry an ENA interface at device 1 for more IP bandwidth.
        source: where the table comes from.
        confidence: how well it is known.
        note: what a reader should know of the table.
        additional_ena_source: where `additional_ena_interface` comes from, if not from `source`.
        additional_ena_confidence: how well that is known.

    Raises:
        FleetError: the index is negative, or an interface type is none of the API's.
    """

    index: int
    interface_types: tuple[str, ...] | None = None
    max_interfaces: int | None = None
    baseline_gbps: float | None = None
    ena_bandwidth_gbps: int | None = None
    efa_bandwidth_gbps: int | None = None
    physical_nic_group: str | None = None
    accelerators: tuple[int, ...] | None = None
    additional_ena_interface: bool | None = None
    source: str = "caller"
    confidence: Confidence = Confidence.HIGH
    note: str | None = None
    additional_ena_source: str | None = None
    additional_ena_confidence: Confidence | None = None

    def __post_init__(self) -> None:
        if self.index < 0:
            raise FleetError(f"network card index is {self.index}, expected 0 or more: number cards as EC2 does")
        strange = [found for found in self.interface_types or () if found not in INTERFACE_TYPES]
        if strange:
            raise FleetError(
                f"network card {self.index} has interface type {strange[0]!r}, expected one of "
                f"{', '.join(INTERFACE_TYPES)}: correct it"
            )

    @property
    def takes_efa_only(self) -> bool:
        """Whether EFA-only interfaces are known to be allowed."""
        return self.interface_types is not None and "efa-only" in self.interface_types
