"""Attachments of internet gateways, routes, and route tables of subnets."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    provides,
)
from ultrafleet.rehearsal.simulated_account import Refusal


@provides
class VpcGatewayAttachmentProvider(Provider):
    """Attachment of an internet gateway to a VPC."""

    type = "AWS::EC2::VPCGatewayAttachment"
    known = frozenset({"InternetGatewayId", "VpcId"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        call(
            "ec2",
            "attach_internet_gateway",
            InternetGatewayId=properties["InternetGatewayId"],
            VpcId=properties["VpcId"],
        )
        return PhysicalResource(physical_id=f"IGW|{properties['VpcId']}", attributes={"AttachmentType": "IGW"})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answer = call("ec2", "describe_internet_gateways", InternetGatewayIds=[properties["InternetGatewayId"]])
        attached = [a for gateway in answer["InternetGateways"] for a in gateway["Attachments"]]
        mine = [attachment for attachment in attached if attachment["VpcId"] == properties["VpcId"]]
        return find(mine, "Gateway.NotAttached", resource.physical_id)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call(
            "ec2",
            "detach_internet_gateway",
            InternetGatewayId=properties["InternetGatewayId"],
            VpcId=properties["VpcId"],
        )


@provides
class RouteProvider(Provider):
    """Route."""

    type = "AWS::EC2::Route"
    known = frozenset({"DestinationCidrBlock", "DestinationIpv6CidrBlock", "GatewayId", "NatGatewayId", "RouteTableId"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        call("ec2", "create_route", **properties)
        destination = _destination(properties)
        return PhysicalResource(
            physical_id=f"{properties['RouteTableId']}|{destination}", attributes={"CidrBlock": destination}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        table = call("ec2", "describe_route_tables", RouteTableIds=[properties["RouteTableId"]])["RouteTables"][0]
        mine = [
            route
            for route in table["Routes"]
            if _destination(properties) in {route.get("DestinationCidrBlock"), route.get("DestinationIpv6CidrBlock")}
        ]
        return find(mine, "InvalidRoute.NotFound", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        call("ec2", "replace_route", **new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        keys = ("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock")
        call("ec2", "delete_route", **{key: properties[key] for key in keys if key in properties})


@provides
class SubnetRouteTableAssociationProvider(Provider):
    """Association of a route table with a subnet."""

    type = "AWS::EC2::SubnetRouteTableAssociation"
    known = frozenset({"RouteTableId", "SubnetId"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        answer = call("ec2", "associate_route_table", **properties)
        return PhysicalResource(physical_id=answer["AssociationId"], attributes={"Id": answer["AssociationId"]})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        table = call("ec2", "describe_route_tables", RouteTableIds=[properties["RouteTableId"]])["RouteTables"][0]
        mine = [a for a in table["Associations"] if a["RouteTableAssociationId"] == resource.physical_id]
        return find(mine, "InvalidAssociationID.NotFound", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        answer = call(
            "ec2",
            "replace_route_table_association",
            AssociationId=resource.physical_id,
            RouteTableId=new["RouteTableId"],
        )
        resource.physical_id = answer["NewAssociationId"]

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("ec2", "disassociate_route_table", AssociationId=resource.physical_id)


@provides
class VpcCidrBlockProvider(Provider):
    """Further CIDR of a VPC."""

    type = "AWS::EC2::VPCCidrBlock"
    known = frozenset({"CidrBlock", "VpcId"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        answer = call("ec2", "associate_vpc_cidr_block", **properties)
        found = answer["CidrBlockAssociation"]["AssociationId"]
        return PhysicalResource(physical_id=found, attributes={"Id": found})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        vpc = call("ec2", "describe_vpcs", VpcIds=[properties["VpcId"]])["Vpcs"][0]
        mine = [item for item in vpc["CidrBlockAssociationSet"] if item["AssociationId"] == resource.physical_id]
        return find(mine, "InvalidVpcCidrBlockAssociationID.NotFound", resource.physical_id)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("ec2", "disassociate_vpc_cidr_block", AssociationId=resource.physical_id)


def _destination(properties: Properties) -> str:
    for key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
        if key in properties:
            return str(properties[key])
    raise Refusal("MissingParameter", "a route needs a destination")
