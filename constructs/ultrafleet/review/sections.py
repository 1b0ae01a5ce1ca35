"""Sections of a review, in Markdown, the most important first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from ultrafleet.policy import Finding, Severity
from ultrafleet.review.fleet import Pool
from ultrafleet.review.hazard import Level
from ultrafleet.review.limits import Limit
from ultrafleet.review.markdown import Section, code, safe, table
from ultrafleet.review.money import block_usd_remaining
from ultrafleet.review.pool_states import MarkedPool, State
from ultrafleet.review.review import Review
from ultrafleet.templates.block_metadata import BlockWindow

MARKER: Final = "<!-- ultrafleet review -->"
"""First line of every review, by which a comment is found again."""

_LEVELS: Final = {
    Level.BLOCKING: ("🔴", "Blocking: nodes, data or the deployment itself are lost"),
    Level.SECURITY: ("🟠", "Security: more access, or less protection"),
    Level.NOTICE: ("🟡", "Notices: read before merging"),
}
_SIGNS: Final = {Severity.ERROR: "🔴", Severity.WARNING: "🟠", Severity.UNKNOWN: "⚪"}
_PLURALS: Final = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.UNKNOWN: "unknown"}
_STATES: Final = {
    State.HAZARD: "🔴 hazard",
    State.REMOVED: "🔴 removed",
    State.OVER: "⚪ removed, over",
    State.ADDED: "🟢 added",
    State.CHANGED: "🟡 changed",
}
_SUBJECTS: Final = 8
"""Subjects of one hazard that are named; the others are in the sections about pools."""


def sections(review: Review, pictures: tuple[str, str] | None = None) -> list[Section]:
    """Sections of a review, in their order.

    Args:
        review: the review.
        pictures: addresses of the light and of the dark picture. Default: no picture is shown.
    """
    return [
        Section(title="", lead=tuple(_head(review))),
        Section(title="Hazards", lines=tuple(_hazards(review))),
        Section(title="Fleet", lead=tuple(_fleet(review, pictures))),
        *_pools(review),
        *_blocks(review),
        *_policy(review),
        *_acknowledged(review),
        *_limits(review),
        *_touched(review),
        *_changes(review),
    ]


def _head(review: Review) -> Iterator[str]:
    base, head = review.compared.base, review.compared.head
    yield MARKER
    yield f"## Fleet review: {code(base.label)} → {code(head.label)}"
    yield ""
    counts = {level: sum(hazard.level is level for hazard in review.hazards) for level in Level}
    parts = [f"{_LEVELS[level][0]} **{_count(level, counts[level])}**" for level in Level if counts[level]]
    touched = sum(one.state is not State.UNCHANGED for one in review.pools)
    parts.append(f"{touched:,} of {len(review.pools):,} pools change" if review.pools else "no accelerator pools")
    errors = sum(finding.severity is Severity.ERROR for finding in review.policy.new)
    parts += [f"{errors} new policy {'error' if errors == 1 else 'errors'}"] if errors else []
    yield f"{' · '.join(parts)} · as of {review.compared.day}"
    for side, revision in (("base", base), ("head", head)):
        if not revision.stacks:
            yield f"\n⚠ The {side} holds no template: every resource is {'new' if side == 'base' else 'removed'}."
    for line in (*base.unread.values(), *head.unread.values()):
        yield f"\n⚠ Not reviewed: {safe(line)}"


def _count(level: Level, count: int) -> str:
    """`1 blocking`, `2 notices`."""
    return f"{count:,} {level}{'s' if level is Level.NOTICE and count != 1 else ''}"


def _hazards(review: Review) -> Iterator[str]:
    """Hazards by level; one message for all subjects that have it."""
    if not review.hazards:
        yield "None found."
    for level, own in groupby(review.hazards, key=lambda hazard: hazard.level):
        sign, title = _LEVELS[level]
        yield from (f"**{sign} {title}**", "")
        together: dict[tuple[str, str], list[str]] = defaultdict(list)
        for hazard in own:
            together[hazard.kind, hazard.message].append(hazard.subject)
        for (kind, message), subjects in together.items():
            shown = ", ".join(code(subject) for subject in subjects[:_SUBJECTS])
            more = f" and {len(subjects) - _SUBJECTS:,} more" if len(subjects) > _SUBJECTS else ""
            yield f"- **{kind}** {shown}{more}: {safe(message)}"
        yield ""


def _fleet(review: Review, pictures: tuple[str, str] | None) -> Iterator[str]:
    compared, (was, now) = review.compared, review.costs
    before, after = compared.base_fleet, compared.head_fleet
    rows = [
        ("UltraServers", before.ultraservers, after.ultraservers),
        ("accelerators", before.accelerators, after.accelerators),
        ("nodes at full size", before.nodes, after.nodes),
    ]
    sure = not any(pool.nodes is None for pool in (*before.pools, *after.pools))
    counted = [(name, *_counted(old, new, 0, sure=sure)) for name, old, new in rows]
    months = ", ".join(sorted({*was.price_dates, *now.price_dates}))
    per_hour = f"USD per hour for capacity blocks{f' (prices of {months})' if months else ''}"
    until_end = f"USD from {compared.day} to the end of the blocks"
    unpriced = (was.unpriced_blocks, now.unpriced_blocks)
    unended = (*was.without_end, *now.without_end)
    counted += [
        (per_hour, *_money(was.usd_per_hour, now.usd_per_hour, 2, unpriced, sure=sure)),
        (until_end, *_money(was.usd_remaining, now.usd_remaining, 0, unpriced, sure=sure and not unended)),
    ]
    yield from table(("", "before", "after", ""), counted, right=(1, 2, 3))
    notes = (
        ("not on a capacity block, no published price, or not a whole UltraServer", now.without_price),
        ("no end of their block in a template", now.without_end),
        ("unknown number of accelerators", after.uncounted),
    )
    stated = [f"{_titles(titles)} ({what})" for what, titles in notes if titles]
    if stated:
        yield f"\nNot counted: {'; '.join(stated)}."
    if after.elsewhere:
        yield f"\nCounted by their block metadata, made by no template: {_titles(after.elsewhere)}."
    strays = tuple(dict.fromkeys((*before.strays, *after.strays)))
    if strays:
        yield f"\n⚠ Block metadata that can't be read, or matches no node group: {_titles(strays)}."
    if pictures is not None and review.pools:
        light, dark = pictures
        yield f'\n<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        yield f'<img alt="The fleet, with changed pools marked" src="{light}"></picture>'


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
    same = unpriced[0] == unpriced[1]
    return was, now, cells[2] if same else "+ ?" if cells[2] == "=" else f"{cells[2]} + ?"


def _titles(titles: tuple[str, ...]) -> str:
    shown = ", ".join(code(title) for title in titles[:_SUBJECTS])
    return shown if len(titles) <= _SUBJECTS else f"{shown} and {len(titles) - _SUBJECTS:,} more"


def _pools(review: Review) -> Iterator[Section]:
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
        _both(["" if side is None else ", ".join(side.instance_types) for side in sides]),
        _both(["" if side is None else "?" if side.nodes is None else str(side.nodes) for side in sides]),
        _both(["" if side is None else side.racks for side in sides]),
        _both(["" if side is None else _usd(side.usd_per_hour, 2) for side in sides]),
    )


def _both(values: Sequence[str]) -> str:
    before, after = values
    if before == after or not before:
        return after
    return f"{before} → {after}" if after else f"~~{before}~~"


def _usd(value: float | None, digits: int) -> str:
    return "?" if value is None else f"{value:,.{digits}f}"


def _blocks(review: Review) -> Iterator[Section]:
    """A table of the blocks of changed pools: which are new, when they run, and what remains of their price."""
    rows = []
    for one in review.pools:
        sides = [_windows(review, groups) for groups in (one.of_base, one.of_head)]
        if one.state is State.UNCHANGED and sides[0] == sides[1]:
            continue
        for block in dict.fromkeys((*sides[0], *sides[1])):
            was, now = sides[0].get(block), sides[1].get(block)
            shown = [_both([side[0][place] if side is not None else "" for side in (was, now)]) for place in range(3)]
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


def _policy(review: Review) -> Iterator[Section]:
    policy = review.policy
    resolved = [f"- ✅ {_finding(finding)}" for finding in policy.resolved]
    lines = [f"- {_SIGNS[finding.severity]} {_finding(finding)}" for finding in policy.new]
    lines += ["", f"**Resolved ({len(resolved)})**", "", *resolved] if resolved else []
    kept = ", ".join(f"{policy.kept[severity]} {_PLURALS[severity]}" for severity in Severity if policy.kept[severity])
    lead = [
        f"{len(policy.new)} new, {len(policy.resolved)} resolved" + (f"; unchanged: {kept}" if kept else "") + ".",
        "",
    ]
    if lines or kept:
        yield Section(title="Policy", lead=tuple(lead), lines=tuple(lines))


def _finding(finding: Finding) -> str:
    where = f"{finding.file}: {finding.resource}" if finding.resource else finding.file
    return f"**{finding.rule}** {code(where)}: {safe(finding.message)}"


def _acknowledged(review: Review) -> Iterator[Section]:
    accepted = review.policy.acknowledged
    if accepted:
        yield Section(
            title=f"Acknowledged ({len(accepted)})",
            lines=tuple(f"- {_finding(finding)}" for finding in accepted),
        )


def _limits(review: Review) -> Iterator[Section]:
    rows = [
        (
            f"{limit.name} {code(limit.where) if limit.where else ''}".strip(),
            _used(limit),
            f"{limit.most:,}",
            _left(limit),
        )
        for limit in review.limits
        if limit.is_changed
    ]
    near = [
        f"{limit.name} {code(limit.where) if limit.where else ''}".strip() + f" ({limit.after:,} of {limit.most:,})"
        for limit in review.limits
        if not limit.is_changed
    ]
    if rows or near:
        lines = table(("limit", "used", "of", "left"), rows, right=(1, 2, 3)) if rows else []
        kept = ["", f"Near, and unchanged: {_few(near)}."] if near else []
        yield Section(title="Limits", lead=tuple(lines[:2]), lines=(*lines[2:], *kept))


def _used(limit: Limit) -> str:
    return _both(["" if value is None else f"{value:,}" for value in (limit.before, limit.after)])


def _left(limit: Limit) -> str:
    if limit.after is None:
        return ""
    sign = "🔴 " if limit.left < 0 else "🟡 " if limit.is_near else ""
    return f"{sign}{limit.left:,}"


def _touched(review: Review) -> Iterator[Section]:
    rows = [
        (
            ", ".join(code(kind) for kind in touched.what),
            _few([code(title) for title in touched.pool_titles]),
            f"{touched.ultraservers:,}",
            _few([code(queue) for queue in touched.queues]),
            _few([code(team) for team in touched.teams]),
        )
        for touched in review.touched
    ]
    if rows:
        columns = ("changed resources", "pools affected", "UltraServers", "queues", "teams")
        head, rule, *lines = table(columns, rows, right=(2,))
        yield Section(title="Blast radius", lead=(head, rule), lines=tuple(lines))


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_SUBJECTS])
    return shown if len(names) <= _SUBJECTS else f"{shown} and {len(names) - _SUBJECTS:,} more"


def _changes(review: Review) -> Iterator[Section]:
    """A folded section for the pools and one for the stacks."""
    for title, are_pools in (("Resource changes by pool", True), ("Resource changes by stack", False)):
        own = [owned for owned in review.changes if owned.are_pools is are_pools]
        lines: list[str] = []
        for owned in own:
            owners = _few([code(owner) for owner in owned.owners])
            lines += [f"**{owners}**", "", *(f"- {safe(line)}" for line in owned.lines), ""]
        if own:
            count = sum(len(owned.lines) * len(owned.owners) for owned in own)
            yield Section(title=f"{title} ({count:,})", lines=tuple(lines), folded=True)
