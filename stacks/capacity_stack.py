"""Reservations on demand, and the schedule that sizes the pools on capacity blocks."""

from constructs import Construct

from stacks import exports
from stacks.environment_stack import EnvironmentStack
from ultrafleet.capacity import OnDemandCapacityReservation, PlacementGroup, PlacementStrategy
from ultrafleet.catalog import InstanceType
from ultrafleet.environment import Environment
from ultrafleet.schedule import BlockSchedule


class CapacityStack(EnvironmentStack):
    """Capacity of one environment that outlives its pools.

    Capacity blocks have no resource here: they are bought through the EC2 API, and each pool's stack groups its own.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    block_schedule: BlockSchedule
    """The schedule of the capacity blocks."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            "capacity",
            environment=environment,
            description=f"{environment.name}: on-demand capacity reservations, and the schedule of the capacity blocks",
        )
        self.block_schedule = BlockSchedule(self, "BlockSchedule", cluster=self.cluster)
        self.exports.publish(
            self, exports.ALARM_TOPIC_ARN, self.block_schedule.topic.topic_arn, "topic of the environment's alarms"
        )
        for reservation in environment.capacity_reservations:
            if reservation.capacity_reservation_id is not None:
                continue  # made elsewhere: the pools name it by its id
            name = reservation.name
            placement_group = None
            if reservation.placement_group is not None:
                placement_group = PlacementGroup(
                    self, f"PlacementGroup-{name}", strategy=PlacementStrategy(reservation.placement_group)
                )
            created = OnDemandCapacityReservation(
                self,
                f"Reservation-{name}",
                instance_type=InstanceType.of(reservation.instance_type),
                instance_count=reservation.instance_count,
                availability_zone=reservation.availability_zone,
                placement_group=placement_group,
                removal_policy=self.removal_policy,
            )
            self.exports.publish(
                self, exports.reservation_id(name), created.capacity_reservation_id, f"on-demand reservation {name}"
            )
            if placement_group is not None:
                self.exports.publish(
                    self, exports.placement_group_name(name), placement_group.group_name, f"placement group of {name}"
                )
