"""The programme example: its pictures, its facts, its cost, and that what isn't public is marked as assumed."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from tools.programme_document import PROGRAMME, document, pictures
from ultrafleet.catalog import agreement
from ultrafleet.cost.programme_cost import programme_cost
from ultrafleet.programme import load_programme


@pytest.mark.parametrize("picture", pictures().items(), ids=lambda item: item[0].name)
def test_a_picture_is_what_the_tool_makes(picture: tuple[Path, str]) -> None:
    path, text = picture
    assert path.read_text() == text, "run `python tests/tools/programme_document.py`"


def test_every_figure_of_the_file_is_public_or_an_assumption() -> None:
    content = yaml.safe_load(PROGRAMME.read_text())
    assert content["budget_usd"] == agreement.SUM_USD.value
    assert (content["end"].year - agreement.YEARS.value, content["end"].month, content["end"].day) == (2025, 11, 3)
    for part in ("targets", "tranches", "later_blocks"):
        assert content[part]
        assert all(item.get("assumption") for item in content[part])
    assert content["assumptions"]
    assert "is **an assumption, and marked as one in the file**" in document()


def test_the_assumed_price_is_the_sum_over_the_assumed_racks_and_hours() -> None:
    programme = load_programme(PROGRAMME)
    racks = -(-200_000 // 72)
    hours = (date(2032, 11, 3) - date(2025, 11, 3)).days * 24
    prices = {item.usd_per_hour for item in programme.tranches}
    assert prices == {round(agreement.SUM_USD.value / racks / hours, 2)}


def test_cost_is_that_of_each_delivery() -> None:
    found = programme_cost(load_programme(PROGRAMME))
    base = found.deliveries[0]
    assert base.without_slip.usd == base.on_average.usd == Fraction("222.9") * 1200 * 2164 * 24
    assert sum(item.on_average.usd or 0 for item in found.deliveries) == found.on_average.usd
    assert all((item.on_average.usd or 0) <= (item.without_slip.usd or 0) for item in found.deliveries)
    assert found.is_over
    assert not found.until(date(2026, 12, 31)).is_over


def test_a_delivery_that_may_never_come_is_paid_only_where_it_does(tmp_path: Path) -> None:
    content = {
        "start": date(2027, 1, 1),
        "end": date(2027, 1, 15),
        "sites": [{"name": "east", "region": "us-east-1"}],
        "budget_usd": 1e6,
        "tranches": [
            {
                "name": name,
                "site": "east",
                "workload": "training",
                "type": "u-p6e-gb200x72",
                "ultraservers": 2,
                "delivery": date(2027, 1, 1),
                "slip": {"weeks": {0: 0.25, 1: 0.25}, "never": 0.5},
                "source": "a contract",
                **price,
            }
            for name, price in (("priced", {"usd_per_hour": 10.0}), ("unpriced", {}))
        ],
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(content))
    found = programme_cost(load_programme(path))
    priced, unpriced = found.deliveries
    assert priced.without_slip.usd == 2 * 10 * 14 * 24
    assert priced.on_average.usd == 2 * 10 * 24 * (Fraction(14, 4) + Fraction(7, 4))
    assert str(unpriced.on_average) == "?"
    assert str(found.on_average) == "2,520.00 + ?"
