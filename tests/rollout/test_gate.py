"""Verdict of the gate between two waves."""

from datetime import UTC, datetime, timedelta

import pytest

from ultrafleet.rollout import Alarm, CellState, verdict

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALARM = Alarm(name="a-capacity-NotRunning", reason="no datapoint", description="pools are not sized")


def state(
    status: str = "CREATE_COMPLETE", *, changed: datetime | None = NOW - 2 * HOUR, alarms: tuple[Alarm, ...] = ()
) -> CellState:
    return CellState(name="a", stacks={"a-network": status}, changed=changed, alarms=alarms)


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]
)
def test_quiet_cells_pass(status: str) -> None:
    found = verdict([state(status)], now=NOW, bake=HOUR)
    assert (found.stops, found.until) == ((), None)


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_fails_for_a_stack_that_is_not_complete(status: str) -> None:
    assert verdict([state(status)], now=NOW, bake=HOUR).stops == (f"a: stack a-network is {status}",)


def test_fails_for_a_stack_that_is_not_there() -> None:
    assert verdict([state("")], now=NOW, bake=HOUR).stops == ("a: stack a-network is not there",)


def test_fails_for_an_alarm_unless_it_is_ignored() -> None:
    found = verdict([state(), state(alarms=(ALARM,))], now=NOW, bake=HOUR)
    assert found.stops == ("a: alarm a-capacity-NotRunning fires (no datapoint): pools are not sized",)
    assert verdict([state(alarms=(ALARM,))], now=NOW, bake=HOUR, ignored=["*-NotRunn*"]).stops == ()
    assert verdict([state(alarms=(ALARM,))], now=NOW, bake=HOUR, ignored=["*-notrunning"]).stops != ()


def test_the_time_counts_from_the_last_change_of_any_cell() -> None:
    cells = [state(), state(changed=NOW - timedelta(minutes=10)), state(changed=None)]
    assert verdict(cells, now=NOW, bake=HOUR).until == NOW + timedelta(minutes=50)
    assert verdict(cells, now=NOW, bake=timedelta(minutes=10)).until is None
