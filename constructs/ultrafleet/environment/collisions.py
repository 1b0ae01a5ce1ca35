"""Collisions of environments: names and reservations that two of them would share in one account and region."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ultrafleet.catalog.eks import AddonName, application_log_group, host_log_group
from ultrafleet.environment.addons import managed_addons
from ultrafleet.environment.document import FileFaultError
from ultrafleet.environment.layers import makes_efa_security_group, makes_node_role, stack_ids
from ultrafleet.environment.located import located
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.errors import FleetError
from ultrafleet.rules.names import DEFAULT_CLIENT, launch_template_name

_REMEDIES: Final = {
    "block schedule of cluster": "one schedule sizes every pool of a cluster: state block_schedule: existing in one of "
    "them",
    "Kubernetes layer of cluster": "state kubernetes.delivery: none in one of them, and its pools in the other, too",
    "node group of cluster": "rename the pool",
    "access entry of cluster": "EKS has one for a principal: take it out of one of them",
    "add-on of cluster": "state it in cluster.existing.addons of one of them",
}
"""Remedies of collisions in an existing cluster that several environments use."""


def taken_names(environment: Environment) -> Iterator[tuple[str, str]]:
    """Names that the stacks of an environment state in their account and region, each after its kind.

    Names that CloudFormation makes (roles, alarms, queues) begin with the stack's and end at random.

    Args:
        environment: the environment.
    """
    name, cluster = environment.name, environment.cluster_name
    stacks = stack_ids(environment)
    if environment.cluster.existing is None:
        yield "cluster", cluster
        yield "log group", f"/aws/eks/{cluster}/cluster"
    if environment.makes_block_schedule:
        yield "log group", f"/aws/vendedlogs/states/{cluster}-block-schedule"
    if AddonName.CLOUDWATCH_OBSERVABILITY in {addon.name for addon in managed_addons(environment)}:
        yield "log group", host_log_group(cluster)
        yield "log group", application_log_group(cluster)
    for part in stacks:
        yield "stack", f"{name}-{part}"
    if "operate" in stacks:
        yield "dashboard", f"{cluster}-fleet"
    for pool in environment.pools:
        yield from (("launch template", launch_template_name(cluster, group)) for group in _node_groups(pool))
    yield from _secrets(environment)
    for export in _exports(environment):
        yield "export", f"{name}-{export}"


def _secrets(environment: Environment) -> Iterator[tuple[str, str]]:
    for model in environment.models:
        for client in [client.name for client in model.clients] or [DEFAULT_CLIENT]:
            yield "secret", f"{environment.cluster_name}-{model.name}-client-{client}"


def taken_in_cluster(environment: Environment) -> Iterator[tuple[str, str]]:
    """Things of which a cluster has one, by kind and name, which environments that share it can't make both.

    Args:
        environment: the environment.
    """
    cluster = environment.cluster_name
    if environment.makes_block_schedule:
        yield "block schedule of cluster", cluster
    if environment.kubernetes.delivery != "none":
        yield "Kubernetes layer of cluster", cluster
    for pool in environment.pools:
        yield from (("node group of cluster", f"{cluster}/{group}") for group in _node_groups(pool))
    yield from (("access entry of cluster", f"{cluster}/{arn}") for arn in environment.cluster.admin_role_arns)
    if environment.cluster.existing is not None:
        yield from (("add-on of cluster", f"{cluster}/{addon.name}") for addon in managed_addons(environment))


def _node_groups(pool: PoolSettings) -> list[str]:
    """Node groups of a pool that are made here."""
    if not pool.blocks:
        return [pool.name]
    return [block.node_group(pool.name) for block in pool.capacity_blocks if block.existing_node_group is None]


def _exports(environment: Environment) -> Iterator[str]:
    network, cluster = environment.network, environment.cluster
    if environment.makes_block_schedule and environment.alarm_topic_arn is None:
        yield "alarm-topic-arn"
    if cluster.existing is None:
        yield "cluster-security-group-id"
    if makes_efa_security_group(environment):
        yield "efa-security-group-id"
    if makes_node_role(environment):
        yield "node-role-arn"
    if environment.has_network and network.is_made_here:
        yield "vpc-id"
    if environment.kubernetes.delivery == "kubectl":
        yield "kubectl-service-token"
    yield from (f"subnet-{subnet.name}-id" for subnet in network.subnets if subnet.is_made_here)
    for reservation in environment.capacity_reservations:
        if reservation.capacity_reservation_id is None:
            yield f"reservation-{reservation.name}-id"
            if reservation.placement_group is not None:
                yield f"reservation-{reservation.name}-placement-group"


def reservation_ids(environment: Environment) -> list[str]:
    """Ids of capacity reservations that an environment's file names: of blocks, and of those made elsewhere.

    Args:
        environment: the environment.
    """
    blocks = [block.capacity_reservation_id for pool in environment.pools for block in pool.blocks]
    imported = [item.capacity_reservation_id for item in environment.capacity_reservations]
    return [*blocks, *(found for found in imported if found is not None)]


def may_collide(environment: Environment, other_name: str, other_text: str) -> bool:
    """True if another file has to be read to know, False where its text shows that the two can't collide.

    All names of an environment begin with its own, or its cluster's, and a hyphen.

    Args:
        environment: an environment.
        other_name: name of the other.
        other_text: content of the other's file.
    """
    if environment.account not in other_text:
        return False
    one, other = f"{environment.name}-", f"{other_name}-"
    related = one.startswith(other) or other.startswith(one)
    if environment.cluster.existing is not None or "existing:" in other_text:
        cluster = environment.cluster_name
        related = related or cluster in other_text or cluster == other_name
    return related or any(found in other_text for found in reservation_ids(environment))


def collisions(loaded: Iterable[tuple[Path, Environment]]) -> list[FleetError]:
    """Faults of environments of one account that name the same things, of which AWS makes one; each names both files.

    Of names that the files can't make at all, such as those of unknown add-ons, the fault is that.

    Args:
        loaded: files and what they hold.
    """
    names: dict[tuple[str, str, str, str], Path] = {}
    reservations: dict[tuple[str, str], Path] = {}
    found: list[FleetError] = []
    for path, environment in loaded:
        try:
            taken = [*taken_in_cluster(environment), *taken_names(environment)]
        except FleetError as error:
            found.append(located(path, error))
            continue
        for kind, name in taken:
            first = names.setdefault((environment.account, environment.region, kind, name), path)
            if first != path:
                fault = FleetError(
                    path=f"{kind} {name}",
                    verb="has",
                    got=f"the name of one of {first}",
                    expected=f"a name of its own in account {environment.account}, {environment.region}",
                    remedy=_REMEDIES.get(kind, "rename the environment, which is its file, or what it is named after"),
                )
                found.append(FileFaultError.at(path, fault))
        for reservation in reservation_ids(environment):
            first = reservations.setdefault((environment.account, reservation), path)
            if first != path:
                fault = FleetError(
                    path=f"capacity reservation {reservation}",
                    got=f"used by {first}, too",
                    expected="one environment for each reservation",
                    remedy="take it out of one of them",
                )
                found.append(located(path, fault))
    return found
