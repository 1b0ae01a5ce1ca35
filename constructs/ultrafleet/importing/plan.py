"""Subnets of an imported fleet: small ones for the control plane, then system nodes, then accelerators by demand."""

import ipaddress
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog.limits import CONTROL_PLANE_ZONES, MAX_PODS_PER_SMALL_NODE
from ultrafleet.rules.ip_budget import (
    PoolIpDemand,
    node_ip_demand,
    parse_cidr,
    prefix_length_of,
    smallest_prefix_length,
)
from ultrafleet.rules.network_plan import SubnetRequest, propose_subnets
from ultrafleet.rules.subnets import SubnetKind
from ultrafleet.rules.zones import is_local_zone, region_of_zone, zone_suffix

_CONTROL_LENGTH: Final = 26
_NAT_LENGTH: Final = 28
_SYSTEM_LENGTH: Final = 22
_SYSTEM_AT: Final = 4 << 8
_ACCELERATORS_AT: Final = 16 << 8
"""Offsets in the VPC, which leave room for subnets to come."""
_BLOCKS_OVERLAP: Final = 2
_SYSTEM_NODES: Final = 4
"""The system nodes of a zone, at most, in a VPC in which a /22 has no room."""


@dataclass(frozen=True, kw_only=True)
class WantedSubnet:
    """Subnet for accelerators.

    Attributes:
        zone: its zone.
        cidr: its CIDR; None for a proposal.
        demands: pools in it.
        subnet_id: its id, where it exists and is used as it is.
        on_blocks: names of the pools that are on capacity blocks, of which two may overlap.
    """

    zone: str
    cidr: str | None
    demands: tuple[PoolIpDemand, ...]
    on_blocks: frozenset[str]
    subnet_id: str | None = None

    @property
    def length(self) -> int:
        """Length of its prefix: room for each pool, and twice for one whose blocks may overlap."""
        addresses = sum(
            demand.addresses * (_BLOCKS_OVERLAP if demand.pool_name in self.on_blocks else 1) for demand in self.demands
        )
        roomy = prefix_length_of(addresses)
        return smallest_prefix_length(self.demands) if roomy is None else roomy


def control_plane_zones(stated: Sequence[str], others: Sequence[str], region: str) -> tuple[list[str], list[str]]:
    """Zones of the control plane, and those of them that were added because it needs two.

    Args:
        stated: zones that are stated for it.
        others: zones of system nodes and pools; taken where fewer than two are stated.
        region: the region.
    """
    zones = _regular(stated, region)
    if len(zones) < CONTROL_PLANE_ZONES.value:
        zones = _regular([*stated, *others], region)
    added: list[str] = []
    for letter in _neighbours(zones, region):
        if len(zones) + len(added) >= CONTROL_PLANE_ZONES.value:
            break
        added.append(letter)
    return sorted([*zones, *added]), added


def _regular(zones: Sequence[str], region: str) -> list[str]:
    return sorted({zone for zone in zones if region_of_zone(zone) == region and not is_local_zone(zone)})


def _neighbours(zones: Sequence[str], region: str) -> list[str]:
    if not zones:
        return [f"{region}a", f"{region}b"]
    letter = zones[0][-1]
    return [f"{region_of_zone(zones[0])}{chr(ord(letter) - 1) if letter > 'a' else 'b'}"]


def subnet_rows(
    *,
    cidr: str,
    control: Sequence[str],
    system: Sequence[str],
    accelerators: Mapping[str, WantedSubnet],
    zonal_nat: bool,
) -> list[dict[str, str]]:
    """Subnets in the words of `network.subnets`.

    Args:
        cidr: CIDR of the VPC.
        control: zones of the control plane.
        system: zones of system nodes.
        accelerators: subnets of accelerators by name.
        zonal_nat: True for a subnet with a NAT gateway.

    Raises:
        FleetError: they don't fit into the VPC.
    """
    vpc = parse_cidr(cidr, of="the VPC")
    rows = _rows(control, system, accelerators, zonal_nat)
    lengths = {
        "control_plane": _CONTROL_LENGTH,
        "nat": _NAT_LENGTH,
        "system": _SYSTEM_LENGTH,
    }
    taken = [parse_cidr(wanted.cidr, of=f"subnet {name}") for name, wanted in accelerators.items() if wanted.cidr]
    cursor = {"control_plane": 0, "system": _SYSTEM_AT, "accelerator": _ACCELERATORS_AT}
    for row in rows:
        kind, wanted = row["kind"], accelerators.get(row["name"])
        if wanted is not None and wanted.cidr is not None:
            row["cidr"] = wanted.cidr
            continue
        length = lengths[kind] if wanted is None else wanted.length
        region = "control_plane" if kind == "nat" else kind
        size = 1 << (32 - length)
        at = -(-cursor[region] // size) * size
        found = _at(vpc, at, length)
        while found is not None and any(found.overlaps(other) for other in taken):
            at += size
            found = _at(vpc, at, length)
        if found is None:
            return _packed(cidr, rows, accelerators)
        taken.append(found)
        row["cidr"] = str(found)
        cursor[region] = at + size
    return rows


def _at(vpc: ipaddress.IPv4Network, offset: int, length: int) -> ipaddress.IPv4Network | None:
    size = 1 << (32 - length)
    if offset + size > vpc.num_addresses:
        return None
    start = int(vpc.network_address) + offset
    return ipaddress.IPv4Network((start, length)) if start % size == 0 else None


def _rows(
    control: Sequence[str], system: Sequence[str], accelerators: Mapping[str, WantedSubnet], zonal_nat: bool
) -> list[dict[str, str]]:
    rows = [_row("control", "control_plane", zone) for zone in control]
    if zonal_nat:
        rows.append(_row("nat", "nat", control[0]))
    rows += [_row("system", "system", zone) for zone in system]
    rows += [
        {"name": name, "kind": "accelerator", "availability_zone": wanted.zone} for name, wanted in accelerators.items()
    ]
    return rows


def _row(what: str, kind: str, zone: str) -> dict[str, str]:
    return {"name": subnet_name(what, zone), "kind": kind, "availability_zone": zone}


def subnet_name(what: str, zone: str, taken: Sequence[str] = ()) -> str:
    """Name of a subnet: `accel-b` in `us-east-2b`, `accel-b-2` where that is taken.

    Args:
        what: first part of the name.
        zone: its zone.
        taken: names that are in use.
    """
    first = f"{what}-{zone_suffix(zone).strip('-')}"
    further = (f"{first}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([first], further) if name not in taken)


def _packed(
    cidr: str, rows: Sequence[dict[str, str]], accelerators: Mapping[str, WantedSubnet]
) -> list[dict[str, str]]:
    """The same in a small VPC: the proposal of `ultrafleet network plan`, without the gaps."""
    demands = {name: wanted.demands for name, wanted in accelerators.items()}
    system = PoolIpDemand(
        pool_name="system nodes",
        nodes=_SYSTEM_NODES,
        per_node=node_ip_demand(ip_interfaces=1, max_pods=MAX_PODS_PER_SMALL_NODE.value, ipv4_per_interface=None),
    )
    requests = [
        SubnetRequest(
            name=row["name"],
            kind=SubnetKind(row["kind"]),
            availability_zone=row["availability_zone"],
            cidr=accelerators[row["name"]].cidr if row["name"] in accelerators else None,
            demands=(system,) if row["kind"] == "system" else demands.get(row["name"], ()),
        )
        for row in rows
    ]
    specs = propose_subnets(vpc_cidr=cidr, subnets=requests, headroom=1)
    return [{**row, "cidr": spec.cidr} for row, spec in zip(rows, specs, strict=True)]
