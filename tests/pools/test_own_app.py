"""Pools in somebody's own app: looked-up networks, names of types as CDK has them, tags of the app."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Match, Template

from helpers.fleet import LAUNCH_TEMPLATE, NODE_GROUP, Site, instance_block, only, ultraserver_block
from ultrafleet.capacity import CapacityBlock, OnDemandCapacityReservation
from ultrafleet.catalog import Fabric, InstanceType, UltraServerType
from ultrafleet.cluster import FleetCluster
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.network import EfaSecurityGroup
from ultrafleet.pools import AcceleratorPool, NodeOptions, UltraServerPool
from ultrafleet.training import LustreFileSystem


def own_stack() -> cdk.Stack:
    app = cdk.App(builtin_cloud_formation_validation=False)
    return cdk.Stack(app, "Own", env=cdk.Environment(account="111122223333", region="us-east-1"))


def looked_up(stack: cdk.Stack) -> ec2.IVpc:
    return ec2.Vpc.from_lookup(stack, "Vpc", vpc_id="vpc-0aaaaaaaaaaaaaaa1")


def new_vpc(stack: cdk.Stack) -> ec2.IVpc:
    return ec2.Vpc(stack, "Vpc", max_azs=2)


@pytest.mark.parametrize("made", [looked_up, new_vpc])
def test_a_network_before_its_lookup_is_no_error(made: Callable[[cdk.Stack], ec2.IVpc]) -> None:
    stack = own_stack()
    vpc = made(stack)
    cluster = FleetCluster(
        stack,
        "Cluster",
        cluster_name="own",
        kubernetes_version="1.35",
        vpc=vpc,
        control_plane_subnets=vpc.private_subnets,
    )
    common: dict[str, Any] = {
        "cluster": cluster,
        "subnet": vpc.private_subnets[0],
        "security_groups": [EfaSecurityGroup(stack, "Efa", vpc=vpc).security_group],
    }
    reservation = OnDemandCapacityReservation(
        stack,
        "Reservation",
        instance_type="p5.48xlarge",
        instance_count=2,
        availability_zone=vpc.availability_zones[0],
    )
    AcceleratorPool(
        stack, "h100", pool_name="h100", instance_type="p5.48xlarge", nodes=2, reservation=reservation, **common
    )
    UltraServerPool(
        stack,
        "rack",
        pool_name="rack",
        ultraserver_type="u-p6e-gb200x72",
        blocks=[ultraserver_block()],
        **common,
    )
    LustreFileSystem(
        stack,
        "Files",
        subnet=vpc.private_subnets[0],
        security_groups=common["security_groups"],
        capacity_gib=4800,
    )
    Template.from_stack(stack).resource_count_is(NODE_GROUP, 2)


def test_a_zone_that_is_known_still_counts() -> None:
    stack = own_stack()
    site = Site(stack)
    with pytest.raises(FleetError, match="in us-east-1a, expected us-east-1-dfw-2a, where its capacity is"):
        site.ultraserver_pool(subnet=site.regular)


@pytest.mark.parametrize("named", ["p5en.48xlarge", ec2.InstanceType("p5en.48xlarge"), InstanceType.P5EN_48XLARGE])
def test_a_type_is_taken_in_each_way_of_naming_it(site: Site, named: Any) -> None:
    made = site.accelerator_pool(instance_type=named)
    assert made.instance_type is InstanceType.P5EN_48XLARGE
    assert only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]["InstanceType"] == "p5en.48xlarge"


NOT_ALONE = {entry for entry in InstanceType.all() if entry.is_ultraserver_member}
WITHOUT_A_KUBERNETES_RESOURCE = {"dl2q.24xlarge"}


@pytest.mark.parametrize("named", sorted({str(entry) for entry in InstanceType.all() if entry not in NOT_ALONE}))
def test_every_single_type_of_the_catalog_is_a_pool(site: Site, named: str) -> None:
    if named in WITHOUT_A_KUBERNETES_RESOURCE:
        with pytest.raises(UnknownFactError, match="pass taints"):
            site.accelerator_pool(instance_type=named)
        return
    site.accelerator_pool(instance_type=named)
    data = only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
    efa = [item for item in data["NetworkInterfaces"] if item["InterfaceType"] != "interface"]
    assert bool(efa) == bool(InstanceType.of(named).max_efa_interfaces)


def test_a_pool_of_a_type_without_efa_has_the_primary_interface_alone(site: Site) -> None:
    made = site.accelerator_pool(instance_type="g5.xlarge")
    (interface,) = only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]["NetworkInterfaces"]
    assert (interface["NetworkCardIndex"], interface["DeviceIndex"]) == (0, 0)
    assert made.kubernetes_nodes.efa_interfaces == 0


def test_a_graviton_node_with_gpus_is_no_grace(site: Site) -> None:
    site.accelerator_pool(instance_type="g5g.16xlarge")
    assert only(site.stack, NODE_GROUP)["AmiType"] == "AL2023_ARM_64_NVIDIA"
    assert "imex" not in str(only(site.stack, LAUNCH_TEMPLATE))


@pytest.mark.parametrize("fabric", [Fabric.EFA, Fabric.ROCE])
def test_fails_a_fabric_of_a_type_without_one(site: Site, fabric: Fabric) -> None:
    with pytest.raises(FleetError, match=r"g5\.xlarge"):
        site.accelerator_pool(instance_type="g5.xlarge", fabric=fabric)


def test_a_block_and_a_reservation_take_names_too(site: Site) -> None:
    block = instance_block()
    same = CapacityBlock.from_instance_reservation(
        capacity_reservation_id=block.capacity_reservation_id,
        instance_type=str(block.instance_type),
        instance_count=block.instance_count,
        availability_zone=block.availability_zone,
        start=block.start,
        end=block.end,
    )
    assert same == block
    site.ultraserver_pool(ultraserver_type="u-p6e-gb200x72")
    imported = OnDemandCapacityReservation.from_capacity_reservation_id(
        capacity_reservation_id="cr-00000000000000009",
        instance_type="p5.48xlarge",
        instance_count=1,
        availability_zone="us-east-1a",
    )
    assert imported.instance_type is InstanceType.P5_48XLARGE


@pytest.mark.parametrize("named", [5, None])
def test_fails_an_ultraserver_that_is_no_name(named: Any) -> None:
    with pytest.raises(FleetError, match=r"expected an UltraServerType of ultrafleet\.catalog, or its name"):
        UltraServerType.from_name(named)


def tag_sets(stack: cdk.Stack) -> list[dict[str, str]]:
    specifications = only(stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]["TagSpecifications"]
    assert [item["ResourceType"] for item in specifications] == ["instance", "network-interface", "volume"]
    return [{tag["Key"]: tag["Value"] for tag in item["Tags"]} for item in specifications]


def test_tags_of_the_app_reach_what_carries_the_cost(site: Site) -> None:
    site.ultraserver_pool(options=NodeOptions(tags={"team": "research"}))
    cdk.Tags.of(site.stack).add("cost-center", "42")
    cdk.Tags.of(site.stack).add("team", "of the app")
    name = {"Name": "research-rack-a-cr-00000000000000001"}
    assert tag_sets(site.stack) == [{"cost-center": "42", "team": "research", **name}] * 3
    tags = only(site.stack, NODE_GROUP)["Tags"]
    assert tags["cost-center"] == "42"
    assert tags["team"] == "research", "the pool's own tag goes over the app's"
    assert tags["ultrafleet:capacity-reservation"] == "cr-00000000000000001"


def test_tags_of_one_pool_reach_no_other(site: Site) -> None:
    made = site.accelerator_pool()
    site.ultraserver_pool()
    cdk.Tags.of(made).add("cost-center", "42")
    groups = Template.from_stack(site.stack).find_resources(NODE_GROUP)
    assert sorted("cost-center" in group["Properties"]["Tags"] for group in groups.values()) == [False, True]


def test_tags_may_leave_pools_out(site: Site) -> None:
    site.accelerator_pool()
    cdk.Tags.of(site.stack).add("cost-center", "42", exclude_resource_types=["AWS::EC2::LaunchTemplate"])
    assert not only(site.stack, NODE_GROUP).get("Tags")


def test_tags_of_the_app_reach_a_reservation(site: Site) -> None:
    OnDemandCapacityReservation(
        site.stack, "Reservation", instance_type="p5.48xlarge", instance_count=2, availability_zone="us-east-1a"
    )
    cdk.Tags.of(site.stack).add("cost-center", "42")
    Template.from_stack(site.stack).has_resource_properties(
        "AWS::EC2::CapacityReservation",
        {
            "TagSpecifications": [
                {"ResourceType": "capacity-reservation", "Tags": [{"Key": "cost-center", "Value": "42"}]}
            ]
        },
    )


def test_without_tags_of_the_app_a_template_has_none(site: Site) -> None:
    OnDemandCapacityReservation(
        site.stack, "Reservation", instance_type="p5.48xlarge", instance_count=2, availability_zone="us-east-1a"
    )
    Template.from_stack(site.stack).has_resource_properties(
        "AWS::EC2::CapacityReservation", {"TagSpecifications": Match.absent()}
    )


TOKENS: list[tuple[str, Callable[[Site], dict[str, Any]]]] = [
    ("pool_name", lambda _: {"pool_name": cdk.Token.as_string({"Ref": "P"})}),
    ("workload", lambda _: {"workload": cdk.Token.as_string({"Ref": "P"})}),
    ("nodes", lambda _: {"nodes": cdk.Token.as_number({"Ref": "P"})}),
    ("launch_template_version", lambda _: {"launch_template_version": cdk.Token.as_number({"Ref": "P"})}),
    ("max_pods", lambda _: {"options": NodeOptions(max_pods=cdk.Token.as_number({"Ref": "P"}))}),  # type: ignore[arg-type]
    ("labels", lambda _: {"options": NodeOptions(labels={"a": cdk.Token.as_string({"Ref": "P"})})}),
]


@pytest.mark.parametrize("given", [given for _, given in TOKENS], ids=[name for name, _ in TOKENS])
def test_fails_a_token_as_a_token(site: Site, given: Callable[[Site], dict[str, Any]]) -> None:
    with pytest.raises(FleetError, match=r"a token, known at deployment only, expected .*: pass a plain") as error:
        site.accelerator_pool(**given(site))
    assert "Token[" not in str(error.value)
    assert "e+289" not in str(error.value)
