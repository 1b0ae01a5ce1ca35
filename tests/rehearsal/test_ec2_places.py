"""Placement groups, topology, zones and instance types of the embedded EC2."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.rehearsal_ec2 import ACCOUNT, DALLAS, P5EN_BLOCK, REGION, ULTRASERVER, Scene, embedded_account
from ultrafleet.catalog import InstanceType
from ultrafleet.rehearsal.ec2.engine.launch import launch
from ultrafleet.rehearsal.ec2.state.instances import terminate
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


@pytest.fixture
def scene() -> Iterator[Scene]:
    with embedded_account() as made:
        yield made


def test_placement_groups_of_every_strategy(scene: Scene) -> None:
    scene.ec2.create_placement_group(GroupName="racks", Strategy="partition", PartitionCount=3)
    scene.ec2.create_placement_group(
        GroupName="apart",
        Strategy="spread",
        TagSpecifications=[{"ResourceType": "placement-group", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    found = {one["GroupName"]: one for one in scene.ec2.describe_placement_groups()["PlacementGroups"]}
    assert {name: one["Strategy"] for name, one in found.items()} == {
        "close": "cluster",
        "racks": "partition",
        "apart": "spread",
    }
    assert (found["racks"]["PartitionCount"], found["apart"]["SpreadLevel"]) == (3, "rack")
    assert found["apart"]["Tags"] == [{"Key": "a", "Value": "b"}]
    by_id = scene.ec2.describe_placement_groups(GroupIds=[found["racks"]["GroupId"]])["PlacementGroups"]
    assert [one["GroupName"] for one in by_id] == ["racks"]
    clusters = scene.ec2.describe_placement_groups(Filters=[{"Name": "strategy", "Values": ["cluster"]}])
    assert [one["GroupName"] for one in clusters["PlacementGroups"]] == ["close"]


def test_a_placement_group_in_use_is_not_deleted(scene: Scene) -> None:
    instance = launch(scene.p6_b300())
    delete = scene.ec2.delete_placement_group
    with pytest.raises(ClientError, match=r"InvalidPlacementGroup\.InUse"):
        delete(GroupName="close")
    scene.ec2.cancel_capacity_reservation(CapacityReservationId=scene.odcr)
    with pytest.raises(ClientError, match=r"InvalidPlacementGroup\.InUse"):
        delete(GroupName="close")
    terminate(ACCOUNT, REGION, [instance], reason="gone")
    delete(GroupName="close")
    with pytest.raises(ClientError, match=r"InvalidPlacementGroup\.Unknown"):
        delete(GroupName="close")


def test_a_reservation_alone_keeps_its_placement_group(scene: Scene) -> None:
    with pytest.raises(ClientError, match=r"InvalidPlacementGroup\.InUse"):
        scene.ec2.delete_placement_group(GroupName="close")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"GroupName": "close", "Strategy": "cluster"}, "InvalidPlacementGroup.Duplicate"),
        ({"GroupName": "new", "Strategy": "line"}, "InvalidParameterValue"),
        ({"GroupName": "new", "Strategy": "partition", "PartitionCount": 8}, "InvalidParameterValue"),
        ({"GroupName": "new", "Strategy": "cluster", "PartitionCount": 2}, "InvalidParameterValue"),
    ],
)
def test_placement_groups_that_cannot_be_made(scene: Scene, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        scene.ec2.create_placement_group(**given)
    assert refused.value.response["Error"]["Code"] == code


def test_a_reservation_in_a_spread_group_is_refused(scene: Scene) -> None:
    arn = scene.ec2.create_placement_group(GroupName="apart", Strategy="spread")["PlacementGroup"]["GroupArn"]
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        scene.reserve("p6-b300.48xlarge", PlacementGroupArn=arn)


def _topology(scene: Scene, **given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.ec2.describe_instance_topology(**given)["Instances"]
    return found


def test_instances_of_a_block_share_their_network_nodes(scene: Scene) -> None:
    same = [launch(scene.p6e()) for _ in range(2)]
    other, close, alone = launch(scene.p5en()), launch(scene.p6_b300()), launch(scene.p5())
    found = {one["InstanceId"]: one for one in _topology(scene)}
    assert set(found) == {*same, other, close, alone}
    assert found[same[0]]["NetworkNodes"] == found[same[1]]["NetworkNodes"]
    assert len({one["NetworkNodes"][-1] for one in found.values()}) == 4
    assert found[other]["NetworkNodes"][0] == found[alone]["NetworkNodes"][0] != found[same[0]]["NetworkNodes"][0]
    block = scene.ec2.describe_capacity_reservations(CapacityReservationIds=[ULTRASERVER])["CapacityReservations"][0]
    assert found[same[0]]["CapacityBlockId"] == block["CapacityBlockId"]
    assert (found[same[0]]["ZoneId"], found[same[0]]["AvailabilityZone"]) == ("use1-dfw2-az1", DALLAS)
    assert (found[close]["GroupName"], "GroupName" in found[alone]) == ("close", False)
    assert [one["InstanceId"] for one in _topology(scene, GroupNames=["close"])] == [close]
    assert [one["InstanceId"] for one in _topology(scene, InstanceIds=[other])] == [other]
    p6e = [{"Name": "instance-type", "Values": ["p6e*"]}]
    assert {one["InstanceId"] for one in _topology(scene, Filters=p6e)} == set(same)


def test_terminated_and_plain_instances_have_no_topology(scene: Scene) -> None:
    terminate(ACCOUNT, REGION, [launch(scene.p5())], reason="gone")
    launch(scene.request("m6i.large", {}))
    assert _topology(scene) == []
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        _topology(scene, InstanceIds=["i-0123456789abcdef0"])
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        _topology(scene, InstanceIds=[f"i-{number:017x}" for number in range(101)])


def test_a_reservation_is_where_its_instances_are(scene: Scene) -> None:
    instance = launch(scene.p6e())
    answer = scene.ec2.describe_capacity_reservation_topology()["CapacityReservations"]
    found = {one["CapacityReservationId"]: one for one in answer}
    assert set(found) == {ULTRASERVER, P5EN_BLOCK, scene.odcr}
    assert found[ULTRASERVER]["NetworkNodes"] == _topology(scene, InstanceIds=[instance])[0]["NetworkNodes"]
    assert found[scene.odcr]["GroupName"] == "close"
    scene.reservations.override(ULTRASERVER, state="payment-pending")
    answer = scene.ec2.describe_capacity_reservation_topology(CapacityReservationIds=[ULTRASERVER])
    assert not answer["CapacityReservations"][0].get("NetworkNodes")


def _zones(scene: Scene, **given: Any) -> dict[str, dict[str, Any]]:
    answer = scene.ec2.describe_availability_zones(**given)["AvailabilityZones"]
    return {one["ZoneName"]: one for one in answer}


def test_the_local_zone_of_the_catalog_is_there(scene: Scene) -> None:
    found = _zones(scene)
    assert found[DALLAS]["ZoneType"] == "local-zone"
    assert found[DALLAS]["OptInStatus"] == "opted-in"
    assert (found[DALLAS]["ZoneId"], found[DALLAS]["GroupName"]) == ("use1-dfw2-az1", "us-east-1-dfw-2")
    assert found["us-east-1a"]["OptInStatus"] == "opt-in-not-required"
    assert set(_zones(scene, ZoneNames=[DALLAS])) == {DALLAS}
    local = [{"Name": "zone-type", "Values": ["local-zone"]}]
    assert set(_zones(scene, Filters=local)) == {DALLAS}
    subnet = scene.ec2.describe_subnets(SubnetIds=[scene.subnets[DALLAS]])["Subnets"][0]
    assert (subnet["AvailabilityZone"], subnet["AvailabilityZoneId"]) == (DALLAS, "use1-dfw2-az1")
    assert (subnet["DefaultForAz"], subnet["MapPublicIpOnLaunch"]) == (False, False)


def test_a_local_zone_has_no_default_subnet(scene: Scene) -> None:
    defaults = scene.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert DALLAS not in {one["AvailabilityZone"] for one in defaults}


def test_who_is_not_opted_in_has_no_subnet_there(scene: Scene) -> None:
    scene.ec2.modify_availability_zone_group(GroupName="us-east-1-dfw-2", OptInStatus="not-opted-in")
    assert DALLAS not in _zones(scene)
    assert _zones(scene, AllAvailabilityZones=True)[DALLAS]["OptInStatus"] == "not-opted-in"
    create = {"VpcId": scene.vpc, "CidrBlock": "10.0.9.0/24", "AvailabilityZone": DALLAS}
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        scene.ec2.create_subnet(**create)
    offerings = scene.ec2.describe_capacity_block_offerings(
        UltraserverType="u-p6e-gb200x72", UltraserverCount=1, CapacityDurationHours=24
    )
    assert offerings["CapacityBlockOfferings"] == []
    SIMULATED_ACCOUNT.part(ZoneGroups, ACCOUNT, REGION).opt("us-east-1-dfw-2", opted_in=True)
    assert scene.ec2.create_subnet(**create)["Subnet"]["AvailabilityZone"] == DALLAS


def test_the_types_of_the_catalog_are_described(scene: Scene) -> None:
    names = [entry.name for entry in InstanceType.all() if entry.name is not None]
    answer = scene.ec2.describe_instance_types(InstanceTypes=names)["InstanceTypes"]
    found = {one["InstanceType"]: one for one in answer}
    assert set(found) == set(names)
    p6e = found["p6e-gb200.36xlarge"]
    assert p6e["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]
    assert (p6e["VCpuInfo"]["DefaultVCpus"], p6e["NetworkInfo"]["MaximumNetworkCards"]) == (144, 17)
    assert p6e["SupportedUsageClasses"] == ["capacity-block"]


def test_p6e_is_offered_in_dallas(scene: Scene) -> None:
    answer = scene.ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["p6e-gb200.36xlarge"]}]
    )
    assert [one["Location"] for one in answer["InstanceTypeOfferings"]] == [DALLAS]
