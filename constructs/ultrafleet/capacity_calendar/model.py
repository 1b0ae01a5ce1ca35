"""Values of a calendar, without a form."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Kind of capacity."""

    BLOCK = "block"
    """A capacity block that was bought."""
    TRANCHE = "delivery"
    """A contracted delivery, which may slip."""
    ON_DEMAND = "on demand"
    """On-demand capacity."""
    LATER = "may be bought"
    """Capacity that isn't bought or contracted."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Capacity of one sort over one time.

    Attributes:
        kind: its kind.
        label: its name: a reservation id, the name of a delivery.
        count: UltraServers or instances.
        start: when it is there at the earliest.
        end: when it ends; None: it doesn't.
        arrivals: chance that it is there, from each of these moments on, rising; empty: it is there from the start.
        shared_luck: name of the delivery whose luck it shares; its own name by default, "" of what is certain.
        assumed: its figures are an assumption.
    """

    kind: Kind
    label: str
    count: int
    start: datetime
    end: datetime | None
    arrivals: tuple[tuple[datetime, float], ...] = ()
    shared_luck: str = ""
    assumed: bool = False

    def chance_at(self, moment: datetime) -> float:
        """Chance that it has come by a moment, without its end.

        Args:
            moment: the moment.
        """
        if not self.arrivals:
            return 1.0 if self.start <= moment else 0.0
        return max((chance for since, chance in self.arrivals if since <= moment), default=0.0)

    def is_over(self, moment: datetime) -> bool:
        """True from its end on.

        Args:
            moment: the moment.
        """
        return self.end is not None and self.end <= moment


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Line of a calendar: a pool, a site, a delivery.

    Attributes:
        name: its name.
        sold: instance type or UltraServer type.
        workload: what it is for, or "".
        bars: its capacity, by start.
    """

    name: str
    sold: str
    workload: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Supply of a target at one moment.

    Attributes:
        moment: the moment.
        target: UltraServers or instances that are wanted; 0 before the first step and after the end.
        contracted: what would be there without any slip.
        mean: what is there on average.
        least: what is there at least, in 95 of 100 cases.
        most: what is there at most, in 95 of 100 cases.
        chance: chance that the target is met; 1.0 where nothing is wanted.
    """

    moment: datetime
    target: int
    contracted: int
    mean: float
    least: int
    most: int
    chance: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """Step of a target.

    Attributes:
        start: its beginning.
        end: its end.
        wanted: UltraServers or instances.
        service_level: chance with which it has to be met.
        chance: least chance of a day of it, by what is bought and contracted.
    """

    start: datetime
    end: datetime
    wanted: int
    service_level: float
    chance: float


@dataclass(frozen=True, kw_only=True)
class TargetLine:
    """Target over time and the supply that it is compared with.

    Attributes:
        name: its name.
        sold: type that is wanted.
        workload: what it is for.
        unit: what is counted: `UltraServers` or `instances`.
        accelerators: accelerators of one; None where no source says.
        steps: its steps.
        outlook: the supply, by moments.
        assumed: its figures are an assumption.
    """

    name: str
    sold: str
    workload: str
    unit: str
    accelerators: int | None
    steps: tuple[Step, ...]
    outlook: tuple[Outlook, ...]
    assumed: bool = False


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Calendar of an environment or a programme.

    Attributes:
        title: its title.
        start: its first moment.
        end: the moment after its last.
        lanes: its lanes.
        targets: its targets.
        notes: sentences that belong to it: what is assumed, what isn't counted.
    """

    title: str
    start: datetime
    end: datetime
    lanes: tuple[Lane, ...]
    targets: tuple[TargetLine, ...]
    notes: tuple[str, ...] = ()
