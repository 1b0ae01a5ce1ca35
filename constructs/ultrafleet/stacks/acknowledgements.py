"""Findings of the checks that were read and accepted, each with its reason."""

import aws_cdk as cdk
from constructs import IConstruct

from ultrafleet.catalog.eks import AddonName
from ultrafleet.environment import Environment
from ultrafleet.stacks.capacity_stack import CapacityStack
from ultrafleet.stacks.cluster_stack import ClusterStack
from ultrafleet.stacks.fleet_stage import FleetStage
from ultrafleet.stacks.kubernetes_stack import KubernetesStack
from ultrafleet.stacks.model_stack import ModelStack
from ultrafleet.stacks.network_stack import NetworkStack
from ultrafleet.stacks.system_stack import SystemStack
from ultrafleet.stacks.team_stack import TeamStack

_MANAGED = "AwsSolutions-IAM4[Policy::arn:{partition}:iam::aws:policy/{name}]"
_PUBLIC_REGISTRY_POLICY = (
    'AwsSolutions-IAM4[Policy::{"Fn::If":["KubectlProviderHandlerHasEcrPublicF3AC66B7",{"Fn::Join":["",["arn:",'
    '{"Ref":"AWS::Partition"},":iam::aws:policy/AmazonElasticContainerRegistryPublicReadOnly"]]},'
    '{"Ref":"AWS::NoValue"}]}]'
)
_ADDON_POLICIES: dict[str, str] = {
    AddonName.VPC_CNI: "AmazonEKS_CNI_Policy",
    AddonName.EBS_CSI_DRIVER: "AmazonEBSCSIDriverPolicyV2",
    AddonName.EFS_CSI_DRIVER: "service-role/AmazonEFSCSIDriverPolicy",
    AddonName.CLOUDWATCH_OBSERVABILITY: "CloudWatchAgentServerPolicy",
}
_NIST = "NIST.800.53.R5-"


def acknowledge(stage: FleetStage, environment: Environment) -> None:
    """Acknowledge, on the smallest construct that a finding is about, what the checks object to and why it stays."""
    _on(
        stage,
        {
            "@aws-cdk/aws-ec2:noSubnetRouteTableId": "stacks hand over ids; nothing reads a subnet's route table",
            f"{_NIST}IAMNoInlinePolicy": (
                "each policy is of one role, and goes with it; a managed one could be attached to others"
            ),
        },
    )
    if stage.network is not None:
        _acknowledge_network(stage.network, environment)
    if stage.cluster is not None:
        _acknowledge_cluster(stage.cluster, environment)
    if stage.system is not None:
        _acknowledge_system(stage.system)
    if stage.capacity is not None:
        _acknowledge_schedule(stage.capacity, environment)
    if stage.kubernetes is not None:
        if environment.kubernetes.delivery == "kubectl":
            _acknowledge_kubectl_provider(stage.kubernetes)
        if environment.models:
            _acknowledge_load_balancer_controller(stage.kubernetes, environment)
    for team in stage.teams:
        _acknowledge_team(team)
    for model in stage.models:
        _acknowledge_model(model)


def _acknowledge_network(network: NetworkStack, environment: Environment) -> None:
    _on(
        network,
        {
            f"{_NIST}EC2RestrictedCommonPorts": (
                "EFA needs all traffic from the group itself, and no rule lets another source in"
            ),
            f"{_NIST}VPCDefaultSecurityGroupClosed": (
                "CloudFormation can't take its rules away; nothing uses the group (decision 4)"
            ),
        },
    )
    if environment.network.secondary_network is not None:
        _acknowledge_secondary_network(network, environment)
    if not environment.network.is_made_here:
        return
    if environment.network.flow_logs:
        content = "CloudWatch Logs encrypts with its own key; flow logs hold addresses and byte counts (decision 4)"
        _on(network, {f"{_NIST}CloudWatchLogGroupEncrypted": content})
    else:
        off = "the environment switches flow logs off"
        _on(network, {"AwsSolutions-VPC7": off, f"{_NIST}VPCFlowLogsEnabled": off})
    if environment.network.egress == "zonal_nat":
        _on(
            network,
            {f"{_NIST}VPCNoUnrestrictedRouteToIGW": "the route of the NAT gateway's subnet, in which nothing else is"},
        )


def _acknowledge_secondary_network(network: NetworkStack, environment: Environment) -> None:
    arn = f"arn:aws:ec2:{environment.region}:{environment.account}"
    called = "CloudFormation alone calls it, once for each subnet and launch template that changes (decision 40)"
    _on(
        network,
        {
            "AwsSolutions-IAM5[Resource::*]": (
                "descriptions know no resources, and no page says which resources the actions on secondary subnets know"
            ),
            f"AwsSolutions-IAM5[Resource::{arn}:*/*]": "tags at the creation of a secondary subnet, see the condition",
            f"AwsSolutions-IAM5[Resource::{arn}:launch-template/*]": "those of pools on RoCE, see the condition",
            f"{_NIST}LambdaConcurrency": called,
            f"{_NIST}LambdaDLQ": f"{called}; a failed call fails the deployment",
            f"{_NIST}LambdaInsideVPC": "it calls EC2's API and nothing in a VPC",
            f"{_NIST}CloudWatchLogGroupEncrypted": "CloudWatch Logs encrypts with its own key; the log has ids alone",
        },
    )


def _acknowledge_cluster(cluster: ClusterStack, environment: Environment) -> None:
    _on(
        cluster,
        {
            **_managed("AmazonEKSClusterPolicy", "what EKS requires of a cluster role, kept current by AWS"),
            **_managed("AmazonEKSWorkerNodeMinimalPolicy", "AWS's smallest policy for nodes"),
            **_managed("AmazonEC2ContainerRegistryPullOnly", "AWS's smallest policy for pulling images"),
            f"{_NIST}CloudWatchLogGroupEncrypted": (
                "CloudWatch Logs encrypts with its own key; a key that is disabled would stop the audit log when it is "
                "needed (decision 5, keys)"
            ),
        },
    )
    if environment.cluster.ssm_sessions:
        _on(cluster, _managed("AmazonSSMManagedInstanceCore", "sessions without SSH, as the environment asks"))
    for role in (cluster.node_role, cluster.self_managed.role if cluster.self_managed is not None else None):
        if role is not None:
            described = "ec2:DescribeInstances and ec2:DescribeInstanceTypes know no resources"
            _on(role, {"AwsSolutions-IAM5[Resource::*]": described})


def _acknowledge_system(system: SystemStack) -> None:
    in_step = "kept in step with the add-on by AWS; one service account can take the role"
    for addon, role in system.addons.roles.items():
        if addon in _ADDON_POLICIES:
            _on(role, _managed(_ADDON_POLICIES[addon], in_step, partition="aws"))
        if addon == AddonName.FSX_CSI_DRIVER:
            _on(role, {"AwsSolutions-IAM5[Resource::*]": "describing file systems knows no resources"})
    if system.host_logs is not None:
        content = "CloudWatch Logs encrypts with its own key; kernel and system messages of nodes, kept for a month"
        _on(system.host_logs, {f"{_NIST}CloudWatchLogGroupEncrypted": content})
    if system.pod_logs is not None:
        content = "CloudWatch Logs encrypts with its own key; logs of pods, kept for a month"
        _on(system.pod_logs, {f"{_NIST}CloudWatchLogGroupEncrypted": content})


def _acknowledge_schedule(capacity: CapacityStack, environment: Environment) -> None:
    region, account, name = environment.region, environment.account, environment.cluster_name
    kms = "the wildcard covers the variants of one KMS action, on one key"
    _on(
        capacity.block_schedule,
        {
            "AwsSolutions-SQS3": "it is the dead-letter queue",
            "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": kms,
            "AwsSolutions-IAM5[Action::kms:ReEncrypt*]": kms,
            f"AwsSolutions-IAM5[Resource::arn:aws:eks:{region}:{account}:nodegroup/{name}/*]": (
                "the node groups of one cluster, whose ids EKS makes up"
            ),
            f"AwsSolutions-IAM5[Resource::arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:"
            f"autoScalingGroupName/{name}-*]": "groups whose ids AWS makes up, with the tag of one cluster",
            "AwsSolutions-IAM5[Resource::*]": (
                "describing groups, reservations and blocks, figures (of one namespace) and delivering logs know no "
                "resources"
            ),
        },
    )


def _acknowledge_kubectl_provider(kubernetes: KubernetesStack) -> None:
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
            f"{_NIST}LambdaConcurrency": (
                "CDK's kubectl provider takes none; CloudFormation alone calls it, once for each object that changes"
            ),
            f"{_NIST}LambdaDLQ": "CDK's kubectl provider takes none; a failed call fails the deployment",
        },
    )


def _acknowledge_load_balancer_controller(kubernetes: KubernetesStack, environment: Environment) -> None:
    elb = f"arn:aws:elasticloadbalancing:{environment.region}:{environment.account}"
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


def _acknowledge_team(team: TeamStack) -> None:
    access = "who reads checkpoints is in CloudTrail where the account records data events"
    _on(
        team,
        {
            "AwsSolutions-S1": access,
            f"{_NIST}S3BucketLoggingEnabled": access,
            f"{_NIST}S3BucketReplicationEnabled": (
                "checkpoints are copies of a run's state, kept for 30 days once overwritten; a second region stores "
                "each again"
            ),
            f"{_NIST}S3DefaultEncryptionKMS": (
                "S3 encrypts with its own key; no other account reads them (decision 5, keys)"
            ),
            "AwsSolutions-IAM5[Resource::<TeamCheckpoints8C47C88A.Arn>/*]": "the objects of the team's bucket",
            **{
                f"AwsSolutions-IAM5[Resource::arn:aws:s3:::{bucket}/*]": "the objects of a bucket it may read"
                for bucket in sorted({*team.settings.data_buckets})
            },
        },
    )


def _acknowledge_model(model: ModelStack) -> None:
    weights = model.settings.weights.removeprefix("s3://")
    rotation = "clients hold their keys: a rotation is a change of theirs"
    _on(
        model,
        {
            "AwsSolutions-SMG4": rotation,
            f"{_NIST}SecretsManagerRotationEnabled": rotation,
            f"{_NIST}SecretsManagerUsingKMSKey": (
                "one role of the same account reads it; a key of the account adds no protection (decision 5, keys)"
            ),
            f"AwsSolutions-IAM5[Resource::arn:aws:s3:::{weights}/*]": "the files of one model",
        },
    )


def _managed(policy: str, reason: str, *, partition: str = "<AWS::Partition>") -> dict[str, str]:
    """One AWS managed policy. CDK's roles write the pseudo parameter, plain resources the partition itself."""
    return {_MANAGED.format(partition=partition, name=policy): reason}


def _on(scope: IConstruct, reasons: dict[str, str]) -> None:
    cdk.Validations.of(scope).acknowledge(
        *(cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in reasons.items())
    )
