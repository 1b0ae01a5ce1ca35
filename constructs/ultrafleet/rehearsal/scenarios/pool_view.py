"""Pools as the APIs of EKS and EC2 describe them: a node group for each block, or one for the whole pool."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.rehearsal.autoscaling.state import AutoScaling, AutoScalingGroup
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.self_managed import CLUSTER_TAG


@dataclass(frozen=True, kw_only=True)
class NodeGroupView:
    """Node group of a pool, its nodes and its issues.

    Attributes:
        name: of the node group.
        block: reservation id of its capacity block; "" without one.
        status: of the node group; "" where there is none.
        wanted: nodes that EKS is to run.
        full: nodes at full size.
        running: instances that run.
        interfaces: network interfaces of a node, as `count x type`; one entry for each kind of node.
        reservations: capacity reservations that its instances are in.
        zones: zones that its instances are in.
        issues: health issues that EKS reports.
    """

    name: str
    block: str
    status: str
    wanted: int
    full: int
    running: int
    interfaces: tuple[str, ...]
    reservations: tuple[str, ...]
    zones: tuple[str, ...]
    issues: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PoolView:
    """Pool of the environment file with its node groups.

    Attributes:
        name: of the pool.
        full: nodes at once, at most.
        running: instances that run, of all its node groups.
        node_groups: in the order of its blocks.
    """

    name: str
    full: int
    running: int
    node_groups: tuple[NodeGroupView, ...]


def node_group_names(pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> dict[str, tuple[str, int]]:
    """Node groups of a pool: name -> reservation id of its block, or "", and nodes at full size."""
    if not pool.capacity_blocks:
        return {pool.name: ("", pool.max_nodes)}
    return {
        block.node_group(pool.name): (block.capacity_reservation_id, block.instance_count)
        for block in pool.capacity_blocks
    }


def pool_views(environment: Environment) -> list[PoolView]:
    """Pools of an environment."""
    return [pool_view(environment, pool) for pool in environment.pools]


def pool_view(environment: Environment, pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> PoolView:
    """One pool.

    Args:
        environment: the environment.
        pool: of the environment.
    """
    groups = tuple(node_group_view(environment, pool, name) for name in node_group_names(pool))
    return PoolView(
        name=pool.name,
        full=pool.max_nodes,
        running=sum(group.running for group in groups),
        node_groups=groups,
    )


def node_group_view(
    environment: Environment, pool: UltraServerPoolSettings | AcceleratorPoolSettings, name: str
) -> NodeGroupView:
    """One node group of a pool.

    Args:
        environment: the environment.
        pool: of the environment.
        name: of the node group.
    """
    call = Calls(account_id=environment.account, region=environment.region)
    block, full = node_group_names(pool)[name]
    status, wanted, issues = node_group_state(environment, name, call)
    instances = node_group_instances(environment, [name], call)
    return NodeGroupView(
        name=name,
        block=block,
        status=status,
        wanted=wanted,
        full=full,
        running=len(instances),
        interfaces=tuple(sorted({_interfaces(instance) for instance in instances})),
        reservations=tuple(sorted({instance.get("CapacityReservationId", "") for instance in instances} - {""})),
        zones=tuple(sorted({instance["Placement"]["AvailabilityZone"] for instance in instances})),
        issues=tuple(issues),
    )


def node_group_state(environment: Environment, name: str, call: Calls) -> tuple[str, int, list[str]]:
    """Status, wanted nodes and issues of a node group, or of the Auto Scaling group of a self-managed one.

    Args:
        environment: the environment of its cluster.
        name: of the node group.
        call: calls of the environment's account.
    """
    own = own_groups(environment).get(name)
    if own is not None:
        issues = [f"AsgInstanceLaunchFailures: {own.failure}"] if own.failure else []
        reasons = sorted(set(own.not_joined.values()))
        return "ACTIVE", own.desired, [*issues, *(f"nodes did not join the cluster: {reason}" for reason in reasons)]
    try:
        group = call("eks", "describe_nodegroup", clusterName=environment.cluster_name, nodegroupName=name)["nodegroup"]
    except Refusal:
        return "", 0, []
    issues = [f"{issue['code']}: {issue['message']}" for issue in group.get("health", {}).get("issues", [])]
    return str(group["status"]), int(group["scalingConfig"]["desiredSize"]), issues


def own_groups(environment: Environment) -> dict[str, AutoScalingGroup]:
    """Auto Scaling groups of the environment's cluster, by the names of their node groups.

    Args:
        environment: the environment.
    """
    cluster = environment.cluster_name
    state = SIMULATED_ACCOUNT.part(AutoScaling, environment.account, environment.region)
    return {
        group.name.removeprefix(f"{cluster}-"): group
        for group in state.groups.values()
        if group.tags.get(CLUSTER_TAG) == cluster
    }


def node_group_instances(environment: Environment, names: Collection[str], call: Calls) -> list[dict[str, Any]]:
    """Running instances of node groups, as EC2 describes them.

    Args:
        environment: the environment of their cluster.
        names: of the node groups; `*` matches any characters.
        call: calls of the environment's account.
    """
    cluster = environment.cluster_name
    alive = {"Name": "instance-state-name", "Values": ["pending", "running"]}
    filters = [
        [
            {"Name": "tag:eks:cluster-name", "Values": [cluster]},
            {"Name": "tag:eks:nodegroup-name", "Values": list(names)},
        ]
    ]
    if own_groups(environment):
        own = [f"{cluster}-{name}" for name in names]
        filters.append([{"Name": "tag:aws:autoscaling:groupName", "Values": own}])
    pages = [
        reservation
        for chosen in filters
        for reservation in call.pages("ec2", "describe_instances", "Reservations", Filters=[*chosen, alive])
    ]
    return [instance for reservation in pages for instance in reservation["Instances"]]


def _interfaces(instance: dict[str, Any]) -> str:
    kinds = Counter(interface.get("InterfaceType", "interface") for interface in instance["NetworkInterfaces"])
    return " + ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), reverse=True))
