"""The Lambda function that runs kubectl and Helm against a cluster, and its right to do so."""

import importlib
from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ultrafleet.catalog.eks import KUBERNETES_VERSIONS
from ultrafleet.cluster.access import CLUSTER_ADMIN_POLICY, ClusterAccess, add_access_entry
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.delivery.kubectl import KubectlDelivery
from ultrafleet.errors import FleetError


def kubectl_layer(scope: Construct, id: str, *, kubernetes_version: str) -> lambda_.ILayerVersion:
    """The layer with kubectl and Helm of a Kubernetes version, from its package on PyPI.

    Args:
        scope: parent.
        id: construct id.
        kubernetes_version: "major.minor" of the cluster: kubectl may be one minor version away and no more.

    Raises:
        FleetError: the layer's package isn't installed, or the catalog doesn't know the version.
    """
    minor = kubernetes_version.rpartition(".")[2]
    module = f"aws_cdk.lambda_layer_kubectl_v{minor}"
    try:
        layers: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        known = [version.name for version in KUBERNETES_VERSIONS]
        if kubernetes_version not in known:
            raise FleetError(
                path="kubernetes_version",
                got=kubernetes_version,
                expected=f"one that the catalog knows ({', '.join(known)})",
                remedy="use one of them",
            ) from error
        raise FleetError(
            path="kubernetes_version",
            got=kubernetes_version,
            expected="one whose kubectl layer is installed",
            remedy=f"run `pip install 'ultrafleet[kubectl]'` or `pip install aws-cdk.lambda-layer-kubectl-v{minor}`",
        ) from error
    layer: lambda_.ILayerVersion = getattr(layers, f"KubectlV{minor}Layer")(scope, id)
    return layer


class KubectlAccess(Construct):
    """CDK's kubectl provider for a cluster with a private endpoint, with an access entry of its own.

    The function runs in the given subnets with the given security groups and administers the cluster: it installs
    CustomResourceDefinitions and roles, which takes all rights.

    Args:
        scope: parent.
        id: construct id.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name.
        kubernetes_version: "major.minor" of the cluster, for the layer.
        vpc: VPC of the cluster.
        subnets: subnets of the function, with a way to the chart repositories.
        security_groups: groups that may reach the private endpoint: the cluster's own.

    Raises:
        FleetError: no layer for the version is installed.
    """

    delivery: KubectlDelivery
    """Delivery in the same stack."""
    service_token: str
    """ARN of the provider's function, for deliveries in other stacks (a token)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        kubernetes_version: str,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        security_groups: Sequence[ec2.ISecurityGroup],
    ) -> None:
        super().__init__(scope, id)
        plain = eks.Cluster.from_cluster_attributes(self, "Cluster", cluster_name=cluster.cluster_name, vpc=vpc)
        provider = eks.KubectlProvider(
            self,
            "Provider",
            cluster=plain,
            kubectl_layer=kubectl_layer(self, "Layer", kubernetes_version=kubernetes_version),
            private_subnets=list(subnets),
            security_groups=list(security_groups),
        )
        role = provider.role
        if role is None:
            raise FleetError(
                path="the kubectl provider",
                verb="has",
                got="no role",
                expected="one that CDK makes",
                remedy="update aws-cdk-lib",
            )
        self._entry = add_access_entry(
            self,
            "Administrator",
            ClusterAccess(principal_arn=role.role_arn, policies=[CLUSTER_ADMIN_POLICY]),
            cluster_name=cluster.cluster_name,
        )
        self.service_token = provider.service_token
        reached = eks.Cluster.from_cluster_attributes(
            self, "ClusterWithKubectl", cluster_name=cluster.cluster_name, vpc=vpc, kubectl_provider=provider
        )
        self.delivery = KubectlDelivery(cluster=reached, after=self._entry)

    @staticmethod
    def from_service_token(
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        service_token: str,
    ) -> KubectlDelivery:
        """Delivery by a provider in another stack.

        Args:
            scope: parent.
            id: construct id.
            cluster: as of `KubectlAccess`.
            service_token: ARN of the provider's function; a plain value or a token.
        """
        provider = eks.KubectlProvider.from_kubectl_provider_attributes(
            scope, f"{id}Provider", service_token=service_token
        )
        reached = eks.Cluster.from_cluster_attributes(
            scope, id, cluster_name=cluster.cluster_name, kubectl_provider=provider
        )
        return KubectlDelivery(cluster=reached)
