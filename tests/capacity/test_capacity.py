"""Capacity blocks, on-demand reservations and placement groups."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from helpers.fleet import DALLAS, START, WEEK, instance_block, ultraserver_block
from ultrafleet.capacity import (
    CapacityBlock,
    OnDemandCapacityReservation,
    PlacementGroup,
    PlacementStrategy,
)
from ultrafleet.catalog import InstanceType, InstanceTypeFacts, UltraServerType, UltraServerTypeFacts
from ultrafleet.errors import FleetError, UnknownFactError


class TestCapacityBlock:
    @pytest.mark.parametrize(
        ("ultraserver", "count"),
        [
            (UltraServerType.U_P6E_GB200X36, 9),
            (UltraServerType.U_P6E_GB200X72, 18),
            (UltraServerType.U_TRN2X64, 4),
        ],
    )
    def test_an_ultraservers_block_holds_all_of_it(self, ultraserver: UltraServerType, count: int) -> None:
        assert ultraserver_block(ultraserver=ultraserver).instance_count == count
        assert ultraserver_block(ultraserver=ultraserver, instance_count=count).instance_count == count
        for wrong in (count - 1, count + 1):
            with pytest.raises(FleetError, match=f"holds {wrong} instances, expected {count}, a whole {ultraserver}"):
                ultraserver_block(ultraserver=ultraserver, instance_count=wrong)

    def test_may_start_at_any_time_of_day_and_last_any_number_of_days(self) -> None:
        block = ultraserver_block(start=START + timedelta(hours=7, minutes=13), end=START + timedelta(days=20))
        assert block.end - block.start < timedelta(days=20)

    def test_takes_other_offsets_than_utc(self) -> None:
        text = "2026-12-08T06:30:00-05:00"
        assert ultraserver_block(end=datetime.fromisoformat(text)).end == START + WEEK

    @given(days=st.integers(1, 182), hours=st.integers(0, 23), minutes=st.integers(0, 59))
    def test_every_window_of_the_documents_is_taken(self, days: int, hours: int, minutes: int) -> None:
        start = datetime(2026, 6, 1, hours, minutes, tzinfo=UTC)
        end = (start + timedelta(days=days)).replace(hour=11, minute=30)
        if start < end:
            assert ultraserver_block(start=start, end=end).start == start

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"capacity_reservation_id": "cbr-00000000000000001"}, "a cbr- id names the block"),
            ({"capacity_reservation_id": "cr-xyz"}, "expected cr- and 8 to 17 hexadecimal digits"),
            ({"start": START + WEEK}, "expected a moment before the end"),
            ({"start": START + 2 * WEEK}, "expected a moment before the end"),
            ({"end": START + WEEK + timedelta(minutes=1)}, "expected 11:30 UTC"),
            ({"end": datetime(2026, 12, 8, 11, 30, 1, tzinfo=UTC)}, "expected 11:30 UTC"),
            ({"end": datetime.fromisoformat("2026-12-08T11:30:00-05:00")}, "expected 11:30 UTC"),
            ({"end": datetime(2026, 12, 8, 11, 30)}, "expected an offset from UTC"),  # noqa: DTZ001 - that is the fault
            ({"start": datetime(2026, 12, 1)}, "expected an offset from UTC"),  # noqa: DTZ001 - that is the fault
            ({"end": START + timedelta(days=184)}, "184 days apart, expected at most 182 and one"),
            ({"availability_zone": "us-east-1"}, "expected an Availability Zone such as us-east-1a or a Local Zone"),
            ({"availability_zone": "use1-az1"}, "expected an Availability Zone"),
        ],
    )
    def test_fails(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(FleetError, match=message):
            ultraserver_block(**wrong)

    def test_182_days_and_one_is_the_longest(self) -> None:
        assert ultraserver_block(end=START + timedelta(days=183))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"instance_type": InstanceType.P6E_GB200_36XLARGE}, "its block is a whole UltraServer"),
            ({"instance_type": InstanceType.TRN2U_48XLARGE}, "its block is a whole UltraServer"),
            ({"instance_type": InstanceType.TRN1N_32XLARGE}, "it is sold as on-demand, spot"),
            ({"instance_count": 0}, "holds 0 instances, expected 1 to 64"),
            ({"instance_count": 65}, "holds 65 instances, expected 1 to 64"),
        ],
    )
    def test_fails_instances(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(FleetError, match=message):
            instance_block(**wrong)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"launch_template_version": 0}, "launch_template_version of capacity block cr-.* is 0, expected a whole"),
            (
                {"launch_template_version": cdk.Token.as_number({"Ref": "Version"})},
                "launch_template_version of capacity block .*, expected a whole number from 1",
            ),
            ({"initial_desired_size": 18}, "initial_desired_size of capacity block cr-.* is 18, expected 0 or none"),
            (
                {"existing_node_group": "rack-a", "launch_template_version": 2},
                "has existing_node_group rack-a and settings of a node group that is made here, expected one of them",
            ),
            ({"existing_node_group": "rack-a", "initial_desired_size": 0}, "expected one of them"),
        ],
    )
    def test_fails_settings_of_its_node_group(self, wrong: dict[str, Any], message: str) -> None:
        for block in (ultraserver_block, instance_block):
            with pytest.raises(FleetError, match=message):
                block(**wrong)

    def test_names_its_node_group(self) -> None:
        assert ultraserver_block().node_group("rack-a") == "rack-a-cr-00000000000000001"
        assert ultraserver_block(existing_node_group="rack-a").node_group("rack-a") == "rack-a"

    def test_fails_trn3_whose_members_have_no_name(self) -> None:
        with pytest.raises(UnknownFactError, match="the instance type of trn3 Gen1 UltraServer is not known"):
            ultraserver_block(ultraserver=UltraServerType.TRN3_GEN1)

    def test_an_ultraserver_of_the_callers_own(self) -> None:
        own = UltraServerType.of(
            "u-new", instance_type=InstanceType.P5EN_48XLARGE, facts=UltraServerTypeFacts(instance_count=6)
        )
        assert ultraserver_block(ultraserver=own).instance_count == 6


def reservation(stack: cdk.Stack, **given: Any) -> OnDemandCapacityReservation:
    return OnDemandCapacityReservation(
        stack,
        "Reservation",
        **{
            "instance_type": InstanceType.P6_B300_48XLARGE,
            "instance_count": 2,
            "availability_zone": "us-east-1b",
            **given,
        },
    )


class TestOnDemandCapacityReservation:
    def test_has_no_end_unless_one_is_stated(self, stack: cdk.Stack) -> None:
        reservation(stack)
        Template.from_stack(stack).has_resource_properties(
            "AWS::EC2::CapacityReservation", {"EndDateType": "unlimited", "EndDate": Match.absent()}
        )

    def test_ends_at_a_moment_in_utc(self, stack: cdk.Stack) -> None:
        reservation(stack, end=datetime.fromisoformat("2027-01-31T13:00:00+01:00"))
        Template.from_stack(stack).has_resource_properties(
            "AWS::EC2::CapacityReservation", {"EndDateType": "limited", "EndDate": "2027-01-31T12:00:00Z"}
        )

    def test_fails_an_end_that_is_no_moment(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match="end is 2027-01-31T00:00:00, expected an offset from UTC: write"):
            reservation(stack, end=datetime(2027, 1, 31))  # noqa: DTZ001 - that is the fault

    def test_is_targeted_and_outlives_its_stack(self, stack: cdk.Stack) -> None:
        reservation(stack)
        Template.from_stack(stack).has_resource(
            "AWS::EC2::CapacityReservation",
            {
                "Properties": {
                    "InstanceType": "p6-b300.48xlarge",
                    "InstanceCount": 2,
                    "InstanceMatchCriteria": "targeted",
                    "AvailabilityZone": "us-east-1b",
                    "PlacementGroupArn": Match.absent(),
                },
                "DeletionPolicy": "RetainExceptOnCreate",
                "UpdateReplacePolicy": "Retain",
            },
        )

    @pytest.mark.parametrize(
        ("removal_policy", "policy"),
        [
            (cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
            (cdk.RemovalPolicy.DESTROY, Match.absent()),
        ],
    )
    def test_keeps_its_placement_group_as_long_as_itself(
        self, stack: cdk.Stack, removal_policy: cdk.RemovalPolicy, policy: Any
    ) -> None:
        placement = PlacementGroup(stack, "Cluster", strategy=PlacementStrategy.CLUSTER)
        reservation(stack, placement_group=placement, removal_policy=removal_policy)
        Template.from_stack(stack).has_resource("AWS::EC2::PlacementGroup", {"DeletionPolicy": policy})

    def test_names_its_placement_group(self, stack: cdk.Stack) -> None:
        placement = PlacementGroup(stack, "Placement", strategy=PlacementStrategy.CLUSTER)
        made = reservation(stack, placement_group=placement, removal_policy=cdk.RemovalPolicy.DESTROY)
        assert made.placement_group_name == placement.group_name
        template = Template.from_stack(stack)
        (placement_id,) = template.find_resources("AWS::EC2::PlacementGroup")
        template.has_resource(
            "AWS::EC2::CapacityReservation",
            {
                "Properties": {
                    "PlacementGroupArn": {
                        "Fn::Join": [
                            "",
                            ["arn:aws:ec2:us-east-1:111122223333:placement-group/", {"Ref": placement_id}],
                        ]
                    }
                },
                "DeletionPolicy": Match.absent(),
            },
        )

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"instance_type": InstanceType.P6E_GB200_36XLARGE}, "UltraServers are sold in capacity blocks only"),
            ({"instance_type": InstanceType.TRN2U_48XLARGE}, "UltraServers are sold in capacity blocks only"),
            (
                {"instance_type": InstanceType.P5E_48XLARGE},
                "no source says that p5e.48xlarge can be reserved on demand",
            ),
            (
                {
                    "instance_type": InstanceType.of(
                        "p9.48xlarge", facts=InstanceTypeFacts(supports_on_demand_capacity_reservation=False)
                    )
                },
                "p9.48xlarge can't be reserved on demand",
            ),
            ({"instance_count": 0}, "instance_count is 0, expected 1 to 1000"),
            ({"instance_count": 1001}, "instance_count is 1001, expected 1 to 1000"),
            ({"availability_zone": "nowhere"}, "zone is 'nowhere'"),
        ],
    )
    def test_fails(self, stack: cdk.Stack, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(FleetError, match=message):
            reservation(stack, **wrong)

    def test_fails_a_placement_group_that_is_no_cluster(self, stack: cdk.Stack) -> None:
        spread = PlacementGroup(stack, "Placement", strategy=PlacementStrategy.SPREAD)
        with pytest.raises(FleetError, match="with strategy spread, expected cluster"):
            reservation(stack, placement_group=spread)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"capacity_reservation_id": "cr-xyz"}, "capacity reservation id is 'cr-xyz'"),
            ({"instance_type": InstanceType.TRN2U_48XLARGE}, "UltraServers are sold in capacity blocks only"),
        ],
    )
    def test_fails_import(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(FleetError, match=message):
            OnDemandCapacityReservation.from_capacity_reservation_id(
                **{
                    "capacity_reservation_id": "cr-00000000000000001",
                    "instance_type": InstanceType.P5_48XLARGE,
                    "instance_count": 2,
                    "availability_zone": "us-east-1b",
                    **wrong,
                }
            )

    def test_tokens(self, stack: cdk.Stack) -> None:
        reservation(
            stack, instance_count=cdk.Token.as_number({"Ref": "N"}), availability_zone=cdk.Fn.import_value("zone")
        )

    def test_minimal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        reservation(stack)
        assert Template.from_stack(stack).to_json() == snapshot_json

    def test_maximal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        placement = PlacementGroup(stack, "Placement", strategy=PlacementStrategy.CLUSTER)
        reservation(stack, placement_group=placement, removal_policy=cdk.RemovalPolicy.DESTROY)
        assert Template.from_stack(stack).to_json() == snapshot_json


class TestPlacementGroup:
    def test_takes_no_tag_from_above(self, app: cdk.App, stack: cdk.Stack) -> None:
        PlacementGroup(stack, "Placement", strategy=PlacementStrategy.CLUSTER)
        cdk.Tags.of(app).add("cost-centre", "42")
        Template.from_stack(stack).has_resource_properties(
            "AWS::EC2::PlacementGroup", {"Strategy": "cluster", "Tags": Match.absent()}
        )

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (
                lambda stack: PlacementGroup(stack, "P", strategy=PlacementStrategy.CLUSTER, partition_count=2),
                "partition_count is 2 with strategy cluster, expected None",
            ),
            (
                lambda stack: PlacementGroup(stack, "P", strategy=PlacementStrategy.PARTITION, partition_count=8),
                "partition_count is 8, expected 1 to 7",
            ),
        ],
    )
    def test_fails(self, stack: cdk.Stack, build: Callable[[cdk.Stack], object], message: str) -> None:
        with pytest.raises(FleetError, match=message):
            build(stack)

    def test_minimal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        PlacementGroup(stack, "Placement", strategy=PlacementStrategy.SPREAD)
        assert Template.from_stack(stack).to_json() == snapshot_json

    def test_maximal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        PlacementGroup(stack, "Placement", strategy=PlacementStrategy.PARTITION, partition_count=7)
        assert Template.from_stack(stack).to_json() == snapshot_json


def test_a_block_says_what_it_holds() -> None:
    assert ultraserver_block(zone=DALLAS).holds == "u-p6e-gb200x72"
    assert instance_block().holds == "4 x p5en.48xlarge"
    assert isinstance(instance_block(), CapacityBlock)
