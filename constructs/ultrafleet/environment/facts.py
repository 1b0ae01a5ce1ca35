"""Totals of an environment: UltraServers, accelerators, nodes, IP addresses and price."""

from dataclasses import dataclass
from datetime import date, datetime

from ultrafleet.catalog import Fact, PurchaseOption, is_stale
from ultrafleet.catalog.private_prices import PUBLIC, PriceList, is_private
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, UltraServerPoolSettings
from ultrafleet.rules.block_clock import block_is_over
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.ip_budget import PoolIpDemand, SubnetIpBudget, subnet_ip_budget

PoolSettings = UltraServerPoolSettings | AcceleratorPoolSettings


@dataclass(frozen=True, kw_only=True)
class PoolPrice:
    """Price of a pool's capacity at full size.

    Attributes:
        pool_name: name of the pool.
        sold: instance type or UltraServer type that is paid for.
        purchase_option: how it is bought.
        count: how many of them.
        price: USD an hour of one; None where no price is known, with a note that says why.
    """

    pool_name: str
    sold: str
    purchase_option: PurchaseOption
    count: int
    price: Fact[float | None]

    @property
    def usd_per_hour(self) -> float | None:
        """USD an hour of all of them."""
        return None if self.price.value is None else self.price.value * self.count


@dataclass(frozen=True, kw_only=True)
class FleetCost:
    """Capacity of an environment at full size.

    Attributes:
        pools: price of each pool, in the file's order.
    """

    pools: tuple[PoolPrice, ...]

    @property
    def usd_per_hour(self) -> float:
        """USD an hour: sum over the pools whose price is known."""
        return sum(pool.usd_per_hour or 0.0 for pool in self.pools)

    @property
    def price_dates(self) -> tuple[str, ...]:
        """Days or months at which those prices held."""
        return tuple(sorted({pool.price.as_of for pool in self.pools if pool.price.as_of is not None}))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Pools without a known public price."""
        return tuple(pool.pool_name for pool in self.pools if pool.usd_per_hour is None)

    def stale(self, day: date) -> tuple[PoolPrice, ...]:
        """Pools whose public price is more than a quarter old on a day; a private one holds as long as its contract."""
        public = (pool for pool in self.pools if not is_private(pool.price))
        return tuple(pool for pool in public if pool.price.as_of is not None and is_stale(pool.price.as_of, day))


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


def fleet_facts(environment: Environment, *, prices: PriceList = PUBLIC) -> FleetFacts:
    """Count an environment.

    Args:
        environment: the environment.
        prices: prices by which its capacity is counted. Default: the public ones.

    Raises:
        UnknownFactError: a layout is needed that AWS doesn't publish, and the file states none.
    """
    counts = [pool.instance.accelerator_count for pool in environment.pools]
    accelerators = None
    if None not in counts:
        accelerators = sum((pool.instance.accelerator_count or 0) * pool.max_nodes for pool in environment.pools)
    return FleetFacts(
        ultraservers=sum(_ultraservers(pool) for pool in environment.pools),
        accelerators=accelerators,
        nodes=sum(pool.max_nodes for pool in environment.pools),
        cost=fleet_cost(environment, prices=prices),
        subnets=tuple(ip_budgets(environment)),
    )


def node_group_count(environment: Environment) -> int:
    """Managed node groups that are made in the cluster: of system nodes, of each block, of each pool without blocks."""
    return (environment.cluster.made_system_nodes is not None) + sum(
        len(pool.blocks) or 1 for pool in environment.pools if not pool.is_self_managed
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
    return PoolIpDemand.of(
        pool_name=pool.name,
        nodes=pool.max_nodes,
        instance_type=pool.instance,
        ip_interfaces=sum(interface.takes_ip for interface in pool.layout(pool.instance)),
        max_pods=pool.node.max_pods,
    )


def blocks_over(environment: Environment, as_of: datetime) -> list[tuple[PoolSettings, CapacityBlock]]:
    """Blocks that are over at a moment the caller names: nothing here reads a clock."""
    return [
        (pool, block) for pool in environment.pools for block in pool.capacity_blocks if block_is_over(block.end, as_of)
    ]


def fleet_cost(environment: Environment, *, prices: PriceList = PUBLIC) -> FleetCost:
    """Price of each pool in the environment's region, by the way its capacity is bought.

    Args:
        environment: the environment.
        prices: prices by which its capacity is counted. Default: the public ones.
    """
    return FleetCost(pools=tuple(_price(pool, environment.region, prices) for pool in environment.pools))


def node_prices(environment: Environment) -> dict[str, float | None]:
    """USD an hour of one node by pool; None where no public price is known."""
    totals = {item.pool_name: item.usd_per_hour for item in fleet_cost(environment).pools}
    return {
        pool.name: None if (usd := totals[pool.name]) is None or not pool.max_nodes else round(usd / pool.max_nodes, 4)
        for pool in environment.pools
    }


def _ultraservers(pool: PoolSettings) -> int:
    """UltraServers at once, at most; 0 of single instances."""
    return pool.max_nodes // pool.nodes_per_group if isinstance(pool, UltraServerPoolSettings) else 0


def _price(pool: PoolSettings, region: str, prices: PriceList) -> PoolPrice:
    option = PurchaseOption.CAPACITY_BLOCK if pool.blocks else PurchaseOption.ON_DEMAND
    return PoolPrice(
        pool_name=pool.name,
        sold=str(pool.sold),
        purchase_option=option,
        count=_ultraservers(pool) or pool.max_nodes,
        price=prices.price(pool.sold, option, region),
    )
