"""Assumptions of the embedded AWS: its choices where AWS's documents leave one, or where they contradict one another.

Texts and values alone. A fault rehearses the other reading where there is one; `scenarios/rested_on.py` tells which
assumptions a deployment rested on.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ultrafleet.catalog import capacity_blocks, eks
from ultrafleet.catalog.capacity_blocks import in_minutes
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.rules.block_clock import CLEAN_UP_MINUTES

_LOW: Final = Confidence.LOW


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """Choice of the embedded AWS.

    Attributes:
        id: its name in tests and reports.
        states: what the embedded AWS does.
        source: what AWS says about it, and how well the choice is known by that.
        fault: fault that rehearses another reading; "" where none does.
    """

    id: str
    states: str
    source: Source
    fault: str = ""


def _though(source: Source, text: str) -> Source:
    """Source of a choice that AWS's document doesn't settle."""
    return replace(source, also=(Source(text, _LOW),))


CLEAN_UP: Final = timedelta(minutes=CLEAN_UP_MINUTES)
"""Time for which a terminated instance still occupies its capacity block."""
PAYMENT: Final = timedelta(minutes=5)
"""Time from a purchase, of a block or of an extension, to its payment."""
LAUNCH_RETRY: Final = timedelta(minutes=5)
"""Interval at which EC2 Auto Scaling tries a failed launch again."""
ROLL_GIVES_UP: Final = timedelta(minutes=60)
"""Time without a replacement after which EKS fails an update of a node group's version."""

GROUPS_WORK: Final = "reservation-groups-work"
"""Reading in which node groups and Local Zones take a group of reservations, as the EC2 guide's page on groups of
blocks has it (cb-group, medium): the fleets of an earlier release, whose migration can be rehearsed so."""

SIZES_MAY_BE_PARTIAL: Final = Assumption(
    id="sizes-may-be-partial",
    states="EKS creates a node group that states its minimum and maximum and no desired size, although its API "
    "reference says that a creation states all of them or none: `ultrafleet doctor ENV --create` settles it. Way out: "
    "the block's setting initial_desired_size: 0",
    source=_though(eks.source("eks/node-group/sizes-at-creation"), "that EKS takes the creation: not tried"),
    fault="node-group-sizes-refused",
)
STARTS_AT_MIN_SIZE: Final = Assumption(
    id="starts-at-min-size",
    states="a node group that states no desired size starts at its minimum, which is 0. Way out: the block's setting "
    "initial_desired_size: 0",
    source=Source(
        "not documented; containers-roadmap #1684 reports one node",
        _LOW,
        "https://github.com/aws/containers-roadmap/issues/1684",
    ),
    fault="node-group-starts-with-a-node",
)
SCALE_DOWN_KEEPS_ITS_TIME: Final = Assumption(
    id="scale-down-keeps-its-time",
    states=f"EKS's own scale-down, {in_minutes(capacity_blocks.CapacityBlockRules.EKS_SCALE_DOWN)} minutes before the "
    "end of a block, is not moved by an extension: it empties the node group before the old end, and the block "
    "schedule fills it again",
    source=_though(
        capacity_blocks.source("capacity-block/eks-scale-down-minutes"),
        "that an extension doesn't move it: not documented, the worse reading",
    ),
    fault="eks-scale-down-moves",
)
BLOCK_CLEAN_UP: Final = Assumption(
    id="block-clean-up",
    states=f"a terminated instance occupies its capacity block for {in_minutes(CLEAN_UP)} more minutes",
    source=_though(capacity_blocks.source("capacity-block/clean-up"), f"{in_minutes(CLEAN_UP)} minutes"),
)
EXTENSION_PAYMENT: Final = Assumption(
    id="extension-payment",
    states=f"the extension of a block is paid {in_minutes(PAYMENT)} minutes after its purchase, and its end moves then",
    source=_though(
        capacity_blocks.source("capacity-block/extension-payment-failed-hours"), f"{in_minutes(PAYMENT)} minutes"
    ),
    fault="extension-payment-pending",
)
STATE_IN_TIME: Final = Assumption(
    id="state-in-time",
    states="EC2 says that a block is active from its start on",
    source=_though(capacity_blocks.source("capacity-block/state-late-minutes"), "that it is never late"),
    fault="block-state-late",
)
ROLL_OF_RUNNING_NODES: Final = Assumption(
    id="roll-of-running-nodes",
    states="an update of a block's launch template version replaces running nodes, as many at a time as the update "
    "settings say, each evicted for as long as EKS waits and replaced after the clean-up",
    source=_though(capacity_blocks.source("capacity-block/eks-update-at-size"), "what happens at another size"),
    fault="pod-eviction-failure",
)
ZONE_OPTED_IN: Final = Assumption(
    id="zone-opted-in",
    states="the account is opted in to the Local Zone",
    source=_though(capacity_blocks.source("capacity-block/local-zone-group"), "that this account has done it"),
    fault="zone-not-opted-in",
)
BLOCK_PAYMENT: Final = Assumption(
    id="block-payment",
    states=f"a block is paid {in_minutes(PAYMENT)} minutes after its purchase",
    source=_though(capacity_blocks.source("capacity-block/payment-failed-hours"), f"{in_minutes(PAYMENT)} minutes"),
    fault="purchase-payment-fails",
)
OFFERINGS_KEEP_THEIR_ID: Final = Assumption(
    id="offerings-keep-their-id",
    states="an offering has the same id each time that it is described, until it is bought",
    source=Source("not documented", _LOW),
    fault="offering-ids-change",
)
LAUNCH_RETRIES: Final = Assumption(
    id="launch-retries",
    states=f"EC2 Auto Scaling tries a failed launch again every {in_minutes(LAUNCH_RETRY)} minutes",
    source=Source("not documented", _LOW),
)
EXECUTIONS_IN_TIME: Final = Assumption(
    id="executions-in-time",
    states="an execution of the block schedule ends within its time limit: the embedded Step Functions has none",
    source=Source("decision record 6, estimate of the calls' times", _LOW),
)

ASSUMPTIONS: Final = (
    SIZES_MAY_BE_PARTIAL,
    STARTS_AT_MIN_SIZE,
    ROLL_OF_RUNNING_NODES,
    SCALE_DOWN_KEEPS_ITS_TIME,
    EXTENSION_PAYMENT,
    BLOCK_CLEAN_UP,
    STATE_IN_TIME,
    ZONE_OPTED_IN,
    LAUNCH_RETRIES,
    EXECUTIONS_IN_TIME,
)
"""Assumptions of a deployment, those that matter most first."""

SALE_ASSUMPTIONS: Final = (BLOCK_PAYMENT, OFFERINGS_KEEP_THEIR_ID)
"""Assumptions of the sale of blocks."""
