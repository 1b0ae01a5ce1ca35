"""EventBridge Scheduler's clock: rates fire and start the state machines that are their targets."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from moto.scheduler.models import Schedule, scheduler_backends
from moto.stepfunctions.models import stepfunctions_backends

from ultrafleet.rehearsal.autoscaling.state import AutoScaling
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.engine.interpreter import Machine
from ultrafleet.rehearsal.stepfunctions.engine.sdk_integrations import SdkIntegrations
from ultrafleet.rules.schedule_tags import LEAD_TAG

_RATE: Final = re.compile(r"rate\((\d+) minutes?\)")
_QUIET_RUNS: Final = 12
"""Executions in a row without a change after which executions that would do the same are left out."""
_QUIET_STEP: Final = timedelta(hours=24)
_AROUND: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class ScheduledExecution:
    """Execution that a schedule started."""

    moment: datetime
    machine: str
    status: str
    error: str
    cause: str
    writes: list[tuple[str, dict[str, Any]]]
    figures: list[dict[str, Any]] = field(default_factory=list)


class Schedules:
    """Schedules of an account and a region, with rates of whole minutes.

    A rate counts from the schedule's creation, and each of its moments may be late (EventBridge Scheduler, high). What
    it does at the creation itself is left out: it would find what the first execution finds, so much earlier.
    """

    skip_quiet = True
    """Leave out runs while nothing changes; a test shows that this changes nothing either."""
    lateness = timedelta(0)
    """Time by which every second execution is late; those between are in time."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.runs: list[ScheduledExecution] = []
        self.refuses_starts = 0
        """Number of next starts that Step Functions refuses, by a fault."""
        self._given_up: list[tuple[datetime, str]] = []
        self._quiet = 0
        self._changes = -1
        self._created: dict[str, datetime] = {}
        SIMULATED_ACCOUNT.register(self)

    def align(self, moment: datetime) -> None:
        """Move the executions of every schedule so that one falls on a moment, in time, and the next is late."""
        for schedule in self._enabled():
            self._created[schedule.arn] = moment - 2 * (_rate(schedule) or timedelta(0))

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which a schedule fires."""
        if self._changes != SIMULATED_ACCOUNT.changes:
            self._quiet = 0
        moments = [
            self._quiet_until(after, schedule, rate)
            for schedule in self._enabled()
            if (rate := _rate(schedule)) is not None
        ]
        return min([*moments, *(moment for moment, _ in self._given_up if moment > after)], default=None)

    def act(self, now: datetime) -> None:
        """Start the targets of schedules that fire now; what is given up goes to the dead-letter queue."""
        due = [queue for moment, queue in self._given_up if moment <= now]
        self._given_up = [(moment, queue) for moment, queue in self._given_up if moment > now]
        for queue in due:
            call = Calls(account_id=self.account_id, region=self.region)
            url = call("sqs", "get_queue_url", QueueName=queue.rpartition(":")[2])["QueueUrl"]
            call("sqs", "send_message", QueueUrl=url, MessageBody="{}")
        for schedule in self._enabled():
            rate = _rate(schedule)
            if rate is not None and self._following(now - timedelta(seconds=1), schedule, rate) == now:
                self._fire(schedule, now)

    def _quiet_until(self, after: datetime, schedule: Schedule, rate: timedelta) -> datetime:
        """The schedule's next moment, but for those at which there is nothing to do."""
        if not self.skip_quiet or self._quiet < _QUIET_RUNS or self._is_busy(after):
            return self._following(after, schedule, rate)
        later = [after + _QUIET_STEP - rate, *(start for start, _ in self._busy() if start > after)]
        return min(self._following(moment, schedule, rate) for moment in later)

    def _following(self, after: datetime, schedule: Schedule, rate: timedelta) -> datetime:
        """First moment of a schedule later than another."""
        created = self._created.setdefault(schedule.arn, SIMULATED_ACCOUNT.now)
        count = max(1, (after - created) // rate)
        while (moment := created + count * rate + count % 2 * self.lateness) <= after:
            count += 1
        return moment

    def _fire(self, schedule: Schedule, now: datetime) -> None:
        before = SIMULATED_ACCOUNT.changes
        arn = schedule.target["Arn"]
        if ":states:" not in arn:
            return
        if self.refuses_starts:
            self.refuses_starts -= 1
            age = int(schedule.target["RetryPolicy"]["MaximumEventAgeInSeconds"])
            self._given_up.append((now + timedelta(seconds=age), schedule.target["DeadLetterConfig"]["Arn"]))
            return
        backend = stepfunctions_backends[self.account_id][self.region]
        machine = next((machine for machine in backend.state_machines if machine.arn == arn), None)
        if machine is None:
            self.runs.append(_failed(now, arn, "States.StateMachineDoesNotExist", arn))
            return
        calls = SdkIntegrations(account_id=self.account_id, region=self.region, role_arn=machine.roleArn)
        execution = Machine(json.loads(machine.definition), calls, pause=_pass).run(start=now)
        SIMULATED_ACCOUNT.now = now
        self.runs.append(
            ScheduledExecution(
                moment=now,
                machine=machine.name,
                status=execution.status,
                error=execution.error,
                cause=execution.cause,
                writes=calls.writes,
                figures=calls.figures,
            )
        )
        self._quiet = self._quiet + 1 if SIMULATED_ACCOUNT.changes == before == self._changes else 0
        self._changes = SIMULATED_ACCOUNT.changes

    def _is_busy(self, moment: datetime) -> bool:
        return any(start <= moment <= end for start, end in self._busy())

    def _busy(self) -> list[tuple[datetime, datetime]]:
        """Windows in which a state machine may have work: around the start and the end of a block."""
        reservations = SIMULATED_ACCOUNT.part(Reservations, self.account_id, self.region).by_id.values()
        lead = self._longest_lead() + _AROUND
        return [
            window
            for reservation in reservations
            for window in (
                (reservation.start - _AROUND, reservation.start + _AROUND),
                *([(reservation.end - lead, reservation.end + _AROUND)] if reservation.end else []),
            )
        ]

    def _longest_lead(self) -> timedelta:
        groups = SIMULATED_ACCOUNT.part(Eks, self.account_id, self.region).node_groups()
        own = SIMULATED_ACCOUNT.part(AutoScaling, self.account_id, self.region).groups.values()
        tags = [group.described.get("tags", {}).get(LEAD_TAG, "") for group in groups]
        tags += [group.tags.get(LEAD_TAG, "") for group in own]
        minutes = [int(value) for value in tags if value.isdigit()]
        return timedelta(minutes=max(minutes, default=0))

    def _enabled(self) -> list[Schedule]:
        groups = scheduler_backends[self.account_id][self.region].schedule_groups.values()
        return [s for group in groups for s in group.schedules.values() if s.state == "ENABLED"]


def _failed(moment: datetime, machine: str, error: str, cause: str) -> ScheduledExecution:
    return ScheduledExecution(moment=moment, machine=machine, status="FAILED", error=error, cause=cause, writes=[])


def _rate(schedule: Schedule) -> timedelta | None:
    match = _RATE.fullmatch(schedule.schedule_expression)
    return timedelta(minutes=int(match[1])) if match else None


def _pass(seconds: float) -> None:
    """Let time pass for the rest of an execution: its later calls are made so much later."""
    SIMULATED_ACCOUNT.now += timedelta(seconds=seconds)
