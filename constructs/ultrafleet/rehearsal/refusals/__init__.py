"""Refusals of EC2, EKS and CloudFormation: requests that the embedded AWS refuses, the error code, and the source.

Texts alone, so that they can be listed without the rehearsal's extra; the functions that decide are beside the service,
by the same id.
"""

from ultrafleet.rehearsal.refusals.cloudformation import CLOUDFORMATION_REFUSALS
from ultrafleet.rehearsal.refusals.ec2 import LAUNCH_REFUSALS, RESERVATION_REFUSALS
from ultrafleet.rehearsal.refusals.eks import CLUSTER_REFUSALS, NEVER_JOINS, NODE_GROUP_REFUSALS
from ultrafleet.rehearsal.refusals.eks_updates import UPDATE_REFUSALS
from ultrafleet.rehearsal.refusals.rule import RefusalRule

__all__ = [
    "CLOUDFORMATION_REFUSALS", "CLUSTER_REFUSALS", "LAUNCH_REFUSALS", "NEVER_JOINS", "NODE_GROUP_REFUSALS",
    "RESERVATION_REFUSALS", "UPDATE_REFUSALS", "RefusalRule",
]  # fmt: skip
