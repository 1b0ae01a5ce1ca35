"""Places of existing things that are named by ARN: account and region in which what uses them can reach them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Protocol

from ultrafleet.environment.cluster_settings import ClusterSettings
from ultrafleet.environment.collected import Found, attempted, known
from ultrafleet.environment.document import KeyPath
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.workloads import ServedModelSettings
from ultrafleet.errors import FleetError

_REGION: Final = 3
_ACCOUNT: Final = 4


class StatedArns(Protocol):
    """The parts of an environment that name existing things by ARN."""

    @property
    def account(self) -> str:
        """Account."""

    @property
    def region(self) -> str:
        """Region."""

    @property
    def alarm_topic_arn(self) -> str | None:
        """Existing topic, or None."""

    @property
    def encryption_key_arn(self) -> str | None:
        """Existing key, or None."""

    @property
    def cluster(self) -> ClusterSettings:
        """Cluster."""

    @property
    def pools(self) -> Sequence[PoolSettings]:
        """Pools."""

    @property
    def models(self) -> Sequence[ServedModelSettings]:
        """Served models."""


def role_faults(environment: StatedArns) -> Iterator[Found]:
    """Fault of a role of nodes of another account: it is passed to EC2, which takes one of its own account alone.

    Args:
        environment: the environment.
    """
    role = environment.cluster.node_role_arn
    if role is not None and role.split(":")[_ACCOUNT] != environment.account:
        yield (
            ("cluster", "node_role_arn"),
            FleetError(
                path="node_role_arn",
                got=f"of account {role.split(':')[_ACCOUNT]}",
                expected=f"a role of account {environment.account}: nodes get no other",
                remedy="name a role of this account, or leave it out, and one is made",
            ),
        )


def place_faults(environment: StatedArns) -> Iterator[Found]:
    """Faults of ARNs that are of a region from which they can't be used.

    A topic, a key and a certificate are used in their own region alone (user guides of IAM, CloudWatch, KMS and ACM,
    medium). Topics and keys may be of another account, whose policies let this one use them.

    Args:
        environment: the environment.
    """
    for path, arn in _regional(environment):
        region = arn.split(":")[_REGION]
        if region != environment.region:
            yield (
                path,
                FleetError(
                    path=str(path[-1]),
                    got=f"of {region}",
                    expected=f"one of {environment.region}, where it is used",
                    remedy=f"name one of {environment.region}",
                ),
            )


def _regional(environment: StatedArns) -> Iterator[tuple[KeyPath, str]]:
    yield from _arn(("alarm_topic_arn",), lambda: environment.alarm_topic_arn)
    yield from _arn(("encryption_key_arn",), lambda: environment.encryption_key_arn)
    for index, pool in enumerate(known(lambda: environment.pools, [])):
        yield from attempted(_of_nodes(("pools", index, "node"), pool))
    for index, model in enumerate(known(lambda: environment.models, [])):
        yield from _arn(("models", index, "certificate_arn"), partial(getattr, model, "certificate_arn"))


def _of_nodes(path: KeyPath, pool: PoolSettings) -> Iterator[tuple[KeyPath, str]]:
    yield from _arn((*path, "root_volume_key_arn"), lambda: pool.node.root_volume_key_arn)
    for number, volume in enumerate(pool.node.volumes):
        yield from _arn((*path, "volumes", number, "key_arn"), partial(getattr, volume, "key_arn"))


def _arn(path: KeyPath, stated: Callable[[], str | None]) -> Iterator[tuple[KeyPath, str]]:
    arn = known(stated, None)
    if arn is not None:
        yield path, arn
