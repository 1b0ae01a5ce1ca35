"""EKS state of an account and a region: clusters and node groups."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


@dataclass(frozen=True, kw_only=True)
class NodeConfiguration:
    """Configuration that nodes are launched with.

    Attributes:
        launch_template: template and version; None for EKS's own.
        version: Kubernetes version.
        release: release of EKS's image.
    """

    launch_template: dict[str, Any] | None
    version: str
    release: str


@dataclass(kw_only=True)
class Roll:
    """Update of a node group's version that is in progress.

    Attributes:
        to: what its nodes are replaced by.
        forced: terminate a node whose pods don't leave.
        waiting: instances that are still to be replaced, in order.
        leaving: instances that are evicted, with the moment at which they are gone.
        extra: replacements that are launched before those that leave are gone.
        stuck_since: moment since which no replacement could be launched; None while they can.
    """

    to: NodeConfiguration
    forced: bool
    waiting: list[str]
    leaving: list[tuple[datetime, str]] = field(default_factory=list)
    extra: int = 0
    stuck_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ScheduledScaleDown:
    """Scheduled action of an Auto Scaling group by which EKS empties it before its block ends.

    Attributes:
        reservation_id: reservation of the block.
        made_for: end of the block when EKS made the action.
    """

    reservation_id: str
    made_for: datetime


@dataclass(kw_only=True)
class NodeGroupRecord:
    """Managed node group.

    Attributes:
        described: what DescribeNodegroup answers.
        draining: instances that leave, with the moment at which they are gone.
        update: the update in progress, as DescribeUpdate answers it.
        roll: how far the update of the version in progress is.
        scale_down: EKS's own scale-down, until it has happened.
        taken_by_eks: instances that EKS's own scale-down took, with the moment.
        rolled: instances that an update of the version replaced, with the moment.
        repaired: instances that failed and were replaced, with the moment.
        made_from: configuration that each instance was launched with.
        not_joined: instances that don't join the cluster, with the reason.
        ill: instances that are ill and run, with the moment at which EKS replaces them; None: never.
        lost: those of them whose kubelet says nothing.
        held_up: the update in progress makes no progress.
        wants_deletion: it is deleted when its last node is gone.
        next_try: when a failed launch is tried again.
    """

    described: dict[str, Any]
    draining: list[tuple[datetime, str]] = field(default_factory=list)
    update: dict[str, Any] | None = None
    roll: Roll | None = None
    scale_down: ScheduledScaleDown | None = None
    taken_by_eks: list[tuple[datetime, str]] = field(default_factory=list)
    rolled: list[tuple[datetime, str]] = field(default_factory=list)
    repaired: list[tuple[datetime, str]] = field(default_factory=list)
    made_from: dict[str, NodeConfiguration] = field(default_factory=dict)
    not_joined: dict[str, str] = field(default_factory=dict)
    ill: dict[str, datetime | None] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    held_up: bool = False
    wants_deletion: bool = False
    next_try: datetime | None = None

    @property
    def name(self) -> str:
        """Name of the node group."""
        return str(self.described["nodegroupName"])

    @property
    def auto_scaling_group(self) -> str:
        """Name of its Auto Scaling group."""
        return str(self.described["resources"]["autoScalingGroups"][0]["name"])

    @property
    def configuration(self) -> NodeConfiguration:
        """Configuration of new nodes."""
        if self.roll is not None:
            return self.roll.to
        described = self.described
        return NodeConfiguration(
            launch_template=described.get("launchTemplate"),
            version=described["version"],
            release=described["releaseVersion"],
        )

    @property
    def max_unavailable(self) -> int:
        """Nodes that an update of the version replaces at once (EKS API, NodegroupUpdateConfig, high)."""
        config = self.described.get("updateConfig") or {}
        if "maxUnavailablePercentage" in config:
            return max(1, self.desired * int(config["maxUnavailablePercentage"]) // 100)
        return int(config.get("maxUnavailable", 1))

    @property
    def launches_first(self) -> bool:
        """True where an update launches replacements before nodes leave, EKS's default (EKS API, high).

        EKS launches up to twice the number of zones; here as many as leave.
        """
        config = self.described.get("updateConfig") or {}
        return bool(config.get("updateStrategy", "DEFAULT") != "MINIMAL")

    @property
    def wanted(self) -> int:
        """Nodes that are to run at this moment."""
        return self.desired + (0 if self.roll is None else self.roll.extra)

    @property
    def issues(self) -> list[dict[str, Any]]:
        """Health issues."""
        found: list[dict[str, Any]] = self.described["health"]["issues"]
        return found

    def settle_status(self) -> None:
        """Set the status by what is in progress and by the issues, where the group is neither failed nor leaving."""
        if self.described["status"] in {"DELETING", "CREATE_FAILED"}:
            return
        if self.update is not None:
            self.described["status"] = "UPDATING"
        else:
            self.described["status"] = "DEGRADED" if self.issues else "ACTIVE"

    def finish_update(self, *, error: tuple[str, str] | None = None, about: Sequence[str] = ()) -> None:
        """End the update in progress.

        Args:
            error: EKS's error code and message where it failed.
            about: ids of the resources that the error is about.
        """
        if self.update is not None:
            self.update["status"] = "Failed" if error else "Successful"
            if error:
                self.update["errors"] = [{"errorCode": error[0], "errorMessage": error[1], "resourceIds": list(about)}]
        self.update = None
        self.roll = None
        self.settle_status()

    @property
    def desired(self) -> int:
        """Desired size."""
        return int(self.described["scalingConfig"]["desiredSize"])

    @property
    def is_on_blocks(self) -> bool:
        """True where the nodes come from capacity blocks."""
        return bool(self.described["capacityType"] == "CAPACITY_BLOCK")


@dataclass(kw_only=True)
class ClusterRecord:
    """Cluster with its node groups, add-ons, access entries and updates."""

    described: dict[str, Any]
    node_groups: dict[str, NodeGroupRecord] = field(default_factory=dict)
    addons: dict[str, dict[str, Any]] = field(default_factory=dict)
    access_entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    access_policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    associations: dict[str, dict[str, Any]] = field(default_factory=dict)
    capabilities: dict[str, dict[str, Any]] = field(default_factory=dict)
    updates: dict[str, dict[str, Any]] = field(default_factory=dict)

    def update(self, kind: str, *, status: str = "Successful") -> dict[str, Any]:
        """Record an update, as operations that change something return it."""
        described: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "status": status,
            "type": kind,
            "params": [],
            "createdAt": SIMULATED_ACCOUNT.now,
            "errors": [],
        }
        self.updates[described["id"]] = described
        return described


class Eks:
    """EKS of an account and a region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.clusters: dict[str, ClusterRecord] = {}

    def cluster(self, name: str) -> ClusterRecord:
        """Cluster of a name.

        Raises:
            Refusal: there is none.
        """
        if name not in self.clusters:
            raise Refusal("ResourceNotFoundException", f"No cluster found for name: {name}.")
        return self.clusters[name]

    def node_group(self, cluster: str, name: str) -> NodeGroupRecord:
        """Node group of a name.

        Raises:
            Refusal: there is none.
        """
        groups = self.cluster(cluster).node_groups
        if name not in groups:
            raise Refusal("ResourceNotFoundException", f"No node group found for name: {name}.")
        return groups[name]

    def node_groups(self) -> list[NodeGroupRecord]:
        """Node groups of every cluster."""
        return [group for cluster in self.clusters.values() for group in cluster.node_groups.values()]

    def arn(self, kind: str, *names: str) -> str:
        """ARN of an EKS resource."""
        return f"arn:aws:eks:{self.region}:{self.account_id}:{kind}/{'/'.join(names)}"
