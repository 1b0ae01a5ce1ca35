"""Purchase of a capacity block: looked at, checked, journalled, paid once, written into the environment file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, PoolSettings, UltraServerPoolSettings
from ultrafleet.errors import FleetError
from ultrafleet.offers import opt_in_command
from ultrafleet.purchases.approval import Approved, Wanted, buyer, require_approval
from ultrafleet.purchases.desk import Desk, bought
from ultrafleet.purchases.environment_file import EnvironmentFile, refuse_overlap, trial_id
from ultrafleet.purchases.journal import OpenJournal
from ultrafleet.purchases.offers import Offer, Segment, refuse_price
from ultrafleet.purchases.outcome import RefusedError, UnsettledError
from ultrafleet.purchases.paying import pay, record_bought, tags_of
from ultrafleet.purchases.records import PAID, BoughtBlock, Intent, Placement, Purchase, new_intent_id
from ultrafleet.purchases.signals import recorded_first
from ultrafleet.rules.zones import is_local_zone

_MOST_TAG_CHARACTERS: Final = 256
"""Of a tag's value (EC2 user guide, tag your resources, high)."""
_DAY_HOURS: Final = 24
_SMALLEST_PRICE: Final = Decimal("0.0001")
"""Digits of EC2's prices."""
_WEEK_DAYS: Final = 7


@dataclass(frozen=True, kw_only=True)
class BlockWish:
    """Wish for a block.

    Attributes:
        offering: id of the offer.
        pools: pools that get it: one for each UltraServer, one for single instances.
        max_usd: ceiling of the price.
        days: duration of the offer, to ask for no other. Default: None, every duration is asked.
        start: start of the offer, to ask for none before it. Default: None, EC2 answers with the soonest ones.
        count: instances of the offer, on an accelerator pool. Default: None, as many as the pool's last block.
        like: pool that is copied for pools that aren't in the file. Default: none, they have to be there.
        approval: file of a second person's approval. Default: none.
        max_overlap: longest time beside another block of the pool. Default: a day.
    """

    offering: str
    pools: tuple[str, ...]
    max_usd: Decimal
    days: int | None = None
    start: datetime | None = None
    count: int | None = None
    like: str | None = None
    approval: Path | None = None
    max_overlap: timedelta = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Purchase that passed every check that can be made before it is paid.

    Attributes:
        offer: the offer.
        request: question to which EC2 answered with it.
        places: places of its blocks.
        file: the environment's file as it is.
        edited: as it would be, with trial ids in place of the reservations.
        approved: the approval, where one is needed.
        buyer: who buys.
    """

    offer: Offer
    request: dict[str, Any]
    places: tuple[Placement, ...]
    file: EnvironmentFile
    edited: EnvironmentFile
    approved: Approved | None
    buyer: str


def look(desk: Desk, wish: BlockWish) -> Proposal | Purchase:
    """Dry run: a proposal, or the purchase that the journal has of this offer. Nothing is written.

    Args:
        desk: the desk.
        wish: the wish.

    Raises:
        PurchaseError: it would be refused.
        FleetError: the input can't be used.
    """
    return _propose(desk, wish, [item for item in desk.journal.read().values() if item.intent.environment == desk.name])


def buy(desk: Desk, wish: BlockWish) -> Purchase:
    """Buy a block; the same wish again buys nothing and returns the first purchase.

    Args:
        desk: the desk.
        wish: the wish.

    Raises:
        RefusedError: it is refused, nothing was bought.
        FailedError: EC2 refused it, nothing was bought.
        UnsettledError: the outcome is unknown, or an earlier purchase has to be settled.
        FleetError: the input can't be used; nothing was bought.
    """
    with desk.journal.locked(wait_seconds=desk.lock_seconds) as book:
        found = _propose(desk, wish, desk.purchases(book))
        if isinstance(found, Purchase):
            return found
        intent = _intent(desk, wish, found)
        _still_there(desk, found)
        with recorded_first():
            purchase = book.begin(intent)
            _pay(desk, book, purchase)
            desk.write_back(book, purchase)
        return purchase


def _propose(desk: Desk, wish: BlockWish, purchases: list[Purchase]) -> Proposal | Purchase:
    file = desk.file()
    desk.refuse_open(purchases)
    for item in purchases:
        if item.intent.offering == wish.offering and item.state in PAID:
            return item.repeated()
    desk.check_account()
    desk.refuse_unknown(purchases, desk.market.blocks())
    offer, request = _find(desk, wish, _pattern(file, wish))
    refuse_price(offer.usd, offer.currency, wish.max_usd)
    places = _places(file, wish, offer)
    refuse_overlap(file, places, most=wish.max_overlap)
    edited = _tried(desk, file, wish, places)
    approved = require_approval(
        Wanted(
            environment=desk.name,
            pools=wish.pools,
            type=offer.sold,
            count=offer.ultraserver_count or offer.instances,
            start=offer.start,
            end=offer.end,
            extends=None,
            usd=offer.usd,
            max_usd=wish.max_usd,
            repository=desk.environments,
        ),
        above_usd=Decimal(str(file.environment.purchases.approval_above_usd)),
        file=wish.approval,
        now=desk.now(),
    )
    refuse_used(approved, purchases)
    who = buyer(desk.environments)
    return Proposal(offer=offer, request=request, places=places, file=file, edited=edited, approved=approved, buyer=who)


def refuse_used(approved: Approved | None, purchases: list[Purchase]) -> None:
    """Refuse an approval that was used: one approval is for one purchase.

    Args:
        approved: the approval, or None.
        purchases: of the environment.

    Raises:
        RefusedError: a purchase has used it.
    """
    for item in purchases:
        if approved is not None and item.intent.approval == approved.digest and item.state in PAID:
            raise RefusedError(path="the approval", got=f"used by purchase {item.id}", expected="a new one")


def _pattern(file: EnvironmentFile, wish: BlockWish) -> PoolSettings:
    """The pool whose type and zone the offer has to have."""
    if len(set(wish.pools)) != len(wish.pools):
        raise RefusedError(path="--pool", got=", ".join(wish.pools), expected="each pool once")
    tag = " ".join(wish.pools)
    if len(tag) > _MOST_TAG_CHARACTERS:
        raise RefusedError(path="--pool", got=f"{len(tag)} characters", expected=f"at most {_MOST_TAG_CHARACTERS}")
    missing = [name for name in wish.pools if file.pool(name) is None]
    names = ", ".join(pool.name for pool in file.environment.pools)
    if missing and wish.like is None:
        raise RefusedError(
            path=f"pool {missing[0]}",
            got="not in the file",
            expected=f"one of {names}",
            remedy="name the pool that a new one is a copy of: --like",
        )
    found = [file.pool(name if name not in missing else str(wish.like)) for name in wish.pools]
    kinds = {(pool.kind, pool.sold) for pool in found if pool is not None}
    if None in found or len(kinds) != 1:
        raise RefusedError(
            path="--pool and --like", got=", ".join(wish.pools), expected=f"pools of one type, of {names}"
        )
    pool = found[0]
    if pool is None or (isinstance(pool, AcceleratorPoolSettings) and len(wish.pools) > 1):
        raise RefusedError(path="--pool", got=", ".join(wish.pools), expected="one pool for single instances")
    return pool


def _request(wish: BlockWish, pool: PoolSettings) -> dict[str, Any]:
    if isinstance(pool, UltraServerPoolSettings):
        return {"UltraserverType": pool.ultraserver_type, "UltraserverCount": len(wish.pools)}
    blocks = pool.capacity_blocks
    count = wish.count or (blocks[-1].instance_count if blocks else pool.nodes)
    return {"InstanceType": pool.instance_type, "InstanceCount": count}


def _durations(wish: BlockWish) -> Iterator[int]:
    """Durations in days to ask for: EC2 has no question for an id."""
    if wish.days is not None:
        yield wish.days
        return
    yield from range(1, CapacityBlockRules.MAX_DAILY_DURATION.days + 1)
    beyond = CapacityBlockRules.MAX_DAILY_DURATION.days + _WEEK_DAYS
    yield from range(beyond, CapacityBlockRules.MAX_DURATION.days + 1, _WEEK_DAYS)


def _find(desk: Desk, wish: BlockWish, pool: PoolSettings) -> tuple[Offer, dict[str, Any]]:
    asked = _request(wish, pool)
    for days in _durations(wish):
        request = {**asked, "CapacityDurationHours": days * _DAY_HOURS}
        request |= {"StartDateRange": wish.start} if wish.start is not None else {}
        for offer in desk.market.offers(request):
            if offer.id == wish.offering:
                return offer, request
        if wish.days is not None:
            _refuse_closed(desk, wish, request)
    spelled = " x ".join(str(value) for value in reversed(asked.values()))
    raise RefusedError(
        path=f"offering {wish.offering}",
        got=f"not among EC2's offers of {spelled}" + (f" for {wish.days} days" if wish.days else ""),
        expected="an offer that is there",
        remedy="it was sold, or has another type, count, duration or --start: search again",
    )


def _refuse_closed(desk: Desk, wish: BlockWish, request: dict[str, Any]) -> None:
    """Refuse an offer in a Local Zone that the account isn't opted in to: EC2 has it among those of every zone."""
    for offer in desk.market.offers({**request, "AllAvailabilityZones": True}):
        if offer.id == wish.offering:
            zones = sorted({part.availability_zone for part in offer.segments if is_local_zone(part.availability_zone)})
            raise RefusedError(
                path=f"offering {wish.offering}",
                got=f"in {', '.join(zones)}, to which the account isn't opted in",
                expected="an account that is",
                remedy="; ".join(f"run `{opt_in_command(zone)}`" for zone in zones),
            )


def _still_there(desk: Desk, found: Proposal) -> None:
    """Ask for the offer once more, right before it is paid, and refuse one that is gone or changed."""
    offer = found.offer
    now = next((item for item in desk.market.offers(found.request) if item.id == offer.id), None)
    if now is None:
        raise RefusedError(
            path=f"offering {offer.id}", got="gone since it was shown", expected="an offer", remedy="search again"
        )
    refuse_changed(offer.id, now.differences(offer))


def refuse_changed(offering: str, differences: Iterable[str]) -> None:
    """Refuse an offer that isn't what was checked.

    Args:
        offering: its id.
        differences: to what was checked.

    Raises:
        RefusedError: there are some.
    """
    changed = "; ".join(differences)
    if changed:
        raise RefusedError(
            path=f"offering {offering}",
            got=f"another one than shown ({changed})",
            expected="the same",
            remedy="look at it again",
        )


def _places(file: EnvironmentFile, wish: BlockWish, offer: Offer) -> tuple[Placement, ...]:
    """Places of the blocks that the offer brings: an UltraServer each, or a segment of instances each."""
    pool = _pattern(file, wish)
    if isinstance(pool, AcceleratorPoolSettings):
        if offer.ultraserver_type or {part.instance_type for part in offer.segments} != {pool.instance_type}:
            raise RefusedError(path=f"offering {offer.id}", verb="holds", got=offer.sold, expected=pool.instance_type)
        return tuple(
            Placement(
                pool=wish.pools[0],
                availability_zone=part.availability_zone,
                start=part.start,
                end=part.end,
                instance_count=part.instance_count,
                usd=_share(offer, part, part.instance_count),
            )
            for part in sorted(offer.segments, key=lambda item: item.start)
        )
    if offer.ultraserver_type != pool.ultraserver_type or offer.ultraserver_count != len(wish.pools):
        raise RefusedError(
            path=f"offering {offer.id}",
            verb="holds",
            got=f"{offer.ultraserver_count} x {offer.sold}",
            expected=f"{len(wish.pools)} x {pool.ultraserver_type}, one for each --pool",
        )
    servers = [part for part in offer.segments for _ in range(part.instance_count // pool.nodes_per_group)]
    if len(servers) != len(wish.pools):
        raise RefusedError(
            path=f"offering {offer.id}",
            verb="holds",
            got=f"{offer.instances} instances in {len(offer.segments)} segments",
            expected=f"{len(wish.pools)} whole {pool.ultraserver_type}",
        )
    return tuple(_in_zones(file, wish, offer, servers))


def _in_zones(file: EnvironmentFile, wish: BlockWish, offer: Offer, servers: list[Any]) -> Iterator[Placement]:
    for name in wish.pools:
        pool = file.pool(name) or file.pool(str(wish.like))
        zone = file.environment.subnet(pool.subnet).availability_zone if pool is not None else ""
        part = next((item for item in servers if item.availability_zone == zone), None)
        if part is None:
            raise RefusedError(
                path=f"offering {offer.id}",
                got=f"in {', '.join(sorted({item.availability_zone for item in servers}))}",
                expected=f"{zone}, the zone of pool {name}'s subnet",
                remedy="name another pool or offer",
            )
        servers.remove(part)
        yield Placement(
            pool=name,
            availability_zone=part.availability_zone,
            start=part.start,
            end=part.end,
            usd=_share(offer, part, offer.instances // len(wish.pools)),
        )


def _share(offer: Offer, part: Segment, instances: int) -> Decimal:
    """Part of the price for some instances of a segment, by their hours."""
    return (offer.usd * part.hours * instances / offer.instance_hours).quantize(_SMALLEST_PRICE)


def _tried(desk: Desk, file: EnvironmentFile, wish: BlockWish, places: tuple[Placement, ...]) -> EnvironmentFile:
    try:
        return file.with_blocks(
            [(place, trial_id(number)) for number, place in enumerate(places, start=1)],
            like=wish.like,
            day=desk.now().date(),
        )
    except FleetError as error:
        raise RefusedError(
            f"the environment's rules refuse the block, nothing was bought: {error}",
            path=error.path,
            got=error.got,
            expected=error.expected,
            remedy=error.remedy,
        ) from error


def _intent(desk: Desk, wish: BlockWish, found: Proposal) -> Intent:
    now = desk.now()
    return Intent(
        intent=new_intent_id(now),
        at=now,
        environment=desk.name,
        account=found.file.environment.account,
        region=found.file.environment.region,
        pools=wish.pools,
        like=wish.like,
        offering=found.offer.id,
        sold=found.offer.sold,
        usd=found.offer.usd,
        max_usd=wish.max_usd,
        buyer=found.buyer,
        approval=found.approved.digest if found.approved is not None else None,
        approver=found.approved.approver if found.approved is not None else None,
        placements=found.places,
    )


def _pay(desk: Desk, book: OpenJournal, purchase: Purchase) -> None:
    def call() -> tuple[BoughtBlock, ...]:
        blocks = bought(desk.market.buy(purchase.intent.offering, tags=tags_of(purchase.intent)))
        if len(blocks) != len(purchase.intent.placements):
            raise UnsettledError(
                path="EC2's answer",
                verb="has",
                got=f"{len(blocks)} reservations",
                expected=f"{len(purchase.intent.placements)}",
            )
        return blocks

    record_bought(desk, book, purchase, pay(desk, book, purchase, call))
