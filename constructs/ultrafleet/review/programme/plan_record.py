"""Plan of a programme as its assembly states it: cells with their racks, and limits that were raised."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.review.programme.cell_files import PLAN
from ultrafleet.templates.template_text import json_in_text

_MOST_CELLS: Final = 10_000
_MOST_RACKS: Final = 1_000_000
"""Ours: far beyond what a programme has."""
_MOST_CHARACTERS: Final = 200


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """Cell of a plan.

    Attributes:
        name: name of the cell.
        place: account and region: `111122223333/us-east-1`.
        kind: type and workload of its racks: `u-p6e-gb200x72, training`.
        ultraserver_type: name of the type of its racks.
        slots: racks that it is made for; None where the plan doesn't say.
        racks: names of its racks.
    """

    name: str
    place: str
    kind: str
    ultraserver_type: str
    slots: int | None
    racks: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class PlannedLimit:
    """Limit that a programme's file states.

    Attributes:
        value: value that the programme counts with.
        default: documented value; None where the plan doesn't say.
        reason: reason why it is raised.
    """

    value: str
    default: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class PlanRecord:
    """Plan of a programme.

    Attributes:
        programme: name of the programme.
        cells: its cells by name.
        limits: limits that it states, by name.
        requests: requests to AWS that it needs, a line each.
    """

    programme: str = ""
    cells: Mapping[str, PlannedCell] = field(default_factory=dict)
    limits: Mapping[str, PlannedLimit] = field(default_factory=dict)
    requests: tuple[str, ...] = ()

    @property
    def racks(self) -> int:
        """Number of racks."""
        return sum(len(cell.racks) for cell in self.cells.values())


def plan_of(text: str | None) -> PlanRecord:
    """Plan of the text of a `programme.json`; an empty one without a text.

    Args:
        text: the text.

    Raises:
        FleetError: it is no plan.
    """
    if text is None:
        return PlanRecord()
    try:
        content = json_in_text(text)
        cells = [_cell(item) for item in content["cells"][: _MOST_CELLS + 1]]
        limits = {_word(name): _limit(item) for name, item in dict(content.get("limits") or {}).items()}
        requests = tuple(_request(item) for item in list(content.get("requests") or ()))
        programme = _word(content.get("programme", ""))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_plan(f"no plan of a programme ({type(error).__name__})") from error
    if len(cells) > _MOST_CELLS or sum(len(cell.racks) for cell in cells) > _MOST_RACKS:
        raise _no_plan("larger than any programme's")
    if len({cell.name for cell in cells}) < len(cells):
        raise _no_plan("a plan in which a cell is there twice")
    return PlanRecord(programme=programme, cells={cell.name: cell for cell in cells}, limits=limits, requests=requests)


def _no_plan(got: str) -> FleetError:
    return FleetError(path=PLAN, got=got, expected="the plan that synthesis writes", remedy="synthesise again")


def _word(value: object) -> str:
    if not isinstance(value, str | int | float) or len(str(value)) > _MOST_CHARACTERS:
        raise TypeError
    return str(value)


def _cell(item: Mapping[str, Any]) -> PlannedCell:
    ultraserver_type = _word(item.get("ultraserver_type") or item["type"])
    slots = item.get("slots")
    return PlannedCell(
        name=_word(item["name"]),
        place=f"{_word(item.get('account') or '?')}/{_word(item.get('region') or '?')}",
        kind=f"{ultraserver_type}, {_word(item['workload'])}",
        ultraserver_type=ultraserver_type,
        slots=slots if isinstance(slots, int) else None,
        racks=frozenset(_racks(item["racks"])),
    )


def _racks(items: list[Any]) -> Iterator[str]:
    """Names of racks: each, or as runs of following numbers of a tranche."""
    for item in items:
        if isinstance(item, Mapping) and "first" in item:
            first, last = int(item["first"]), int(item["last"])
            if last - first >= _MOST_RACKS:
                raise ValueError
            yield from (f"{_word(item['tranche'])}-{number:04}" for number in range(first, last + 1))
        elif isinstance(item, Mapping):
            yield _word(item["name"])
        else:
            yield _word(item)


def _limit(item: object) -> PlannedLimit:
    stated = item if isinstance(item, Mapping) else {"value": item}
    default = stated.get("default")
    return PlannedLimit(
        value=_word(stated["value"]),
        default="" if default is None else _word(default),
        reason=str(stated.get("reason") or "")[:_MOST_CHARACTERS],
    )


def _request(item: object) -> str:
    if not isinstance(item, Mapping):
        return str(item)[:_MOST_CHARACTERS]
    place = f"{item.get('account')}/{item.get('region')}"
    return f"{place}: {item.get('quota')} {item.get('now')} → {item.get('needed')}"[:_MOST_CHARACTERS]
