"""Dashboard and alarms of the environment."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks import exports
from stacks.environment_stack import EnvironmentStack
from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.monitoring import FleetAlarms, FleetDashboard
from ultrafleet.rules.block_clock import default_drain_lead_minutes, late_drain, lead_or_default

_MINUTES_AFTER_DRAIN = 30
"""Time that a block may be unused beyond the longest drain lead before the alarm goes off."""


class MonitoringStack(EnvironmentStack):
    """Dashboard and alarms of one environment.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope, "operate", environment=environment, description=f"{environment.name}: dashboard and alarms"
        )
        pools = environment_pool_nodes(environment)
        reservations = {pool.name: self._reservations(environment, pool) for pool in environment.pools}
        made_here = any(item.capacity_reservation_id is None for item in environment.capacity_reservations)
        FleetDashboard(
            self,
            "Dashboard",
            cluster=self.cluster,
            pools=pools,
            reservations=reservations,
            account_reservations=made_here,
        )
        leads = [pool.drain_lead_minutes or 0 for pool in environment.pools]
        FleetAlarms(
            self,
            "Alarms",
            cluster=self.cluster,
            pools=pools,
            reservations=reservations,
            drained_by={
                block.capacity_reservation_id: (
                    late_drain(
                        block.end,
                        lead_or_default(pool.drain_lead_minutes, ultraserver=block.ultraserver_type is not None),
                    ),
                    block.end,
                )
                for pool in environment.pools
                for block in pool.capacity_blocks
            },
            topic=sns.Topic.from_topic_arn(self, "Topic", self.exports.read(exports.ALARM_TOPIC_ARN)),
            unused_minutes=max([default_drain_lead_minutes(ultraserver=True), *leads]) + _MINUTES_AFTER_DRAIN,
        )

    @staticmethod
    def _reservations(environment: Environment, pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> list[str]:
        """Ids that the file states; one that is made here has its alarm in its own stack, on which this depends not."""
        blocks = [block.capacity_reservation_id for block in pool.blocks]
        if isinstance(pool, AcceleratorPoolSettings) and pool.capacity_reservation is not None:
            reservation = environment.capacity_reservation(pool.capacity_reservation)
            if reservation.capacity_reservation_id is not None:
                blocks.append(reservation.capacity_reservation_id)
        return blocks
