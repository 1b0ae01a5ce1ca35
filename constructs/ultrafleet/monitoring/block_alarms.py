"""Alarms on the dates of one capacity block."""

from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ultrafleet.rules.block_dates import (
    SUCCESSOR_NOTICE_DAYS,
    WatchedBlock,
    below_size_metrics,
    late_drain_metrics,
    no_successor_metrics,
)
from ultrafleet.rules.names import node_group_name

PERIOD_SECONDS: Final = 300
"""Period of the figures of a reservation."""
BELOW_SIZE_MINUTES: Final = 30
"""Minutes that a pool may be below its size: a tick and a launch, or a node that is replaced (ours)."""


def block_alarms(
    scope: Construct, *, cluster_name: str, pool_name: str, reservation: str, block: WatchedBlock, topic_arn: str
) -> list[cloudwatch.CfnAlarm]:
    """Alarms on the dates of a block; one that is held empty runs no nodes and needs no successor.

    Args:
        scope: parent. Their ids follow the block's, so that a block more or less changes no other.
        cluster_name: name of the cluster.
        pool_name: name of the block's pool.
        reservation: `cr-…`.
        block: its dates.
        topic_arn: topic that they go to.
    """
    dates: dict[str, Any] = {"reservation": reservation, "block": block, "period_seconds": PERIOD_SECONDS}
    of = f"pool {pool_name} of {cluster_name}"
    group = node_group_name(pool_name, reservation)
    alarms = [
        _dated(
            scope,
            f"NotEmpty-{group}",
            f"{of} still has nodes on {reservation} inside its drain lead: set "
            "its node group to 0 nodes by hand and see why the schedule didn't; after an extension correct the "
            "block's end in the file",
            topic_arn=topic_arn,
            metrics=late_drain_metrics(**dates),
            minutes=PERIOD_SECONDS // 60,
        )
    ]
    if block.hold:
        return alarms
    alarms.append(
        _dated(
            scope,
            f"BelowSize-{group}",
            f"{of} is below its size: nodes of {reservation}, which is paid for, don't run for "
            f"{BELOW_SIZE_MINUTES} minutes. The node group's health in EKS and `ultrafleet preflight` say why; "
            "where the block ends earlier than the file says, correct the file",
            topic_arn=topic_arn,
            metrics=below_size_metrics(**dates),
            minutes=BELOW_SIZE_MINUTES,
        )
    )
    if not block.has_successor:
        alarms.append(
            _dated(
                scope,
                f"NoSuccessor-{group}",
                f"{reservation}, the last block of {of}, ends within {SUCCESSOR_NOTICE_DAYS} days, on "
                f"{block.end:%Y-%m-%d}: buy the next one (`ultrafleet capacity search`) or extend it (`ultrafleet "
                "capacity extend`), write it into the file and deploy; a pool that ends with it needs nothing",
                topic_arn=topic_arn,
                metrics=no_successor_metrics(notice_days=SUCCESSOR_NOTICE_DAYS, **dates),
                minutes=PERIOD_SECONDS // 60,
            )
        )
    return alarms


def _dated(
    scope: Construct, id: str, description: str, *, topic_arn: str, metrics: list[dict[str, Any]], minutes: int
) -> cloudwatch.CfnAlarm:
    return cloudwatch.CfnAlarm(
        scope,
        id,
        alarm_description=description,
        alarm_actions=[topic_arn],
        metrics=metrics,
        evaluation_periods=minutes * 60 // PERIOD_SECONDS,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
    )
