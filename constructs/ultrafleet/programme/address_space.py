"""Address space of a fleet: networks from which VPCs of cells can take their CIDRs."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from ultrafleet.environment.collected import Found
from ultrafleet.errors import FleetError

PLATFORM_PREFIX: Final = 20
"""Length of the prefix of a cell's first CIDR: control plane, endpoints, NAT and system nodes (own choice)."""
_PRIVATE: Final = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")


def space_faults(networks: Sequence[str]) -> Iterator[Found]:
    """Faults of an address space, by the index of the network.

    A VPC whose first CIDR is of one private range takes no CIDR of another private range, and any of 100.64.0.0/10
    (VPC user guide, restrictions of CIDR block associations, low: the page was not read).

    Args:
        networks: IPv4 networks, each of them one.
    """
    found = [ipaddress.IPv4Network(item) for item in networks]
    ranges = {item for item in _PRIVATE for network in found if network.subnet_of(item)}
    for index, network in enumerate(found):
        if network.prefixlen > PLATFORM_PREFIX:
            yield (
                (index,),
                _fault(str(network), f"a network of /{PLATFORM_PREFIX} or larger", "the first CIDR of a cell has it"),
            )
        if not any(network.subnet_of(item) for item in (*_PRIVATE, _SHARED)):
            ours = ", ".join(map(str, (*_PRIVATE, _SHARED)))
            yield (index,), _fault(str(network), f"a part of {ours}", "others are public, or can't be a VPC's")
        elif len(ranges) > 1 and not network.subnet_of(min(ranges)) and not network.subnet_of(_SHARED):
            yield (
                (index,),
                _fault(
                    str(network),
                    f"a part of {min(ranges)} or of {_SHARED}, as the others",
                    "a VPC takes no CIDRs of two private ranges: make it a programme of its own",
                ),
            )
        other = next((item for item in found[:index] if item.overlaps(network)), None)
        if other is not None:
            yield (index,), _fault(f"{network}, which overlaps {other}", "apart from the others", "take one out")


def _fault(got: str, expected: str, remedy: str) -> FleetError:
    return FleetError(path="it", got=got, expected=expected, remedy=remedy)
