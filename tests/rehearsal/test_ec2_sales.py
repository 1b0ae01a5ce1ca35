"""Sale of capacity blocks on the embedded EC2: answers by botocore's model, segments, tags, pages, faults."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from helpers.model_answers import differences, lost, strict_answers
from helpers.rehearsal_ec2 import ACCOUNT, DALLAS, NOW, REGION, ULTRASERVER, Scene, embedded_account
from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.catalog.capacity_blocks import DESCRIBE_LIMIT_CODE, NOT_ALLOWED_MESSAGE
from ultrafleet.environment import load_environment
from ultrafleet.rehearsal.assumptions import PAYMENT
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget
from ultrafleet.rehearsal.scenarios.faults.injections import INJECTIONS
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ENVIRONMENT = Path(__file__).parent.parent.parent / "stacks" / "environments" / "training.yaml"
RACKS: dict[str, Any] = {"UltraserverType": "u-p6e-gb200x72", "UltraserverCount": 2, "CapacityDurationHours": 48}
NODES: dict[str, Any] = {"InstanceType": "p5en.48xlarge", "InstanceCount": 5, "CapacityDurationHours": 24}
INTENT = [
    {"ResourceType": kind, "Tags": [{"Key": "ultrafleet:intent", "Value": "one"}]}
    for kind in ("capacity-block", "capacity-reservation")
]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with embedded_account() as made, strict_answers(made.ec2):
        yield made


def _inject(name: str) -> None:
    environment = load_environment(ENVIRONMENT)
    place = {"account": ACCOUNT, "region": REGION}
    INJECTIONS[name](FaultTarget(environment=environment.model_copy(update=place)))


def _offerings(scene: Scene, **given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.ec2.describe_capacity_block_offerings(**given)["CapacityBlockOfferings"]
    return found


def _buy(scene: Scene, offering: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = scene.ec2.purchase_capacity_block(
        CapacityBlockOfferingId=offering["CapacityBlockOfferingId"], InstancePlatform="Linux/UNIX", **more
    )
    return answer


def test_every_answer_of_the_sale_is_what_botocores_model_says() -> None:
    with embedded_account() as scene, strict_answers(scene.ec2) as checked:
        _inject("offerings-in-segments")
        _buy(scene, _offerings(scene, **NODES)[0], TagSpecifications=INTENT)
        scene.ec2.describe_capacity_blocks()
        scene.ec2.describe_capacity_block_status()
        scene.ec2.describe_capacity_reservations()
        extension = scene.ec2.describe_capacity_block_extension_offerings(
            CapacityBlockExtensionDurationHours=24, CapacityReservationId=ULTRASERVER
        )["CapacityBlockExtensionOfferings"][0]
        scene.ec2.purchase_capacity_block_extension(
            CapacityBlockExtensionOfferingId=extension["CapacityBlockExtensionOfferingId"],
            CapacityReservationId=ULTRASERVER,
        )
        scene.ec2.describe_capacity_block_extension_history()
    assert sorted(set(checked)) == [
        "DescribeCapacityBlockExtensionHistory",
        "DescribeCapacityBlockExtensionOfferings",
        "DescribeCapacityBlockOfferings",
        "DescribeCapacityBlockStatus",
        "DescribeCapacityBlocks",
        "DescribeCapacityReservations",
        "PurchaseCapacityBlock",
        "PurchaseCapacityBlockExtension",
    ]


def test_the_check_finds_what_the_model_lacks(scene: Scene) -> None:
    model = scene.ec2.meta.service_model.operation_model("DescribeCapacityBlocks").output_shape
    (state,) = differences({"CapacityBlocks": [{"State": "bought"}]}, model)
    assert state.startswith(".CapacityBlocks[].State is bought, expected one of active, expired")
    assert list(differences({"CapacityBlocks": [{"StartDate": "now", "State": "active"}]}, model))
    assert list(lost({"CapacityBlocks": [{"Colour": "red", "State": "active"}]}, {"CapacityBlocks": [{"State": "a"}]}))


def test_an_offering_keeps_its_id_until_it_is_bought(scene: Scene) -> None:
    first = _offerings(scene, **RACKS)
    assert _offerings(scene, **RACKS) == first
    _buy(scene, first[0])
    second = _offerings(scene, **RACKS)
    assert [one["StartDate"] for one in second] == [one["StartDate"] for one in first]
    assert second[0]["CapacityBlockOfferingId"] != first[0]["CapacityBlockOfferingId"]
    assert second[1:] == first[1:]
    _inject("offering-ids-change")
    ids = {one["CapacityBlockOfferingId"] for _ in range(2) for one in _offerings(scene, **RACKS)}
    assert len(ids) == 2 * len(first)


def test_offerings_come_in_pages(scene: Scene) -> None:
    every = _offerings(scene, **NODES)
    paginator = scene.ec2.get_paginator("describe_capacity_block_offerings")
    pages = list(paginator.paginate(**NODES, PaginationConfig={"PageSize": 3}))
    sizes = [len(page["CapacityBlockOfferings"]) for page in pages]
    assert sizes == [3] * (len(every) // 3) + ([len(every) % 3] if len(every) % 3 else [])
    assert [one for page in pages for one in page["CapacityBlockOfferings"]] == every
    with pytest.raises(ClientError, match="InvalidPaginationToken"):
        _offerings(scene, **NODES, NextToken="elsewhere")


def test_types_by_preference_have_offerings_of_each(scene: Scene) -> None:
    given = {"InstanceTypePreferences": [{"InstanceType": "p5en.48xlarge"}, {"InstanceType": "p5.48xlarge"}]}
    found = _offerings(scene, CapacityDurationHours=24, InstanceCount=2, **given)
    assert {one["InstanceType"] for one in found} == {"p5en.48xlarge", "p5.48xlarge"}
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        _offerings(scene, **NODES, **given)
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        _offerings(scene, CapacityDurationHours=24)


def test_segments_have_a_zone_times_and_a_price_each_and_make_a_reservation_each(scene: Scene) -> None:
    _inject("offerings-in-segments")
    offering = _offerings(scene, **NODES)[0]
    first, second = offering["CapacityBlockOfferingSegments"]
    assert (first["AvailabilityZone"], second["AvailabilityZone"]) == ("us-east-1a", "us-east-1c")
    assert (first["AvailabilityZoneId"], first["InstanceCount"], second["InstanceCount"]) == ("use1-az6", 2, 3)
    assert second["StartDate"] - first["StartDate"] == timedelta(days=1)
    fees = [float(segment["UpfrontFee"]) for segment in (first, second)]
    assert float(offering["UpfrontFee"]) == pytest.approx(sum(fees), abs=0.001)
    assert fees[1] / fees[0] == pytest.approx(3 / 2)
    assert (offering["InstanceCount"], offering["StartDate"], offering["EndDate"]) == (
        5,
        first["StartDate"],
        second["EndDate"],
    )
    bought = _buy(scene, offering, TagSpecifications=INTENT)
    assert [
        (item["TotalInstanceCount"], item["AvailabilityZone"], item["StartDate"], item["EndDate"])
        for item in bought["CapacityReservations"]
    ] == [
        (item["InstanceCount"], item["AvailabilityZone"], item["StartDate"], item["EndDate"])
        for item in (first, second)
    ]
    assert len({item["CapacityBlockId"] for item in bought["CapacityBlocks"]}) == 2
    mixed = _offerings(
        scene,
        CapacityDurationHours=24,
        InstanceCount=2,
        InstanceTypePreferences=[{"InstanceType": "p5en.48xlarge"}, {"InstanceType": "p5.48xlarge"}],
    )
    kinds = {tuple(part["InstanceType"] for part in one["CapacityBlockOfferingSegments"]) for one in mixed}
    assert ("p5en.48xlarge", "p5.48xlarge") in kinds


def test_blocks_are_found_by_the_tags_of_their_purchase_and_by_their_state(scene: Scene) -> None:
    bought = _buy(scene, _offerings(scene, **RACKS)[0], TagSpecifications=INTENT)
    ids = [block["CapacityBlockId"] for block in bought["CapacityBlocks"]]
    assert len(ids) == 2

    def found(name: str, *values: str) -> list[str]:
        answer = scene.ec2.describe_capacity_blocks(Filters=[{"Name": name, "Values": list(values)}])
        return [block["CapacityBlockId"] for block in answer["CapacityBlocks"]]

    assert found("tag:ultrafleet:intent", "one") == found("tag-key", "ultrafleet:intent") == ids
    assert found("state", "payment-pending") == ids
    assert found("tag:ultrafleet:intent", "two") == []
    tagged = [{"Name": "tag:ultrafleet:intent", "Values": ["one"]}]
    reservations = scene.ec2.describe_capacity_reservations(Filters=tagged)["CapacityReservations"]
    assert len(reservations) == 2
    assert all(item["Tags"] == INTENT[0]["Tags"] for item in (*reservations, *bought["CapacityBlocks"]))


def test_a_block_that_is_not_paid_is_released_after_hours(scene: Scene) -> None:
    _inject("purchase-payment-fails")
    offering = _offerings(scene, **RACKS)[0]
    bought = _buy(scene, offering)["CapacityBlocks"][0]["CapacityBlockId"]

    def state() -> str:
        return str(scene.ec2.describe_capacity_blocks(CapacityBlockIds=[bought])["CapacityBlocks"][0]["State"])

    SIMULATED_ACCOUNT.advance(NOW + PAYMENT)
    assert state() == "payment-pending"
    SIMULATED_ACCOUNT.advance(NOW + CapacityBlockRules.PAYMENT_FAILS_AFTER - timedelta(minutes=1))
    assert state() == "payment-pending"
    SIMULATED_ACCOUNT.advance(NOW + CapacityBlockRules.PAYMENT_FAILS_AFTER)
    assert state() == "payment-failed"
    SIMULATED_ACCOUNT.advance(offering["EndDate"])
    assert state() == "payment-failed"
    status = scene.ec2.describe_capacity_block_status(CapacityBlockIds=[bought])["CapacityBlockStatuses"][0]
    assert status["TotalAvailableCapacity"] == 0


def test_an_offering_that_another_customer_bought_is_refused(scene: Scene) -> None:
    offering = _offerings(scene, **RACKS)[0]
    _inject("offering-gone")
    before = scene.ec2.describe_capacity_blocks()["CapacityBlocks"]
    with pytest.raises(ClientError, match="InvalidCapacityBlockOfferingIdExpired"):
        _buy(scene, offering)
    assert scene.ec2.describe_capacity_blocks()["CapacityBlocks"] == before


def test_other_currency_and_nothing_for_sale(scene: Scene) -> None:
    _inject("offerings-in-another-currency")
    assert {one["CurrencyCode"] for one in _offerings(scene, **RACKS)} == {"EUR"}
    _inject("no-offerings")
    assert _offerings(scene, **RACKS) == []


def test_an_account_that_may_not_ask_for_ultraservers_is_refused_in_aws_words(scene: Scene) -> None:
    _inject("ultraservers-not-allowed")
    with pytest.raises(ClientError, match=NOT_ALLOWED_MESSAGE):
        _offerings(scene, **RACKS)
    assert _offerings(scene, **NODES)


def test_local_zones_are_offered_after_the_opt_in_or_when_all_are_asked_for(scene: Scene) -> None:
    SIMULATED_ACCOUNT.part(ZoneGroups, ACCOUNT, REGION).opt("us-east-1-dfw-2", opted_in=False)
    assert _offerings(scene, **RACKS) == []
    found = _offerings(scene, **RACKS, AllAvailabilityZones=True)
    assert {one["AvailabilityZone"] for one in found} == {DALLAS}
    assert {one["ZoneType"] for one in found} == {"local-zone"}


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(("fault", "tried_again"), [("offerings-throttled", True), ("describe-limit", False)])
def test_botocore_tries_again_when_throttled_and_not_at_the_limit_of_descriptions(
    fault: str, tried_again: bool
) -> None:
    _inject(fault)
    client = boto3.client(
        "ec2", region_name=REGION, config=Config(retries={"mode": "standard", "total_max_attempts": 3})
    )
    if tried_again:
        assert client.describe_capacity_block_offerings(**RACKS)["CapacityBlockOfferings"]
    else:
        with pytest.raises(ClientError, match=DESCRIBE_LIMIT_CODE):
            client.describe_capacity_block_offerings(**RACKS)


def test_the_history_of_extensions_names_offering_and_state(scene: Scene) -> None:
    offering = scene.ec2.describe_capacity_block_extension_offerings(
        CapacityBlockExtensionDurationHours=24, CapacityReservationId=ULTRASERVER
    )["CapacityBlockExtensionOfferings"][0]["CapacityBlockExtensionOfferingId"]
    scene.ec2.purchase_capacity_block_extension(
        CapacityBlockExtensionOfferingId=offering, CapacityReservationId=ULTRASERVER
    )
    for wait, status in ((timedelta(0), "payment-pending"), (PAYMENT, "payment-succeeded")):
        SIMULATED_ACCOUNT.advance(NOW + wait)
        by_offering = [{"Name": "capacity-block-extension-offering-id", "Values": [offering]}]
        (found,) = scene.ec2.describe_capacity_block_extension_history(Filters=by_offering)["CapacityBlockExtensions"]
        assert (found["CapacityReservationId"], found["CapacityBlockExtensionOfferingId"]) == (ULTRASERVER, offering)
        assert found["CapacityBlockExtensionStatus"] == status
