"""Table of the alarms that ring for planted faults."""

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ultrafleet.rehearsal.scenarios.fault_alarms import Outcome

COLUMNS = ("fault", "pool", "alarm", "rings after", "off after", "EKS replaces the node")


def rows(outcome: "Outcome") -> list[tuple[str, ...]]:
    """Rows of one fault, one for each alarm; one that says so where no alarm sees it.

    Args:
        outcome: what the fault ended in.
    """
    pool = f"{outcome.pool} ({outcome.architecture})"
    replaced = "no" if outcome.replaced is None else f"after {outcome.replaced} min"
    found = [(ring.alarm, f"{ring.on} min", "on" if ring.off is None else f"{ring.off} min") for ring in outcome.rings]
    return [(outcome.title, pool, *ring, replaced) for ring in found or [("no alarm", "-", "-")]]


def fault_table(outcomes: "Iterable[Outcome]") -> Table:
    """Table of outcomes, in minutes from the fault.

    Args:
        outcomes: what the faults ended in.
    """
    table = Table(box=box.SIMPLE, title="alarms, in minutes from the fault", title_justify="left", title_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column.endswith("after") else "left", no_wrap=True)
    for outcome in outcomes:
        for row in rows(outcome):
            table.add_row(*row)
    return table
