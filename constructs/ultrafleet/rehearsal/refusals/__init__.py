"""Refusals of EC2 and EKS: requests that the embedded AWS refuses, AWS's error code, and where that is known from.

Texts alone, so that they can be listed without the rehearsal's extra; the functions that decide are beside the service,
by the same id.
"""

from ultrafleet.rehearsal.refusals.ec2 import LAUNCH_REFUSALS, RESERVATION_REFUSALS
from ultrafleet.rehearsal.refusals.eks import CLUSTER_REFUSALS, NEVER_JOINS, NODE_GROUP_REFUSALS
from ultrafleet.rehearsal.refusals.rule import RefusalRule

__all__ = [
    "CLUSTER_REFUSALS", "LAUNCH_REFUSALS", "NEVER_JOINS", "NODE_GROUP_REFUSALS", "RESERVATION_REFUSALS", "RefusalRule",
]  # fmt: skip
