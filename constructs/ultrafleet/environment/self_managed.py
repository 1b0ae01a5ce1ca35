"""Self-managed pools of an environment file: faults of a cluster that says too little for their nodes."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

from ultrafleet.environment.cluster_settings import ClusterSettings
from ultrafleet.environment.collected import Found, attempted, known
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
    pools = [
        (index, pool) for index, pool in enumerate(environment.pools) if known(partial(_is_self_managed, pool), False)
    ]
    if not pools:
        return
    if cluster.existing is not None:
        name = cluster.existing.name
        for index, pool in pools:
            yield from attempted(_on_existing(index, pool, name))
    elif cluster.service_cidr is None:
        yield (
            ("cluster", "service_cidr"),
            FleetError(
                path="cluster.service_cidr",
                got="not stated",
                expected=f"one, because pool {pools[0][1].name} is self-managed",
                remedy="state a private block outside of the VPC, such as 172.20.0.0/16: CloudFormation can't read the "
                "one that EKS would choose",
            ),
        )


def _is_self_managed(pool: PoolSettings) -> bool:
    return pool.is_self_managed


def _on_existing(index: int, pool: PoolSettings, cluster: str) -> Iterator[Found]:
    yield (
        ("pools", index, "management"),
        FleetError(
            path=f"management of pool {pool.name}",
            got=f"self-managed on existing cluster {cluster}",
            expected="managed: nothing here reads an existing cluster's endpoint and certificate",
            remedy="remove it, or make the pool in an app of yours with SelfManagedNodes",
        ),
    )
