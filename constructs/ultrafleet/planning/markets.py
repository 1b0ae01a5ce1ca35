"""Purchases of any days that a plan may make: blocks that aren't on offer yet, and on-demand reservations."""

from collections.abc import Iterable, Sequence

from ultrafleet.catalog import InstanceType, PurchaseOption, UltraServerType
from ultrafleet.environment import Environment
from ultrafleet.environment.target_settings import SoldType, sold_type
from ultrafleet.planning.days import HOURS_PER_DAY, day_of
from ultrafleet.planning.draft import BLOCK_LIMIT, Draft
from ultrafleet.planning.supply import Cap, Kind, Market
from ultrafleet.programme import LaterBlocksSettings, Programme
from ultrafleet.rules.zones import is_local_zone


def assumed_markets(draft: Draft) -> Iterable[Market]:
    """Blocks and reservations of an environment's types at the prices on record.

    Args:
        draft: of environments alone; takes notes and assumptions.
    """
    for demand in draft.demands:
        environment = draft.environment_of[demand.name]
        assert environment is not None  # noqa: S101 - without a programme every target is an environment's
        sold = sold_type(demand.type)
        first = draft.today if draft.given.offers is None else draft.today + draft.rules.horizon + 1
        for option, kind, start in (
            (PurchaseOption.CAPACITY_BLOCK, Kind.LATER_BLOCK, first),
            (PurchaseOption.ON_DEMAND, Kind.ON_DEMAND, draft.today),
        ):
            if not _is_sold(sold, option):
                continue
            price = draft.given.prices.price(sold, option, environment.region)
            if price.value is None:
                draft.notes.append(f"{kind}s of {demand.type} aren't planned: {price.note}")
                continue
            what = "blocks" if kind.is_block else "on-demand reservations"
            says = f"{what} of {demand.type} at {price.value:,.3f} USD an hour ({price.as_of}); none is on offer yet"
            draft.assumptions.append(says)
            for zone in _zones(environment, sold):
                yield Market(
                    name=zone or environment.name,
                    kind=kind,
                    demand=demand.name,
                    start=start,
                    end=demand.end,
                    usd_per_day=price.value * HOURS_PER_DAY,
                    caps=draft.caps_for(environment, zone, demand.type, kind),
                    assumption=says,
                    place=zone,
                )


def stated_markets(draft: Draft, programme: Programme) -> Iterable[Market]:
    """Blocks and reservations that a programme states.

    Args:
        draft: the draft; takes caps and assumptions.
        programme: the programme.
    """
    stated: list[tuple[Kind, int, LaterBlocksSettings]] = [
        *((Kind.LATER_BLOCK, number, item) for number, item in enumerate(programme.later_blocks)),
        *((Kind.ON_DEMAND, number, item) for number, item in enumerate(programme.on_demand_reservations)),
    ]
    for kind, number, item in stated:
        name = f"{'later_blocks' if kind.is_block else 'on_demand_reservations'}[{number}]"
        where = f" at {item.site}" if item.site else ""
        what = "UltraServers" if isinstance(item.sold, UltraServerType) else "instances"
        draft.caps[name] = Cap(
            name=name, text=f"{name} has at most {item.count} {what} at once{where}", capacity=item.count
        )
        basis = item.assumption or item.source
        says = f"{name}: {item.count} {item.type} at once{where} at {item.usd_per_hour:,.3f} USD an hour: {basis}"
        draft.assumptions.append(says)
        for demand in draft.demands:
            if demand.type == item.type:
                yield Market(
                    name=item.site or name,
                    kind=kind,
                    demand=demand.name,
                    start=day_of(item.start) if item.start else draft.today,
                    end=day_of(item.end or programme.end),
                    usd_per_day=item.usd_per_hour * HOURS_PER_DAY,
                    caps=(name, *([BLOCK_LIMIT] if kind.is_block else [])),
                    assumption=says,
                    place=item.site,
                )


def _is_sold(sold: SoldType, option: PurchaseOption) -> bool:
    """True if a type is sold in a way; UltraServers are sold as blocks."""
    if isinstance(sold, InstanceType):
        if option is PurchaseOption.ON_DEMAND:
            return bool(sold.supports_on_demand_capacity_reservation)
        return sold.purchase_options is not None and option.value in sold.purchase_options
    return option is PurchaseOption.CAPACITY_BLOCK


def _zones(environment: Environment, sold: SoldType) -> Sequence[str | None]:
    """Zones with an accelerator subnet, of those that documents name for the type if some of them has one.

    What is sold in a Local Zone is named there: it is none for a type of which documents name no zone. None is a zone
    that isn't known: the environment has no network.
    """
    if not environment.has_network:
        return [None]
    own = sorted({item.availability_zone for item in environment.network.subnets if item.kind == "accelerator"})
    named = [zone for zone in own if zone in (sold.zones or ())]
    return named or [zone for zone in own if not is_local_zone(zone)] or own
