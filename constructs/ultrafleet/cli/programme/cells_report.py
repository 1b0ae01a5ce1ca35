"""Cells of a programme as text: a line for each group, requests and notes."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ultrafleet.cells import Cell, CellLimit, CellPlan, Request
from ultrafleet.cells.bounds import KNOWN_LIMITS
from ultrafleet.plain_text import visible


def cells_text(plan: CellPlan, *, every: bool) -> str:
    """Text of a plan of cells.

    Args:
        plan: the plan.
        every: a line for each cell, not for each group.
    """
    return "".join(f"{line}\n" if line else "\n" for line in map(visible, _lines(plan, every=every)))


def _lines(plan: CellPlan, *, every: bool) -> Iterator[str]:
    racks = sum(len(cell.racks) for cell in plan.cells)
    slots = sum(cell.slots for cell in plan.cells)
    yield (
        f"{plan.programme}: {racks:,} UltraServers in {_count(len(plan.cells), 'cell')} with {slots:,} slots, "
        f"{_count(len({cell.account for cell in plan.cells}), 'account')}, "
        f"{_count(len({cell.region for cell in plan.cells}), 'region')}"
    )
    if plan.unrecorded and plan.cells:
        yield f"{len(plan.unrecorded):,} UltraServers aren't recorded yet: --write records where they are"
    groups = [[cell] for cell in plan.cells] if every else list(_groups(plan.cells))
    if groups:
        yield ""
        yield from _table(
            ("cells", "n", "slots", "racks", "free", "node groups", "account", "zone", "bound by", "then by"),
            [_row(group) for group in groups],
            right={1, 2, 3, 4},
        )
    yield from _raised(plan)
    for title, requests in (
        ("to ask AWS for, before every slot is filled:", [item for item in plan.requests if item.is_required]),
        ("to ask AWS for, if fewer and larger cells are wanted:", [x for x in plan.requests if not x.is_required]),
    ):
        if requests:
            yield ""
            yield title
            yield from _table(
                ("service", "quota", "code", "region", "now", "ask for", "accounts", "why", "key"),
                _requests(requests),
                right={4, 5},
            )
    if plan.requests:
        yield "  once AWS has raised one, state it in the programme: limits: { KEY: { value: …, reason: … } }"
    for title, found in (("notes:", plan.notes), ("refused:", tuple(map(str, plan.refusals)))):
        if found:
            yield ""
            yield title
            yield from (f"  {text}" for text in found)


def _groups(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    def key(cell: Cell) -> tuple[str, str, str, str, str, int, str, str]:
        first = cell.limits[0]
        return (
            cell.site.name,
            cell.ultraserver_type,
            cell.workload,
            cell.fabric or "",
            cell.management,
            cell.slots,
            first.key,
            str(first.value),
        )

    for _, found in groupby(sorted(cells, key=lambda cell: (key(cell), cell.number)), key=key):
        yield list(found)


def _row(cells: Sequence[Cell]) -> Sequence[str]:
    first, last = cells[0], cells[-1]
    name = first.name if len(cells) == 1 else f"{first.name} … {last.name[-4:]}"
    racks, slots = sum(len(cell.racks) for cell in cells), sum(cell.slots for cell in cells)
    binding = first.limits[0]
    following = next((item for item in first.limits if item.racks > binding.racks), None)
    return (
        name,
        str(len(cells)),
        str(first.slots),
        f"{racks:,}",
        f"{slots - racks:,}",
        first.management,
        first.account,
        first.zone,
        _limit(binding),
        "" if following is None else _limit(following),
    )


def _limit(limit: CellLimit) -> str:
    unit = "" if limit.key in KNOWN_LIMITS else " (fleet)"
    return f"{limit.key} {limit.value:,}: {limit.racks:,}{unit}"


def _raised(plan: CellPlan) -> Iterator[str]:
    stated = [(known, plan.raised.raised(key)) for key, known in KNOWN_LIMITS.items()]
    rows = [
        (known.key, f"{int(known.documented.value):,}", f"{raised.value:,}", known.code or "not known", raised.reason)
        for known, raised in stated
        if raised is not None
    ]
    if rows:
        yield ""
        yield "counted as the programme's limits say, in every account:"
        yield from _table(("key", "documented", "value", "code", "reason"), rows, right={1, 2})


def _requests(requests: Sequence[Request]) -> Iterator[Sequence[str]]:
    """A row for each request, once for all accounts that ask for the same."""
    accounts: dict[tuple[str, ...], list[str]] = {}
    for item in requests:
        place = (item.service, item.quota, item.code or "not known", item.region, f"{item.now:,}", f"{item.needed:,}")
        accounts.setdefault((*place, item.why, item.key), []).append(item.account)
    for row, asking in accounts.items():
        yield (*row[:6], ", ".join(asking), *row[6:])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: set[int]) -> Iterator[str]:
    shown = [header, *rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(header))]
    for row in shown:
        fields = [
            field.rjust(width) if column in right else field.ljust(width)
            for column, (field, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(fields).rstrip()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
