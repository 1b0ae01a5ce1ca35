"""Extensions of capacity blocks of the embedded EC2: bought, paid, failed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.rehearsal_ec2 import END, NOW, START, ULTRASERVER, Scene, embedded_account
from ultrafleet.rehearsal.assumptions import PAYMENT
from ultrafleet.rehearsal.ec2.engine.launch import launch
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


@pytest.fixture
def scene() -> Iterator[Scene]:
    with embedded_account() as made:
        yield made


def _end(scene: Scene) -> datetime:
    (found,) = scene.ec2.describe_capacity_reservations(CapacityReservationIds=[ULTRASERVER])["CapacityReservations"]
    end: datetime = found["EndDate"]
    return end


def _buy(scene: Scene, hours: int = 48) -> dict[str, Any]:
    answer = scene.ec2.purchase_capacity_block_extension(
        CapacityBlockExtensionOfferingId=_extensions(scene, hours)[0]["CapacityBlockExtensionOfferingId"],
        CapacityReservationId=ULTRASERVER,
    )
    bought: dict[str, Any] = answer["CapacityBlockExtensions"][0]
    return bought


def _statuses(scene: Scene, **given: Any) -> list[str]:
    answer = scene.ec2.describe_capacity_block_extension_history(**given)
    return [item["CapacityBlockExtensionStatus"] for item in answer["CapacityBlockExtensions"]]


def _extensions(scene: Scene, hours: int, reservation_id: str = ULTRASERVER) -> list[dict[str, Any]]:
    answer = scene.ec2.describe_capacity_block_extension_offerings(
        CapacityBlockExtensionDurationHours=hours, CapacityReservationId=reservation_id
    )
    found: list[dict[str, Any]] = answer["CapacityBlockExtensionOfferings"]
    return found


def test_an_extension_moves_the_end_when_it_is_paid_and_keeps_the_id(scene: Scene) -> None:
    offering = _extensions(scene, 48)[0]
    assert (offering["CapacityBlockExtensionStartDate"], offering["StartDate"]) == (END, START)
    assert float(offering["UpfrontFee"]) == pytest.approx(48 * 761.904)
    bought = scene.ec2.purchase_capacity_block_extension(
        CapacityBlockExtensionOfferingId=offering["CapacityBlockExtensionOfferingId"],
        CapacityReservationId=ULTRASERVER,
    )["CapacityBlockExtensions"][0]
    assert bought["CapacityBlockExtensionEndDate"] == END + timedelta(days=2)
    assert bought["CapacityBlockExtensionStatus"] == "payment-pending"
    SIMULATED_ACCOUNT.advance(NOW + PAYMENT - timedelta(seconds=1))
    assert (_end(scene), _statuses(scene)) == (END, ["payment-pending"])
    SIMULATED_ACCOUNT.advance(NOW + PAYMENT)
    assert (_end(scene), _statuses(scene)) == (END + timedelta(days=2), ["payment-succeeded"])
    with pytest.raises(ClientError, match="InvalidCapacityBlockExtensionOfferingIdNotFound"):
        scene.ec2.purchase_capacity_block_extension(
            CapacityBlockExtensionOfferingId=offering["CapacityBlockExtensionOfferingId"],
            CapacityReservationId=ULTRASERVER,
        )


def test_an_extension_is_offered_until_an_hour_before_the_end_and_up_to_182_days(scene: Scene) -> None:
    assert _extensions(scene, 24, scene.odcr) == []
    assert _extensions(scene, 182 * 24) == []
    SIMULATED_ACCOUNT.advance(END - timedelta(hours=1))
    offering = _extensions(scene, 24)[0]
    SIMULATED_ACCOUNT.advance(END - timedelta(minutes=59))
    assert _extensions(scene, 24) == []
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        scene.ec2.purchase_capacity_block_extension(
            CapacityBlockExtensionOfferingId=offering["CapacityBlockExtensionOfferingId"],
            CapacityReservationId=ULTRASERVER,
        )


def test_a_second_extension_waits_for_the_payment_of_the_first(scene: Scene) -> None:
    first, second = _extensions(scene, 24)[0], _extensions(scene, 48)[0]
    given = {"CapacityReservationId": ULTRASERVER}
    scene.ec2.purchase_capacity_block_extension(
        CapacityBlockExtensionOfferingId=first["CapacityBlockExtensionOfferingId"], **given
    )
    assert _extensions(scene, 24) == []
    with pytest.raises(ClientError, match="payment-pending"):
        scene.ec2.purchase_capacity_block_extension(
            CapacityBlockExtensionOfferingId=second["CapacityBlockExtensionOfferingId"], **given
        )
    SIMULATED_ACCOUNT.advance(NOW + PAYMENT)
    _buy(scene, 24)
    SIMULATED_ACCOUNT.advance(NOW + 2 * PAYMENT)
    assert _end(scene) == END + timedelta(days=2)


@pytest.mark.parametrize(
    ("before_end", "fails"),
    [(timedelta(days=2), timedelta(days=2) - timedelta(hours=12)), (timedelta(minutes=95), timedelta(minutes=35))],
)
def test_an_extension_that_is_not_paid_fails_after_hours_or_before_the_end(
    scene: Scene, before_end: timedelta, fails: timedelta
) -> None:
    launch(scene.p6e())
    SIMULATED_ACCOUNT.readings.add("extension-payment-pending")
    SIMULATED_ACCOUNT.advance(END - before_end)
    _buy(scene)
    SIMULATED_ACCOUNT.advance(END - fails - timedelta(minutes=1))
    assert _statuses(scene) == ["payment-pending"]
    SIMULATED_ACCOUNT.advance(END - fails)
    assert _statuses(scene) == ["payment-failed"]
    SIMULATED_ACCOUNT.advance(END)
    assert _end(scene) == END
    assert len(scene.reservations.reclaimed) == 1


def test_a_payment_that_fails_leaves_the_end(scene: Scene) -> None:
    SIMULATED_ACCOUNT.readings.add("extension-payment-fails")
    _buy(scene)
    SIMULATED_ACCOUNT.advance(NOW + PAYMENT)
    assert (_end(scene), _statuses(scene)) == (END, ["payment-failed"])
    failed = [{"Name": "capacity-block-extension-status", "Values": ["payment-failed"]}]
    assert _statuses(scene, Filters=failed) == ["payment-failed"]
    assert _statuses(scene, CapacityReservationIds=[scene.odcr]) == []
