"""Cost of a programme's deliveries against its sum, with and without slip."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules
from ultrafleet.cost.amount import Amount
from ultrafleet.cost.commitments import exactly
from ultrafleet.cost.months import hours
from ultrafleet.programme import Programme, TrancheSettings


@dataclass(frozen=True, kw_only=True)
class DeliveryCost:
    """Cost of a delivery from its first to its last day.

    Attributes:
        name: its name.
        sold: type that is delivered.
        count: UltraServers or instances.
        usd_per_hour: USD an hour of one; None where the file states none.
        without_slip: cost where it comes on its day.
        on_average: cost on average over its slip: what isn't there isn't paid.
        assumed: its figures are an assumption.
        contracted: its contracted day.
    """

    name: str
    sold: str
    count: int
    usd_per_hour: float | None
    without_slip: Amount
    on_average: Amount
    assumed: bool
    contracted: date


@dataclass(frozen=True, kw_only=True)
class ProgrammeCost:
    """Cost of a programme's deliveries.

    Attributes:
        programme: its name.
        deliveries: cost of each, by contracted day.
        budget: sum that it may cost; None where none is stated.
    """

    programme: str
    deliveries: tuple[DeliveryCost, ...]
    budget: Fraction | None

    @property
    def without_slip(self) -> Amount:
        """Cost of all where each comes on its day."""
        return Amount.total(item.without_slip for item in self.deliveries)

    @property
    def on_average(self) -> Amount:
        """Cost of all on average."""
        return Amount.total(item.on_average for item in self.deliveries)

    @property
    def is_over(self) -> bool:
        """True if the known part is on average above the sum."""
        usd = self.on_average.usd
        return self.budget is not None and usd is not None and usd > self.budget

    def until(self, day: date) -> "ProgrammeCost":
        """The same of the deliveries that are contracted for a day or an earlier one.

        Args:
            day: the day.
        """
        kept = tuple(item for item in self.deliveries if item.contracted <= day)
        return ProgrammeCost(programme=self.programme, deliveries=kept, budget=self.budget)


def programme_cost(programme: Programme) -> ProgrammeCost:
    """Cost of a programme's deliveries within its time.

    Args:
        programme: the programme.
    """
    return ProgrammeCost(
        programme=programme.name,
        deliveries=tuple(
            _delivery(item, programme) for item in sorted(programme.tranches, key=lambda item: item.delivery)
        ),
        budget=None if programme.budget_usd is None else exactly(programme.budget_usd),
    )


def _delivery(item: TrancheSettings, programme: Programme) -> DeliveryCost:
    rate = None if item.usd_per_hour is None else exactly(item.usd_per_hour) * item.count
    slipped = sum((exactly(chance) * _hours(item, programme, weeks) for weeks, chance in _slips(item)), Fraction(0))
    return DeliveryCost(
        name=item.name,
        sold=item.type,
        count=item.count,
        usd_per_hour=item.usd_per_hour,
        without_slip=Amount.of(None if rate is None else rate * _hours(item, programme, 0)),
        on_average=Amount.of(None if rate is None else rate * slipped),
        assumed=item.assumption is not None,
        contracted=item.delivery,
    )


def _slips(item: TrancheSettings) -> Iterator[tuple[int, float]]:
    """Slips that end, with their chances: a delivery that never comes costs nothing."""
    return ((weeks, chance) for weeks, chance in item.slip.probabilities().items() if weeks is not None)


def _hours(item: TrancheSettings, programme: Programme, weeks: int) -> Fraction:
    start = max(_on_day(programme.start), _on_day(item.delivery) + timedelta(weeks=weeks))
    return hours(start, _on_day(min(item.end or programme.end, programme.end)))


def _on_day(day: date) -> datetime:
    return datetime.combine(day, CapacityBlockRules.END_TIME_UTC, tzinfo=UTC)
