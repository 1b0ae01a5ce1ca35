"""Worst timing of the block schedule: what EventBridge Scheduler's rate and one throttled call can make of it."""

from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, Final

from ultrafleet.catalog.limits import SCHEDULE_PRECISION_SECONDS
from ultrafleet.environment import Environment
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rehearsal.stepfunctions.clock import Schedules
from ultrafleet.rules.block_clock import TICK_MINUTES, lead_or_default

LATENESS: Final = timedelta(seconds=SCHEDULE_PRECISION_SECONDS.value - 1)
"""Time by which an execution may start after its moment."""
_SIZES: Final = (("eks", "UpdateNodegroupConfig"), ("autoscaling", "SetDesiredCapacity"))
"""Calls by which the schedule sets a size."""
_SECOND: Final = timedelta(seconds=1)
_AHEAD: Final = 2 * timedelta(minutes=TICK_MINUTES) + _SECOND


class WorstTiming:
    """Actor: an execution a second before each start and each drain of a block, the next late and throttled once.

    The phase of a rate is the moment of the schedule's creation, which is arbitrary; so whatever it is, no start
    and no drain is later than here. Of two drains that begin within ten minutes only the later one is at its worst.

    Args:
        environment: the environment, deployed.
    """

    def __init__(self, environment: Environment) -> None:
        self._reservations = SIMULATED_ACCOUNT.part(Reservations, environment.account, environment.region)
        self._schedules = SIMULATED_ACCOUNT.part(Schedules, environment.account, environment.region)
        self._schedules.lateness = LATENESS
        self._leads = {
            block.capacity_reservation_id: timedelta(
                minutes=lead_or_default(pool.drain_lead_minutes, ultraserver=block.ultraserver_type is not None)
            )
            for pool in environment.pools
            for block in pool.capacity_blocks
        }
        self._throttled = cycle([True, False])
        SIMULATED_ACCOUNT.register(self)
        SIMULATED_ACCOUNT.checks.append(self._throttle)

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which the executions are moved."""
        return min((moment for moment in self._moments() if moment > after), default=None)

    def act(self, now: datetime) -> None:
        """Move the executions for the start or the drain that comes."""
        if now in self._moments():
            self._schedules.align(now + _AHEAD - _SECOND)

    def _moments(self) -> list[datetime]:
        found = []
        for block_id, lead in self._leads.items():
            reservation = self._reservations.by_id.get(block_id)
            if reservation is not None and reservation.end is not None:
                found += [reservation.start - _AHEAD, reservation.end - lead - _AHEAD]
        return found

    def _throttle(self, service: str, action: str, _: dict[str, Any]) -> None:
        if (service, action) in _SIZES and next(self._throttled):
            raise Refusal("ThrottlingException", "Rate exceeded")
