"""Problem that a plan solves: what is wanted, what is there, and what can be bought. Days are whole numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ultrafleet.planning.block_rules import BlockRules


class Kind(StrEnum):
    """Kinds of purchases."""

    OFFER = "offer"
    """A block on offer."""
    EXTENSION = "extension"
    """A longer end of a block that is owned."""
    LATER_BLOCK = "later block"
    """A block that isn't on offer yet; its price is an assumption."""
    ON_DEMAND = "on-demand reservation"
    """An on-demand capacity reservation; that EC2 has it is an assumption."""

    @property
    def is_block(self) -> bool:
        """True if it is a capacity block, which ends."""
        return self is not Kind.ON_DEMAND


@dataclass(frozen=True, kw_only=True)
class Step:
    """Step of a demand.

    Attributes:
        start: first day.
        end: day after the last.
        units: UltraServers or instances that are wanted.
        level: chance with which they have to be there on all days; 1 allows no gap between two blocks either.
    """

    start: int
    end: int
    units: int
    level: float

    @property
    def has_no_gap(self) -> bool:
        """True if not even the hand-over between two blocks may leave a gap."""
        return self.level >= 1


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Capacity of a type over time.

    Attributes:
        name: name of the target.
        workload: `training` or `inference`.
        type: type that is bought.
        unit: `UltraServers` or `instances`.
        instances: instances of a unit.
        accelerators: GPUs or chips of a unit; None where it is unknown.
        steps: in order, without holes between them.
    """

    name: str
    workload: str
    type: str
    unit: str
    instances: int
    accelerators: int | None
    steps: tuple[Step, ...]

    @property
    def start(self) -> int:
        """First day."""
        return self.steps[0].start

    @property
    def end(self) -> int:
        """Day after the last."""
        return self.steps[-1].end


@dataclass(frozen=True, kw_only=True)
class Held:
    """Capacity that is there: a block, or an on-demand reservation.

    Attributes:
        name: reservation ids, or the name of a reservation.
        demand: demand that it serves; None for none, it counts against limits alone.
        start: first whole day.
        end: day after the last.
        units: UltraServers or instances.
        block_instances: instances that count as those of blocks.
        type: type that it is of.
        environment: environment that has it.
        first_start: first day of the block, from which its longest total counts.
        last_end: day on which an extension has to end, because another block of the pool has begun the day before; None
            where none follows.
        times: blocks of the same days that it joins.
        place: zone.
        pool: `ENVIRONMENT/POOL`, comma-separated of several.
    """

    name: str
    demand: str | None
    start: int
    end: int
    units: int
    block_instances: int
    type: str = ""
    environment: str = ""
    first_start: int = 0
    last_end: int | None = None
    times: int = 1
    place: str | None = None
    pool: str | None = None


@dataclass(frozen=True, kw_only=True)
class Option:
    """Purchase of fixed days: an offer, or an extension.

    Attributes:
        name: offering id, or the reservation that is extended.
        kind: offer or extension.
        demand: demand that it serves.
        start: first day.
        end: day after the last.
        units: UltraServers or instances of one purchase.
        most: how often it can be bought.
        usd: price of one purchase.
        place: zone or site.
        caps: names of the caps that it counts against.
        exclusive: name of a group of which `most` in all can be bought, such as the extensions of a block.
        assumption: what is assumed of it; None where it is on offer.
        pool: `ENVIRONMENT/POOL` of the block that is extended.
        segments: first day, day after the last and units of each part of an offer in several segments. Default: one.
    """

    name: str
    kind: Kind
    demand: str
    start: int
    end: int
    units: int
    usd: float
    most: int = 1
    place: str | None = None
    caps: tuple[str, ...] = ()
    exclusive: str | None = None
    assumption: str | None = None
    pool: str | None = None
    segments: tuple[tuple[int, int, int], ...] = ()

    @property
    def parts(self) -> tuple[tuple[int, int, int], ...]:
        """First day, day after the last and units of each part."""
        return self.segments or ((self.start, self.end, self.units),)


@dataclass(frozen=True, kw_only=True)
class Market:
    """Purchases of any days at one price: blocks that aren't on offer yet, or on-demand reservations.

    Attributes:
        name: for reports.
        kind: later block or on-demand reservation.
        demand: demand that it serves.
        start: first day.
        end: day after the last.
        usd_per_day: price of a unit for a day.
        caps: names of the caps that it counts against.
        place: zone or site.
        assumption: what is assumed of it.
    """

    name: str
    kind: Kind
    demand: str
    start: int
    end: int
    usd_per_day: float
    caps: tuple[str, ...]
    assumption: str
    place: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cap:
    """Limit of what is bought at once, in units or instances.

    Attributes:
        name: name by which options refer to it.
        text: what it is, for reasons.
        capacity: how much can be bought at once before `changes` are subtracted.
        changes: first day, day after the last and amount of what is taken already.
        weighs_instances: whether a unit counts with its instances rather than once.
    """

    name: str
    text: str
    capacity: int
    changes: tuple[tuple[int, int, int], ...] = ()
    weighs_instances: bool = False

    def at(self, day: int) -> int:
        """Amount that is free on a day, 0 or more."""
        taken = sum(amount for start, end, amount in self.changes if start <= day < end)
        return max(0, self.capacity - taken)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Contracted delivery.

    Attributes:
        name: name of the tranche.
        demand: demand that it serves.
        day: contracted day.
        end: day after the last.
        units: UltraServers or instances.
        slip: weeks of slip and their probabilities, rising; None is a delivery that never comes.
        luck: name of the tranche whose luck it shares: its own, or another's.
        usd_per_hour: price of a unit; None where its cost isn't counted.
        site: where.
    """

    name: str
    demand: str
    day: int
    end: int
    units: int
    slip: tuple[tuple[int | None, float], ...]
    luck: str
    usd_per_hour: float | None = None
    site: str | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Wants, supply and limits that a plan is made from.

    Attributes:
        today: first day on which something can start.
        demands: what is wanted.
        held: what is there.
        options: purchases of fixed days.
        markets: purchases of any days.
        deliveries: what is contracted.
        caps: limits, by name.
        rules: rules of capacity blocks.
        notes: sentences on what was left out, and why.
        assumptions: sentences on what was assumed.
    """

    today: int
    demands: tuple[Demand, ...]
    held: tuple[Held, ...] = ()
    options: tuple[Option, ...] = ()
    markets: tuple[Market, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    caps: Mapping[str, Cap] = field(default_factory=dict)
    rules: BlockRules = field(default_factory=BlockRules)
    notes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    def demand(self, name: str) -> Demand:
        """Demand of that name."""
        return next(item for item in self.demands if item.name == name)
