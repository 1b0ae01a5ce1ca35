"""Purchases of fixed days that a plan may make: extensions of blocks that are owned, and offers."""

from collections.abc import Iterable

from ultrafleet.catalog import PurchaseOption, UltraServerType
from ultrafleet.environment import Environment
from ultrafleet.environment.target_settings import sold_type
from ultrafleet.planning.days import HOURS_PER_DAY, date_of, day_of, first_whole_day
from ultrafleet.planning.draft import Draft
from ultrafleet.planning.given import OfferedBlock
from ultrafleet.planning.supply import Demand, Held, Kind, Option


def extensions_of(draft: Draft) -> Iterable[Option]:
    """Extensions of blocks that are owned: those that a search has found, else those at an assumed price.

    Args:
        draft: the draft; takes notes.
    """
    found = {offer.extends: offer for offer in draft.given.offers or () if offer.extends is not None}
    for item in draft.held:
        if item.demand is None or not item.block_instances or item.end <= draft.today:
            continue
        environment = next(one for one in draft.given.environments if one.name == item.environment)
        demand = next(one for one in draft.demands if one.name == item.demand)
        caps = draft.caps_for(environment, item.place, demand.type, Kind.EXTENSION)
        recorded = [offer for name, offer in found.items() if name in item.name.split(", ")]
        for offer in recorded:
            yield Option(
                name=offer.id,
                kind=Kind.EXTENSION,
                demand=demand.name,
                start=item.end,
                end=day_of(offer.segments[-1].end.date()),
                units=item.units // item.times,
                usd=offer.usd,
                place=item.place,
                caps=caps,
                exclusive=item.name,
                pool=item.pool,
            )
        if not recorded:
            yield from _assumed_extensions(draft, environment, item, demand, caps)


def _assumed_extensions(
    draft: Draft, environment: Environment, item: Held, demand: Demand, caps: tuple[str, ...]
) -> Iterable[Option]:
    price = draft.given.prices.price(demand.type, PurchaseOption.CAPACITY_BLOCK, environment.region)
    if price.value is None:
        draft.notes.append(f"extensions of {demand.type} aren't planned: {price.note}")
        return
    latest = demand.end if item.last_end is None else min(demand.end, item.last_end)
    longest = min(item.first_start + draft.rules.longest, latest) - item.end
    for days in range(1, longest + 1):  # any number of days: one extension after the other
        units = item.units // item.times
        yield Option(
            name=item.name,
            kind=Kind.EXTENSION,
            demand=demand.name,
            start=item.end,
            end=item.end + days,
            units=units,
            most=item.times,
            usd=price.value * HOURS_PER_DAY * days * units,
            place=item.place,
            caps=caps,
            exclusive=item.name,
            assumption=f"an extension at {price.value:,.3f} USD an hour ({price.as_of}), which no search has found",
            pool=item.pool,
        )


def offers_of(draft: Draft) -> Iterable[Option]:
    """Offers that can be bought and serve a demand.

    Args:
        draft: the draft; takes notes.
    """
    horizon = date_of(draft.today + draft.rules.horizon)
    for offer in draft.given.offers or ():
        if offer.extends is not None:
            continue
        segments = [(first_whole_day(item.start), day_of(item.end.date()), item.units) for item in offer.segments]
        start, end = min(item[0] for item in segments), max(item[1] for item in segments)
        if start < draft.today or offer.segments[0].start.date() > horizon:
            draft.notes.append(f"offer {offer.id} starts {offer.segments[0].start:%Y-%m-%d}: it can't be bought")
            continue
        fitting = [demand for demand in draft.demands if demand.type == offer.type]
        usable = [demand for demand in fitting if _is_usable(draft, offer, demand)]
        for demand in usable:
            zone = offer.segments[0].zone
            yield Option(
                name=offer.id,
                kind=Kind.OFFER,
                demand=demand.name,
                start=start,
                end=end,
                units=max(item[2] for item in segments),
                usd=offer.usd,
                place=zone,
                caps=draft.caps_for(draft.environment_of[demand.name], zone, demand.type, Kind.OFFER),
                exclusive=offer.id if len(usable) > 1 else None,
                segments=tuple(segments),
            )


def _is_usable(draft: Draft, offer: OfferedBlock, demand: Demand) -> bool:
    """True if an offer can serve a demand; else a note says why not."""
    environment = draft.environment_of[demand.name]
    if environment is None:
        return True
    if isinstance(sold_type(offer.type), UltraServerType) and offer.account != environment.account:
        draft.notes.append(
            f"offer {offer.id} is to account {offer.account}: an UltraServer block can't be shared with "
            f"{environment.name}"
        )
        return False
    if not environment.has_network:
        return True
    zones = {item.availability_zone for item in environment.network.subnets if item.kind == "accelerator"}
    elsewhere = sorted({item.zone for item in offer.segments} - zones)
    if elsewhere:
        draft.notes.append(f"offer {offer.id} is in {', '.join(elsewhere)}, where {environment.name} has no subnet")
    return not elsewhere
