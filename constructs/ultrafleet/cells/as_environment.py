"""A cell as the content of an environment file, so that what takes an environment takes a cell."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.cells.model import Cell, Rack
from ultrafleet.cells.queues import cell_queue_content
from ultrafleet.environment import Environment
from ultrafleet.environment.racks import RACKS, SHARED_BLOCK, expand
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.self_managed import SELF_MANAGED
from ultrafleet.rules.service_cidr import DEFAULT_SERVICE_CIDRS
from ultrafleet.rules.zones import is_local_zone

_CONTROL_PLANE_LENGTH: Final = 26
_NAT_LENGTH: Final = 28
_SYSTEM_LENGTH: Final = 22
_PLAIN: Final = re.compile(r"(?!(?:true|false|yes|no|on|off|null|y|n)$)[a-z][a-z0-9_./-]*")
_CIDR: Final = re.compile(r"\d+\.\d+\.\d+\.\d+/\d+")
"""Texts that YAML reads as texts without quotes."""
_FEWEST_ZONES: Final = 2
_SERVICE_CIDR: Final = str(DEFAULT_SERVICE_CIDRS[-1])
"""Service addresses of clusters with self-managed nodes, who have to be given them; no cell has these (ours)."""
_ZONE_LETTERS: Final = "abc"
"""Suffixes of subnets of the platform, a zone each: what is left of the platform's CIDR has room for three."""


def cell_environment(cell: Cell, fleet: FleetSettings) -> Environment:
    """A cell as an environment: its reserved racks, and slots for the others.

    Args:
        cell: the cell.
        fleet: fleet of its programme.

    Raises:
        FleetError: it can't be an environment, such as without zones of its platform.
    """
    content = cell_content(cell, fleet)
    content["pools"] = list(_pools(cell, fleet))
    return Environment.model_validate({"name": cell.name, **expand(content).content})


def cell_text(cell: Cell, fleet: FleetSettings) -> str:
    """A cell as the text of an environment file.

    Args:
        cell: the cell.
        fleet: fleet of its programme.
    """
    # No YAML library: it takes a tenth of a second for a cell.
    lines = [f"# Cell {cell.name} of a programme, written by `ultrafleet programme synth`: edits are lost."]
    lines += _block(cell_content(cell, fleet), "")
    pools = list(_pools(cell, fleet))
    lines.append("pools:" if pools else "pools: []")
    for pool in pools:
        keys = [f"{key}: {_flow(value)}" for key, value in pool.items() if key != RACKS]
        lines.append(f"  - {keys[0]}")
        lines += [f"    {key}" for key in keys[1:]]
        lines.append(f"    {RACKS}:")
        lines += [f"      {name}: {_flow(blocks)}" for name, blocks in pool[RACKS].items()]
    return "\n".join(lines) + "\n"


def cell_content(cell: Cell, fleet: FleetSettings) -> dict[str, Any]:
    """Content of a cell's environment file without its pools: equal for all racks that it may hold.

    Args:
        cell: the cell.
        fleet: fleet of its programme.

    Raises:
        FleetError: its site names too few or too many zones of the platform.
    """
    slots: dict[str, Any] = {
        "ultraservers": cell.slots,
        "ultraserver_type": cell.ultraserver_type,
        "workload": cell.workload,
        "racks_per_stack": cell.racks_per_stack,
    }
    if cell.fabric is not None:
        slots["fabric"] = cell.fabric
    if cell.management == SELF_MANAGED:
        slots["management"] = cell.management
    if _states_max_pods(fleet):
        slots["max_pods"] = fleet.max_pods
    cluster: dict[str, Any] = {"kubernetes_version": cell.kubernetes_version}
    if cell.management == SELF_MANAGED:
        cluster["service_cidr"] = _SERVICE_CIDR
    if fleet.control_plane_scaling_tier is not None:
        cluster["control_plane_scaling_tier"] = fleet.control_plane_scaling_tier
    content: dict[str, Any] = {
        "account": cell.account,
        "region": cell.region,
        "production": True,
        "network": _network(cell),
        "cluster": cluster,
        "slots": slots,
    }
    if fleet.spare_nodes_per_ultraserver:
        content["kubernetes"] = {"spare_nodes_per_ultraserver": fleet.spare_nodes_per_ultraserver}
    if fleet.queue is not None:
        queued = cell_queue_content(cell, fleet.queue)
        for key in ("cluster", "kubernetes"):
            content[key] = {**content.get(key, {}), **queued.pop(key, {})}
        content |= queued
    return content


def cell_cidrs(cell: Cell) -> dict[str, str]:
    """CIDRs of a cell by the name of their subnet, that of the VPC as `vpc`.

    Args:
        cell: the cell.
    """
    return {"vpc": cell.network.platform_cidr, **{subnet["name"]: subnet["cidr"] for subnet in _subnets(cell)}}


def rack_subnet(cell: Cell, slot: int) -> str:
    """Name of the subnet of a slot.

    Args:
        cell: the cell.
        slot: from 0 on.
    """
    return f"racks-{cell.network.subnet_of(slot)}"


def _network(cell: Cell) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cidr": cell.network.platform_cidr,
        "secondary_cidrs": list(cell.network.rack_cidrs),
        "subnets": list(_subnets(cell)),
    }
    if cell.network.secondary_cidr is not None:
        found["secondary_network"] = {"cidr": cell.network.secondary_cidr, "availability_zone": cell.zone}
    return {"egress": "zonal_nat", **found} if is_local_zone(cell.zone) else found


def _subnets(cell: Cell) -> Iterator[dict[str, str]]:
    zones = cell.site.platform_zones
    if not _FEWEST_ZONES <= len(zones) <= len(_ZONE_LETTERS):
        raise FleetError(
            path=f"platform_zones of site {cell.site.name}",
            got=f"{len(zones)} zones",
            expected=f"{_FEWEST_ZONES} to {len(_ZONE_LETTERS)}",
            remedy="name Availability Zones for control plane and system nodes",
        )
    network = ipaddress.IPv4Network(cell.network.platform_cidr)
    large = list(network.subnets(new_prefix=_SYSTEM_LENGTH))
    small = list(large[0].subnets(new_prefix=_CONTROL_PLANE_LENGTH))
    named = list(zip(_ZONE_LETTERS, zones, strict=False))
    for number, (letter, zone) in enumerate(named):
        yield _subnet(f"control-{letter}", "control_plane", zone, small[number])
    if is_local_zone(cell.zone):
        nat = next(small[len(named)].subnets(new_prefix=_NAT_LENGTH))
        yield _subnet("nat-a", "nat", zones[0], nat)
    for number, (letter, zone) in enumerate(named):
        yield _subnet(f"system-{letter}", "system", zone, large[1 + number])
    for number, cidr in enumerate(cell.network.rack_cidrs):
        yield _subnet(f"racks-{number}", "accelerator", cell.zone, ipaddress.IPv4Network(cidr))


def _subnet(name: str, kind: str, zone: str, cidr: ipaddress.IPv4Network) -> dict[str, str]:
    return {"name": name, "kind": kind, "availability_zone": zone, "cidr": str(cidr)}


def _pools(cell: Cell, fleet: FleetSettings) -> Iterator[dict[str, Any]]:
    """Entries of `pools`: racks of one subnet whose blocks have the same dates."""
    found: dict[tuple[Any, ...], dict[str, tuple[CapacityBlock, ...]]] = {}
    for slot, rack in sorted(cell.placed.items()):
        if rack.block is not None:
            key = (rack_subnet(cell, slot), rack.block.start, rack.block.end)
            found.setdefault(key, {})[rack.name] = rack.blocks
    for (subnet, start, end), racks in found.items():
        yield {
            "kind": "ultraserver",
            "ultraserver_type": cell.ultraserver_type,
            "workload": cell.workload,
            "subnet": subnet,
            **({"fabric": cell.fabric} if cell.fabric is not None else {}),
            **({"management": cell.management} if cell.management == SELF_MANAGED else {}),
            **({"node": {"max_pods": fleet.max_pods}} if _states_max_pods(fleet) else {}),
            SHARED_BLOCK: {"availability_zone": cell.zone, "start": start, "end": end},
            RACKS: {name: _blocks(blocks) for name, blocks in sorted(racks.items())},
        }


def _states_max_pods(fleet: FleetSettings) -> bool:
    return bool(fleet.max_pods != FleetSettings.model_fields["max_pods"].default)


def _blocks(blocks: tuple[CapacityBlock, ...]) -> Any:  # noqa: ANN401 - an id, or a list of mappings
    if len(blocks) == 1:
        return blocks[0].capacity_reservation_id
    return [
        {"capacity_reservation_id": block.capacity_reservation_id, "start": block.start, "end": block.end}
        for block in blocks
    ]


def _block(content: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Lines of a mapping in YAML."""
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        elif isinstance(value, Mapping) and any(isinstance(item, list | Mapping) for item in value.values()):
            yield f"{indent}{key}:"
            yield from _block(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_flow(value)}"


def _flow(value: Any) -> str:  # noqa: ANN401 - whatever a file holds
    """Text of a value in YAML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, str) and (_PLAIN.fullmatch(value) or _CIDR.fullmatch(value)):
        return value
    return json.dumps(value, ensure_ascii=False)


def reserved(cell: Cell) -> list[tuple[int, Rack]]:
    """Slots and racks of a cell that have a reservation, and so are in its templates.

    Args:
        cell: the cell.
    """
    return [(slot, rack) for slot, rack in sorted(cell.placed.items()) if rack.blocks]
