"""The way out of a fleet's VPC."""

from enum import StrEnum

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

_ANYWHERE = "0.0.0.0/0"


class Egress(StrEnum):
    """Way from nodes to the internet and AWS, out of the VPC. See docs/decisions/0004-egress-and-api-access.md."""

    REGIONAL_NAT = "regional_nat"
    """Regional NAT gateway, which needs no public subnet and follows nodes through the Availability Zones. No
    document says that it serves Local Zones."""
    ZONAL_NAT = "zonal_nat"
    """NAT gateway in the subnet of kind `nat`, routed from every other subnet, Local Zones included. Traffic of a
    Local Zone takes the way through the region."""
    NONE = "none"
    """No egress: images come through ECR endpoints, public ones by pull-through caches filled from elsewhere."""


class NetworkEgress(Construct):
    """An internet gateway, a NAT gateway and the route to it.

    Nothing here is retained: whoever takes the way out from a VPC means it, and it would go on costing.

    Args:
        scope: parent.
        id: construct id.
        vpc_id: the VPC.
        route_table_id: table of the private subnets, which gets the default route.
        nat_subnet: subnet of a zonal NAT gateway, whose route table gets the route to the internet. Default: the
            gateway is regional.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc_id: str,
        route_table_id: str,
        nat_subnet: ec2.ISubnet | None = None,
    ) -> None:
        super().__init__(scope, id)
        gateway = ec2.CfnInternetGateway(self, "InternetGateway")
        attachment = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=vpc_id, internet_gateway_id=gateway.attr_internet_gateway_id
        )
        if nat_subnet is None:
            # EC2 gives it addresses and a route table with the route to the internet gateway (VPC user guide, high).
            nat = ec2.CfnNatGateway(
                self, "NatGateway", availability_mode="regional", connectivity_type="public", vpc_id=vpc_id
            )
        else:
            nat = self._zonal_nat(nat_subnet, gateway, attachment)
        nat.add_resource_dependency(attachment)
        ec2.CfnRoute(
            self,
            "DefaultRoute",
            route_table_id=route_table_id,
            destination_cidr_block=_ANYWHERE,
            nat_gateway_id=nat.attr_nat_gateway_id,
        )

    def _zonal_nat(
        self,
        subnet: ec2.ISubnet,
        gateway: ec2.CfnInternetGateway,
        attachment: ec2.CfnVPCGatewayAttachment,
    ) -> ec2.CfnNatGateway:
        route = ec2.CfnRoute(
            self,
            "InternetRoute",
            route_table_id=subnet.route_table.route_table_id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway.attr_internet_gateway_id,
        )
        address = ec2.CfnEIP(self, "NatAddress", domain="vpc")
        for resource in (route, address):
            resource.add_resource_dependency(attachment)
        return ec2.CfnNatGateway(
            self,
            "ZonalNatGateway",  # another id than the regional one's: the mode is create-only
            subnet_id=subnet.subnet_id,
            allocation_id=address.attr_allocation_id,
            connectivity_type="public",
        )
