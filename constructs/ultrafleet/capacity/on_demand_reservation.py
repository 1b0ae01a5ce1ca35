"""An on-demand capacity reservation for single-instance types."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ultrafleet.app_tags import AppTags, tag_list
from ultrafleet.capacity.placement_group import PlacementGroup, PlacementStrategy
from ultrafleet.catalog import AnyInstanceType, InstanceType
from ultrafleet.catalog.limits import CAPACITY_RESERVATION_INSTANCES
from ultrafleet.cloudwatch import catalogued_metric
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.removal import apply_removal_policy
from ultrafleet.rules.capacity_block import validate_reservation_id
from ultrafleet.rules.reservation_end import validate_reservation_end
from ultrafleet.rules.zones import validate_zone
from ultrafleet.tokens import is_token

_MAX_INSTANCES = CAPACITY_RESERVATION_INSTANCES.value


class OnDemandReservation(Protocol):
    """Facts of an on-demand capacity reservation that a pool needs, whether created here or elsewhere."""

    @property
    def capacity_reservation_id(self) -> str:
        """`cr-…`, or a token."""

    @property
    def instance_type(self) -> InstanceType:
        """Type it holds."""

    @property
    def instance_count(self) -> int:
        """Instances it holds."""

    @property
    def availability_zone(self) -> str:
        """Zone it is in."""

    @property
    def placement_group_name(self) -> str | None:
        """Cluster placement group it was made in, or None. Instances name the same group or don't launch into it."""


@dataclass(frozen=True, kw_only=True)
class _ImportedReservation:
    capacity_reservation_id: str
    instance_type: InstanceType
    instance_count: int
    availability_zone: str
    placement_group_name: str | None


@jsii.implements(cdk.ITaggableV2)
class OnDemandCapacityReservation(Construct):
    """An `AWS::EC2::CapacityReservation`, targeted: only a pool that names it launches into it.

    It is paid for from its creation to its end or its deletion, used or not.

    Args:
        scope: parent.
        id: construct id.
        instance_type: a type for which AWS documents on-demand capacity reservations: of the catalog, its name, or an
            `ec2.InstanceType`.
        instance_count: 1 to 1000.
        availability_zone: zone of the reservation and so of the pool's subnet.
        placement_group: a cluster placement group to reserve in. Default: none.
        end: when it ends, within the hour that follows; instances in it go on, on demand. Default: it has no end.
        removal_policy: of the reservation and its placement group. Default: they outlive the stack, but not a creation
            that failed: the capacity may not come back.

    Raises:
        FleetError: a type of an UltraServer (sold in capacity blocks only), a count out of range, a malformed zone, a
            placement group that is not a cluster, an end without an offset from UTC.
        UnknownFactError: no source says that the type can be reserved.
    """

    @staticmethod
    def from_capacity_reservation_id(
        *,
        capacity_reservation_id: str,
        instance_type: AnyInstanceType,
        instance_count: int,
        availability_zone: str,
        placement_group_name: str | None = None,
    ) -> OnDemandReservation:
        """Import a reservation made elsewhere.

        Args:
            capacity_reservation_id: `cr-…`, or a token.
            instance_type: type it holds: of the catalog, its name, or an `ec2.InstanceType`.
            instance_count: instances it holds.
            availability_zone: zone it is in.
            placement_group_name: cluster placement group it was made in. Default: none.

        Raises:
            FleetError: the id is malformed, or the type is not sold on demand.
            UnknownFactError: no source says that the type can be reserved.
        """
        instance_type = InstanceType.from_name(instance_type)
        _validate(instance_type, instance_count, availability_zone)
        if not is_token(capacity_reservation_id):
            validate_reservation_id(capacity_reservation_id)
        return _ImportedReservation(
            capacity_reservation_id=capacity_reservation_id,
            instance_type=instance_type,
            instance_count=instance_count,
            availability_zone=availability_zone,
            placement_group_name=placement_group_name,
        )

    capacity_reservation_id: str
    """`cr-…` (a token)."""
    instance_type: InstanceType
    """Type it holds."""
    instance_count: int
    """Instances it holds."""
    availability_zone: str
    """Zone it is in."""
    placement_group_name: str | None
    """Placement group it is in."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        instance_type: AnyInstanceType,
        instance_count: int,
        availability_zone: str,
        placement_group: PlacementGroup | None = None,
        end: datetime | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        instance_type = InstanceType.from_name(instance_type)
        _validate(instance_type, instance_count, availability_zone)
        if placement_group is not None and placement_group.strategy is not PlacementStrategy.CLUSTER:
            raise FleetError(
                path=f"reservation {id}",
                verb="names",
                got=f"a placement group with strategy {placement_group.strategy}",
                expected="cluster",
                remedy="pass a cluster placement group or none",
            )
        if end is not None:
            validate_reservation_end(end)
        resource = cdk.CfnResource(
            self,
            "Resource",
            type="AWS::EC2::CapacityReservation",
            properties={
                "AvailabilityZone": availability_zone,
                **(
                    {"EndDateType": "unlimited"}
                    if end is None
                    else {"EndDate": end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "EndDateType": "limited"}
                ),
                "InstanceCount": instance_count,
                "InstanceMatchCriteria": "targeted",
                "InstancePlatform": "Linux/UNIX",
                "InstanceType": str(instance_type),
                **({"PlacementGroupArn": placement_group.group_arn} if placement_group else {}),
            },
        )
        self._app_tags = AppTags("AWS::EC2::CapacityReservation")
        self._app_tags.reach(
            resource,
            "TagSpecifications",
            lambda tags: [{"ResourceType": "capacity-reservation", "Tags": tag_list(tags)}],
        )
        apply_removal_policy(resource, removal_policy)
        if placement_group is not None:
            # EC2 deletes no group that a reservation is in, and the stack's deletion would fail.
            placement_group.apply_removal_policy(removal_policy)
        self.capacity_reservation_id = resource.ref
        self.instance_type = instance_type
        self.instance_count = instance_count
        self.availability_zone = availability_zone
        self.placement_group_name = placement_group.group_name if placement_group else None

    @property
    def cdk_tag_manager(self) -> cdk.TagManager:
        """Tags that the app adds with `cdk.Tags`."""
        return self._app_tags.manager

    def metric_total_instances(
        self, *, period: cdk.Duration | None = None, statistic: str | None = None
    ) -> cloudwatch.Metric:
        """Instances that the reservation holds; by default its maximum over 5 minutes."""
        return catalogued_metric("TotalInstanceCount", self.capacity_reservation_id, period=period, statistic=statistic)

    def metric_used_instances(
        self, *, period: cdk.Duration | None = None, statistic: str | None = None
    ) -> cloudwatch.Metric:
        """Instances that run in the reservation; by default its maximum over 5 minutes."""
        return catalogued_metric("UsedInstanceCount", self.capacity_reservation_id, period=period, statistic=statistic)

    def metric_available_instances(
        self, *, period: cdk.Duration | None = None, statistic: str | None = None
    ) -> cloudwatch.Metric:
        """Instances that are paid for and not used; by default its maximum over 5 minutes."""
        return catalogued_metric(
            "AvailableInstanceCount", self.capacity_reservation_id, period=period, statistic=statistic
        )


def _validate(instance_type: InstanceType, instance_count: int, availability_zone: str) -> None:
    if instance_type.is_ultraserver_member:
        raise FleetError(
            path=f"an on-demand capacity reservation of {instance_type}",
            verb="was",
            got="asked for",
            expected="a single-instance type",
            remedy="UltraServers are sold in capacity blocks only, use UltraServerPool",
        )
    allowed = instance_type.supports_on_demand_capacity_reservation
    if allowed is None:
        raise UnknownFactError(
            path="no source",
            verb="says",
            got=f"that {instance_type} can be reserved on demand",
            expected="a type that can (p4d, p5, p5en, p6-b200, p6-b300, trn2)",
            remedy="pass InstanceType.of(name, facts=...) that states it",
        )
    if not allowed:
        raise FleetError(
            path=instance_type,
            verb="can't be",
            got="reserved on demand",
            expected="a type that can",
            remedy="buy a capacity block for it",
        )
    if not is_token(instance_count) and not 1 <= instance_count <= _MAX_INSTANCES:
        raise FleetError(
            path="instance_count",
            got=instance_count,
            expected=f"1 to {_MAX_INSTANCES}",
            remedy="split the reservation",
        )
    if not is_token(availability_zone):
        validate_zone(availability_zone)
