"""EKS's clock: nodes of managed node groups are launched, drained, replaced and repaired."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.engine.launch import launch
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchRequest
from ultrafleet.rehearsal.ec2.state.instances import Instance, running, terminate
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.rules.node_groups import ARCHITECTURES, template_data
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

EVICTION: Final = CapacityBlockRules.EKS_EVICTION
"""Time for which EKS evicts a node before it is terminated; here always the whole of it."""
OWN_SCALE_DOWN: Final = CapacityBlockRules.EKS_SCALE_DOWN
"""Time before a block's end at which EKS scales a group down to 0."""
_RETRY: Final = timedelta(minutes=5)
"""Interval at which EC2 Auto Scaling retries a failed launch; not documented (low)."""
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


class Nodes:
    """Nodes of an account and a region as time passes."""

    def __init__(self, account_id: str, region: str) -> None:
        self._eks = SIMULATED_ACCOUNT.part(Eks, account_id, region)
        self._reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
        self._call = Calls(account_id=account_id, region=region)
        self._templates: dict[str, tuple[dict[str, Any], str]] = {}
        self._templates_read_at = -1
        SIMULATED_ACCOUNT.register(self)

    # Time

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which a node is gone, a launch is tried again, or EKS scales a group down."""
        groups = self._eks.node_groups()
        moments = [gone for group in groups for gone, _ in group.draining]
        moments += [group.next_try for group in groups if group.next_try is not None]
        if any(group.is_on_blocks and group.desired for group in groups):
            ends = [r.end for r in self._reservations.by_id.values() if r.end is not None and r.is_block]
            moments += [end - OWN_SCALE_DOWN for end in ends]
        return min((moment for moment in moments if moment > after), default=None)

    def act(self, now: datetime) -> None:
        """Terminate drained nodes, scale down before blocks end, launch missing nodes."""
        for cluster in list(self._eks.clusters.values()):
            for group in list(cluster.node_groups.values()):
                self._drain(group, now)
                if group.wants_deletion:
                    self._forget(cluster, group)
                    continue
                self._scale_down_by_itself(cluster, group, now)
                self.fill(cluster, group)

    def _drain(self, group: NodeGroupRecord, now: datetime) -> None:
        gone = [instance for moment, instance in group.draining if moment <= now]
        terminate(self._eks.account_id, self._eks.region, gone, reason="EKS: the node group was made smaller")
        group.draining = [(moment, instance) for moment, instance in group.draining if moment > now]
        if group.described["status"] == "UPDATING" and not group.draining:
            group.described["status"] = "ACTIVE"

    def _forget(self, cluster: ClusterRecord, group: NodeGroupRecord) -> None:
        if not group.draining:
            del cluster.node_groups[group.described["nodegroupName"]]

    def _scale_down_by_itself(self, cluster: ClusterRecord, group: NodeGroupRecord, now: datetime) -> None:
        if not group.is_on_blocks or not group.desired:
            return
        used = {instance.reservation_id for instance in self.of(cluster, group)}
        ends = [self._reservations.by_id[item].end for item in used if item in self._reservations.by_id]
        if any(end is not None and end - OWN_SCALE_DOWN <= now < end for end in ends):
            self.resize(cluster, group, {"desiredSize": 0})

    # Sizes

    def of(self, cluster: ClusterRecord, group: NodeGroupRecord) -> list[Instance]:
        """Instances of a group."""
        return running(self._eks.account_id, self._eks.region, _identity(cluster, group))

    def resize(self, cluster: ClusterRecord, group: NodeGroupRecord, scaling: dict[str, int]) -> None:
        """Set sizes: missing nodes are launched at once, surplus nodes are evicted and then terminated."""
        group.described["scalingConfig"] = {**group.described["scalingConfig"], **scaling}
        leaving = {instance for _, instance in group.draining}
        staying = sorted(
            (item for item in self.of(cluster, group) if item.id not in leaving),
            key=lambda item: (item.launched, item.id),
        )
        surplus = staying[group.desired :]
        if surplus:
            group.draining += [(SIMULATED_ACCOUNT.now + EVICTION, instance.id) for instance in surplus]
            group.described["status"] = "UPDATING"
        self.fill(cluster, group)

    def fill(self, cluster: ClusterRecord, group: NodeGroupRecord) -> None:
        """Launch missing nodes; a refusal becomes a health issue of the group."""
        if group.described["status"] in {"DELETING", "CREATE_FAILED"}:
            return
        leaving = {instance for _, instance in group.draining}
        missing = group.desired - len([item for item in self.of(cluster, group) if item.id not in leaving])
        if missing <= 0:
            group.next_try = None
            group.described["health"] = {"issues": []}
            if group.described["status"] == "DEGRADED":
                group.described["status"] = "ACTIVE"
            return
        if group.next_try is not None and SIMULATED_ACCOUNT.now < group.next_try:
            return
        try:
            for _ in range(missing):
                self._launch(cluster, group)
        except Refusal as refusal:
            group.next_try = SIMULATED_ACCOUNT.now + _RETRY
            group.described["health"] = {"issues": [_issue(refusal, cluster, group)]}
            if group.described["status"] == "ACTIVE":
                group.described["status"] = "DEGRADED"
            return
        self.fill(cluster, group)

    def _launch(self, cluster: ClusterRecord, group: NodeGroupRecord) -> str:
        described = group.described
        template, problem = self._template(described.get("launchTemplate"))
        if problem:
            raise Refusal("InvalidLaunchTemplateId.NotFound", problem)
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
        request = LaunchRequest(
            account_id=self._eks.account_id,
            region=self._eks.region,
            template=template,
            instance_type=types[0],  # where EKS could choose, the first
            subnet_id=self._subnet(cluster, group),
            ami_architecture=cast("Literal['arm64', 'x86_64']", ARCHITECTURES.get(described["amiType"], "x86_64")),
            tags={**_identity(cluster, group), f"kubernetes.io/cluster/{cluster.described['name']}": "owned"},
        )
        return str(launch(request))

    def _template(self, named: Mapping[str, Any] | None) -> tuple[dict[str, Any], str]:
        """Launch template of a group: read again after a call that may have changed it, and while a fault is injected.

        A pool that waits for its block is tried every minute; each try would read the same version.
        """
        if self._templates_read_at != SIMULATED_ACCOUNT.changes or SIMULATED_ACCOUNT.checks:
            self._templates.clear()
            self._templates_read_at = SIMULATED_ACCOUNT.changes
        key = repr(named)
        if key not in self._templates:
            self._templates[key] = template_data(self._call, named)
        return self._templates[key]

    def _subnet(self, cluster: ClusterRecord, group: NodeGroupRecord) -> str:
        """Subnet with the fewest of the group's nodes."""
        used = Counter(instance.subnet_id for instance in self.of(cluster, group))
        return str(min(group.described["subnets"], key=lambda subnet: used[subnet]))

    # Replacing

    def roll(self, cluster: ClusterRecord, group: NodeGroupRecord) -> None:
        """Replace every node, as an update of the group's version does."""
        for instance in self.of(cluster, group):
            group.rolled.append((SIMULATED_ACCOUNT.now, instance.id))
            terminate(self._eks.account_id, self._eks.region, [instance.id], reason="EKS: the node group was updated")
        group.draining = []
        self.fill(cluster, group)

    def fail_node(self, instance_id: str) -> None:
        """Let a node fail: with repair enabled EKS replaces it within the same reservation; without, it stays."""
        for cluster in self._eks.clusters.values():
            for group in cluster.node_groups.values():
                if instance_id not in {instance.id for instance in self.of(cluster, group)}:
                    continue
                if not (group.described.get("nodeRepairConfig") or {}).get("enabled"):
                    return
                group.repaired.append((SIMULATED_ACCOUNT.now, instance_id))
                terminate(self._eks.account_id, self._eks.region, [instance_id], reason="EKS: the node was repaired")
                self.fill(cluster, group)

    def delete(self, cluster: ClusterRecord, group: NodeGroupRecord) -> None:
        """Evict every node, and delete the group when the last is gone."""
        group.wants_deletion = True
        group.described["status"] = "DELETING"
        leaving = {instance for _, instance in group.draining}
        group.draining += [
            (SIMULATED_ACCOUNT.now + EVICTION, instance.id)
            for instance in self.of(cluster, group)
            if instance.id not in leaving
        ]
        self._forget(cluster, group)


def _identity(cluster: ClusterRecord, group: NodeGroupRecord) -> dict[str, str]:
    return {"eks:cluster-name": cluster.described["name"], "eks:nodegroup-name": group.described["nodegroupName"]}


def _issue(refusal: Refusal, cluster: ClusterRecord, group: NodeGroupRecord) -> dict[str, Any]:
    """Health issue for a refused launch."""
    kind = "Capacity Block" if group.is_on_blocks else "On-Demand"
    message = f"Could not launch {kind} Instances. {refusal.code} - {refusal.message} Launching EC2 instance failed."
    return {
        "code": _ISSUES.get(refusal.code, "AsgInstanceLaunchFailures"),
        "message": message,
        "resourceIds": [f"eks-{cluster.described['name']}-{group.described['nodegroupName']}"],
    }
