"""Problem of an environment or a programme: its targets, blocks, offers, prices and limits put together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ultrafleet.catalog import CapacityBlockRules, InstanceType, PurchaseOption, UltraServerType
from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.environment import Environment
from ultrafleet.environment.target_settings import SoldType, TargetSettings, sold_type
from ultrafleet.errors import FleetError
from ultrafleet.planning.block_rules import BlockRules
from ultrafleet.planning.days import HOURS_PER_DAY, date_of, day_of, first_whole_day
from ultrafleet.planning.held import held_of
from ultrafleet.planning.rooms import rooms_of
from ultrafleet.planning.supply import Cap, Delivery, Demand, Held, Kind, Market, Option, Problem, Step
from ultrafleet.programme import LaterBlocksSettings, Programme

BLOCK_LIMIT: Final = "instances on blocks"
"""Name of the cap that all blocks of the organisation count against."""


@dataclass(frozen=True, kw_only=True)
class OfferedSegment:
    """Part of an offered block.

    Attributes:
        zone: zone.
        units: UltraServers or instances.
        start: first moment.
        end: last moment.
    """

    zone: str
    units: int
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class OfferedBlock:
    """Offer of a block or of an extension, as a search found it.

    Attributes:
        id: offering id.
        account: account that it is offered to.
        region: its region.
        type: UltraServer type or instance type.
        usd: price of the whole.
        segments: its parts; one of them for most.
        extends: reservation that it extends. Default: it is a block of its own.
    """

    id: str
    account: str
    region: str
    type: str
    usd: float
    segments: tuple[OfferedSegment, ...]
    extends: str | None = None


@dataclass(frozen=True, kw_only=True)
class Given:
    """Files, offers, prices and settings that a problem is made of.

    Attributes:
        environments: environment files.
        programme: programme file. Default: one environment alone is planned.
        offers: offers that are known. Default: no search was made.
        prices: prices of what isn't on offer. Default: the public ones.
        now: moment of planning, with an offset from UTC.
        instances_on_a_date: instances on blocks in the organisation on a date. Default: the programme's, else the
            documented limit.
        notes: sentences on what isn't planned, from whoever read the files.
    """

    environments: Sequence[Environment]
    programme: Programme | None = None
    offers: Sequence[OfferedBlock] | None = None
    prices: PriceList = field(default=PUBLIC)
    now: datetime
    instances_on_a_date: int | None = None
    notes: Sequence[str] = ()


def problem_of(given: Given) -> Problem:
    """Problem of an environment or a programme.

    Args:
        given: what it is made of.

    Raises:
        FleetError: no target is stated, all of them are over, or a type's size is unknown.
    """
    return _Assembly(given).problem()


class _Assembly:
    def __init__(self, given: Given) -> None:
        self.given = given
        self.today = first_whole_day(given.now + CapacityBlockRules.EARLIEST_START)
        self.rules = BlockRules()
        self.notes: list[str] = list(given.notes)
        self.assumptions: list[str] = []
        self.demands, self.environment_of = self._demands()
        self.caps: dict[str, Cap] = {}

    def problem(self) -> Problem:
        held = [
            item
            for environment in self.given.environments
            for item in held_of(environment, self._serving(environment), self.today, self.notes)
        ]
        self._add_block_limit(held)
        self._add_rooms(held)
        options = [*self._extensions(held), *self._offers()]
        programme = self.given.programme
        markets = self._assumed_markets() if programme is None else self._stated_markets(programme)
        deliveries = [] if programme is None else self._deliveries(programme)
        if programme is not None:
            self._tell_assumptions(programme)
        return Problem(
            today=self.today,
            demands=tuple(self.demands),
            held=tuple(held),
            options=tuple(options),
            markets=tuple(markets),
            deliveries=tuple(deliveries),
            caps=self.caps,
            rules=self.rules,
            notes=tuple(dict.fromkeys(self.notes)),
            assumptions=tuple(dict.fromkeys(self.assumptions)),
        )

    def _demands(self) -> tuple[list[Demand], dict[str, Environment | None]]:
        """Demands, and the environment that each belongs to, if it is one's own."""
        programme = self.given.programme
        found: list[tuple[Demand, Environment | None]] = []
        if programme is not None:
            found += [(_demand(target, target.name), None) for target in programme.targets]
        stated = {(demand.workload, demand.type) for demand, _ in found}
        for environment in self.given.environments:
            for target in environment.targets:
                if (target.workload, target.type) in stated:
                    self.notes.append(
                        f"{environment.name}: target {target.name} is part of the programme's for {target.type}"
                    )
                    continue
                name = target.name if programme is None else f"{environment.name}/{target.name}"
                found.append((_demand(target, name), environment))
        over = [demand for demand, _ in found if demand.end <= self.today]
        if len(over) == len(found):
            of = programme.name if programme is not None else ", ".join(item.name for item in self.given.environments)
            raise FleetError(
                path=f"targets of {of}",
                verb="are",
                got=f"over by {date_of(self.today)}" if over else "not stated",
                expected="one that lasts longer",
                remedy="add targets, see docs/capacity-desk.md",
            )
        self.notes += [f"target {demand.name} is over: it isn't planned" for demand in over]
        lasting = [(demand, owner) for demand, owner in found if demand not in over]
        return [demand for demand, _ in lasting], {demand.name: owner for demand, owner in lasting}

    def _serving(self, environment: Environment) -> dict[tuple[str, str], str]:
        """Name of the demand that an environment's capacity serves, by workload and type."""
        return {
            (demand.workload, demand.type): demand.name
            for demand in self.demands
            if self.environment_of[demand.name] in (None, environment)
        }

    def _add_block_limit(self, held: Iterable[Held]) -> None:
        programme = self.given.programme
        limit, why = self.rules.instances_on_a_date, "explicit for instances only, not for UltraServers"
        if programme is not None and programme.limits.block_instances_on_a_date is not None:
            limit, why = programme.limits.block_instances_on_a_date, programme.limits.reason or ""
            self.assumptions.append(f"{limit} instances on capacity blocks on a date: {why}")
        if self.given.instances_on_a_date is not None:
            limit, why = self.given.instances_on_a_date, "as --instances-on-a-date says"
        self.caps[BLOCK_LIMIT] = Cap(
            name=BLOCK_LIMIT,
            text=f"no more than {limit} instances on capacity blocks on a date ({why})",
            capacity=limit,
            changes=tuple((item.start, item.end, item.block_instances) for item in held if item.block_instances),
            weighs_instances=True,
        )

    def _add_rooms(self, held: Sequence[Held]) -> None:
        for environment in self.given.environments:
            for demand in self.demands:
                if self.environment_of[demand.name] in (None, environment):
                    for zone, units in rooms_of(environment, sold_type(demand.type)).items():
                        name = _room(environment.name, zone, demand.type)
                        taken = tuple(
                            (item.start, item.end, item.units)
                            for item in held
                            if item.place == zone and item.type == demand.type and item.environment == environment.name
                        )
                        self.caps[name] = Cap(
                            name=name,
                            text=f"the accelerator subnets of {environment.name} in {zone} have addresses for "
                            f"{units} {demand.unit} at once, in a hand-over too",
                            capacity=units,
                            changes=taken,
                        )

    def _caps(self, environment: Environment | None, zone: str | None, type_name: str, kind: Kind) -> tuple[str, ...]:
        owners = [environment] if environment is not None else []
        rooms = [_room(owner.name, zone, type_name) for owner in owners if zone is not None]
        return (*([BLOCK_LIMIT] if kind.is_block else []), *(room for room in rooms if room in self.caps))

    def _extensions(self, held: Iterable[Held]) -> Iterable[Option]:
        found = {offer.extends: offer for offer in self.given.offers or () if offer.extends is not None}
        for item in held:
            if item.demand is None or not item.block_instances or item.end <= self.today:
                continue
            environment = next(one for one in self.given.environments if one.name == item.environment)
            demand = next(one for one in self.demands if one.name == item.demand)
            caps = self._caps(environment, item.place, demand.type, Kind.EXTENSION)
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
                yield from self._assumed_extensions(environment, item, demand, caps)

    def _assumed_extensions(
        self, environment: Environment, item: Held, demand: Demand, caps: tuple[str, ...]
    ) -> Iterable[Option]:
        price = self.given.prices.price(demand.type, PurchaseOption.CAPACITY_BLOCK, environment.region)
        if price.value is None:
            self.notes.append(f"extensions of {demand.type} aren't planned: {price.note}")
            return
        longest = min(item.first_start + self.rules.longest, demand.end) - item.end
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

    def _offers(self) -> Iterable[Option]:
        horizon = date_of(self.today + self.rules.horizon)
        for offer in self.given.offers or ():
            if offer.extends is not None:
                continue
            segments = [(first_whole_day(item.start), day_of(item.end.date()), item.units) for item in offer.segments]
            start, end = min(item[0] for item in segments), max(item[1] for item in segments)
            if start < self.today or offer.segments[0].start.date() > horizon:
                self.notes.append(f"offer {offer.id} starts {offer.segments[0].start:%Y-%m-%d}: it can't be bought")
                continue
            fitting = [demand for demand in self.demands if demand.type == offer.type]
            usable = [demand for demand in fitting if self._is_usable(offer, demand)]
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
                    caps=self._caps(self.environment_of[demand.name], zone, demand.type, Kind.OFFER),
                    exclusive=offer.id if len(usable) > 1 else None,
                    segments=tuple(segments),
                )

    def _is_usable(self, offer: OfferedBlock, demand: Demand) -> bool:
        """True if an offer can serve a demand; else a note says why not."""
        environment = self.environment_of[demand.name]
        if environment is None:
            return True
        if isinstance(sold_type(offer.type), UltraServerType) and offer.account != environment.account:
            self.notes.append(
                f"offer {offer.id} is to account {offer.account}: an UltraServer block can't be shared with "
                f"{environment.name}"
            )
            return False
        if not environment.has_network:
            return True
        zones = {item.availability_zone for item in environment.network.subnets if item.kind == "accelerator"}
        elsewhere = sorted({item.zone for item in offer.segments} - zones)
        if elsewhere:
            self.notes.append(f"offer {offer.id} is in {', '.join(elsewhere)}, where {environment.name} has no subnet")
        return not elsewhere

    def _assumed_markets(self) -> Iterable[Market]:
        for demand in self.demands:
            environment = self.environment_of[demand.name]
            assert environment is not None  # noqa: S101 - without a programme every target is an environment's
            sold = sold_type(demand.type)
            first = self.today if self.given.offers is None else self.today + self.rules.horizon + 1
            for option, kind, start in (
                (PurchaseOption.CAPACITY_BLOCK, Kind.LATER_BLOCK, first),
                (PurchaseOption.ON_DEMAND, Kind.ON_DEMAND, self.today),
            ):
                if not _is_sold(sold, option):
                    continue
                price = self.given.prices.price(sold, option, environment.region)
                if price.value is None:
                    self.notes.append(f"{kind}s of {demand.type} aren't planned: {price.note}")
                    continue
                what = "blocks" if kind.is_block else "on-demand reservations"
                says = (
                    f"{what} of {demand.type} at {price.value:,.3f} USD an hour ({price.as_of}); none is on offer yet"
                )
                self.assumptions.append(says)
                for zone in _zones(environment, sold):
                    yield Market(
                        name=zone or environment.name,
                        kind=kind,
                        demand=demand.name,
                        start=start,
                        end=demand.end,
                        usd_per_day=price.value * HOURS_PER_DAY,
                        caps=self._caps(environment, zone, demand.type, kind),
                        assumption=says,
                        place=zone,
                    )

    def _stated_markets(self, programme: Programme) -> Iterable[Market]:
        stated: list[tuple[Kind, int, LaterBlocksSettings]] = [
            *((Kind.LATER_BLOCK, number, item) for number, item in enumerate(programme.later_blocks)),
            *((Kind.ON_DEMAND, number, item) for number, item in enumerate(programme.on_demand_reservations)),
        ]
        for kind, number, item in stated:
            name = f"{'later_blocks' if kind.is_block else 'on_demand_reservations'}[{number}]"
            where = f" at {item.site}" if item.site else ""
            what = "UltraServers" if isinstance(item.sold, UltraServerType) else "instances"
            self.caps[name] = Cap(
                name=name, text=f"{name} has at most {item.count} {what} at once{where}", capacity=item.count
            )
            basis = item.assumption or item.source
            says = f"{name}: {item.count} {item.type} at once{where} at {item.usd_per_hour:,.3f} USD an hour: {basis}"
            self.assumptions.append(says)
            for demand in self.demands:
                if demand.type == item.type:
                    yield Market(
                        name=item.site or name,
                        kind=kind,
                        demand=demand.name,
                        start=day_of(item.start) if item.start else self.today,
                        end=day_of(item.end or programme.end),
                        usd_per_day=item.usd_per_hour * HOURS_PER_DAY,
                        caps=(name, *([BLOCK_LIMIT] if kind.is_block else [])),
                        assumption=says,
                        place=item.site,
                    )

    def _deliveries(self, programme: Programme) -> Iterable[Delivery]:
        serving = {(demand.workload, demand.type): demand.name for demand in self.demands}
        for item in programme.tranches:
            demand = serving.get((item.workload, item.type))
            if demand is None:
                self.notes.append(f"tranche {item.name}: no target is of {item.type} for {item.workload}")
                continue
            yield Delivery(
                name=item.name,
                demand=demand,
                day=day_of(item.delivery),
                end=day_of(item.end or programme.end),
                units=item.count,
                slip=tuple(item.slip.probabilities().items()),
                luck=item.slips_with or item.name,
                usd_per_hour=item.usd_per_hour,
                site=item.site,
            )

    def _tell_assumptions(self, programme: Programme) -> None:
        self.assumptions += [
            f"target {item.name}: {item.assumption}" for item in programme.targets if item.assumption is not None
        ]
        self.assumptions += [
            f"tranche {item.name}: {item.assumption}" for item in programme.tranches if item.assumption is not None
        ]
        self.assumptions += programme.assumptions


def _demand(target: TargetSettings, name: str) -> Demand:
    sold = target.sold
    whole = isinstance(sold, UltraServerType)
    instances = sold.require("instance_count", instead="plan another type") if isinstance(sold, UltraServerType) else 1
    ends = [*(step.start for step in target.steps[1:]), target.end]
    return Demand(
        name=name,
        workload=target.workload,
        type=target.type,
        unit="UltraServers" if whole else "instances",
        instances=instances,
        accelerators=sold.accelerator_count,
        steps=tuple(
            Step(start=day_of(step.start), end=day_of(end), units=step.units(sold), level=target.level_of(step))
            for step, end in zip(target.steps, ends, strict=True)
        ),
    )


def _room(environment: str, zone: str, type_name: str) -> str:
    return f"addresses {environment} {zone} {type_name}"


def _is_sold(sold: SoldType, option: PurchaseOption) -> bool:
    """True if a type is sold in a way; UltraServers are sold as blocks."""
    if isinstance(sold, InstanceType):
        if option is PurchaseOption.ON_DEMAND:
            return bool(sold.supports_on_demand_capacity_reservation)
        return sold.purchase_options is not None and option.value in sold.purchase_options
    return option is PurchaseOption.CAPACITY_BLOCK


def _zones(environment: Environment, sold: SoldType) -> Sequence[str | None]:
    """Zones with an accelerator subnet, of those that documents name for the type if some of them has one.

    None is a zone that isn't known: the environment has no network.
    """
    if not environment.has_network:
        return [None]
    own = sorted({item.availability_zone for item in environment.network.subnets if item.kind == "accelerator"})
    named = [zone for zone in own if zone in (sold.zones or ())]
    return named or own
