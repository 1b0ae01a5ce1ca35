"""Environment file as pydantic models: they refuse, with the path in the file, what synthesis would refuse later."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ultrafleet.environment.arn_places import place_faults, role_faults
from ultrafleet.environment.budget_settings import BudgetSettings
from ultrafleet.environment.cluster_settings import ClusterSettings
from ultrafleet.environment.collected import Found, UnknownList, attempted, known, refuse_all
from ultrafleet.environment.existing import existing_checks
from ultrafleet.environment.fields import (
    Account,
    InstanceTypeName,
    KeyArn,
    Moment,
    Name,
    Region,
    Settings,
    TopicArn,
    Zone,
)
from ultrafleet.environment.fleet_checks import fleet_checks
from ultrafleet.environment.network_settings import NetworkSettings, SubnetSettings
from ultrafleet.environment.parts import Parts
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.purchase_settings import PurchaseSettings
from ultrafleet.environment.self_managed import self_managed_faults
from ultrafleet.environment.service_checks import service_faults
from ultrafleet.environment.slot_settings import SlotSettings
from ultrafleet.environment.target_settings import TargetSettings, check_targets
from ultrafleet.environment.workloads import KubernetesSettings, ServedModelSettings, TeamSettings
from ultrafleet.errors import FleetError
from ultrafleet.rules.notification import notification_protocol
from ultrafleet.rules.reservation_end import validate_reservation_end


class CapacityReservationSettings(Settings):
    """An on-demand capacity reservation, created by the environment or (with an id) made elsewhere."""

    name: Name = Field(examples=["b300"])
    """Name, by which a pool refers to the reservation."""
    instance_type: InstanceTypeName = Field(examples=["p6-b300.48xlarge"])
    """Instance type of the reservation."""
    instance_count: int = Field(ge=1, examples=[2], json_schema_extra={"unit": "instances"})
    """Instances, 1 or more."""
    availability_zone: Zone = Field(examples=["us-east-1b"])
    """Zone of the instances, which is the zone of the pool's subnet."""
    placement_group: Literal["cluster"] | None = Field(default=None, examples=["cluster"])
    """`cluster`: a cluster placement group is created for the reservation. Default: none."""
    end: Moment | None = Field(default=None, examples=["2027-01-31T12:00:00Z"])
    """End of a reservation that is created here, with an offset from UTC, such as `2027-01-31T12:00:00Z`; instances
    in it go on, on demand. Default: none."""
    capacity_reservation_id: str | None = Field(default=None, examples=["cr-0123456789abcdef0"])
    """Id of a reservation that exists, made elsewhere. Default: the reservation is created."""
    placement_group_name: str | None = Field(default=None, examples=["made-elsewhere"])
    """With an id: the cluster placement group that the reservation was made in. Default: none."""

    @field_validator("end")
    @classmethod
    def _check_end(cls, end: datetime | None) -> datetime | None:
        if end is not None:
            validate_reservation_end(end)
        return end

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_the_end()
        yield self._faults_of_groups()

    def _faults_of_the_end(self) -> Iterator[Found]:
        if self.capacity_reservation_id is not None and self.end is not None:
            yield (
                ("end",),
                FleetError(
                    path="end",
                    got=f"{self.end.isoformat()} on imported {self.capacity_reservation_id}",
                    expected="none",
                    remedy="set it where the reservation was made: `aws ec2 modify-capacity-reservation`",
                ),
            )

    def _faults_of_groups(self) -> Iterator[Found]:
        if self.capacity_reservation_id is not None and self.placement_group is not None:
            yield (
                ("placement_group",),
                FleetError(
                    path="placement_group",
                    got=f"{self.placement_group} on imported {self.capacity_reservation_id}",
                    expected="placement_group_name",
                    remedy="name the group that it was made in",
                ),
            )
        if self.capacity_reservation_id is None and self.placement_group_name is not None:
            yield (
                ("placement_group_name",),
                FleetError(
                    path="placement_group_name",
                    got=f"{self.placement_group_name} without a capacity_reservation_id",
                    expected="placement_group",
                    remedy="cluster for a reservation that is created here",
                ),
            )


class Environment(Settings):
    """Environment: one account and region, one VPC and one cluster, made here or existing, capacity and pools."""

    name: Name
    """From the file's name."""
    account: Account = Field(examples=["111122223333"])
    """AWS account id: twelve digits, in quotes."""
    region: Region = Field(examples=["us-east-1"])
    """Region's name, such as `us-east-1`."""
    production: bool = Field(examples=[True])
    """`true` retains the resources that pools depend on and protects the cluster from deletion."""
    network: NetworkSettings = NetworkSettings()
    """The VPC. Required, but with an existing cluster on which nothing runs in a subnet."""
    cluster: ClusterSettings = ClusterSettings()
    """The EKS cluster: made here and named after the file, or existing."""
    capacity_reservations: list[CapacityReservationSettings] = []
    """On-demand capacity reservations."""
    pools: list[PoolSettings]
    """Pools of accelerated nodes."""
    slots: SlotSettings | None = None
    """UltraServers of a cell of a programme, whose platform is made for all of them, see [`slots`](#slots). Default:
    none, the platform is made for the pools."""
    kubernetes: KubernetesSettings = KubernetesSettings()
    """Add-ons, delivery, acceptance."""
    notify: list[str] = Field(default=[], examples=[["oncall@example.com"]])
    """E-mail addresses and `https://` URLs that get the alarms, and EC2's events of capacity blocks; SNS sends each
    a request to confirm."""
    block_schedule: Literal["new", "existing", "none"] | None = Field(default=None, examples=["existing"])
    """Schedule that sizes pools on capacity blocks, one for each cluster: made here (`new`), made elsewhere for the
    same cluster (`existing`), or `none`: people size the node groups. Default: `new`; on an existing cluster `new`
    where a pool has blocks."""
    alarm_topic_arn: TopicArn | None = Field(default=None, examples=["arn:aws:sns:us-east-1:111122223333:fleet-alarms"])
    """Existing SNS topic that gets the alarms and EC2's events of blocks; its policy, and its key, let CloudWatch and
    EventBridge publish. Default: one is made with the block schedule."""
    encryption_key_arn: KeyArn | None = Field(
        default=None,
        examples=["arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"],
    )
    """Existing KMS key of the block schedule's queue, topic and logs; its policy lets CloudWatch, EventBridge and
    CloudWatch Logs use it. Default: one is made."""
    teams: list[TeamSettings] = []
    """Training teams."""
    models: list[ServedModelSettings] = []
    """Served models."""
    targets: list[TargetSettings] = []
    """Capacity that is wanted over time, see [the capacity desk](capacity-desk.md#targets)."""
    budget: BudgetSettings | None = None
    """USD that capacity may cost in a month, see [the capacity desk](capacity-desk.md#money). Default: none."""
    purchases: PurchaseSettings = PurchaseSettings()
    """Rules for the [purchase](capacity-desk.md#buy) of its capacity."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_delivered_unasked(cls, content: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        return with_defaults(content) if isinstance(content, dict) else content

    @field_validator("notify")
    @classmethod
    def _check_notify(cls, notify: list[str]) -> list[str]:
        refuse_all(_notify_faults(notify))
        return notify

    @property
    def cluster_name(self) -> str:
        """Name of the cluster: the existing one's, or the environment's."""
        existing = self.cluster.existing
        return self.name if existing is None else existing.name

    @property
    def has_network(self) -> bool:
        """True if the file states a network; without one nothing of the environment runs in a subnet."""
        return bool(self.network.model_fields_set)

    @property
    def makes_block_schedule(self) -> bool:
        """True if the environment makes the schedule that sizes pools on capacity blocks."""
        if self.block_schedule is not None:
            return self.block_schedule == "new"
        return self.cluster.existing is None or any(pool.blocks for pool in self.pools)

    def subnet(self, name: str) -> SubnetSettings:
        """The subnet of that name."""
        return next(subnet for subnet in self.network.subnets if subnet.name == name)

    def capacity_reservation(self, name: str) -> CapacityReservationSettings:
        """The capacity reservation of that name."""
        return next(item for item in self.capacity_reservations if item.name == name)

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the parts together."""
        yield from attempted(existing_checks(self))
        yield self_managed_faults(self)
        yield service_faults(self)
        yield from fleet_checks(self.parts)
        yield role_faults(self)
        yield place_faults(self)
        yield self._faults_of_targets()
        yield self._faults_of_budget()

    def _faults_of_targets(self) -> Iterator[Found]:
        try:
            check_targets(self.targets)
        except FleetError as error:
            yield ("targets",), error

    def _faults_of_budget(self) -> Iterator[Found]:
        known = [team.name for team in self.teams]
        for team in self.budget.teams if self.budget is not None else ():
            if team not in known:
                yield (
                    ("budget", "teams", team),
                    FleetError(
                        path="budget.teams",
                        verb="names",
                        got=f"team {team!r}",
                        expected=f"one of {', '.join(known) or '(none)'}",
                        remedy="name a team of the file",
                    ),
                )

    @property
    def parts(self) -> Parts:
        """Parts that are checked together; what is wrong in the file is unknown."""
        return Parts(
            region=known(lambda: self.region, None),
            vpc_cidrs=known(lambda: self.network.cidrs, []),
            subnets=known(lambda: self.network.subnets, UnknownList()),
            reservations=known(lambda: self.capacity_reservations, UnknownList()),
            pools=known(lambda: self.pools, UnknownList()),
            kubernetes=known(lambda: self.kubernetes, None),
            teams=known(lambda: self.teams, UnknownList()),
            models=known(lambda: self.models, UnknownList()),
            secondary_network=known(lambda: self.network.secondary_network, None),
            states_secondary_network=known(lambda: self.network.secondary_network is not None, True),
        )

    @property
    def served_workloads(self) -> list[str]:
        """Workloads of the pools that serve models; they have no queue."""
        served = {model.pool for model in self.models}
        return sorted({pool.workload for pool in self.pools if pool.name in served})


def with_defaults(content: dict[str, Any]) -> dict[str, Any]:
    """Content that delivers nothing to an existing cluster whose file doesn't say so: charts may run there already.

    Args:
        content: of an environment file.
    """
    cluster, kubernetes = content.get("cluster"), content.get("kubernetes")
    if not isinstance(cluster, dict) or cluster.get("existing") is None:
        return content
    if kubernetes is not None and (not isinstance(kubernetes, dict) or "delivery" in kubernetes):
        return content
    return {**content, "kubernetes": {"delivery": "none", **(kubernetes or {})}}


def _notify_faults(notify: list[str]) -> Iterator[Found]:
    for index, address in enumerate(notify):
        try:
            notification_protocol(address)
        except FleetError as error:
            yield (index,), error
        if address in notify[:index]:
            yield (
                (index,),
                FleetError(path="notify", verb="has", got=f"{address} twice", expected="it once", remedy="remove one"),
            )
