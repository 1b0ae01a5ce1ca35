"""Gateways, addresses, route tables and routes."""

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
    tag_specifications,
)
from ultrafleet.rehearsal.cloudformation.providers.vpc import Ec2Provider
from ultrafleet.rehearsal.simulated_account import Refusal


@provides
class InternetGateway(Ec2Provider):
    """Internet gateway."""

    type = "AWS::EC2::InternetGateway"
    known = frozenset({"Tags"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        specifications = tag_specifications("internet-gateway", properties)
        made = call("ec2", "create_internet_gateway", TagSpecifications=specifications)["InternetGateway"]
        return PhysicalResource(
            physical_id=made["InternetGatewayId"], attributes={"InternetGatewayId": made["InternetGatewayId"]}
        )

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_internet_gateways", InternetGatewayIds=[made.physical_id])["InternetGateways"]
        return find(found, "InvalidInternetGatewayID.NotFound", made.physical_id)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_internet_gateway", InternetGatewayId=made.physical_id)


@provides
class VpcGatewayAttachment(Provider):
    """Internet gateway of a VPC."""

    type = "AWS::EC2::VPCGatewayAttachment"
    known = frozenset({"InternetGatewayId", "VpcId"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        call(
            "ec2",
            "attach_internet_gateway",
            InternetGatewayId=properties["InternetGatewayId"],
            VpcId=properties["VpcId"],
        )
        return PhysicalResource(physical_id=f"IGW|{properties['VpcId']}", attributes={"AttachmentType": "IGW"})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answer = call("ec2", "describe_internet_gateways", InternetGatewayIds=[properties["InternetGatewayId"]])
        attached = [a for gateway in answer["InternetGateways"] for a in gateway["Attachments"]]
        mine = [attachment for attachment in attached if attachment["VpcId"] == properties["VpcId"]]
        return find(mine, "Gateway.NotAttached", made.physical_id)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call(
            "ec2",
            "detach_internet_gateway",
            InternetGatewayId=properties["InternetGatewayId"],
            VpcId=properties["VpcId"],
        )


@provides
class Eip(Ec2Provider):
    """Elastic IP address."""

    type = "AWS::EC2::EIP"
    known = frozenset({"Domain", "Tags"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        specifications = tag_specifications("elastic-ip", properties)
        made = call("ec2", "allocate_address", Domain=properties.get("Domain", "vpc"), TagSpecifications=specifications)
        return PhysicalResource(
            physical_id=made["PublicIp"],
            attributes={"AllocationId": made["AllocationId"], "PublicIp": made["PublicIp"]},
        )

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_addresses", AllocationIds=[made.attributes["AllocationId"]])["Addresses"]
        return find(found, "InvalidAllocationID.NotFound", made.physical_id)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "release_address", AllocationId=made.attributes["AllocationId"])


@provides
class NatGateway(Ec2Provider):
    """NAT gateway, of a subnet or of the whole VPC."""

    type = "AWS::EC2::NatGateway"
    known = frozenset({"AllocationId", "AvailabilityMode", "ConnectivityType", "SubnetId", "Tags", "VpcId"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        regional = properties.get("AvailabilityMode") == "regional"
        given: dict[str, Any] = {"AllocationId": properties.get("AllocationId")}
        if regional:
            # moto's NAT gateways all stand in a subnet; a regional one is told apart by its VPC and mode.
            found = call("ec2", "describe_subnets", Filters=[{"Name": "vpc-id", "Values": [properties["VpcId"]]}])
            given["SubnetId"] = find(found["Subnets"], "InvalidVpcID.NotFound", "a subnet of the VPC")["SubnetId"]
        else:
            given["SubnetId"] = properties["SubnetId"]
        made = call(
            "ec2",
            "create_nat_gateway",
            ConnectivityType=properties.get("ConnectivityType"),
            TagSpecifications=tag_specifications("natgateway", properties),
            **given,
        )["NatGateway"]
        return PhysicalResource(physical_id=made["NatGatewayId"], attributes={"NatGatewayId": made["NatGatewayId"]})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answer = call("ec2", "describe_nat_gateways", NatGatewayIds=[made.physical_id])["NatGateways"]
        standing = [gateway for gateway in answer if gateway["State"] != "deleted"]
        return find(standing, "NatGatewayNotFound", made.physical_id)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_nat_gateway", NatGatewayId=made.physical_id)


@provides
class RouteTable(Ec2Provider):
    """Route table."""

    type = "AWS::EC2::RouteTable"
    known = frozenset({"Tags", "VpcId"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        specifications = tag_specifications("route-table", properties)
        made = call("ec2", "create_route_table", VpcId=properties["VpcId"], TagSpecifications=specifications)[
            "RouteTable"
        ]
        return PhysicalResource(physical_id=made["RouteTableId"], attributes={"RouteTableId": made["RouteTableId"]})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_route_tables", RouteTableIds=[made.physical_id])["RouteTables"]
        return find(found, "InvalidRouteTableID.NotFound", made.physical_id)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_route_table", RouteTableId=made.physical_id)


@provides
class Route(Provider):
    """Route."""

    type = "AWS::EC2::Route"
    known = frozenset({"DestinationCidrBlock", "DestinationIpv6CidrBlock", "GatewayId", "NatGatewayId", "RouteTableId"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        call("ec2", "create_route", **properties)
        destination = _destination(properties)
        return PhysicalResource(
            physical_id=f"{properties['RouteTableId']}|{destination}", attributes={"CidrBlock": destination}
        )

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        table = call("ec2", "describe_route_tables", RouteTableIds=[properties["RouteTableId"]])["RouteTables"][0]
        mine = [
            route
            for route in table["Routes"]
            if _destination(properties) in {route.get("DestinationCidrBlock"), route.get("DestinationIpv6CidrBlock")}
        ]
        return find(mine, "InvalidRoute.NotFound", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        call("ec2", "replace_route", **new)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        keys = ("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock")
        call("ec2", "delete_route", **{key: properties[key] for key in keys if key in properties})


@provides
class SubnetRouteTableAssociation(Provider):
    """Route table of a subnet."""

    type = "AWS::EC2::SubnetRouteTableAssociation"
    known = frozenset({"RouteTableId", "SubnetId"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        answer = call("ec2", "associate_route_table", **properties)
        return PhysicalResource(physical_id=answer["AssociationId"], attributes={"Id": answer["AssociationId"]})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        table = call("ec2", "describe_route_tables", RouteTableIds=[properties["RouteTableId"]])["RouteTables"][0]
        mine = [a for a in table["Associations"] if a["RouteTableAssociationId"] == made.physical_id]
        return find(mine, "InvalidAssociationID.NotFound", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        answer = call(
            "ec2", "replace_route_table_association", AssociationId=made.physical_id, RouteTableId=new["RouteTableId"]
        )
        made.physical_id = answer["NewAssociationId"]

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "disassociate_route_table", AssociationId=made.physical_id)


def _destination(properties: Properties) -> str:
    for key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
        if key in properties:
            return str(properties[key])
    raise Refusal("MissingParameter", "a route needs a destination")
