"""Who may use the Kubernetes API: access entries as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

from ultrafleet.errors import FleetError


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """What one IAM principal may do in the cluster: an `AWS::EKS::AccessEntry`.

    Node roles need none: EKS makes the entry of a managed node group's role by itself (EKS user guide, high).

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
                f"access of {self.principal_arn} has no policies and no kubernetes_groups, expected one of them: "
                "an entry without either grants nothing"
            )
        if self.namespaces and not self.policies:
            raise FleetError(
                f"access of {self.principal_arn} has namespaces {list(self.namespaces)} and no policies, expected "
                "policies to limit: add a policy, or leave the namespaces out"
            )


CLUSTER_ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
"""EKS access policy for administrators (EKS user guide, access policies, high)."""
