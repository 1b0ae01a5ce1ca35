"""Faults that can be injected, by name.

Texts alone, so that they can be listed without the rehearsal's extra; `injections.py` has their actions.
"""

from typing import Final

from ultrafleet.catalog import eks
from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.scenarios.faults.alarm_faults import ALARM_FAULTS
from ultrafleet.rehearsal.scenarios.faults.fault import Fault
from ultrafleet.rehearsal.scenarios.faults.reading_faults import READING_FAULTS
from ultrafleet.rehearsal.scenarios.faults.sales_faults import SALES_FAULTS

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

_AGAIN: Final = "The stack was rolled back. Deploy again once the cause is removed."

_FAULTS: Final = (
    # Capacity
    Fault(
        name="insufficient-capacity",
        summary="EC2 has no on-demand capacity of the type in the zone",
        shows="InsufficientInstanceCapacity",
        advice="Give the pool a capacity reservation, a block or another zone, or deploy again later.",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="vcpu-quota",
        summary="the account's vCPU quota of the instance family is used up",
        shows="VcpuLimitExceeded",
        advice="Request an increase of 'Running On-Demand P instances' in Service Quotas, in vCPUs. Capacity blocks "
        "don't count.",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="reservation-capacity",
        summary="EC2 has no capacity for the on-demand capacity reservation",
        shows="InsufficientInstanceCapacity",
        advice=f"Request fewer instances or another zone in capacity_reservations. {_AGAIN}",
        source=Source("EC2 API, CreateCapacityReservation"),
    ),
    Fault(
        name="block-payment-pending",
        summary="the block was bought and is not paid yet",
        shows="payment-pending",
        advice="No deployment is needed: the schedule scales the pool up once EC2 says active. After "
        f"{in_minutes(CapacityBlockRules.PAYMENT_FAILS_AFTER) // 60} hours without payment the purchase fails: "
        "see `aws ec2 describe-capacity-blocks`.",
        source=_EC2_BLOCKS,
    ),
    Fault(
        name="block-payment-failed",
        summary="the payment of the block failed, and the account has no block",
        shows="payment-failed",
        advice="Buy another block, and replace this reservation id in the pool's blocks by its id.",
        source=_EC2_BLOCKS,
    ),
    Fault(
        name="block-unavailable",
        summary="the block is unavailable in EC2",
        shows="unavailable",
        advice="Ask AWS Support about the block; the schedule scales the pool up once EC2 says active again.",
        source=Source("EC2 API, CapacityBlock.State"),
    ),
    Fault(
        name="block-impaired",
        summary="the interconnect of the UltraServer is impaired",
        shows="impaired",
        advice="Nodes keep running. For a repair: hold the pool, wait until every node is terminated, open a support "
        "case; "
        "EC2 repairs only an empty block.",
        source=Source("EC2 API, DescribeCapacityBlockStatus, and EC2 user guide, Capacity Blocks"),
    ),
    Fault(
        name="block-unlaunchable",
        summary="the block is active, but EC2 launches no instance into it",
        shows="unlaunchable",
        advice="Open a support case with the block's id. EKS retries, and the pool fills once EC2 can launch.",
        source=Source("EC2 API, CapacityReservation.LaunchStatus"),
    ),
    Fault(
        name="block-unknown",
        summary="the account has no reservation of the id in the environment file",
        shows="does not exist",
        advice="Correct capacity_reservation_id: `aws ec2 describe-capacity-reservations` in the environment's account "
        f"shows it (cr-, not cbr-). {_AGAIN}",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="block-elsewhere",
        summary="the block is in another Availability Zone than the environment file says",
        shows="Availability Zone",
        advice="Set the pool's zone and subnet to the block's zone: `aws ec2 describe-capacity-reservations`.",
        source=_EC2_RESERVATIONS,
    ),
    Fault(
        name="block-short",
        summary="the block holds one instance fewer than the environment file says",
        shows="",
        advice="The pool runs with the instances that exist. Correct instance_count, or ask AWS Support about the "
        "missing one.",
        source=_EC2_RESERVATIONS,
    ),
    # Quotas
    Fault(
        name="node-group-quota",
        summary="the quota of node groups in a cluster is used up",
        shows="ResourceLimitExceededException",
        advice="Request an increase of 'Managed node groups per cluster' in Service Quotas, or remove a pool. "
        f"{_AGAIN}",
        source=_EKS_QUOTAS,
    ),
    Fault(
        name="cluster-quota",
        summary="the account's quota of clusters is used up",
        shows="ResourceLimitExceededException",
        advice=f"Request an increase of 'Clusters' in Service Quotas, or delete one. {_AGAIN}",
        source=_EKS_QUOTAS,
    ),
    Fault(
        name="vpc-quota",
        summary="the account's quota of VPCs is used up",
        shows="VpcLimitExceeded",
        advice=f"Request an increase of 'VPCs per Region' in Service Quotas, or delete one. {_AGAIN}",
        source=_EC2_ERRORS,
    ),
    # Network
    Fault(
        name="subnet-full",
        summary="the pool's subnet has no free addresses",
        shows="InsufficientFreeAddressesInSubnet",
        advice="Free addresses, or give the pool a subnet of its own: `ultrafleet summary` shows how many addresses a "
        "pool needs.",
        source=_EC2_ERRORS,
    ),
    Fault(
        name="efa-rule-gone",
        summary="the self-referencing rule of the EFA security group was removed",
        shows="EfaSecurityGroupRule",
        advice="Restore the rule: protocol -1 from the group to itself, in both directions. A deployment doesn't "
        "detect the "
        "change: `aws cloudformation detect-stack-drift` does.",
        source=Source("EC2 user guide, EFA security group; that the launch is refused is the embedded AWS's own"),
    ),
    Fault(
        name="address-quota",
        summary="the account's quota of Elastic IP addresses is used up",
        shows="AddressLimitExceeded",
        advice=f"Request an increase of 'EC2-VPC Elastic IPs' in Service Quotas, or release one. {_AGAIN}",
        source=_EC2_ERRORS,
    ),
    # Images and names
    Fault(
        name="ami-missing",
        summary="EKS has no AMI of the AMI type for the Kubernetes version",
        shows="Requested AMI",
        advice=f"Choose a kubernetes_version with an AMI of that type: the EKS user guide lists them. {_AGAIN}",
        source=Source("EKS user guide, optimized AMIs, and EKS API, CreateNodegroup: the wording", Confidence.MEDIUM),
    ),
    Fault(
        name="type-not-sold",
        summary="EC2 doesn't sell the pool's instance type in the pool's zone",
        shows="is not supported in your requested Availability Zone",
        advice="Use a subnet in a zone that `aws ec2 describe-instance-type-offerings --location-type "
        "availability-zone` lists for the type: `ultrafleet doctor ENV` asks it before anything is bought.",
        source=Source("EC2 API, error codes: Unsupported; the wording as commonly reported", Confidence.MEDIUM),
    ),
    Fault(
        name="kubernetes-version-withdrawn",
        summary="EKS no longer offers the environment's Kubernetes version",
        shows="unsupported Kubernetes version",
        advice="Raise cluster.kubernetes_version to one that `aws eks describe-cluster-versions` lists, best one in "
        f"standard support. {_AGAIN}",
        source=eks.source(f"eks/kubernetes-version/{eks.DEFAULT_KUBERNETES_VERSION}"),
    ),
    Fault(
        name="log-group-taken",
        summary="a log group of the cluster's name exists from an earlier environment",
        shows="Resource of type 'AWS::Logs::LogGroup' with identifier",
        advice=f"Delete /aws/eks/NAME/cluster if its logs are not needed, or import it: `cdk import`. {_AGAIN}",
        source=_CFN_TROUBLE,
    ),
    # Rights, rates, and CloudFormation itself
    Fault(
        name="access-denied",
        summary="CloudFormation's execution role is not allowed to create node groups",
        shows="not authorized",
        advice=f"Allow eks:CreateNodegroup for the execution role of `cdk bootstrap`. {_AGAIN}",
        source=Source("IAM user guide, access denied error messages"),
    ),
    Fault(
        name="schedule-denied",
        summary="the block schedule's role is not allowed to update node groups",
        shows="AccessDenied",
        advice="The dead-letter queue and its alarm report it. Restore eks:UpdateNodegroupConfig in the state "
        "machine's role, and scale the pool to 0 by hand if its block ends soon.",
        source=Source("Step Functions developer guide, AWS SDK integrations"),
    ),
    Fault(
        name="throttling",
        summary="EKS throttles CreateNodegroup twice",
        shows="",
        advice="None needed: CloudFormation retries.",
        source=Source("EKS API, ThrottlingException"),
    ),
    Fault(
        name="schedule-throttled",
        summary="EKS throttles UpdateNodegroupConfig of the schedule six times",
        shows="",
        advice="None needed: the state machine retries, and the next execution starts five minutes later.",
        source=Source("EKS API, ThrottlingException"),
    ),
    Fault(
        name="stack-fails",
        summary="the creation of a node group fails with an internal failure of CloudFormation",
        shows="Internal Failure",
        advice=f"Deploy again. {_AGAIN}",
        source=_CFN_TROUBLE,
    ),
    Fault(
        name="rollback-fails",
        summary="an update fails, and so does its rollback",
        shows="ROLLBACK_FAILED",
        advice="Remove the cause that the event names, then `cdk rollback ENV/STACK`, which `make deploy` on the "
        "embedded AWS runs itself, then deploy.",
        source=_CFN_TROUBLE,
    ),
    Fault(
        name="slow",
        summary="every resource takes time, so that a deployment can be interrupted",
        shows="",
        advice="Interrupt the deployment and run it again: CloudFormation continues, and the CLI waits for it.",
        source=Source("CloudFormation user guide, stack operations"),
    ),
    # What breaks, and what people do by hand
    Fault(
        name="node-fails",
        summary="the hardware of a node fails",
        shows="",
        advice="None needed: EKS node auto repair replaces the node within the same reservation. On an UltraServer "
        "the new "
        "node is another instance of the same UltraServer.",
        source=Source("EKS user guide, node auto repair; EC2 user guide, Capacity Blocks"),
    ),
    Fault(
        name="template-deleted",
        summary="a pool's launch template was deleted outside of CloudFormation",
        shows="Ec2LaunchTemplateNotFound",
        advice="Nodes keep running, and none can be launched. Remove the pool from the environment file and delete its "
        "stack, then add it again and deploy.",
        source=Source("EKS API, Issue"),
    ),
    Fault(
        name="pool-deleted",
        summary="a pool's node group was deleted outside of CloudFormation",
        shows="",
        advice="Remove the pool from the environment file and deploy, which deletes its stack; then add it again and "
        "deploy.",
        source=Source("CloudFormation user guide, drift"),
    ),
    Fault(
        name="schedule-off",
        summary="the block schedule was disabled, so that no pool is emptied before its block ends",
        shows="",
        advice="Enable it: the alarm NotRunning reports it within 15 minutes. EKS's own scale-down starts too late "
        "for an "
        "UltraServer.",
        source=Source("EKS user guide, managed node groups with Capacity Blocks"),
    ),
)

FAULTS: Final = {fault.name: fault for fault in (*_FAULTS, *ALARM_FAULTS, *READING_FAULTS, *SALES_FAULTS)}


def fault_named(name: str) -> Fault:
    """Fault of a name.

    Raises:
        FleetError: there is none.
    """
    if name not in FAULTS:
        raise FleetError(
            path="fault",
            got=repr(name),
            expected=f"one of {', '.join(sorted(FAULTS))}",
        )
    return FAULTS[name]
