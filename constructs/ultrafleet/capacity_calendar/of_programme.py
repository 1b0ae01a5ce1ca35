"""Calendar of a programme file."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ultrafleet.capacity_calendar.model import Bar, Calendar, Kind, Lane
from ultrafleet.capacity_calendar.of_environment import environment_lanes, window
from ultrafleet.capacity_calendar.targets import on_day, target_line
from ultrafleet.environment import Environment
from ultrafleet.programme import Programme
from ultrafleet.programme.models import LaterBlocksSettings, TrancheSettings


def programme_calendar(
    programme: Programme,
    environments: Sequence[Environment] = (),
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Calendar:
    """Calendar of a programme: a lane for each delivery and pool, a line for each target.

    Args:
        programme: the programme.
        environments: environments of the programme, with their blocks. Default: none.
        start: first moment. Default: the programme's.
        end: the moment after the last. Default: the programme's.

    Raises:
        FleetError: the end isn't after the start.
    """
    first, last = window(start or on_day(programme.start), end or on_day(programme.end))
    lanes = (
        *(lane for item in environments for lane in environment_lanes(item)),
        *(_tranche(item, programme) for item in sorted(programme.tranches, key=lambda item: item.delivery)),
        *(_later(item, Kind.LATER, "blocks", programme) for item in programme.later_blocks),
        *(_later(item, Kind.LATER, "reservations", programme) for item in programme.on_demand_reservations),
    )
    return Calendar(
        title=programme.name,
        start=first,
        end=last,
        lanes=lanes,
        targets=tuple(target_line(item, lanes, start=first, end=last) for item in programme.targets),
        notes=tuple(f"assumption: {text}" for text in programme.assumptions),
    )


def _tranche(item: TrancheSettings, programme: Programme) -> Lane:
    start = on_day(item.delivery)
    arrivals: list[tuple[datetime, float]] = []
    reached = 0.0
    for weeks, chance in item.slip.probabilities().items():
        if weeks is not None:
            reached += chance
            arrivals.append((start + timedelta(weeks=weeks), min(1.0, reached)))
    bar = Bar(
        kind=Kind.TRANCHE,
        label=item.name,
        count=item.count,
        start=start,
        end=on_day(item.end or programme.end),
        arrivals=tuple(arrivals),
        shared_luck=item.slips_with or item.name,
        assumed=item.assumption is not None,
    )
    return Lane(name=item.name, sold=item.type, workload=item.workload, bars=(bar,))


def _later(item: LaterBlocksSettings, kind: Kind, what: str, programme: Programme) -> Lane:
    bar = Bar(
        kind=kind,
        label=f"up to {item.count:,}",
        count=item.count,
        start=on_day(item.start or programme.start),
        end=on_day(item.end or programme.end),
        assumed=item.assumption is not None,
    )
    return Lane(name=f"{what}, {item.site}" if item.site else what, sold=item.type, workload="", bars=(bar,))
