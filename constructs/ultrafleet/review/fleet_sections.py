"""Sections about the fleet: totals, the pools that change, and their blocks."""

from collections.abc import Iterator, Sequence
from typing import Final

from ultrafleet.catalog.private_prices import PRIVATE
from ultrafleet.review.fleet import Pool
from ultrafleet.review.markdown import Section, code, table
from ultrafleet.review.money import block_usd_remaining
from ultrafleet.review.other_fleets import other_fleets
from ultrafleet.review.pool_states import MarkedPool, State
from ultrafleet.review.review import Review
from ultrafleet.templates.block_metadata import BlockWindow

_STATES: Final = {
    State.HAZARD: "🔴 hazard",
    State.REMOVED: "🔴 removed",
    State.OVER: "⚪ removed, over",
    State.ADDED: "🟢 added",
    State.CHANGED: "🟡 changed",
}
MOST_SUBJECTS: Final = 8
"""Subjects of one line that are named."""


def fleet(review: Review, pictures: tuple[str, str] | None) -> Iterator[str]:
    """Lines of the totals, of what they leave out, and of the picture.

    Args:
        review: the review.
        pictures: addresses of the light and of the dark picture, or None for no picture.
    """
    compared, (was, now) = review.compared, review.costs
    before, after = compared.base_fleet, compared.head_fleet
    rows = [
        ("UltraServers", before.ultraservers, after.ultraservers),
        ("accelerators", before.accelerators, after.accelerators),
        ("nodes at full size", before.nodes, after.nodes),
    ]
    others = [tuple(one.title for one in other_fleets(side)) for side in (compared.base, compared.head)]
    sure = not any(others) and not any(pool.nodes is None for pool in (*before.pools, *after.pools))
    priced = any(pool.on_blocks for pool in (*before.pools, *after.pools))
    counted = [(name, *_counted(old, new, 0, sure=sure)) for name, old, new in rows]
    per_hour = f"USD per hour for capacity blocks{_price_dates({*was.price_dates, *now.price_dates})}"
    until_end = f"USD from {compared.day} to the end of the blocks"
    unpriced = (was.unpriced_blocks, now.unpriced_blocks)
    unended = (*was.without_end, *now.without_end)
    counted += (
        [(name, "-", "-", "-") for name in (per_hour, until_end)]
        if not priced
        else [
            (per_hour, *_money(was.usd_per_hour, now.usd_per_hour, 2, unpriced, sure=sure)),
            (until_end, *_money(was.usd_remaining, now.usd_remaining, 0, unpriced, sure=sure and not unended)),
        ]
    )
    yield from table(("", "before", "after", ""), counted, right=(1, 2, 3))
    notes = (
        ("not on a capacity block, no published price, or not a whole UltraServer", now.without_price),
        ("no end of their block in a template", now.without_end),
        ("unknown number of accelerators", after.uncounted),
    )
    stated = [f"{_titles(titles)} ({what})" for what, titles in notes if titles]
    uncounted = others[1]
    stated += [f"{_titles(uncounted)} (no pool of EKS, Auto Scaling or PCS)"] if uncounted else []
    if stated:
        yield f"\nNot counted: {'; '.join(stated)}."
    if after.elsewhere:
        yield f"\nCounted by their block metadata, made by no template: {_titles(after.elsewhere)}."
    asked = tuple(dict.fromkeys(pool.size_parameter for pool in (*before.pools, *after.pools) if pool.size_parameter))
    if asked:
        passed = ", ".join(code(f"--parameter {name}=…") for name in asked)
        yield f"\nSizes that only a deployment knows: pass {passed}."
    strays = tuple(dict.fromkeys((*before.strays, *after.strays)))
    if strays:
        yield f"\n⚠ Block metadata that can't be read, or matches no node group: {_titles(strays)}."
    if pictures is not None and review.pools:
        light, dark = pictures
        yield f'\n<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        yield f'<img alt="The fleet, with changed pools marked" src="{light}"></picture>'


def _price_dates(dates: set[str]) -> str:
    """` (prices of 2026-10; your price of 2026-11-01)`: private ones apart, which no source publishes."""
    public = sorted(item for item in dates if not item.startswith(PRIVATE))
    parts = [f"prices of {', '.join(public)}"] if public else []
    parts += sorted(dates - set(public))
    return f" ({'; '.join(parts)})" if parts else ""


def _counted(before: float, after: float, digits: int, *, sure: bool) -> tuple[str, str, str]:
    """A number before and after, and the difference, where no pool's size is left to the deployment."""
    difference = f"{after - before:+,.{digits}f}" if round(after - before, digits) else "="
    known = (f"{before:,.{digits}f}", f"{after:,.{digits}f}", difference)
    return known if sure else (f"{known[0]} + ?", f"{known[1]} + ?", "?")


def _money(
    before: float, after: float, digits: int, unpriced: tuple[tuple[str, ...], tuple[str, ...]], *, sure: bool
) -> tuple[str, str, str]:
    """Money before and after, and the difference; `+ ?` where blocks have no published price."""
    cells = _counted(before, after, digits, sure=sure)
    if not sure or not any(unpriced):
        return cells
    was, now = (f"{cell} + ?" if titles else cell for cell, titles in zip(cells[:2], unpriced, strict=True))
    unknown = "?" if unpriced[0] == unpriced[1] else "+ ?"  # what isn't known may have changed, too
    return was, now, unknown if cells[2] == "=" else f"{cells[2]} + ?"


def _titles(titles: tuple[str, ...]) -> str:
    shown = ", ".join(code(title) for title in titles[:MOST_SUBJECTS])
    return shown if len(titles) <= MOST_SUBJECTS else f"{shown} and {len(titles) - MOST_SUBJECTS:,} more"


def pools(review: Review) -> Iterator[Section]:
    """A table of the pools that change."""
    rows = [_pool(one) for one in review.pools if one.state is not State.UNCHANGED]
    if rows:
        columns = ("pool", "", "type", "nodes", "UltraServers", "USD per hour")
        head, rule, *lines = table(columns, rows, right=(3, 4, 5))
        yield Section(title="Changed pools", lead=(head, rule), lines=tuple(lines))


def _pool(one: MarkedPool) -> tuple[str, ...]:
    sides = (one.before, one.after)
    return (
        code(one.title),
        _STATES[one.state],
        both(["" if side is None else ", ".join(map(code, side.instance_types)) for side in sides]),
        both(["" if side is None else "?" if side.nodes is None else str(side.nodes) for side in sides]),
        both(["" if side is None else side.racks for side in sides]),
        both(["" if side is None else _usd(side.usd_per_hour, 2) for side in sides]),
    )


def both(values: Sequence[str]) -> str:
    """`before → after`, or the one that there is; struck out where it goes."""
    before, after = values
    if before == after or not before:
        return after
    return f"{before} → {after}" if after else f"~~{before}~~"


def _usd(value: float | None, digits: int) -> str:
    return "?" if value is None else f"{value:,.{digits}f}"


def blocks(review: Review) -> Iterator[Section]:
    """A table of the blocks of changed pools: which are new, when they run, and what remains of their price."""
    rows = []
    for one in review.pools:
        sides = [_windows(review, groups) for groups in (one.of_base, one.of_head)]
        if one.state is State.UNCHANGED and sides[0] == sides[1]:
            continue
        for block in dict.fromkeys((*sides[0], *sides[1])):
            was, now = sides[0].get(block), sides[1].get(block)
            shown = [both([side[0][place] if side is not None else "" for side in (was, now)]) for place in range(3)]
            rows.append((code(block), _block_state(review, was, now), code(one.title), *shown))
    if rows:
        title = "Capacity blocks of changed pools"
        columns = ("block", "", "pool", "runs (UTC)", "nodes", f"USD remaining from {review.compared.day}")
        head, rule, *lines = table(columns, rows, right=(4, 5))
        yield Section(title=title, lead=(head, rule), lines=tuple(lines))


_Block = tuple[tuple[str, str, str], BlockWindow]
"""Cells of a block: when it runs, its nodes, what remains of its price; and its window."""


def _block_state(review: Review, was: _Block | None, now: _Block | None) -> str:
    """`new`, `removed`, `over`, or nothing."""
    is_over = all(side[1].end <= review.compared.as_of for side in (was, now) if side is not None)
    if now is None:
        return "⚪ removed, over" if is_over else "🔴 removed"
    if was is None:
        return "🟢 new, over" if is_over else "🟢 new"
    return "⚪ over" if is_over else ""


def _windows(review: Review, groups: Sequence[Pool]) -> dict[str, _Block]:
    return {
        window.capacity_reservation_id: (
            (
                f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M}",
                "?" if (nodes := window.instances or group.nodes) is None else str(nodes),
                _usd(block_usd_remaining(group, window, review.compared.as_of), 0),
            ),
            window,
        )
        for group in groups
        for window in group.windows
    }
