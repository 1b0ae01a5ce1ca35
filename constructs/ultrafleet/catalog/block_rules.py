"""Rules of EC2 Capacity Blocks (EC2 user guide, ec2-capacity-blocks, high)."""

from datetime import time, timedelta
from typing import Final


class CapacityBlockRules:
    """What holds for every capacity block."""

    END_TIME_UTC: Final = time(11, 30)
    """Every block ends at this time of day; it may start at any."""
    MAX_DURATION: Final = timedelta(days=182)
    """Longest total, extensions included."""
    MAX_INSTANCES: Final = 64
    """Instances of one block; not explicit for UltraServers."""
    MAX_INSTANCES_ON_A_DATE: Final = 256
    """Instances on blocks in the whole organisation on one date; not explicit for UltraServers."""
    EARLIEST_START: Final = timedelta(minutes=30)
    """How soon after the purchase a block may start."""
    LATEST_START: Final = timedelta(weeks=8)
    """How far ahead a block may start."""
    LATEST_EXTENSION: Final = timedelta(hours=1)
    """How long before its end a block can be extended at the latest."""
    EARLIEST_EXTENSION: Final = timedelta(days=56)
    """How long before its end a block can be extended at the earliest."""
    ULTRASERVER_RECLAIM: Final = timedelta(minutes=60)
    """How long before the end EC2 begins to terminate the instances of an UltraServer."""
    INSTANCE_RECLAIM: Final = timedelta(minutes=30)
    """How long before the end EC2 begins to terminate single instances."""
    EVENT_BEFORE_RECLAIM: Final = timedelta(minutes=10)
    """How long before that it sends an EventBridge event."""
