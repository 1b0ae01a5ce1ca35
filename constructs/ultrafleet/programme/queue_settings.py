"""Queues over cells of a programme: managers, and clusters elsewhere."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ultrafleet.environment.fields import (
    Account,
    ClusterName,
    Name,
    Network,
    Region,
    RoleArn,
    Settings,
    UltraServerTypeName,
)
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.hybrid_nodes import check_hybrid_nodes


class OtherClusterSettings(Settings):
    """A Kubernetes cluster that isn't a cell and runs jobs of a queue: another cloud's, or EKS with hybrid nodes."""

    name: Name = Field(examples=["other-cloud"])
    """Name of the worker."""
    provider: Literal["kubernetes", "eks-hybrid"] = Field(examples=["kubernetes"])
    """`kubernetes`: any cluster, reached by a kubeconfig; `eks-hybrid`: an EKS cluster whose nodes are on premises."""
    nodes_at: str = Field(min_length=1, examples=["on-premises"])
    """Place of its nodes: `on-premises`, or the cloud's name. EKS supports hybrid nodes on premises alone."""
    kubeconfig_secret: Name | None = Field(default=None, examples=["other-cloud"])
    """Of provider `kubernetes`: secret of the manager in `kueue-system` with its kubeconfig. Default: none."""
    cluster_name: ClusterName | None = Field(default=None, examples=["plant"])
    """Of provider `eks-hybrid`: name of the EKS cluster. Default: `name`."""
    region: Region | None = Field(default=None, examples=["us-east-1"])
    """Of provider `eks-hybrid`: its region. Default: none."""
    role_arn: RoleArn | None = Field(default=None, examples=["arn:aws:iam::444455556666:role/plant-multikueue"])
    """Of provider `eks-hybrid`: role that the manager takes. Default: none."""
    holds: dict[str, Annotated[int, Field(ge=1)]] = Field(min_length=1, examples=[{"nvidia.com/gpu": 512}])
    """Resource → how many its nodes have, as Kueue counts it."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.provider == "eks-hybrid":
            check_hybrid_nodes(self.name, self.nodes_at)
        own = ("region", "role_arn") if self.provider == "eks-hybrid" else ("kubeconfig_secret",)
        keys = ("cluster_name", "kubeconfig_secret", "region", "role_arn")
        stated = {key for key in keys if getattr(self, key) is not None}
        allowed = {*own, "cluster_name"} if self.provider == "eks-hybrid" else set(own)
        if not set(own) <= stated <= allowed:
            raise FleetError(
                path=f"cluster {self.name}",
                verb="has",
                got=", ".join(sorted(stated)) or "no way into it",
                expected=", ".join(own),
                remedy=f"that is how a cluster of provider {self.provider} is reached",
            )
        return self


class QueueManagerSettings(Settings):
    """Manager of one queue: an environment without pools, to which jobs are submitted."""

    environment: Name = Field(examples=["desk"])
    """Environment file of the manager."""
    account: Account = Field(examples=["111122223333"])
    """Its account."""
    cidr: Network = Field(examples=["172.16.0.0/20"])
    """CIDR of its VPC, which may reach the private API endpoints of its cells; no cell has an address of it."""
    type: UltraServerTypeName = Field(examples=["u-p6e-gb200x72"])
    """UltraServer type of the cells that it has."""
    sites: list[str] = Field(default=[], examples=[["dallas", "oregon"]])
    """Sites of its cells, most preferred first. Default: all, in the order of the file."""
    clusters: list[OtherClusterSettings] = []
    """Clusters elsewhere, after the cells."""


class QueueSettings(Settings):
    """Queues over the cells that train; see [one queue over cells](guides/one-queue-over-cells.md)."""

    managers: list[QueueManagerSettings] = Field(min_length=1)
    """Managers; one has 20 workers at most, so more cells of a type need more managers of it."""
    teams: list[Name] = Field(default=[], examples=[["pretraining"]])
    """Teams, whose namespaces and queues each cell has."""

    @model_validator(mode="after")
    def _differ(self) -> Self:
        names = [manager.environment for manager in self.managers]
        for name in names:
            if names.count(name) > 1:
                raise FleetError(path="managers", verb="have", got=f"{name!r} twice", expected="each once")
        return self
