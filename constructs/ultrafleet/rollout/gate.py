"""Gate between two waves: stacks that are complete, alarms that are quiet, and a time during which they stayed so."""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_COMPLETE: Final = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
"""States of a stack that is whole. One that was rolled back, and whose template was taken back, too, keeps its state:
that it is as the template says is what the CLI found, or else the cell would have failed."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Alarm of a cell that CloudWatch has in the state ALARM.

    Attributes:
        name: of the alarm.
        reason: what CloudWatch says of its state.
        description: what the alarm says to do.
    """

    name: str
    reason: str
    description: str


@dataclass(frozen=True, kw_only=True)
class CellState:
    """State of a cell, as its account tells it.

    Attributes:
        name: of the cell.
        stacks: status of each of its stacks by name; "" where it isn't there.
        changed: moment of the last event of a stack, UTC; None where none is there.
        alarms: alarms that fire.
    """

    name: str
    stacks: dict[str, str]
    changed: datetime | None
    alarms: Sequence[Alarm]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Verdict of the gate.

    Attributes:
        stops: reasons to stop the rollout, a line each.
        until: moment up to which alarms are watched; None where there is nothing to wait for.
    """

    stops: Sequence[str]
    until: datetime | None


def verdict(cells: Sequence[CellState], *, now: datetime, bake: timedelta, ignored: Sequence[str] = ()) -> Verdict:
    """Verdict over the cells of a wave.

    Nothing of it is remembered: the time is counted from the last event of the cells' stacks, so a rollout that is run
    again doesn't wait once more for what has not changed since.

    Args:
        cells: the cells.
        now: moment of their state, UTC.
        bake: how long alarms are watched after the last change.
        ignored: patterns of names of alarms that don't count.
    """
    stops = []
    for cell in cells:
        stops += [
            f"{cell.name}: stack {name} is {status or 'not there'}"
            for name, status in sorted(cell.stacks.items())
            if status not in _COMPLETE
        ]
        stops += [
            f"{cell.name}: alarm {alarm.name} fires ({alarm.reason}): {alarm.description}"
            for alarm in cell.alarms
            if not any(fnmatch.fnmatchcase(alarm.name, pattern) for pattern in ignored)
        ]
    changed = [cell.changed for cell in cells if cell.changed is not None]
    until = max(changed) + bake if changed else None
    return Verdict(stops=tuple(stops), until=until if until is not None and until > now else None)
