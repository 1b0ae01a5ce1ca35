"""Slip of a delivery: the distribution of whole weeks by which it comes later than contracted."""

import math
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from ultrafleet.environment.fields import Settings
from ultrafleet.errors import FleetError

LONGEST_WEEKS: Final = 520
"""Ten years: a longer slip is a delivery that never comes."""
_SUM_TOLERANCE: Final = 1e-9

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weeks = Annotated[int, Field(ge=0, le=LONGEST_WEEKS)]
# Keys of a file are text.
WeeksKey = Annotated[int, Field(ge=0, le=LONGEST_WEEKS, strict=False)]


class ExponentialSlip(Settings):
    """Slip that is exponentially distributed: short ones are likely, long ones are not ruled out."""

    mean: float = Field(gt=0, le=LONGEST_WEEKS, allow_inf_nan=False)
    """Mean in weeks, before it is cut off."""
    most: int | None = Field(default=None, ge=0, le=LONGEST_WEEKS)
    """Weeks at which it is cut off: longer slips are this long. Default: it is unbounded."""


class SlipSettings(Settings):
    """Distribution of slip in whole weeks: stated week by week, or one of the simple ones, rounded up to weeks."""

    weeks: dict[WeeksKey, Probability] | None = None
    """Weeks of slip → probability; with `never` they sum to 1."""
    uniform_weeks: tuple[Weeks, Weeks] | None = Field(default=None, strict=False)
    """Least and most weeks, each as likely."""
    triangular_weeks: tuple[Weeks, Weeks, Weeks] | None = Field(default=None, strict=False)
    """Least, likeliest and most weeks."""
    exponential_weeks: ExponentialSlip | None = None
    """Exponential distribution."""
    never: Probability = 0.0
    """Probability that the delivery never comes. Of a simple distribution the rest is scaled to what is left."""

    @model_validator(mode="after")
    def _is_one_distribution(self) -> Self:
        kinds = ("weeks", "uniform_weeks", "triangular_weeks", "exponential_weeks")
        stated = [name for name in kinds if getattr(self, name) is not None]
        if len(stated) != 1:
            raise FleetError(
                path="slip",
                verb="has",
                got=" and ".join(stated) or "no distribution",
                expected=f"one of {', '.join(kinds)}",
                remedy="weeks: {0: 1} is none at all",
            )
        if self.weeks is not None:
            total = sum(self.weeks.values()) + self.never
            if abs(total - 1) > _SUM_TOLERANCE:
                raise FleetError(
                    path="probabilities of slip",
                    verb="sum to",
                    got=f"{total:.6g}",
                    expected="1",
                    remedy="correct weeks or never",
                )
        for bounds in (self.uniform_weeks, self.triangular_weeks):
            if bounds is not None and list(bounds) != sorted(bounds):
                raise FleetError(
                    path="weeks of slip", verb="are", got=list(bounds), expected="in rising order", remedy="swap them"
                )
        return self

    @property
    def is_bounded(self) -> bool:
        """True if it can't be longer than some number of weeks."""
        exponential = self.exponential_weeks
        return self.never == 0 and (exponential is None or exponential.most is not None)

    def probabilities(self) -> dict[int | None, float]:
        """Probability of each slip in whole weeks, rising; None is the delivery that never comes.

        An unbounded distribution ends after ten years: what is later never comes.
        """
        found: dict[int | None, float] = {}
        last = 0.0
        for week in range(self._most + 1):
            reached = self._by(week)
            if reached > last:
                found[week] = (reached - last) * (1 if self.weeks is not None else 1 - self.never)
            last = max(last, reached)
        rest = 1 - sum(found.values())
        if rest > _SUM_TOLERANCE:
            found[None] = rest
        return found

    @property
    def _most(self) -> int:
        if self.weeks is not None:
            return max((week for week, chance in self.weeks.items() if chance > 0), default=0)
        if self.uniform_weeks is not None:
            return self.uniform_weeks[-1]
        if self.triangular_weeks is not None:
            return self.triangular_weeks[-1]
        exponential = self.exponential_weeks
        return LONGEST_WEEKS if exponential is None or exponential.most is None else exponential.most

    def _by(self, week: int) -> float:
        """Probability that it is at most that many weeks, given that the delivery comes."""
        if self.weeks is not None:
            return sum(chance for at, chance in self.weeks.items() if at <= week)
        if self.uniform_weeks is not None:
            least, most = self.uniform_weeks
            return min(1.0, max(0, week - least + 1) / (most - least + 1))
        if self.triangular_weeks is not None:
            return _triangular(week, *self.triangular_weeks)
        exponential = self.exponential_weeks
        if exponential is None or week >= (LONGEST_WEEKS + 1 if exponential.most is None else exponential.most):
            return 1.0
        return 1 - math.exp(-week / exponential.mean)


def _triangular(week: int, least: int, likely: int, most: int) -> float:
    """Distribution function of the triangular distribution."""
    if week >= most:
        return 1.0
    if week < least:
        return 0.0
    if week <= likely:
        return (week - least) ** 2 / ((most - least) * (likely - least)) if likely > least else 0.0
    return 1 - (most - week) ** 2 / ((most - least) * (most - likely))
