"""Faults that can be injected, by name: what AWS may do to a deployment, and what its users do then.

Texts alone, so that they can be listed without the rehearsal's extra; `injections.py` makes them so.
"""

from typing import Final

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.scenarios.faults.fault import Fault

_EC2_ERRORS: Final = Source(
    "EC2 API, Error codes", address="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
)
_EC2_BLOCKS: Final = Source(
    "EC2 user guide, Capacity Blocks for ML",
    address="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-blocks.html",
)
_EC2_RESERVATIONS: Final = Source(
    "EC2 user guide, Capacity Reservations",
    address="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-reservations.html",
)
_EKS_QUOTAS: Final = Source(
    "EKS user guide, service quotas", address="https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html"
)
_CFN_TROUBLE: Final = Source(
    "CloudFormation user guide, Troubleshooting",
    address="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html",
)

_AGAIN: Final = "Nothing is lost: the stack went back. Deploy again when it is mended."

_FAULTS: Final = (
    # Capacity
    Fault(
        name="insufficient-capacity",
        summary="EC2 has no on-demand capacity of the type in the zone",
        shows="InsufficientInstanceCapacity",
        advice="Name a capacity reservation or a block in the pool, or another zone; deploy again later for the same.",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="vcpu-quota",
        summary="the account's vCPU quota of the instance family is used up",
        shows="VcpuLimitExceeded",
        advice="Ask for more of 'Running On-Demand P instances' in Service Quotas, in vCPUs. Blocks don't count.",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="reservation-capacity",
        summary="EC2 can't make the on-demand capacity reservation",
        shows="InsufficientInstanceCapacity",
        advice=f"Ask for fewer instances or another zone in capacity_reservations. {_AGAIN}",
        source=Source("EC2 API, CreateCapacityReservation"),
    ),
    Fault(
        name="block-payment-pending",
        summary="the block was bought and is not paid yet",
        shows="payment-pending",
        advice="Nothing to deploy: the pool comes up by itself when EC2 says active. After "
        f"{in_minutes(CapacityBlockRules.PAYMENT_FAILS_AFTER) // 60} hours without payment the block is gone: "
        "see `aws ec2 describe-capacity-blocks`.",
        source=_EC2_BLOCKS,
    ),
    Fault(
        name="block-payment-failed",
        summary="the payment of the block failed, so that there is no block",
        shows="payment-failed",
        advice="Buy another block, and name its reservation id in the pool's blocks in the place of this one.",
        source=_EC2_BLOCKS,
    ),
    Fault(
        name="block-unavailable",
        summary="EC2 can't deliver the block",
        shows="unavailable",
        advice="Ask AWS Support about the block; the pool comes up by itself if EC2 says active again.",
        source=Source("EC2 API, CapacityBlock.State"),
    ),
    Fault(
        name="block-impaired",
        summary="the interconnect of the UltraServer is impaired",
        shows="impaired",
        advice="Nodes run on. To have it repaired: hold the pool, wait until every node is gone, open a support case; "
        "EC2 repairs only an empty block.",
        source=Source("EC2 API, DescribeCapacityBlockStatus, and EC2 user guide, Capacity Blocks"),
    ),
    Fault(
        name="block-unlaunchable",
        summary="the block is active and EC2 can launch nothing into it",
        shows="unlaunchable",
        advice="Open a support case with the block's id. EKS tries again by itself, and the pool fills when EC2 can.",
        source=Source("EC2 API, CapacityReservation.LaunchStatus"),
    ),
    Fault(
        name="block-unknown",
        summary="the account has no reservation of the id that the file names",
        shows="does not exist",
        advice="Correct capacity_reservation_id: `aws ec2 describe-capacity-reservations` in the environment's account "
        f"shows it (cr-, not cbr-). {_AGAIN}",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="block-elsewhere",
        summary="the block is in another zone than the file says",
        shows="Availability Zone",
        advice="Name the block's zone, and a subnet there, in the pool: `aws ec2 describe-capacity-reservations`.",
        source=_EC2_RESERVATIONS,
    ),
    Fault(
        name="block-short",
        summary="the block holds one instance less than the file says",
        shows="",
        advice="The pool comes up with what there is. Correct instance_count, or ask AWS Support why one is missing.",
        source=_EC2_RESERVATIONS,
    ),
    # Quotas
    Fault(
        name="node-group-quota",
        summary="the cluster has as many node groups as its quota allows",
        shows="ResourceLimitExceededException",
        advice=f"Ask for more 'Managed node groups per cluster' in Service Quotas, or remove a pool. {_AGAIN}",
        source=_EKS_QUOTAS,
    ),
    Fault(
        name="cluster-quota",
        summary="the account has as many clusters as its quota allows",
        shows="ResourceLimitExceededException",
        advice=f"Ask for more 'Clusters' in Service Quotas, or delete one. {_AGAIN}",
        source=_EKS_QUOTAS,
    ),
    Fault(
        name="vpc-quota",
        summary="the account has as many VPCs as its quota allows",
        shows="VpcLimitExceeded",
        advice=f"Ask for more 'VPCs per Region' in Service Quotas, or delete one. {_AGAIN}",
        source=_EC2_ERRORS,
    ),
    # Network
    Fault(
        name="subnet-full",
        summary="the pool's subnet has no free addresses",
        shows="InsufficientFreeAddressesInSubnet",
        advice="Free addresses, or give the pool a subnet of its own: `ultrafleet summary` tells what a pool takes.",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="efa-rule-gone",
        summary="somebody took out the rule by which the EFA security group reaches itself",
        shows="EfaSecurityGroupRule",
        advice="Put the rule back: protocol -1 from the group to itself, in both directions. CloudFormation doesn't "
        "see that it is gone: `aws cloudformation detect-stack-drift` does.",
        source=Source("EC2 user guide, EFA security group; that the launch is refused is the embedded AWS's own"),
    ),
    Fault(
        name="address-quota",
        summary="the account has as many elastic addresses as its quota allows",
        shows="AddressLimitExceeded",
        advice=f"Ask for more 'EC2-VPC Elastic IPs' in Service Quotas, or release one. {_AGAIN}",
        source=_EC2_ERRORS,
    ),
    # Images and names
    Fault(
        name="ami-missing",
        summary="EKS has no image of the AMI type for the Kubernetes version",
        shows="Requested AMI",
        advice=f"Choose a kubernetes_version that has the image: the EKS guide lists them by AMI type. {_AGAIN}",
        source=Source("EKS user guide, optimized AMIs, and EKS API, CreateNodegroup: the wording", Confidence.MEDIUM),
    ),
    Fault(
        name="log-group-taken",
        summary="a log group of the cluster's name was left by an earlier environment",
        shows="log group already exists",
        advice=f"Delete /aws/eks/NAME/cluster if its logs are not needed, or import it: `cdk import`. {_AGAIN}",
        source=_CFN_TROUBLE,
    ),
    # Rights, rates, and CloudFormation itself
    Fault(
        name="access-denied",
        summary="the role that CloudFormation deploys with may not create node groups",
        shows="not authorized",
        advice=f"Allow eks:CreateNodegroup to the execution role of `cdk bootstrap`. {_AGAIN}",
        source=Source("IAM user guide, access denied error messages"),
    ),
    Fault(
        name="schedule-denied",
        summary="the schedule may not size node groups",
        shows="AccessDenied",
        advice="The dead-letter queue and its alarm tell of it. Give the state machine's role "
        "eks:UpdateNodegroupConfig back, and empty the pool by hand if its block ends soon.",
        source=Source("Step Functions developer guide, AWS SDK integrations"),
    ),
    Fault(
        name="throttling",
        summary="EKS throttles for a while",
        shows="",
        advice="Nothing: CloudFormation and the schedule try again.",
        source=Source("EKS API, ThrottlingException"),
    ),
    Fault(
        name="schedule-throttled",
        summary="EKS throttles the schedule for a while",
        shows="",
        advice="Nothing: the state machine tries again, and the next one runs five minutes later.",
        source=Source("EKS API, ThrottlingException"),
    ),
    Fault(
        name="stack-fails",
        summary="a stack fails in the middle, on its way",
        shows="Internal Failure",
        advice=f"Deploy again. {_AGAIN}",
        source=_CFN_TROUBLE,
    ),
    Fault(
        name="rollback-fails",
        summary="an update fails, and so does the way back",
        shows="ROLLBACK_FAILED",
        advice="Mend what it names, then `aws cloudformation continue-update-rollback --stack-name NAME`, then deploy.",
        source=_CFN_TROUBLE,
    ),
    Fault(
        name="slow",
        summary="every resource takes its time, so that a deployment can be interrupted",
        shows="",
        advice="Interrupt and run the deployment again: CloudFormation goes on without it, and the CLI waits for it.",
        source=Source("CloudFormation user guide, stack operations"),
    ),
    # What breaks, and what people do by hand
    Fault(
        name="node-fails",
        summary="the hardware under a node fails",
        shows="",
        advice="Nothing: EKS's node repair replaces it within the same reservation. On an UltraServer the new node is "
        "another part of the same rack.",
        source=Source("EKS user guide, node auto repair; EC2 user guide, Capacity Blocks"),
    ),
    Fault(
        name="template-deleted",
        summary="somebody deleted a pool's launch template by hand",
        shows="Ec2LaunchTemplateNotFound",
        advice="Nodes run on, and none can be launched. Remove the pool from the file and delete its stack, then put "
        "it back and deploy.",
        source=Source("EKS API, Issue"),
    ),
    Fault(
        name="pool-deleted",
        summary="somebody deleted a pool's node group by hand",
        shows="",
        advice="Remove the pool from the file and deploy, which forgets it; then put it back and deploy.",
        source=Source("CloudFormation user guide, drift"),
    ),
    Fault(
        name="schedule-off",
        summary="somebody disabled the schedule, so that no pool is emptied before its block ends",
        shows="",
        advice="Enable it: the alarm NotRunning tells within 15 minutes. EKS's own scale-down comes too late for an "
        "UltraServer.",
        source=Source("EKS user guide, managed node groups with Capacity Blocks"),
    ),
)

FAULTS: Final = {fault.name: fault for fault in _FAULTS}


def fault_named(name: str) -> Fault:
    """The fault of that name.

    Raises:
        FleetError: there is none.
    """
    if name not in FAULTS:
        raise FleetError(f"fault is {name!r}, expected one of {', '.join(sorted(FAULTS))}")
    return FAULTS[name]
