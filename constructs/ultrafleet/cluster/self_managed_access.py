"""Role, instance profile and access entry of self-managed nodes."""

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.cluster.node_role import create_node_role
from ultrafleet.cluster_reference import ClusterReference


class SelfManagedNodeAccess(Construct):
    """Role, instance profile and access entry of a cluster's self-managed nodes: once for each cluster.

    The role is another one than that of managed node groups: EKS makes the access entry of theirs, and deletes it with
    the last of them, and CloudFormation can't make an entry that is there.

    Args:
        scope: parent.
        id: construct id.
        cluster: cluster that the nodes join, of `aws_eks` or `aws_eks_v2`, own or imported.
        ssm_sessions: shells on nodes through Session Manager. Default: False.
        removal_policy: of the role. Default: it outlives its stack, as the nodes' role of managed node groups does.
    """

    role: iam.Role
    """Role of the nodes: `node_role` of their pools."""
    instance_profile_arn: str
    """Instance profile of the nodes (a token)."""
    access_entry: eks.CfnAccessEntry
    """Access entry of the role, of type EC2_LINUX: without it no node joins (EKS user guide, access entries, high)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        ssm_sessions: bool = False,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.role = create_node_role(self, "Role", ssm_sessions=ssm_sessions, removal_policy=removal_policy)
        profile = iam.CfnInstanceProfile(self, "InstanceProfile", roles=[self.role.role_name])
        profile.apply_removal_policy(removal_policy)
        self.instance_profile_arn = profile.attr_arn
        self.access_entry = eks.CfnAccessEntry(
            self, "AccessEntry", cluster_name=cluster.cluster_name, principal_arn=self.role.role_arn, type="EC2_LINUX"
        )
