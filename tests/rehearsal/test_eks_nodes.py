"""Nodes of managed node groups on a capacity block, through EKS's own API: sizes, updates in time, EKS's scale-down."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.assumptions import CLEAN_UP, LAUNCH_RETRY, PAYMENT, ROLL_GIVES_UP
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.clock import EVICTION, Nodes
from ultrafleet.rehearsal.eks.engine.scale_down import ACTION_NAME
from ultrafleet.rehearsal.eks.state import Eks, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

ACCOUNT, REGION, ZONE = "111122223333", "us-east-1", "us-east-1a"
NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
START, END = NOW + timedelta(hours=1), datetime(2026, 12, 8, 11, 30, tzinfo=UTC)
BLOCK = "cr-0aaaaaaaaaaaaaaa1"
KEY = {"clusterName": "training", "nodegroupName": "pool"}
TYPE = "p5.48xlarge"


class Scene:
    """A cluster, a block of four instances, and the node group on it."""

    def __init__(self) -> None:
        self.call = Calls(account_id=ACCOUNT, region=REGION)
        vpc = self.call("ec2", "create_vpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            self.call("ec2", "create_subnet", VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{z}")
            for n, z in enumerate("ab")
        ]
        ids = [made["Subnet"]["SubnetId"] for made in subnets]
        self.subnet = ids[0]
        role = f"arn:aws:iam::{ACCOUNT}:role/node"
        vpc_config = {"subnetIds": ids}
        self.call("eks", "create_cluster", name="training", roleArn=role, version="1.34", resourcesVpcConfig=vpc_config)
        self.reservations = SIMULATED_ACCOUNT.part(Reservations, ACCOUNT, REGION)
        self.reservations.seed_block(
            capacity_reservation_id=BLOCK,
            instance_type=TYPE,
            instance_count=4,
            availability_zone=ZONE,
            start=START,
            end=END,
        )
        data = {
            "InstanceType": TYPE,
            "InstanceMarketOptions": {"MarketType": "capacity-block"},
            "CapacityReservationSpecification": {"CapacityReservationTarget": {"CapacityReservationId": BLOCK}},
        }
        made = self.call("ec2", "create_launch_template", LaunchTemplateName="pool", LaunchTemplateData=data)
        self.template, self.data = made["LaunchTemplate"]["LaunchTemplateId"], data

    def create(self, **changed: Any) -> None:
        request = {
            **KEY,
            "nodeRole": f"arn:aws:iam::{ACCOUNT}:role/node",
            "subnets": [self.subnet],
            "amiType": "AL2023_x86_64_NVIDIA",
            "capacityType": "CAPACITY_BLOCK",
            "scalingConfig": {"minSize": 0, "maxSize": 4},
            "launchTemplate": {"id": self.template, "version": "1"},
            "nodeRepairConfig": {"enabled": True},
            "updateConfig": {"maxUnavailable": 1, "updateStrategy": "MINIMAL"},
            **changed,
        }
        self.call("eks", "create_nodegroup", **request)

    def up(self, **changed: Any) -> set[str]:
        """The group at full size, half an hour into its block."""
        self.create(**changed)
        self.to(START)
        self.resize(4)
        self.to(START + timedelta(minutes=30))
        return self.nodes()

    def to(self, moment: datetime) -> None:
        SIMULATED_ACCOUNT.advance(moment)

    def wait(self, duration: timedelta) -> None:
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + duration)

    def resize(self, desired: int) -> None:
        self.call("eks", "update_nodegroup_config", **KEY, scalingConfig={"desiredSize": desired})

    def next_version(self, **given: Any) -> str:
        key = {"LaunchTemplateId": self.template}
        self.call(
            "ec2", "create_launch_template_version", **key, LaunchTemplateData={**self.data, "EbsOptimized": True}
        )
        return self.roll("2", **given)

    def roll(self, version: str, **given: Any) -> str:
        template = {"id": self.template, "version": version}
        made = self.call("eks", "update_nodegroup_version", **KEY, launchTemplate=template, **given)
        return str(made["update"]["id"])

    def update(self, update_id: str) -> dict[str, Any]:
        found = self.call("eks", "describe_update", name="training", nodegroupName="pool", updateId=update_id)
        update: dict[str, Any] = found["update"]
        return update

    @property
    def group(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("eks", "describe_nodegroup", **KEY)["nodegroup"]
        return found

    @property
    def record(self) -> NodeGroupRecord:
        return SIMULATED_ACCOUNT.part(Eks, ACCOUNT, REGION).node_group("training", "pool")

    def nodes(self) -> set[str]:
        running = [{"Name": "instance-state-name", "Values": ["running"]}]
        pages = self.call.pages("ec2", "describe_instances", "Reservations", Filters=running)
        return {instance["InstanceId"] for held in pages for instance in held["Instances"]}

    def actions(self, **given: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("autoscaling", "describe_scheduled_actions", **given)[
            "ScheduledUpdateGroupActions"
        ]
        return found

    def extend(self, hours: int = 48) -> datetime:
        key = {"CapacityReservationId": BLOCK}
        offering = self.call(
            "ec2", "describe_capacity_block_extension_offerings", **key, CapacityBlockExtensionDurationHours=hours
        )["CapacityBlockExtensionOfferings"][0]["CapacityBlockExtensionOfferingId"]
        self.call("ec2", "purchase_capacity_block_extension", **key, CapacityBlockExtensionOfferingId=offering)
        self.wait(PAYMENT)
        return END + timedelta(hours=hours)


@pytest.fixture
def scene() -> Iterator[Scene]:
    extension.install()
    with mock_aws():
        SIMULATED_ACCOUNT.reset(NOW)
        yield Scene()
        SIMULATED_ACCOUNT.reset()


class TestFirstSize:
    def test_is_the_minimum_where_none_is_stated(self, scene: Scene) -> None:
        scene.create()
        assert scene.group["scalingConfig"] == {"minSize": 0, "maxSize": 4, "desiredSize": 0}
        assert scene.group["status"] == "ACTIVE"

    def test_is_one_under_the_other_reading_and_heals_when_the_block_starts(self, scene: Scene) -> None:
        SIMULATED_ACCOUNT.readings.add("node-group-starts-with-a-node")
        scene.create()
        group = scene.group
        assert (group["scalingConfig"]["desiredSize"], group["status"]) == (1, "DEGRADED")
        (issue,) = group["health"]["issues"]
        assert issue["code"] == "AsgInstanceLaunchFailures"
        assert "not active yet" in issue["message"]
        scene.to(START + LAUNCH_RETRY)
        assert len(scene.nodes()) == 1
        assert (scene.group["status"], scene.group["health"]["issues"]) == ("ACTIVE", [])

    def test_stated_as_0_is_0_under_the_other_reading_too(self, scene: Scene) -> None:
        SIMULATED_ACCOUNT.readings.add("node-group-starts-with-a-node")
        scene.create(scalingConfig={"minSize": 0, "maxSize": 4, "desiredSize": 0})
        assert scene.group["scalingConfig"]["desiredSize"] == 0

    def test_of_a_group_whose_launch_fails_otherwise_fails_its_creation(self, scene: Scene) -> None:
        scene.reservations.override(BLOCK, state="payment-failed")
        scene.create(scalingConfig={"minSize": 0, "maxSize": 4, "desiredSize": 1})
        assert scene.group["status"] == "CREATE_FAILED"


class TestHealth:
    def test_a_degraded_group_stays_so_at_0_until_a_launch_succeeds(self, scene: Scene) -> None:
        scene.create()
        scene.resize(4)
        assert scene.group["status"] == "DEGRADED"
        scene.resize(0)
        scene.to(START + timedelta(hours=1))
        assert scene.group["status"] == "DEGRADED"
        assert scene.group["health"]["issues"]
        scene.resize(1)
        assert (scene.group["status"], scene.group["health"]["issues"]) == ("ACTIVE", [])

    def test_nodes_that_do_not_join_are_told_until_others_do(self, scene: Scene) -> None:
        SIMULATED_ACCOUNT.readings.add("node-never-joins")
        before = scene.up()
        (issue,) = scene.group["health"]["issues"]
        assert (scene.group["status"], issue["code"]) == ("DEGRADED", "NodeCreationFailure")
        assert set(issue["resourceIds"]) == before
        SIMULATED_ACCOUNT.readings.clear()
        scene.resize(0)
        scene.wait(EVICTION + CLEAN_UP)
        scene.resize(4)
        assert (scene.group["status"], len(scene.nodes())) == ("ACTIVE", 4)

    def test_a_node_that_fails_is_replaced_after_the_clean_up(self, scene: Scene) -> None:
        before = scene.up()
        SIMULATED_ACCOUNT.part(Nodes, ACCOUNT, REGION).fail_node(min(before))
        assert len(scene.nodes()) == 3
        scene.wait(CLEAN_UP)
        assert len(scene.nodes() - before) == 1
        assert scene.group["status"] == "ACTIVE"

    def test_a_node_that_nobody_repairs_fails_its_status_checks(self, scene: Scene) -> None:
        before = scene.up(nodeRepairConfig={"enabled": False})
        SIMULATED_ACCOUNT.part(Nodes, ACCOUNT, REGION).fail_node(min(before))
        (status,) = scene.call("ec2", "describe_capacity_block_status")["CapacityBlockStatuses"]
        assert (status["TotalAvailableCapacity"], status["TotalUnavailableCapacity"]) == (0, 1)


class TestRoll:
    def test_replaces_one_node_at_a_time_and_refuses_other_updates(self, scene: Scene) -> None:
        before = scene.up()
        update = scene.next_version()
        begun = SIMULATED_ACCOUNT.now
        assert (scene.group["status"], scene.update(update)["status"]) == ("UPDATING", "InProgress")
        assert scene.group["launchTemplate"]["version"] == "1"
        with pytest.raises(Refusal) as caught:
            scene.resize(0)
        assert caught.value.code == "ResourceInUseException"
        scene.wait(EVICTION - timedelta(minutes=1))
        assert scene.nodes() == before
        scene.wait(timedelta(minutes=1))
        assert len(scene.nodes()) == 3
        scene.wait(CLEAN_UP)
        assert (len(scene.nodes()), len(scene.nodes() & before)) == (4, 3)
        scene.to(begun + 4 * (EVICTION + CLEAN_UP) - timedelta(minutes=1))
        assert scene.group["status"] == "UPDATING"
        scene.wait(timedelta(minutes=1))
        assert (scene.group["status"], scene.update(update)["status"]) == ("ACTIVE", "Successful")
        assert scene.group["launchTemplate"]["version"] == "2"
        assert scene.nodes().isdisjoint(before)
        assert [instance for _, instance in scene.record.rolled] == sorted(before)

    @pytest.mark.parametrize("config", [{"maxUnavailable": 2}, {"maxUnavailablePercentage": 50}])
    def test_replaces_as_many_at_once_as_it_may(self, scene: Scene, config: dict[str, int]) -> None:
        before = scene.up(updateConfig={**config, "updateStrategy": "MINIMAL"})
        scene.next_version()
        scene.wait(EVICTION)
        assert len(scene.nodes()) == 2
        scene.wait(CLEAN_UP + EVICTION + CLEAN_UP)
        assert (scene.group["status"], scene.nodes() & before) == ("ACTIVE", set())

    def test_that_launches_first_fails_in_a_full_block(self, scene: Scene) -> None:
        before = scene.up(updateConfig={"maxUnavailable": 1})
        update = scene.next_version()
        scene.wait(ROLL_GIVES_UP)
        found = scene.update(update)
        assert (found["status"], found["errors"][0]["errorCode"]) == ("Failed", "NodeCreationFailure")
        assert scene.nodes() == before

    def test_that_launches_first_needs_room(self, scene: Scene) -> None:
        scene.create(updateConfig={"maxUnavailable": 2})
        scene.to(START)
        scene.resize(2)
        before = scene.nodes()
        update = scene.next_version()
        assert (len(scene.nodes()), scene.nodes() >= before) == (4, True)
        scene.wait(EVICTION)
        assert (len(scene.nodes()), scene.update(update)["status"]) == (2, "Successful")
        assert scene.nodes().isdisjoint(before)

    def test_of_an_empty_group_is_over_at_once(self, scene: Scene) -> None:
        scene.create()
        update = scene.next_version()
        assert (scene.group["status"], scene.update(update)["status"]) == ("ACTIVE", "Successful")
        assert scene.group["launchTemplate"]["version"] == "2"

    def test_to_the_version_that_nodes_have_replaces_none(self, scene: Scene) -> None:
        before = scene.up()
        assert scene.update(scene.roll("1"))["status"] == "Successful"
        scene.wait(timedelta(hours=1))
        assert scene.nodes() == before

    def test_fails_where_pods_stay_unless_it_is_forced(self, scene: Scene) -> None:
        before = scene.up()
        SIMULATED_ACCOUNT.readings.add("pod-eviction-failure")
        update = scene.next_version()
        scene.wait(EVICTION)
        found = scene.update(update)
        assert (found["status"], found["errors"][0]["errorCode"]) == ("Failed", "PodEvictionFailure")
        assert (scene.group["status"], scene.nodes()) == ("ACTIVE", before)
        assert scene.group["launchTemplate"]["version"] == "1"
        forced = scene.roll("2", force=True)
        scene.wait(4 * (EVICTION + CLEAN_UP))
        assert scene.update(forced)["status"] == "Successful"
        assert scene.nodes().isdisjoint(before)

    def test_fails_where_no_replacement_can_be_launched(self, scene: Scene) -> None:
        before = scene.up()
        update = scene.next_version()
        scene.reservations.override(BLOCK, state="unavailable")
        scene.wait(EVICTION + ROLL_GIVES_UP)
        found = scene.update(update)
        assert (found["status"], found["errors"][0]["errorCode"]) == ("Failed", "NodeCreationFailure")
        assert scene.group["status"] == "DEGRADED"
        assert len(scene.nodes() & before) == 3


class TestOwnScaleDown:
    def test_is_a_scheduled_action_of_the_auto_scaling_group(self, scene: Scene) -> None:
        scene.create()
        (action,) = scene.actions()
        (group,) = scene.group["resources"]["autoScalingGroups"]
        assert (action["ScheduledActionName"], action["AutoScalingGroupName"]) == (ACTION_NAME, group["name"])
        assert (action["StartTime"], action["DesiredCapacity"]) == (END - timedelta(minutes=40), 0)
        assert scene.actions(AutoScalingGroupName=group["name"]) == [action]
        assert scene.actions(AutoScalingGroupName="other") == []

    def test_empties_the_group_and_is_no_update_of_ekss(self, scene: Scene) -> None:
        before = scene.up()
        scene.to(END - timedelta(minutes=40))
        assert (scene.group["scalingConfig"]["desiredSize"], scene.group["status"]) == (0, "ACTIVE")
        assert scene.nodes() == before
        scene.wait(EVICTION)
        assert scene.nodes() == set()
        assert {instance for _, instance in scene.record.taken_by_eks} == before
        assert scene.actions() == []

    def test_takes_nothing_where_the_group_is_empty(self, scene: Scene) -> None:
        scene.up()
        scene.to(END - timedelta(minutes=90))
        scene.resize(0)
        scene.to(END)
        assert scene.record.taken_by_eks == []
        assert scene.reservations.reclaimed == []

    def test_keeps_its_time_after_an_extension_and_takes_running_nodes(self, scene: Scene) -> None:
        before = scene.up()
        end = scene.extend()
        (action,) = scene.actions()
        assert action["StartTime"] == END - timedelta(minutes=40)
        scene.to(END - timedelta(minutes=40))
        assert {instance for _, instance in scene.record.taken_by_eks} == before
        scene.resize(4)  # as the schedule does at its next tick
        scene.to(END)
        assert len(scene.nodes()) == 4
        assert scene.nodes().isdisjoint(before)
        scene.to(end)
        assert len(scene.reservations.reclaimed) == 4

    def test_moves_with_an_extension_under_the_other_reading(self, scene: Scene) -> None:
        before = scene.up()
        SIMULATED_ACCOUNT.readings.add("eks-scale-down-moves")
        end = scene.extend()
        scene.to(END)
        assert scene.nodes() == before
        scene.to(end - timedelta(minutes=40) + EVICTION)
        assert scene.nodes() == set()
