"""Quotas that the cells of a programme use up together, with their codes in Service Quotas."""

from typing import Final

from ultrafleet.cells.bounds import KNOWN_LIMITS, KnownLimit


def _known(
    key: str, fact: str, service: str, quota: str, of: str, *, maximum: str | None = None, code: str | None = ""
) -> KnownLimit:
    """A quota; one that a programme's file can raise is the one of its table."""
    found = next((item for item in KNOWN_LIMITS.values() if item.fact_id == fact), None)
    if found is not None and found.code_id is not None:
        return found
    return KnownLimit(
        key=key,
        fact_id=fact,
        maximum_id=maximum,
        code_id=f"{fact}/quota-code" if code == "" else code,
        service=service,
        quota=quota,
        of=of,
    )


NODE_GROUPS: Final = _known(
    "node_groups_per_cluster",
    "limit/eks/node-groups-per-cluster",
    "eks",
    "Managed node groups per cluster",
    "cell",
    maximum="limit/eks/node-groups-per-cluster-maximum",
)
ADDRESS_USAGE: Final = _known(
    "network_address_usage",
    "limit/vpc/network-address-usage",
    "vpc",
    "Network Address Usage",
    "cell",
    maximum="limit/vpc/network-address-usage-maximum",
)
CIDRS: Final = _known(
    "cidrs_per_vpc",
    "limit/vpc/cidrs-per-vpc",
    "vpc",
    "IPv4 CIDR blocks per VPC",
    "cell",
    maximum="limit/vpc/cidrs-per-vpc-maximum",
)
SUBNETS: Final = _known("subnets_per_vpc", "limit/vpc/subnets-per-vpc", "vpc", "Subnets per VPC", "cell")
INTERFACES: Final = _known(
    "network_interfaces", "limit/vpc/network-interfaces-per-zone", "vpc", "Network interfaces per Region", "zone"
)
NAT_GATEWAYS: Final = _known(
    "nat_gateways", "limit/vpc/nat-gateways-per-zone", "vpc", "NAT gateways per Availability Zone", "zone"
)
CLUSTERS: Final = _known("clusters", "limit/eks/clusters-per-region", "eks", "Clusters", "account")
VPCS: Final = _known("vpcs", "limit/vpc/vpcs-per-region", "vpc", "VPCs per Region", "account")
ELASTIC_IPS: Final = _known("elastic_ips", "limit/ec2/elastic-ips-per-region", "ec2", "EC2-VPC Elastic IPs", "account")
GATEWAY_ENDPOINTS: Final = _known(
    "gateway_endpoints", "limit/vpc/gateway-endpoints-per-region", "vpc", "Gateway VPC endpoints per Region", "account"
)
LAUNCH_TEMPLATES: Final = _known(
    "launch_templates", "limit/ec2/launch-templates-per-region", "ec2", "Launch templates per Region", "account"
)
SCALING_GROUPS: Final = _known(
    "auto_scaling_groups",
    "limit/autoscaling/groups-per-region",
    "autoscaling",
    "Auto Scaling groups per region",
    "account",
)
STACKS: Final = _known("stacks", "limit/cloudformation/stacks-per-region", "cloudformation", "Stack count", "account")
ALARMS: Final = _known("alarms", "limit/cloudwatch/alarms-per-region", "monitoring", "Alarms", "account", code=None)
ROLES: Final = _known("roles", "limit/iam/roles-per-account", "iam", "Roles per account", "account")
GLOBAL_REGION: Final = "us-east-1"
"""Region in which quotas of IAM, which hold in all of them, are read and raised."""
QUOTAS: Final = (
    NODE_GROUPS, ADDRESS_USAGE, CIDRS, SUBNETS, INTERFACES, NAT_GATEWAYS, CLUSTERS, VPCS, ELASTIC_IPS,
    GATEWAY_ENDPOINTS, LAUNCH_TEMPLATES, SCALING_GROUPS, STACKS, ALARMS, ROLES,
)  # fmt: skip
"""Every quota that is compared."""
