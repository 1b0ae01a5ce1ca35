"""What an environment amounts to: UltraServers, accelerators, nodes, IPs and money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ultrafleet.environment.models import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.layout import Interface, efa_layout
from ultrafleet.rules.block_clock import block_is_over
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.ip_budget import PoolIpDemand, SubnetIpBudget, node_ip_demand, subnet_ip_budget

PoolSettings = UltraServerPoolSettings | AcceleratorPoolSettings


@dataclass(frozen=True, kw_only=True)
class FleetCost:
    """Capacity of an environment at full size, in USD an hour.

    Attributes:
        usd_per_hour: sum over the pools whose price is known.
        price_dates: when those prices were current.
        unknown: pools whose price no source states.
    """

    usd_per_hour: float
    price_dates: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FleetFacts:
    """An environment in numbers, at full size.

    Attributes:
        ultraservers: whole UltraServers.
        accelerators: GPUs and Trainium chips, or None where a type's number is not known.
        nodes: accelerator nodes.
        cost: price of the capacity.
        subnets: IP budget of each accelerator subnet.
    """

    ultraservers: int
    accelerators: int | None
    nodes: int
    cost: FleetCost
    subnets: tuple[SubnetIpBudget, ...]


def fleet_facts(environment: Environment) -> FleetFacts:
    """Count an environment.

    Raises:
        UnknownFactError: a layout is needed that AWS doesn't publish, and the file states none.
    """
    counts = [pool.instance.accelerator_count for pool in environment.pools]
    accelerators = None
    if None not in counts:
        accelerators = sum((pool.instance.accelerator_count or 0) * pool.max_nodes for pool in environment.pools)
    return FleetFacts(
        ultraservers=sum(isinstance(pool, UltraServerPoolSettings) for pool in environment.pools),
        accelerators=accelerators,
        nodes=sum(pool.max_nodes for pool in environment.pools),
        cost=_cost(environment.pools),
        subnets=tuple(ip_budgets(environment)),
    )


def ip_budgets(environment: Environment) -> list[SubnetIpBudget]:
    """IP budget of each accelerator subnet that states its CIDR, by name."""
    budgets = []
    for subnet in sorted(environment.network.subnets, key=lambda item: item.name):
        if subnet.kind != "accelerator" or subnet.cidr is None:
            continue
        demands = [pool_ip_demand(pool) for pool in environment.pools if pool.subnet == subnet.name]
        budgets.append(subnet_ip_budget(subnet_name=subnet.name, cidr=subnet.cidr, demands=demands))
    return budgets


def pool_ip_demand(pool: PoolSettings) -> PoolIpDemand:
    """IPs that a pool takes at full size."""
    if pool.node.interfaces is not None:
        layout: Sequence[Interface] = [Interface(*interface) for interface in pool.node.interfaces]
    else:
        layout = efa_layout(pool.instance, pool.node.intent)
    return PoolIpDemand(
        pool_name=pool.name,
        nodes=pool.max_nodes,
        per_node=node_ip_demand(
            ip_interfaces=sum(interface.takes_ip for interface in layout),
            max_pods=pool.node.max_pods,
            ipv4_per_interface=pool.instance.ipv4_per_interface,
        ),
    )


def blocks_over(environment: Environment, as_of: datetime) -> list[tuple[PoolSettings, CapacityBlock]]:
    """Blocks that are over at a moment the caller names: nothing here reads a clock."""
    return [
        (pool, block) for pool in environment.pools for block in pool.capacity_blocks if block_is_over(block.end, as_of)
    ]


def _cost(pools: Sequence[PoolSettings]) -> FleetCost:
    total = 0.0
    dates: set[str] = set()
    unknown = []
    for pool in pools:
        # The catalog's prices are those of capacity blocks; nothing here states a price on demand.
        sold = pool.ultraserver if isinstance(pool, UltraServerPoolSettings) else pool.instance
        count = 1 if isinstance(pool, UltraServerPoolSettings) else pool.max_nodes
        price = sold.capacity_block_usd_per_hour if pool.blocks else None
        if price is None:
            unknown.append(pool.name)
            continue
        total += price * count
        dates.add(str(sold.price_date))
    return FleetCost(usd_per_hour=total, price_dates=tuple(sorted(dates)), unknown=tuple(unknown))
