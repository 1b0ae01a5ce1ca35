"""Requests to AWS that make fewer and larger cells."""

from collections.abc import Iterator, Sequence

from ultrafleet.cells.bounds import KNOWN_LIMITS, CellLimit, Request
from ultrafleet.cells.model import Cell


def size_requests(cells: Sequence[Cell]) -> Iterator[Request]:
    """Quotas whose increase makes larger cells, by account and region.

    Of the limits that bind a cell, those that AWS raises are asked for, as far as the next limit lets the cell grow.
    Cells that exist don't grow; the request is for those that are made later.

    Args:
        cells: cells of the programme.
    """
    seen = set()
    for cell in cells:
        wish = _wish(cell.limits)
        if wish is None or (cell.account, cell.region, wish) in seen:
            continue
        seen.add((cell.account, cell.region, wish))
        first, needed, racks = wish
        known = KNOWN_LIMITS[first.key]
        yield Request(
            account=cell.account,
            region=cell.region,
            service=known.service,
            quota=known.quota,
            code=known.code,
            key=first.key,
            now=first.value,
            needed=needed,
            why=f"cells of {racks:,} instead of {first.racks:,} UltraServers",
            is_required=False,
        )


def _wish(limits: Sequence[CellLimit]) -> tuple[CellLimit, int, int] | None:
    """First limit, the value to ask for, and the racks of a cell under it; None where nothing is to be asked for."""
    first = limits[0]
    known = KNOWN_LIMITS.get(first.key)
    if known is None or not known.adjustable or first.units == 0:
        return None
    following = next((item for item in limits if item.racks > first.racks), None)
    if following is None:
        return None
    needed, racks = first.needed(following.racks), following.racks
    if known.maximum is not None and needed > known.maximum.value:
        needed = int(known.maximum.value)
        racks = (needed - first.overhead) // first.units * first.per_racks
    return (first, needed, racks) if racks > first.racks else None
