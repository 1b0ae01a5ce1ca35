"""The network of a fleet: VPC, subnets, endpoints, and the security group of EFA."""

from ultrafleet.network.efa_security_group import EfaSecurityGroup
from ultrafleet.network.egress import Egress, NetworkEgress
from ultrafleet.network.endpoints import NetworkEndpoints
from ultrafleet.network.fleet_network import ENDPOINT_SERVICES, FleetNetwork
from ultrafleet.network.flow_logs import NetworkFlowLogs
from ultrafleet.network.secondary_network import (
    ImportedSecondaryNetwork,
    SecondaryNetwork,
    SecondaryNetworkReference,
    launch_template_tags,
    secondary_interfaces_version,
)
from ultrafleet.network.secondary_network_provider import SecondaryNetworkProvider
from ultrafleet.network.vpc_subnets import VpcSubnets
from ultrafleet.rules.secondary_network import SecondaryNetworkPlan
from ultrafleet.rules.subnets import SubnetKind, SubnetSpec

__all__ = [
    "ENDPOINT_SERVICES",
    "EfaSecurityGroup",
    "Egress",
    "FleetNetwork",
    "ImportedSecondaryNetwork",
    "NetworkEgress",
    "NetworkEndpoints",
    "NetworkFlowLogs",
    "SecondaryNetwork",
    "SecondaryNetworkPlan",
    "SecondaryNetworkProvider",
    "SecondaryNetworkReference",
    "SubnetKind",
    "SubnetSpec",
    "VpcSubnets",
    "launch_template_tags",
    "secondary_interfaces_version",
]
