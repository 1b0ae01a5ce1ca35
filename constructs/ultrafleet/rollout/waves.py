"""Waves of cells: the canary first, and never many cells at once that back each other up."""

from collections.abc import Sequence
from dataclasses import dataclass

from ultrafleet.cells import Cell
from ultrafleet.errors import FleetError
from ultrafleet.programme.rollout_settings import RolloutSettings

_SERVING = "inference"


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Cells that are deployed after one gate and before the next.

    Attributes:
        number: 1 is the canary's.
        cells: names of the cells, in order.
        serving: number of cells among them that serve.
    """

    number: int
    cells: tuple[str, ...]
    serving: int


def waves(cells: Sequence[Cell], settings: RolloutSettings) -> list[Wave]:
    """Waves of a rollout; the same cells give the same waves, in whatever order they come.

    A cell is in the first wave after the canary's that has room, for it and for its share of the cells that serve
    the same type at the same site.

    Args:
        cells: cells of the programme.
        settings: of the rollout.

    Raises:
        FleetError: a canary is no cell of the programme.
    """
    left = sorted(cells, key=lambda cell: cell.name)
    if not left:
        return []
    canary = _canary(left, settings)
    first = {cell.name for cell in canary}
    made: list[list[Cell]] = []
    for cell in left:
        if cell.name in first:
            continue
        fitting = (wave for wave in made if _has_room(wave, cell, left, settings))
        wave = next(fitting, None)
        if wave is None:
            made.append(wave := [])
        wave.append(cell)
    return [
        Wave(
            number=number,
            cells=tuple(cell.name for cell in wave),
            serving=sum(cell.workload == _SERVING for cell in wave),
        )
        for number, wave in enumerate([canary, *made], start=1)
    ]


def _canary(cells: Sequence[Cell], settings: RolloutSettings) -> list[Cell]:
    by_name = {cell.name: cell for cell in cells}
    for name in settings.canary:
        if name not in by_name:
            raise FleetError(
                path="canary of the rollout",
                verb="names",
                got=repr(name),
                expected="a cell of the programme",
                remedy=f"name one of {', '.join(by_name)}",
            )
    if settings.canary:
        return [by_name[name] for name in sorted(set(settings.canary))]
    return [min(cells, key=lambda cell: (cell.workload == _SERVING, len(cell.racks), cell.name))]


def _has_room(wave: Sequence[Cell], cell: Cell, cells: Sequence[Cell], settings: RolloutSettings) -> bool:
    if len(wave) >= settings.cells_per_wave:
        return False
    if cell.workload != _SERVING:
        return True
    group = _group(cell)
    most = max(1, int(settings.serving_share * sum(_group(other) == group for other in cells)))
    return sum(_group(other) == group for other in wave) < most


def _group(cell: Cell) -> tuple[str, str, str]:
    return cell.site.name, cell.ultraserver_type, cell.workload
