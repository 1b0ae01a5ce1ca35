"""Clusters of EKS: CloudFormation's own, and those that `aws_eks` of the CDK makes with a custom resource."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ultrafleet.templates.template import Resource, Template

CLUSTER: Final = "AWS::EKS::Cluster"
_OF_CDK: Final = "Custom::AWSCDK-EKS-Cluster"
CLUSTERS: Final = (CLUSTER, _OF_CDK)


def clusters(template: Template) -> Iterator[Resource]:
    """Clusters, with CloudFormation's names of properties."""
    for resource in template.of_type(*CLUSTERS):
        if resource.type == CLUSTER:
            yield resource
        else:  # its Config is what the EKS API takes (aws-cdk, aws-eks/lib/cluster-resource.ts, high)
            config = _capitalised(resource.get("Config"))
            yield replace(resource, properties=config if isinstance(config, Mapping) else {})


def _capitalised(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {f"{key[:1].upper()}{key[1:]}": _capitalised(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_capitalised(item) for item in value]
    return value
