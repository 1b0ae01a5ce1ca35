"""`ultrafleet capacity cost`."""

import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from helpers.command import run
from helpers.rehearsal_site import deployed, text_of
from ultrafleet.cli import app
from ultrafleet.cli.capacity.capacity_manager import read_usage
from ultrafleet.cost import Month
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

FIRST = "cr-0aaaaaaaaaaaaaaa1"


@pytest.fixture
def over(tmp_path: Path) -> Path:
    """A folder with an environment that costs more than its budget."""
    content = {
        **yaml.safe_load(text_of("training")),
        "budget": {"usd_per_month": 1000000, "teams": {"pretraining": 9e9}},
    }
    (tmp_path / "training.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def test_it_tells_pools_teams_months_and_prices() -> None:
    found = run("capacity", "cost", "training", "--as-of", "2026-11-26")
    assert found.returncode == 0, found.stderr
    for told in (
        "rack-a",
        "pretraining",
        "2026-12",
        "1,328,104.37",
        "2,215,828.22",
        "price of u-p6e-gb200x72 (2026-10): ",
    ):
        assert told in found.stdout
    assert "stale" not in found.stdout
    assert "stale: of 2026-10" in run("capacity", "cost", "training", "--as-of", "2027-02-01").stdout


def test_a_month_over_its_budget_is_a_finding(over: Path) -> None:
    found = run("capacity", "cost", "training", "--environments", str(over))
    assert found.returncode == 1
    assert "2026-12: 1,328,104.37 USD is over the budget of 1,000,000.00 by 328,104.37" in found.stdout
    assert "2027-01:" not in found.stdout
    parsed = json.loads(run("capacity", "cost", "training", "--environments", str(over), "--json").stdout)
    (item,) = parsed["environments"][0]["over_budget"]
    assert (item["month"], item["usd"], item["budget_usd"]) == ("2026-12", 1328104.37, 1000000)


def test_a_month_a_price_file_and_json(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("type,usd_per_hour,date,source\nu-p6e-gb200x72,500,2026-11-01,contract\n")
    found = run("capacity", "cost", "training", "--month", "2026-12", "--prices", str(prices), "--json")
    parsed = json.loads(found.stdout)["environments"][0]
    assert parsed["months"] == ["2026-12"]
    assert parsed["pools"]["rack-b"]["2026-12"] == {"usd": 366250.0, "complete": True}
    assert parsed["commitments"][0]["price"]["as_of"] == "your price of 2026-11-01"


def test_all_environments_and_their_sum() -> None:
    found = run("capacity", "cost", "--month", "2026-12")
    assert found.returncode == 0
    assert "all environments: 1,678,869.08 USD" in found.stdout


def test_focus_is_written(tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    found = run("capacity", "cost", "training", "--focus", str(path))
    assert "14 charges, FOCUS 1.2" not in found.stdout
    assert "FOCUS 1.2" in found.stderr
    assert path.read_text().count("\n") == 1 + 3 + 10


def test_a_dataset_that_cannot_be_written_fails(tmp_path: Path) -> None:
    found = run("capacity", "cost", "training", "--focus", str(tmp_path / "no" / "focus.csv"))
    assert found.returncode == 2
    assert "can't be written" in found.stderr


def test_a_month_that_is_none_fails() -> None:
    found = run("capacity", "cost", "training", "--month", "2026-13")
    assert found.returncode == 2
    assert "expected a year and a month, such as 2026-12" in found.stderr


def test_a_programme_over_its_sum_is_a_finding() -> None:
    found = run("capacity", "cost", "seven-years")
    assert found.returncode == 1
    assert "seven-years: over its sum of 38,000,000,000.00 USD: 144.0% of it on average" in found.stdout
    assert "gb200-2026-base (assumption)" in found.stdout
    parsed = json.loads(run("capacity", "cost", "seven-years", "--json").stdout)
    assert parsed["budget_usd"] == 38e9
    assert all(item["assumption"] for item in parsed["deliveries"])


@pytest.mark.parametrize("options", [["--focus", "x.csv"], ["--month", "2026-12"], ["--used"], ["--prices", "x.csv"]])
def test_an_option_that_says_nothing_of_a_programme_fails(options: list[str]) -> None:
    found = run("capacity", "cost", "seven-years", *options)
    assert found.returncode == 2
    assert f"{options[0]} is stated for programme seven-years, expected an environment" in found.stderr


@pytest.mark.slow
class TestCapacityManager:
    def test_an_account_without_it_says_how_to_switch_it_on(self) -> None:
        with deployed("training", up=True) as made:
            found = read_usage(made.environment, [FIRST], [Month(2026, 12)])
            assert found.months == {}
            assert "Capacity Manager is disabled in account 111122223333, us-east-1" in found.note
            assert "aws ec2 enable-capacity-manager" in found.note

    def test_committed_against_used(self) -> None:
        with deployed("training", up=True) as made:
            made.call("ec2", "enable_capacity_manager")
            SIMULATED_ACCOUNT.advance(made.environment.pools[0].capacity_blocks[0].end)
            found = read_usage(made.environment, [FIRST, "cr-0bbbbbbbbbbbbbbb1"], [Month(2026, 12)])
            use = found.months[FIRST, Month(2026, 12)]
            assert use.capacity_hours == pytest.approx(18 * 335.5, abs=18)  # to the last whole hour
            # Empty from 90 minutes before the end, and for the minutes of the launch.
            assert 0 < use.unused_hours < 18 * 2.5
            assert use.used_hours + use.unused_hours == pytest.approx(use.capacity_hours)
            assert found.months.keys() == {(FIRST, Month(2026, 12)), ("cr-0bbbbbbbbbbbbbbb1", Month(2026, 12))}

    def test_the_command_shows_it_and_focus_rests_on_it(self, tmp_path: Path) -> None:
        path = tmp_path / "focus.csv"
        with deployed("training", up=True) as made:
            made.call("ec2", "enable_capacity_manager")
            SIMULATED_ACCOUNT.advance(made.environment.pools[0].capacity_blocks[0].end + timedelta(hours=1))
            asked = ["capacity", "cost", "training", "--month", "2026-12", "--used"]
            found = CliRunner().invoke(app, [*asked, "--focus", str(path)])
            parsed = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
        assert "instance-hours by Capacity Manager" in found.output
        used = {item["reservation_id"]: item for item in parsed["used"][0]["reservations"]}[FIRST]
        assert used["committed_instance_hours"] == pytest.approx(18 * 336)
        rows = [row for row in csv.DictReader(path.open()) if row["CapacityReservationId"].endswith(FIRST)]
        measured = {row["CapacityReservationStatus"]: row for row in rows if row["ChargeCategory"] == "Usage"}
        assert {row["x_Basis"] for row in measured.values()} == {"capacity-manager"}
        assert float(measured["Used"]["ConsumedQuantity"]) == pytest.approx(used["used_instance_hours"])

    def test_credentials_that_may_not_ask_fail(self) -> None:
        with deployed("training", up=True) as made:

            def deny(service: str, action: str, _: object) -> None:
                if (service, action) == ("ec2", "GetCapacityManagerAttributes"):
                    raise Refusal("UnauthorizedOperation", "You are not authorized to perform this operation.")

            SIMULATED_ACCOUNT.checks.append(deny)
            with pytest.raises(FleetError, match=r"EC2 Capacity Manager can't be asked .*GetCapacityManagerMetricData"):
                read_usage(made.environment, [FIRST], [Month(2026, 12)])
