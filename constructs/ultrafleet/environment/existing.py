"""Existing things of an environment, which it uses and never changes, and the stacks that it makes beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ultrafleet.catalog.eks import AddonName
from ultrafleet.environment.document import KeyPath
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from ultrafleet.environment.collected import Found
    from ultrafleet.environment.models import Environment
    from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, UltraServerPoolSettings

_ACCESS_ENTRIES: Final = ("API", "API_AND_CONFIG_MAP")
"""Authentication modes in which a cluster takes access entries (EKS user guide, access entries, high)."""


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


def makes_node_groups(environment: Environment) -> bool:
    """True if some pool, or the system nodes, get a node group here."""
    return environment.cluster.made_system_nodes is not None or any(map(makes_nodes, environment.pools))


def makes_nodes(pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> bool:
    """True if the environment makes a node group of the pool."""
    return not pool.blocks or any(block.existing_node_group is None for block in pool.blocks)


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
    delivered = kubernetes.delivery != "none"
    with_network = environment.has_network and (
        network.is_made_here
        or makes_efa_security_group(environment)
        or any(subnet.is_made_here for subnet in network.subnets)
    )
    has_system = (
        existing is None
        or cluster.made_system_nodes is not None
        or bool(cluster.addons or cluster.addon_versions or cluster.admin_role_arns or existing.log_groups)
    )
    from ultrafleet.environment.pool_nodes import needs_care  # noqa: PLC0415 - it imports the models

    return [
        *(["network"] if with_network else []),
        *(["cluster"] if existing is None or makes_node_role(environment) else []),
        *(["system"] if has_system else []),
        *(["capacity"] if environment.makes_block_schedule else []),
        *(["kubernetes"] if delivered else []),
        *(["care"] if delivered and needs_care(environment) else []),
        *(["operate"] if delivered and kubernetes.dashboard else []),
        *(f"reservation-{item.name}" for item in environment.capacity_reservations if not item.capacity_reservation_id),
        *(f"pool-{pool.name}" for pool in pools),
        *(f"team-{team.name}" for team in environment.teams),
        *(f"model-{model.name}" for model in environment.models),
    ]


def existing_faults(environment: Environment) -> Iterator[Found]:
    """Faults of a file that names too little, or too much, of what exists.

    Args:
        environment: the environment.
    """
    is_new = environment.cluster.existing is None
    checks = _OF_A_NEW_CLUSTER if is_new else _OF_AN_EXISTING_CLUSTER
    faults = 0
    for path, check in (*checks, *_OF_BOTH):
        try:
            check(environment)
        except FleetError as error:
            faults += 1
            yield path, error
    if not faults and not stack_ids(environment):
        yield (
            ("pools",),
            FleetError(
                path="the environment",
                verb="makes",
                got="nothing",
                expected="a pool, a block schedule or a Kubernetes layer",
                remedy="state pools, block_schedule: new, or kubernetes.delivery",
            ),
        )


def _check_network(environment: Environment) -> None:
    network = environment.network
    if not environment.has_network:
        raise FleetError(path="network", got="missing", expected="a value", remedy="add it")
    if network.is_made_here and network.cidr is None:
        raise FleetError(path="network.cidr", got="missing", expected="a value", remedy="add it")
    if not network.subnets:
        raise FleetError(path="network.subnets", got="missing", expected="a value", remedy="add it")


def _check_new_cluster(environment: Environment) -> None:
    if environment.kubernetes.existing:
        raise FleetError(
            path="kubernetes.existing",
            got=f"{', '.join(environment.kubernetes.existing)} in a cluster that is made here",
            expected="none",
            remedy="a new cluster has no charts yet: remove it, or state cluster.existing",
        )
    if environment.block_schedule not in {None, "new"}:
        raise FleetError(
            path="block_schedule",
            got=f"{environment.block_schedule} in a cluster that is made here",
            expected="new",
            remedy="a new cluster has none yet: remove it, or state cluster.existing",
        )


def _check_existing_network(environment: Environment) -> None:
    network, name = environment.network, environment.cluster_name
    if environment.has_network and network.is_made_here:
        raise FleetError(
            path="network",
            got=f"a new VPC for existing cluster {name}",
            expected="the cluster's own VPC",
            remedy=f"state network.vpc_id: aws eks describe-cluster --name {name} "
            "--query cluster.resourcesVpcConfig.vpcId",
        )
    for subnet in network.subnets:
        if subnet.kind == "control_plane":
            raise FleetError(
                path=f"subnet {subnet.name}",
                got=f"of kind control_plane with existing cluster {name}",
                expected="system or accelerator",
                remedy="the control plane of an existing cluster stays where it is: remove the subnet",
            )


def _check_system_subnet(environment: Environment) -> None:
    cluster = environment.cluster
    system = any(subnet.kind == "system" for subnet in environment.network.subnets)
    wants = [
        *(["cluster.system_nodes are stated"] if cluster.made_system_nodes is not None else []),
        *(["kubernetes.delivery is kubectl"] if environment.kubernetes.delivery == "kubectl" else []),
        *(["models are served"] if environment.models else []),
    ]
    if wants and not system:
        raise FleetError(
            path="network.subnets",
            verb="has",
            got="no system subnet",
            expected=f"one, because {wants[0]}",
            remedy="name an existing private subnet with a way out, of kind system",
        )


def _check_security_group(environment: Environment) -> None:
    existing = environment.cluster.existing
    if existing is None or existing.security_group_id is not None:
        return
    if makes_node_groups(environment) or environment.models or environment.kubernetes.delivery == "kubectl":
        raise FleetError(
            path="cluster.existing.security_group_id",
            got="not stated",
            expected="the security group that EKS made for the cluster",
            remedy=f"aws eks describe-cluster --name {existing.name} "
            "--query cluster.resourcesVpcConfig.clusterSecurityGroupId",
        )


def _check_access(environment: Environment) -> None:
    existing = environment.cluster.existing
    entries = [
        *(["cluster.admin_role_arns"] if environment.cluster.admin_role_arns else []),
        *(["kubernetes.delivery kubectl"] if environment.kubernetes.delivery == "kubectl" else []),
        *(f"member_role_arns of team {team.name}" for team in environment.teams if team.member_role_arns),
    ]
    if existing is None or not entries or existing.authentication_mode in _ACCESS_ENTRIES:
        return
    name = existing.name
    raise FleetError(
        path="cluster.existing.authentication_mode",
        got=existing.authentication_mode or "not stated",
        expected=f"API or API_AND_CONFIG_MAP, because {entries[0]} needs an access entry",
        remedy=f"aws eks describe-cluster --name {name} --query cluster.accessConfig shows it; `aws eks "
        f"update-cluster-config --name {name} --access-config authenticationMode=API_AND_CONFIG_MAP` keeps aws-auth, "
        "and can't be taken back"
        if existing.authentication_mode
        else f"aws eks describe-cluster --name {name} --query cluster.accessConfig.authenticationMode",
    )


def _check_addons(environment: Environment) -> None:
    """Hold an existing cluster to the add-ons that the layers need: each is there already or installed here."""
    cluster = environment.cluster
    there = {*cluster.addons, *cluster.addon_versions, *(cluster.existing.addons if cluster.existing else [])}
    for addon, reason in _needed_addons(environment).items():
        if addon not in there:
            raise FleetError(
                path=f"add-on {addon}",
                got="neither in cluster.existing.addons nor in cluster.addons",
                expected=f"one of them, because {reason}",
                remedy="cluster.existing.addons where the cluster has it (`aws eks list-addons`), cluster.addons to "
                "install it",
            )


def _needed_addons(environment: Environment) -> dict[str, str]:
    if environment.kubernetes.delivery == "none":
        return {}
    needed: dict[str, str] = {}
    if environment.teams or environment.models or environment.kubernetes.acceptance is not None:
        needed[AddonName.POD_IDENTITY_AGENT] = "pods of teams, models and acceptance get their roles from it"
    if any(team.file_system for team in environment.teams):
        needed[AddonName.FSX_CSI_DRIVER] = "a team has a file system"
    if environment.kubernetes.dashboard:
        needed[AddonName.CLOUDWATCH_OBSERVABILITY] = "kubernetes.dashboard is true, which false turns off"
    return needed


def _check_schedule(environment: Environment) -> None:
    without = not environment.makes_block_schedule
    if without and environment.encryption_key_arn is not None:
        raise FleetError(
            path="encryption_key_arn",
            got="stated without a block schedule that is made here",
            expected="none",
            remedy="nothing else here has a key of its own: remove it",
        )
    if environment.notify and environment.alarm_topic_arn is not None:
        raise FleetError(
            path="notify",
            got=f"stated with existing {environment.alarm_topic_arn}",
            expected="none",
            remedy="subscribe to the topic where it is made: nothing of it changes here",
        )
    if not without or environment.alarm_topic_arn is not None:
        return
    reserved = any(item.capacity_reservation_id is None for item in environment.capacity_reservations)
    monitored = environment.kubernetes.delivery != "none" and environment.kubernetes.dashboard
    alarmed = [
        *(["an on-demand reservation is made here"] if reserved else []),
        *(["kubernetes.dashboard is true"] if monitored else []),
        *(["notify names addresses"] if environment.notify else []),
    ]
    if alarmed:
        raise FleetError(
            path="alarm_topic_arn",
            got="not stated, and no block schedule is made here, whose topic alarms would go to",
            expected=f"a topic, because {alarmed[0]}",
            remedy="state an existing SNS topic, or block_schedule: new where the cluster has none yet",
        )


_Checks = tuple[tuple[KeyPath, Callable[["Environment"], None]], ...]

_OF_A_NEW_CLUSTER: Final[_Checks] = ((("network",), _check_network), (("cluster",), _check_new_cluster))
_OF_AN_EXISTING_CLUSTER: Final[_Checks] = (
    (("network",), _check_existing_network),
    (("network", "subnets"), _check_system_subnet),
    (("cluster", "existing"), _check_security_group),
    (("cluster", "existing"), _check_access),
    (("cluster",), _check_addons),
)
_OF_BOTH: Final[_Checks] = (((), _check_schedule),)
"""Checks by the key that a fault of theirs is shown at."""
