"""Accelerator pools, and what both kinds of pool refuse of their nodes."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match, Template
from syrupy.assertion import SnapshotAssertion

from helpers.fleet import (
    LAUNCH_TEMPLATE,
    NODE_GROUP,
    START,
    WEEK,
    Site,
    instance_block,
    interfaces,
    only,
    user_data,
)
from ultrafleet.capacity import OnDemandCapacityReservation, PlacementGroup, PlacementStrategy
from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.layout import EfaIntent
from ultrafleet.pools import NodeOptions, Taint
from ultrafleet.rules.block_clock import least_drain_lead_minutes


class TestAcceleratorPool:
    def test_on_demand_has_the_size_it_is_given(self, site: Site) -> None:
        site.accelerator_pool(nodes=3)
        group = only(site.stack, NODE_GROUP)
        assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": 3, "DesiredSize": 3}
        assert group["CapacityType"] == "ON_DEMAND"
        assert "InstanceMarketOptions" not in only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
        assert group["Tags"] == {}
        assert group["NodegroupName"] == "h200"

    def test_on_a_block_it_states_no_size(self, site: Site) -> None:
        site.accelerator_pool(nodes=None, blocks=[instance_block()])
        group = only(site.stack, NODE_GROUP)
        assert group["NodegroupName"] == "h200-cr-00000000000000001"
        assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": 4}
        assert group["CapacityType"] == "CAPACITY_BLOCK"
        assert group["Tags"]["ultrafleet:drain-lead-minutes"] == "60"
        assert "ultrafleet/ultraserver" not in group["Labels"]
        assert "Placement" not in only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]

    def test_without_blocks_its_version_is_the_pool_s(self, site: Site) -> None:
        made = site.accelerator_pool(launch_template_version=2)
        assert only(site.stack, NODE_GROUP)["LaunchTemplate"]["Version"] == "2"
        assert made.node_groups["h200"].launch_template_version == 2

    def test_a_reservation_brings_its_placement_group(self, site: Site) -> None:
        placement = PlacementGroup(site.stack, "Placement", strategy=PlacementStrategy.CLUSTER)
        reservation = OnDemandCapacityReservation(
            site.stack,
            "Reservation",
            instance_type=InstanceType.P6_B300_48XLARGE,
            instance_count=2,
            availability_zone="us-east-1a",
            placement_group=placement,
        )
        site.accelerator_pool(instance_type=InstanceType.P6_B300_48XLARGE, nodes=2, reservation=reservation)
        template = Template.from_stack(site.stack)
        (placement_id,) = template.find_resources("AWS::EC2::PlacementGroup")
        (reservation_id,) = template.find_resources("AWS::EC2::CapacityReservation")
        data = only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
        assert data["Placement"] == {"GroupName": {"Ref": placement_id}}
        assert data["CapacityReservationSpecification"] == {
            "CapacityReservationTarget": {"CapacityReservationId": {"Ref": reservation_id}}
        }
        assert only(site.stack, NODE_GROUP)["CapacityType"] == "ON_DEMAND"

    def test_b300_has_seventeen_interfaces_and_no_efa_on_card_0(self, site: Site) -> None:
        site.accelerator_pool(instance_type=InstanceType.P6_B300_48XLARGE)
        found = interfaces(site.stack)
        assert len(found) == 17
        assert [item for item in found if item[0] == 0] == [(0, 0, "interface")]

    def test_p5en_has_seventeen_interfaces(self, site: Site) -> None:
        site.accelerator_pool()
        assert len(interfaces(site.stack)) == 17

    def test_an_x86_node_gets_no_boot_hook(self, site: Site) -> None:
        site.accelerator_pool()
        assert "cloud-boothook" not in user_data(site.stack)

    def test_a_customer_key_lets_auto_scaling_in(self, site: Site) -> None:
        site.accelerator_pool(options=NodeOptions(root_volume_key=kms.Key(site.stack, "Key")))
        Template.from_stack(site.stack).has_resource_properties(
            "AWS::KMS::Key",
            {
                "KeyPolicy": {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Action": "kms:CreateGrant",
                                    "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
                                    "Principal": {"AWS": Match.any_value()},
                                }
                            )
                        ]
                    )
                }
            },
        )

    def test_an_imported_key_gets_a_warning(self, site: Site) -> None:
        key = kms.Key.from_key_arn(site.stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/1")
        site.accelerator_pool(options=NodeOptions(root_volume_key=key))
        Annotations.from_stack(site.stack).has_warning("/Test/Pool", Match.string_like_regexp("kms:CreateGrant"))

    def test_a_small_gpu_type_by_the_general_rule_of_layouts(self, site: Site) -> None:
        site.accelerator_pool(instance_type=InstanceType.G7E_24XLARGE, blocks=())
        assert interfaces(site.stack) == [(0, 0, "interface"), (0, 1, "efa-only"), (1, 0, "efa-only")]
        assert only(site.stack, NODE_GROUP)["AmiType"] == "AL2023_x86_64_NVIDIA"
        Annotations.from_stack(site.stack).has_info(
            "/Test/Pool", Match.string_like_regexp("published_efa_layout of g7e")
        )

    @pytest.mark.parametrize(("zone", "is_told"), [("us-east-2a", True), ("us-east-1b", False)])
    def test_a_region_without_a_public_price_is_told(self, site: Site, zone: str, is_told: bool) -> None:
        site.accelerator_pool(
            instance_type=InstanceType.P6_B300_48XLARGE, nodes=1, subnet=site.subnet("Other", zone=zone)
        )
        told = Annotations.from_stack(site.stack).find_info(
            "/Test/Pool",
            Match.string_like_regexp("no public on-demand price in the catalog, which has those of us-east-1"),
        )
        assert bool(told) is is_told

    def test_minimal_snapshot(self, site: Site, snapshot_json: SnapshotAssertion) -> None:
        site.accelerator_pool()
        assert Template.from_stack(site.stack).to_json() == snapshot_json

    def test_maximal_snapshot(self, site: Site, snapshot_json: SnapshotAssertion) -> None:
        site.accelerator_pool(
            blocks=[
                instance_block(1, launch_template_version=2),
                instance_block(2, start=START + WEEK, end=START + 2 * WEEK, instance_count=2),
            ],
            workload="inference",
            drain_lead_minutes=75,
            options=NodeOptions(efa_intent=EfaIntent.MAX_IP_BANDWIDTH, tags={"cost-centre": "42"}),
        )
        assert Template.from_stack(site.stack).to_json() == snapshot_json


ACCELERATOR_REFUSALS: list[tuple[str, Callable[[Site], dict[str, Any]], str]] = [
    (
        "Qualcomm accelerators, of which Kubernetes knows no resource",
        lambda _: {"instance_type": InstanceType.DL2Q_24XLARGE, "blocks": ()},
        r"no Kubernetes resource is known for qualcomm \(dl2q\.24xlarge\), expected nvidia or neuron: pass taints",
    ),
    (
        "Qualcomm accelerators, for which EKS has no image",
        lambda _: {
            "instance_type": InstanceType.DL2Q_24XLARGE,
            "blocks": (),
            "options": NodeOptions(taints=[Taint(key="qualcomm", value="true")]),
        },
        r"no AMI type is known for qualcomm on x86_64 \(dl2q\.24xlarge\), expected .*: pass ami_type",
    ),
    (
        "a fabric that the type hasn't",
        lambda _: {"fabric": Fabric.ROCE},
        r"has no fabric roce, expected efa: pass a fabric that it has",
    ),
    (
        "an UltraServer's type on demand",
        lambda _: {"instance_type": InstanceType.TRN2U_48XLARGE},
        "has instance type trn2u.48xlarge, expected one that is sold as single instances",
    ),
    (
        "p6e on demand",
        lambda _: {"instance_type": InstanceType.P6E_GB200_36XLARGE},
        "it comes in whole UltraServers on capacity blocks, use UltraServerPool",
    ),
    (
        "a placement group with a block",
        lambda site: {
            "blocks": [instance_block()],
            "placement_group": PlacementGroup(site.stack, "Placement", strategy=PlacementStrategy.CLUSTER),
        },
        "has a placement group and capacity block cr-.*, expected no placement group .EC2 takes no",
    ),
    (
        "a placement group that is no cluster",
        lambda site: {"placement_group": PlacementGroup(site.stack, "Placement", strategy=PlacementStrategy.SPREAD)},
        "with strategy spread, expected cluster",
    ),
    (
        "a block and a reservation",
        lambda _: {
            "blocks": [instance_block()],
            "reservation": OnDemandCapacityReservation.from_capacity_reservation_id(
                capacity_reservation_id="cr-00000000000000009",
                instance_type=InstanceType.P5EN_48XLARGE,
                instance_count=4,
                availability_zone="us-east-1a",
            ),
        },
        "expected one kind of capacity",
    ),
    (
        "a reservation of another type",
        lambda _: {
            "reservation": OnDemandCapacityReservation.from_capacity_reservation_id(
                capacity_reservation_id="cr-00000000000000009",
                instance_type=InstanceType.P5_48XLARGE,
                instance_count=4,
                availability_zone="us-east-1a",
            )
        },
        "is of p5.48xlarge, expected p5en.48xlarge",
    ),
    (
        "more nodes than reserved",
        lambda _: {
            "reservation": OnDemandCapacityReservation.from_capacity_reservation_id(
                capacity_reservation_id="cr-00000000000000009",
                instance_type=InstanceType.P5EN_48XLARGE,
                instance_count=3,
                availability_zone="us-east-1a",
            )
        },
        "has 4 nodes, expected at most the 3 instances",
    ),
    (
        "a reservation in another zone",
        lambda _: {
            "reservation": OnDemandCapacityReservation.from_capacity_reservation_id(
                capacity_reservation_id="cr-00000000000000009",
                instance_type=InstanceType.P5EN_48XLARGE,
                instance_count=4,
                availability_zone="us-east-1b",
            )
        },
        "is in us-east-1a, expected us-east-1b",
    ),
    (
        "other nodes than its block holds",
        lambda _: {"nodes": 3, "blocks": [instance_block()]},
        "pool h200 has 3 nodes, expected 4, which its blocks hold at once at most: leave nodes out",
    ),
    (
        "other nodes than overlapping blocks hold",
        lambda _: {"nodes": 4, "blocks": [instance_block(1), instance_block(2)]},
        "pool h200 has 4 nodes, expected 8",
    ),
    (
        "a version on the pool with blocks",
        lambda _: {"blocks": [instance_block()], "launch_template_version": 2},
        "has launch_template_version 2 and capacity blocks, expected the version on the block",
    ),
    (
        "a version that is none",
        lambda _: {"launch_template_version": 0},
        "launch_template_version of pool h200 is 0, expected a whole number from 1",
    ),
    (
        "neither nodes nor blocks",
        lambda _: {"nodes": None},
        "nodes of pool h200 is missing, expected how many: a pool without blocks has the size it is given",
    ),
    (
        "a block of another type",
        lambda _: {"blocks": [instance_block(instance_type=InstanceType.P5_48XLARGE)]},
        "block cr-.* holds 4 x p5.48xlarge, expected p5en.48xlarge",
    ),
    (
        "a lead without a block",
        lambda _: {"drain_lead_minutes": 60},
        "has no capacity block, but drain_lead_minutes 60",
    ),
    (
        "a lead that is too short",
        lambda _: {"blocks": [instance_block()], "drain_lead_minutes": 30},
        f"drain_lead_minutes is 30, expected {least_drain_lead_minutes(ultraserver=False)} to",
    ),
    (
        "an image of another architecture",
        lambda _: {"options": NodeOptions(ami_type="AL2023_ARM_64_NVIDIA")},
        "ami_type of p5en.48xlarge is 'AL2023_ARM_64_NVIDIA', expected AL2023_x86_64_NVIDIA: leave ami_type out",
    ),
    (
        "a workload that is no label",
        lambda _: {"workload": "post training"},
        "workload of pool h200 is 'post training', expected 1 to 63 letters",
    ),
    ("no nodes", lambda _: {"nodes": 0}, "nodes of pool h200 are 0, expected 1 to 450"),
    ("more than a node group takes", lambda _: {"nodes": 451}, "nodes of pool h200 are 451, expected 1 to 450"),
    (
        "a token as size",
        lambda _: {"nodes": cdk.Token.as_number({"Ref": "N"})},
        "nodes of pool h200 are a token, known at deployment only, expected 1 to 450: pass a plain value",
    ),
    (
        "a name that the catalog doesn't know",
        lambda _: {"instance_type": "p5.47xlarge"},
        r"pool h200: instance type is 'p5\.47xlarge', expected one that the catalog knows \(p5\.4xlarge, p5\.48xlarge",
    ),
    (
        "a token as type",
        lambda _: {"instance_type": cdk.Token.as_string({"Ref": "T"})},
        "pool h200: instance type is a token, known at deployment only, expected .*: pass a plain value",
    ),
    (
        "a number as type",
        lambda _: {"instance_type": 5},
        r"pool h200: instance type is 5 \(int\), expected an InstanceType of ultrafleet\.catalog, its name, or an",
    ),
]


@pytest.mark.parametrize(
    ("given", "message"),
    [(given, message) for _, given, message in ACCELERATOR_REFUSALS],
    ids=[name for name, _, _ in ACCELERATOR_REFUSALS],
)
def test_fails_accelerator_pool(site: Site, given: Callable[[Site], dict[str, Any]], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        site.accelerator_pool(**given(site))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_pods": 0}, "max_pods is 0, expected 1 to 250"),
        ({"max_pods": 251}, "max_pods is 251, expected 1 to 250"),
        ({"kubelet_config": {"maxPods": 5}}, "kubelet_config has maxPods 5, expected none"),
        ({"labels": {"bad key!": "x y"}}, "key of a node label is 'bad key!', expected up to 63"),
        ({"labels": {"ultrafleet/pool": "zzz"}}, "expected one that doesn't begin with ultrafleet/"),
        ({"taints": [Taint(key=f"k{n}", value="x") for n in range(51)]}, "taints is 51 taints, expected at most 50"),
        ({"root_volume_gib": 99_999_999}, "root_volume_gib is 99999999, expected 1 to 65,536"),
        ({"metadata_hop_limit": 0}, "metadata_hop_limit is 0, expected 1 to 64: 1 keeps pods from the node's"),
        ({"metadata_hop_limit": 65}, "metadata_hop_limit is 65, expected 1 to 64"),
    ],
)
def test_fails_node_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        NodeOptions(**options)


def test_fails_user_data_that_ec2_does_not_take(site: Site) -> None:
    with pytest.raises(FleetError, match=r"user data is .* bytes, expected at most 16,384"):
        site.accelerator_pool(options=NodeOptions(kubelet_config={"x": "y" * 16384}))
