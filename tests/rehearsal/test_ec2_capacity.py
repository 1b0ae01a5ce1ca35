"""Capacity reservations and capacity blocks of the embedded EC2."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.rehearsal_ec2 import (
    ACCOUNT,
    DALLAS,
    END,
    NOW,
    P5EN_BLOCK,
    REGION,
    START,
    ULTRASERVER,
    Scene,
    embedded_account,
)
from ultrafleet.rehearsal.assumptions import PAYMENT
from ultrafleet.rehearsal.ec2.engine.launch import launch
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes, running, terminate
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.block_clock import validate_block_window


@pytest.fixture
def scene() -> Iterator[Scene]:
    with embedded_account() as made:
        yield made


def _reservation(scene: Scene, reservation_id: str) -> dict[str, Any]:
    answer = scene.ec2.describe_capacity_reservations(CapacityReservationIds=[reservation_id])
    found: dict[str, Any] = answer["CapacityReservations"][0]
    return found


def _state(scene: Scene, reservation_id: str) -> str:
    return str(_reservation(scene, reservation_id)["State"])


def test_a_block_is_described_as_ec2_does(scene: Scene) -> None:
    found = _reservation(scene, ULTRASERVER)
    assert found["ReservationType"] == "capacity-block"
    assert found["CapacityBlockId"].startswith("cbr-")
    assert (found["StartDate"], found["EndDate"], found["EndDateType"]) == (START, END, "limited")
    assert found["InstanceMatchCriteria"] == "targeted"
    assert (found["InstancePlatform"], found["Tenancy"]) == ("Linux/UNIX", "default")
    assert (found["AvailabilityZone"], found["AvailabilityZoneId"]) == (DALLAS, "use1-dfw2-az1")
    assert found["CapacityReservationArn"].endswith(f":capacity-reservation/{ULTRASERVER}")
    assert found["LaunchStatus"] == "launchable"
    assert "LaunchStatus" not in _reservation(scene, P5EN_BLOCK)


def _seed(scene: Scene, end: datetime) -> None:
    scene.reservations.seed_block(
        capacity_reservation_id=ULTRASERVER,
        instance_type="p6e-gb200.36xlarge",
        instance_count=18,
        availability_zone=DALLAS,
        start=START,
        end=end,
        ultraserver_type="u-p6e-gb200x72",
    )


def test_seeding_again_with_an_earlier_end_ends_nothing(scene: Scene) -> None:
    launch(scene.p6e())
    _seed(scene, NOW - timedelta(hours=1))
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=1))
    assert (_state(scene, ULTRASERVER), _reservation(scene, ULTRASERVER)["EndDate"]) == ("active", END)
    assert len(running(ACCOUNT, REGION, {})) == 1


def test_seeding_again_extends_and_keeps_the_id(scene: Scene) -> None:
    later = END + timedelta(days=7)
    _seed(scene, later)
    launch(scene.p6e())
    SIMULATED_ACCOUNT.advance(END + timedelta(hours=1))
    assert _reservation(scene, ULTRASERVER)["EndDate"] == later
    assert _state(scene, ULTRASERVER) == "active"
    assert scene.reservations.reclaimed == []
    assert len(running(ACCOUNT, REGION, {})) == 1


def test_states_of_an_on_demand_reservation(scene: Scene) -> None:
    made = scene.reserve("p5.4xlarge", EndDate=NOW + timedelta(days=1), EndDateType="limited")
    assert _state(scene, made) == "active"
    SIMULATED_ACCOUNT.advance(NOW + timedelta(days=1))
    assert (_state(scene, made), _reservation(scene, made)["AvailableInstanceCount"]) == ("expired", 0)
    launched = launch(scene.p6_b300())
    scene.ec2.cancel_capacity_reservation(CapacityReservationId=scene.odcr)
    assert _state(scene, scene.odcr) == "cancelled"
    assert [one.id for one in running(ACCOUNT, REGION, {})] == [launched]


def test_an_on_demand_reservation_is_modified(scene: Scene) -> None:
    launch(scene.p6_b300())
    scene.ec2.modify_capacity_reservation(CapacityReservationId=scene.odcr, InstanceCount=5)
    found = _reservation(scene, scene.odcr)
    assert (found["TotalInstanceCount"], found["AvailableInstanceCount"]) == (5, 4)
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        scene.ec2.modify_capacity_reservation(CapacityReservationId=scene.odcr, InstanceCount=0)
    end = NOW + timedelta(days=2)
    scene.ec2.modify_capacity_reservation(CapacityReservationId=scene.odcr, EndDate=end, EndDateType="limited")
    assert _reservation(scene, scene.odcr)["EndDate"] == end
    scene.ec2.modify_capacity_reservation(CapacityReservationId=scene.odcr, EndDateType="unlimited")
    assert "EndDate" not in _reservation(scene, scene.odcr)


def test_a_block_is_neither_modified_nor_cancelled(scene: Scene) -> None:
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        scene.ec2.modify_capacity_reservation(CapacityReservationId=ULTRASERVER, InstanceCount=1)
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        scene.ec2.cancel_capacity_reservation(CapacityReservationId=ULTRASERVER)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"InstanceType": "p6e-gb200.36xlarge"}, "Unsupported"),
        ({"InstanceType": "m99.large"}, "InvalidParameterValue"),
        ({"InstanceCount": 1001}, "InvalidParameterValue"),
        ({"AvailabilityZone": "us-west-2a"}, "InvalidZone.NotFound"),
        ({"EndDateType": "limited"}, "InvalidParameterCombination"),
        ({"StartDate": NOW + timedelta(days=9)}, "Unsupported"),
        ({"PlacementGroupArn": "arn:aws:ec2:us-east-1:1:placement-group/none"}, "InvalidPlacementGroup.Unknown"),
    ],
)
def test_reservations_that_cannot_be_made(scene: Scene, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        scene.reserve("p5.4xlarge", **given)
    assert refused.value.response["Error"]["Code"] == code


def test_a_client_token_makes_one_reservation(scene: Scene) -> None:
    first = scene.reserve("p5.4xlarge", ClientToken="once")
    assert scene.reserve("p5.4xlarge", ClientToken="once") == first


def test_reservations_by_filter_tag_and_page(scene: Scene) -> None:
    made = [
        scene.reserve(
            "p5.4xlarge",
            TagSpecifications=[
                {"ResourceType": "capacity-reservation", "Tags": [{"Key": "number", "Value": str(number)}]}
            ],
        )
        for number in range(5)
    ]
    paginator = scene.ec2.get_paginator("describe_capacity_reservations")
    filters = [{"Name": "instance-type", "Values": ["p5.*"]}]
    pages = list(paginator.paginate(Filters=filters, PaginationConfig={"PageSize": 2}))
    assert [len(page["CapacityReservations"]) for page in pages] == [2, 2, 1]
    assert [one["CapacityReservationId"] for page in pages for one in page["CapacityReservations"]] == made
    found = scene.ec2.describe_capacity_reservations(Filters=[{"Name": "tag:number", "Values": ["3"]}])
    assert [one["CapacityReservationId"] for one in found["CapacityReservations"]] == [made[3]]
    assert found["CapacityReservations"][0]["Tags"] == [{"Key": "number", "Value": "3"}]
    blocks = scene.ec2.describe_capacity_reservations(Filters=[{"Name": "state", "Values": ["scheduled"]}])
    assert blocks["CapacityReservations"] == []


def test_unknown_ids_filters_and_tokens_are_refused(scene: Scene) -> None:
    describe = scene.ec2.describe_capacity_reservations
    for given, code in (
        ({"CapacityReservationIds": ["cr-0bbbbbbbbbbbbbbb1"]}, "InvalidCapacityReservationId.NotFound"),
        ({"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameterValue"),
        ({"NextToken": "x"}, "InvalidPaginationToken"),
    ):
        with pytest.raises(ClientError) as refused:
            describe(**given)
        assert refused.value.response["Error"]["Code"] == code


def test_faults_reach_every_operation(scene: Scene) -> None:
    def fault(service: str, action: str, _: dict[str, Any]) -> None:
        if (service, action) == ("ec2", "DescribeCapacityBlockOfferings"):
            raise Refusal("UnauthorizedOperation", "not authorized when requesting an EC2 UltraServer")

    SIMULATED_ACCOUNT.checks.append(fault)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        _offerings(scene)


def _offerings(scene: Scene, **more: Any) -> list[dict[str, Any]]:
    given = {"UltraserverType": "u-p6e-gb200x72", "UltraserverCount": 2, "CapacityDurationHours": 48}
    found: list[dict[str, Any]] = scene.ec2.describe_capacity_block_offerings(**(given | more))[
        "CapacityBlockOfferings"
    ]
    return found


def _instance_offerings(scene: Scene, **more: Any) -> list[dict[str, Any]]:
    given = {"InstanceType": "p5en.48xlarge", "InstanceCount": 4, "CapacityDurationHours": 24}
    found: list[dict[str, Any]] = scene.ec2.describe_capacity_block_offerings(**(given | more))[
        "CapacityBlockOfferings"
    ]
    return found


def test_offerings_keep_the_rules_of_blocks(scene: Scene) -> None:
    found = [*_offerings(scene), *_instance_offerings(scene)]
    assert {one["AvailabilityZone"] for one in found} == {DALLAS, "us-east-1a", "us-east-1c"}
    for one in found:
        validate_block_window(one["StartDate"], one["EndDate"])
        assert one["StartDate"] >= NOW + timedelta(minutes=30)
        length = timedelta(hours=one["CapacityBlockDurationHours"], minutes=one["CapacityBlockDurationMinutes"])
        assert length == one["EndDate"] - one["StartDate"]  # the minutes are beside the hours
    soonest = found[0]
    assert soonest["StartDate"] == NOW + timedelta(minutes=30)
    assert soonest["EndDate"] == datetime.fromisoformat("2026-11-04T11:30:00+00:00")
    assert [one["CapacityBlockDurationHours"] for one in found[1:4]] == [48] * 3
    hours = (soonest["EndDate"] - soonest["StartDate"]) / timedelta(hours=1)
    assert float(soonest["UpfrontFee"]) == pytest.approx(2 * 761.904 * hours)
    assert (soonest["UltraserverCount"], soonest["InstanceCount"]) == (2, 36)


def test_offerings_in_a_range_of_dates(scene: Scene) -> None:
    start = NOW + timedelta(days=10)
    found = _offerings(scene, StartDateRange=start, EndDateRange=start + timedelta(days=3))
    assert found
    assert all(one["StartDate"] >= start and one["EndDate"] <= start + timedelta(days=3) for one in found)
    assert _offerings(scene, StartDateRange=NOW + timedelta(weeks=9)) == []


@pytest.mark.parametrize(
    "given",
    [
        {"CapacityDurationHours": 25},
        {"CapacityDurationHours": 15 * 24},
        {"CapacityDurationHours": 189 * 24},
        {"UltraserverType": "u-none"},
        {"InstanceType": "p5en.48xlarge"},
    ],
)
def test_offerings_that_nobody_sells(scene: Scene, given: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidParameter"):
        _offerings(scene, **given)


@pytest.mark.parametrize(
    "given", [{"InstanceType": "p6e-gb200.36xlarge"}, {"InstanceType": "trn1n.32xlarge"}, {"InstanceCount": 65}]
)
def test_instances_that_are_not_sold_in_blocks(scene: Scene, given: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        _instance_offerings(scene, **given)


def test_bought_ultraservers_are_a_block_each_and_live_by_the_clock(scene: Scene) -> None:
    offering = _offerings(scene)[0]
    answer = scene.ec2.purchase_capacity_block(
        CapacityBlockOfferingId=offering["CapacityBlockOfferingId"], InstancePlatform="Linux/UNIX"
    )
    ids = [one["CapacityReservationId"] for one in answer["CapacityReservations"]]
    assert len(set(ids)) == len(answer["CapacityBlocks"]) == 2
    assert [one["CapacityReservationIds"] for one in answer["CapacityBlocks"]] == [[one] for one in ids]
    assert {one["UltraserverType"] for one in answer["CapacityBlocks"]} == {"u-p6e-gb200x72"}
    seen = [_state(scene, ids[0])]
    for moment in (NOW + PAYMENT, offering["StartDate"], offering["EndDate"]):
        SIMULATED_ACCOUNT.advance(moment)
        seen.append(_state(scene, ids[0]))
    assert seen == ["payment-pending", "scheduled", "active", "expired"]
    with pytest.raises(ClientError, match="InvalidCapacityBlockOfferingIdNotFound"):
        scene.ec2.purchase_capacity_block(
            CapacityBlockOfferingId=offering["CapacityBlockOfferingId"], InstancePlatform="Linux/UNIX"
        )


def test_an_offering_is_not_for_sale_after_its_start(scene: Scene) -> None:
    offering = _offerings(scene)[0]
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=1))
    with pytest.raises(ClientError, match="InvalidCapacityBlockOfferingIdExpired"):
        scene.ec2.purchase_capacity_block(
            CapacityBlockOfferingId=offering["CapacityBlockOfferingId"], InstancePlatform="Linux/UNIX"
        )


def test_blocks_and_their_status(scene: Scene) -> None:
    launch(scene.p6e())
    blocks = scene.ec2.describe_capacity_blocks(Filters=[{"Name": "ultraserver-type", "Values": ["u-p6e-*"]}])
    assert [one["CapacityReservationIds"] for one in blocks["CapacityBlocks"]] == [[ULTRASERVER]]
    block_id = blocks["CapacityBlocks"][0]["CapacityBlockId"]
    scene.reservations.override(ULTRASERVER, interconnect="impaired")
    status = scene.ec2.describe_capacity_block_status(CapacityBlockIds=[block_id])["CapacityBlockStatuses"][0]
    assert (status["InterconnectStatus"], status["TotalCapacity"], status["TotalAvailableCapacity"]) == (
        "impaired",
        18,
        17,
    )
    assert status["TotalUnavailableCapacity"] == 0  # in use, and well
    scene.reservations.failed_checks.add(running(ACCOUNT, REGION, {})[0].id)
    status = scene.ec2.describe_capacity_block_status(CapacityBlockIds=[block_id])["CapacityBlockStatuses"][0]
    assert (status["TotalAvailableCapacity"], status["TotalUnavailableCapacity"]) == (17, 1)
    assert len(running(ACCOUNT, REGION, {})) == 1
    impaired = [{"Name": "interconnect-status", "Values": ["impaired"]}]
    assert len(scene.ec2.describe_capacity_block_status(Filters=impaired)["CapacityBlockStatuses"]) == 1
    with pytest.raises(ClientError, match=r"InvalidCapacityBlockId\.NotFound"):
        scene.ec2.describe_capacity_blocks(CapacityBlockIds=["cbr-0bbbbbbbbbbbbbbb1"])


def test_an_override_ends(scene: Scene) -> None:
    scene.reservations.override(ULTRASERVER, state="unavailable", interconnect="insufficient-data")
    assert _state(scene, ULTRASERVER) == "unavailable"
    scene.reservations.override(ULTRASERVER, state="unlaunchable")
    found = _reservation(scene, ULTRASERVER)
    assert (found["State"], found["LaunchStatus"]) == ("active", "unlaunchable")
    scene.reservations.override(ULTRASERVER)
    found = _reservation(scene, ULTRASERVER)
    assert (found["State"], found["LaunchStatus"]) == ("active", "launchable")


def test_an_override_may_end_by_itself(scene: Scene) -> None:
    scene.reservations.override(ULTRASERVER, state="assessing", until=NOW + timedelta(minutes=7))
    SIMULATED_ACCOUNT.advance(NOW + timedelta(minutes=6))
    assert _state(scene, ULTRASERVER) == "assessing"
    SIMULATED_ACCOUNT.advance(NOW + timedelta(minutes=7))
    assert _state(scene, ULTRASERVER) == "active"


def test_a_start_may_be_told_late(scene: Scene) -> None:
    start = NOW + timedelta(hours=1)
    scene.reservations.get(ULTRASERVER).start = start
    SIMULATED_ACCOUNT.readings.add("block-state-late")
    SIMULATED_ACCOUNT.advance(start + timedelta(minutes=4))
    assert _state(scene, ULTRASERVER) == "scheduled"
    SIMULATED_ACCOUNT.advance(start + timedelta(minutes=5))
    assert _state(scene, ULTRASERVER) == "active"


@pytest.mark.parametrize(("reservation", "minutes"), [(ULTRASERVER, 60), (P5EN_BLOCK, 30)])
def test_instances_are_taken_before_the_end(scene: Scene, reservation: str, minutes: int) -> None:
    doomed = launch(scene.p6e() if reservation == ULTRASERVER else scene.p5en())
    stays = launch(scene.p6_b300())
    moment = END - timedelta(minutes=minutes)
    SIMULATED_ACCOUNT.advance(moment - timedelta(seconds=1))
    assert scene.reservations.reclaimed == []
    SIMULATED_ACCOUNT.advance(END)
    assert scene.reservations.reclaimed == [(moment, doomed, reservation)]
    assert [one.id for one in running(ACCOUNT, REGION, {})] == [stays]
    lifetime = SIMULATED_ACCOUNT.part(Lifetimes, ACCOUNT, REGION).by_id[doomed]
    assert (lifetime.terminated, lifetime.reason) == (moment, "The Capacity Block is ending")
    assert _state(scene, reservation) == "expired"


def test_who_leaves_in_time_is_not_killed(scene: Scene) -> None:
    gone = launch(scene.p6e())
    SIMULATED_ACCOUNT.advance(END - timedelta(minutes=61))
    terminate(ACCOUNT, REGION, [gone], reason="drained")
    SIMULATED_ACCOUNT.advance(END)
    assert scene.reservations.reclaimed == []


def test_time_stops_at_every_change_of_a_block(scene: Scene) -> None:
    seen: list[datetime] = []
    SIMULATED_ACCOUNT.advance(END + timedelta(days=1), on_moment=seen.append)
    assert {END - timedelta(minutes=60), END - timedelta(minutes=30), END} <= set(seen)
    assert scene.reservations.by_id[ULTRASERVER].end == END
