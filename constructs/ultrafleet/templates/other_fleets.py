"""Fleets of other services: compute environments of AWS Batch, clusters of SageMaker HyperPod."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.templates.launch import Launch, known_type
from ultrafleet.templates.node_group import launch_in
from ultrafleet.templates.template import Resource, Template, mapping

BATCH: Final = "AWS::Batch::ComputeEnvironment"
HYPERPOD: Final = "AWS::SageMaker::Cluster"
_MACHINE_LEARNING: Final = "ml."


@dataclass(frozen=True)
class BatchEnvironment:
    """Compute environment of AWS Batch.

    Attributes:
        resource: the resource.
        launch: its launch template, where it is at hand.
    """

    resource: Resource
    launch: Launch | None

    @property
    def logical_id(self) -> str:
        """Its logical id."""
        return self.resource.logical_id

    @property
    def computes(self) -> Mapping[str, Any]:
        """Its compute resources."""
        return mapping(self.resource.get("ComputeResources"))

    def items(self, name: str) -> list[Any]:
        """A list of its compute resources."""
        return self.resource.items("ComputeResources", name)

    @property
    def type_names(self) -> list[Any]:
        """Its instance types: names, families, `optimal`, or `Unknown`; else that of its launch template."""
        named = self.launch.get("InstanceType") if self.launch is not None else None
        return self.items("InstanceTypes") or ([named] if named is not None else [])

    @property
    def types(self) -> list[InstanceType]:
        """Its instance types that the catalog knows, with all of a family where one is named."""
        found: list[InstanceType] = []
        for name in self.type_names:
            kind = known_type(name)
            family = [item for item in InstanceType.all() if item.name and item.name.split(".")[0] == name]
            found += [kind] if kind is not None else family
        return found


def batch_environments(template: Template) -> Iterator[BatchEnvironment]:
    """Compute environments of AWS Batch on EC2."""
    for resource in template.of_type(BATCH):
        computes = mapping(resource.get("ComputeResources"))
        if computes and "FARGATE" not in str(computes.get("Type")):
            yield BatchEnvironment(resource, launch_in(template, computes))


@dataclass(frozen=True)
class HyperPodGroup:
    """Instance group of a HyperPod cluster.

    Attributes:
        cluster: the cluster.
        stated: the group, as it is written.
    """

    cluster: Resource
    stated: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.stated.get("InstanceGroupName") or "without a name")

    @property
    def type(self) -> InstanceType | None:
        """Its instance type, where the catalog knows it: SageMaker writes `ml.` before the name of EC2."""
        named = self.stated.get("InstanceType")
        return known_type(named.removeprefix(_MACHINE_LEARNING)) if isinstance(named, str) else None

    @property
    def count(self) -> Any:  # noqa: ANN401 - JSON
        """Its instances: a number, text, None, or an `Unknown`."""
        return self.stated.get("InstanceCount")

    @property
    def subnets(self) -> list[Any]:
        """Its own subnets, or else those of the cluster."""
        own = mapping(self.stated.get("OverrideVpcConfig")).get("Subnets")
        if isinstance(own, list):
            return own
        return self.cluster.items("VpcConfig", "Subnets")


def hyperpod_groups(template: Template) -> Iterator[HyperPodGroup]:
    """Instance groups of HyperPod clusters."""
    for cluster in template.of_type(HYPERPOD):
        for key in ("InstanceGroups", "RestrictedInstanceGroups"):
            for stated in cluster.items(key):
                if isinstance(stated, Mapping):
                    yield HyperPodGroup(cluster, stated)
