"""Racks of a programme, named and grouped by what a cell has in common."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog import UltraServerType
from ultrafleet.cells.kinds import CellKind
from ultrafleet.cells.model import Rack
from ultrafleet.cells.reservations import assumed_block
from ultrafleet.programme import Programme, SiteSettings, TrancheSettings
from ultrafleet.rules.capacity_block import CapacityBlock

_FAMILY: Final = re.compile(r"u-(?:p6e-)?")
_LETTERS: Final = {"training": "t", "inference": "i"}
RACK_DIGITS: Final = 4
"""Digits of a rack's number in its name."""

Blocks = Mapping[str, Sequence[CapacityBlock]]
"""Blocks of each rack by its name."""


@dataclass(frozen=True, kw_only=True)
class CellGroup:
    """Racks of one type, workload and fabric at one site, from which cells are made.

    Attributes:
        site: the site.
        kind: kind of their cells.
        racks: the racks in the order in which they fill cells.
    """

    site: SiteSettings
    kind: CellKind
    racks: tuple[Rack, ...]

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """Site, type, workload and fabric."""
        return self.site.name, str(self.kind.ultraserver_type), self.kind.workload, self.kind.fabric

    @property
    def prefix(self) -> str:
        """Begin of the names of its cells: SITE-KIND-W."""
        return cell_prefix(self.site.name, self.kind)

    def cell_name(self, number: int) -> str:
        """Name of a cell.

        Args:
            number: from 1 on.
        """
        return f"{self.prefix}{number:03}"


def cell_prefix(site: str, kind: CellKind) -> str:
    """Begin of the names of cells: SITE-KIND-W; the letter is that of the workload.

    Args:
        site: name of the site.
        kind: kind of the cells.
    """
    sold = _FAMILY.sub("", str(kind.ultraserver_type))
    fabric = "r" if kind.fabric == "roce" else ""
    return f"{site}-{sold}{fabric}-{_LETTERS[kind.workload]}"


def rack_name(tranche: str, number: int) -> str:
    """Name of a rack: TRANCHE-NNNN.

    Args:
        tranche: name of its tranche.
        number: from 1 on.
    """
    return f"{tranche}-{number:0{RACK_DIGITS}}"


def tranches_in_cells(programme: Programme) -> Sequence[TrancheSettings]:
    """Tranches of UltraServers, in the order of their deliveries and names.

    Args:
        programme: the programme.
    """
    found = [tranche for tranche in programme.tranches if isinstance(tranche.sold, UltraServerType)]
    return sorted(found, key=lambda tranche: (tranche.delivery, tranche.name))


def rack_numbers(programme: Programme, tranche: TrancheSettings) -> Iterator[int]:
    """Numbers of the racks of a tranche, without those that were taken out.

    Args:
        programme: the programme.
        tranche: one of its tranches.
    """
    retired = set(programme.fleet.retired) if programme.fleet is not None else set()
    return (number for number in range(1, tranche.count + 1) if rack_name(tranche.name, number) not in retired)


def groups_of(programme: Programme, tranches: Sequence[TrancheSettings], blocks: Blocks | None) -> list[CellGroup]:
    """Groups of racks, by their keys.

    Args:
        programme: the programme.
        tranches: tranches whose racks can be in cells, in the order of their deliveries.
        blocks: blocks of each rack by its name; None to assume them.
    """
    sites = {site.name: site for site in programme.sites}
    found: dict[tuple[str, str, str, str], list[TrancheSettings]] = {}
    for tranche in tranches:
        found.setdefault((tranche.site, tranche.type, tranche.workload, tranche.fabric or ""), []).append(tranche)
    return [
        CellGroup(
            site=sites[items[0].site],
            kind=CellKind.of(items[0]),
            racks=tuple(
                rack for item in items for rack in _racks(programme, item, sites[item.site].zone or "", blocks)
            ),
        )
        for _, items in sorted(found.items())
    ]


def _racks(programme: Programme, tranche: TrancheSettings, zone: str, blocks: Blocks | None) -> Iterator[Rack]:
    for number in rack_numbers(programme, tranche):
        name = rack_name(tranche.name, number)
        reserved = _assumed(programme, tranche, name, zone) if blocks is None else tuple(blocks.get(name, ()))
        yield Rack(name=name, tranche=tranche.name, number=number, delivery=tranche.delivery, blocks=reserved)


def _assumed(programme: Programme, tranche: TrancheSettings, name: str, zone: str) -> tuple[CapacityBlock, ...]:
    end = tranche.end or programme.end
    return (assumed_block(rack=name, ultraserver_type=tranche.type, zone=zone, delivery=tranche.delivery, end=end),)
