"""An account of the embedded AWS with a VPC, a security group for EFA, and capacity of every kind."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import moto

from ultrafleet.catalog import InstanceType
from ultrafleet.layout import Interface, efa_layout
from ultrafleet.rehearsal import ec2 as rehearsal_ec2
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchRequest
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ACCOUNT = "123456789012"
REGION = "us-east-1"
NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
START = NOW - timedelta(days=1)
END = datetime(2026, 11, 10, 11, 30, tzinfo=UTC)
DALLAS = "us-east-1-dfw-2a"
ULTRASERVER = "cr-0aaaaaaaaaaaaaaa1"
P5EN_BLOCK = "cr-0aaaaaaaaaaaaaaa2"


@dataclass
class Scene:
    """Subnet, template and capacity that tests launch into."""

    ec2: Any
    vpc: str
    subnets: dict[str, str]
    efa_group: str
    reservations: Reservations
    odcr: str = ""
    images: dict[str, str] = field(default_factory=dict)

    def template(
        self, instance_type: InstanceType, *, interfaces: Any = None, target: Any = None, **more: Any
    ) -> dict[str, Any]:
        layout = interfaces if interfaces is not None else efa_layout(instance_type)
        data: dict[str, Any] = {
            "NetworkInterfaces": [self.interface(one) for one in layout],
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "pool", "Value": "one"}]}],
        }
        if target is not None:
            data["CapacityReservationSpecification"] = {"CapacityReservationTarget": target}
        return data | more

    def interface(self, at: Interface, **more: Any) -> dict[str, Any]:
        return {
            "NetworkCardIndex": at.card,
            "DeviceIndex": at.device,
            "InterfaceType": at.interface_type,
            "Groups": [self.efa_group],
            "DeleteOnTermination": True,
        } | more

    def request(
        self, instance_type: str, template: Mapping[str, Any], *, zone: str = "us-east-1a", **more: Any
    ) -> LaunchRequest:
        given: dict[str, Any] = {
            "account_id": ACCOUNT,
            "region": REGION,
            "template": template,
            "instance_type": instance_type,
            "subnet_id": self.subnets.get(zone, zone),
            "ami_architecture": "arm64" if "gb200" in instance_type else "x86_64",
            "tags": {"eks:nodegroup-name": "group"},
        }
        return LaunchRequest(**(given | more))

    def p6e(self, template: Mapping[str, Any] | None = None, **more: Any) -> LaunchRequest:
        """A launch into the UltraServer that nothing is wrong with."""
        data = self.template(InstanceType.P6E_GB200_36XLARGE, target={"CapacityReservationId": ULTRASERVER})
        data |= {"InstanceMarketOptions": {"MarketType": "capacity-block"}} | dict(template or {})
        return self.request("p6e-gb200.36xlarge", data, **({"zone": DALLAS} | more))

    def p5en(self, template: Mapping[str, Any] | None = None, **more: Any) -> LaunchRequest:
        """A launch into the block of p5en that nothing is wrong with."""
        data = self.template(InstanceType.P5EN_48XLARGE, target={"CapacityReservationId": P5EN_BLOCK})
        data |= {"InstanceMarketOptions": {"MarketType": "capacity-block"}} | dict(template or {})
        return self.request("p5en.48xlarge", data, **more)

    def p5(self, template: Mapping[str, Any] | None = None, **more: Any) -> LaunchRequest:
        """A launch on demand that nothing is wrong with."""
        data = self.template(InstanceType.P5_4XLARGE) | dict(template or {})
        return self.request("p5.4xlarge", data, **more)

    def p6_b300(self, template: Mapping[str, Any] | None = None, **more: Any) -> LaunchRequest:
        """A launch into the on-demand reservation in the placement group `close` that nothing is wrong with."""
        data = self.template(InstanceType.P6_B300_48XLARGE, target={"CapacityReservationId": self.odcr})
        data |= {"Placement": {"GroupName": "close"}} | dict(template or {})
        return self.request("p6-b300.48xlarge", data, **more)

    def reserve(self, instance_type: str, **more: Any) -> str:
        given = {
            "InstanceType": instance_type,
            "InstancePlatform": "Linux/UNIX",
            "AvailabilityZone": "us-east-1a",
            "InstanceCount": 2,
            "InstanceMatchCriteria": "targeted",
        }
        made = self.ec2.create_capacity_reservation(**(given | more))["CapacityReservation"]
        return str(made["CapacityReservationId"])

    def shown(self, instance_id: str) -> dict[str, Any]:
        answer = self.ec2.describe_instances(InstanceIds=[instance_id])
        shown: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return shown

    def free_addresses(self, zone: str) -> int:
        answer = self.ec2.describe_subnets(SubnetIds=[self.subnets[zone]])
        return int(answer["Subnets"][0]["AvailableIpAddressCount"])

    def allow_itself(self, group: str, *directions: str) -> None:
        permissions = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
        for direction in directions:
            allow = getattr(self.ec2, f"authorize_security_group_{direction}")
            allow(GroupId=group, IpPermissions=permissions)


@cache
def _client() -> Any:
    return boto3.client("ec2", region_name=REGION)


@contextmanager
def embedded_account() -> Iterator[Scene]:
    with moto.mock_aws():
        SIMULATED_ACCOUNT.reset(now=NOW)
        rehearsal_ec2.install()
        ec2 = _client()
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = {
            zone: ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate(("us-east-1a", "us-east-1c", DALLAS))
        }
        group = ec2.create_security_group(GroupName="efa", Description="efa", VpcId=vpc)["GroupId"]
        reservations = SIMULATED_ACCOUNT.part(Reservations, ACCOUNT, REGION)
        scene = Scene(ec2=ec2, vpc=vpc, subnets=subnets, efa_group=group, reservations=reservations)
        scene.allow_itself(group, "ingress", "egress")
        reservations.seed_block(
            capacity_reservation_id=ULTRASERVER,
            instance_type="p6e-gb200.36xlarge",
            instance_count=18,
            availability_zone=DALLAS,
            start=START,
            end=END,
            ultraserver_type="u-p6e-gb200x72",
        )
        reservations.seed_block(
            capacity_reservation_id=P5EN_BLOCK,
            instance_type="p5en.48xlarge",
            instance_count=2,
            availability_zone="us-east-1a",
            start=START,
            end=END,
        )
        close = ec2.create_placement_group(GroupName="close", Strategy="cluster")["PlacementGroup"]["GroupArn"]
        scene.odcr = scene.reserve("p6-b300.48xlarge", PlacementGroupArn=close)
        yield scene
        SIMULATED_ACCOUNT.reset(now=NOW)
