"""Arithmetic of cost: fees over months, pools and teams to the environment, unknown prices, budgets."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helpers.rehearsal_site import ENVIRONMENTS, text_of
from ultrafleet.catalog import PurchaseOption
from ultrafleet.catalog.private_prices import PriceList, PrivatePrice
from ultrafleet.cost import Amount, Commitment, Month, cost_report, default_months, months_between
from ultrafleet.cost.commitments import Payment, commitments
from ultrafleet.cost.months import hours
from ultrafleet.cost.teams import NO_TEAM, SHARED, team_shares
from ultrafleet.environment import Environment, load_environment
from ultrafleet.errors import FleetError

DECEMBER, JANUARY = Month(2026, 12), Month(2027, 1)
RACK = load_environment(ENVIRONMENTS / "training.yaml")
RACK_USD = Fraction("761.904")


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Environment]:
    def edit(change: Callable[[dict[str, Any]], object] = lambda _: None, name: str = "training") -> Environment:
        content = yaml.safe_load(text_of(name))
        change(content)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        return load_environment(path)

    return edit


def held(environment: Environment, pool: str, **options: Any) -> list[Commitment]:
    return [item for item in commitments(environment, **options) if item.pool == pool]


class TestFees:
    @given(
        start=st.datetimes(datetime(2026, 1, 1), datetime(2033, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - of UTC
        minutes=st.integers(1, 60 * 24 * 183),
        usd=st.decimals(min_value="0.01", max_value=10**8, places=2),
    )
    def test_the_sum_over_months_is_the_fee(self, start: datetime, minutes: int, usd: Any) -> None:
        (item,) = held(RACK, "rack-b")
        end = start + timedelta(minutes=minutes)
        paid = commitment(item, start=start, end=end, usd=Fraction(usd))
        assert Amount.total(paid.cost_of(month) for month in months_between(start, end)) == Amount(Fraction(usd))
        assert paid.cost_of(Month.of(end).next) == Amount()

    def test_a_block_costs_its_price_times_its_hours(self, edited: Callable[..., Environment]) -> None:
        first, second = held(edited(), "rack-a")
        assert first.fee.usd == RACK_USD * 14 * 24
        assert second.cost_of(DECEMBER).usd == RACK_USD * (Fraction("12.5") + 16 * 24)
        assert first.cost_of(JANUARY) == Amount()

    def test_an_ultraserver_is_one_and_instances_are_each(self, edited: Callable[..., Environment]) -> None:
        (rack,) = held(edited(name="inference"), "rack-c")
        (h200,) = held(edited(name="inference"), "h200")
        assert (rack.count, rack.nodes) == (1, 9)
        assert (h200.count, h200.nodes) == (4, 4)
        assert h200.fee.usd == 4 * Fraction("63.158") * 14 * 24

    def test_payments_of_the_file_precede_the_price(self, edited: Callable[..., Environment]) -> None:
        def pay(content: dict[str, Any]) -> None:
            block = content["pools"][1]["blocks"][0]
            block["payments"] = [
                {"date": date(2026, 10, 20), "usd": 500000.1},
                {"date": date(2026, 12, 20), "usd": 500000.2},
            ]

        environment = edited(pay)
        (item,) = held(environment, "rack-b")
        assert item.fee.usd == Fraction("1000000.3")
        assert item.paid_in(Month(2026, 10)).usd == Fraction("500000.1")
        assert item.paid_in(DECEMBER).usd == Fraction("500000.2")
        assert item.paid_in(JANUARY) == Amount()
        assert default_months(environment)[0] == Month(2026, 10)

    def test_without_payments_it_is_paid_at_the_start_at_the_latest(self, edited: Callable[..., Environment]) -> None:
        (item,) = held(edited(), "rack-b")
        (payment,) = item.payments
        assert (payment.day, payment.stated) == (date(2026, 12, 1), False)
        assert item.paid_in(DECEMBER) == item.fee

    def test_on_demand_costs_all_of_a_month_to_its_end(self, edited: Callable[..., Environment]) -> None:
        (item,) = held(edited(), "b300")
        assert item.purchase_option is PurchaseOption.ON_DEMAND
        assert item.cost_of(DECEMBER).usd == 2 * Fraction("142.416") * 31 * 24
        until = edited(lambda c: c["capacity_reservations"][0].update(end=datetime(2026, 12, 11, tzinfo=UTC)))
        (item,) = held(until, "b300")
        assert item.cost_of(DECEMBER).usd == 2 * Fraction("142.416") * 10 * 24
        assert item.cost_of(JANUARY) == Amount()

    def test_a_reservation_without_a_pool_is_paid_for_too(self, edited: Callable[..., Environment]) -> None:
        def remove(content: dict[str, Any]) -> None:
            content["pools"] = [pool for pool in content["pools"] if pool["name"] != "b300"]

        (item,) = [found for found in commitments(edited(remove)) if found.pool is None]
        assert item.cost_of(DECEMBER).usd
        assert cost_report(edited(remove), months=[DECEMBER]).pools["(no pool)"][DECEMBER] == item.cost_of(DECEMBER)


class TestSums:
    @pytest.mark.parametrize("name", ["training", "inference", "dev"])
    def test_pools_and_teams_sum_to_the_environment(self, name: str, edited: Callable[..., Environment]) -> None:
        report = cost_report(edited(name=name), months=list(months_between(DECEMBER.start, Month(2027, 3).start)))
        for month, total in report.totals.items():
            assert Amount.total(by_month[month] for by_month in report.pools.values()) == total
            assert Amount.total(by_month[month] for by_month in report.teams.values()) == total

    @given(guarantees=st.lists(st.integers(0, 60), min_size=0, max_size=4))
    def test_shares_of_teams_are_one(self, guarantees: list[int]) -> None:
        environment = RACK.model_copy(
            update={
                "teams": [
                    RACK.teams[0].model_copy(
                        update={"name": f"team-{index}", "guaranteed_nodes": {"u-p6e-gb200x72": count}}
                    )
                    for index, count in enumerate(guarantees)
                ]
            }
        )
        shares = team_shares(environment, "training", "u-p6e-gb200x72")
        assert sum(shares.values()) == 1
        assert all(share > 0 for share in shares.values())

    def test_several_teams_have_their_guarantees_and_the_rest_is_shared(
        self, edited: Callable[..., Environment]
    ) -> None:
        def second(content: dict[str, Any]) -> None:
            content["teams"][0]["guaranteed_nodes"] = {"u-p6e-gb200x72": 18}
            content["teams"].append({"name": "posttraining", "guaranteed_nodes": {"u-p6e-gb200x72": 9}})

        environment = edited(second)
        assert team_shares(environment, "training", "u-p6e-gb200x72") == {
            "pretraining": Fraction(18, 36),
            "posttraining": Fraction(9, 36),
            SHARED: Fraction(9, 36),
        }
        assert team_shares(environment, "inference", "u-p6e-gb200x72") == {NO_TEAM: 1}


class TestUnknown:
    def test_an_unknown_price_is_never_nothing(self, edited: Callable[..., Environment]) -> None:
        def move(content: dict[str, Any]) -> None:  # prices of us-gov-west-1 are on no list
            content["region"] = "us-west-2"

        environment = edited().model_copy(update={"region": "us-gov-west-1"})
        report = cost_report(environment, months=[DECEMBER])
        assert report.pools["rack-a"][DECEMBER] == Amount(None, complete=False)
        assert str(report.pools["rack-a"][DECEMBER]) == "?"
        assert str(report.payments[DECEMBER]) == "?"
        priced = PriceList(
            (PrivatePrice(type="p6-b300.48xlarge", usd_per_hour=100, date=date(2026, 11, 1), source="contract"),)
        )
        report = cost_report(environment, months=[DECEMBER], prices=priced)
        assert str(report.totals[DECEMBER]) == "148,800.00 + ?"

    @given(known=st.lists(st.decimals(min_value=0, max_value=10**6, places=2)), unknown=st.integers(0, 3))
    def test_a_sum_with_an_unknown_part_says_so(self, known: list[Any], unknown: int) -> None:
        total = Amount.total([*(Amount(Fraction(usd)) for usd in known), *[Amount.of(None)] * unknown])
        assert total.complete is (unknown == 0)
        assert total.usd == (sum(map(Fraction, known)) if known or not unknown else None)
        assert str(total).endswith("?") is (unknown > 0)


class TestBudgets:
    @pytest.mark.parametrize(
        ("usd", "over"), [(1328104.38, []), (1328104.37, []), (1328104.0, [DECEMBER]), (1.0, [DECEMBER, JANUARY])]
    )
    def test_months_above_it_are_named(self, edited: Callable[..., Environment], usd: float, over: list[Month]) -> None:
        environment = edited(lambda c: c.update(budget={"usd_per_month": usd}))
        report = cost_report(environment, months=[DECEMBER, JANUARY])
        assert [item.month for item in report.over] == over
        assert all(item.team is None for item in report.over)

    def test_one_of_a_team(self, edited: Callable[..., Environment]) -> None:
        environment = edited(lambda c: c.update(budget={"teams": {"pretraining": 1000000}}))
        (found,) = cost_report(environment, months=[DECEMBER, JANUARY]).over
        assert (found.month, found.team) == (DECEMBER, "pretraining")

    def test_an_unknown_part_is_told_where_the_known_one_does_not_decide(
        self, edited: Callable[..., Environment]
    ) -> None:
        environment = edited(lambda c: c.update(budget={"usd_per_month": 5e8}))
        report = cost_report(environment.model_copy(update={"region": "us-gov-west-1"}), months=[DECEMBER])
        assert report.over == ()
        assert [item.month for item in report.undecided] == [DECEMBER]

    def test_a_team_that_there_is_not_fails(self, edited: Callable[..., Environment]) -> None:
        with pytest.raises(FleetError, match=r"budget.teams names team 'other', expected one of pretraining"):
            edited(lambda c: c.update(budget={"teams": {"other": 1}}))

    @pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan"), "1"])
    def test_a_sum_that_is_none_fails(self, edited: Callable[..., Environment], wrong: object) -> None:
        with pytest.raises(FleetError, match=r"usd_per_month"):
            edited(lambda c: c.update(budget={"usd_per_month": wrong}))
        with pytest.raises(FleetError, match=r"payments"):
            edited(lambda c: c["pools"][0]["blocks"][0].update(payments=[{"date": date(2026, 1, 1), "usd": wrong}]))


class TestMonths:
    @pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "2026-12-01", "december"])
    def test_what_is_no_month_fails(self, text: str) -> None:
        with pytest.raises(FleetError, match=r"month is .*, expected a year and a month, such as 2026-12"):
            Month.parse(text)

    def test_hours_are_exact(self) -> None:
        assert hours(DECEMBER.start, DECEMBER.end) == 744
        assert hours(DECEMBER.end, DECEMBER.start) == 0
        assert hours(DECEMBER.start, DECEMBER.start + timedelta(minutes=20)) == Fraction(1, 3)


def commitment(item: Commitment, *, start: datetime, end: datetime, usd: Fraction) -> Commitment:
    return replace(item, start=start, end=end, paid=(Payment(day=start.date(), usd=usd, stated=True),))
