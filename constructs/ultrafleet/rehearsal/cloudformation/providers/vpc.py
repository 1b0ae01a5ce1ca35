"""VPC, subnets and what observes and reaches them."""

import json
from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    only_changed,
    provides,
    tag_specifications,
    update_tags,
)
from ultrafleet.rehearsal.simulated_account import Refusal


def ec2_tags(call: Calls, resource_id: str, old: Properties, new: Properties) -> None:
    """Bring the tags of an EC2 resource from old to new."""
    update_tags(
        old,
        new,
        put=lambda tags: call(
            "ec2", "create_tags", Resources=[resource_id], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
        ),
        drop=lambda keys: call("ec2", "delete_tags", Resources=[resource_id], Tags=[{"Key": key} for key in keys]),
    )


class Ec2Provider(Provider):
    """A resource whose tags are EC2's."""

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        """Tags alone change in place, unless the type says more."""
        only_changed(old, new, "Tags")
        ec2_tags(call, made.physical_id, old, new)


@provides
class Vpc(Ec2Provider):
    """VPC."""

    type = "AWS::EC2::VPC"
    known = frozenset({"CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        made = call(
            "ec2",
            "create_vpc",
            CidrBlock=properties["CidrBlock"],
            InstanceTenancy=properties.get("InstanceTenancy"),
            TagSpecifications=tag_specifications("vpc", properties),
        )["Vpc"]
        vpc_id = made["VpcId"]
        self._set_dns(call, vpc_id, properties)
        groups = call("ec2", "describe_security_groups", Filters=[_filter("vpc-id", vpc_id)])["SecurityGroups"]
        return PhysicalResource(
            physical_id=vpc_id,
            attributes={
                "VpcId": vpc_id,
                "CidrBlock": made["CidrBlock"],
                "DefaultSecurityGroup": next(g["GroupId"] for g in groups if g["GroupName"] == "default"),
            },
        )

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return find(call("ec2", "describe_vpcs", VpcIds=[made.physical_id])["Vpcs"], "InvalidVpcID.NotFound", "vpc")

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        changed = only_changed(old, new, "Tags", "EnableDnsHostnames", "EnableDnsSupport")
        if changed - {"Tags"}:
            self._set_dns(call, made.physical_id, new)
        ec2_tags(call, made.physical_id, old, new)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_vpc", VpcId=made.physical_id)

    @staticmethod
    def _set_dns(call: Calls, vpc_id: str, properties: Properties) -> None:
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            if attribute in properties:
                call(
                    "ec2",
                    "modify_vpc_attribute",
                    VpcId=vpc_id,
                    **{attribute: {"Value": is_true(properties[attribute])}},
                )


@provides
class Subnet(Ec2Provider):
    """Subnet."""

    type = "AWS::EC2::Subnet"
    known = frozenset({"AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        made = call(
            "ec2",
            "create_subnet",
            VpcId=properties["VpcId"],
            CidrBlock=properties["CidrBlock"],
            AvailabilityZone=properties.get("AvailabilityZone"),
            TagSpecifications=tag_specifications("subnet", properties),
        )["Subnet"]
        self._map_public_ip(call, made["SubnetId"], properties)
        return PhysicalResource(
            physical_id=made["SubnetId"],
            attributes={
                key: made.get(key)
                for key in ("SubnetId", "AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId")
            },
        )

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_subnets", SubnetIds=[made.physical_id])["Subnets"]
        return find(found, "InvalidSubnetID.NotFound", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        if "MapPublicIpOnLaunch" in only_changed(old, new, "Tags", "MapPublicIpOnLaunch"):
            self._map_public_ip(call, made.physical_id, new)
        ec2_tags(call, made.physical_id, old, new)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_subnet", SubnetId=made.physical_id)

    @staticmethod
    def _map_public_ip(call: Calls, subnet_id: str, properties: Properties) -> None:
        value = is_true(properties.get("MapPublicIpOnLaunch", False))
        call("ec2", "modify_subnet_attribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": value})


@provides
class FlowLog(Ec2Provider):
    """Flow log of a VPC."""

    type = "AWS::EC2::FlowLog"
    known = frozenset(
        {
            "DeliverLogsPermissionArn", "LogDestination", "LogDestinationType", "LogFormat", "LogGroupName",
            "MaxAggregationInterval", "ResourceId", "ResourceType", "Tags", "TrafficType",
        }
    )  # fmt: skip

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        options = {key: value for key, value in properties.items() if key not in {"ResourceId", "Tags"}}
        answer = call(
            "ec2",
            "create_flow_logs",
            ResourceIds=[properties["ResourceId"]],
            TagSpecifications=tag_specifications("vpc-flow-log", properties),
            **options,
        )
        for problem in answer.get("Unsuccessful", []):
            raise_problem(problem["Error"])
        flow_log_id = answer["FlowLogIds"][0]
        return PhysicalResource(physical_id=flow_log_id, attributes={"Id": flow_log_id})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_flow_logs", FlowLogIds=[made.physical_id])["FlowLogs"]
        return find(found, "InvalidFlowLogId.NotFound", made.physical_id)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_flow_logs", FlowLogIds=[made.physical_id])


@provides
class VpcEndpoint(Ec2Provider):
    """Gateway or interface endpoint."""

    type = "AWS::EC2::VPCEndpoint"
    known = frozenset(
        {
            "PolicyDocument", "PrivateDnsEnabled", "RouteTableIds", "SecurityGroupIds", "ServiceName", "SubnetIds",
            "Tags", "VpcEndpointType", "VpcId",
        }
    )  # fmt: skip

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        options = {key: value for key, value in properties.items() if key not in {"PolicyDocument", "Tags"}}
        policy = properties.get("PolicyDocument")
        made = call(
            "ec2",
            "create_vpc_endpoint",
            PolicyDocument=None if policy is None else json.dumps(policy),
            TagSpecifications=tag_specifications("vpc-endpoint", properties),
            **options,
        )["VpcEndpoint"]
        return PhysicalResource(physical_id=made["VpcEndpointId"], attributes={"Id": made["VpcEndpointId"]})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_vpc_endpoints", VpcEndpointIds=[made.physical_id])["VpcEndpoints"]
        return find(found, "InvalidVpcEndpointId.NotFound", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        changes: dict[str, Any] = {}
        for key, name in (
            ("SubnetIds", "Subnet"),
            ("SecurityGroupIds", "SecurityGroup"),
            ("RouteTableIds", "RouteTable"),
        ):
            before, after = set(old.get(key, [])), set(new.get(key, []))
            if before != after:
                changes |= {f"Add{name}Ids": sorted(after - before), f"Remove{name}Ids": sorted(before - after)}
        only_changed(old, new, "Tags", "SubnetIds", "SecurityGroupIds", "RouteTableIds")
        if changes:
            call(
                "ec2", "modify_vpc_endpoint", VpcEndpointId=made.physical_id, **{k: v for k, v in changes.items() if v}
            )
        ec2_tags(call, made.physical_id, old, new)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_vpc_endpoints", VpcEndpointIds=[made.physical_id])


def _filter(name: str, *values: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


def is_true(value: Any) -> bool:
    """A boolean of a template, where `"true"` is one too."""
    return value in {True, "true", "True"}


def raise_problem(problem: Mapping[str, str]) -> None:
    """An error that a batch call told of one of its items."""
    raise Refusal(problem["Code"], problem["Message"])
