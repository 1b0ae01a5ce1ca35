"""Checks of teams and models with the queues, pools and subnets that they name."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ultrafleet.environment.collected import Found, attempted, known, raised
from ultrafleet.environment.document import KeyPath
from ultrafleet.environment.parts import Parts, name_of, named_twice, write_near
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings
from ultrafleet.errors import FleetError
from ultrafleet.rules.priorities import check_priorities

if TYPE_CHECKING:
    from ultrafleet.environment.workloads import ServedModelSettings, TeamSettings

_NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
"""Namespaces that every cluster has (Kubernetes documentation, namespaces, medium)."""


def shared_name_faults(parts: Parts) -> Iterator[Found]:
    """Faults of teams and models of one name: both are names of namespaces.

    Args:
        parts: parts of the environment.
    """
    stated: list[tuple[KeyPath, str]] = [
        ((kind, index, "name"), name)
        for kind in ("teams", "models")
        for index, item in enumerate(_entries(parts, kind))
        if (name := name_of(item)) is not None
    ]
    counts = Counter(name for _, name in stated)
    seen: set[str] = set()
    for path, name in stated:
        if name in seen:
            yield path, named_twice("teams and models", counts[name], name)
        seen.add(name)


def _entries(parts: Parts, kind: str) -> list[Any]:
    return known(lambda: list(getattr(parts, kind)), [])


def team_faults(parts: Parts, path: KeyPath, team: "TeamSettings") -> Iterator[Found]:
    """Faults of what a team names.

    Args:
        parts: parts of the environment.
        path: path of the team.
        team: the team.
    """
    if team.name in _NAMESPACES:
        yield (
            (*path, "name"),
            FleetError(
                path="name", got=repr(team.name), expected="a namespace of its own",
                remedy="Kubernetes has a namespace of this name: choose another",
            ),
        )  # fmt: skip
    yield from raised(
        (*path, "priorities"), lambda: check_priorities(team.priorities, path=f"priorities of team {team.name}")
    )
    yield from attempted(_team_queue_faults(parts, path, team))
    if team.file_system is not None:
        yield from _file_system_faults(parts, (*path, "file_system"), team)


def _team_queue_faults(parts: Parts, path: KeyPath, team: "TeamSettings") -> Iterator[Found]:
    workloads = sorted(parts.workloads)
    if team.workload not in workloads:
        yield (
            (*path, "workload"),
            FleetError(
                path=f"team {team.name}", verb="uses", got=f"the queue {team.workload}", expected="one that has pools",
                remedy=", ".join(workloads) or "(none)",
            ),
        )  # fmt: skip


def _file_system_faults(parts: Parts, path: KeyPath, team: "TeamSettings") -> Iterator[Found]:
    system = team.file_system
    if system is None:
        return
    subnet = parts.subnet(system.subnet)
    if subnet is None:
        names = sorted(parts.names("subnets"))
        yield (
            (*path, "subnet"),
            FleetError(
                path=f"the file system of team {team.name}", got=f"in subnet {system.subnet!r}",
                expected=f"one of {', '.join(names)}",
                remedy=write_near(system.subnet, names, "name one of them"),
            ),
        )  # fmt: skip
        return
    if subnet.kind in {"control_plane", "nat"}:
        yield (
            (*path, "subnet"),
            FleetError(
                path=f"the file system of team {team.name}", got=f"in {system.subnet}, a subnet of kind {subnet.kind}",
                expected="a subnet of kind system or accelerator",
                remedy="EKS' and the endpoints' addresses are in the former, and nothing but the gateway in the latter",
            ),
        )  # fmt: skip
    if system.efa:
        yield from _efa_faults(parts, (*path, "efa"), team, subnet.availability_zone)


def _efa_faults(parts: Parts, path: KeyPath, team: "TeamSettings", zone: str) -> Iterator[Found]:
    """EFA of a file system that no node of its team can use: EFA stays in its zone (EC2 guide, high)."""
    if not any(
        pool.workload == team.workload
        and parts.zone_of(pool.subnet) == zone
        and any(interface.is_efa for interface in pool.layout(pool.instance))
        for pool in parts.pools
    ):
        yield (
            path,
            FleetError(
                path=f"the file system of team {team.name}", verb="has", got=f"EFA in {zone}",
                expected=f"nodes with EFA interfaces of workload {team.workload} there",
                remedy="leave efa out: nodes reach it over TCP",
            ),
        )  # fmt: skip


def model_faults(parts: Parts, path: KeyPath, model: "ServedModelSettings") -> Iterator[Found]:
    """Faults of a model, and of what it names.

    Args:
        parts: parts of the environment.
        path: path of the model.
        model: the model.
    """
    yield from (((*path, *key), error) for key, error in attempted(model.faults()))
    if not parts.has("pools", model.pool):
        names = parts.names("pools")
        yield (
            (*path, "pool"),
            FleetError(
                path=f"model {model.name}", verb="names", got=f"pool {model.pool!r}",
                expected=f"one of {', '.join(names) or '(none)'}",
                remedy=write_near(model.pool, names, "name one of them"),
            ),
        )  # fmt: skip
    if model.rack_scale is not None and any(
        name_of(pool) == model.pool and isinstance(pool, AcceleratorPoolSettings) for pool in parts.pools
    ):
        yield (
            (*path, "rack_scale"),
            FleetError(
                path=f"rack_scale of model {model.name}", got=f"on pool {model.pool} of single instances",
                expected="a pool of kind ultraserver", remedy="name such a pool, or leave rack_scale out",
            ),
        )  # fmt: skip
    queued = {team.workload for team in parts.teams}
    if any(name_of(pool) == model.pool and pool.workload in queued for pool in parts.pools):
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


def shared_rack_faults(parts: Parts) -> Iterator[Found]:
    """Faults of models over UltraServers that other models' pods are in.

    They would take the nodes that it needs to start, and a second ComputeDomain in an NVLink domain disturbs the
    first (dra-driver-nvidia-gpu #892, medium).

    Args:
        parts: parts of the environment.
    """
    capacity = {pool.name: (pool.workload, getattr(pool, "ultraserver_type", None)) for pool in parts.pools}
    stated = list(enumerate(parts.models))
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
