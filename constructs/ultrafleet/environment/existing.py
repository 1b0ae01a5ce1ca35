"""Existing things of an environment file: faults of one that names too little of them, or too much."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, Literal, Protocol

from ultrafleet.catalog.eks import AddonName
from ultrafleet.environment.cluster_settings import ClusterSettings
from ultrafleet.environment.collected import Found, raised
from ultrafleet.environment.document import KeyPath
from ultrafleet.environment.network_settings import NetworkSettings
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.workloads import KubernetesSettings, ServedModelSettings, TeamSettings
from ultrafleet.errors import FleetError

_ACCESS_ENTRIES: Final = ("API", "API_AND_CONFIG_MAP")
"""Authentication modes in which a cluster takes access entries (EKS user guide, access entries, high)."""


class StatedReservation(Protocol):
    """An on-demand capacity reservation of a file."""

    @property
    def capacity_reservation_id(self) -> str | None:
        """Id of one that exists, or None."""


class StatedEnvironment(Protocol):
    """The parts of an environment that say what exists and what is made."""

    @property
    def cluster_name(self) -> str:
        """Name of the cluster."""

    @property
    def has_network(self) -> bool:
        """True if the file states a network."""

    @property
    def makes_block_schedule(self) -> bool:
        """True if the environment makes the block schedule."""

    @property
    def network(self) -> NetworkSettings:
        """Network."""

    @property
    def cluster(self) -> ClusterSettings:
        """Cluster."""

    @property
    def kubernetes(self) -> KubernetesSettings:
        """Kubernetes layer."""

    @property
    def pools(self) -> Sequence[PoolSettings]:
        """Pools."""

    @property
    def teams(self) -> Sequence[TeamSettings]:
        """Teams."""

    @property
    def models(self) -> Sequence[ServedModelSettings]:
        """Served models."""

    @property
    def capacity_reservations(self) -> Sequence[StatedReservation]:
        """On-demand capacity reservations."""

    @property
    def notify(self) -> Sequence[str]:
        """Addresses of alarms."""

    @property
    def block_schedule(self) -> Literal["new", "existing", "none"] | None:
        """Block schedule as stated."""

    @property
    def alarm_topic_arn(self) -> str | None:
        """Existing topic, or None."""

    @property
    def encryption_key_arn(self) -> str | None:
        """Existing key, or None."""


def makes_node_groups(environment: StatedEnvironment) -> bool:
    """True if some pool, or the system nodes, get a node group here."""
    return environment.cluster.made_system_nodes is not None or any(map(makes_nodes, environment.pools))


def makes_nodes(pool: PoolSettings) -> bool:
    """True if the environment makes a node group of the pool."""
    return not pool.blocks or any(block.existing_node_group is None for block in pool.blocks)


def existing_checks(environment: StatedEnvironment) -> Iterator[Iterable[Found]]:
    """Checks of a file that names too little, or too much, of what exists, apart from each other.

    Args:
        environment: the environment.
    """
    is_new = environment.cluster.existing is None
    faults: list[Found] = []
    for path, check in (*(_OF_A_NEW_CLUSTER if is_new else _OF_AN_EXISTING_CLUSTER), *_OF_BOTH):
        found = list(raised(path, partial(check, environment)))
        faults += found
        yield found
    if not faults:
        yield _faults_of_nothing(environment)


def _faults_of_nothing(environment: StatedEnvironment) -> Iterator[Found]:
    if _makes_nothing(environment):
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


def _makes_nothing(environment: StatedEnvironment) -> bool:
    cluster = environment.cluster
    existing = cluster.existing
    return existing is not None and not (
        makes_node_groups(environment)
        or environment.makes_block_schedule
        or environment.kubernetes.delivery != "none"
        or any(subnet.is_made_here for subnet in environment.network.subnets)
        or any(item.capacity_reservation_id is None for item in environment.capacity_reservations)
        or cluster.addons
        or cluster.addon_versions
        or cluster.admin_role_arns
        or existing.log_groups
    )


def _check_network(environment: StatedEnvironment) -> None:
    network = environment.network
    if not environment.has_network:
        raise FleetError(path="network", got="missing", expected="a value", remedy="add it")
    if network.is_made_here and network.cidr is None:
        raise FleetError(path="network.cidr", got="missing", expected="a value", remedy="add it")
    if not network.subnets:
        raise FleetError(path="network.subnets", got="missing", expected="a value", remedy="add it")


def _check_charts_of_a_new_cluster(environment: StatedEnvironment) -> None:
    if environment.kubernetes.existing:
        raise FleetError(
            path="kubernetes.existing",
            got=f"{', '.join(environment.kubernetes.existing)} in a cluster that is made here",
            expected="none",
            remedy="a new cluster has no charts yet: remove it, or state cluster.existing",
        )


def _check_schedule_of_a_new_cluster(environment: StatedEnvironment) -> None:
    if environment.block_schedule not in {None, "new"}:
        raise FleetError(
            path="block_schedule",
            got=f"{environment.block_schedule} in a cluster that is made here",
            expected="new",
            remedy="a new cluster has none yet: remove it, or state cluster.existing",
        )


def _check_existing_network(environment: StatedEnvironment) -> None:
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


def _check_system_subnet(environment: StatedEnvironment) -> None:
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


def _check_security_group(environment: StatedEnvironment) -> None:
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


def _check_access(environment: StatedEnvironment) -> None:
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


def _check_addons(environment: StatedEnvironment) -> None:
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


def _needed_addons(environment: StatedEnvironment) -> dict[str, str]:
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


def _check_schedule(environment: StatedEnvironment) -> None:
    without = not environment.makes_block_schedule
    if without and environment.cluster.existing is None:
        return  # a new cluster has one, and another check says so
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


_Checks = tuple[tuple[KeyPath, Callable[[StatedEnvironment], None]], ...]

_OF_A_NEW_CLUSTER: Final[_Checks] = (
    (("network",), _check_network),
    (("kubernetes", "existing"), _check_charts_of_a_new_cluster),
    (("block_schedule",), _check_schedule_of_a_new_cluster),
)
_OF_AN_EXISTING_CLUSTER: Final[_Checks] = (
    (("network",), _check_existing_network),
    (("network", "subnets"), _check_system_subnet),
    (("cluster", "existing"), _check_security_group),
    (("cluster", "existing"), _check_access),
    (("cluster",), _check_addons),
)
_OF_BOTH: Final[_Checks] = (((), _check_schedule),)
"""Checks by the key that a fault of theirs is shown at."""
