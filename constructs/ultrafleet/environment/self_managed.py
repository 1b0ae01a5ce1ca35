"""Self-managed pools of an environment file: faults of a cluster that says too little for their nodes."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from ultrafleet.environment.cluster_settings import ClusterSettings
from ultrafleet.environment.collected import Found
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.errors import FleetError


class StatedEnvironment(Protocol):
    """The parts of an environment by which self-managed nodes join."""

    @property
    def cluster(self) -> ClusterSettings:
        """Cluster."""

    @property
    def pools(self) -> Sequence[PoolSettings]:
        """Pools."""


def has_self_managed_pools(environment: StatedEnvironment) -> bool:
    """True if the nodes of some pool join without EKS's management.

    Args:
        environment: the environment.
    """
    return any(pool.is_self_managed for pool in environment.pools)


def self_managed_faults(environment: StatedEnvironment) -> Iterator[Found]:
    """Faults of a file that says too little of the cluster for self-managed nodes.

    Args:
        environment: the environment.
    """
    cluster = environment.cluster
    pools = [pool.name for pool in environment.pools if pool.is_self_managed]
    if not pools:
        return
    if cluster.existing is not None:
        for index, pool in enumerate(environment.pools):
            if pool.is_self_managed:
                yield (
                    ("pools", index, "management"),
                    FleetError(
                        path=f"management of pool {pool.name}",
                        got=f"self-managed on existing cluster {cluster.existing.name}",
                        expected="managed: nothing here reads an existing cluster's endpoint and certificate",
                        remedy="remove it, or make the pool in an app of yours with SelfManagedNodes",
                    ),
                )
    elif cluster.service_cidr is None:
        yield (
            ("cluster", "service_cidr"),
            FleetError(
                path="cluster.service_cidr",
                got="not stated",
                expected=f"one, because pool {pools[0]} is self-managed",
                remedy="state a private block outside of the VPC, such as 172.20.0.0/16: CloudFormation can't read the "
                "one that EKS would choose",
            ),
        )
