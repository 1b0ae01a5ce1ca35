"""Faults that read AWS in another way than `rehearsal/assumptions.py` does, and those that time alone causes.

Texts alone, as in `fault_list.py`.
"""

from typing import Final

from ultrafleet.catalog import capacity_blocks
from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.rehearsal import assumptions
from ultrafleet.rehearsal.refusals import NEVER_JOINS
from ultrafleet.rehearsal.scenarios.faults.fault import Fault

_UPDATES: Final = Source(
    "EKS user guide, managed node groups: update behaviour",
    address="https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html",
)

READING_FAULTS: Final = (
    Fault(
        name=assumptions.SIZES_MAY_BE_PARTIAL.fault,
        summary="EKS refuses a node group that states its minimum and maximum and no desired size",
        shows="all or none of the sizes",
        advice="State `initial_desired_size: 0` on each block and deploy again; once the node groups exist take it out "
        "and deploy: removing it sends nothing. While it is stated `cdk deploy --revert-drift` empties running nodes.",
        source=assumptions.SIZES_MAY_BE_PARTIAL.source,
    ),
    Fault(
        name=assumptions.STARTS_AT_MIN_SIZE.fault,
        summary="EKS starts a node group that states no desired size with one node",
        shows="Your Capacity Block is not active yet",
        advice="None needed: the launch errors, and the schedule's reports of them, end when the block is active. To "
        "avoid both, state `initial_desired_size: 0` on the block.",
        source=assumptions.STARTS_AT_MIN_SIZE.source,
    ),
    Fault(
        name=assumptions.SCALE_DOWN_KEEPS_ITS_TIME.fault,
        summary="EKS moves its own scale-down when a block is extended",
        shows="",
        advice="None needed.",
        source=assumptions.SCALE_DOWN_KEEPS_ITS_TIME.source,
    ),
    Fault(
        name=assumptions.ROLL_OF_RUNNING_NODES.fault,
        summary=f"pods don't leave a node within {in_minutes(CapacityBlockRules.EKS_EVICTION)} minutes, and an update "
        "of the node group's version fails",
        shows="PodEvictionFailure",
        advice="Finish or delete the pods that the event's node runs, or correct their disruption budget, and deploy "
        "again: nodes that were replaced stay so.",
        source=_UPDATES,
    ),
    Fault(
        name=assumptions.EXTENSION_PAYMENT.fault,
        summary="the extension of a block is bought and not paid",
        shows="",
        advice="Pay the bill: EndDate moves when the extension is paid, and it fails "
        f"{in_minutes(CapacityBlockRules.EXTENSION_PAYMENT_FAILS_AFTER) // 60} hours after its purchase, or "
        f"{in_minutes(CapacityBlockRules.EXTENSION_PAYMENT_FAILS_BEFORE_END)} minutes before the end. See `aws ec2 "
        "describe-capacity-block-extension-history`.",
        source=capacity_blocks.source("capacity-block/extension-payment-failed-hours"),
    ),
    Fault(
        name="extension-payment-fails",
        summary="the payment of a block's extension fails",
        shows="",
        advice="The block keeps its end. Correct the payment and buy the extension again, at least an hour before the "
        "end and early enough for its payment to come before the drain.",
        source=capacity_blocks.source("capacity-block/extension-payment-failed-hours"),
    ),
    Fault(
        name=assumptions.STATE_IN_TIME.fault,
        summary=f"EC2 says {in_minutes(CapacityBlockRules.STATE_LATE)} minutes late that a block is active",
        shows="",
        advice="None needed: the schedule scales the node group up once EC2 says active.",
        source=capacity_blocks.source("capacity-block/state-late-minutes"),
    ),
    Fault(
        name="block-odd-state",
        summary="EC2 says another state of a running block for some minutes: --block-state and --minutes",
        shows="",
        advice="None needed: nodes stay, and the dead-letter queue tells of the state. Ask AWS Support if it lasts.",
        source=capacity_blocks.source("capacity-block/state-late-minutes"),
    ),
    Fault(
        name=assumptions.ZONE_OPTED_IN.fault,
        summary="the account isn't opted in to the environment's Local Zones",
        shows="Subnets can currently only be created in the following availability zones",
        advice="Opt in: `aws ec2 modify-availability-zone-group --group-name GROUP --opt-in-status opted-in`, where "
        "GROUP is the zone without its last letter. Then deploy again.",
        source=capacity_blocks.source("capacity-block/local-zone-group"),
    ),
    Fault(
        name="node-never-joins",
        summary="instances run, and don't join the cluster as nodes",
        shows="NodeCreationFailure",
        advice="Read the instance's system log and `journalctl -u kubelet`: user data, the node role's access entry, "
        "and the way to the cluster's endpoint. Then hold the pool and release it, which launches other nodes.",
        source=Source(
            NEVER_JOINS.text, Confidence.HIGH, "https://docs.aws.amazon.com/eks/latest/userguide/troubleshooting.html"
        ),
    ),
)
"""Faults of this module, in the order in which they are listed."""
