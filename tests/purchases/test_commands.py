"""The commands that buy, extend and settle, against the embedded AWS; botocore validates each request."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helpers.purchase_world import ACCOUNT, BUYER, World, world
from ultrafleet.cli import app
from ultrafleet.cli.capacity._purchase import BUY_PERMISSIONS, EXTEND_PERMISSIONS, SETTLE_PERMISSIONS
from ultrafleet.purchases import State
from ultrafleet.rehearsal.assumptions import BLOCK_PAYMENT
from ultrafleet.rehearsal.ec2.state.block_sales import BlockSales
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

ROOT = Path(__file__).parents[2]
LAST = "cr-0bbbbbbbbbbbbbbb1"
"""Block of pool rack-b, which ends two weeks after rack-a's last."""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path / "repository", monkeypatch) as made:
        made.allow(10_000_000)
        yield made


def buy(desk: World, *more: str, offer: str | None = None, ceiling: str = "520000", pool: str = "rack-a") -> Result:
    wanted = ["--env", "training", "--pool", pool, "--max-price-usd", ceiling, "--days", "28"]
    return desk.run("buy", offer or desk.offer(), *wanted, *more)


def extend(desk: World, *more: str, pool: str = "rack-b", ceiling: str = "260000") -> Result:
    return desk.run("extend", f"training/{pool}", "--days", "14", "--max-price-usd", ceiling, *more)


def refused(result: Result, words: str, code: int = 4) -> None:
    assert result.exit_code == code, result.output
    assert words in " ".join(result.output.split())


def test_a_dry_run_shows_the_offer_and_the_edit_and_buys_nothing(desk: World) -> None:
    before = desk.path.read_text()
    result = buy(desk)
    assert result.exit_code == 0, result.output
    assert "price: 511,999.4880 USD, 10.5820 USD per accelerator-hour; ceiling 520,000 USD" in result.output
    assert f"buyer: {BUYER}" in result.output
    assert "+        start: 2027-01-12T11:30:00Z\n+        end: 2027-02-09T11:30:00Z\n" in result.output
    assert desk.blocks() == []
    assert desk.path.read_text() == before
    assert not desk.journal.exists()


def test_a_block_is_bought_written_and_settled(desk: World) -> None:
    before = desk.path.read_text()
    result = buy(desk, "--yes")
    assert result.exit_code == 0, result.output
    (block,) = desk.blocks()
    assert desk.pool("rack-a")["blocks"][-1] == {
        "capacity_reservation_id": block["CapacityReservationId"],
        "availability_zone": "us-east-1-dfw-2a",
        "start": datetime(2027, 1, 12, 11, 30, tzinfo=UTC),
        "end": datetime(2027, 2, 9, 11, 30, tzinfo=UTC),
        "payments": [{"date": date(2027, 1, 11), "usd": 511999.488}],
    }
    assert set(before.splitlines()) < set(desk.path.read_text().splitlines())
    (purchase,) = desk.purchases()
    assert [outcome.state for outcome in purchase.outcomes] == [State.BOUGHT, State.WRITTEN]
    tags = {tag["Key"]: tag["Value"] for tag in block["Tags"]}
    assert tags == {
        "ultrafleet:intent": purchase.id,
        "ultrafleet:environment": "training",
        "ultrafleet:pool": "rack-a",
    }
    settled = desk.run("settle", "training")
    assert (settled.exit_code, "everything is settled" in settled.output) == (0, True), settled.output


def test_the_same_command_again_buys_nothing(desk: World) -> None:
    offer = desk.offer()
    first, again = buy(desk, "--yes", offer=offer), buy(desk, "--yes", offer=offer)
    assert (first.exit_code, again.exit_code) == (0, 0), again.output
    assert again.output == f"nothing is bought now: it was bought before, for rack-a\n{first.output}"
    assert json.loads(buy(desk, "--yes", "--json", offer=offer).output)["is_earlier"] is True
    assert len(desk.blocks()) == len(desk.purchases()) == 1


def test_an_offering_is_found_without_its_duration(desk: World) -> None:
    wanted = ["--env", "training", "--pool", "rack-a", "--max-price-usd", "520000"]
    assert desk.run("buy", desk.offer(), *wanted).exit_code == 0


def test_two_racks_need_two_pools_and_a_new_one_is_a_copy(desk: World) -> None:
    (offer, *_) = (
        item["CapacityBlockOfferingId"]
        for item in desk.offers(UltraserverType="u-p6e-gb200x72", UltraserverCount=2)
        if item["StartDate"] == datetime(2027, 1, 12, 11, 30, tzinfo=UTC)
    )
    more = ["--days", "28", "--max-price-usd", "1100000", "--yes"]
    refused(desk.run("buy", offer, "--env", "training", "--pool", "rack-a", *more), "not among EC2's offers of 1 x")
    pools = ["--pool", "rack-a", "--pool", "rack-07"]
    refused(desk.run("buy", offer, "--env", "training", *pools, *more), "pool rack-07 is not in the file")
    result = desk.run("buy", offer, "--env", "training", *pools, "--like", "rack-b", *more)
    assert result.exit_code == 0, result.output
    ids = {item["CapacityReservationId"] for item in desk.blocks()}
    assert {desk.pool(name)["blocks"][-1]["capacity_reservation_id"] for name in ("rack-a", "rack-07")} == ids
    assert desk.pool("rack-07")["subnet"] == "dallas"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ceiling": "500000"}, "the price is 511,999.4880 USD, expected at most 500,000 USD"),
        ({"offer": "cb-0123456789abcdef0"}, "not among EC2's offers of 1 x u-p6e-gb200x72 for 28 days"),
        ({"pool": "rack-b"}, "beside the offer for 336 hours, expected at most 24, a hand-over"),
        ({"pool": "rack-x"}, "pool rack-x is not in the file, expected one of rack-a, rack-b, b300"),
    ],
)
def test_fails_before_anything_is_paid(desk: World, more: dict[str, str], words: str) -> None:
    before = desk.path.read_text()
    refused(buy(desk, "--yes", **more), words)
    assert (desk.blocks(), desk.purchases(), desk.path.read_text()) == ([], [], before)


def test_fails_with_a_duration_that_isnt_sold(desk: World) -> None:
    for arguments in (["buy", "cb-1", "--env", "training", "--pool", "rack-a"], ["extend", "training/rack-b"]):
        result = desk.run(*arguments, "--days", "15", "--max-price-usd", "1")
        assert "--days is 15, expected 1 to 14, or a multiple of 7 up to 182: ask for 14 or 21" in str(result.exception)


def test_the_ceiling_is_shown_as_a_sum(desk: World) -> None:
    refused(buy(desk, ceiling="1e3"), "expected at most 1,000 USD")


def test_fails_where_the_subnet_has_no_ips(desk: World) -> None:
    desk.path.write_text(desk.path.read_text().replace("10.64.32.0/19", "10.64.32.0/22"))
    refused(buy(desk, "--yes"), "the environment's rules refuse the block, nothing was bought")
    assert desk.purchases() == []


def test_fails_without_a_ceiling_that_is_a_sum(desk: World) -> None:
    for ceiling in ("0", "-1", "NaN", "inf", "much"):
        result = buy(desk, "--yes", ceiling=ceiling)
        assert result.exit_code == 1
        assert "expected a sum in USD" in str(result.exception)


def test_fails_with_another_accounts_credentials(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "999999999999")
    result = buy(desk, "--yes")
    assert f"expected {ACCOUNT}, the account of the environment" in str(result.exception)
    assert desk.blocks() == []


def test_fails_without_credentials(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    offer = desk.offer()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    result = buy(desk, "--yes", offer=offer)
    assert "Unable to locate credentials" in str(result.exception)


def test_fails_where_ec2_says_no_and_the_journal_has_it(desk: World) -> None:
    offer = desk.offer()

    def refuse(service: str, action: str, _: object) -> None:
        if (service, action) == ("ec2", "PurchaseCapacityBlock"):
            raise Refusal("InsufficientBalance", "no")

    SIMULATED_ACCOUNT.checks.append(refuse)
    refused(buy(desk, "--yes", offer=offer), "refused by EC2", code=5)
    SIMULATED_ACCOUNT.checks.remove(refuse)
    assert [purchase.state for purchase in desk.purchases()] == [State.FAILED]
    assert buy(desk, "--yes", offer=offer).exit_code == 0
    assert len(desk.blocks()) == 1


def test_a_failed_payment_takes_the_block_out_again(desk: World) -> None:
    before = desk.path.read_text()
    SIMULATED_ACCOUNT.readings.add(BLOCK_PAYMENT.fault)
    assert buy(desk, "--yes").exit_code == 0
    SIMULATED_ACCOUNT.advance(desk.now + timedelta(hours=13))
    result = desk.run("settle", "training")
    assert result.exit_code == 1, result.output
    assert "the payment failed, EC2 took it back: plan again" in result.output
    assert desk.path.read_text() == before
    assert [purchase.state for purchase in desk.purchases()] == [State.RELEASED]
    assert desk.run("settle", "training").exit_code == 0


def test_fails_while_a_block_of_another_machine_is_unknown_and_settle_takes_it_in(desk: World) -> None:
    assert buy(desk, "--yes").exit_code == 0
    desk.journal.unlink()
    text = desk.path.read_text()
    desk.path.write_text(
        re.sub(r"      - capacity_reservation_id: cr-[0-9a-f]{17}\n.*\n.*2027-01-12.*\n.*\n.*payments.*\n", "", text)
    )
    refused(buy(desk, "--yes", offer=desk.offer(days=21)), "bought for training, and not in", code=6)
    result = desk.run("settle", "training")
    assert result.exit_code == 0, result.output
    assert desk.path.read_text() == re.sub(r".*payments: .*\n", "", text)  # its price isn't known here
    assert len(desk.blocks()) == len(desk.purchases()) == 1


def test_an_extension_moves_the_end(desk: World) -> None:
    assert "rack-b: cr-0bbbbbbbbbbbbbbb1 ends 2027-02-09, not 2027-01-26" in extend(desk).output
    first, again = extend(desk, "--yes"), extend(desk, "--yes")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert again.output == f"nothing is bought now: it was bought before, for rack-b\n{first.output}"
    assert desk.pool("rack-b")["blocks"][0]["end"] == datetime(2027, 2, 9, 11, 30, tzinfo=UTC)
    history = desk.call("ec2", "describe_capacity_block_extension_history")["CapacityBlockExtensions"]
    assert len(history) == len(desk.purchases()) == 1
    refused(extend(desk, "--yes", "--again"), "is payment-pending, expected paid before the next one")
    SIMULATED_ACCOUNT.advance(desk.now + timedelta(hours=1))
    assert desk.run("settle", "training").exit_code == 0
    assert extend(desk, "--yes", "--again").exit_code == 0
    assert desk.pool("rack-b")["blocks"][0]["end"] == datetime(2027, 2, 23, 11, 30, tzinfo=UTC)


def test_a_failed_payment_puts_the_end_back(desk: World) -> None:
    before = desk.path.read_text()
    SIMULATED_ACCOUNT.readings.add("extension-payment-pending")
    assert extend(desk, "--yes").exit_code == 0
    (bought,) = SIMULATED_ACCOUNT.part(BlockSales, ACCOUNT, "us-east-1").history
    bought.status = "payment-failed"
    refused(extend(desk, "--yes", "--again"), "an extension wasn't paid: run `ultrafleet capacity settle training`")
    result = desk.run("settle", "training")
    assert result.exit_code == 1, result.output
    assert desk.path.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pool", "b300"], "pool b300 is without blocks, expected one of rack-a, rack-b"),
        (["--pool", "rack-07"], "pool rack-07 is not in the file, expected one of rack-a, rack-b"),
        (["--ceiling", "1000"], "expected at most 1,000 USD"),
        (["--block", "cr-0aaaaaaaaaaaaaaa9"], "--block is cr-0aaaaaaaaaaaaaaa9"),
    ],
)
def test_fails_to_extend_before_anything_is_paid(desk: World, arguments: list[str], words: str) -> None:
    name, value = arguments
    given = {"pool": {"pool": value}, "ceiling": {"ceiling": value}}.get(name.removeprefix("--"))
    result = extend(desk, "--yes", **given) if given else extend(desk, "--yes", name, value)
    refused(result, words)
    assert desk.purchases() == []


def test_fails_to_extend_a_block_that_isnt_paid(desk: World) -> None:
    assert buy(desk, "--yes").exit_code == 0
    refused(extend(desk, pool="rack-a"), "wait for its payment if `ultrafleet capacity status` says payment-pending")


def test_fails_to_extend_what_has_a_successor(desk: World) -> None:
    assert buy(desk, "--yes").exit_code == 0
    result = extend(desk, "--yes", "--block", "cr-0aaaaaaaaaaaaaaa2", pool="rack-a")
    refused(result, "beside the offer for 336 hours")


def test_fails_to_extend_a_block_that_was_extended_elsewhere(desk: World) -> None:
    block = SIMULATED_ACCOUNT.part(Reservations, ACCOUNT, "us-east-1").get(LAST)
    block.end = datetime(2027, 2, 2, 11, 30, tzinfo=UTC)
    refused(extend(desk, "--yes"), "write end: 2027-02-02T11:30:00Z into the file: it was extended elsewhere")


def test_fails_to_extend_too_early_or_too_late_and_over_182_days(desk: World) -> None:
    result = desk.run("extend", "training/rack-b", "--days", "140", "--max-price-usd", "9000000", "--yes")
    refused(result, "would last 196 days, expected at most 182")
    SIMULATED_ACCOUNT.now = datetime(2027, 1, 26, 11, tzinfo=UTC)
    refused(extend(desk, "--yes"), "ends in 0:30:00, expected 1:00:00 to 56 days")
    result = CliRunner().invoke(app, ["capacity", "extend", "rack-b", "--days", "14", "--max-price-usd", "1"])
    assert "expected ENVIRONMENT/POOL" in str(result.exception)


def test_json_for_pipelines(desk: World) -> None:
    wanted = ["--env", "training", "--pool", "rack-a", "--max-price-usd", "520000", "--days", "28"]
    offer = desk.offer()
    assert desk.json("buy", offer, *wanted)["status"] == "dry_run"
    bought = desk.json("buy", offer, *wanted, "--yes")
    assert (bought["status"], bought["state"], bought["usd"]) == ("bought", "written", "511999.4880")
    assert bought["blocks"][0]["capacity_reservation_id"] == desk.blocks()[0]["CapacityReservationId"]
    assert desk.json("settle", "training") == {"exit_code": 0, "purchases": []}


def test_the_page_and_the_helps_list_every_permission() -> None:
    page = (ROOT / "docs" / "capacity-desk.md").read_text()
    policy = json.loads(page.split("## Permissions to buy")[1].split("```json\n")[1].split("```")[0])
    settle, others = (statement["Action"] for statement in policy["Statement"])
    assert settle == [item.action for item in SETTLE_PERMISSIONS]
    assert {*settle, *others} == {item.action for item in (*BUY_PERMISSIONS, *EXTEND_PERMISSIONS)}
    for name, permissions in (
        ("buy", BUY_PERMISSIONS), ("extend", EXTEND_PERMISSIONS), ("settle", SETTLE_PERMISSIONS)
    ):  # fmt: skip
        told = CliRunner().invoke(app, ["capacity", name, "--help"], env={"COLUMNS": "200"}).output
        for item in permissions:
            assert item.action in " ".join(told.split()), (name, item.action)


def test_every_call_has_its_permission() -> None:
    source = (ROOT / "constructs" / "ultrafleet" / "purchases" / "market.py").read_text()
    called = set(re.findall(r'[ (.]"?((?:describe|get|purchase)_[a-z_]+)"?[(,]', source)) - {"get_paginator"}
    named = {"".join(part.title() for part in name.split("_")) for name in called}
    permissions = {item.action.partition(":")[2] for item in (*BUY_PERMISSIONS, *EXTEND_PERMISSIONS)}
    assert named == permissions - {"CreateTags"}
