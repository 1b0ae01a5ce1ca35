"""Durations that capacity blocks are sold for."""

from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.errors import FleetError

_WEEK: Final = 7
_BY_THE_DAY: Final = CapacityBlockRules.MAX_DAILY_DURATION.days
_MOST: Final = CapacityBlockRules.MAX_DURATION.days

SOLD_DAYS: Final = (*range(1, _BY_THE_DAY + 1), *range(_BY_THE_DAY + _WEEK, _MOST + 1, _WEEK))
"""Every duration in days: by the day up to two weeks, then by the week."""


def validate_sold_days(days: int, *, path: str = "days") -> None:
    """Refuse a duration that EC2 doesn't sell.

    Args:
        days: the duration.
        path: name of the value in the error.

    Raises:
        FleetError: neither a day to 14 of them nor whole weeks up to 182 days.
    """
    if days not in SOLD_DAYS:
        below, above = [one for one in SOLD_DAYS if one < days], [one for one in SOLD_DAYS if one > days]
        near = [*below[-1:], *above[:1]]
        raise FleetError(
            path=path,
            got=days,
            expected=f"1 to {_BY_THE_DAY}, or a multiple of {_WEEK} up to {_MOST}",
            remedy=f"ask for {' or '.join(str(one) for one in near)}",
        )
