"""UltraServer pools."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks_v1
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match, Template
from syrupy.assertion import SnapshotAssertion

from helpers.fleet import (
    DALLAS,
    LAUNCH_TEMPLATE,
    NODE_GROUP,
    START,
    WEEK,
    Site,
    instance_block,
    interfaces,
    only,
    ultraserver_block,
    user_data,
)
from ultrafleet.catalog import Fabric, InstanceType, InstanceTypeFacts, UltraServerType
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.layout import EfaIntent, Interface
from ultrafleet.pools import ImportedCluster, NodeOptions, Taint
from ultrafleet.rules.block_clock import least_drain_lead_minutes


class TestUltraServerPool:
    def test_of_one_block_is_one_node_group_of_the_ultraservers_size(self, site: Site) -> None:
        site.ultraserver_pool()
        group = only(site.stack, NODE_GROUP)
        assert group["NodegroupName"] == "rack-a-cr-00000000000000001"
        assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": 18}
        assert group["CapacityType"] == "CAPACITY_BLOCK"
        assert group["Subnets"] == ["subnet-dallas"]
        assert group["AmiType"] == "AL2023_ARM_64_NVIDIA"
        assert "InstanceTypes" not in group  # the instance type stands in the launch template alone
        assert "Version" not in group
        assert "ReleaseVersion" not in group

    @pytest.mark.parametrize(
        ("ultraserver", "zone", "size", "ami", "taint"),
        [
            (UltraServerType.U_P6E_GB200X36, DALLAS, 9, "AL2023_ARM_64_NVIDIA", "nvidia.com/gpu"),
            (UltraServerType.U_TRN2X64, "us-east-2b", 4, "AL2023_x86_64_NEURON", "aws.amazon.com/neuron"),
        ],
    )
    def test_derives_size_image_and_taint(
        self, site: Site, ultraserver: UltraServerType, zone: str, size: int, ami: str, taint: str
    ) -> None:
        site.ultraserver_pool(
            ultraserver_type=ultraserver,
            blocks=[ultraserver_block(ultraserver=ultraserver, zone=zone)],
            subnet=site.subnet("Other", zone=zone),
        )
        group = only(site.stack, NODE_GROUP)
        assert group["ScalingConfig"]["MaxSize"] == size
        assert group["AmiType"] == ami
        assert group["Taints"] == [{"Key": taint, "Value": "true", "Effect": "NO_SCHEDULE"}]

    def test_gb200_has_the_five_interfaces_of_the_ec2_guide(self, site: Site) -> None:
        site.ultraserver_pool()
        assert interfaces(site.stack) == [
            (0, 0, "interface"),
            (1, 0, "efa-only"),
            (5, 0, "efa-only"),
            (9, 0, "efa-only"),
            (13, 0, "efa-only"),
        ]

    def test_trn2u_has_seventeen_interfaces(self, site: Site) -> None:
        site.ultraserver_pool(
            ultraserver_type=UltraServerType.U_TRN2X64,
            blocks=[ultraserver_block(ultraserver=UltraServerType.U_TRN2X64, zone="us-east-2b")],
            subnet=site.subnet("Ohio", zone="us-east-2b"),
        )
        found = interfaces(site.stack)
        assert len(found) == 17
        assert found[:2] == [(0, 0, "interface"), (0, 1, "efa-only")]

    def test_security_groups_stand_on_every_interface_and_nowhere_else(self, site: Site) -> None:
        site.ultraserver_pool()
        data = only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
        assert all(interface["Groups"] == ["sg-cluster", "sg-efa"] for interface in data["NetworkInterfaces"])
        assert "SecurityGroupIds" not in data
        assert not {"ImageId", "IamInstanceProfile", "Placement"} & set(data)

    def test_launches_into_its_block(self, site: Site) -> None:
        site.ultraserver_pool()
        launch_template = only(site.stack, LAUNCH_TEMPLATE)
        assert launch_template["LaunchTemplateName"] == "research-rack-a-cr-00000000000000001"
        data = launch_template["LaunchTemplateData"]
        assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
        assert data["CapacityReservationSpecification"] == {
            "CapacityReservationTarget": {"CapacityReservationId": "cr-00000000000000001"}
        }

    def test_tells_the_schedule_its_reservation_and_its_lead(self, site: Site) -> None:
        site.ultraserver_pool()
        assert only(site.stack, NODE_GROUP)["Tags"] == {
            "ultrafleet:schedule": "capacity-blocks",
            "ultrafleet:capacity-reservation": "cr-00000000000000001",
            "ultrafleet:drain-lead-minutes": "90",
        }

    def test_hold_is_an_order_to_the_schedule(self, site: Site) -> None:
        site.ultraserver_pool(hold=True, drain_lead_minutes=120)
        tags = only(site.stack, NODE_GROUP)["Tags"]
        assert tags["ultrafleet:schedule"] == "hold"
        assert tags["ultrafleet:drain-lead-minutes"] == "120"

    def test_pins_the_version_that_nodes_run(self, site: Site) -> None:
        site.ultraserver_pool(blocks=[ultraserver_block(launch_template_version=3)])
        group = only(site.stack, NODE_GROUP)
        assert group["LaunchTemplate"]["Version"] == "3"
        assert group["UpdateConfig"] == {"MaxUnavailable": 1, "UpdateStrategy": "MINIMAL"}

    def test_requires_imdsv2_and_encrypts_the_root_volume(self, site: Site) -> None:
        site.ultraserver_pool()
        data = only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1  # pods don't reach the node's credentials
        assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
        assert "KmsKeyId" not in data["BlockDeviceMappings"][0]["Ebs"]

    def test_user_data_sets_pods_raid_and_the_driver_parameter_of_grace(self, site: Site) -> None:
        site.ultraserver_pool()
        text = user_data(site.stack)
        assert text.startswith("MIME-Version: 1.0\nContent-Type: multipart/mixed;")
        assert '"maxPods": 64' in text
        assert '"strategy": "RAID0"' in text
        assert "NVreg_GrdmaPciTopoCheckOverride=1" in text

    def test_the_driver_parameter_is_a_property(self, site: Site) -> None:
        site.ultraserver_pool(options=NodeOptions(grdma_pci_topo_check_override=False))
        assert "Grdma" not in user_data(site.stack)

    def test_labels_name_the_ultraserver(self, site: Site) -> None:
        site.ultraserver_pool(workload="inference", options=NodeOptions(labels={"team": "serving"}))
        assert only(site.stack, NODE_GROUP)["Labels"] == {
            "ultrafleet/pool": "rack-a",
            "ultrafleet/ultraserver": "rack-a-cr-00000000000000001",
            "ultrafleet/workload": "inference",
            "ultrafleet/capacity": "u-p6e-gb200x72",
            "nvidia.com/gpu.present": "true",
            "team": "serving",
        }

    def test_efa_8_has_eight(self, site: Site) -> None:
        site.ultraserver_pool(options=NodeOptions(efa_intent=EfaIntent.EFA_8))
        assert [card for card, _, kind in interfaces(site.stack) if kind == "efa-only"] == [1, 3, 5, 7, 9, 11, 13, 15]

    def test_a_clusters_v1_import_will_do(self, site: Site) -> None:
        cluster = eks_v1.Cluster.from_cluster_attributes(
            site.stack, "V1", cluster_name="older", cluster_security_group_id="sg-older"
        )
        site.ultraserver_pool(cluster=cluster)
        assert only(site.stack, NODE_GROUP)["ClusterName"] == "older"

    def test_without_a_role_it_makes_one(self, site: Site) -> None:
        site.ultraserver_pool(node_role=None)
        Template.from_stack(site.stack).resource_count_is("AWS::IAM::Role", 1)

    def test_tokens_will_do_where_values_are_not_checked(self, stack: cdk.Stack) -> None:
        site = Site(stack)
        site.ultraserver_pool(
            cluster=ImportedCluster(
                cluster_name=cdk.Fn.import_value("name"), cluster_security_group_id=cdk.Fn.import_value("group")
            ),
            subnet=site.subnet("Token", zone=cdk.Fn.import_value("zone")),
        )
        assert only(stack, NODE_GROUP)["ClusterName"] == {"Fn::ImportValue": "name"}

    def test_gb300_launches_with_a_layout_and_facts_of_the_callers_own(self, site: Site) -> None:
        gb300 = UltraServerType.of(
            "u-p6e-gb300x72",
            instance_type=InstanceType.of("p6e-gb300r.36xlarge", facts=InstanceTypeFacts(nvme_count=3)),
        )
        site.ultraserver_pool(
            ultraserver_type=gb300,
            blocks=[ultraserver_block(ultraserver=gb300)],
            options=NodeOptions(interfaces=[Interface(0, 0, "interface"), Interface(0, 1, "efa-only")]),
        )
        assert interfaces(site.stack) == [(0, 0, "interface"), (0, 1, "efa-only")]

    def test_minimal_snapshot(self, site: Site, snapshot_json: SnapshotAssertion) -> None:
        site.ultraserver_pool()
        assert Template.from_stack(site.stack).to_json() == snapshot_json

    def test_maximal_snapshot(self, site: Site, snapshot_json: SnapshotAssertion) -> None:
        site.ultraserver_pool(
            blocks=[
                ultraserver_block(1, launch_template_version=2, initial_desired_size=0),
                ultraserver_block(2, start=START + WEEK, end=START + 2 * WEEK),
                ultraserver_block(3, start=START + WEEK, end=START + 2 * WEEK, existing_node_group="rack-a"),
            ],
            workload="inference",
            node_role=None,
            drain_lead_minutes=100,
            hold=True,
            options=NodeOptions(
                efa_intent=EfaIntent.EFA_8,
                max_pods=110,
                labels={"team": "serving"},
                taints=[Taint(key="team", value="serving", effect="NO_EXECUTE")],
                tags={"cost-centre": "42"},
                root_volume_gib=200,
                root_volume_key=kms.Key(site.stack, "Key"),
                metadata_hop_limit=2,
                kubelet_config={"cpuManagerPolicy": "static"},
                node_repair_config={"Enabled": False},
                max_unavailable=2,
            ),
        )
        assert Template.from_stack(site.stack).to_json() == snapshot_json


ULTRASERVER_REFUSALS: list[tuple[str, Callable[[Site], dict[str, Any]], str]] = [
    (
        "a name that the catalog doesn't know",
        lambda _: {"ultraserver_type": "u-p6e-gb200x73"},
        r"pool rack-a: UltraServer type is 'u-p6e-gb200x73', expected one that the catalog knows \(u-p6e-gb200x72",
    ),
    ("no block", lambda _: {"blocks": []}, "has no capacity block, expected at least one"),
    (
        "a block of another size",
        lambda _: {"blocks": [ultraserver_block(ultraserver=UltraServerType.U_P6E_GB200X36)]},
        "block cr-.* of pool .* holds u-p6e-gb200x36, expected one u-p6e-gb200x72",
    ),
    (
        "a block of instances",
        lambda _: {"blocks": [instance_block()]},
        "holds 4 x p5en.48xlarge, expected one u-p6e-gb200x72",
    ),
    (
        "one reservation twice",
        lambda _: {"blocks": [ultraserver_block(1), ultraserver_block(1)]},
        "names capacity reservation cr-00000000000000001 twice",
    ),
    (
        "blocks out of order",
        lambda _: {"blocks": [ultraserver_block(1, start=START + WEEK, end=START + 2 * WEEK), ultraserver_block(2)]},
        "expected the order of their starts",
    ),
    (
        "blocks in two zones",
        lambda _: {"blocks": [ultraserver_block(1), ultraserver_block(2, zone="us-east-1a")]},
        "in us-east-1a, expected us-east-1-dfw-2a",
    ),
    (
        "another zone than the subnet's",
        lambda site: {"subnet": site.regular},
        "is in us-east-1a, expected us-east-1-dfw-2a",
    ),
    (
        "a zone where it isn't sold",
        lambda site: {"blocks": [ultraserver_block(zone="us-east-1a")], "subnet": site.regular},
        "pool rack-a has u-p6e-gb200x72 in us-east-1a, expected us-east-1-dfw-2a, where it is sold",
    ),
    (
        "a subnet without its zone",
        lambda site: {"subnet": ec2.Subnet.from_subnet_id(site.stack, "Bare", "subnet-1")},
        "imported without its availability zone",
    ),
    (
        "a subnet without room",
        lambda site: {"subnet": site.subnet("Small", zone=DALLAS, cidr="10.0.0.0/24")},
        "has 224 usable IPs, expected 1,728 .* /21",
    ),
    (
        "a lead that is too short",
        lambda _: {"drain_lead_minutes": 60},
        f"drain_lead_minutes is 60, expected {least_drain_lead_minutes(ultraserver=True)} to",
    ),
    (
        "launch_template_version 0",
        lambda _: {"blocks": [ultraserver_block(launch_template_version=0)]},
        "launch_template_version of capacity block cr-00000000000000001 is 0, expected a whole number from 1",
    ),
    ("a malformed name", lambda _: {"pool_name": "Rack_A"}, "pool name is 'Rack_A', expected up to 40"),
    ("a name that is too long", lambda _: {"pool_name": "a" * 41}, "expected up to 40"),
    (
        "an intent of another type",
        lambda _: {"options": NodeOptions(efa_intent=EfaIntent.MAX_IP_BANDWIDTH)},
        "has no layout for the intent max_ip_bandwidth, expected ip_saving or efa_8",
    ),
    (
        "a layout that breaks rules",
        lambda _: {"options": NodeOptions(interfaces=[Interface(0, 0, "efa")])},
        "break 1 rules: card 0 of p6e-gb200.36xlarge is ENA only",
    ),
]


@pytest.mark.parametrize(
    ("given", "message"),
    [(given, message) for _, given, message in ULTRASERVER_REFUSALS],
    ids=[name for name, _, _ in ULTRASERVER_REFUSALS],
)
def test_fails_ultraserver_pool(site: Site, given: Callable[[Site], dict[str, Any]], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        site.ultraserver_pool(**given(site))


GB300 = UltraServerType.U_P6E_GB300X72


class TestGb300:
    def test_on_efa_it_launches_and_says_what_it_rests_on(self, site: Site) -> None:
        site.ultraserver_pool(ultraserver_type=GB300, blocks=[ultraserver_block(ultraserver=GB300)], fabric=Fabric.EFA)
        assert interfaces(site.stack) == [(0, 0, "interface"), (0, 1, "efa-only")]
        group = only(site.stack, NODE_GROUP)
        assert (group["AmiType"], group["ScalingConfig"]["MaxSize"]) == ("AL2023_ARM_64_NVIDIA", 18)
        (told,) = Annotations.from_stack(site.stack).find_info("*", Match.any_value())
        text = str(told.entry.data)
        assert "published_efa_layout of p6e-gb300r.36xlarge is True, by NVIDIA/aicr" in text
        assert "instance_count of u-p6e-gb300x72 is 18, by pulumi-labs" in text
        assert "(low)" in text
        assert "nvme_count of p6e-gb300r.36xlarge is not known" in text

    def test_facts_that_are_certain_are_not_mentioned(self, site: Site) -> None:
        site.ultraserver_pool()
        assert Annotations.from_stack(site.stack).find_info("*", Match.any_value()) == []

    @pytest.mark.parametrize(
        ("fabric", "message"),
        [
            (None, "pool rack-a: p6e-gb300r.36xlarge has 2 fabrics, efa and roce, expected one of them"),
            (
                Fabric.ROCE,
                "pool rack-a has fabric roce on managed nodes, expected self-managed nodes, or efa: launch templates",
            ),
        ],
    )
    def test_fails_without_a_fabric_that_can_be_launched(self, site: Site, fabric: Fabric | None, message: str) -> None:
        with pytest.raises(FleetError, match=message):
            site.ultraserver_pool(ultraserver_type=GB300, blocks=[ultraserver_block(ultraserver=GB300)], fabric=fabric)

    def test_fails_in_the_spelling_of_which_no_layout_is_published(self, site: Site) -> None:
        other = UltraServerType.of("u-p6e-gb300x72", instance_type=InstanceType.P6E_GB300_36XLARGE)
        with pytest.raises(UnknownFactError, match=r"no EFA layout of p6e-gb300\.36xlarge is published"):
            site.ultraserver_pool(ultraserver_type=other, blocks=[ultraserver_block(ultraserver=other)])
