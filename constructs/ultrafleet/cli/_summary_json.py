"""Summary of an environment as JSON."""

from collections.abc import Sequence
from typing import Any

from ultrafleet.catalog.private_prices import PriceList
from ultrafleet.environment import Environment
from ultrafleet.environment.facts import FleetCost, fleet_facts
from ultrafleet.templates.assembly import AssemblyStack


def environment_json(environment: Environment, stacks: Sequence[AssemblyStack], prices: PriceList) -> dict[str, Any]:
    """Stacks, fleet, prices and subnets of an environment; None where no source states a value.

    Args:
        environment: the environment.
        stacks: its stacks in the cloud assembly.
        prices: prices by which it is valued.
    """
    facts = fleet_facts(environment, prices=prices)
    return {
        "account": environment.account,
        "region": environment.region,
        "stacks": [
            {"name": stack.name, "resources": stack.resource_count, "bytes": stack.size_bytes} for stack in stacks
        ],
        "fleet": {"ultraservers": facts.ultraservers, "accelerators": facts.accelerators, "nodes": facts.nodes},
        "cost": _cost(facts.cost),
        "subnets": [
            {
                "name": budget.subnet_name,
                "availability_zone": environment.subnet(budget.subnet_name).availability_zone,
                "cidr": environment.subnet(budget.subnet_name).cidr,
                "used_ips": budget.used,
                "free_ips": budget.free,
            }
            for budget in facts.subnets
        ],
    }


def _cost(cost: FleetCost) -> dict[str, Any]:
    return {
        "known_usd_per_hour": cost.usd_per_hour,
        "unknown": bool(cost.unknown),
        "pools": [
            {
                "pool": pool.pool_name,
                "type": pool.sold,
                "purchase_option": pool.purchase_option.value,
                "count": pool.count,
                "usd_per_hour_each": pool.price.value,
                "usd_per_hour": pool.usd_per_hour if pool.price.value is not None else None,
                "price_as_of": pool.price.as_of,
            }
            for pool in cost.pools
        ],
    }
