"""Action of each fault in `fault_list.py`, by the fault's name."""

from collections.abc import Mapping
from typing import Final

from ultrafleet.catalog.capacity_blocks import DESCRIBE_LIMIT_CODE
from ultrafleet.catalog.eks import DEFAULT_KUBERNETES_VERSION
from ultrafleet.catalog.limits import NODE_GROUPS_PER_CLUSTER
from ultrafleet.rehearsal.ec2.state.reservations import UNLAUNCHABLE
from ultrafleet.rehearsal.scenarios.faults import actions as inject
from ultrafleet.rehearsal.scenarios.faults import block_actions as blocks

INJECTIONS: Final[Mapping[str, inject.Injection]] = {
    "insufficient-capacity": inject.answers(
        "ec2",
        "RunInstances",
        "InsufficientInstanceCapacity",
        "We currently do not have sufficient capacity in the Availability Zone you requested. Our system will be "
        "working on provisioning additional capacity.",
    ),
    "vcpu-quota": inject.answers(
        "ec2",
        "RunInstances",
        "VcpuLimitExceeded",
        "You have requested more vCPU capacity than your current vCPU limit allows for the instance bucket that "
        "the specified instance type belongs to.",
    ),
    "reservation-capacity": inject.answers(
        "ec2",
        "CreateCapacityReservation",
        "InsufficientInstanceCapacity",
        "Insufficient capacity to fulfil the capacity reservation.",
    ),
    "block-payment-pending": blocks.block_is(state="payment-pending"),
    "block-payment-failed": blocks.block_is(state="payment-failed"),
    "block-unavailable": blocks.block_is(state="unavailable"),
    "block-impaired": blocks.block_is(interconnect="impaired"),
    "block-unlaunchable": blocks.block_is(state=UNLAUNCHABLE),
    "block-odd-state": blocks.block_is_odd,
    "block-unknown": blocks.block_is_unknown,
    "block-elsewhere": blocks.block_has(availability_zone="us-east-1c"),
    "block-short": blocks.block_is_short,
    "node-group-quota": inject.answers(
        "eks",
        "CreateNodegroup",
        "ResourceLimitExceededException",
        "Nodegroups per cluster limit exceeded. Cluster can have a maximum of "
        f"{NODE_GROUPS_PER_CLUSTER.value} nodegroups.",
    ),
    "cluster-quota": inject.answers(
        "eks", "CreateCluster", "ResourceLimitExceededException", "Cluster limit exceeded for account."
    ),
    "vpc-quota": inject.answers("ec2", "CreateVpc", "VpcLimitExceeded", "The maximum number of VPCs has been reached."),
    "subnet-full": inject.subnet_is_full,
    "efa-rule-gone": inject.efa_rule_is_gone,
    "address-quota": inject.answers(
        "ec2", "AllocateAddress", "AddressLimitExceeded", "The maximum number of addresses has been reached."
    ),
    "ami-missing": inject.answers(
        "eks",
        "CreateNodegroup",
        "InvalidParameterException",
        f"Requested AMI for this version {DEFAULT_KUBERNETES_VERSION} is not supported",
    ),
    "type-not-sold": inject.type_is_not_sold,
    "kubernetes-version-withdrawn": inject.version_is_withdrawn,
    "log-group-taken": inject.log_group_is_taken,
    "access-denied": inject.answers(
        "eks",
        "CreateNodegroup",
        "AccessDeniedException",
        "User: arn:aws:sts::111122223333:assumed-role/cdk-hnb659fds-cfn-exec-role/AWSCloudFormation is not "
        "authorized to perform: eks:CreateNodegroup",
    ),
    "schedule-denied": inject.answers(
        "eks",
        "UpdateNodegroupConfig",
        "AccessDeniedException",
        "User is not authorized to perform: eks:UpdateNodegroupConfig",
    ),
    "throttling": inject.answers("eks", "CreateNodegroup", "ThrottlingException", "Rate exceeded", times=2),
    "schedule-throttled": inject.answers(
        "eks", "UpdateNodegroupConfig", "ThrottlingException", "Rate exceeded", times=6
    ),
    "stack-fails": inject.answers(
        "cloudformation", "Resource", "InternalFailure", "Internal Failure", about="AWS::EKS::Nodegroup", times=1
    ),
    "rollback-fails": inject.answers(
        "eks", "UpdateNodegroupConfig", "ServerException", "These errors are usually caused by a server-side issue."
    ),
    "slow": inject.slow(0.3),
    "node-fails": inject.node_fails,
    "node-lost": inject.node_is_lost,
    "gpu-dies": inject.gpu_dies,
    "update-stuck": inject.update_is_stuck,
    "tick-lost": inject.tick_is_lost,
    "template-deleted": inject.template_is_gone,
    "pool-deleted": inject.pool_is_gone,
    "schedule-off": inject.schedule_is_off,
    "zone-not-opted-in": blocks.zone_is_not_opted_in,
    "describe-limit": inject.answers(
        "ec2",
        "DescribeCapacityBlockOfferings",
        DESCRIBE_LIMIT_CODE,
        "You've reached the limit for this account.",
        times=2,
    ),
    "offerings-throttled": inject.answers(
        "ec2", "DescribeCapacityBlockOfferings", "RequestLimitExceeded", "Request limit exceeded.", times=2
    ),
    **{
        name: inject.reading(name)
        for name in (
            "node-group-sizes-refused",
            "node-group-starts-with-a-node",
            "eks-scale-down-moves",
            "pod-eviction-failure",
            "extension-payment-pending",
            "extension-payment-fails",
            "block-state-late",
            "node-never-joins",
            "ultraservers-not-allowed",
            "no-offerings",
            "offering-gone",
            "offerings-in-segments",
            "offerings-in-another-currency",
            "offering-ids-change",
            "purchase-payment-fails",
        )
    },
}
"""Makes the fault so from then on; returns what ends it."""
