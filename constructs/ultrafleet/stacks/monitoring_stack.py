"""Dashboard and alarms of the environment."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.monitoring import FleetAlarms, FleetDashboard, WatchedBlock
from ultrafleet.rules.block_clock import lead_or_default
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.stacks.environment_stack import EnvironmentStack


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
        # Of a cell's racks each has its alarms in its own stack, and figures that a search finds.
        listed = environment.pools if environment.slots is None else []
        reservations = {pool.name: self._reservations(environment, pool) for pool in listed}
        made_here = any(item.capacity_reservation_id is None for item in environment.capacity_reservations)
        FleetDashboard(
            self,
            "Dashboard",
            cluster=self.cluster,
            pools=pools,
            reservations=reservations,
            account_reservations=made_here or environment.slots is not None,
        )
        FleetAlarms(
            self,
            "Alarms",
            cluster=self.cluster,
            pools=pools,
            reservations=reservations,
            blocks={
                block.capacity_reservation_id: watched_block(pool, block)
                for pool in listed
                for block in pool.capacity_blocks
            },
            topic=sns.Topic.from_topic_arn(self, "Topic", self.alarm_topic_arn),
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


def watched_block(pool: UltraServerPoolSettings | AcceleratorPoolSettings, block: CapacityBlock) -> WatchedBlock:
    """Dates of a pool's block that alarms watch.

    Args:
        pool: the pool.
        block: one of its blocks.
    """
    return WatchedBlock(
        end=block.end,
        drain_lead_minutes=lead_or_default(pool.drain_lead_minutes, ultraserver=block.ultraserver_type is not None),
        has_successor=any(other.end > block.end for other in pool.capacity_blocks),
        hold=pool.hold,
    )
