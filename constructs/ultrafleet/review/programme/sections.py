"""Sections of a programme's review, in Markdown: the programme first, then what changes, alike changes once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from ultrafleet.catalog import PurchaseOption, UltraServerType
from ultrafleet.catalog.private_prices import PriceList
from ultrafleet.errors import FleetError
from ultrafleet.policy import Finding, Severity
from ultrafleet.review.hazard import Hazard, Level
from ultrafleet.review.markdown import Section, code, safe, table
from ultrafleet.review.programme.cell_names import shown_names
from ultrafleet.review.programme.comparison import CellGroup, CellState, ProgrammeReview
from ultrafleet.review.programme.plan_record import PlannedLimit, PlanRecord
from ultrafleet.review.review import Review
from ultrafleet.review.sections import LEVELS, MARKER, finding_text, level_count, limit_left, limit_used, proposed

_STATES: Final = {CellState.REMOVED: "🔴 removed", CellState.NEW: "🟢 new", CellState.CHANGED: "🟡 changed"}
_MOST_CHANGES: Final = 40
"""Lines of resource changes that one group of cells shows."""


def programme_sections(reviews: Sequence[ProgrammeReview], prices: PriceList) -> list[Section]:
    """Sections of the reviews of a revision's programmes, in their order.

    Args:
        reviews: one for each programme.
        prices: prices by which racks are counted.
    """
    found = [Section(title="", lead=tuple(_head(reviews)))]
    for review in reviews:
        found += [
            Section(title="Hazards", lines=tuple(_hazards(review))),
            Section(title=_title(review), lead=tuple(_totals(review, prices))),
            *_cells(review),
            *_limits(review),
            *_policy(review),
            *(proposed(review.reviews[0]) if review.reviews else ()),
            *_use(review),
            *_changes(review),
        ]
    return found


def _title(review: ProgrammeReview) -> str:
    name = review.plans[1].programme or review.plans[0].programme or review.root.rstrip("/")
    return f"Programme {code(name)}" if name else "Programme"


def _head(reviews: Sequence[ProgrammeReview]) -> Iterator[str]:
    yield MARKER
    (base, head), commit = reviews[0].labels, reviews[0].commit
    yield f"## Programme review: {code(base)} → {code(head)}{f' at {code(commit)}' if commit else ''}"
    yield ""
    found = [hazard for review in reviews for hazard in _level_of_cells(review)]
    parts = [
        f"{LEVELS[level][0]} **{level_count(level, count)}**"
        for level in Level
        if (count := sum(item is level for item in found))
    ]
    changed, cells = sum(review.changed for review in reviews), sum(max(review.cells) for review in reviews)
    parts.append(f"{changed:,} of {cells:,} cells change")
    removed = sum(
        group.state is CellState.REMOVED for review in reviews for group in review.groups for _ in group.cells
    )
    parts += [f"🔴 **{_counted(removed, 'cell')} removed**"] if removed else []
    dark = sum(len(review.unread) for review in reviews)
    parts += [f"⚠ **{dark} not reviewed**"] if dark else []
    errors = sum(
        finding.severity is Severity.ERROR for review in reviews for one in review.reviews for finding in one.policy.new
    )
    parts += [f"{_counted(errors, 'new policy error')}"] if errors else []
    yield f"{' · '.join(parts)} · as of {reviews[0].day}"
    for review in reviews:
        for line in review.unread:
            yield f"\n⚠ Not reviewed: {safe(line)}"
        for line in (*review.notes, *(note for one in review.reviews for note in one.notes)):
            yield f"\n⚠ {safe(line)}."


def _level_of_cells(review: ProgrammeReview) -> list[Level]:
    return [hazard.level for one in review.reviews for hazard in one.hazards]


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _hazards(review: ProgrammeReview) -> Iterator[str]:
    """Hazards by level; of cells that change alike once, with the cells."""
    found: list[tuple[Hazard, CellGroup | None]] = [
        *((hazard, group) for group in review.groups for hazard in group.review.hazards),
        *((hazard, None) for hazard in (review.rest.hazards if review.rest is not None else ())),
    ]
    if not found:
        yield "Can't tell: not everything was compared." if review.unread else "None found."
        return
    for level in Level:
        together: dict[tuple[str, str, int], list[Hazard]] = defaultdict(list)
        groups: dict[int, CellGroup | None] = {}
        for hazard, group in found:
            if hazard.level is level:
                together[hazard.kind, hazard.message, id(group)].append(hazard)
                groups[id(group)] = group
        if not together:
            continue
        sign, title = LEVELS[level]
        yield from (f"**{sign} {title}**", "")
        for (kind, message, of), hazards in together.items():
            subjects = [code(hazard.subject) for hazard in hazards]
            more = f" and {len(subjects) - 3:,} more" if len(subjects) > 3 else ""  # noqa: PLR2004
            yield f"- **{kind}** {_in_cells(groups[of])}{', '.join(subjects[:3])}{more}: {safe(message)}"
        yield ""


def _in_cells(group: CellGroup | None) -> str:
    if group is None:
        return ""
    if len(group.cells) == 1:
        return f"in cell {code(group.representative)}: "
    return f"in **{len(group.cells):,} cells** ({code(shown_names(group.names))}), as in {code(group.representative)}: "


def _totals(review: ProgrammeReview, prices: PriceList) -> Iterator[str]:
    was, now = review.plans
    rows = [("cells", review.cells[0], review.cells[1])]
    counted = all(plan.cells or not cells for plan, cells in zip(review.plans, review.cells, strict=True))
    if counted:
        rows.append(("UltraServers", was.racks, now.racks))
        rows.append(("accelerators", _accelerators(was), _accelerators(now)))
    shown = [(name, f"{old:,}", f"{new:,}", f"{new - old:+,}" if new != old else "=") for name, old, new in rows]
    if counted:
        shown.append(_cost(was, now, prices))
    yield from table(("", "before", "after", ""), shown, right=(1, 2, 3))
    if not counted:
        yield "\nNot both have a plan beside their cells: UltraServers and their price aren't counted."
    untouched = max(review.cells) - review.changed
    if untouched > 0:
        yield f"\n{_counted(untouched, 'cell')} {'stays' if untouched == 1 else 'stay'} byte for byte as before."


def _accelerators(plan: PlanRecord) -> int:
    return sum(len(cell.racks) * (_accelerators_of(cell.ultraserver_type) or 0) for cell in plan.cells.values())


def _accelerators_of(name: str) -> int | None:
    try:
        return UltraServerType.from_name(name).accelerator_count
    except FleetError:
        return None


def _cost(was: PlanRecord, now: PlanRecord, prices: PriceList) -> tuple[str, str, str, str]:
    """USD an hour of every rack at the price of capacity blocks: a programme's own prices are in its file."""
    sums, dates, unknown = [0.0, 0.0], set(), False
    for side, plan in enumerate((was, now)):
        for cell in plan.cells.values():
            try:
                sold = UltraServerType.from_name(cell.ultraserver_type)
                price = prices.price(sold, PurchaseOption.CAPACITY_BLOCK, cell.place.rpartition("/")[2])
            except FleetError:
                unknown = True
                continue
            if price.value is None:
                unknown = unknown or bool(cell.racks)
                continue
            sums[side] += price.value * len(cell.racks)
            dates.add(str(price.as_of))
    more = " + ?" if unknown else ""
    name = f"USD per hour at the price of capacity blocks{f' ({min(dates)} to {max(dates)})' if dates else ''}"
    change = f"{sums[1] - sums[0]:+,.2f}" if round(sums[1] - sums[0], 2) else "="
    return name, f"{sums[0]:,.2f}{more}", f"{sums[1]:,.2f}{more}", change


def _cells(review: ProgrammeReview) -> Iterator[Section]:
    rows = []
    for group in review.groups:
        racks = tuple(
            sum(len(plan.cells[name].racks) for name in group.names if name in plan.cells) for plan in review.plans
        )
        stacks = [len(cell.changed_stacks) for cell in group.cells]
        of = max(max(cell.stacks) for cell in group.cells)
        rows.append(
            (
                code(shown_names(group.names)),
                f"{len(group.cells):,}",
                _STATES[group.state],
                "?" if not any(plan.cells for plan in review.plans) else _both(*racks),
                f"{_least_to_most(stacks)} of {of:,} each"
                if group.state is CellState.CHANGED
                else _least_to_most(stacks),
                _what(group),
            )
        )
    if rows:
        columns = ("cells", "", "", "UltraServers", "stacks", "what")
        head, rule, *lines = table(columns, rows, right=(1, 3))
        yield Section(title="Cells that change", lead=(head, rule), lines=tuple(lines))


def _both(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} → {after:,}"


def _least_to_most(counts: Sequence[int]) -> str:
    return f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"


def _what(group: CellGroup) -> str:
    parts = []
    for sign, racks in (
        ("+", [rack for cell in group.cells for rack in cell.racks_added]),
        ("🔴 -", [rack for cell in group.cells for rack in cell.racks_removed]),
        ("~", [rack for cell in group.cells for rack in cell.racks_touched]),
    ):
        if racks:
            parts.append(f"{sign}{len(racks):,} {code(shown_names(racks, most=3))}")
    if group.like:
        parts.append(f"platform as of {code(group.like)}")
    elif group.state is CellState.NEW:
        parts.append("⚠ platform as of no cell of the base")
    if len(group.cells) > 1:
        parts.append("all in the same way")
    return "; ".join(parts) or "its platform"


def _limits(review: ProgrammeReview) -> Iterator[Section]:
    was, now = review.plans
    rows = []
    for name in sorted({*was.limits, *now.limits}):
        before, after = was.limits.get(name), now.limits.get(name)
        if before != after:
            rows.append(
                (code(name), _limit(before, after), safe(after.reason if after else "taken back"), _room(review))
            )
    asked = [line for line in now.requests if line not in was.requests]
    if not rows and not asked:
        return
    head = table(("limit", "value", "reason", "what it changes"), rows) if rows else []
    lines = [*head[2:]]
    if asked:
        lines += [*([""] if lines else []), "To ask AWS for:", "", *(f"- {safe(line)}" for line in asked)]
    lead = (*head[:2],) if rows else ()
    yield Section(title="Limits of the programme", lead=lead, lines=tuple(lines))


def _limit(before: PlannedLimit | None, after: PlannedLimit | None) -> str:
    default = next((one.default for one in (before, after) if one is not None and one.default), "")
    values = [safe(one.value) if one is not None else safe(default) or "its default" for one in (before, after)]
    return " → ".join(values)


def _room(review: ProgrammeReview) -> str:
    """Cells that exist keep their slots, whatever is raised; new ones may have more."""
    changed = sum(group.state is CellState.CHANGED for group in review.groups)
    slots = [max((cell.slots or 0 for cell in plan.cells.values()), default=0) for plan in review.plans]
    room = f"; the largest cell has {slots[0]:,} → {slots[1]:,} slots" if slots[0] != slots[1] else ""
    return f"{'no cell that exists' if not changed else 'see the cells above'}{room}"


def _policy(review: ProgrammeReview) -> Iterator[Section]:
    """New findings, those of one rule with one message together."""
    lines = []
    for group in (*review.groups, None):
        one = group.review if group is not None else review.rest
        together: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for finding in one.policy.new if one is not None else ():
            together[finding.rule, finding.message].append(finding)
        for own in together.values():
            more = f" (and {len(own) - 1:,} more like it)" if len(own) > 1 else ""
            lines.append(f"- {finding_text(own[0], f' {_in_cells(group)}')}{more}")
    if lines:
        yield Section(title="New findings of the policy", lines=tuple(lines))


def _use(review: ProgrammeReview) -> Iterator[Section]:
    """Limits that a cell uses up or is near to, one cell for those that change alike."""
    rows = [
        (
            code(group.representative),
            f"{limit.name} {code(limit.where) if limit.where else ''}".strip(),
            limit_used(limit),
            f"{limit.most:,}",
            limit_left(limit),
        )
        for group in review.groups
        for limit in group.review.limits
        if limit.is_changed and limit.is_near
    ]
    if rows:
        head, rule, *lines = table(("cell", "limit", "used", "of", "left"), rows, right=(2, 3, 4))
        yield Section(title="Limits that are near", lead=(head, rule), lines=tuple(lines))


def _changes(review: ProgrammeReview) -> Iterator[Section]:
    for group in review.groups:
        if group.state is CellState.CHANGED:
            yield _resource_changes(group.review, f"{_counted(len(group.cells), 'cell')}: {shown_names(group.names)}")
        else:
            types: dict[str, int] = defaultdict(int)
            for change in group.review.compared.changes.values():
                types[change.type] += 1
            lines = [f"- {count:,} of {safe(kind)}" for kind, count in sorted(types.items(), key=lambda item: -item[1])]
            count, one = _counted(len(group.cells), "cell"), safe(group.representative)
            title = f"{group.state.capitalize()} in {count}: what {one} has"
            yield Section(title=title, lines=tuple(lines[:_MOST_CHANGES]), folded=True)
    if review.rest is not None:
        yield _resource_changes(review.rest, "stacks in no cell")


def _resource_changes(review: Review, where: str) -> Section:
    lines: list[str] = []
    for owned in review.changes:
        owners = ", ".join(code(owner) for owner in owned.owners[:3])
        more = f" and {len(owned.owners) - 3:,} more" if len(owned.owners) > 3 else ""  # noqa: PLR2004
        lines += [f"**{owners}{more}**", "", *(f"- {safe(line)}" for line in owned.lines), ""]
    if len(lines) > _MOST_CHANGES:
        lines = [*lines[:_MOST_CHANGES], f"*{len(lines) - _MOST_CHANGES:,} lines more: `--json` has them*"]
    return Section(title=f"Resource changes in {safe(where)}", lines=tuple(lines), folded=True)
