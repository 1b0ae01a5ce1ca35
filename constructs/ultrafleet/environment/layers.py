"""Layers of an environment: the stacks that make something, and the existing things that they use and never change."""

from dataclasses import dataclass

from ultrafleet.environment.cell import platform, rack_stacks
from ultrafleet.environment.existing import makes_node_groups, makes_nodes
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_nodes import needs_care


@dataclass(frozen=True, kw_only=True)
class ExistingThing:
    """One existing thing that an environment uses and never changes.

    Attributes:
        kind: of the thing, in AWS's words: `VPC`, `subnet accel-a`, `EKS cluster`.
        id: id, name or ARN by which it is used.
        path: where the file states it.
    """

    kind: str
    id: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def existing_things(environment: Environment) -> list[ExistingThing]:
    """Existing things that the file names, in its order; capacity reservations are a purchase and not among them.

    Args:
        environment: the environment.
    """
    network, cluster = environment.network, environment.cluster
    found = [
        ("VPC", network.vpc_id, "network.vpc_id"),
        ("security group of EFA traffic", network.efa_security_group_id, "network.efa_security_group_id"),
    ]
    if network.secondary_network is not None:
        existing_network = network.secondary_network.secondary_network_id
        found.append(("secondary network", existing_network, "network.secondary_network.secondary_network_id"))
    for subnet in network.subnets:
        found.append((f"subnet {subnet.name}", subnet.subnet_id, "network.subnets"))
        found.append((f"route table of subnet {subnet.name}", subnet.route_table_id, "network.subnets"))
    existing = cluster.existing
    if existing is not None:
        found.append(("EKS cluster", existing.name, "cluster.existing.name"))
        found.append(("cluster security group", existing.security_group_id, "cluster.existing.security_group_id"))
        found += [("add-on", name, "cluster.existing.addons") for name in existing.addons]
        found += [
            ("log group of Container Insights", name, "cluster.existing.log_groups") for name in existing.log_groups
        ]
    found.append(("node role", cluster.node_role_arn, "cluster.node_role_arn"))
    for chart, version in environment.kubernetes.existing.items():
        found.append(("chart", f"{chart} {version}", "kubernetes.existing"))
    for pool in environment.pools:
        for block in pool.blocks:
            found.append((f"node group of pool {pool.name}", block.existing_node_group, "pools"))
    found.append(("topic of alarms", environment.alarm_topic_arn, "alarm_topic_arn"))
    found.append(("KMS key", environment.encryption_key_arn, "encryption_key_arn"))
    return [ExistingThing(kind=kind, id=value, path=path) for kind, value, path in found if value is not None]


def makes_efa_security_group(environment: Environment) -> bool:
    """True if the environment makes a security group of EFA traffic: always in a VPC of its own, else where used."""
    network = environment.network
    if network.is_made_here:
        return environment.has_network
    used = any(map(makes_nodes, environment.pools)) or any(team.file_system for team in environment.teams)
    return network.efa_security_group_id is None and used


def makes_node_role(environment: Environment) -> bool:
    """True if the environment makes the role of its nodes."""
    cluster = environment.cluster
    return cluster.node_role_arn is None and (cluster.existing is None or makes_node_groups(environment))


def stack_ids(environment: Environment) -> list[str]:
    """Ids of the environment's stacks, without its name: none that would be empty.

    Args:
        environment: the environment.
    """
    network, cluster, kubernetes = environment.network, environment.cluster, environment.kubernetes
    existing = cluster.existing
    pools = [pool for pool in environment.pools if existing is None or makes_nodes(pool)]
    pool_stacks = (
        [f"pool-{pool.name}" for pool in pools] if environment.slots is None else list(rack_stacks(environment))
    )
    delivered = kubernetes.delivery != "none"
    with_network = environment.has_network and (
        network.is_made_here
        or network.secondary_network is not None
        or makes_efa_security_group(environment)
        or any(subnet.is_made_here for subnet in network.subnets)
    )
    has_system = (
        existing is None
        or cluster.made_system_nodes is not None
        or bool(cluster.addons or cluster.addon_versions or cluster.admin_role_arns or existing.log_groups)
    )
    return [
        *(["network"] if with_network else []),
        *(["cluster"] if existing is None or makes_node_role(environment) else []),
        *(["system"] if has_system else []),
        *(["capacity"] if environment.makes_block_schedule else []),
        *(["kubernetes"] if delivered else []),
        *(["care"] if delivered and needs_care(platform(environment)) else []),
        *(["operate"] if delivered and kubernetes.dashboard else []),
        *(f"reservation-{item.name}" for item in environment.capacity_reservations if not item.capacity_reservation_id),
        *pool_stacks,
        *(f"team-{team.name}" for team in environment.teams),
        *(f"model-{model.name}" for model in environment.models),
    ]
