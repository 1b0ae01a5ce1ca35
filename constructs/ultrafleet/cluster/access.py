"""Access to the Kubernetes API: EKS access entries as plain values, and as resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from ultrafleet.errors import FleetError


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """Access of one IAM principal to the cluster: an `AWS::EKS::AccessEntry`.

    Node roles need none: EKS creates the entry of a managed node group's role (EKS user guide, high).

    Args:
        principal_arn: ARN of an IAM role or user.
        policies: EKS access policies by name, such as "AmazonEKSViewPolicy".
        namespaces: namespaces that the policies are limited to. Default: the whole cluster.
        kubernetes_groups: groups for the cluster's own RBAC. Default: none.

    Raises:
        FleetError: neither a policy nor a group, or namespaces without a policy.
    """

    principal_arn: str
    policies: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    kubernetes_groups: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.policies and not self.kubernetes_groups:
            raise FleetError(
                path=f"access of {self.principal_arn}",
                verb="has",
                got="no policies and no kubernetes_groups",
                expected="one of them",
                remedy="an entry without either grants nothing",
            )
        if self.namespaces and not self.policies:
            raise FleetError(
                path=f"access of {self.principal_arn}",
                verb="has",
                got=f"namespaces {list(self.namespaces)} and no policies",
                expected="policies to limit",
                remedy="add a policy, or leave the namespaces out",
            )


CLUSTER_ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
"""EKS access policy for administrators (EKS user guide, access policies, high)."""


def access_entries(admin_role_arns: Sequence[str], access: Mapping[str, ClusterAccess]) -> dict[str, ClusterAccess]:
    """All entries of a cluster by construct id.

    Args:
        admin_role_arns: roles that administer the cluster; plain values.
        access: other principals, by the caller's name.

    Raises:
        FleetError: a principal is named twice: EKS takes it once.
    """
    entries = {
        f"Admin {arn.replace('/', ':')}": ClusterAccess(principal_arn=arn, policies=[CLUSTER_ADMIN_POLICY])
        for arn in admin_role_arns
    }
    entries |= {f"Access {name}": entry for name, entry in access.items()}
    principals = [*admin_role_arns, *(entry.principal_arn for entry in access.values())]
    repeated = sorted({principal for principal in principals if principals.count(principal) > 1})
    if repeated:
        raise FleetError(
            path=f"the principal {repeated[0]}",
            got=f"named {principals.count(repeated[0])} times in admin_role_arns and access",
            expected="once",
            remedy="EKS has one access entry for a principal, join them",
        )
    return entries


def add_access_entry(
    scope: Construct,
    id: str,
    entry: ClusterAccess,
    *,
    cluster_name: str,
) -> eks.CfnAccessEntry:
    """Make an `AWS::EKS::AccessEntry`."""
    limits: dict[str, Any] = {"type": "namespace", "namespaces": list(entry.namespaces)}
    partition = cdk.Stack.of(scope).partition
    return eks.CfnAccessEntry(
        scope,
        id,
        cluster_name=cluster_name,
        principal_arn=entry.principal_arn,
        access_policies=[
            {
                "policyArn": f"arn:{partition}:eks::aws:cluster-access-policy/{policy}",
                "accessScope": limits if entry.namespaces else {"type": "cluster"},
            }
            for policy in entry.policies
        ]
        or None,
        kubernetes_groups=list(entry.kubernetes_groups) or None,
    )
