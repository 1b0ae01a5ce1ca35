"""Blocks of a pool: a launch template and a node group each, which the other blocks of the list don't change."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match, Template
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.fleet import (
    DALLAS,
    LAUNCH_TEMPLATE,
    NODE_GROUP,
    START,
    WEEK,
    Site,
    instance_block,
    only,
    ultraserver_block,
)
from ultrafleet.capacity import CapacityBlock
from ultrafleet.errors import FleetError
from ultrafleet.pools import ImportedCluster

FIRST, SECOND = "cr-00000000000000001", "cr-00000000000000002"


def by_name(stack: cdk.Stack, resource_type: str, key: str) -> dict[str, dict[str, Any]]:
    found = Template.from_stack(stack).find_resources(resource_type).values()
    return {resource["Properties"][key]: resource["Properties"] for resource in found}


class TestTwoBlocks:
    def test_each_has_a_launch_template_and_a_node_group_of_its_own(self, site: Site) -> None:
        pool = site.ultraserver_pool(
            blocks=[
                ultraserver_block(1),
                ultraserver_block(2, start=START + WEEK, end=START + 2 * WEEK, launch_template_version=3),
            ]
        )
        groups = by_name(site.stack, NODE_GROUP, "NodegroupName")
        templates = Template.from_stack(site.stack).find_resources(LAUNCH_TEMPLATE)
        assert list(pool.node_groups) == [f"rack-a-{FIRST}", f"rack-a-{SECOND}"]
        assert set(groups) == set(pool.node_groups)
        for reservation, version in ((FIRST, "1"), (SECOND, "3")):
            group = groups[f"rack-a-{reservation}"]
            assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": 18}
            assert group["Labels"]["ultrafleet/pool"] == "rack-a"
            assert group["Labels"]["ultrafleet/ultraserver"] == f"rack-a-{reservation}"
            assert group["Tags"]["ultrafleet:capacity-reservation"] == reservation
            assert group["LaunchTemplate"]["Version"] == version
            template = templates[group["LaunchTemplate"]["Id"]["Ref"]]["Properties"]
            assert template["LaunchTemplateName"] == f"research-rack-a-{reservation}"
            target = template["LaunchTemplateData"]["CapacityReservationSpecification"]["CapacityReservationTarget"]
            assert target == {"CapacityReservationId": reservation}
            (name,) = {
                tag["Value"]
                for item in template["LaunchTemplateData"]["TagSpecifications"]
                for tag in item["Tags"]
                if tag["Key"] == "Name"
            }
            assert name == f"research-rack-a-{reservation}"

    def test_of_different_sizes_are_node_groups_of_these_sizes(self, site: Site) -> None:
        pool = site.accelerator_pool(
            nodes=6, blocks=[instance_block(1), instance_block(2, end=START + 2 * WEEK, instance_count=2)]
        )
        groups = by_name(site.stack, NODE_GROUP, "NodegroupName")
        assert [groups[name]["ScalingConfig"]["MaxSize"] for name in pool.node_groups] == [4, 2]
        assert (pool.kubernetes_nodes.nodes, pool.kubernetes_nodes.nodes_at_hand) == (6, 4)
        assert "ultrafleet/ultraserver" not in pool.kubernetes_nodes.label_keys

    def test_are_said_in_the_template_under_the_name_of_their_node_group(self, site: Site) -> None:
        site.ultraserver_pool(
            blocks=[ultraserver_block(1), ultraserver_block(2, start=START + WEEK, end=START + 2 * WEEK)]
        )
        metadata = Template.from_stack(site.stack).to_json()["Metadata"]
        assert metadata == {
            f"ultrafleet:rack-a-{FIRST}": {
                "blocks": [
                    {"id": FIRST, "instances": 18, "start": "2026-12-01T11:30:00Z", "end": "2026-12-08T11:30:00Z"}
                ]
            },
            f"ultrafleet:rack-a-{SECOND}": {
                "blocks": [
                    {"id": SECOND, "instances": 18, "start": "2026-12-08T11:30:00Z", "end": "2026-12-15T11:30:00Z"}
                ]
            },
        }


class TestOverlap:
    """While two blocks run both racks are up, so the pool is counted with both."""

    OVERLAPPING = (ultraserver_block(1), ultraserver_block(2, start=START + WEEK / 2, end=START + 2 * WEEK))
    IN_TURN = (ultraserver_block(1), ultraserver_block(2, start=START + WEEK, end=START + 2 * WEEK))

    def test_nodes_and_ultraservers_at_the_peak(self, site: Site) -> None:
        nodes = site.ultraserver_pool(blocks=self.OVERLAPPING).kubernetes_nodes
        assert (nodes.nodes, nodes.nodes_at_hand, nodes.ultraservers) == (36, 18, 2)

    def test_blocks_in_turn_are_one_ultraserver(self, site: Site) -> None:
        nodes = site.ultraserver_pool(blocks=self.IN_TURN).kubernetes_nodes
        assert (nodes.nodes, nodes.nodes_at_hand, nodes.ultraservers) == (18, 18, 1)

    def test_ips_of_both_are_counted(self, site: Site) -> None:
        subnet = site.subnet("Room", zone=DALLAS, cidr="10.0.0.0/21")
        site.ultraserver_pool(blocks=self.IN_TURN, subnet=subnet)
        with pytest.raises(FleetError, match="has 2,016 usable IPs, expected 3,456"):
            Site(cdk.Stack()).ultraserver_pool(blocks=self.OVERLAPPING, subnet=subnet)

    @pytest.mark.parametrize("kind", ["ultraserver", "accelerator"])
    def test_synthesis_says_that_both_are_paid(self, site: Site, kind: str) -> None:
        if kind == "ultraserver":
            site.ultraserver_pool(blocks=self.OVERLAPPING)
        else:
            second = instance_block(2, start=START + WEEK / 2, end=START + 2 * WEEK)
            site.accelerator_pool(nodes=None, blocks=[instance_block(1), second])
        (told,) = Annotations.from_stack(site.stack).find_info("*", Match.any_value())
        assert f"{FIRST} and {SECOND} from 2026-12-04T23:30:00Z to 2026-12-08T11:30:00Z: up to" in str(told.entry.data)
        assert "and each block is paid for" in str(told.entry.data)

    def test_synthesis_says_nothing_of_blocks_in_turn(self, site: Site) -> None:
        site.ultraserver_pool(blocks=self.IN_TURN)
        assert Annotations.from_stack(site.stack).find_info("*", Match.any_value()) == []


class TestExistingNodeGroup:
    """A block that a node group made elsewhere runs."""

    BLOCKS = (
        ultraserver_block(1, existing_node_group="rack-a"),
        ultraserver_block(2, start=START + WEEK / 2, end=START + 2 * WEEK),
    )

    def test_nothing_is_made_for_it_but_metadata(self, site: Site) -> None:
        pool = site.ultraserver_pool(blocks=self.BLOCKS)
        assert list(pool.node_groups) == [f"rack-a-{SECOND}"]
        template = Template.from_stack(site.stack)
        template.resource_count_is(LAUNCH_TEMPLATE, 1)
        template.resource_count_is(NODE_GROUP, 1)
        assert FIRST not in json.dumps(template.to_json()["Resources"])
        assert set(template.to_json()["Metadata"]) == {"ultrafleet:rack-a", f"ultrafleet:rack-a-{SECOND}"}

    def test_it_is_counted(self, site: Site) -> None:
        nodes = site.ultraserver_pool(blocks=self.BLOCKS).kubernetes_nodes
        assert (nodes.nodes, nodes.ultraservers) == (36, 2)

    def test_its_own_node_group_is_made_where_it_no_longer_says_so(self, site: Site) -> None:
        site.ultraserver_pool(blocks=[ultraserver_block(1)])
        assert only(site.stack, NODE_GROUP)["NodegroupName"] == f"rack-a-{FIRST}"


def test_a_size_is_stated_where_the_block_says_so(site: Site) -> None:
    site.ultraserver_pool(
        blocks=[
            ultraserver_block(1, initial_desired_size=0),
            ultraserver_block(2, start=START + WEEK, end=START + 2 * WEEK),
        ]
    )
    groups = by_name(site.stack, NODE_GROUP, "NodegroupName")
    assert groups[f"rack-a-{FIRST}"]["ScalingConfig"] == {"MinSize": 0, "MaxSize": 18, "DesiredSize": 0}
    assert groups[f"rack-a-{SECOND}"]["ScalingConfig"] == {"MinSize": 0, "MaxSize": 18}


def test_the_longest_names_of_cluster_and_pool_that_ec2_takes(stack: cdk.Stack) -> None:
    site = Site(stack)
    cluster = ImportedCluster(cluster_name="c" * 100, cluster_security_group_id="sg-cluster")
    site.ultraserver_pool(cluster=cluster, pool_name="rack-a")
    assert len(only(stack, LAUNCH_TEMPLATE)["LaunchTemplateName"]) == 128
    with pytest.raises(FleetError, match=r"launch template is named c+-rack-ab-cr-0+1, 129 characters, expected at mo"):
        Site(cdk.Stack()).ultraserver_pool(cluster=cluster, pool_name="rack-ab")


Resources = dict[str, str]


def resources_of(blocks: Sequence[CapacityBlock]) -> Resources:
    """Text of every resource of a pool with these blocks, by logical id."""
    stack = cdk.Stack(cdk.App(analytics_reporting=False), "Test")
    Site(stack).ultraserver_pool(blocks=blocks)
    resources = Template.from_stack(stack).to_json()["Resources"]
    return {name: json.dumps(resource, sort_keys=True) for name, resource in resources.items()}


@st.composite
def block_lists(draw: st.DrawFn) -> list[CapacityBlock]:
    """Blocks in the order of their starts, which may overlap, with ids in any order."""
    numbers = draw(st.lists(st.integers(1, 2**64), min_size=2, max_size=5, unique=True))
    starts = sorted(draw(st.integers(0, 60)) for _ in numbers)
    return [
        ultraserver_block(
            number,
            start=START + timedelta(days=start),
            end=START + timedelta(days=start + draw(st.integers(1, 60))),
            launch_template_version=draw(st.integers(1, 3)),
        )
        for number, start in zip(numbers, starts, strict=True)
    ]


@settings(max_examples=25)
@given(blocks=block_lists(), data=st.data())
def test_a_block_more_or_less_changes_no_other_resource(blocks: list[CapacityBlock], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(blocks) - 1))
    without = resources_of([*blocks[:index], *blocks[index + 1 :]])
    with_it = resources_of(blocks)
    added = set(with_it) - set(without)
    assert {name: with_it[name] for name in without} == without
    assert len(added) == 2
    reservation = blocks[index].capacity_reservation_id
    assert all(reservation.replace("-", "") in name for name in added)


def test_logical_ids_follow_the_reservation(site: Site) -> None:
    site.ultraserver_pool()
    (group,) = Template.from_stack(site.stack).find_resources(NODE_GROUP)
    (template,) = Template.from_stack(site.stack).find_resources(LAUNCH_TEMPLATE)
    # Frozen: with another id CloudFormation would make a second node group of the same name, and be refused.
    assert (group, template) == (
        "Rackcr00000000000000001F76956E8",
        "Rackcr00000000000000001LaunchTemplateF81A0224",
    )


def test_blocks_that_start_together_are_the_same_in_either_order() -> None:
    blocks = [ultraserver_block(1), ultraserver_block(2, end=START + 2 * WEEK)]
    assert resources_of(blocks) == resources_of(blocks[::-1])


def test_another_end_changes_no_resource() -> None:
    assert resources_of([ultraserver_block()]) == resources_of([ultraserver_block(end=START + 3 * WEEK)])
