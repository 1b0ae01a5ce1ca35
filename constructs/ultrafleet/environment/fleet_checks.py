"""Checks of what an environment's parts say together: all of their faults, each with the path of its key.

A part that is wrong alone is None here, so that what the others say is checked beside it; its name is still known.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from ultrafleet.environment.collected import Found
from ultrafleet.environment.document import KeyPath, near
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings
from ultrafleet.environment.secondary_network_checks import secondary_network_faults
from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import parse_cidr
from ultrafleet.rules.places import validate_place
from ultrafleet.rules.priorities import check_priorities
from ultrafleet.rules.zones import is_local_zone, region_of_zone

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from ultrafleet.environment.pool_settings import PoolSettings
    from ultrafleet.environment.secondary_network_settings import SecondaryNetworkSettings
    from ultrafleet.environment.workloads import KubernetesSettings, ServedModelSettings, TeamSettings

_SUBNETS: Final = ("network", "subnets")


class StatedSubnet(Protocol):
    """A subnet of a file."""

    @property
    def name(self) -> str:
        """Name of the subnet."""

    @property
    def kind(self) -> str:
        """Purpose of the subnet."""

    @property
    def availability_zone(self) -> str:
        """Zone of the subnet."""

    @property
    def cidr(self) -> str | None:
        """CIDR of the subnet, or None."""


class StatedReservation(Protocol):
    """An on-demand capacity reservation of a file."""

    @property
    def name(self) -> str:
        """Name of the reservation."""

    @property
    def capacity_reservation_id(self) -> str | None:
        """Id of one that exists, or None."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Parts of an environment; one that is wrong alone is None.

    Attributes:
        region: its region.
        vpc_cidrs: CIDRs of its VPC; empty where they aren't known.
        subnets: subnets in the order of the file.
        reservations: on-demand capacity reservations.
        pools: pools.
        kubernetes: settings of the Kubernetes layer.
        teams: teams.
        models: served models.
        secondary_network: secondary network; None where the file has none, or a wrong one.
        states_secondary_network: whether the file has one.
        names: names of all parts, also of wrong ones, by `subnets`, `reservations`, `pools`; `workloads` of the pools.
    """

    region: str | None
    vpc_cidrs: Sequence[str]
    subnets: "Sequence[StatedSubnet | None]"
    reservations: "Sequence[StatedReservation | None]"
    pools: "Sequence[PoolSettings | None]"
    kubernetes: "KubernetesSettings | None"
    teams: "Sequence[TeamSettings | None]"
    models: "Sequence[ServedModelSettings | None]"
    secondary_network: "SecondaryNetworkSettings | None" = None
    states_secondary_network: bool = False
    names: Mapping[str, set[str]] = field(default_factory=dict)

    def known(self, kind: str) -> set[str]:
        """Names of all parts of a kind.

        Args:
            kind: such as `pools`.
        """
        stated = {item.name for item in getattr(self, kind) if item is not None}
        return stated | self.names.get(kind, set())

    @property
    def workloads(self) -> set[str]:
        """Workloads of all pools, and of queues over cells."""
        manages = self.kubernetes.manages if self.kubernetes is not None else None
        over_cells = {queue.workload for queue in manages.queues} if manages is not None else set()
        return (
            {pool.workload for pool in self.pools if pool is not None} | self.names.get("workloads", set()) | over_cells
        )

    def zone_of(self, subnet: str) -> str | None:
        """Zone of a subnet, or None where it isn't known."""
        return next((item.availability_zone for item in self.subnets if item is not None and item.name == subnet), None)

    def kind_of(self, subnet: str) -> str | None:
        """Kind of a subnet, or None where it isn't known."""
        return next((item.kind for item in self.subnets if item is not None and item.name == subnet), None)


def fleet_faults(parts: Parts) -> Iterator[Found]:
    """FaultsError of what the parts say together, in the order of the file.

    Args:
        parts: the parts.
    """
    yield from _region_faults(parts)
    yield from _repeated(_SUBNETS, "network.subnets", parts.subnets)
    yield from _local_zone_faults(parts)
    yield from _cidr_faults(parts)
    yield from secondary_network_faults(
        parts.secondary_network,
        is_stated=parts.states_secondary_network,
        region=parts.region,
        vpc_cidrs=parts.vpc_cidrs,
        pools=parts.pools,
        zone_of=parts.zone_of,
    )
    yield from _repeated(("capacity_reservations",), "capacity_reservations", parts.reservations)
    yield from _repeated(("pools",), "pools", parts.pools)
    yield from _node_group_faults(parts)
    for index, pool in enumerate(parts.pools):
        if pool is not None:
            yield from _pool_faults(parts, ("pools", index), pool)
    yield from _reservation_faults(parts)
    yield from _delivery_faults(parts)
    yield from _shared_names(parts)
    for index, team in enumerate(parts.teams):
        if team is not None:
            yield from _team_faults(parts, ("teams", index), team)
    for index, model in enumerate(parts.models):
        if model is not None:
            yield from _model_faults(parts, ("models", index), model)
    yield from _shared_racks(parts)


def _region_faults(parts: Parts) -> Iterator[Found]:
    """Zones of another region; where all of them are in one other, the region is what is wrong."""
    if parts.region is None:
        return
    stated = [(index, item.availability_zone) for index, item in enumerate(parts.subnets) if item is not None]
    regions = {region_of_zone(zone) for _, zone in stated}
    if len(regions) == 1 and parts.region not in regions and len(stated) > 1:
        (region,) = regions
        yield (
            ("region",),
            FleetError(
                path="region", got=repr(parts.region), expected=f"{region}, in which every subnet's zone is",
                remedy=f"write {region}, or zones of {parts.region}",
            ),
        )  # fmt: skip
        return
    for index, zone in stated:
        if region_of_zone(zone) != parts.region:
            item = parts.subnets[index]
            yield (
                (*_SUBNETS, index, "availability_zone"),
                FleetError(
                    path=f"subnet {item.name if item else index}", got=f"in {zone}",
                    expected=f"a zone of {parts.region}", remedy="correct the zone, or the region",
                ),
            )  # fmt: skip


def _local_zone_faults(parts: Parts) -> Iterator[Found]:
    for index, subnet in enumerate(parts.subnets):
        if subnet is not None and subnet.kind != "accelerator" and is_local_zone(subnet.availability_zone):
            yield (
                (*_SUBNETS, index, "availability_zone"),
                FleetError(
                    path=f"subnet {subnet.name} of kind {subnet.kind}",
                    got=f"in Local Zone {subnet.availability_zone}",
                    expected="an Availability Zone",
                    remedy="an EKS cluster can't be created with a Local Zone, only accelerators go there",
                ),
            )


def _cidr_faults(parts: Parts) -> Iterator[Found]:
    networks: list[IPv4Network] = []
    for index, cidr in enumerate(parts.vpc_cidrs):
        try:
            networks.append(parse_cidr(cidr, of="the VPC"))
        except FleetError as error:
            yield ("network", "cidr") if index == 0 else ("network", "secondary_cidrs", index - 1), error
    yield from _subnet_cidr_faults(parts, networks if len(networks) == len(parts.vpc_cidrs) else [])


def _subnet_cidr_faults(parts: Parts, vpc: "Sequence[IPv4Network]") -> Iterator[Found]:
    known: list[tuple[StatedSubnet, IPv4Network]] = []
    for index, subnet in enumerate(parts.subnets):
        if subnet is None or subnet.cidr is None:
            continue
        path: KeyPath = (*_SUBNETS, index, "cidr")
        try:
            network = parse_cidr(subnet.cidr, of=f"subnet {subnet.name}")
        except FleetError as error:
            yield path, error
            continue
        if vpc and not any(network.subnet_of(whole) for whole in vpc):
            of_vpc = " or ".join(parts.vpc_cidrs)
            yield (
                path,
                FleetError(
                    path=f"subnet {subnet.name}", verb="has", got=subnet.cidr, expected=f"a part of the VPC's {of_vpc}",
                    remedy="move it",
                ),
            )  # fmt: skip
        for other, taken in known:
            if network.overlaps(taken):
                yield (
                    path,
                    FleetError(
                        path=f"subnets {other.name} ({other.cidr})", verb="and",
                        got=f"{subnet.name} ({subnet.cidr}) overlap", expected="separate CIDRs",
                        remedy="move one of them",
                    ),
                )  # fmt: skip
                break
        known.append((subnet, network))


def _repeated(path: KeyPath, where: str, parts: Sequence[Any]) -> Iterator[Found]:
    counts = Counter(item.name for item in parts if item is not None)
    seen: set[str] = set()
    for index, item in enumerate(parts):
        if item is None:
            continue
        if item.name in seen:
            yield (*path, index, "name"), _named_twice(where, counts[item.name], item.name)
        seen.add(item.name)


def _named_twice(where: str, count: int, name: str) -> FleetError:
    return FleetError(
        path=where, verb="has", got=f"{count} entries named {name!r}", expected="each name once", remedy="rename one"
    )


def _node_group_faults(parts: Parts) -> Iterator[Found]:
    users: dict[str, tuple[int, int]] = {}
    for index, pool in enumerate(parts.pools):
        if pool is None:
            continue
        groups = [block.existing_node_group or f"{pool.name}-{block.capacity_reservation_id}" for block in pool.blocks]
        for number, group in enumerate(groups or [pool.name]):
            first = users.setdefault(group, (index, number))
            # The same pool's are the pool's own fault; a second pool of the name has been told of.
            if first[0] != index and not _same_name(parts, first[0], index):
                path: KeyPath = ("pools", index, "blocks", number, "existing_node_group") if groups else ()
                yield path or ("pools", index, "name"), _named_twice("node groups", 2, group)


def _same_name(parts: Parts, one: int, other: int) -> bool:
    first, second = parts.pools[one], parts.pools[other]
    return first is not None and second is not None and first.name == second.name


def _pool_faults(parts: Parts, path: KeyPath, pool: "PoolSettings") -> Iterator[Found]:
    kind, zone = parts.kind_of(pool.subnet), parts.zone_of(pool.subnet)
    if kind is None and pool.subnet in parts.known("subnets"):
        return  # the subnet is wrong alone
    if kind != "accelerator":
        known = sorted(item.name for item in parts.subnets if item is not None and item.kind == "accelerator")
        yield (
            (*path, "subnet"),
            FleetError(
                path=f"pool {pool.name}", verb="names", got=f"subnet {pool.subnet!r}",
                expected=f"one of the accelerator subnets {', '.join(known) or '(none)'}",
                remedy=_write_near(pool.subnet, known, "name one of them, or add a subnet of kind accelerator"),
            ),
        )  # fmt: skip
        return
    if zone is None:
        return
    for number, block in enumerate(pool.blocks):
        if block.availability_zone != zone:
            yield (
                (*path, "blocks", number, "availability_zone"),
                FleetError(
                    path=f"pool {pool.name}", verb="has",
                    got=f"block {block.capacity_reservation_id} in {block.availability_zone}",
                    expected=f"{zone}, the zone of its subnet {pool.subnet}",
                    remedy="name a subnet in the block's zone",
                ),
            )  # fmt: skip
    try:
        validate_place(pool.name, pool.sold, zone)
    except FleetError as error:
        yield (*path, "subnet"), error


def _write_near(text: str, known: Sequence[str], otherwise: str) -> str:
    found = near(text, known)
    return f"write {found}" if found else otherwise


def _reservation_faults(parts: Parts) -> Iterator[Found]:
    users: dict[str, str] = {}
    known = {item.name: item for item in parts.reservations if item is not None}
    for index, pool in enumerate(parts.pools):
        if pool is None:
            continue
        used: list[tuple[KeyPath, str]] = [
            (("pools", index, "blocks", number, "capacity_reservation_id"), block.capacity_reservation_id)
            for number, block in enumerate(pool.blocks)
        ]
        if isinstance(pool, AcceleratorPoolSettings) and pool.capacity_reservation is not None:
            path: KeyPath = ("pools", index, "capacity_reservation")
            name = pool.capacity_reservation
            if name not in parts.known("reservations"):
                stated = sorted(known)
                yield (
                    path,
                    FleetError(
                        path=f"pool {pool.name}", verb="names", got=f"capacity reservation {name!r}",
                        expected=f"one of {', '.join(stated) or '(none)'}",
                        remedy=_write_near(name, stated, "add it to capacity_reservations, or leave it out"),
                    ),
                )  # fmt: skip
            else:
                used.append((path, known[name].capacity_reservation_id or name if name in known else name))
        for path, reservation in used:
            first = users.setdefault(reservation, pool.name)
            if first != pool.name:
                yield (
                    path,
                    FleetError(
                        path=f"capacity reservation {reservation}", got=f"used by pools {first} and {pool.name}",
                        expected="one pool for each reservation", remedy="take it out of one of them",
                    ),
                )  # fmt: skip


def _delivery_faults(parts: Parts) -> Iterator[Found]:
    kubernetes = parts.kubernetes
    if kubernetes is None or kubernetes.delivery != "none":
        return
    path: KeyPath = ("kubernetes", "delivery")
    if parts.teams or parts.models:
        yield (
            path,
            FleetError(
                path="kubernetes.delivery", got="none, but there are teams or models", expected="kubectl or argo_cd",
                remedy="their objects must be delivered to the cluster",
            ),
        )  # fmt: skip
    if kubernetes.acceptance is not None:
        yield (
            path,
            FleetError(
                path="kubernetes.delivery", got="none, but kubernetes.acceptance is stated",
                expected="kubectl or argo_cd",
                remedy="new nodes of a tested pool take no jobs until the delivered gate releases them",
            ),
        )  # fmt: skip


def _shared_names(parts: Parts) -> Iterator[Found]:
    """Teams and models of one name: both are names of namespaces."""
    stated: list[tuple[KeyPath, str]] = [
        ((kind, index, "name"), item.name)
        for kind, items in (("teams", parts.teams), ("models", parts.models))
        for index, item in enumerate(items)
        if item is not None
    ]
    counts = Counter(name for _, name in stated)
    seen: set[str] = set()
    for path, name in stated:
        if name in seen:
            yield path, _named_twice("teams and models", counts[name], name)
        seen.add(name)


def _team_faults(parts: Parts, path: KeyPath, team: "TeamSettings") -> Iterator[Found]:
    try:
        check_priorities(team.priorities, path=f"priorities of team {team.name}")
    except FleetError as error:
        yield (*path, "priorities"), error
    workloads = sorted(parts.workloads)
    if team.workload not in workloads:
        yield (
            (*path, "workload"),
            FleetError(
                path=f"team {team.name}", verb="uses", got=f"the queue {team.workload}", expected="one that has pools",
                remedy=", ".join(workloads) or "(none)",
            ),
        )  # fmt: skip
    if team.file_system is not None:
        yield from _file_system_faults(parts, (*path, "file_system"), team)


def _file_system_faults(parts: Parts, path: KeyPath, team: "TeamSettings") -> Iterator[Found]:
    system = team.file_system
    if system is None:
        return
    kind, zone = parts.kind_of(system.subnet), parts.zone_of(system.subnet)
    if kind is None or zone is None:
        if system.subnet not in parts.known("subnets"):
            names = sorted(parts.known("subnets"))
            yield (
                (*path, "subnet"),
                FleetError(
                    path=f"the file system of team {team.name}", got=f"in subnet {system.subnet!r}",
                    expected=f"one of {', '.join(names)}",
                    remedy=_write_near(system.subnet, names, "name one of them"),
                ),
            )  # fmt: skip
        return
    if kind in {"control_plane", "nat"}:
        yield (
            (*path, "subnet"),
            FleetError(
                path=f"the file system of team {team.name}", got=f"in {system.subnet}, a subnet of kind {kind}",
                expected="a subnet of kind system or accelerator",
                remedy="EKS' and the endpoints' addresses are in the former, and nothing but the gateway in the latter",
            ),
        )  # fmt: skip
    if system.efa and all(pool is not None for pool in parts.pools):
        yield from _efa_faults(parts, (*path, "efa"), team, zone)


def _efa_faults(parts: Parts, path: KeyPath, team: "TeamSettings", zone: str) -> Iterator[Found]:
    """EFA of a file system that no node of its team can use: EFA stays in its zone (EC2 guide, high)."""
    if not any(
        pool.workload == team.workload
        and parts.zone_of(pool.subnet) == zone
        and any(interface.is_efa for interface in pool.layout(pool.instance))
        for pool in parts.pools
        if pool is not None
    ):
        yield (
            path,
            FleetError(
                path=f"the file system of team {team.name}", verb="has", got=f"EFA in {zone}",
                expected=f"nodes with EFA interfaces of workload {team.workload} there",
                remedy="leave efa out: nodes reach it over TCP",
            ),
        )  # fmt: skip


def _model_faults(parts: Parts, path: KeyPath, model: "ServedModelSettings") -> Iterator[Found]:
    yield from (((*path, *key), error) for key, error in model.faults())
    names = [pool.name for pool in parts.pools if pool is not None]
    if model.pool not in parts.known("pools"):
        yield (
            (*path, "pool"),
            FleetError(
                path=f"model {model.name}", verb="names", got=f"pool {model.pool!r}",
                expected=f"one of {', '.join(names) or '(none)'}",
                remedy=_write_near(model.pool, names, "name one of them"),
            ),
        )  # fmt: skip
    queued = {team.workload for team in parts.teams if team is not None}
    if any(pool is not None and pool.name == model.pool and pool.workload in queued for pool in parts.pools):
        yield (
            (*path, "pool"),
            FleetError(
                path=f"model {model.name}", verb="uses",
                got=f"pool {model.pool}, from which a team's queue gives out nodes",
                expected="a pool of another workload than the team's",
                remedy="change `workload` of the pool or of the team: models are in no queue, which would count their "
                "nodes as free",
            ),
        )  # fmt: skip


def _shared_racks(parts: Parts) -> Iterator[Found]:
    """Models over UltraServers that other models' pods are in.

    They would take the nodes that it needs to start, and a second ComputeDomain in an NVLink domain disturbs the
    first (dra-driver-nvidia-gpu #892, medium).
    """
    capacity = {
        pool.name: (pool.workload, getattr(pool, "ultraserver_type", None)) for pool in parts.pools if pool is not None
    }
    stated = [(index, model) for index, model in enumerate(parts.models) if model is not None]
    for index, model in stated:
        beside = [
            other.name
            for other_index, other in stated
            if other_index != index and capacity.get(other.pool, other.pool) == capacity.get(model.pool, model.pool)
        ]
        if model.rack_scale is not None and beside:
            yield (
                ("models", index, "rack_scale"),
                FleetError(
                    path=f"rack_scale of model {model.name}", got=f"UltraServers that serve {', '.join(beside)}, too",
                    expected="UltraServers of its own", remedy=f"give pool {model.pool} a workload of its own",
                ),
            )  # fmt: skip
