"""Subnets in a VPC that exists: they are made, and nothing of the VPC is."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from ultrafleet.errors import FleetError
from ultrafleet.network import SubnetKind, SubnetSpec, VpcSubnets

TABLE = "rtb-0123456789abcdef0"


def spec(name: str, cidr: str = "10.0.16.0/24", kind: SubnetKind = SubnetKind.ACCELERATOR) -> SubnetSpec:
    return SubnetSpec(name=name, kind=kind, availability_zone="us-east-1b", cidr=cidr)


def made(stack: cdk.Stack, *subnets: SubnetSpec, **changed: object) -> VpcSubnets:
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-east-1b"])
    tables = {subnet.name: TABLE for subnet in subnets}
    given = {"subnets": subnets, "route_table_ids": tables, "cidrs": ["10.0.0.0/16"], **changed}
    return VpcSubnets(stack, "Subnets", vpc=vpc, **given)  # type: ignore[arg-type]  # of a test


def test_subnets_and_associations_and_nothing_else(stack: cdk.Stack) -> None:
    network = made(stack, spec("gpu"), spec("more", "10.0.17.0/24", SubnetKind.SYSTEM))
    resources = Template.from_stack(stack).to_json()["Resources"].values()
    assert {item["Type"] for item in resources} == {"AWS::EC2::Subnet", "AWS::EC2::SubnetRouteTableAssociation"}
    for item in resources:
        assert item["DeletionPolicy"] == "RetainExceptOnCreate"
        properties = item["Properties"]
        assert properties.get("VpcId", "vpc-1") == "vpc-1"
        assert properties.get("RouteTableId", TABLE) == TABLE
        assert [tag["Key"] for tag in properties.get("Tags", [])] in ([], ["Name"])  # none that invites load balancers
    assert network.subnet("gpu").availability_zone == "us-east-1b"


@pytest.mark.parametrize(
    ("subnets", "changed", "message"),
    [
        (
            [spec("gpu", "10.1.0.0/24")],
            {},
            r"subnet gpu has 10\.1\.0\.0/24, expected a part of the VPC's 10\.0\.0\.0/16",
        ),
        ([spec("gpu"), spec("more")], {}, "overlap"),
        ([spec("gpu")], {"route_table_ids": {}}, "subnet gpu is of kind accelerator with route table None"),
        ([spec("nat", kind=SubnetKind.NAT)], {}, "subnet nat is of kind nat"),
    ],
)
def test_fails(stack: cdk.Stack, subnets: list[SubnetSpec], changed: dict[str, object], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        made(stack, *subnets, **changed)


def test_fails_on_a_subnet_that_is_not_there(stack: cdk.Stack) -> None:
    with pytest.raises(FleetError, match=r"subnet 'other' is not made here, expected one of gpu"):
        made(stack, spec("gpu")).subnet("other")
