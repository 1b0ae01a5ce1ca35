"""Prices of a private file: read strictly, before the public ones, and never called published."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from helpers.review_fleet import stacks
from helpers.review_scenarios import SCENARIOS
from ultrafleet.catalog import PurchaseOption, price
from ultrafleet.catalog.private_prices import PUBLIC, PriceList, PrivatePrice, is_private
from ultrafleet.cli import app
from ultrafleet.cli.private_price_file import read_private_prices
from ultrafleet.errors import FleetError

BLOCK, ON_DEMAND = PurchaseOption.CAPACITY_BLOCK, PurchaseOption.ON_DEMAND
RACK = "u-p6e-gb200x72"
CSV = f"""type, region, usd_per_hour, date, source
{RACK}, us-east-1, 500.5, 2026-11-01, contract 7
{RACK}, , 600, 2026-10-01, contract 7
"""


def item(**stated: object) -> PrivatePrice:
    return PrivatePrice.model_validate(
        {"type": RACK, "usd_per_hour": 1.0, "date": "2026-11-01", "source": "s", **stated}
    )


class TestFiles:
    def test_csv_and_yaml_say_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "p.csv").write_text(CSV)
        (tmp_path / "p.yaml").write_text(
            f"- {{type: {RACK}, region: us-east-1, usd_per_hour: 500.5, date: 2026-11-01, source: contract 7}}\n"
            f"- {{type: {RACK}, usd_per_hour: 600, date: 2026-10-01, source: contract 7}}\n"
        )
        first, second = (read_private_prices(tmp_path / name) for name in ("p.csv", "p.yaml"))
        assert first == second
        assert [one.usd_per_hour for one in first.private] == [500.5, 600]

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("p6e-gb300.99xlarge,,1,2026-11-01,s", "0.type is p6e-gb300.99xlarge, expected an instance type"),
            (f"{RACK},,0,2026-11-01,s", "0.usd_per_hour is input should be greater than 0"),
            (f"{RACK},,nan,2026-11-01,s", "0.usd_per_hour is input should be a finite number"),
            (f"{RACK},,1,yesterday,s", "0.date is"),
            (f"{RACK},,1,2026-11-01,", "0.source is field required"),
            (f"{RACK},,1,2026-11-01,s,more", "extra inputs are not permitted"),
            (f"{RACK},,1,2026-11-01,s\n{RACK},,2,2026-11-01,s", "1 is a second price of u-p6e-gb200x72"),
            (f'{RACK},,1,2026-11-01,"s', "unreadable"),
        ],
    )
    def test_fails_on_a_row(self, tmp_path: Path, row: str, message: str) -> None:
        (tmp_path / "p.csv").write_text(f"type,region,usd_per_hour,date,source\n{row}\n")
        with pytest.raises(FleetError) as caught:
            read_private_prices(tmp_path / "p.csv")
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "message"), [("a: 1", "tuple"), ("[", "unreadable"), ("- {type: a, type: b}", "unreadable")]
    )
    def test_fails_on_yaml_that_is_no_list(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "p.yaml").write_text(text)
        with pytest.raises(FleetError, match=message):
            read_private_prices(tmp_path / "p.yaml")

    def test_fails_without_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(FleetError, match="can't be read"):
            read_private_prices(tmp_path / "p.yaml")


class TestPrices:
    def test_the_region_precedes_then_the_option_then_the_day(self) -> None:
        found = PriceList(
            (
                item(usd_per_hour=1.0),
                item(usd_per_hour=2.0, date="2026-11-02"),
                item(usd_per_hour=3.0, purchase_option="on-demand", date="2026-01-01"),
                item(usd_per_hour=4.0, region="us-east-1", date="2025-01-01"),
            )
        )
        assert found.price(RACK, BLOCK, "us-east-1").value == 4
        assert found.price(RACK, BLOCK, "us-west-2").value == 2
        assert found.price(RACK, ON_DEMAND, None).value == 3

    def test_is_never_called_published(self) -> None:
        fact = PriceList((item(),)).price(RACK, BLOCK, None)
        assert fact.as_of == "your price of 2026-11-01"
        assert is_private(fact)
        assert str(fact.source) == "s (high)"

    @given(
        st.sampled_from([RACK, "p5.48xlarge", "p6-b200.48xlarge"]), st.sampled_from(["us-east-1", "eu-north-1", None])
    )
    def test_without_one_the_public_price_holds(self, name: str, region: str | None) -> None:
        other = PriceList((item(type="trn1.32xlarge"), item(type=name, region="ap-south-1")))
        for prices in (PUBLIC, other):
            assert prices.price(name, BLOCK, region) == price(name, BLOCK, region)


class TestReview:
    def review(self, folder: Path, text: str | None, *options: str) -> str:
        for side in ("base", "head"):
            content = stacks()
            if side == "head":
                SCENARIOS["a rack is added"].edit(content)
            (folder / side).mkdir(exist_ok=True)
            for name, template in content.items():
                (folder / side / f"{name}.template.json").write_text(json.dumps(template))
        (folder / "p.csv").write_text(text or "")
        given_ = ["--prices", str(folder / "p.csv")] if text else []
        sides = [str(folder / "base"), str(folder / "head")]
        result = CliRunner().invoke(app, ["review", *sides, "--as-of", "2026-11-24", *given_, *options])
        assert result.exit_code == 0, result.output
        return result.stdout

    def test_counts_by_the_file_and_says_so(self, tmp_path: Path) -> None:
        text = self.review(tmp_path, f"type,usd_per_hour,date,source\n{RACK},100,2026-11-01,c\n")
        assert "USD per hour for capacity blocks (your price of 2026-11-01) | 200.00 | 300.00 | +100.00 |" in text
        assert "your price" not in self.review(tmp_path, None)

    def test_a_price_of_the_instance_precedes_a_public_one_of_the_rack(self, tmp_path: Path) -> None:
        text = self.review(tmp_path, "type,usd_per_hour,date,source\np6e-gb200.36xlarge,10,2026-11-01,c\n")
        assert "(your price of 2026-11-01) | 360.00 | 540.00 | +180.00 |" in text

    def test_says_of_pools_without_a_region_that_a_price_of_one_is_not_theirs(self, tmp_path: Path) -> None:
        self.review(tmp_path, None)
        (tmp_path / "one.csv").write_text(CSV.rsplit("\n", 2)[0] + "\n")
        sides = [str(tmp_path / side) for side in ("base", "head")]
        result = CliRunner().invoke(app, ["review", *sides, "--prices", str(tmp_path / "one.csv")])
        assert "prices of one region don't count for 3 pools whose region isn't known" in result.stderr
        assert "your price" not in result.stdout

    def test_json_has_its_date(self, tmp_path: Path) -> None:
        text = self.review(tmp_path, f"type,usd_per_hour,date,source\n{RACK},100,2026-11-01,c\n", "--json")
        assert "your price of 2026-11-01" in text

    def test_a_price_of_another_type_changes_nothing(self, tmp_path: Path) -> None:
        other = "type,usd_per_hour,date,source\ntrn1.32xlarge,100,2026-11-01,c\n"
        assert self.review(tmp_path, other) == self.review(tmp_path, None)


def test_a_day_is_a_date() -> None:
    assert item().date == date(2026, 11, 1)
