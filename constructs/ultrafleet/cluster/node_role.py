"""The role of the fleet's nodes."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct


def create_node_role(
    scope: Construct,
    id: str,
    *,
    role_name: str | None = None,
    cni_permissions: bool = False,
    ssm_sessions: bool = False,
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
) -> iam.Role:
    """An instance role with what a node itself needs; pods get theirs by Pod Identity.

    One role serves the system pool and all pools of accelerators. It is create-only in a node group, so it never
    changes its name or logical id, and outlives its stack by default. EKS makes its access entry when the first managed
    node group uses it.

    - `AmazonEKSWorkerNodeMinimalPolicy`: `eks-auth:AssumeRoleForPodIdentity`, for the Pod Identity agent.
    - `AmazonEC2ContainerRegistryPullOnly`: images.
    - `ec2:DescribeInstances`: nodeadm of AL2023 asks for the instance before the node can join and doesn't join without
      (amazon-eks-ami #2436 and #2632, high); the minimal policy does not have it.
    - `ec2:DescribeInstanceTypes`: nodeadm's own table has no p6e, trn2u or trn3, and falls back to 110 pods without
      (high).

    Args:
        scope: parent.
        id: construct id.
        role_name: physical name, for stacks that name the role without a reference. Default: CloudFormation's.
        cni_permissions: also attach `AmazonEKS_CNI_Policy`, for clusters whose VPC CNI has no role of its own; every
            pod that reaches the instance metadata then has it too. Default: not attached.
        ssm_sessions: also attach `AmazonSSMManagedInstanceCore`, for shells without SSH. Default: not attached.
        removal_policy: of the role. Default: it outlives the stack.

    Returns:
        The role.
    """
    policies = ["AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"]
    if cni_permissions:
        policies.append("AmazonEKS_CNI_Policy")
    if ssm_sessions:
        policies.append("AmazonSSMManagedInstanceCore")
    role = iam.Role(
        scope,
        id,
        role_name=role_name,
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in policies],
        inline_policies={
            "nodeadm": iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        actions=["ec2:DescribeInstances", "ec2:DescribeInstanceTypes"],
                        resources=["*"],  # neither action knows resources (service authorization reference, high)
                    )
                ]
            )
        },
    )
    role.apply_removal_policy(removal_policy)
    return role
