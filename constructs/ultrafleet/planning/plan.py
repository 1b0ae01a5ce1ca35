"""Plan: purchases, outcomes of every step, and how good they are."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ultrafleet.planning.supply import Kind


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """Purchase of a plan.

    Attributes:
        demand: name of the target that it serves.
        kind: offer, extension, later block or on-demand reservation.
        name: offering id, reservation that is extended, or name of what is assumed.
        type: type that is bought.
        units: UltraServers or instances.
        start: first day, from 11:30 UTC.
        end: day at whose 11:30 UTC it ends.
        usd: price.
        place: zone or site; None where it isn't known.
        pool: `ENVIRONMENT/POOL` of the blocks that are extended, comma-separated; None for other purchases.
        times: number of blocks that are bought or extended.
        assumption: what is assumed of it; None where it is on offer.
        is_due: whether it can be bought today.
        commands: next commands, for what can be bought today.
    """

    demand: str
    kind: Kind
    name: str
    type: str
    units: int
    start: date
    end: date
    usd: float
    place: str | None
    pool: str | None
    times: int
    assumption: str | None
    is_due: bool
    commands: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.end - self.start).days


@dataclass(frozen=True, kw_only=True)
class Shortfall:
    """Capacity of a step that no plan can cover.

    Attributes:
        start: first day.
        end: day after the last.
        units: UltraServers or instances that are missing for the service level.
        reason: why.
    """

    start: date
    end: date
    units: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """Outcome of a step.

    Attributes:
        demand: name of the target.
        start: first day.
        end: day after the last.
        units: UltraServers or instances that are wanted.
        level: service level.
        probability: share of the sampled futures in which they are there on all days.
        checked: the same share among futures that the plan didn't see; None without slip.
        without_slip: share in which the plan made without slip meets it; None without slip.
        is_met: whether the service level is reached.
        shortfalls: what couldn't be covered.
    """

    demand: str
    start: date
    end: date
    units: int
    level: float
    probability: float
    checked: float | None
    without_slip: float | None
    is_met: bool
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days of a target on which nothing changes.

    Attributes:
        start: first day.
        end: day after the last.
        needed: UltraServers or instances that are wanted.
        owned: what is there.
        planned: what the plan buys.
        delivered: mean of what is delivered in the sampled futures.
        delivered_low: what is delivered in all but a twentieth of them.
        delivered_high: what is delivered in a twentieth of them.
        contracted: what is delivered if nothing slips.
        probability: share of the futures in which enough is there.
    """

    start: date
    end: date
    needed: int
    owned: int
    planned: int
    delivered: float
    delivered_low: int
    delivered_high: int
    contracted: int
    probability: float


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Quality of purchases on the sampled futures.

    Attributes:
        steps_met: steps that reach their service level.
        usd: price of the purchases.
        missing_unit_days: mean of the unit-days that are missing.
    """

    steps_met: int
    usd: float
    missing_unit_days: float


@dataclass(frozen=True, kw_only=True)
class SlipValue:
    """Value of planning with slip over planning without.

    Attributes:
        with_slip: the plan.
        without_slip: the plan that takes every contracted day for certain, on the same futures.
    """

    with_slip: Measure
    without_slip: Measure

    @property
    def extra_usd(self) -> float:
        """Price of planning with slip."""
        return self.with_slip.usd - self.without_slip.usd

    @property
    def avoided_unit_days(self) -> float:
        """Mean of the missing unit-days that it avoids."""
        return self.without_slip.missing_unit_days - self.with_slip.missing_unit_days

    @property
    def break_even_usd_per_unit_hour(self) -> float | None:
        """Worth of a unit-hour from which on it pays; None where it avoids nothing."""
        return self.extra_usd / self.avoided_unit_days / 24 if self.avoided_unit_days > 0 else None


@dataclass(frozen=True, kw_only=True)
class Solving:
    """Record of how a plan was found.

    Attributes:
        solver: library and version; None where none was needed.
        seconds: wall time.
        lower_bound_usd: proven: no purchases that reach the levels aimed at in the sampled futures cost less.
        gap: share of the price by which the bound is below it.
        scenarios: sampled futures.
        checked: further futures that the plan was checked on.
        seed: seed of both.
        aimed_higher: steps that the plan aims to meet more often than their level in the sampled futures, because it
            missed it in the further ones.
    """

    solver: str | None
    seconds: float
    lower_bound_usd: float
    gap: float
    scenarios: int
    checked: int
    seed: int
    aimed_higher: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Plan.

    Attributes:
        name: name of the environment or programme.
        today: day on which it was made.
        purchases: in the order of their starts.
        steps: outcomes, in the order of the targets.
        timeline: spans of each target.
        usd: price of all purchases.
        expected_usd: mean price if blocks that can't be bought today are bought only when a delivery is late.
        delivery_usd: mean price of the contracted deliveries; None where some price isn't stated.
        budget_usd: sum that the programme may cost; None where none is stated.
        slip_value: value of planning with slip; None without slip.
        solving: how it was found.
        notes: what was left out, and why.
        assumptions: what was assumed.
    """

    name: str
    today: date
    purchases: tuple[Purchase, ...]
    steps: tuple[StepOutcome, ...]
    timeline: Mapping[str, tuple[Span, ...]]
    usd: float
    expected_usd: float
    delivery_usd: float | None
    budget_usd: float | None
    slip_value: SlipValue | None
    solving: Solving
    notes: tuple[str, ...]
    assumptions: tuple[str, ...]

    @property
    def is_met(self) -> bool:
        """True if every step reaches its service level."""
        return all(step.is_met for step in self.steps)


def joined_spans(spans: Sequence[Span]) -> Iterator[Span]:
    """Spans, of which neighbours that differ in their days alone are one.

    Args:
        spans: in order, without holes between them.
    """
    alike = itertools.groupby(spans, key=lambda span: replace(span, start=date.min, end=date.min))
    for _, group in alike:
        found = list(group)
        yield replace(found[0], end=found[-1].end)
