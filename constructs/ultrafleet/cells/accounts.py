"""Quotas of accounts, regions and zones over all cells in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ultrafleet.cells.bounds import KNOWN_LIMITS, Request
from ultrafleet.cells.model import Cell, by_account
from ultrafleet.cells.sizing import SYSTEM_GROUPS
from ultrafleet.environment.collected import Found
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, LimitSettings, Programme
from ultrafleet.rules.schedule_room import most_blocks

_PLATFORM_STACKS: Final = 8
"""Stacks of a cell that are no racks': network, cluster, system, capacity, Kubernetes, operate, care and one more."""


def taken(cell: Cell, fleet: FleetSettings) -> Mapping[str, int]:
    """Units that a cell takes of each quota of its account, with every slot filled.

    Args:
        cell: the cell.
        fleet: fleet of the programme.
    """
    kind = cell.kind
    groups = cell.slots + fleet.hand_overs_per_cell + SYSTEM_GROUPS
    return {
        "clusters_per_region": 1,
        "vpcs_per_region": 1,
        "launch_templates_per_region": groups,
        "auto_scaling_groups_per_region": groups,
        "secondary_networks_per_region": int(cell.fabric == "roce"),
        "stacks_per_region": _PLATFORM_STACKS + max(len(cell.stacks), -(-cell.slots // cell.racks_per_stack)),
        "network_interfaces_per_zone": (cell.slots + fleet.hand_overs_per_cell) * kind.nodes * len(kind.interfaces),
    }


def account_requests(cells: Sequence[Cell], fleet: FleetSettings, raised: LimitSettings) -> Iterator[Request]:
    """Quotas of accounts that have to be raised before every slot is filled.

    Args:
        cells: cells of the programme.
        fleet: its fleet.
        raised: its limits.
    """
    for (account, region), mine in by_account(cells).items():
        for key, places in _places(mine).items():
            known = KNOWN_LIMITS[key]
            value = known.value(raised)
            for place, here in places.items():
                needed = sum(taken(cell, fleet)[key] for cell in here)
                if needed > value:
                    yield Request(
                        account=account,
                        region=region,
                        service=known.service,
                        quota=known.quota,
                        code=known.code,
                        key=key,
                        now=value,
                        needed=needed,
                        why=f"{len(here)} cell{'s' if len(here) > 1 else ''} in {place}, with every slot filled",
                        is_required=True,
                    )


def _places(cells: Sequence[Cell]) -> Mapping[str, Mapping[str, Sequence[Cell]]]:
    """Cells that share each quota of one account and region, by the place that the quota is counted in."""
    found: dict[str, dict[str, list[Cell]]] = {}
    for key, known in KNOWN_LIMITS.items():
        if known.of == "cell":
            continue
        for cell in cells:
            place = cell.zone if known.of == "zone" else cell.region
            found.setdefault(key, {}).setdefault(place, []).append(cell)
    return found


def schedule_faults(programme: Programme, cells: Iterable[Cell]) -> Iterator[Found]:
    """Accounts with more blocks in a region than the block schedules can hold.

    Args:
        programme: the programme.
        cells: its cells.
    """
    index_of = {site.name: index for index, site in enumerate(programme.sites)}
    for (account, region), mine in by_account(tuple(cells)).items():
        blocks = sum(len(rack.blocks) for cell in mine for rack in cell.racks)
        if blocks > most_blocks():
            yield (
                ("sites", index_of[mine[0].site.name], "account"),
                FleetError(
                    path=f"account {account}",
                    verb="has",
                    got=f"{blocks:,} capacity blocks in {region}",
                    expected=f"at most {most_blocks():,}, which the variable of a block schedule holds",
                    remedy="name another account in a site of the same zone, and move tranches there",
                ),
            )
