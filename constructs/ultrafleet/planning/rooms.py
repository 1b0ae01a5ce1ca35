"""Room of an environment's subnets: how many UltraServers or instances of a type they have addresses for at once."""

from ultrafleet.catalog import UltraServerType
from ultrafleet.environment import Environment
from ultrafleet.environment.facts import pool_ip_demand
from ultrafleet.environment.pool_settings import NodeSettings
from ultrafleet.environment.target_settings import SoldType
from ultrafleet.rules.ip_budget import PREFIX_ADDRESSES, NodeIpDemand, node_ip_demand, subnet_ip_budget


def rooms_of(environment: Environment, sold: SoldType) -> dict[str, int]:
    """UltraServers or instances of a type for which a zone's accelerator subnets have addresses, by zone.

    Pools of other types count at full size. A zone with a subnet whose CIDR isn't stated has no bound.

    Args:
        environment: the environment.
        sold: type that is bought.
    """
    per_node = _node(environment, sold)
    nodes = sold.instance_count or 1 if isinstance(sold, UltraServerType) else 1
    found: dict[str, int] = {}
    unbounded = set()
    for subnet in environment.network.subnets:
        if subnet.kind != "accelerator":
            continue
        if subnet.cidr is None:
            unbounded.add(subnet.availability_zone)
            continue
        others = [
            pool_ip_demand(pool)
            for pool in environment.pools
            if pool.subnet == subnet.name and str(pool.sold) != str(sold)
        ]
        budget = subnet_ip_budget(subnet_name=subnet.name, cidr=subnet.cidr, demands=others)
        units = max(0, budget.free) // (per_node.blocks * PREFIX_ADDRESSES * nodes)
        found[subnet.availability_zone] = found.get(subnet.availability_zone, 0) + units
    return {zone: units for zone, units in found.items() if zone not in unbounded}


def _node(environment: Environment, sold: SoldType) -> NodeIpDemand:
    """Addresses of a node: those of a pool of the type, else of one interface with the default number of pods."""
    for pool in environment.pools:
        if str(pool.sold) == str(sold):
            return pool_ip_demand(pool).per_node
    return node_ip_demand(ip_interfaces=1, max_pods=NodeSettings().max_pods, ipv4_per_interface=None)
