"""Next commands of a plan: exactly what to run for what can be bought today."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil

from ultrafleet.environment import Environment
from ultrafleet.planning.days import day_of
from ultrafleet.planning.held import held_of
from ultrafleet.planning.plan import Plan, Purchase
from ultrafleet.planning.supply import Kind

_NEW_POOL = "NEW-POOL"


def with_commands(plan: Plan, environments: Sequence[Environment], owners: Mapping[str, str]) -> Plan:
    """The plan with a command for each purchase that can be made today.

    Args:
        plan: the plan.
        environments: environments that are planned.
        owners: environment of each demand, where it has one.
    """
    taken: dict[str, set[str]] = {}
    purchases = [
        replace(item, commands=_commands(item, _environment(item, environments, owners), taken))
        if item.is_due
        else item
        for item in plan.purchases
    ]
    return replace(plan, purchases=tuple(purchases), notes=(*plan.notes, *_approvals(purchases, environments, owners)))


def _approvals(
    purchases: Sequence[Purchase], environments: Sequence[Environment], owners: Mapping[str, str]
) -> Iterator[str]:
    """A note for each environment of which a command needs a second person's approval."""
    for environment in environments:
        above = environment.purchases.approval_above_usd
        bought = [item for item in purchases if item.kind in {Kind.OFFER, Kind.EXTENSION} and item.commands]
        if any(
            owners.get(item.demand) == environment.name and item.usd / max(1, item.times) > above for item in bought
        ):
            yield f"what costs more than {above:,.0f} USD needs a second person's approval: pass --approval FILE"


def _environment(item: Purchase, environments: Sequence[Environment], owners: Mapping[str, str]) -> Environment | None:
    name = owners.get(item.demand)
    return next((one for one in environments if one.name == name), None)


def _commands(item: Purchase, environment: Environment | None, taken: dict[str, set[str]]) -> tuple[str, ...]:
    match item.kind:
        case Kind.OFFER:
            pools = _free_pools(item, environment, taken)
            where = f"--env {environment.name if environment else 'ENVIRONMENT'} " + " ".join(
                f"--pool {pool}" for pool in pools
            )
            # EC2 answers with the soonest offers alone, unless it is asked for those from a day on. An offer may begin
            # up to a day before its first capacity day.
            start = item.start - timedelta(days=1)
            asked = f"--days {item.days} --start {start} --max-price-usd {ceil(item.usd)}"
            return (f"ultrafleet capacity buy {item.name} {where} {asked}",)
        case Kind.EXTENSION:
            pools = [pool.strip() for pool in (item.pool or "").split(",")][: item.times]
            each = ceil(item.usd / max(1, item.times))
            return tuple(
                f"ultrafleet capacity extend {pool}{_block(item, pool, environment)} --days {item.days} "
                f"--max-price-usd {each}"
                for pool in pools
            )
        case Kind.LATER_BLOCK:
            search = f"ultrafleet capacity search --type {item.type} --count {item.units} --days {item.days}"
            return (f"{search} --from {item.start} --to {item.end}",)
        case _:
            return ()


def _block(item: Purchase, place: str, environment: Environment | None) -> str:
    """Option that names the block that is extended, where it isn't the pool's last one."""
    extended = [name.strip() for name in item.name.split(",")]
    if environment is None:
        return ""
    for pool in environment.pools:
        if place != f"{environment.name}/{pool.name}" or not pool.blocks:
            continue
        last = max(pool.blocks, key=lambda block: block.end).capacity_reservation_id
        for block in pool.blocks:
            if block.capacity_reservation_id in extended and block.capacity_reservation_id != last:
                return f" --block {block.capacity_reservation_id}"
    return ""


def _free_pools(item: Purchase, environment: Environment | None, taken: dict[str, set[str]]) -> list[str]:
    """Pools of the type that have no block on those days, those that end first before; else a new one's place."""
    if environment is None:
        return [_NEW_POOL]
    start, end = day_of(item.start), day_of(item.end)
    used = taken.setdefault(environment.name, set())
    free = []
    for pool in environment.pools:
        if str(pool.sold) != item.type or not pool.blocks or pool.name in used:
            continue
        serving: dict[tuple[str, str], str] = {(pool.workload, str(pool.sold)): item.demand}
        alone = environment.model_copy(update={"pools": [pool]})
        held = held_of(alone, serving, start, [])
        if not any(one.start < end and one.end > start for one in held):
            free.append(pool.name)
    wanted = item.units if item.type.startswith("u-") else 1
    chosen = free[:wanted]
    used.update(chosen)
    return [*chosen, *([_NEW_POOL] * (wanted - len(chosen)))]
