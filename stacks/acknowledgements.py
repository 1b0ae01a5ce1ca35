"""Findings of the checks that were read and accepted, each with its reason."""

import aws_cdk as cdk
from constructs import IConstruct

from stacks.fleet_stage import FleetStage
from stacks.kubernetes_stack import KubernetesStack
from ultrafleet.environment import Environment

_MANAGED = "AwsSolutions-IAM4[Policy::arn:{partition}:iam::aws:policy/{name}]"
_PUBLIC_REGISTRY_POLICY = (
    'AwsSolutions-IAM4[Policy::{"Fn::If":["KubectlProviderHandlerHasEcrPublicF3AC66B7",{"Fn::Join":["",["arn:",'
    '{"Ref":"AWS::Partition"},":iam::aws:policy/AmazonElasticContainerRegistryPublicReadOnly"]]},'
    '{"Ref":"AWS::NoValue"}]}]'
)
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
    if stage.kubernetes is not None:
        _acknowledge_workloads(stage, stage.kubernetes, environment)


def _acknowledge_workloads(stage: FleetStage, kubernetes: KubernetesStack, environment: Environment) -> None:
    region, account = environment.region, environment.account
    provider = "CDK's kubectl provider; its roles are the CDK's"
    handler = "KubectlProviderHandler"
    _on(
        kubernetes,
        {
            **_managed("service-role/AWSLambdaBasicExecutionRole", provider),
            **_managed("service-role/AWSLambdaVPCAccessExecutionRole", provider),
            **_managed("AmazonEC2ContainerRegistryReadOnly", provider),
            _PUBLIC_REGISTRY_POLICY: provider,
            "AwsSolutions-L1": "the runtime that aws-cdk-lib writes its handler for",
            f"AwsSolutions-IAM5[Resource::<{handler}14607D6C.Arn>:*]": "versions of one function",
        },
    )
    elb = f"arn:aws:elasticloadbalancing:{region}:{account}"
    _on(
        kubernetes,
        {
            "AwsSolutions-IAM5[Resource::*]": "describing load balancers knows no resources",
            **{
                f"AwsSolutions-IAM5[Resource::{elb}:{kind}]": "limited to the cluster by tags, see the conditions"
                for kind in ("listener/net/*", "loadbalancer/net/*", "targetgroup/*")
            },
        },
    )
    _on(
        stage.system,
        {
            "AwsSolutions-IAM5[Resource::*]": "describing file systems knows no resources",
        },
    )
    for team in stage.teams:
        buckets = {*team.settings.data_buckets}
        _on(
            team,
            {
                "AwsSolutions-S1": "who reads checkpoints is in CloudTrail where the account records data events",
                "AwsSolutions-IAM5[Resource::<TeamCheckpoints8C47C88A.Arn>/*]": "the objects of the team's bucket",
                **{
                    f"AwsSolutions-IAM5[Resource::arn:aws:s3:::{bucket}/*]": "the objects of a bucket it may read"
                    for bucket in sorted(buckets)
                },
            },
        )
    for model in stage.models:
        weights = model.settings.weights.removeprefix("s3://")
        _on(
            model,
            {
                "AwsSolutions-SMG4": "clients hold the key: a rotation is a change of theirs",
                f"AwsSolutions-IAM5[Resource::arn:aws:s3:::{weights}/*]": "the files of one model",
            },
        )


def _managed(policy: str, reason: str) -> dict[str, str]:
    return {_MANAGED.format(partition=partition, name=policy): reason for partition in _EITHER}


def _on(scope: IConstruct, reasons: dict[str, str]) -> None:
    cdk.Validations.of(scope).acknowledge(
        *(cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in reasons.items())
    )
