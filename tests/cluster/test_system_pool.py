"""System nodes and the role of all nodes."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template
from syrupy.assertion import SnapshotAssertion

from ultrafleet.capacity import PlacementGroup, PlacementStrategy
from ultrafleet.cluster import SystemPool, create_node_role
from ultrafleet.errors import FleetError


def make(stack: cdk.Stack, **properties: Any) -> SystemPool:
    cluster = eks.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="fleet")
    subnet = ec2.Subnet.from_subnet_attributes(
        stack, "Subnet", subnet_id="subnet-0123456789abcdef0", route_table_id="rtb-0123456789abcdef0"
    )
    return SystemPool(stack, "Pool", cluster=cluster, **{"subnets": [subnet], **properties})


def test_minimal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    make(stack)
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_maximal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    make(
        stack,
        node_role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/node"),
        instance_types=["m8g.xlarge", "m7g.xlarge"],
        min_size=3,
        max_size=6,
        desired_size=3,
        root_volume_gib=100,
        metadata_hop_limit=2,
        placement_group=PlacementGroup(stack, "Placement", strategy=PlacementStrategy.SPREAD),
        release_version="1.34.2-20261101",
        labels={"team": "platform"},
    )
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_nodes_are_locked_down(stack: cdk.Stack) -> None:
    make(stack)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::EC2::LaunchTemplate",
        {
            "LaunchTemplateData": {
                "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
                "BlockDeviceMappings": [{"Ebs": {"Encrypted": True, "VolumeType": "gp3"}}],
                "KeyName": Match.absent(),
                "SecurityGroupIds": Match.absent(),
                # EKS refuses a template that has one of these.
                "IamInstanceProfile": Match.absent(),
                "NetworkInterfaces": Match.absent(),
            }
        },
    )
    template.has_resource_properties(
        "AWS::EKS::Nodegroup",
        {"RemoteAccess": Match.absent(), "Taints": Match.absent(), "Labels": {"ultrafleet/pool": "system"}},
    )


def test_can_be_replaced_because_it_has_no_name(stack: cdk.Stack) -> None:
    make(stack)
    Template.from_stack(stack).has_resource_properties("AWS::EKS::Nodegroup", {"NodegroupName": Match.absent()})


@pytest.mark.parametrize(
    ("instance_types", "ami_type"),
    [
        (["m7i.xlarge"], "AL2023_x86_64_STANDARD"),
        (["m8g.xlarge", "c7gn.2xlarge"], "AL2023_ARM_64_STANDARD"),
    ],
)
def test_image_follows_the_architecture(stack: cdk.Stack, instance_types: list[str], ami_type: str) -> None:
    make(stack, instance_types=instance_types)
    Template.from_stack(stack).has_resource_properties("AWS::EKS::Nodegroup", {"AmiType": ami_type})


def test_nodes_wait_for_the_routes_of_their_subnets(stack: cdk.Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    make(stack, subnets=vpc.private_subnets)
    template = Template.from_stack(stack)
    (group,) = template.find_resources("AWS::EKS::Nodegroup").values()
    nat_routes = template.find_resources("AWS::EC2::Route", {"Properties": {"NatGatewayId": Match.any_value()}})
    assert nat_routes
    assert set(nat_routes) <= set(group["DependsOn"])


def test_node_role_is_enough_for_nodeadm_and_has_no_cni_rights(stack: cdk.Stack) -> None:
    make(stack)
    (role,) = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    (policy,) = role["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert set(statement["Action"]) == {"ec2:DescribeInstances", "ec2:DescribeInstanceTypes"}
    names = json.dumps(role["Properties"]["ManagedPolicyArns"])
    assert "AmazonEKSWorkerNodeMinimalPolicy" in names
    assert "AmazonEC2ContainerRegistryPullOnly" in names
    assert "CNI" not in names
    assert "SSM" not in names
    assert role["DeletionPolicy"] == "RetainExceptOnCreate"


def test_node_role_takes_more_only_when_asked(stack: cdk.Stack) -> None:
    create_node_role(
        stack,
        "NodeRole",
        role_name="fleet-node",
        cni_permissions=True,
        ssm_sessions=True,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    (role,) = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    names = json.dumps(role["Properties"]["ManagedPolicyArns"])
    assert "AmazonEKS_CNI_Policy" in names
    assert "AmazonSSMManagedInstanceCore" in names
    assert role["Properties"]["RoleName"] == "fleet-node"
    assert role["DeletionPolicy"] == "Delete"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"subnets": []}, "subnets is empty"),
        ({"instance_types": []}, "instance_types is empty"),
        ({"instance_types": ["m7i.xlarge", "m8g.xlarge"]}, "m7i.xlarge x86_64, m8g.xlarge arm_64, expected one"),
        ({"instance_types": ["large"]}, r"instance_types is \['large'\], expected ordinary instance types"),
        ({"min_size": 3, "desired_size": 2}, "min_size is 3, desired_size 2, max_size 4"),
        ({"desired_size": 9}, "desired_size 9, max_size 4"),
        ({"min_size": 0, "desired_size": 0, "max_size": 0}, "max_size >= 1"),
        ({"root_volume_gib": 8}, "root_volume_gib is 8, expected 20 to 65536"),
        ({"metadata_hop_limit": 0}, "metadata_hop_limit is 0, expected 1 to 64"),
        ({"labels": {"ultrafleet/pool": "mine"}}, "'ultrafleet/pool', expected none that the pool sets itself"),
    ],
)
def test_fails_with_bad_input(stack: cdk.Stack, properties: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        make(stack, **properties)


def test_fails_with_instance_type_tokens(stack: cdk.Stack) -> None:
    token = cdk.CfnParameter(stack, "Type").value_as_string
    with pytest.raises(FleetError, match="instance_types has a token"):
        make(stack, instance_types=[token])


def test_numbers_may_be_tokens(stack: cdk.Stack) -> None:
    number = cdk.CfnParameter(stack, "Size", type="Number").value_as_number
    make(stack, min_size=number, desired_size=number, max_size=number, root_volume_gib=number)
    Template.from_stack(stack).has_resource_properties(
        "AWS::EKS::Nodegroup", {"ScalingConfig": {"MinSize": {"Ref": "Size"}}}
    )
