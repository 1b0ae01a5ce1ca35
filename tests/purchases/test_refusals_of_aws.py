"""Purchases that AWS or its clock stands in the way of, by the commands: what is said, and that nothing is paid."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helpers.capacity_site import inject
from helpers.purchase_world import ACCOUNT, NOW, World, world
from ultrafleet.catalog.capacity_blocks import NOT_ALLOWED_MESSAGE
from ultrafleet.cli import app
from ultrafleet.environment import load_environment
from ultrafleet.purchases import Market
from ultrafleet.purchases.outcome import RefusedError, UnsettledError


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path / "repository", monkeypatch) as made:
        made.allow(10_000_000)
        yield made


def buy(desk: World, offer: str) -> Result:
    wanted = ["--env", "training", "--pool", "rack-a", "--max-price-usd", "520000", "--days", "28", "--yes"]
    return desk.run("buy", offer, *wanted)


def plant(desk: World, fault: str) -> None:
    inject(fault, load_environment(desk.path))


def refused(desk: World, result: Result, words: str, *, code: int) -> None:
    assert words in " ".join(result.output.split()), result.output
    assert result.exit_code == code
    assert (desk.blocks(), desk.purchases()) == ([], [])


def test_fails_in_a_zone_that_the_account_isnt_opted_in_to_and_has_the_command_that_opts_in(desk: World) -> None:
    offer = desk.offer()
    plant(desk, "zone-not-opted-in")
    said = (
        f"offering {offer} is in us-east-1-dfw-2a, to which the account isn't opted in, expected an account that is: "
    )
    way = "run `aws ec2 modify-availability-zone-group --group-name us-east-1-dfw-2 --opt-in-status opted-in`"
    refused(desk, buy(desk, offer), said + way, code=4)


def test_fails_where_the_account_isnt_on_awss_list_in_its_words(desk: World) -> None:
    offer = desk.offer()
    plant(desk, "ultraservers-not-allowed")
    result = buy(desk, offer)
    refused(
        desk, result, f"is not on AWS's list for UltraServers (UnauthorizedOperation: {NOT_ALLOWED_MESSAGE}", code=5
    )
    refused(desk, result, f"account {ACCOUNT} (DescribeCapacityBlockOfferings)", code=5)
    refused(desk, result, "ask the AWS account team to add the account", code=5)


def test_fails_where_the_price_is_in_another_currency(desk: World) -> None:
    offer = desk.offer()
    plant(desk, "offerings-in-another-currency")
    refused(desk, buy(desk, offer), "EUR, expected USD", code=4)


def test_fails_where_the_offer_is_gone(desk: World) -> None:
    offer = desk.offer()
    plant(desk, "offering-ids-change")
    refused(desk, buy(desk, offer), f"offering {offer} is not among EC2's offers of 1 x u-p6e-gb200x72", code=4)


class Sts:
    """STS whose answers have some time, and an EC2 that says yes and nothing else, as a proxy does."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def client(self, *_: Any, **__: Any) -> "Sts":
        return self

    def get_caller_identity(self) -> dict[str, Any]:
        arn = f"arn:aws:iam::{ACCOUNT}:user/buyer"
        return {"Account": ACCOUNT, "Arn": arn, "ResponseMetadata": {"HTTPHeaders": self._headers}}

    def purchase_capacity_block(self, **_: Any) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPStatusCode": 200}}

    purchase_capacity_block_extension = purchase_capacity_block


def market(*, ahead: timedelta, **headers: str) -> Market:
    """EC2 of an account, for a machine whose clock is ahead of AWS's."""
    there = format_datetime(NOW - ahead, usegmt=True)
    return Market(Sts({"date": there, **headers}), account=ACCOUNT)


@pytest.mark.parametrize(
    ("minutes", "words"), [(6, "ahead of AWS's"), (-6, "behind AWS's"), (-60 * 24, "behind AWS's")]
)
def test_fails_where_the_clock_is_off(minutes: int, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as raised:
        market(ahead=timedelta(minutes=minutes)).check_account(NOW)
    assert raised.value.exit_code == 4
    assert "the clock of this machine is" in str(raised.value)
    assert "expected AWS's time within five minutes" in str(raised.value)
    assert market(ahead=timedelta(minutes=minutes)).check_account(None)  # a moment was passed


def test_a_clock_within_five_minutes_is_right() -> None:
    for minutes in (-4, 0, 4):
        asked = market(ahead=timedelta(minutes=minutes))
        assert asked.check_account(NOW).endswith(":user/buyer")
        assert asked.simulated is None


def test_the_embedded_awss_time_is_kept() -> None:
    asked = market(ahead=timedelta(0), **{"x-ultrafleet-time": "2027-01-11T09:00:00+00:00"})
    asked.check_account(NOW)
    assert asked.simulated == datetime(2027, 1, 11, 9, tzinfo=UTC)


def test_windows_are_compared_with_the_embedded_awss_time_where_no_moment_is_passed(desk: World) -> None:
    wanted = ["--days", "14", "--max-price-usd", "260000", "--yes", "--environments", str(desk.environments)]
    result = CliRunner().invoke(app, ["capacity", "extend", "training/rack-b", *wanted])
    assert result.exit_code == 0, result.output
    (purchase,) = desk.purchases()
    assert purchase.intent.at == desk.now


def test_an_answer_without_what_was_bought_leaves_the_outcome_unknown() -> None:
    asked = market(ahead=timedelta(0))
    with pytest.raises(UnsettledError, match="no block in the answer"):
        asked.buy("cb-0123456789abcdef0", tags={})
    with pytest.raises(UnsettledError, match="no extension in the answer"):
        asked.extend("cbe-0123456789abcdef0", reservation="cr-0bbbbbbbbbbbbbbb1")


def test_the_same_extension_within_a_day_of_the_embedded_aws_is_one(
    desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        """A machine whose clock is three days ahead of the embedded AWS's."""

        @classmethod
        def now(cls, _: Any = None) -> datetime:  # type: ignore[override]
            return desk.now + timedelta(days=3)

    monkeypatch.setattr("ultrafleet.cli.capacity._purchase.datetime", Later)
    wanted = ["--days", "14", "--max-price-usd", "260000", "--yes", "--environments", str(desk.environments)]
    results = [CliRunner().invoke(app, ["capacity", "extend", "training/rack-b", *wanted]) for _ in range(2)]
    assert [result.exit_code for result in results] == [0, 0], results[1].output
    assert "nothing is bought now: it was bought before" in results[1].output
    assert len(desk.purchases()) == 1
