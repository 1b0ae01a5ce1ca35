"""Pools as the APIs of EKS and EC2 describe them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ultrafleet.environment import Environment
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal


@dataclass(frozen=True, kw_only=True)
class PoolView:
    """Pool: node group, nodes, reservations and issues.

    Attributes:
        status: of its node group; "" where there is none.
        wanted: nodes that EKS is to run.
        running: instances that run.
        interfaces: network interfaces of a node, as `count x type`; one entry for each kind of node.
        reservations: capacity reservations that its instances are in.
        zones: zones that its instances are in.
        issues: health issues that EKS reports.
    """

    name: str
    status: str
    wanted: int
    full: int
    running: int
    interfaces: tuple[str, ...]
    reservations: tuple[str, ...]
    zones: tuple[str, ...]
    issues: tuple[str, ...]


def pool_views(environment: Environment) -> list[PoolView]:
    """Pools of an environment."""
    call = Calls(account_id=environment.account, region=environment.region)
    return [_view(environment, pool.name, pool.max_nodes, call) for pool in environment.pools]


def _view(environment: Environment, pool: str, full: int, call: Calls) -> PoolView:
    try:
        group = call("eks", "describe_nodegroup", clusterName=environment.name, nodegroupName=pool)["nodegroup"]
    except Refusal:
        group = None
    instances = pool_instances(environment, pool, call)
    return PoolView(
        name=pool,
        status="" if group is None else str(group["status"]),
        wanted=0 if group is None else int(group["scalingConfig"]["desiredSize"]),
        full=full,
        running=len(instances),
        interfaces=tuple(sorted({_interfaces(instance) for instance in instances})),
        reservations=tuple(sorted({instance.get("CapacityReservationId", "") for instance in instances} - {""})),
        zones=tuple(sorted({instance["Placement"]["AvailabilityZone"] for instance in instances})),
        issues=tuple(
            f"{issue['code']}: {issue['message']}" for issue in (group or {}).get("health", {}).get("issues", [])
        ),
    )


def pool_instances(environment: Environment, pool: str, call: Calls) -> list[dict[str, Any]]:
    """Running instances of a pool, as EC2 describes them."""
    filters = [
        {"Name": "tag:eks:cluster-name", "Values": [environment.name]},
        {"Name": "tag:eks:nodegroup-name", "Values": [pool]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    pages = call.pages("ec2", "describe_instances", "Reservations", Filters=filters)
    return [instance for reservation in pages for instance in reservation["Instances"]]


def _interfaces(instance: dict[str, Any]) -> str:
    kinds = Counter(interface.get("InterfaceType", "interface") for interface in instance["NetworkInterfaces"])
    return " + ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), reverse=True))
