"""EC2 resource types as a table: create, describe and delete calls with the paths of ids and attributes."""

import json
from typing import Any, Final

from ultrafleet.catalog.limits import LAUNCH_TEMPLATE_NAME_CHARACTERS
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PROVIDERS,
    PhysicalResource,
    Properties,
    ResourceContext,
    find,
    is_true,
)
from ultrafleet.rehearsal.cloudformation.providers.ec2_provider import Ec2Provider, Ec2Type


def _vpc_dns(call: Calls, vpc_id: str, properties: Properties) -> None:
    for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
        if attribute in properties:
            value = {attribute: {"Value": is_true(properties[attribute])}}
            call("ec2", "modify_vpc_attribute", VpcId=vpc_id, **value)


def _finish_vpc(call: Calls, vpc_id: str, properties: Properties) -> dict[str, Any]:
    _vpc_dns(call, vpc_id, properties)
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    groups = call("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"]
    return {"DefaultSecurityGroup": next(group["GroupId"] for group in groups if group["GroupName"] == "default")}


def _map_public_ip(call: Calls, subnet_id: str, properties: Properties) -> dict[str, Any]:
    value = is_true(properties.get("MapPublicIpOnLaunch", False))
    call("ec2", "modify_subnet_attribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": value})
    return {}


def _update_subnet(call: Calls, resource: PhysicalResource, _: Properties, new: Properties) -> None:
    _map_public_ip(call, resource.physical_id, new)


def _endpoint_policy(_call: Calls, _context: ResourceContext, properties: Properties) -> dict[str, Any]:
    return {"PolicyDocument": json.dumps(properties["PolicyDocument"])} if "PolicyDocument" in properties else {}


def _update_endpoint(call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
    changes: dict[str, Any] = {}
    for key in ("SubnetIds", "SecurityGroupIds", "RouteTableIds"):
        before, after = set(old.get(key, [])), set(new.get(key, []))
        changes |= {f"Add{key}": sorted(after - before), f"Remove{key}": sorted(before - after)}
    call("ec2", "modify_vpc_endpoint", VpcEndpointId=resource.physical_id, **{k: v for k, v in changes.items() if v})


def _nat_gateway_subnet(call: Calls, _: ResourceContext, properties: Properties) -> dict[str, Any]:
    given = {key: properties.get(key) for key in ("AllocationId", "ConnectivityType", "SubnetId")}
    if properties.get("AvailabilityMode") == "regional":
        # Every NAT gateway of moto's is in a subnet; a regional one differs by its VPC and mode.
        filters = [{"Name": "vpc-id", "Values": [properties["VpcId"]]}]
        subnets = call("ec2", "describe_subnets", Filters=filters)["Subnets"]
        given["SubnetId"] = find(subnets, "InvalidVpcID.NotFound", "a subnet of the VPC")["SubnetId"]
    return given


def _reservation_attributes(_call: Calls, _reservation_id: str, properties: Properties) -> dict[str, Any]:
    return {key: properties.get(key) for key in ("AvailabilityZone", "InstanceType", "Tenancy")}


def _update_reservation(call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
    changed = {key: new[key] for key in _RESERVATION_UPDATES if key in new and old.get(key) != new[key]}
    call("ec2", "modify_capacity_reservation", CapacityReservationId=resource.physical_id, **changed)


def _update_launch_template(call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
    """Create a new version of a launch template and keep its default version."""
    if any(old.get(key) != new.get(key) for key in ("LaunchTemplateData", "VersionDescription")):
        call(
            "ec2",
            "create_launch_template_version",
            LaunchTemplateId=resource.physical_id,
            LaunchTemplateData=new["LaunchTemplateData"],
            VersionDescription=new.get("VersionDescription"),
        )
    answer = call("ec2", "describe_launch_templates", LaunchTemplateIds=[resource.physical_id])
    for name in _TEMPLATE_ATTRIBUTES:
        resource.attributes[name] = str(answer["LaunchTemplates"][0][name])


_RESERVATION_UPDATES: Final = ("InstanceCount", "EndDate", "EndDateType", "InstanceMatchCriteria")
_TEMPLATE_ATTRIBUTES: Final = ("LaunchTemplateId", "LatestVersionNumber", "DefaultVersionNumber")

EC2_TYPES: Final = (
    Ec2Type(
        type="AWS::EC2::VPC",
        known=frozenset({"CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"}),
        create="create_vpc",
        later=frozenset({"EnableDnsHostnames", "EnableDnsSupport"}),
        tags="vpc",
        id="Vpc.VpcId",
        attributes={"VpcId": "Vpc.VpcId", "CidrBlock": "Vpc.CidrBlock"},
        finish=_finish_vpc,
        describe=("describe_vpcs", "VpcIds", "Vpcs[0]"),
        not_found="InvalidVpcID.NotFound",
        updatable=("EnableDnsHostnames", "EnableDnsSupport"),
        update=lambda call, resource, _, new: _vpc_dns(call, resource.physical_id, new),
        delete=("delete_vpc", "VpcId"),
    ),
    Ec2Type(
        type="AWS::EC2::Subnet",
        known=frozenset({"AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"}),
        create="create_subnet",
        later=frozenset({"MapPublicIpOnLaunch"}),
        tags="subnet",
        id="Subnet.SubnetId",
        attributes={
            key: f"Subnet.{key}"
            for key in ("SubnetId", "AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId")
        },
        finish=_map_public_ip,
        describe=("describe_subnets", "SubnetIds", "Subnets[0]"),
        not_found="InvalidSubnetID.NotFound",
        updatable=("MapPublicIpOnLaunch",),
        update=_update_subnet,
        delete=("delete_subnet", "SubnetId"),
    ),
    Ec2Type(
        type="AWS::EC2::SecondaryNetwork",
        known=frozenset({"Ipv4CidrBlock", "NetworkType", "Tags"}),
        create="create_secondary_network",
        tags="secondary-network",
        id="SecondaryNetwork.SecondaryNetworkArn",
        attributes={
            key: f"SecondaryNetwork.{key}" for key in ("OwnerId", "SecondaryNetworkArn", "SecondaryNetworkId")
        },
        handle="SecondaryNetworkId",
        describe=("describe_secondary_networks", "SecondaryNetworkIds", "SecondaryNetworks[0]"),
        not_found="InvalidSecondaryNetworkId.NotFound",
        delete=("delete_secondary_network", "SecondaryNetworkId"),
    ),
    Ec2Type(
        type="AWS::EC2::FlowLog",
        known=frozenset(
            {
                "DeliverLogsPermissionArn", "LogDestination", "LogDestinationType", "LogFormat", "LogGroupName",
                "MaxAggregationInterval", "ResourceId", "ResourceType", "Tags", "TrafficType",
            }
        ),
        create="create_flow_logs",
        later=frozenset({"ResourceId"}),
        arguments=lambda _, __, properties: {"ResourceIds": [properties["ResourceId"]]},
        tags="vpc-flow-log",
        id="FlowLogIds[0]",
        attributes={"Id": "FlowLogIds[0]"},
        describe=("describe_flow_logs", "FlowLogIds", "FlowLogs[0]"),
        not_found="InvalidFlowLogId.NotFound",
        delete=("delete_flow_logs", "FlowLogIds"),
        delete_many=True,
    ),
    Ec2Type(
        type="AWS::EC2::VPCEndpoint",
        known=frozenset(
            {
                "PolicyDocument", "PrivateDnsEnabled", "RouteTableIds", "SecurityGroupIds", "ServiceName", "SubnetIds",
                "Tags", "VpcEndpointType", "VpcId",
            }
        ),
        create="create_vpc_endpoint",
        later=frozenset({"PolicyDocument"}),
        arguments=_endpoint_policy,
        tags="vpc-endpoint",
        id="VpcEndpoint.VpcEndpointId",
        attributes={"Id": "VpcEndpoint.VpcEndpointId"},
        describe=("describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints[0]"),
        not_found="InvalidVpcEndpointId.NotFound",
        updatable=("SubnetIds", "SecurityGroupIds", "RouteTableIds"),
        update=_update_endpoint,
        delete=("delete_vpc_endpoints", "VpcEndpointIds"),
        delete_many=True,
    ),
    Ec2Type(
        type="AWS::EC2::InternetGateway",
        known=frozenset({"Tags"}),
        create="create_internet_gateway",
        tags="internet-gateway",
        id="InternetGateway.InternetGatewayId",
        attributes={"InternetGatewayId": "InternetGateway.InternetGatewayId"},
        describe=("describe_internet_gateways", "InternetGatewayIds", "InternetGateways[0]"),
        not_found="InvalidInternetGatewayID.NotFound",
        delete=("delete_internet_gateway", "InternetGatewayId"),
    ),
    Ec2Type(
        type="AWS::EC2::EIP",
        known=frozenset({"Domain", "Tags"}),
        create="allocate_address",
        arguments=lambda _, __, properties: {"Domain": properties.get("Domain", "vpc")},
        tags="elastic-ip",
        id="PublicIp",
        attributes={"AllocationId": "AllocationId", "PublicIp": "PublicIp"},
        handle="AllocationId",
        describe=("describe_addresses", "AllocationIds", "Addresses[0]"),
        not_found="InvalidAllocationID.NotFound",
        delete=("release_address", "AllocationId"),
    ),
    Ec2Type(
        type="AWS::EC2::NatGateway",
        known=frozenset({"AllocationId", "AvailabilityMode", "ConnectivityType", "SubnetId", "Tags", "VpcId"}),
        create="create_nat_gateway",
        later=frozenset({"AvailabilityMode", "VpcId"}),
        arguments=_nat_gateway_subnet,
        tags="natgateway",
        id="NatGateway.NatGatewayId",
        attributes={"NatGatewayId": "NatGateway.NatGatewayId"},
        describe=("describe_nat_gateways", "NatGatewayIds", "NatGateways[?State!='deleted'] | [0]"),
        not_found="NatGatewayNotFound",
        delete=("delete_nat_gateway", "NatGatewayId"),
    ),
    Ec2Type(
        type="AWS::EC2::RouteTable",
        known=frozenset({"Tags", "VpcId"}),
        create="create_route_table",
        tags="route-table",
        id="RouteTable.RouteTableId",
        attributes={"RouteTableId": "RouteTable.RouteTableId"},
        describe=("describe_route_tables", "RouteTableIds", "RouteTables[0]"),
        not_found="InvalidRouteTableID.NotFound",
        delete=("delete_route_table", "RouteTableId"),
    ),
    # On demand alone: CloudFormation can't buy a capacity block.
    Ec2Type(
        type="AWS::EC2::CapacityReservation",
        known=frozenset(
            {
                "AvailabilityZone", "EbsOptimized", "EndDate", "EndDateType", "InstanceCount", "InstanceMatchCriteria",
                "InstancePlatform", "InstanceType", "PlacementGroupArn", "TagSpecifications", "Tenancy",
            }
        ),
        create="create_capacity_reservation",
        id="CapacityReservation.CapacityReservationId",
        attributes={
            "Id": "CapacityReservation.CapacityReservationId",
            "Arn": "CapacityReservation.CapacityReservationArn",
            "TotalInstanceCount": "CapacityReservation.TotalInstanceCount",
            "AvailableInstanceCount": "CapacityReservation.AvailableInstanceCount",
        },
        finish=_reservation_attributes,
        describe=(
            "describe_capacity_reservations",
            "CapacityReservationIds",
            "CapacityReservations[?State!='cancelled'] | [0]",
        ),
        not_found="InvalidCapacityReservationId.NotFound",
        updatable=_RESERVATION_UPDATES,
        update=_update_reservation,
        delete=("cancel_capacity_reservation", "CapacityReservationId"),
    ),
    Ec2Type(
        type="AWS::EC2::PlacementGroup",
        known=frozenset({"PartitionCount", "SpreadLevel", "Strategy", "Tags"}),
        create="create_placement_group",
        arguments=lambda _, context, __: {"GroupName": context.name(most=255)},
        tags="placement-group",
        id="PlacementGroup.GroupName",
        attributes={"GroupName": "PlacementGroup.GroupName"},
        describe=("describe_placement_groups", "GroupNames", "PlacementGroups[0]"),
        not_found="InvalidPlacementGroup.Unknown",
        delete=("delete_placement_group", "GroupName"),
    ),
    Ec2Type(
        type="AWS::EC2::LaunchTemplate",
        known=frozenset({"LaunchTemplateData", "LaunchTemplateName", "TagSpecifications", "VersionDescription"}),
        create="create_launch_template",
        arguments=lambda _, context, properties: {
            "LaunchTemplateName": properties.get(
                "LaunchTemplateName", context.name(most=LAUNCH_TEMPLATE_NAME_CHARACTERS.value)
            )
        },
        id="LaunchTemplate.LaunchTemplateId",
        attributes={name: f"to_string(LaunchTemplate.{name})" for name in _TEMPLATE_ATTRIBUTES},
        describe=("describe_launch_templates", "LaunchTemplateIds", "LaunchTemplates[0]"),
        not_found="InvalidLaunchTemplateId.NotFound",
        updatable=("LaunchTemplateData", "VersionDescription", "TagSpecifications"),
        update=_update_launch_template,
        delete=("delete_launch_template", "LaunchTemplateId"),
    ),
)  # fmt: skip

PROVIDERS.update({row.type: Ec2Provider(row) for row in EC2_TYPES})
