"""Things that tests of pools and capacity are made of."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from ultrafleet.capacity import CapacityBlock
from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.pools import AcceleratorPool, UltraServerPool

DALLAS = "us-east-1-dfw-2a"
START = datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
WEEK = timedelta(days=7)


def ultraserver_block(
    number: int = 1, *, ultraserver: UltraServerType = UltraServerType.U_P6E_GB200X72, zone: str = DALLAS, **given: Any
) -> CapacityBlock:
    return CapacityBlock.from_ultraserver_reservation(
        **{
            "capacity_reservation_id": f"cr-{number:017x}",
            "ultraserver_type": ultraserver,
            "availability_zone": zone,
            "start": START,
            "end": START + WEEK,
            **given,
        }
    )


def instance_block(number: int = 1, **given: Any) -> CapacityBlock:
    return CapacityBlock.from_instance_reservation(
        **{
            "capacity_reservation_id": f"cr-{number:017x}",
            "instance_type": InstanceType.P5EN_48XLARGE,
            "instance_count": 4,
            "availability_zone": "us-east-1a",
            "start": START,
            "end": START + WEEK,
            **given,
        }
    )


class Site:
    """A caller's own cluster, subnets, security group and role, all imported."""

    def __init__(self, stack: cdk.Stack) -> None:
        self.stack = stack
        self.cluster = eks.Cluster.from_cluster_attributes(
            stack, "Cluster", cluster_name="research", cluster_security_group_id="sg-cluster"
        )
        self.efa = ec2.SecurityGroup.from_security_group_id(stack, "Efa", "sg-efa", mutable=False)
        self.role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/node", mutable=False)
        self.dallas = self.subnet("Dallas", zone=DALLAS)
        self.regular = self.subnet("Regular", zone="us-east-1a")

    def subnet(self, name: str, *, zone: str, cidr: str | None = None) -> ec2.ISubnet:
        return ec2.Subnet.from_subnet_attributes(
            self.stack,
            name,
            subnet_id=f"subnet-{name.lower()}",
            availability_zone=zone,
            route_table_id="rtb-1",
            ipv4_cidr_block=cidr,
        )

    def ultraserver_pool(self, **given: Any) -> UltraServerPool:
        return UltraServerPool(
            self.stack,
            "Rack",
            **{
                "cluster": self.cluster,
                "pool_name": "rack-a",
                "ultraserver_type": UltraServerType.U_P6E_GB200X72,
                "blocks": [ultraserver_block()],
                "subnet": self.dallas,
                "security_groups": [self.efa],
                "node_role": self.role,
                **given,
            },
        )

    def accelerator_pool(self, **given: Any) -> AcceleratorPool:
        return AcceleratorPool(
            self.stack,
            "Pool",
            **{
                "cluster": self.cluster,
                "pool_name": "h200",
                "instance_type": InstanceType.P5EN_48XLARGE,
                "nodes": 4,
                "subnet": self.regular,
                "security_groups": [self.efa],
                "node_role": self.role,
                **given,
            },
        )


LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
NODE_GROUP = "AWS::EKS::Nodegroup"


def only(stack: cdk.Stack, resource_type: str) -> dict[str, Any]:
    ((_, resource),) = Template.from_stack(stack).find_resources(resource_type).items()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def interfaces(stack: cdk.Stack) -> list[tuple[int, int, str]]:
    data = only(stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
    return [(i["NetworkCardIndex"], i["DeviceIndex"], i["InterfaceType"]) for i in data["NetworkInterfaces"]]


def user_data(stack: cdk.Stack) -> str:
    separator, lines = only(stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"]
    return str(separator).join(lines)
