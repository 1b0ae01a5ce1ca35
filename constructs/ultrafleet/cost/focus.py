"""Cost of an environment as rows of a FOCUS 1.2 dataset."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from ultrafleet.catalog import PurchaseOption
from ultrafleet.cost.commitments import Commitment, Payment, exactly
from ultrafleet.cost.focus_columns import COLUMNS, OWN_COLUMNS
from ultrafleet.cost.months import Month, hours
from ultrafleet.cost.report import CostReport
from ultrafleet.cost.usage import Usage

Row = Mapping[str, str]

PLAN: Final = "plan"
"""Basis of a row: the file and the schedule, which runs nodes until a block's drain lead."""
MEASURED: Final = "capacity-manager"
"""Basis of a row: figures of EC2 Capacity Manager."""
_PAID: Final = "payment of the file"
_PRICED: Final = "price"
_DIGITS: Final = 9
_ISSUER: Final = "Amazon Web Services"


@dataclass(frozen=True, kw_only=True)
class FocusExport:
    """Rows of a dataset, and what has none.

    Attributes:
        rows: the rows.
        left_out: why charges have no row, one sentence each: FOCUS has no unknown cost, and none is written as 0.
    """

    rows: tuple[Row, ...]
    left_out: tuple[str, ...]

    @property
    def csv(self) -> str:
        """The dataset as CSV, empty where FOCUS says null."""
        out = io.StringIO()
        writer = csv.DictWriter(out, [*COLUMNS, *OWN_COLUMNS], lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()


def focus_export(
    reports: Sequence[CostReport], *, partitions: Mapping[str, str], usages: Sequence[Usage] = ()
) -> FocusExport:
    """Rows of environments in their months: purchases, and each month's used and unused part of what they pay for.

    A block is one purchase on the day on which it is paid, with its cost as BilledCost, and usage in each of its
    months, with its share of the fee as EffectiveCost.

    Args:
        reports: costs of the environments.
        partitions: partition of each of their regions, for ARNs.
        usages: answers of their Capacity Managers; a month that one doesn't cover to its end is as planned.
            Default: none.
    """
    measured = {(usage.account, *key): (usage, value) for usage in usages for key, value in usage.months.items()}
    rows: list[Row] = []
    left_out: list[str] = []
    for report in reports:
        for item in report.commitments:
            if item.usd_per_hour is None:
                left_out.append(f"{_named(item)} has no known price: {item.price.note}")
                continue
            arn = _arn(item, partitions[item.region])
            for month in report.months:
                rows += _purchases(item, month, arn)
                part = item.overlap(month.start, month.end)
                if part is None:
                    continue
                shares, basis = _planned(item, *part), PLAN
                found = measured.get((item.account, item.reservation_id or "", month))
                if found is not None and found[0].until is not None and found[0].until >= part[1]:
                    use = found[1]
                    if use.capacity_hours > 0:
                        share = exactly(use.used_hours) / exactly(use.capacity_hours)
                        shares, basis = {"Used": share, "Unused": 1 - share}, MEASURED
                if arn is None and shares.get("Unused"):
                    left_out.append(f"{_named(item)} has no reservation id in the file for what is unused of it")
                    continue
                rows += [
                    _use(item, month, part, arn, status, share, basis) for status, share in shares.items() if share
                ]
    return FocusExport(rows=tuple(rows), left_out=tuple(dict.fromkeys(left_out)))


def _planned(item: Commitment, begin: datetime, end: datetime) -> dict[str, Fraction]:
    """Shares of a time that are used and unused by the schedule."""
    if item.hold:
        return {"Unused": Fraction(1)}
    until = end if item.drained is None else min(end, max(begin, item.drained))
    used = hours(begin, until) / hours(begin, end)
    return {"Used": used, "Unused": 1 - used}


def _purchases(item: Commitment, month: Month, arn: str | None) -> Iterator[Row]:
    for payment in item.payments:
        if Month(payment.day.year, payment.day.month) == month:
            yield _purchase(item, payment, month, arn)


def _purchase(item: Commitment, payment: Payment, month: Month, arn: str | None) -> Row:
    day = datetime(payment.day.year, payment.day.month, payment.day.day, tzinfo=UTC)
    assert item.usd_per_hour is not None  # noqa: S101 - a payment has a sum
    quantity = payment.usd / _unit_price(item)
    return {
        **_common(item, month, day, day + timedelta(days=1), arn, quantity),
        "BilledCost": _decimal(payment.usd),
        "ChargeCategory": "Purchase",
        "ChargeDescription": f"up-front fee of {_named(item)}",
        "ChargeFrequency": "One-Time",
        "EffectiveCost": "0",
        "x_Basis": _PAID if payment.stated else f"{_PRICED}, by the start of the block at the latest",
    }


def _use(
    item: Commitment,
    month: Month,
    part: tuple[datetime, datetime],
    arn: str | None,
    status: str,
    share: Fraction,
    basis: str,
) -> Row:
    length = hours(*part) * share
    quantity = length * item.count
    cost = quantity * _unit_price(item)
    used = length * item.nodes if status == "Used" else Fraction(0)
    return {
        **_common(item, month, *part, arn, quantity),
        "BilledCost": "0" if item.purchase_option is PurchaseOption.CAPACITY_BLOCK else _decimal(cost),
        "CapacityReservationStatus": status if arn is not None else "",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{status.lower()} hours of {_named(item)}",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": _decimal(used),
        "ConsumedUnit": "Hours",
        "EffectiveCost": _decimal(cost),
        "x_Basis": basis,
    }


def _common(
    item: Commitment, month: Month, begin: datetime, end: datetime, arn: str | None, quantity: Fraction
) -> dict[str, str]:
    unit_price = _unit_price(item)
    # What a block is offered for is its published price, where no other is on record.
    listed = unit_price if item.list_price.value is None else exactly(item.list_price.value)
    sku = f"ultrafleet/{item.purchase_option}/{item.sold}"
    return {
        "AvailabilityZone": item.availability_zone,
        "BillingAccountId": item.account,
        "BillingAccountType": "AWS account",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _moment(month.end),
        "BillingPeriodStart": _moment(month.start),
        "CapacityReservationId": arn or "",
        "ChargePeriodEnd": _moment(end),
        "ChargePeriodStart": _moment(begin),
        "ContractedCost": _decimal(quantity * unit_price),
        "ContractedUnitPrice": _decimal(unit_price),
        "InvoiceIssuerName": _ISSUER,
        "ListCost": _decimal(quantity * listed),
        "ListUnitPrice": _decimal(listed),
        "PricingCategory": "Standard",
        "PricingQuantity": _decimal(quantity),
        "PricingUnit": "Hours",
        "ProviderName": _ISSUER,
        "PublisherName": _ISSUER,
        "RegionId": item.region,
        "RegionName": item.region,
        "ResourceId": arn or "",
        "ResourceType": "Capacity Reservation" if arn else "",
        "ServiceCategory": "Compute",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "ServiceSubcategory": "Virtual Machines",
        "SkuId": sku,
        "SkuMeter": f"{item.sold} hours",
        "SkuPriceDetails": json.dumps({"x_PurchaseOption": item.purchase_option, "x_Type": item.sold}, sort_keys=True),
        "SkuPriceId": f"{sku}/{item.region}",
        "SubAccountId": item.account,
        "SubAccountName": item.environment,
        "SubAccountType": "AWS account",
        "Tags": json.dumps(_tags(item), sort_keys=True),
        "x_PriceAsOf": (item.price.as_of or "") if not item.paid else "",
        "x_PriceSource": _PAID if item.paid else str(item.price.source or ""),
    }


def _tags(item: Commitment) -> dict[str, str]:
    tags = {
        "ultrafleet:environment": item.environment,
        "ultrafleet:pool": item.pool,
        "ultrafleet:workload": item.workload,
    }
    return {key: value for key, value in tags.items() if value is not None}


def _unit_price(item: Commitment) -> Fraction:
    """USD an hour of one of what is sold."""
    assert item.usd_per_hour is not None  # noqa: S101 - what has no price has no row
    return item.usd_per_hour / item.count


def _named(item: Commitment) -> str:
    what = "capacity block" if item.purchase_option is PurchaseOption.CAPACITY_BLOCK else "on-demand capacity"
    of = f" of pool {item.pool}" if item.pool else ""
    return f"{what} {item.reservation_id or '(no id in the file)'}{of}, {item.count} x {item.sold}"


def _arn(item: Commitment, partition: str) -> str | None:
    if item.reservation_id is None:
        return None
    return f"arn:{partition}:ec2:{item.region}:{item.account}:capacity-reservation/{item.reservation_id}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _decimal(value: Fraction) -> str:
    """Number without an exponent and without zeros at its end, to nine places."""
    scaled = round(value * 10**_DIGITS)
    whole, part = divmod(abs(scaled), 10**_DIGITS)
    digits = f"{whole}.{part:09}".rstrip("0").rstrip(".")
    return f"-{digits}" if scaled < 0 else digits
