"""Quotas and limits of CloudFormation, EC2, VPC, Auto Scaling and EKS, from `data/limits.json`."""

from collections.abc import Iterator
from itertools import takewhile
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
NODE_GROUPS_QUOTA_CODE: Final = _FACTS.text("limit/eks/node-groups-per-cluster/quota-code")
"""Code of the quota of managed node groups of a cluster, in Service Quotas."""
TAINTS_PER_NODE_GROUP: Final = _FACTS.integer("limit/eks/taints-per-node-group")
"""Taints of a managed node group."""
TAINT_CHARACTERS: Final = _FACTS.integer("limit/eks/taint-characters")
"""Characters of a taint's key with its prefix, and of its value, in a managed node group."""
LABEL_CHARACTERS: Final = _FACTS.integer("limit/eks/label-characters")
"""Characters of a label's key with its prefix, and of its value, in a managed node group."""
CONTROL_PLANE_ZONES: Final = _FACTS.integer("limit/eks/control-plane-zones")
"""Zones that a control plane's subnets are in, at least."""
GP3_VOLUME_GIB: Final = _FACTS.integer("limit/ec2/gp3-volume-gib")
"""GiB of the largest gp3 volume."""
GP3_IOPS_MINIMUM: Final = _FACTS.integer("limit/ec2/gp3-iops-minimum")
"""I/O operations a second that every gp3 volume has."""
GP3_IOPS: Final = _FACTS.integer("limit/ec2/gp3-iops")
"""I/O operations a second of a gp3 volume, at most."""
GP3_THROUGHPUT_MINIMUM_MIBPS: Final = _FACTS.integer("limit/ec2/gp3-throughput-minimum-mibps")
"""MiB a second that every gp3 volume has."""
GP3_THROUGHPUT_MIBPS: Final = _FACTS.integer("limit/ec2/gp3-throughput-mibps")
"""MiB a second of a gp3 volume, at most."""
GP3_IOPS_PER_GIB: Final = _FACTS.integer("limit/ec2/gp3-iops-per-gib")
"""I/O operations a second for each GiB of a gp3 volume, at most."""
GP3_IOPS_PER_MIBPS: Final = _FACTS.integer("limit/ec2/gp3-iops-per-mibps")
"""I/O operations a second that each MiB a second of a gp3 volume needs."""
INSTANCES_PER_TOPOLOGY_CALL: Final = _FACTS.integer("limit/ec2/instance-topology-instances-per-call")
"""Instances that DescribeInstanceTopology tells of in one call."""
RESERVATIONS_PER_TOPOLOGY_CALL: Final = _FACTS.integer("limit/ec2/instance-topology-reservations-per-call")
"""Reservations that DescribeCapacityReservationTopology tells of in one call."""
SECONDARY_NETWORKS_PER_REGION: Final = _FACTS.integer("limit/ec2/secondary-networks-per-region")
"""Secondary networks of a region and account."""
SECONDARY_SUBNETS_PER_NETWORK: Final = _FACTS.integer("limit/ec2/secondary-subnets-per-network")
"""Secondary subnets of a secondary network."""
SECONDARY_CIDR_SHORTEST_PREFIX: Final = _FACTS.integer("limit/ec2/secondary-cidr-shortest-prefix")
"""Prefix length of the largest CIDR of a secondary network or subnet."""
SECONDARY_CIDR_LONGEST_PREFIX: Final = _FACTS.integer("limit/ec2/secondary-cidr-longest-prefix")
"""Prefix length of the smallest one."""
SECONDARY_SUBNET_RESERVED_ADDRESSES: Final = _FACTS.integer("limit/ec2/secondary-subnet-reserved-addresses")
"""Addresses of a secondary subnet that EC2 keeps."""
SECONDARY_NETWORK_REGIONS: Final = _FACTS.text("limit/cloudformation/secondary-network-regions")
"""Regions in which CloudFormation has secondary networks, with spaces between them."""
CLUSTER_NAME_CHARACTERS: Final = _FACTS.integer("limit/eks/cluster-name-characters")
"""Characters of a cluster's name."""
LAUNCH_TEMPLATE_NAME_CHARACTERS: Final = _FACTS.integer("limit/ec2/launch-template-name-characters")
"""Characters of a launch template's name."""
SERVICE_CIDR_SHORTEST_PREFIX: Final = _FACTS.integer("limit/eks/service-cidr-shortest-prefix")
"""Length of the prefix of the largest range of service addresses."""
SERVICE_CIDR_LONGEST_PREFIX: Final = _FACTS.integer("limit/eks/service-cidr-longest-prefix")
"""Length of the prefix of the smallest range of service addresses."""
DEFAULT_SERVICE_CIDRS: Final = _FACTS.text("limit/eks/default-service-cidrs")
"""Ranges of which EKS takes one for service addresses where none is stated, with spaces between them."""
MAX_PODS_PER_NODE: Final = _FACTS.integer("limit/eks/max-pods-per-node")
"""Pods of a node with prefix delegation, at most."""
MAX_PODS_PER_SMALL_NODE: Final = _FACTS.integer("limit/eks/max-pods-per-small-node")
"""Pods that EKS gives a node of few vCPUs with prefix delegation."""
METADATA_HOP_LIMIT: Final = _FACTS.integer("limit/ec2/metadata-hop-limit")
"""Hop limit of responses of the instance metadata, at most."""
CAPACITY_RESERVATION_INSTANCES: Final = _FACTS.integer("limit/ec2/capacity-reservation-instances")
"""Instances of one on-demand capacity reservation."""
PARTITIONS_PER_PLACEMENT_GROUP: Final = _FACTS.integer("limit/ec2/partitions-per-placement-group")
"""Partitions of a placement group in one zone."""
ADDRESSES_PER_PREFIX: Final = _FACTS.integer("limit/vpc/addresses-per-prefix")
"""Addresses of a prefix that is delegated to a network interface."""
RESERVED_ADDRESSES_PER_SUBNET: Final = _FACTS.integer("limit/vpc/reserved-addresses-per-subnet")
"""Addresses of each subnet that AWS keeps."""
SUBNET_LONGEST_PREFIX: Final = _FACTS.integer("limit/vpc/subnet-longest-prefix")
"""Length of the prefix of the smallest subnet."""
SUBNET_SHORTEST_PREFIX: Final = _FACTS.integer("limit/vpc/subnet-shortest-prefix")
"""Length of the prefix of the largest subnet."""
SCHEDULE_NAME_CHARACTERS: Final = _FACTS.integer("limit/scheduler/schedule-name-characters")
"""Characters of the name of an EventBridge schedule."""
SCHEDULE_PRECISION_SECONDS: Final = _FACTS.integer("limit/scheduler/precision-seconds")
"""Seconds after its moment within which a schedule is invoked."""
HISTORY_EVENTS: Final = _FACTS.integer("limit/step-functions/history-events")
"""Events in the history of a Standard execution of Step Functions."""
STATE_BYTES: Final = _FACTS.integer("limit/step-functions/state-bytes")
"""Bytes that a state of a state machine takes and returns."""
NETWORK_ADDRESS_USAGE: Final = _FACTS.integer("limit/vpc/network-address-usage")
"""Network Address Usage of a VPC, by default."""
NETWORK_ADDRESS_USAGE_MAXIMUM: Final = _FACTS.integer("limit/vpc/network-address-usage-maximum")
"""Network Address Usage of a VPC, whatever the quota."""

LUSTRE_SMALLEST_GIB: Final = _FACTS.integer("limit/fsx/smallest-gib")
"""Capacity in GiB of the smallest FSx for Lustre file system on SSD."""
LUSTRE_STEP_GIB: Final = _FACTS.integer("limit/fsx/persistent-2-storage-step-gib")
"""Capacity in GiB of a PERSISTENT_2 file system without EFA is a multiple of this."""
LUSTRE_PERSISTENT_1_THROUGHPUTS: Final = _FACTS.text("limit/fsx/persistent-1-ssd-throughputs")
"""Throughputs of PERSISTENT_1 on SSD in MB/s per TiB, with spaces between them."""


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


def table(prefix: str) -> dict[str, int]:
    """Values of all facts directly below a prefix, by the rest of their ids.

    Args:
        prefix: such as `limit/fsx/efa-storage-step-gib`.
    """
    start = f"{prefix}/"
    return {fact_id.removeprefix(start): item.value for fact_id, item in facts() if fact_id.startswith(start)}


def on_demand_quota_code(family: str) -> Fact[str] | None:
    """Code of the quota of running on-demand vCPUs, in Service Quotas; None where no source states one for the family.

    Args:
        family: of an instance type, such as `p5` or `trn2`.
    """
    letters = "".join(takewhile(str.isalpha, family))
    fact_id = f"limit/ec2/on-demand-vcpus/{letters}/quota-code"
    return _FACTS.text(fact_id) if any(known == fact_id for known, _ in _FACTS.items()) else None
