"""Network interface of an instance, and intents of a layout."""

from enum import StrEnum
from typing import NamedTuple


class EfaIntent(StrEnum):
    """Intent of a layout."""

    IP_SAVING = "ip_saving"
    """Full EFA bandwidth with one IP address: what most fleets want."""
    MAX_IP_BANDWIDTH = "max_ip_bandwidth"
    """Full EFA bandwidth, and ENA interfaces on the cards that add IP bandwidth. Each takes an IP address; an instance
    with more than one gets no automatic public IP."""
    EFA_8 = "efa_8"
    """P6e-GB200: eight EFA interfaces of 200 Gbit/s instead of four of 400, the same bandwidth in sum."""


class Interface(NamedTuple):
    """A network interface of a launch template.

    Attributes:
        card: network card index.
        device: device index on the card.
        interface_type: `interface` (ENA), `efa` (ENA and EFA), `efa-only`, or `secondary` (RoCE).
    """

    card: int
    device: int
    interface_type: str

    @property
    def takes_ip(self) -> bool:
        """True if it takes an IP address of the node's subnet: `efa-only` takes none, `secondary` of another subnet."""
        return self.interface_type not in {"efa-only", "secondary"}

    @property
    def is_efa(self) -> bool:
        """True if it is an EFA interface."""
        return self.interface_type in {"efa", "efa-only"}

    @property
    def is_secondary(self) -> bool:
        """True if it is an interface of a secondary network: RoCE."""
        return self.interface_type == "secondary"
