"""The cluster's managed add-ons, in an order that works."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.catalog.eks import AddonName
from ultrafleet.cluster.system_pool import SystemPool
from ultrafleet.cluster_reference import ClusterReference, ImportedCluster
from ultrafleet.errors import FleetError
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.managed_addons import ManagedAddon, select


class ClusterAddons(Construct):
    """EKS managed add-ons with their Pod Identity associations.

    Always: eks-pod-identity-agent, vpc-cni, kube-proxy, coredns, eks-node-monitoring-agent. Others by name. On a
    cluster that has add-ons already: those by name alone.

    Order: the Pod Identity agent, then vpc-cni; they and kube-proxy before the system pool; CoreDNS and the rest after
    it, because they need nodes to become healthy. Pools of accelerators belong after this construct too, which stacks
    that depend on this one are by themselves.

    Each add-on that calls AWS has a role of its own that only its service account in this cluster can take.

    Args:
        scope: parent.
        id: construct id.
        cluster: the cluster.
        system_pool: the pool that CoreDNS and the controllers run on, in the same stack; it is made to wait for the
            network add-ons. Default: the cluster has nodes already.
        addons: names of add-ons to install, or `ManagedAddon` to pin a version, add configuration or bring roles; for
            the five that are always there too. Default: the five alone.
        kubernetes_version: the cluster's, "major.minor": add-ons that state no version get the one that the catalog has
            for it. EKS checks configuration against the version that the template states, and against its own default
            of the day where it states none. Default: EKS chooses.
        existing_cluster: the cluster has add-ons already: only the named ones are installed, and EKS refuses one whose
            objects are in the cluster instead of overwriting them. Default: False.

    Raises:
        FleetError: an unknown add-on, one named twice, a version that is misspelt or too old, a Kubernetes version that
            P6e nodes don't join, a system pool in another stack.
    """

    addons: Mapping[str, eks.CfnAddon]
    """The add-ons by name."""
    roles: Mapping[str, iam.CfnRole]
    """Roles of the add-ons, by add-on."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        system_pool: SystemPool | None = None,
        addons: Sequence[str | ManagedAddon] = (),
        kubernetes_version: str | None = None,
        existing_cluster: bool = False,
    ) -> None:
        super().__init__(scope, id)
        if kubernetes_version is not None and not cdk.Token.is_unresolved(kubernetes_version):
            parse_kubernetes_version(kubernetes_version)
        selected = select(addons, always=not existing_cluster)
        if system_pool is not None and cdk.Stack.of(system_pool) != cdk.Stack.of(self):
            raise FleetError(
                path="system_pool",
                got=f"in stack {cdk.Stack.of(system_pool).stack_name}",
                expected=cdk.Stack.of(self).stack_name,
                remedy="some add-ons come before it and some after, so they share a stack",
            )
        self._cluster = cluster
        self._kubernetes_version = kubernetes_version
        # The template's values win over edits in the cluster, but not over what was there before it.
        self._conflicts = "NONE" if existing_cluster else "OVERWRITE"
        roles: dict[str, iam.CfnRole] = {}
        installed: dict[str, eks.CfnAddon] = {}
        for addon in selected:
            installed[addon.name] = self._install(addon, roles)
        self.addons = installed
        self.roles = roles
        self._order(selected, system_pool)

    def _install(self, addon: ManagedAddon, roles: dict[str, iam.CfnRole]) -> eks.CfnAddon:
        """Install one add-on and create its role."""
        associations = dict(addon.service_account_role_arns or {})
        account = addon.facts.service_account
        if account is not None and not associations:
            roles[addon.name] = self._role(addon, account)
            associations[account] = roles[addon.name].attr_arn
        return eks.CfnAddon(
            self,
            addon.name,
            cluster_name=self._cluster.cluster_name,
            addon_name=addon.name,
            addon_version=addon.version_for(self._kubernetes_version).value,
            configuration_values=addon.configuration_values,
            pod_identity_associations=[
                {"serviceAccount": name, "roleArn": arn} for name, arn in sorted(associations.items())
            ]
            or None,
            resolve_conflicts=self._conflicts,
            # Taking a network add-on out of a template must not take the network from running nodes.
            preserve_on_delete=addon.facts.before_nodes or None,
        )

    def _role(self, addon: ManagedAddon, service_account: str) -> iam.CfnRole:
        """A role that only this service account of this cluster can take, with the least that the add-on needs."""
        stack = cdk.Stack.of(self)
        facts = addon.facts
        return iam.CfnRole(
            self,
            f"{addon.name} role",
            description=f"EKS add-on {addon.name}",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "pods.eks.amazonaws.com"},
                        "Action": ["sts:AssumeRole", "sts:TagSession"],
                        # Session tags that Pod Identity always sends (EKS user guide, high).
                        "Condition": {
                            "StringEquals": {
                                "aws:RequestTag/eks-cluster-arn": _cluster_arn(self, self._cluster),
                                "aws:RequestTag/kubernetes-namespace": facts.namespace,
                                "aws:RequestTag/kubernetes-service-account": service_account,
                            }
                        },
                    }
                ],
            },
            managed_policy_arns=[f"arn:{stack.partition}:iam::aws:policy/{name}" for name in facts.managed_policies]
            or None,
            policies=[
                {
                    "policyName": addon.name,
                    "policyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [_statement(statement, stack) for statement in facts.statements],
                    },
                }
            ]
            if facts.statements
            else None,
        )

    def _order(self, selected: Sequence[ManagedAddon], system_pool: SystemPool | None) -> None:
        """Network add-ons, then the system pool, then the rest."""
        first = [self.addons[addon.name] for addon in selected if addon.facts.before_nodes]
        # A node's CNI gets its credentials from the node's agent: the association alone would leave it without.
        if {AddonName.VPC_CNI, AddonName.POD_IDENTITY_AGENT} <= set(self.addons):
            self.addons[AddonName.VPC_CNI].add_resource_dependency(self.addons[AddonName.POD_IDENTITY_AGENT])
        if system_pool is not None:
            for addon in first:
                system_pool.nodegroup.add_resource_dependency(addon)
        before_rest: Sequence[cdk.CfnResource] = first if system_pool is None else [system_pool.nodegroup]
        for entry in selected:
            if not entry.facts.before_nodes:
                for resource in before_rest:
                    self.addons[entry.name].add_resource_dependency(resource)


def _cluster_arn(scope: Construct, cluster: ClusterReference) -> str:
    """ARN of the cluster; of an imported one in the stack's region and account."""
    if isinstance(cluster, ImportedCluster):
        return cdk.Stack.of(scope).format_arn(service="eks", resource="cluster", resource_name=cluster.cluster_name)
    return cast("eks.ICluster", cluster).cluster_arn


def _statement(statement: Mapping[str, Any], stack: cdk.Stack) -> dict[str, Any]:
    """A policy statement of the catalog, with this stack's partition, region and account."""
    return {
        "Effect": "Allow",
        "Action": statement["actions"],
        "Resource": [
            resource
            if resource == "*"
            else f"arn:{stack.partition}:{resource.format(region=stack.region, account=stack.account)}"
            for resource in statement["resources"]
        ],
        **({"Condition": statement["conditions"]} if "conditions" in statement else {}),
    }
