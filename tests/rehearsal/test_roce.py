"""A rack of GB300 over RoCE on the embedded AWS: deployed, running, updated, and deleted in order.

Nothing of RoCE was run on AWS or on hardware: these tests show what this library asks of AWS, by EC2's own model.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.rehearsal_site import Content, DeployedEnvironment, deployed, pool_of, site
from ultrafleet.rehearsal.cloudformation.providers.secondary_networks import EmbeddedEc2
from ultrafleet.rehearsal.scenarios import audit
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError, destroy_assembly
from ultrafleet.secondary_network_function import SECONDARY_SUBNET, index

pytestmark = pytest.mark.slow


def lean(content: Content) -> None:
    """One rack and what drains its nodes; nothing is retained."""
    content.update(teams=[], production=False, kubernetes={"dashboard": False})


@pytest.fixture
def up() -> Iterator[DeployedEnvironment]:
    """The rack runs, half an hour after its block began."""
    with deployed("gb300-roce", lean, up=True) as made:
        yield made


def secondary_subnets(made: DeployedEnvironment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.call("ec2", "describe_secondary_subnets")["SecondarySubnets"]
    return sorted(found, key=lambda item: ipaddress.IPv4Network(item["Ipv4CidrBlockAssociations"][0]["CidrBlock"]))


def test_each_node_has_eight_secondary_interfaces_with_addresses_of_their_subnets(up: DeployedEnvironment) -> None:
    nodes = up.instances("gb300-a")
    assert len(nodes) == 18
    subnets = secondary_subnets(up)
    cidrs = [ipaddress.IPv4Network(item["Ipv4CidrBlockAssociations"][0]["CidrBlock"]) for item in subnets]
    assert [str(cidr) for cidr in cidrs] == [f"172.16.{number * 32}.0/19" for number in range(8)]
    addresses: Counter[str] = Counter()
    for node in nodes:
        (primary,) = node["NetworkInterfaces"]
        assert primary["InterfaceType"] == "interface"
        secondary = sorted(node["SecondaryInterfaces"], key=lambda item: item["Attachment"]["NetworkCardIndex"])
        at = [(item["Attachment"]["NetworkCardIndex"], item["Attachment"]["DeviceIndex"]) for item in secondary]
        assert at == [(card, 0) for card in range(1, 9)]
        assert [item["SecondarySubnetId"] for item in secondary] == [item["SecondarySubnetId"] for item in subnets]
        for item, cidr in zip(secondary, cidrs, strict=True):
            (address,) = (one["PrivateIpAddress"] for one in item["PrivateIpAddresses"])
            assert ipaddress.IPv4Address(address) in cidr
            addresses[address] += 1
        assert not {"SecurityGroups", "Groups"} & secondary[0].keys()
    assert set(addresses.values()) == {1}
    assert len(addresses) == 18 * 8
    assert up.simulation.status()["problems"] == []


def test_a_second_deployment_changes_nothing_and_every_resource_is_found_again(up: DeployedEnvironment) -> None:
    assert set(up.deploy().values()) == {"unchanged"}
    found = audit.audit(up.environment.account, up.environment.region)
    assert [item for item in found if item.problem] == []
    assert {"AWS::EC2::SecondaryNetwork", SECONDARY_SUBNET} <= {item.type for item in found}


def test_a_changed_launch_template_makes_a_version_with_the_interfaces_and_leaves_nodes_alone(
    up: DeployedEnvironment,
) -> None:
    before = up.nodes("gb300-a")
    assert versions(up) == {1: 0, 2: 8}
    up.deploy(lambda content: pool_of(content, "gb300-a").update(node={"root_volume_gib": 600}))
    assert versions(up) == {1: 0, 2: 8, 3: 0, 4: 8}
    (group,) = up.call("autoscaling", "describe_auto_scaling_groups")["AutoScalingGroups"][-1:]
    assert group["LaunchTemplate"]["Version"] == "4"
    assert up.nodes("gb300-a") == before


def versions(made: DeployedEnvironment) -> dict[int, int]:
    """Secondary interfaces of each version of the pool's launch template."""
    found = made.call(
        "ec2",
        "describe_launch_template_versions",
        LaunchTemplateName="gb300-roce-gb300-a-cr-0aaaaaaaaaaaaaaa1",
    )["LaunchTemplateVersions"]
    return {item["VersionNumber"]: len(item["LaunchTemplateData"].get("SecondaryInterfaces", [])) for item in found}


def test_a_subnet_in_use_is_kept_and_all_goes_in_order_once_the_rack_is_empty(up: DeployedEnvironment) -> None:
    subnet_id = secondary_subnets(up)[0]["SecondarySubnetId"]
    event = {
        "RequestType": "Delete",
        "ResourceType": SECONDARY_SUBNET,
        "LogicalResourceId": "Subnet",
        "RequestId": "r-1",
        "PhysicalResourceId": subnet_id,
        "ResourceProperties": {},
    }
    ec2 = EmbeddedEc2(up.environment.account, up.environment.region)
    with pytest.raises(
        index.RefusedError, match=r"has interfaces of 18 instances, i-.* and 13 more: empty their pools"
    ):
        index.handle(event, ec2, time_left=lambda: 1.0)
    destroy_assembly(list(up.stacks), up.call)
    assert secondary_subnets(up) == []
    assert up.call("ec2", "describe_secondary_networks")["SecondaryNetworks"] == []
    assert up.call("ec2", "describe_secondary_interfaces")["SecondaryInterfaces"] == []


def test_fails_in_an_account_with_five_secondary_networks_and_deploys_once_there_is_room() -> None:
    with site("gb300-roce", lean) as made:
        held = [
            made.call("ec2", "create_secondary_network", Ipv4CidrBlock="172.16.0.0/16", NetworkType="rdma")
            for _ in range(5)
        ]
        with pytest.raises(StackFailedError, match="maximum number of secondary networks has been reached: 5"):
            made.deploy()
        assert secondary_subnets(made) == []
        made.call(
            "ec2", "delete_secondary_network", SecondaryNetworkId=held[0]["SecondaryNetwork"]["SecondaryNetworkId"]
        )
        made.deploy()
        assert len(secondary_subnets(made)) == 8
