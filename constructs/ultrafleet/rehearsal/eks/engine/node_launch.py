"""Launch of a node of a managed node group, and the health issue that a refusal becomes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.engine.launch import launch
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchRequest
from ultrafleet.rehearsal.ec2.state.instances import Instance
from ultrafleet.rehearsal.eks.rules.node_group_facts import ARCHITECTURES, NodeGroupFacts, ami_type_of, template_data
from ultrafleet.rehearsal.eks.rules.node_group_templates import never_joins
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

NEVER_JOINS: Final = "node-never-joins"
"""Fault under which no new node joins its cluster."""
_ISSUES: Final = {
    "InsufficientFreeAddressesInSubnet": "InsufficientFreeAddresses",
    "VcpuLimitExceeded": "InstanceLimitExceeded",
    "InstanceLimitExceeded": "InstanceLimitExceeded",
    "InvalidLaunchTemplateId.NotFound": "Ec2LaunchTemplateNotFound",
    "InvalidSubnetID.NotFound": "Ec2SubnetNotFound",
    "InvalidGroup.NotFound": "Ec2SecurityGroupNotFound",
    "UnauthorizedOperation": "AccessDenied",
}
"""EC2's error -> EKS's issue; others are AsgInstanceLaunchFailures (EKS API, Issue, high; which is which, medium)."""


class NodeLaunches:
    """Launches of nodes in an account and a region."""

    def __init__(self, eks: Eks) -> None:
        self._eks = eks
        self._call = Calls(account_id=eks.account_id, region=eks.region)
        self._templates: dict[str, tuple[dict[str, Any], str]] = {}
        self._templates_read_at = -1

    def launch(self, cluster: ClusterRecord, group: NodeGroupRecord, beside: Iterable[Instance]) -> str:
        """Launch a node.

        Args:
            cluster: the cluster.
            group: the node group.
            beside: the group's instances, among which it is spread over the subnets.

        Returns:
            Its id.

        Raises:
            Refusal: EC2 refuses the launch, or the template is gone.
        """
        described, configuration = group.described, group.configuration
        template, problem = self._template(configuration.launch_template)
        if problem:
            raise Refusal("InvalidLaunchTemplateId.NotFound", problem)
        facts = NodeGroupFacts(eks=self._eks, cluster=cluster, params=described, template=template)
        if not template.get("NetworkInterfaces") and not template.get("SecurityGroupIds"):
            # Without groups of its own, a node gets the cluster's (EKS user guide, launch templates, high).
            template = {
                **template,
                "SecurityGroupIds": [cluster.described["resourcesVpcConfig"]["clusterSecurityGroupId"]],
            }
        types = (
            [template["InstanceType"]]
            if "InstanceType" in template
            else described.get("instanceTypes") or ["t3.medium"]
        )
        architecture = ARCHITECTURES.get(ami_type_of(described, template), "x86_64")
        request = LaunchRequest(
            account_id=self._eks.account_id,
            region=self._eks.region,
            template=template,
            instance_type=types[0],  # where EKS could choose, the first
            subnet_id=_subnet(described["subnets"], beside),
            ami_architecture=cast("Literal['arm64', 'x86_64']", architecture),
            tags={**identity(cluster, group), f"kubernetes.io/cluster/{cluster.described['name']}": "owned"},
        )
        instance_id = str(launch(request))
        group.made_from[instance_id] = configuration
        reason = never_joins(facts)
        if reason is None and NEVER_JOINS in SIMULATED_ACCOUNT.readings:
            reason = "a fault of the rehearsal"
        if reason is not None:
            group.not_joined[instance_id] = reason
        return instance_id

    def _template(self, named: Mapping[str, Any] | None) -> tuple[dict[str, Any], str]:
        """Launch template of a group: read again after a call that may have changed it, and while a fault is injected.

        A group that waits for its block is tried every few minutes; each try would read the same version.
        """
        if self._templates_read_at != SIMULATED_ACCOUNT.changes or SIMULATED_ACCOUNT.checks:
            self._templates.clear()
            self._templates_read_at = SIMULATED_ACCOUNT.changes
        key = repr(named)
        if key not in self._templates:
            self._templates[key] = template_data(self._call, named)
        return self._templates[key]


def identity(cluster: ClusterRecord, group: NodeGroupRecord) -> dict[str, str]:
    """Tags by which the nodes of a group are known."""
    return {"eks:cluster-name": cluster.described["name"], "eks:nodegroup-name": group.name}


def launch_issue(refusal: Refusal, group: NodeGroupRecord) -> dict[str, Any]:
    """Health issue for a refused launch."""
    kind = "Capacity Block" if group.is_on_blocks else "On-Demand"
    message = f"Could not launch {kind} Instances. {refusal.code} - {refusal.message} Launching EC2 instance failed."
    return {
        "code": _ISSUES.get(refusal.code, "AsgInstanceLaunchFailures"),
        "message": message,
        "resourceIds": [group.auto_scaling_group],
    }


def join_issue(group: NodeGroupRecord) -> dict[str, Any] | None:
    """Health issue for nodes that don't join; None where all do.

    EKS's message is the first sentence (EKS user guide, troubleshooting, high); the reason is added here.
    """
    if not group.not_joined:
        return None
    reasons = "; ".join(sorted(set(group.not_joined.values())))
    return {
        "code": "NodeCreationFailure",
        "message": f"Instances failed to join the kubernetes cluster ({reasons})",
        "resourceIds": sorted(group.not_joined),
    }


def _subnet(subnets: Sequence[str], beside: Iterable[Instance]) -> str:
    """Subnet with the fewest of the group's nodes."""
    used = Counter(instance.subnet_id for instance in beside)
    return min(subnets, key=lambda subnet: used[subnet])
