"""FOCUS 1.2: names, nulls, allowed values and sums of the export, and used against unused."""

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.cost import Month, Usage, cost_report, default_months
from ultrafleet.cost.focus import MEASURED, PLAN, FocusExport, focus_export
from ultrafleet.cost.focus_columns import COLUMNS, OWN_COLUMNS
from ultrafleet.cost.usage import MonthOfUse
from ultrafleet.environment import load_environment

DECEMBER = Month(2026, 12)
PARTITIONS = {"us-east-1": "aws", "us-east-2": "aws", "us-gov-west-1": "aws-us-gov"}
RESERVATION = "arn:aws:ec2:us-east-1:111122223333:capacity-reservation/cr-0aaaaaaaaaaaaaaa1"


def export(name: str = "training", *, region: str | None = None, hold: bool = False, **options: Any) -> FocusExport:
    environment = load_environment(ENVIRONMENTS / f"{name}.yaml")
    if region is not None:
        environment = environment.model_copy(update={"region": region})
    if hold:
        pools = [pool.model_copy(update={"hold": True}) for pool in environment.pools]
        environment = environment.model_copy(update={"pools": pools})
    report = cost_report(environment, months=default_months(environment) or [DECEMBER])
    return focus_export([report], partitions=PARTITIONS, **options)


def rows(found: FocusExport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(found.csv)))


def use(**options: Any) -> Usage:
    hours = MonthOfUse(capacity_hours=18 * 336, unused_hours=18 * 84)
    return Usage(
        account="111122223333",
        region="us-east-1",
        note="",
        until=datetime(2027, 1, 1, tzinfo=UTC),
        months={("cr-0aaaaaaaaaaaaaaa1", DECEMBER): hours},
        **options,
    )


@pytest.mark.parametrize("name", ["training", "inference", "dev"])
def test_every_row_is_as_the_specification_says(name: str) -> None:
    found = rows(export(name))
    assert found
    assert list(found[0]) == [*COLUMNS, *OWN_COLUMNS]
    assert all(own.startswith("x_") for own in OWN_COLUMNS)
    for row in found:
        for column, rule in COLUMNS.items():
            value = row[column]
            assert value or rule.nullable, column
            assert not value or not rule.allowed or value in rule.allowed, column
            if value and rule.kind == "decimal":
                assert "E" not in value
                Decimal(value)
            if value and rule.kind == "moment":
                datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - the form alone
            if value and rule.kind == "json":
                assert isinstance(json.loads(value), dict)
        usage = row["ChargeCategory"] == "Usage"
        assert bool(row["CapacityReservationStatus"]) is (usage and bool(row["CapacityReservationId"]))
        assert bool(row["ConsumedQuantity"]) is usage
        assert bool(row["ConsumedUnit"]) is bool(row["ConsumedQuantity"])
        assert bool(row["ResourceType"]) is bool(row["ResourceId"])
        assert row["ChargeFrequency"] == ("Usage-Based" if usage else "One-Time")
        for price, total in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
            product = Decimal(row[price]) * Decimal(row["PricingQuantity"])
            assert abs(product - Decimal(row[total])) < Decimal("0.0001")
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]


def test_a_fee_is_billed_once_and_spread_over_what_is_used_and_unused() -> None:
    billed: dict[str, Decimal] = defaultdict(Decimal)
    effective: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows(export()):
        if row["CapacityReservationId"]:
            billed[row["CapacityReservationId"]] += Decimal(row["BilledCost"])
            effective[row["CapacityReservationId"]] += Decimal(row["EffectiveCost"])
    assert len(billed) == 3
    assert billed == effective
    assert billed[RESERVATION] == Decimal("255999.744")


def test_by_plan_the_drain_lead_is_unused() -> None:
    found = {
        row["CapacityReservationStatus"]: row
        for row in rows(export())
        if row["CapacityReservationId"] == RESERVATION and row["ChargeCategory"] == "Usage"
    }
    assert (found["Used"]["PricingQuantity"], found["Unused"]["PricingQuantity"]) == ("334.5", "1.5")
    assert found["Used"]["ConsumedQuantity"] == str(18 * 334 + 9)
    assert {row["x_Basis"] for row in found.values()} == {PLAN}


def test_a_held_pool_is_unused() -> None:
    of_blocks = [row for row in rows(export(hold=True)) if row["CapacityReservationStatus"]]
    assert {row["CapacityReservationStatus"] for row in of_blocks} == {"Unused"}


def test_figures_of_the_account_take_the_place_of_the_plan() -> None:
    found = {
        row["CapacityReservationStatus"]: row
        for row in rows(export(usages=[use()]))
        if row["CapacityReservationId"] == RESERVATION and row["ChargeCategory"] == "Usage"
    }
    assert {row["x_Basis"] for row in found.values()} == {MEASURED}
    assert (found["Used"]["PricingQuantity"], found["Unused"]["PricingQuantity"]) == ("252", "84")


def test_a_month_that_they_do_not_cover_is_as_planned() -> None:
    early = Usage(
        account="111122223333",
        region="us-east-1",
        note="",
        until=datetime(2026, 12, 10, tzinfo=UTC),
        months=use().months,
    )
    assert {row["x_Basis"] for row in rows(export(usages=[early])) if row["CapacityReservationStatus"]} == {PLAN}


def test_what_has_no_price_is_left_out_and_told() -> None:
    found = export(region="us-gov-west-1")
    assert rows(found) == []
    assert len(found.left_out) == 4
    assert "has no known price: no public capacity-block price of u-p6e-gb200x72 in us-gov-west-1" in found.left_out[0]


def test_capacity_without_an_id_is_in_no_reservation() -> None:
    (row,) = rows(export("dev"))
    assert (row["CapacityReservationId"], row["CapacityReservationStatus"]) == ("", "")
    assert row["BilledCost"] == row["EffectiveCost"] == "5118.72"
    held = export("dev", hold=True)
    assert held.rows == ()
    assert "has no reservation id in the file" in held.left_out[0]
