"""Schedule that sizes the pools on capacity blocks, and the topic of the environment's alarms."""

from constructs import Construct

from stacks import exports
from stacks.environment_stack import EnvironmentStack
from ultrafleet.environment import Environment
from ultrafleet.schedule import BlockSchedule


class CapacityStack(EnvironmentStack):
    """Block schedule of one environment.

    Capacity blocks have no resource: they are bought through the EC2 API. On-demand reservations have a stack each.

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
            description=f"{environment.name}: the schedule of the capacity blocks",
        )
        self.block_schedule = BlockSchedule(self, "BlockSchedule", cluster=self.cluster)
        self.exports.publish(
            self, exports.ALARM_TOPIC_ARN, self.block_schedule.topic.topic_arn, "topic of the environment's alarms"
        )
