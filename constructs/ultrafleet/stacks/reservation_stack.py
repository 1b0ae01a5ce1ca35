"""On-demand capacity reservation in its own stack, so that one that isn't to be had stops no other pool."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from ultrafleet.capacity import OnDemandCapacityReservation, PlacementGroup, PlacementStrategy
from ultrafleet.catalog import InstanceType
from ultrafleet.environment import Environment
from ultrafleet.environment.models import CapacityReservationSettings
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack

_UNUSED_MINUTES = 120
_PERIOD_MINUTES = 5


class ReservationStack(EnvironmentStack):
    """One reservation of an environment, its placement group, and the alarm on capacity that is paid for and not used.

    The stack of the pool on it depends on this one, and no other.

    Args:
        scope: the environment's stage.
        environment: the environment.
        reservation: the reservation in it, which is made here.
    """

    def __init__(self, scope: Construct, *, environment: Environment, reservation: CapacityReservationSettings) -> None:
        name = reservation.name
        super().__init__(
            scope,
            f"reservation-{name}",
            environment=environment,
            description=(
                f"{name}: on-demand reservation of {reservation.instance_count} x {reservation.instance_type}, paid "
                "for from its creation on"
            ),
        )
        placement_group = None
        if reservation.placement_group is not None:
            placement_group = PlacementGroup(
                self, "PlacementGroup", strategy=PlacementStrategy(reservation.placement_group)
            )
        created = OnDemandCapacityReservation(
            self,
            "Reservation",
            instance_type=InstanceType.of(reservation.instance_type),
            instance_count=reservation.instance_count,
            availability_zone=reservation.availability_zone,
            placement_group=placement_group,
            end=reservation.end,
            removal_policy=self.removal_policy,
        )
        self.exports.publish(
            self, exports.reservation_id(name), created.capacity_reservation_id, f"on-demand reservation {name}"
        )
        if placement_group is not None:
            self.exports.publish(
                self, exports.placement_group_name(name), placement_group.group_name, f"placement group of {name}"
            )
        topic = sns.Topic.from_topic_arn(self, "Topic", self.alarm_topic_arn)
        created.metric_available_instances(period=cdk.Duration.minutes(_PERIOD_MINUTES)).create_alarm(
            self,
            "Unused",
            alarm_description=(
                f"reservation {name} of {environment.name} has paid for instances for {_UNUSED_MINUTES} minutes that "
                "don't run: the node group's health in EKS says why; cancel the reservation where it isn't needed"
            ),
            threshold=1,
            evaluation_periods=_UNUSED_MINUTES // _PERIOD_MINUTES,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        ).add_alarm_action(actions.SnsAction(topic))
