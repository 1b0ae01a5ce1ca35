"""EKS state of an account and a region: clusters and node groups."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


@dataclass(kw_only=True)
class NodeGroupRecord:
    """Managed node group.

    Attributes:
        described: what DescribeNodegroup answers.
        draining: instances that leave, with the moment at which they are gone.
        rolled: instances that an update of the version replaced, with the moment.
        repaired: instances that failed and were replaced, with the moment.
    """

    described: dict[str, Any]
    draining: list[tuple[datetime, str]] = field(default_factory=list)
    rolled: list[tuple[datetime, str]] = field(default_factory=list)
    repaired: list[tuple[datetime, str]] = field(default_factory=list)
    wants_deletion: bool = False
    next_try: datetime | None = None

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
