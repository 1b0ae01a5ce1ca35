"""Networks that rules of security groups and endpoints speak of."""

import ipaddress
from typing import Any


def is_everybody(network: Any) -> bool:  # noqa: ANN401 - JSON
    """True if the network is all of IPv4 or IPv6 or half of it, in any spelling."""
    try:
        return isinstance(network, str) and ipaddress.ip_network(network.strip(), strict=False).prefixlen <= 1
    except ValueError:
        return False
