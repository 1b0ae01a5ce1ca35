"""Quotas that the cells of a programme use up together: those that a programme's file can raise, and further ones."""

from typing import Final, Literal

from ultrafleet.cells.bounds import KNOWN_LIMITS, KnownLimit


def _further(key: str, fact_id: str, service: str, quota: str, of: Literal["region", "zone"] = "region") -> KnownLimit:
    return KnownLimit(key=key, fact_id=fact_id, service=service, quota=quota, of=of)


NODE_GROUPS: Final = KNOWN_LIMITS["node_groups_per_cluster"]
ADDRESS_USAGE: Final = KNOWN_LIMITS["network_address_usage"]
CIDRS: Final = KNOWN_LIMITS["cidrs_per_vpc"]
SUBNETS: Final = KNOWN_LIMITS["subnets_per_vpc"]
INTERFACES: Final = KNOWN_LIMITS["network_interfaces_per_zone"]
CLUSTERS: Final = KNOWN_LIMITS["clusters_per_region"]
VPCS: Final = KNOWN_LIMITS["vpcs_per_region"]
LAUNCH_TEMPLATES: Final = KNOWN_LIMITS["launch_templates_per_region"]
SCALING_GROUPS: Final = KNOWN_LIMITS["auto_scaling_groups_per_region"]
SECONDARY_NETWORKS: Final = KNOWN_LIMITS["secondary_networks_per_region"]
STACKS: Final = KNOWN_LIMITS["stacks_per_region"]
NAT_GATEWAYS: Final = _further(
    "nat_gateways_per_zone", "limit/vpc/nat-gateways-per-zone", "vpc", "NAT gateways per Availability Zone", "zone"
)
ELASTIC_IPS: Final = _further(
    "elastic_ips_per_region", "limit/ec2/elastic-ips-per-region", "ec2", "EC2-VPC Elastic IPs"
)
GATEWAY_ENDPOINTS: Final = _further(
    "gateway_endpoints_per_region",
    "limit/vpc/gateway-endpoints-per-region",
    "vpc",
    "Gateway VPC endpoints per Region",
)
ALARMS: Final = _further("alarms_per_region", "limit/cloudwatch/alarms-per-region", "monitoring", "Alarms")
ROLES: Final = _further("roles_per_account", "limit/iam/roles-per-account", "iam", "Roles per account")
GLOBAL_REGION: Final = "us-east-1"
"""Region in which quotas of IAM, which hold in all of them, are read and raised."""
QUOTAS: Final = (
    NODE_GROUPS, ADDRESS_USAGE, CIDRS, SUBNETS, INTERFACES, NAT_GATEWAYS, CLUSTERS, VPCS, ELASTIC_IPS,
    GATEWAY_ENDPOINTS, LAUNCH_TEMPLATES, SCALING_GROUPS, SECONDARY_NETWORKS, STACKS, ALARMS, ROLES,
)  # fmt: skip
"""Every quota that is compared."""
