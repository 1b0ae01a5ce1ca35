"""Columns of a FOCUS 1.2 dataset that the export writes, as the specification names and bounds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ultrafleet.catalog.source import Source

FOCUS: Final = Source(
    "FOCUS specification 1.2, columns",
    address="https://focus.finops.org/focus-specification/v1-2/",
)
"""Source of the columns, their levels, nulls and allowed values."""

Kind = Literal["string", "decimal", "moment", "json"]


@dataclass(frozen=True)
class Column:
    """Column of FOCUS.

    Attributes:
        kind: kind of its values.
        level: `mandatory`, `conditional` or `recommended`.
        nullable: it may be empty.
        allowed: values that it may have; empty: any.
    """

    kind: Kind
    level: Literal["mandatory", "conditional", "recommended"]
    nullable: bool = False
    allowed: tuple[str, ...] = ()


COLUMNS: Final[Mapping[str, Column]] = {
    "AvailabilityZone": Column("string", "recommended", nullable=True),
    "BilledCost": Column("decimal", "mandatory"),
    "BillingAccountId": Column("string", "mandatory"),
    "BillingAccountName": Column("string", "mandatory", nullable=True),
    "BillingAccountType": Column("string", "conditional"),
    "BillingCurrency": Column("string", "mandatory"),
    "BillingPeriodEnd": Column("moment", "mandatory"),
    "BillingPeriodStart": Column("moment", "mandatory"),
    "CapacityReservationId": Column("string", "conditional", nullable=True),
    "CapacityReservationStatus": Column("string", "conditional", nullable=True, allowed=("Used", "Unused")),
    "ChargeCategory": Column("string", "mandatory", allowed=("Usage", "Purchase", "Tax", "Credit", "Adjustment")),
    "ChargeClass": Column("string", "mandatory", nullable=True, allowed=("Correction",)),
    "ChargeDescription": Column("string", "mandatory", nullable=True),
    "ChargeFrequency": Column("string", "recommended", allowed=("One-Time", "Recurring", "Usage-Based")),
    "ChargePeriodEnd": Column("moment", "mandatory"),
    "ChargePeriodStart": Column("moment", "mandatory"),
    "CommitmentDiscountCategory": Column("string", "conditional", nullable=True, allowed=("Spend", "Usage")),
    "CommitmentDiscountId": Column("string", "conditional", nullable=True),
    "CommitmentDiscountName": Column("string", "conditional", nullable=True),
    "CommitmentDiscountQuantity": Column("decimal", "conditional", nullable=True),
    "CommitmentDiscountStatus": Column("string", "conditional", nullable=True, allowed=("Used", "Unused")),
    "CommitmentDiscountType": Column("string", "conditional", nullable=True),
    "CommitmentDiscountUnit": Column("string", "conditional", nullable=True),
    "ConsumedQuantity": Column("decimal", "conditional", nullable=True),
    "ConsumedUnit": Column("string", "conditional", nullable=True),
    "ContractedCost": Column("decimal", "mandatory"),
    "ContractedUnitPrice": Column("decimal", "conditional", nullable=True),
    "EffectiveCost": Column("decimal", "mandatory"),
    "InvoiceId": Column("string", "recommended", nullable=True),
    "InvoiceIssuerName": Column("string", "mandatory"),
    "ListCost": Column("decimal", "mandatory"),
    "ListUnitPrice": Column("decimal", "conditional", nullable=True),
    "PricingCategory": Column(
        "string", "conditional", nullable=True, allowed=("Standard", "Dynamic", "Committed", "Other")
    ),
    "PricingQuantity": Column("decimal", "mandatory", nullable=True),
    "PricingUnit": Column("string", "mandatory", nullable=True),
    "ProviderName": Column("string", "mandatory"),
    "PublisherName": Column("string", "mandatory"),
    "RegionId": Column("string", "conditional", nullable=True),
    "RegionName": Column("string", "conditional", nullable=True),
    "ResourceId": Column("string", "conditional", nullable=True),
    "ResourceName": Column("string", "conditional", nullable=True),
    "ResourceType": Column("string", "conditional", nullable=True),
    "ServiceCategory": Column("string", "mandatory", allowed=("Compute",)),
    "ServiceName": Column("string", "mandatory"),
    "ServiceSubcategory": Column("string", "recommended", allowed=("Virtual Machines",)),
    "SkuId": Column("string", "conditional", nullable=True),
    "SkuMeter": Column("string", "conditional", nullable=True),
    "SkuPriceDetails": Column("json", "conditional", nullable=True),
    "SkuPriceId": Column("string", "conditional", nullable=True),
    "SubAccountId": Column("string", "conditional", nullable=True),
    "SubAccountName": Column("string", "conditional", nullable=True),
    "SubAccountType": Column("string", "conditional", nullable=True),
    "Tags": Column("json", "conditional", nullable=True),
}
"""By name. Left out: those of pricing in another currency. Those of commitment discounts are there and empty: these
charges have none. Of ServiceCategory and ServiceSubcategory it allows what the export uses."""

OWN_COLUMNS: Final = ("x_Basis", "x_PriceAsOf", "x_PriceSource")
"""Columns beside FOCUS's, which have to begin with `x_`: what a row rests on, the date and the source of its price."""
