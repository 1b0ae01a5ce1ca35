"""Self-managed nodes: nodes of an Auto Scaling group, which join a cluster without a managed node group of EKS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ultrafleet.catalog.eks import AmiType, ami_image_parameter

NodeManagement = Literal["managed", "self-managed"]
"""Owner of the nodes: a managed node group of EKS, or an Auto Scaling group of one's own."""

MANAGEMENT_LABEL: Final = "ultrafleet/management"
"""Label of nodes that EKS doesn't manage; the drain of leaving nodes selects them by it."""
SELF_MANAGED: Final = "self-managed"
"""Its value."""
OWN_NODE_GROUP_LABEL: Final = "ultrafleet/node-group"
"""Label of nodes that EKS doesn't manage: their node group, since EKS sets its own label on managed nodes alone."""
CLUSTER_TAG: Final = "ultrafleet:cluster"
"""Tag of an Auto Scaling group: the cluster that its nodes join, by which the cluster's schedule finds it."""


def owned_tag(cluster_name: str) -> str:
    """Key of the tag that the instances of a cluster's self-managed nodes have, with the value `owned`.

    Source: EKS user guide, self-managed nodes (high).

    Args:
        cluster_name: name of the cluster; may be a token.
    """
    return f"kubernetes.io/cluster/{cluster_name}"


@dataclass(frozen=True, kw_only=True)
class SelfManagedNodes:
    """Facts by which self-managed nodes join a cluster; `SelfManagedNodeAccess` makes them.

    Attributes:
        instance_profile_arn: instance profile with the role of the nodes, which has an access entry of type EC2_LINUX.
        api_server_endpoint: address of the cluster's API server; plain or a token, as the two that follow.
        certificate_authority: its certificate, base64.
        service_cidr: its service CIDR, IPv4.
        kubernetes_version: version of the cluster, `major.minor`, for which EKS publishes the nodes' image.
    """

    instance_profile_arn: str
    api_server_endpoint: str
    certificate_authority: str
    service_cidr: str
    kubernetes_version: str

    def cluster_details(self, cluster_name: str) -> Mapping[str, object]:
        """Cluster as nodeadm reads it.

        Args:
            cluster_name: name of the cluster.
        """
        return {
            "name": cluster_name,
            "apiServerEndpoint": self.api_server_endpoint,
            "certificateAuthority": self.certificate_authority,
            "cidr": self.service_cidr,
        }

    def image_reference(self, ami_type: str) -> str:
        """Dynamic reference to the newest image of EKS when the launch template version is made.

        It is resolved by CloudFormation and not by EC2 at each launch: a node that is replaced has the image, and so
        the driver, of its neighbours.

        Args:
            ami_type: EKS AMI type of the nodes.
        """
        return f"{{{{resolve:ssm:{ami_image_parameter(AmiType(ami_type), self.kubernetes_version)}}}}}"


def node_label_flag(labels: Mapping[str, str]) -> str:
    """Flag of the kubelet that registers a node with labels.

    Args:
        labels: the labels, none of a prefix that the kubelet refuses.
    """
    return "--node-labels=" + ",".join(f"{key}={value}" for key, value in labels.items())


def node_taint_flag(taints: Sequence[Mapping[str, str]]) -> str:
    """Flag of the kubelet that registers a node with taints.

    Args:
        taints: key, value and effect in the words of Kubernetes.
    """
    listed = (f"{taint['key']}={taint['value']}:{taint['effect']}" for taint in taints)
    return "--register-with-taints=" + ",".join(listed)
