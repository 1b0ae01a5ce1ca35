"""Resource types that the embedded CloudFormation makes; one that isn't here fails its stack."""

from ultrafleet.rehearsal.cloudformation.providers import (
    bootstrap,
    capabilities,
    capacity,
    eks,
    functions,
    identity,
    kubernetes,
    messaging,
    nodes,
    observation,
    security_groups,
    storage,
    vpc,
    vpc_routing,
)
from ultrafleet.rehearsal.cloudformation.providers.base import PROVIDERS

__all__ = ["PROVIDERS"]

_MODULES = (
    bootstrap, capabilities, capacity, eks, functions, identity, kubernetes, messaging, nodes, observation,
    security_groups, storage, vpc, vpc_routing,
)  # fmt: skip  # importing them registers their types
