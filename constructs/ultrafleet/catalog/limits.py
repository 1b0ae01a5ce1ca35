"""Quotas and limits of CloudFormation, EC2, VPC, Auto Scaling and EKS, from `data/limits.json`."""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.source import Fact, Source

_FACTS: Final = Facts("limits")

STACK_RESOURCES: Final = _FACTS.integer("limit/cloudformation/resources-per-stack")
"""Resources of a stack."""
TEMPLATE_BYTES: Final = _FACTS.integer("limit/cloudformation/template-bytes")
"""Bytes of a template in S3."""
STACK_OUTPUTS: Final = _FACTS.integer("limit/cloudformation/outputs-per-stack")
"""Outputs of a stack."""
STACK_PARAMETERS: Final = _FACTS.integer("limit/cloudformation/parameters-per-stack")
"""Parameters of a stack."""
USER_DATA_BYTES: Final = _FACTS.integer("limit/ec2/user-data-bytes")
"""Bytes of user data, before base64."""
SECURITY_GROUP_RULES: Final = _FACTS.integer("limit/vpc/rules-per-security-group")
"""Rules of a security group in one direction, by default."""
NODES_PER_NODE_GROUP: Final = _FACTS.integer("limit/eks/nodes-per-node-group")
"""Nodes of a managed node group, by default."""
NODE_GROUPS_PER_CLUSTER: Final = _FACTS.integer("limit/eks/node-groups-per-cluster")
"""Managed node groups of a cluster, by default."""
NODE_GROUPS_PER_CLUSTER_MAXIMUM: Final = _FACTS.integer("limit/eks/node-groups-per-cluster-maximum")
"""Managed node groups of a cluster, whatever the quota."""
TAINTS_PER_NODE_GROUP: Final = _FACTS.integer("limit/eks/taints-per-node-group")
"""Taints of a managed node group."""
CONTROL_PLANE_ZONES: Final = _FACTS.integer("limit/eks/control-plane-zones")
"""Zones that a control plane's subnets are in, at least."""
INSTANCES_PER_TOPOLOGY_CALL: Final = _FACTS.integer("limit/ec2/instance-topology-instances-per-call")
"""Instances that DescribeInstanceTopology tells of in one call."""
RESERVATIONS_PER_TOPOLOGY_CALL: Final = _FACTS.integer("limit/ec2/instance-topology-reservations-per-call")
"""Reservations that DescribeCapacityReservationTopology tells of in one call."""
NETWORK_ADDRESS_USAGE: Final = _FACTS.integer("limit/vpc/network-address-usage")
"""Network Address Usage of a VPC, by default."""
NETWORK_ADDRESS_USAGE_MAXIMUM: Final = _FACTS.integer("limit/vpc/network-address-usage-maximum")
"""Network Address Usage of a VPC, whatever the quota."""


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every quota and limit by its id."""
    return _FACTS.items()


def fact(fact_id: str) -> Fact[Any]:
    """Quota or limit.

    Args:
        fact_id: such as `limit/eks/nodes-per-node-group`.

    Raises:
        FleetError: there is none of that id.
    """
    return _FACTS[fact_id]


def source(fact_id: str) -> Source:
    """Source of a fact that has a value.

    Args:
        fact_id: such as `limit/eks/nodes-per-node-group`.

    Raises:
        FleetError: there is none of that id, or its value is unknown.
    """
    return _FACTS.source(fact_id)
