"""Secondary networks: the construct, the pools in it, and what CloudFormation lacks today."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from ultrafleet.catalog.limits import SECONDARY_NETWORK_REGIONS
from ultrafleet.errors import FleetError
from ultrafleet.network import SecondaryNetwork
from ultrafleet.secondary_network_function import ACTIONS, SECONDARY_SUBNET


def made(region: str = "us-west-2", **given: Any) -> Template:
    app = cdk.App(context={"@aws-cdk/core:enablePartitionLiterals": True})
    stack = cdk.Stack(app, "Net", env=cdk.Environment(account="111122223333", region=region))
    SecondaryNetwork(stack, "Secondary", cidr="172.16.0.0/16", availability_zone=f"{region}b", **given)
    return Template.from_stack(stack)


@pytest.mark.parametrize("region", SECONDARY_NETWORK_REGIONS.value.split())
def test_cloudformation_has_secondary_networks_and_nothing_else_of_them(region: str) -> None:
    """Fails when CloudFormation gets the types: the function of secondary networks isn't needed any more, then."""
    types = PROVIDER_SCHEMA_MANAGER.get_resource_types(region)
    has = {name for name in types if name.startswith("AWS::EC2::Secondary")}
    assert has == {"AWS::EC2::SecondaryNetwork"}, "CloudFormation has more of secondary networks: see record 40"
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, "AWS::EC2::LaunchTemplate").schema
    data = schema["definitions"]["LaunchTemplateData"]["properties"]
    assert "SecondaryInterfaces" not in data, "launch templates have secondary interfaces: see record 40"


def test_other_regions_are_those_that_the_catalog_says() -> None:
    regions = {"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-south-1", "eu-central-1", "ap-northeast-1"}
    has = {
        region
        for region in regions
        if "AWS::EC2::SecondaryNetwork" in PROVIDER_SCHEMA_MANAGER.get_resource_types(region)
    }
    assert has == set(SECONDARY_NETWORK_REGIONS.value.split())


def test_cdk_has_no_class_of_what_the_function_makes() -> None:
    names = {name for name in dir(ec2) if "Secondary" in name and name.startswith("Cfn")}
    assert names == {"CfnSecondaryNetwork", "CfnSecondaryNetworkProps"}, "see record 40"
    assert not hasattr(ec2.CfnLaunchTemplate, "SecondaryInterfaceProperty"), "see record 40"


class TestConstruct:
    def test_a_network_with_its_subnets_that_are_retained(self) -> None:
        template = made(subnet_count=4)
        template.has_resource(
            "AWS::EC2::SecondaryNetwork",
            {
                "Properties": {"Ipv4CidrBlock": "172.16.0.0/16", "NetworkType": "rdma"},
                "DeletionPolicy": "RetainExceptOnCreate",
                "UpdateReplacePolicy": "Retain",
            },
        )
        subnets = template.find_resources(SECONDARY_SUBNET).values()
        assert [item["Properties"]["Ipv4CidrBlock"] for item in subnets] == [
            f"172.16.{number * 64}.0/18" for number in range(4)
        ]
        assert {item["DeletionPolicy"] for item in subnets} == {"RetainExceptOnCreate"}

    def test_an_existing_network_is_used_in_any_region(self) -> None:
        template = made("us-east-2", secondary_network_id="sn-0123456789abcdef0")
        template.resource_count_is("AWS::EC2::SecondaryNetwork", 0)
        template.all_resources_properties(SECONDARY_SUBNET, {"SecondaryNetworkId": "sn-0123456789abcdef0"})

    def test_fails_in_a_region_without_the_type(self) -> None:
        with pytest.raises(FleetError, match="to be made in us-east-2"):
            made("us-east-2")

    def test_the_role_has_the_actions_of_the_function_and_its_log_alone(self) -> None:
        (role,) = made().find_resources("AWS::IAM::Role").values()
        assert "ManagedPolicyArns" not in role["Properties"]
        statements = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        stated = [(statement["Action"], statement.get("Condition")) for statement in statements]
        actions = [one for action, _ in stated for one in ([action] if isinstance(action, str) else action)]
        assert sorted(actions) == sorted([*ACTIONS, "logs:CreateLogStream", "logs:PutLogEvents"])
        assert [action for action, condition in stated if condition is None] == [
            ["logs:CreateLogStream", "logs:PutLogEvents"]
        ]
