"""EC2 Capacity Blocks: their rules, from `data/capacity_blocks.json`."""

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any, Final

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.source import Fact, Source

_FACTS: Final = Facts("capacity_blocks")

NO_PLACEMENT_GROUP: Final = _FACTS.text("capacity-block/no-placement-group")
"""The placement rule, as a clause for messages."""
NOT_ALLOWED_MESSAGE: Final = str(_FACTS.text("capacity-block/ultraserver-not-allowed").value)
"""EC2's words where the account isn't on AWS's list of those that may ask for UltraServers."""
DESCRIBE_LIMIT_CODE: Final = str(_FACTS.text("capacity-block/describe-limit").value)
"""EC2's error code where offerings were asked for too often, or the account's quota of blocks is 0."""
SIZES: Final = tuple(map(int, str(_FACTS.text("capacity-block/sizes").value).split()))
"""Instances of a block of single instances, as they were sold (EC2 user guide of 2025, medium)."""
END_RULE: Final = _FACTS.text("capacity-block/end-time-utc")
"""Time of day at which every block ends, `HH:MM` in UTC."""


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every fact of capacity blocks by its id."""
    return _FACTS.items()


def fact(fact_id: str) -> Fact[Any]:
    """Fact of capacity blocks.

    Args:
        fact_id: such as `capacity-block/max-instances`.

    Raises:
        FleetError: there is none of that id.
    """
    return _FACTS[fact_id]


def source(fact_id: str) -> Source:
    """Source of a fact that has a value.

    Args:
        fact_id: such as `capacity-block/max-instances`.

    Raises:
        FleetError: there is none of that id, or its value is unknown.
    """
    return _FACTS.source(fact_id)


def in_minutes(length: timedelta) -> int:
    """Whole minutes of a rule's length of time, for messages and arithmetic.

    Args:
        length: such as `CapacityBlockRules.EKS_EVICTION`.
    """
    return int(length.total_seconds()) // 60


def _count(name: str) -> int:
    return _FACTS.integer(f"capacity-block/{name}").value


def _minutes(name: str) -> timedelta:
    return timedelta(minutes=_count(f"{name}-minutes"))


class CapacityBlockRules:
    """Values of the rules that hold for every capacity block; `fact` has the source of each."""

    END_TIME_UTC: Final = time.fromisoformat(END_RULE.value)
    """Time of day at which every block ends; it may start at any."""
    MAX_DURATION: Final = timedelta(days=_count("max-duration-days"))
    """Longest total, extensions included."""
    MAX_DAILY_DURATION: Final = timedelta(days=_count("max-daily-duration-days"))
    """Longest duration that is sold by the day; beyond, it is sold by the week."""
    MAX_INSTANCES: Final = _count("max-instances")
    """Instances of one block; not explicit for UltraServers."""
    MAX_INSTANCES_ON_A_DATE: Final = _count("max-instances-on-a-date")
    """Instances on blocks in the whole organisation on one date; not explicit for UltraServers."""
    EARLIEST_START: Final = _minutes("earliest-start")
    """Shortest time from the purchase to the start of a block."""
    LATEST_START: Final = timedelta(weeks=_count("latest-start-weeks"))
    """Longest time from the purchase to the start of a block."""
    LATEST_EXTENSION: Final = _minutes("latest-extension")
    """Time before its end until which a block can be extended."""
    EARLIEST_EXTENSION: Final = timedelta(days=_count("earliest-extension-days"))
    """Time before its end from which a block can be extended."""
    ULTRASERVER_RECLAIM: Final = _minutes("ultraserver-reclaim")
    """Time before the end at which EC2 begins to terminate the instances of an UltraServer."""
    ULTRASERVER_TERMINATION_DUTY: Final = _minutes("p6e-gb200-termination-duty")
    """Time before the end by which the user must have terminated the instances of a P6e-GB200 block."""
    INSTANCE_RECLAIM: Final = _minutes("instance-reclaim")
    """Time before the end at which EC2 begins to terminate single instances."""
    EVENT_BEFORE_RECLAIM: Final = _minutes("event-before-reclaim")
    """Time before that at which EC2 sends an EventBridge event."""
    PAYMENT_FAILS_AFTER: Final = timedelta(hours=_count("payment-failed-hours"))
    """Time after the purchase at which a block whose payment doesn't succeed becomes `payment-failed`."""
    EXTENSION_PAYMENT_FAILS_AFTER: Final = timedelta(hours=_count("extension-payment-failed-hours"))
    """Time after the purchase of an extension at which it becomes `payment-failed` where it isn't paid."""
    EXTENSION_PAYMENT_FAILS_BEFORE_END: Final = timedelta(minutes=_count("extension-payment-failed-minutes-before-end"))
    """Time before the block's end at which an extension that isn't paid is `payment-failed`, if that is earlier."""
    STATE_LATE: Final = _minutes("state-late")
    """Longest time after its start for which EC2 may not yet say that a reservation is active."""
    EKS_SCALE_DOWN: Final = _minutes("eks-scale-down")
    """Time before the end at which EKS scales a managed node group down."""
    EKS_EVICTION: Final = _minutes("eks-eviction")
    """Longest time that EKS evicts when a node group shrinks, before it terminates."""
