"""Faults of a programme's file that only its cells show: places, names, limits, counts by date."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ultrafleet.catalog import CapacityBlockRules, PurchaseOption, UltraServerType
from ultrafleet.catalog.eks import CONTROL_PLANE_TIERS
from ultrafleet.catalog.limits import CONTROL_PLANE_ZONES, SECONDARY_NETWORK_REGIONS
from ultrafleet.cells.bounds import KNOWN_LIMITS
from ultrafleet.cells.groups import RACK_DIGITS, cell_prefix, rack_name, rack_numbers, tranches_in_cells
from ultrafleet.cells.kinds import CellKind
from ultrafleet.cells.sizing import most_racks_per_stack
from ultrafleet.environment.collected import Found
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, Programme, SiteSettings, TrancheSettings
from ultrafleet.rules.names import NAME_RULE, is_name
from ultrafleet.rules.places import doubt_of_place, validate_place
from ultrafleet.rules.zones import is_local_zone

_FIRST_CELL: Final = "001"
MOST_PLATFORM_ZONES: Final = 3
"""Availability Zones of a cell's platform, for which its first CIDR has room."""


def usable_tranches(programme: Programme) -> tuple[list[TrancheSettings], list[Found]]:
    """Tranches whose racks can be in cells, and the faults of those that can't, by the paths of their keys.

    Args:
        programme: a programme with a fleet.
    """
    sites = {site.name: site for site in programme.sites}
    used = {tranche.site for tranche in tranches_in_cells(programme)}
    faults: list[Found] = []
    wrong_sites = set()
    for index, site in enumerate(programme.sites):
        found = [(("sites", index, *key), fault) for key, fault in _site_faults(site)] if site.name in used else []
        faults += found
        wrong_sites |= {site.name} if found else set()
    index_of = {tranche.name: index for index, tranche in enumerate(programme.tranches)}
    usable = []
    for tranche in tranches_in_cells(programme):
        own = [
            (("tranches", index_of[tranche.name], *key), fault)
            for key, fault in (*_tranche_faults(tranche, sites[tranche.site]), *_date_faults(tranche, programme))
        ]
        faults += own
        if not own and tranche.site not in wrong_sites:
            usable.append(tranche)
    return usable, faults


def _site_faults(site: SiteSettings) -> Iterator[Found]:
    for key in ("account", "zone"):
        if getattr(site, key) is None:
            yield (
                (),
                FleetError(
                    path=f"{key} of site {site.name}",
                    got="not stated",
                    expected=f"the {key} of its cells",
                    remedy=f"add {key}: VALUE to the site",
                ),
            )
    if not CONTROL_PLANE_ZONES.value <= len(site.platform_zones) <= MOST_PLATFORM_ZONES:
        yield (
            ("platform_zones",),
            FleetError(
                path="platform_zones",
                verb="has",
                got=f"{len(site.platform_zones)} zones for the cells of site {site.name}",
                expected=f"{CONTROL_PLANE_ZONES.value} to {MOST_PLATFORM_ZONES} Availability Zones, for control planes "
                "and system nodes",
                remedy="state those that EKS takes in the account",
            ),
        )


def _tranche_faults(tranche: TrancheSettings, site: SiteSettings) -> Iterator[Found]:
    last = rack_name(tranche.name, tranche.count)
    if tranche.count >= 10**RACK_DIGITS:
        yield (
            (),
            FleetError(
                path=f"tranche {tranche.name}",
                verb="has",
                got=f"{tranche.count:,} UltraServers",
                expected=f"fewer than {10**RACK_DIGITS:,}, since the names of racks have {RACK_DIGITS} digits",
                remedy="make it two tranches",
            ),
        )
    elif not is_name(last):
        yield (
            ("name",),
            FleetError(
                path=f"tranche {tranche.name}",
                verb="names",
                got=f"racks such as {last}",
                expected=NAME_RULE,
                remedy="shorten the tranche's name",
            ),
        )
    kind = CellKind.of(tranche)
    try:
        _ = kind.interfaces, kind.nodes
    except FleetError as error:
        stated = tranche.fabric or "not stated"
        yield (
            ("fabric",),
            FleetError(
                path=f"fabric of tranche {tranche.name}",
                got=stated,
                expected=f"one that {tranche.type} has and whose layout is known ({error.got or error})",
                remedy="state fabric: efa or fabric: roce, or take the tranche out of a programme with a fleet",
            ),
        )
        return
    cell = cell_prefix(site.name, kind) + _FIRST_CELL
    if not is_name(cell):
        yield (
            ("site",),
            FleetError(
                path=f"site {site.name}",
                verb="names",
                got=f"cells such as {cell}",
                expected=NAME_RULE,
                remedy="shorten the site's name",
            ),
        )
    if site.zone is not None:
        yield from _place_faults(tranche, site, site.zone)
        if tranche.fabric == "roce":
            yield from _roce_faults(tranche, site, site.zone)


def _roce_faults(tranche: TrancheSettings, site: SiteSettings, zone: str) -> Iterator[Found]:
    regions = SECONDARY_NETWORK_REGIONS.value.split()
    if site.region not in regions or is_local_zone(zone):
        yield (
            ("site",),
            FleetError(
                path=f"tranche {tranche.name}",
                verb="has",
                got=f"fabric roce at site {site.name}, in {zone}",
                expected=f"an Availability Zone of {', '.join(regions)}, which have secondary networks",
                remedy="name a site there, or state fabric: efa where that is what is delivered",
            ),
        )


def _date_faults(tranche: TrancheSettings, programme: Programme) -> Iterator[Found]:
    if tranche.delivery >= programme.end:
        yield (
            ("delivery",),
            FleetError(
                path="delivery",
                got=tranche.delivery,
                expected=f"a day before {programme.end}, the end of the programme",
                remedy="correct one of them",
            ),
        )


def _place_faults(tranche: TrancheSettings, site: SiteSettings, zone: str) -> Iterator[Found]:
    sold = UltraServerType.of(tranche.type)
    try:
        validate_place(tranche.name, sold, zone)
    except FleetError as error:
        yield (
            ("site",),
            FleetError(
                path=f"tranche {tranche.name}",
                verb="has",
                got=f"{sold} at site {site.name}, in {zone}",
                expected=error.expected,
                remedy="name a site there: elsewhere it can't be bought",
            ),
        )


def place_notes(programme: Programme, tranches: Sequence[TrancheSettings]) -> Iterator[str]:
    """Sentences on places of which no document says that a type is sold there.

    Args:
        programme: the programme.
        tranches: tranches whose racks are in cells.
    """
    zones = {site.name: site.zone or "" for site in programme.sites}
    for sold, zone in sorted({(tranche.type, zones[tranche.site]) for tranche in tranches}):
        kind = UltraServerType.of(sold)
        if kind.fact("zones").value is None and kind.fact("region").value is None:
            yield f"not verified: {sold} in {zone}: no document names a zone or region in which it is sold"
        else:
            doubt = doubt_of_place(kind, PurchaseOption.CAPACITY_BLOCK, zone)
            yield from () if doubt is None else (f"not verified: {doubt}",)
    others = sorted(
        {tranche.name for tranche in programme.tranches} - {item.name for item in tranches_in_cells(programme)}
    )
    if others:
        yield f"not in cells: {', '.join(others)} hold single instances: put them into an environment file"


def limit_faults(programme: Programme, fleet: FleetSettings) -> Iterator[Found]:
    """Limits that can't be so, and settings that no template holds.

    Args:
        programme: the programme.
        fleet: its fleet.
    """
    for key, known in KNOWN_LIMITS.items():
        stated, most = programme.limits.raised(key), known.maximum
        if stated is not None and most is not None and stated.value > most.value:
            yield (
                ("limits", key, "value"),
                FleetError(
                    path="value",
                    got=f"{stated.value:,}",
                    expected=f"at most {most.value:,} ({most.source})",
                    remedy="more cells take what one can't hold"
                    if key != "node_groups_per_cluster"
                    else "self-managed node groups have no such limit: state management: self-managed in fleet",
                ),
            )
    if fleet.racks_per_stack is not None and fleet.racks_per_stack > most_racks_per_stack():
        yield (
            ("fleet", "racks_per_stack"),
            FleetError(
                path="racks_per_stack",
                got=fleet.racks_per_stack,
                expected=f"at most {most_racks_per_stack()}, by the resources and bytes of a template",
                remedy="lower it, or leave it out",
            ),
        )
    roce = [tranche.name for tranche in tranches_in_cells(programme) if tranche.fabric == "roce"]
    if fleet.management == "managed" and roce:
        yield (
            ("fleet", "management"),
            FleetError(
                path="management",
                got="managed",
                expected=f"self-managed for tranche {roce[0]} on RoCE, which managed node groups can't launch",
                remedy="leave it out: then each cell has the kind that it needs",
            ),
        )


def retired_faults(programme: Programme, fleet: FleetSettings) -> Iterator[Found]:
    """Retired names that are no racks.

    Args:
        programme: the programme.
        fleet: its fleet.
    """
    names = {
        rack_name(tranche.name, number)
        for tranche in tranches_in_cells(programme)
        for number in range(1, tranche.count + 1)
    }
    for index, name in enumerate(fleet.retired):
        if name not in names:
            yield (
                ("fleet", "retired", index),
                FleetError(
                    path="it",
                    got=repr(name),
                    expected="the name of a rack, a tranche's name and its number such as -0007",
                    remedy="correct it, or take it out",
                ),
            )


def count_faults(programme: Programme) -> tuple[list[Found], list[str]]:
    """Steps of targets that the contracted deliveries don't reach: faults, and sentences where blocks may fill them.

    Args:
        programme: the programme.
    """
    faults: list[Found] = []
    notes: list[str] = []
    bought = {item.type for item in programme.later_blocks}
    for index, target in enumerate(programme.targets):
        if not isinstance(target.sold, UltraServerType):
            continue
        for number, step in enumerate(target.steps):
            wanted = step.units(target.sold)
            there = sum(
                len(list(rack_numbers(programme, tranche)))
                for tranche in programme.tranches
                if (tranche.type, tranche.workload) == (target.type, target.workload)
                and tranche.delivery <= step.start
                and (tranche.end is None or tranche.end > step.start)
            )
            if there >= wanted:
                continue
            if target.type in bought or programme.environments:
                notes.append(
                    f"target {target.name}: {wanted - there:,} of {wanted:,} UltraServers on {step.start} are in no "
                    "cell: blocks that are bought later, or environments, have to hold them"
                )
                continue
            faults.append(
                (
                    ("targets", index, "steps", number),
                    FleetError(
                        path=f"target {target.name}",
                        verb="wants",
                        got=f"{wanted:,} UltraServers on {step.start}",
                        expected=f"at most {there:,}, which its tranches deliver by then",
                        remedy="add a tranche or later_blocks, or correct the step or the dates of delivery",
                    ),
                )
            )
    return faults, notes


def block_note(programme: Programme, tranches: Sequence[TrancheSettings]) -> str | None:
    """Sentence on the instances that an organisation may have on capacity blocks on one date, if there are more.

    Args:
        programme: the programme.
        tranches: tranches whose racks are in cells.
    """
    raised = programme.limits.block_instances_on_a_date
    most = CapacityBlockRules.MAX_INSTANCES_ON_A_DATE if raised is None else raised
    there = {
        day: sum(
            len(list(rack_numbers(programme, item))) * CellKind.of(item).nodes
            for item in tranches
            if item.delivery <= day < (item.end or programme.end)
        )
        for day in {item.delivery for item in tranches}
    }
    day = max(there, key=lambda day: (there[day], day), default=None)
    if day is None or there[day] <= most:
        return None
    basis = (
        "EC2 documents, for single instances explicitly" if raised is None else "limits.block_instances_on_a_date says"
    )
    return (
        f"not verified: {basis}, {most:,} instances on capacity blocks of an organisation on a date; cells have "
        f"{there[day]:,} on {day}: a contract has to say so, ask the account team before any other quota"
    )


def tier_note(programme: Programme, nodes: Mapping[str, int]) -> str | None:
    """Sentence on the control plane of the largest cell, where the file leaves it to EKS.

    Args:
        programme: the programme.
        nodes: nodes of each cell by its name.
    """
    fleet = programme.fleet
    if fleet is None or fleet.control_plane_scaling_tier is not None or not nodes:
        return None
    largest = max(nodes, key=lambda name: (nodes[name], name))
    return (
        f"control planes are EKS's standard, which grows with its load: {nodes[largest]:,} nodes in {largest}; no "
        "source says how many nodes a tier takes: fleet.control_plane_scaling_tier has "
        f"{', '.join(CONTROL_PLANE_TIERS)}"
    )
