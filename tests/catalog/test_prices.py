"""Prices: the newest public one of a region, with its date and source, and why there is none."""

from datetime import date

import pytest
from pydantic import ValidationError

from ultrafleet.catalog import Confidence, InstanceType, PurchaseOption, UltraServerType, is_stale, price
from ultrafleet.catalog.facts import facts
from ultrafleet.catalog.prices import Price, prices
from ultrafleet.errors import FleetError

BLOCK, ON_DEMAND = PurchaseOption.CAPACITY_BLOCK, PurchaseOption.ON_DEMAND


def test_has_every_price_on_record() -> None:
    assert len(prices()) == 152


class TestPrice:
    @pytest.mark.parametrize(
        ("sold", "option", "region", "usd", "as_of"),
        [
            (InstanceType.P5_48XLARGE, BLOCK, "us-east-1", 47.757, "2026-10"),
            (InstanceType.P5_48XLARGE, ON_DEMAND, "us-east-1", 55.04, "2026-09-19"),
            (InstanceType.P5_4XLARGE, ON_DEMAND, "us-east-2", 6.88, "2025-11"),
            (InstanceType.P6_B300_48XLARGE, ON_DEMAND, "us-gov-east-1", 170.9, "2026-07-20"),
            (UltraServerType.U_P6E_GB200X72, BLOCK, "us-east-1", 761.904, "2026-10"),
            ("g7.2xlarge", "on-demand", "us-east-1", 2.52, "2026-07-20"),
        ],
    )
    def test_is_the_newest_of_the_region(
        self,
        sold: InstanceType | UltraServerType | str,
        option: PurchaseOption | str,
        region: str,
        usd: float,
        as_of: str,
    ) -> None:
        found = price(sold, option, region)
        assert (found.value, found.as_of) == (usd, as_of)
        assert found.source is not None

    def test_one_figure_for_all_regions_says_so_and_is_no_price_of_other_partitions(self) -> None:
        assert "names no region" in str(price("p5en.48xlarge", BLOCK, "eu-north-1").note)
        assert price("p5en.48xlarge", BLOCK, None).value == 63.158
        assert price("p5en.48xlarge", BLOCK, "us-gov-west-1").value is None

    @pytest.mark.parametrize(
        ("sold", "option", "region", "note"),
        [
            ("p5e.48xlarge", ON_DEMAND, "us-east-1", "no public on-demand price of p5e.48xlarge in us-east-1"),
            ("p6-b300.48xlarge", ON_DEMAND, "us-east-2", "there are of us-east-1, us-gov-east-1, us-west-2"),
            ("p6e-gb200.36xlarge", BLOCK, "us-east-1", "no public capacity-block price of p6e-gb200.36xlarge"),
            ("p5.4xlarge", BLOCK, "us-east-1", "4.720 to 5.191 USD an hour by region in 2026-09"),
            ("p5.48xlarge", ON_DEMAND, None, "in a region that is not known"),
        ],
    )
    def test_says_why_there_is_none(self, sold: str, option: PurchaseOption, region: str | None, note: str) -> None:
        found = price(sold, option, region)
        assert (found.value, found.source) == (None, None)
        assert note in str(found.note)

    def test_a_local_zone_is_not_its_region(self) -> None:
        zones = {item.zone for item in prices() if item.zone and not item.type.startswith("u-")}
        assert zones == {"atl2-az1"}
        assert price("p5en.48xlarge", ON_DEMAND, "us-east-1").note is None

    def test_fails_for_another_way_to_buy(self) -> None:
        with pytest.raises(FleetError, match="purchase option is 'spot', expected on-demand or capacity-block"):
            price("p5.48xlarge", "spot", "us-east-1")


class TestStale:
    @pytest.mark.parametrize(
        ("as_of", "day", "stale"),
        [
            ("2026-10", date(2027, 1, 1), False),
            ("2026-10", date(2027, 1, 2), True),
            ("2026-09-19", date(2026, 11, 25), False),
            ("2026-07-20", date(2026, 11, 25), True),
        ],
    )
    def test_after_a_quarter(self, as_of: str, day: date, stale: bool) -> None:
        assert is_stale(as_of, day) is stale

    def test_fails_for_a_date_that_is_none(self) -> None:
        with pytest.raises(ValidationError, match="as_of"):
            Price(type="p5.48xlarge", purchase_option=ON_DEMAND, usd_per_hour=1, as_of="2026-Q4", source="moto")


class TestFacts:
    def test_are_listed_once_each_with_their_sources(self) -> None:
        found = list(facts())
        ids = [name for name, _ in found]
        assert len(ids) == len(set(ids))
        by_id = dict(found)
        assert by_id["instance-type/p5.48xlarge/vcpus"].value == 192
        assert by_id["ultraserver-type/u-p6e-gb200x72/instance_count"].value == 18
        assert by_id["price/p5.48xlarge/capacity-block/us-east-1"].value == 47.757
        assert by_id["instance-type/p6e-gb200.36xlarge/network-cards/0/max_interfaces"].confidence is Confidence.LOW
        assert all(fact.source is not None or fact.note is not None for fact in by_id.values())
        assert sum(name.startswith("price-record/") for name in ids) == len(prices())
