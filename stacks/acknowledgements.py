"""Findings of the checks that were read and accepted, each with its reason."""

import aws_cdk as cdk
from constructs import IConstruct

from stacks.fleet_stage import FleetStage
from ultrafleet.environment import Environment

_MANAGED = "AwsSolutions-IAM4[Policy::arn:{partition}:iam::aws:policy/{name}]"
_EITHER = ("<AWS::Partition>", "aws")  # the L2 writes the pseudo parameter, plain resources the partition itself


def acknowledge(stage: FleetStage, environment: Environment) -> None:
    """Acknowledge, on the smallest construct that a finding is about, what the checks object to and why it stays."""
    region, account, name = environment.region, environment.account, environment.name
    _on(
        stage,
        {
            "@aws-cdk/aws-ec2:noSubnetRouteTableId": "stacks hand over ids; nothing reads a subnet's route table",
        },
    )
    _on(
        stage.cluster,
        {
            **_managed("AmazonEKSClusterPolicy", "what EKS requires of a cluster role, kept current by AWS"),
            **_managed("AmazonEKSWorkerNodeMinimalPolicy", "AWS's smallest policy for nodes"),
            **_managed(
                "AmazonSSMManagedInstanceCore", "sessions without SSH, only where the environment asks for them"
            ),
            **_managed("AmazonEC2ContainerRegistryPullOnly", "AWS's smallest policy for pulling images"),
        },
    )
    for policy in (
        "AmazonEKS_CNI_Policy",
        "AmazonEBSCSIDriverPolicyV2",
        "service-role/AmazonEFSCSIDriverPolicy",
        "CloudWatchAgentServerPolicy",
    ):
        _on(
            stage.system,
            _managed(policy, "kept in step with the add-on by AWS; one service account can take the role"),
        )
    _on(
        stage.cluster.node_role,
        {"AwsSolutions-IAM5[Resource::*]": "ec2:DescribeInstances and ec2:DescribeInstanceTypes know no resources"},
    )
    kms = "the wildcard covers the variants of one KMS action, on one key"
    _on(
        stage.capacity.block_schedule,
        {
            "AwsSolutions-SQS3": "it is the dead-letter queue",
            "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": kms,
            "AwsSolutions-IAM5[Action::kms:ReEncrypt*]": kms,
            f"AwsSolutions-IAM5[Resource::arn:aws:eks:{region}:{account}:nodegroup/{name}/*]": (
                "the node groups of one cluster, whose ids EKS makes up"
            ),
            f"AwsSolutions-IAM5[Resource::arn:aws:resource-groups:{region}:{account}:group/{name}-*]": (
                "the groups of blocks of one environment, read only; pools come and go"
            ),
            "AwsSolutions-IAM5[Resource::*]": "describing reservations and delivering logs know no resources",
        },
    )


def _managed(policy: str, reason: str) -> dict[str, str]:
    return {_MANAGED.format(partition=partition, name=policy): reason for partition in _EITHER}


def _on(scope: IConstruct, reasons: dict[str, str]) -> None:
    cdk.Validations.of(scope).acknowledge(
        *(cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in reasons.items())
    )
