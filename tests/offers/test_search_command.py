"""`ultrafleet capacity search` and `history` against the embedded AWS, with faults that a user meets."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from helpers.capacity_site import NOW, ROOT, as_account, capacity_account, inject
from helpers.command import run
from ultrafleet.catalog.capacity_blocks import NOT_ALLOWED_MESSAGE
from ultrafleet.cli.capacity.search import SEARCH_PERMISSIONS
from ultrafleet.environment import Environment
from ultrafleet.offers import Question, read_offers, reading
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

RACKS = ("capacity", "search", "--type", "u-p6e-gb200x72", "--count", "4", "--days", "28")
NODES = ("capacity", "search", "--type", "p5en.48xlarge", "--count", "4", "--days", "14", "--region", "us-east-1")
OTHER_ACCOUNT = "999988887777"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    with capacity_account(monkeypatch) as made:
        yield made


def found(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.returncode == code, result.stderr
    content: dict[str, Any] = json.loads(result.stdout)
    return content


@pytest.mark.usefixtures("account")
def test_offers_come_with_what_an_accelerator_hour_costs_the_cheapest_first() -> None:
    offers = found(*RACKS)["offers"]
    assert {tuple(offer["zones"]) for offer in offers} == {("us-east-1-dfw-2a",)}
    assert offers[0]["accelerators"] == 4 * 72
    assert offers[0]["usd_per_accelerator_hour"] == pytest.approx(761.904 / 72)
    each = [offer["usd_per_accelerator_hour"] for offer in offers]
    assert each == sorted(each)
    text = run(*RACKS).stdout
    assert "10.5820 (2026-10)" in text  # the price on record
    given = "--env ENV --pool POOL --days 28 --start 2026-11-26T09:40:00 --max-price-usd USD"
    assert re.search(rf"to buy the first: ultrafleet capacity buy cb-\w+ {given}\n", text)


@pytest.mark.usefixtures("account")
def test_a_search_by_accelerators_asks_for_every_type_of_the_kind() -> None:
    content = found(
        "capacity", "search", "--accelerators", "100", "--accelerator-kind", "nvidia", "--days", "7",
        "--region", "us-east-1", "--region", "us-east-2", code=0,
    )  # fmt: skip
    asked = {(item["type"], item["count"], item["region"]) for item in content["asked"]}
    assert ("u-p6e-gb200x72", 2, "us-east-1") in asked
    assert ("p5en.48xlarge", 13, "us-east-2") in asked
    assert not any("trn" in item["type"] for item in content["asked"])
    assert "p5.4xlarge isn't asked for: 100 accelerators are 100 of it, a block holds 64" in content["notes"]
    assert {offer["region"] for offer in content["offers"]} == {"us-east-1", "us-east-2"}


@pytest.mark.usefixtures("account")
def test_ranges_are_cut_to_what_is_sold_and_it_is_said() -> None:
    content = found(*RACKS, "--from", "2026-11-01", "--to", "2027-12-31")
    assert content["notes"] == [
        "blocks start at the soonest at 2026-11-26 09:40 UTC: the range begins there",
        "blocks start within 8 weeks, until 2027-01-21 09:10 UTC: the range ends at 2027-02-19 09:10 UTC",
    ]
    late = run(*RACKS, "--from", "2027-02-01")
    assert late.returncode == 2
    assert "blocks start within 8 weeks" in late.stderr
    short = run(*RACKS, "--to", "2026-12-01")
    assert (short.returncode, "ask for a later day or fewer days" in short.stderr) == (2, True)
    within = found(*RACKS, "--from", "2026-12-01", "--to", "2027-01-31")
    assert all(offer["start"] >= "2026-12-01" and offer["end"] < "2027-02-01" for offer in within["offers"])


@pytest.mark.parametrize("days", ["0", "15", "29", "189"])
def test_fails_a_duration_that_is_not_sold_before_anything_is_asked(days: str) -> None:
    result = run("capacity", "search", "--type", "p5.48xlarge", "--days", days)
    assert (result.returncode, "1 to 14, or a multiple of 7 up to 182" in result.stderr) == (2, True)


def test_fails_a_type_that_is_not_sold_in_blocks_or_of_which_no_region_is_known() -> None:
    member = run("capacity", "search", "--type", "p6e-gb200.36xlarge")
    assert (member.returncode, "pass u-p6e-gb200x36 or u-p6e-gb200x72" in member.stderr) == (2, True)
    nowhere = run("capacity", "search", "--type", "p6-b300.48xlarge")
    assert (nowhere.returncode, "pass --region" in nowhere.stderr) == (2, True)
    assert run("capacity", "search").returncode == run(*RACKS, "--accelerators", "4").returncode == 2
    kind = run("capacity", "search", "--accelerators", "4", "--accelerator-kind", "tpu")
    assert (kind.returncode, "Trainium2" in kind.stderr) == (2, True)


def test_segments_are_shown_each_with_zone_count_times_and_price(account: Environment) -> None:
    inject("offerings-in-segments", account)
    offer = found(*NODES)["offers"][0]
    assert [part["count"] for part in offer["segments"]] == [2, 2]
    assert len(set(offer["zones"])) == 2
    assert offer["fee"] == pytest.approx(sum(part["fee"] for part in offer["segments"]), abs=0.01)
    text = run(*NODES).stdout
    assert "2 segments" in text
    assert text.count("  2 x p5en.48xlarge") == 2 * text.count("2 segments")


def test_offers_in_another_currency_stand_apart(account: Environment) -> None:
    inject("offerings-in-another-currency", account)
    content = found(*RACKS)
    assert content["offers"] == []
    assert {offer["currency"] for offer in content["in_other_currencies"]} == {"EUR"}
    assert all(offer["usd_per_accelerator_hour"] is None for offer in content["in_other_currencies"])
    text = run(*RACKS).stdout
    assert "offers in EUR, not compared with the others" in text
    assert "none of them can be bought by `ultrafleet capacity buy`: its ceiling is in USD" in text
    assert "to buy the first" not in text
    assert "10.5820 (2026-10)" not in text  # the price on record is in USD


def test_no_offers_is_exit_1_with_what_was_asked_where(account: Environment) -> None:
    inject("no-offerings", account)
    result = run(*RACKS)
    assert result.returncode == 1
    assert f"- 4 x u-p6e-gb200x72 for 28 days in us-east-1, account {account.account}: none for sale" in result.stdout
    assert found(*RACKS, code=1)["offers"] == []


@pytest.mark.usefixtures("account")
def test_where_a_type_isnt_known_to_be_sold_it_is_said_where_it_is() -> None:
    note = "the catalog knows u-p6e-gb200x72 to be sold in us-east-1, not in eu-west-1"
    assert found(*RACKS, "--region", "eu-west-1", code=1)["notes"] == [note]
    assert found(*RACKS, "--region", "eu-west-1", "--region", "us-east-1")["notes"] == [note]
    assert found(*RACKS)["notes"] == []


@pytest.mark.usefixtures("account")
def test_a_highest_price_leaves_dearer_offers_out_and_says_so() -> None:
    content = found(*RACKS, "--max-usd-per-accelerator-hour", "5", code=1)
    assert "offers are dearer than 5 USD per accelerator-hour, the cheapest of them 10.58" in content["notes"][0]
    assert found(*RACKS, "--max-usd-per-accelerator-hour", "11")["offers"]


@pytest.mark.usefixtures("account")
def test_a_zone_that_is_not_opted_in_is_shown_with_what_to_do() -> None:
    boto3.client("ec2", region_name="us-east-1").modify_availability_zone_group(
        GroupName="us-east-1-dfw-2", OptInStatus="not-opted-in"
    )
    content = found(*RACKS)
    assert all(offer["opt_in_needed"] for offer in content["offers"])
    assert (
        "modify-availability-zone-group --group-name us-east-1-dfw-2 --opt-in-status opted-in" in content["notes"][-1]
    )


def test_an_account_that_is_not_allowed_to_ask_for_ultraservers_hears_aws_words(account: Environment) -> None:
    inject("ultraservers-not-allowed", account)
    result = run(*RACKS)
    assert result.returncode == 2
    assert NOT_ALLOWED_MESSAGE in result.stderr
    assert "ask the AWS account team" in result.stderr
    content = found(
        "capacity",
        "search",
        "--accelerators",
        "72",
        "--days",
        "7",
        "--region",
        "us-east-1",
        "--accelerator-kind",
        "nvidia",
    )
    assert NOT_ALLOWED_MESSAGE in content["failures"][0]["message"]  # and the other types were asked
    assert content["offers"]


def test_throttling_is_tried_again_and_then_said(account: Environment) -> None:
    inject("offerings-throttled", account)
    assert found(*RACKS)["offers"]  # two refusals, three tries

    def always(_: str, action: str, __: dict[str, Any]) -> None:
        if action == "DescribeCapacityBlockOfferings":
            raise Refusal("RequestLimitExceeded", "Request limit exceeded.")

    SIMULATED_ACCOUNT.checks.append(always)
    result = run(*RACKS)
    assert (result.returncode, "throttled by AWS in 4 tries" in result.stderr) == (2, True)


def test_ec2s_limit_of_searches_is_waited_for_because_botocore_does_not(account: Environment) -> None:
    inject("describe-limit", account)
    waited: list[float] = []
    offers = read_offers(
        boto3.client("ec2", region_name="us-east-1"),
        Question(type="u-p6e-gb200x72", count=1, days=7),
        account=account.account,
        region="us-east-1",
        wait=waited.append,
    )
    assert offers
    assert tuple(waited) == reading.LIMIT_WAITS_S[:2]


def test_one_account_that_fails_stops_no_other(
    account: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "".join(
            f"[profile {name}]\naws_access_key_id = {key}\naws_secret_access_key = rehearsal\n"
            for name, key in (("one", account.account), ("two", OTHER_ACCOUNT))
        )
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    given = ("--profile", "one", "--profile", "two", "--profile", "three")
    content = found(*RACKS, *given)
    assert {offer["account"] for offer in content["offers"]} == {account.account, OTHER_ACCOUNT}
    assert "profile three in us-east-1 has no usable credentials" in content["failures"][0]["message"]
    text = run(*RACKS, *given)
    assert (text.returncode, "not asked: profile three" in text.stderr) == (0, True)
    assert OTHER_ACCOUNT in text.stdout


def test_fails_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    as_account(monkeypatch, "unused")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    result = run(*RACKS)
    assert result.returncode == 2
    assert "has no usable credentials (Unable to locate credentials)" in result.stderr


def test_fails_a_region_that_aws_does_not_have() -> None:
    result = run(*RACKS, "--region", "us-esat-1")
    assert (result.returncode, "such as us-" in result.stderr) == (2, True)
    zone = run(*RACKS, "--region", "us-east-1a")
    assert (zone.returncode, "pass us-east-1, the zone's region" in zone.stderr) == (2, True)


def test_fails_an_endpoint_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    as_account(monkeypatch, "123456789012")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    result = run(*RACKS)
    assert (result.returncode, "can't be reached" in result.stderr) == (2, True)


def test_recorded_searches_are_the_history(account: Environment, tmp_path: Path) -> None:
    history = ("--history", str(tmp_path / "offers.jsonl"))
    assert run("capacity", "history", *history).returncode == 2
    assert f"recorded in {history[1]}" in run(*RACKS, "--record", *history).stdout
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=6))
    run(*RACKS, "--record", *history)
    inject("no-offerings", account)
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=9))
    run(*RACKS, "--record", *history)
    (seen,) = json.loads(run("capacity", "history", *history, "--json").stdout)
    assert (seen["zone"], seen["searches"], seen["with_offers"]) == ("us-east-1-dfw-2a", 3, 2)
    assert seen["lowest"] == {"usd_per_accelerator_hour": pytest.approx(761.904 / 72), "at": NOW.isoformat()}
    assert (seen["longest_seen_hours"], seen["gone"]) == (6, seen["seen"])
    (tmp_path / "offers.jsonl").open("a").write('{"at": "2026-')
    text = run("capacity", "history", "--type", "u-p6e-gb200x72", *history)
    assert (text.returncode, "line 4 can't be read and is left out" in text.stderr) == (0, True)
    assert "10.5820 on 2026-11-26" in text.stdout
    assert run("capacity", "history", "--type", "p5.48xlarge", *history).returncode == 1


@pytest.mark.usefixtures("account")
def test_fails_a_history_on_a_full_disk() -> None:
    result = run(*RACKS, "--record", "--history", "/dev/full")
    assert result.returncode == 2
    assert "the offers of this search were not recorded" in result.stderr


def test_the_help_and_the_page_list_every_permission() -> None:
    page = (ROOT / "docs" / "capacity-desk.md").read_text().split("## Search")[1]
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    assert policy["Statement"][0]["Action"] == [permission.action for permission in SEARCH_PERMISSIONS]
    told = " ".join(run("capacity", "search", "--help", environment={"COLUMNS": "200"}).stdout.split())
    for permission in SEARCH_PERMISSIONS:
        assert permission.action in told


def test_every_call_has_its_permission() -> None:
    sources = [
        (ROOT / "constructs" / "ultrafleet" / "offers" / f"{name}.py").read_text() for name in ("reading", "searching")
    ]
    called = {name for text in sources for name in re.findall(r'["(.]((?:describe|get)_[a-z_]+)["(]', text)}
    named = {"".join(part.title() for part in name.split("_")) for name in called - {"get_paginator"}}
    assert named == {item.action.partition(":")[2] for item in SEARCH_PERMISSIONS}
