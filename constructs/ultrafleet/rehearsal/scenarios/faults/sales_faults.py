"""Faults of the sale of capacity blocks: searches that are refused or find nothing, purchases that come to nothing.

Texts alone, as in `fault_list.py`.
"""

from typing import Final

from ultrafleet.catalog import capacity_blocks
from ultrafleet.catalog.capacity_blocks import DESCRIBE_LIMIT_CODE, NOT_ALLOWED_MESSAGE, CapacityBlockRules, in_minutes
from ultrafleet.catalog.source import Source
from ultrafleet.rehearsal import assumptions
from ultrafleet.rehearsal.scenarios.faults.fault import Fault

_ERRORS: Final = capacity_blocks.source("capacity-block/describe-limit")

SALES_FAULTS: Final = (
    Fault(
        name="ultraservers-not-allowed",
        summary="the account isn't on AWS's list of those that may ask for UltraServers",
        shows=NOT_ALLOWED_MESSAGE,
        advice="Ask the AWS account team to allow the account to buy UltraServer blocks.",
        source=capacity_blocks.source("capacity-block/ultraserver-not-allowed"),
    ),
    Fault(
        name="describe-limit",
        summary="EC2 answers that offerings were asked for too often, once for each of the next two calls",
        shows=DESCRIBE_LIMIT_CODE,
        advice="Search again in a minute. If it stays, raise the quota of concurrent capacity blocks of the family in "
        "Service Quotas: the same code says that it is 0.",
        source=_ERRORS,
    ),
    Fault(
        name="offerings-throttled",
        summary="EC2 throttles the next two searches for offerings",
        shows="",
        advice="None needed: the search tries again.",
        source=Source("EC2 API, Request throttling"),
    ),
    Fault(
        name="no-offerings",
        summary="no offering is for sale",
        shows="",
        advice="Search other days, durations, counts or regions.",
        source=capacity_blocks.source("capacity-block/latest-start-weeks"),
    ),
    Fault(
        name="offering-gone",
        summary="another customer buys an offering between its search and its purchase",
        shows="The Capacity Block offering ID is no longer available",
        advice="Search again: nothing was bought.",
        source=_ERRORS,
    ),
    Fault(
        name="offerings-in-segments",
        summary="offerings of several instances come in two segments, of two zones or types, a day apart",
        shows="",
        advice="None needed: a purchase of two segments makes two reservations, each with its own start and end.",
        source=capacity_blocks.source("capacity-block/offering-segments"),
    ),
    Fault(
        name="offerings-in-another-currency",
        summary="fees of offerings are in another currency than USD",
        shows="",
        advice="Compare them by hand: the price list and ceilings are in USD.",
        source=capacity_blocks.source("capacity-block/offering-segments"),
    ),
    Fault(
        name=assumptions.OFFERINGS_KEEP_THEIR_ID.fault,
        summary="each search gives the same offering another id",
        shows="",
        advice="None needed: an offering is known by what it holds.",
        source=assumptions.OFFERINGS_KEEP_THEIR_ID.source,
    ),
    Fault(
        name=assumptions.BLOCK_PAYMENT.fault,
        summary="a block that is bought is not paid: payment-pending, and payment-failed after "
        f"{in_minutes(CapacityBlockRules.PAYMENT_FAILS_AFTER) // 60} hours",
        shows="",
        advice="Correct the payment and buy another block: this one is released.",
        source=capacity_blocks.source("capacity-block/payment-failed-hours"),
    ),
)
"""Faults of this module, in the order in which they are listed."""
