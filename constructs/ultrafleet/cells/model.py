"""Cells as values: racks, the cells that they are in, and the plan of a programme."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from ultrafleet.catalog import UltraServerType
from ultrafleet.cells.bounds import CellLimit, Request
from ultrafleet.cells.kinds import CellKind
from ultrafleet.environment.target_settings import Workload
from ultrafleet.errors import FleetError
from ultrafleet.programme import LimitSettings, SiteSettings
from ultrafleet.rules.capacity_block import CapacityBlock

Management = Literal["managed", "self-managed"]
"""Kind of the node groups of a cell."""


@dataclass(frozen=True, kw_only=True)
class Rack:
    """UltraServer of a tranche. Its name never moves to another.

    Attributes:
        name: TRANCHE-NNNN.
        tranche: name of its tranche.
        number: its number in the tranche, from 1 on.
        delivery: contracted day.
        blocks: capacity blocks that it is reserved by, one after the other; none where it isn't reserved yet.
    """

    name: str
    tranche: str
    number: int
    delivery: date
    blocks: tuple[CapacityBlock, ...] = ()

    @property
    def block(self) -> CapacityBlock | None:
        """First of its blocks; None where it isn't reserved yet, and so is in no template."""
        return self.blocks[0] if self.blocks else None


@dataclass(frozen=True, kw_only=True)
class CellNetwork:
    """Addresses of a cell, which no other cell of the programme has.

    Attributes:
        platform_cidr: first CIDR of the VPC, for control plane, endpoints, NAT and system nodes.
        rack_cidrs: further CIDRs of the VPC, each of them one subnet of racks.
        racks_per_subnet: racks that each of those subnets holds.
        secondary_cidr: CIDR of the secondary network of racks on RoCE, which is no part of the VPC; None on EFA.
    """

    platform_cidr: str
    rack_cidrs: tuple[str, ...]
    racks_per_subnet: int
    secondary_cidr: str | None = None

    @property
    def cidrs(self) -> tuple[str, ...]:
        """Every CIDR of the VPC, the platform's first."""
        return (self.platform_cidr, *self.rack_cidrs)

    @property
    def all_cidrs(self) -> tuple[str, ...]:
        """Every CIDR of the cell, that of the secondary network with them."""
        return (*self.cidrs, *([] if self.secondary_cidr is None else [self.secondary_cidr]))

    def subnet_of(self, slot: int) -> int:
        """Index in `rack_cidrs` of the subnet of a slot.

        Args:
            slot: from 0 on.
        """
        return slot // self.racks_per_subnet


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One VPC and one cluster of racks of one type, for one workload, at one site.

    Attributes:
        number: unique in the programme; it never moves.
        name: SITE-KIND-WNNN, such as `dallas-gb200x72-t007`; `t` is training, `i` inference.
        site: place and account.
        ultraserver_type: name of the type of its racks.
        workload: `training` or `inference`.
        fabric: `efa` or `roce`; None where the type has one only.
        slots: racks that its platform is made for; fixed when the cell is made.
        placed: its racks by their slots, which are from 0 on; a rack keeps its slot.
        management: kind of its node groups.
        network: its addresses.
        limits: limits that bound it, the smallest first.
        racks_per_stack: racks of one stack, by their numbers.
        kubernetes_version: Kubernetes version of its cluster.
    """

    number: int
    name: str
    site: SiteSettings
    ultraserver_type: str
    workload: Workload
    fabric: Literal["efa", "roce"] | None
    slots: int
    placed: Mapping[int, Rack]
    management: Management
    network: CellNetwork
    limits: tuple[CellLimit, ...]
    racks_per_stack: int
    kubernetes_version: str

    @property
    def account(self) -> str:
        """Account of the site."""
        return _known(self.site, self.site.account, "account")

    @property
    def region(self) -> str:
        """Region of the site."""
        return self.site.region

    @property
    def zone(self) -> str:
        """Zone of the site."""
        return _known(self.site, self.site.zone, "zone")

    @cached_property
    def kind(self) -> CellKind:
        """Kind of the cell, with what a rack takes."""
        return CellKind(
            ultraserver_type=UltraServerType.of(self.ultraserver_type), fabric=self.fabric, workload=self.workload
        )

    @cached_property
    def racks(self) -> tuple[Rack, ...]:
        """Racks in the order of their slots, with those that aren't reserved yet."""
        return tuple(rack for _, rack in sorted(self.placed.items()))

    @cached_property
    def stacks(self) -> Mapping[str, tuple[tuple[int, Rack], ...]]:
        """Slots and racks of each stack that has a reserved rack, by its key `racks-TRANCHE-NNN`, in order.

        The key comes from the rack's name alone, so a rack more or less changes one stack.
        """
        found: dict[str, list[tuple[int, Rack]]] = {}
        for slot, rack in self.placed.items():
            if rack.blocks:
                key = f"racks-{rack.tranche}-{rack.number // self.racks_per_stack:03}"
                found.setdefault(key, []).append((slot, rack))
        return {key: tuple(sorted(items, key=lambda item: item[1].number)) for key, items in sorted(found.items())}


def _known(site: SiteSettings, value: str | None, key: str) -> str:
    if value is None:
        raise FleetError(
            path=f"site {site.name}",
            verb="has",
            got=f"no {key}",
            expected="it, since cells are there",
            remedy=f"state {key}",
        )
    return value


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """Cells of a programme.

    Attributes:
        programme: name of the programme.
        cells: its cells, by their numbers.
        assumes_reservations: True if the reservations are made up; nothing of it may be deployed then.
        raised: limits of the programme's file.
        refusals: reasons for which the cells can't be had so; with any of them nothing may be synthesised.
        requests: what to ask AWS for.
        notes: sentences on what is assumed, not verified or left out.
        unrecorded: names of racks whose place isn't in the record yet.
    """

    programme: str
    cells: tuple[Cell, ...]
    assumes_reservations: bool
    raised: LimitSettings
    refusals: tuple[FleetError, ...] = ()
    requests: tuple[Request, ...] = ()
    notes: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()

    def cell(self, name: str) -> Cell:
        """Cell of a name.

        Args:
            name: such as `dallas-gb200x72-t007`.

        Raises:
            FleetError: there is none.
        """
        for cell in self.cells:
            if cell.name == name:
                return cell
        raise FleetError(path="cell", got=repr(name), expected=f"one of programme {self.programme}")

    @property
    def racks(self) -> Iterator[Rack]:
        """Every rack of every cell."""
        return (rack for cell in self.cells for rack in cell.racks)


def by_account(cells: Sequence[Cell]) -> Mapping[tuple[str, str], tuple[Cell, ...]]:
    """Cells of each account and region.

    Args:
        cells: the cells.
    """
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.account, cell.region), []).append(cell)
    return {place: tuple(items) for place, items in sorted(found.items())}
