"""Racks of a programme, named and grouped by what a cell has in common."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ultrafleet.catalog import PurchaseOption, UltraServerType
from ultrafleet.catalog.limits import CONTROL_PLANE_ZONES
from ultrafleet.cells.model import Rack
from ultrafleet.cells.reservations import assumed_block, at_block_end
from ultrafleet.cells.sizing import CellKind
from ultrafleet.errors import FleetError
from ultrafleet.layout import fabric_of
from ultrafleet.programme import Programme, SiteSettings, TrancheSettings
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.names import NAME_RULE, is_name
from ultrafleet.rules.places import doubt_of_place, validate_place

_FAMILY: Final = re.compile(r"u-(?:p6e-)?")
_LETTERS: Final = {"training": "t", "inference": "i"}
_DIGITS: Final = 4


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
    def prefix(self) -> str:
        """Begin of the names of its cells: SITE-KIND-W."""
        kind = _FAMILY.sub("", str(self.kind.ultraserver_type))
        fabric = "r" if self.kind.fabric == "roce" else ""
        return f"{self.site.name}-{kind}{fabric}-{_LETTERS[self.kind.workload]}"

    def cell_name(self, number: int) -> str:
        """Name of a cell.

        Args:
            number: from 1 on.
        """
        return f"{self.prefix}{number:03}"


def rack_name(tranche: str, number: int) -> str:
    """Name of a rack: TRANCHE-NNNN.

    Args:
        tranche: name of its tranche.
        number: from 1 on.
    """
    return f"{tranche}-{number:0{_DIGITS}}"


def tranches_in_cells(programme: Programme) -> Sequence[TrancheSettings]:
    """Tranches of UltraServers, in the order of their deliveries and names.

    Args:
        programme: the programme.
    """
    found = [tranche for tranche in programme.tranches if isinstance(tranche.sold, UltraServerType)]
    return sorted(found, key=lambda tranche: (tranche.delivery, tranche.name))


def racks_of(
    programme: Programme, tranche: TrancheSettings, blocks: Mapping[str, Sequence[CapacityBlock]] | None
) -> Iterator[Rack]:
    """Racks of a tranche, without those that were taken out.

    Args:
        programme: the programme.
        tranche: one of its tranches.
        blocks: blocks of each rack by its name; None to assume them.
    """
    retired = set(programme.fleet.retired) if programme.fleet is not None else set()
    site = next(site for site in programme.sites if site.name == tranche.site)
    for number in range(1, tranche.count + 1):
        name = rack_name(tranche.name, number)
        if name in retired:
            continue
        if blocks is not None:
            reserved = tuple(blocks.get(name, ()))
        elif site.zone is None:
            reserved = ()
        else:
            reserved = (
                assumed_block(
                    rack=name,
                    ultraserver_type=tranche.type,
                    zone=site.zone,
                    delivery=_moment(tranche.delivery.isoformat()),
                    end=_moment((tranche.end or programme.end).isoformat()),
                ),
            )
        yield Rack(name=name, tranche=tranche.name, number=number, delivery=tranche.delivery, blocks=reserved)


def _moment(day: str) -> datetime:
    return at_block_end(datetime.fromisoformat(day).replace(tzinfo=UTC))


def groups_of(
    programme: Programme, blocks: Mapping[str, Sequence[CapacityBlock]] | None
) -> tuple[list[CellGroup], list[FleetError]]:
    """Groups of racks, and what is wrong with their tranches and sites.

    Args:
        programme: the programme.
        blocks: blocks of each rack by its name; None to assume them.
    """
    sites = {site.name: site for site in programme.sites}
    found: dict[tuple[str, str, str, str], tuple[CellKind, list[Rack]]] = {}
    faults = [
        fault for name in sorted({t.site for t in tranches_in_cells(programme)}) for fault in _site_faults(sites[name])
    ]
    for tranche in tranches_in_cells(programme):
        wrong = list(_tranche_faults(tranche, sites[tranche.site]))
        faults += wrong
        kind = CellKind.of(tranche)
        if wrong or sites[tranche.site].zone is None or sites[tranche.site].account is None:
            continue
        key = (tranche.site, tranche.type, tranche.workload, tranche.fabric or "")
        found.setdefault(key, (kind, []))[1].extend(racks_of(programme, tranche, blocks))
    groups = [
        CellGroup(site=sites[key[0]], kind=kind, racks=tuple(racks)) for key, (kind, racks) in sorted(found.items())
    ]
    return groups, faults


def _site_faults(site: SiteSettings) -> Iterator[FleetError]:
    for key in ("account", "zone"):
        if getattr(site, key) is None:
            yield FleetError(
                path=f"{key} of site {site.name}",
                got="not stated",
                expected=f"the {key} of its cells",
                remedy=f"add {key}: VALUE to the site",
            )
    if len(site.platform_zones) < CONTROL_PLANE_ZONES.value:
        yield FleetError(
            path=f"platform_zones of site {site.name}",
            verb="have",
            got=f"{len(site.platform_zones)} zones",
            expected=f"{CONTROL_PLANE_ZONES.value} or more Availability Zones, for control planes and system nodes",
            remedy="state those that EKS takes in the account",
        )


def _tranche_faults(tranche: TrancheSettings, site: SiteSettings) -> Iterator[FleetError]:
    if not is_name(rack_name(tranche.name, tranche.count)):
        yield FleetError(
            path=f"tranche {tranche.name}",
            verb="names",
            got=f"racks such as {rack_name(tranche.name, tranche.count)}",
            expected=NAME_RULE,
            remedy="shorten the tranche's name",
        )
    if tranche.count >= 10**_DIGITS:
        yield FleetError(
            path=f"tranche {tranche.name}",
            verb="has",
            got=f"{tranche.count:,} UltraServers",
            expected=f"fewer than {10**_DIGITS:,}, since names have {_DIGITS} digits",
            remedy="make it two tranches",
        )
    try:
        fabric_of(CellKind.of(tranche).member, tranche.fabric)
    except FleetError as error:
        yield FleetError(
            path=f"fabric of tranche {tranche.name}",
            got=tranche.fabric or "not stated",
            expected=f"a fabric of {tranche.type}: {error.expected}",
            remedy="state fabric: efa or roce",
        )
    if site.zone is not None:
        sold = UltraServerType.of(tranche.type)
        try:
            validate_place(tranche.name, sold, site.zone)
        except FleetError as error:
            yield FleetError(
                path=f"tranche {tranche.name}",
                verb="has",
                got=f"{sold} at site {site.name}, in {site.zone}",
                expected=error.expected,
                remedy="name a site there: it can't be bought elsewhere",
            )


def doubts_of(groups: Sequence[CellGroup]) -> Iterator[str]:
    """Sentences on places in which no document says that a type is sold.

    Args:
        groups: groups of racks.
    """
    for sold, zone in sorted({(str(group.kind.ultraserver_type), group.site.zone or "") for group in groups}):
        doubt = doubt_of_place(UltraServerType.of(sold), PurchaseOption.CAPACITY_BLOCK, zone) if zone else None
        if doubt is not None:
            yield doubt
