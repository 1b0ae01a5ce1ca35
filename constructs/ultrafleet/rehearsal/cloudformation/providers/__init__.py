"""Resource types that the embedded CloudFormation provides; a template with another type fails its stack."""

from ultrafleet.rehearsal.cloudformation.providers import (
    auto_scaling_groups,
    bootstrap,
    capabilities,
    ec2_types,
    eks,
    eks_clusters,
    eks_node_groups,
    functions,
    identity,
    kubernetes,
    messaging,
    observation,
    resource_groups,
    routes,
    secondary_networks,
    security_groups,
    storage,
    subscriptions,
    wait_conditions,
)
from ultrafleet.rehearsal.cloudformation.providers.base import PROVIDERS

__all__ = ["PROVIDERS"]

_MODULES = (
    auto_scaling_groups,
    bootstrap,
    capabilities,
    ec2_types,
    eks,
    eks_clusters,
    eks_node_groups,
    functions,
    identity,
    kubernetes,
    messaging,
    observation,
    resource_groups,
    routes,
    secondary_networks,
    security_groups,
    storage,
    subscriptions,
    wait_conditions,
)  # importing them registers their types
