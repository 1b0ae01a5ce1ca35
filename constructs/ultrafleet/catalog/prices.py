"""Public prices by type, purchase option and region, each with its date and source (`data/prices.json`)."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from ultrafleet.catalog._data import SourceReference, Strict, read_data, sources
from ultrafleet.catalog._entry import CatalogEntry
from ultrafleet.catalog.source import Confidence, Fact
from ultrafleet.errors import FleetError

PRICE_REVIEW: Final = timedelta(days=92)
"""A quarter: AWS reviews the prices of capacity blocks each quarter (its pricing page, medium)."""

_PARTS_OF_THE_WORLD: Final[Mapping[str, tuple[str, ...]]] = {
    "US regions": ("us-east-", "us-west-"),
    "EU and Asia": ("eu-", "ap-"),
}
_ELSEWHERE: Final = ("us-gov-", "cn-", "us-iso")
"""Partitions with prices of their own: one figure for "all regions" isn't theirs."""
_NO_REGION: Final = "the source names no region, though prices of capacity blocks differ by region"
_CONFIDENCES: Final = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)


class PurchaseOption(StrEnum):
    """Purchase option of an instance or UltraServer, in the EC2 API's words."""

    ON_DEMAND = "on-demand"
    """By the hour, with or without an on-demand capacity reservation."""
    CAPACITY_BLOCK = "capacity-block"
    """In advance, for days or weeks."""


class Price(Strict):
    """One public price.

    Attributes:
        type: instance type or UltraServer type; a price is that of the whole.
        purchase_option: how it is bought.
        region: its region; None where the source names none, or several.
        zone: its zone, where the source names one: name, or id.
        regions: regions in the source's words, where it names several.
        bound: `lower` or `upper` where the source gives a range over regions.
        usd_per_hour: USD an hour.
        as_of: day or month at which it held.
        source: key of its source.
        note: what a reader should know of it.
    """

    type: str
    purchase_option: PurchaseOption
    region: str | None = None
    zone: str | None = None
    regions: str | None = None
    bound: Literal["lower", "upper"] | None = None
    usd_per_hour: float = Field(gt=0)
    as_of: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])(-([0-2]\d|3[01]))?$")
    source: str
    note: str | None = None

    @property
    def place(self) -> str:
        """Scope of the price: zone, region or regions."""
        return self.zone or self.region or (self.regions or "no region named")

    @property
    def confidence(self) -> Confidence:
        """Confidence of its source."""
        return _price_data().confidences[self.source]

    @property
    def fact(self) -> Fact[float]:
        """The price as a fact."""
        notes = [self.note, f"{self.bound} end of a range over regions" if self.bound else None]
        if self.region is None and self.bound is None:
            notes.append(f"one figure for {self.regions}" if self.regions else _NO_REGION)
        reference = SourceReference(source=self.source, confidence=self.confidence)
        note = "; ".join(item for item in notes if item) or None
        return Fact(self.usd_per_hour, reference.resolve(), self.as_of, note)

    def holds_in(self, region: str | None) -> bool:
        """True if it may be the price in a region; None is a region that isn't known."""
        if self.region is not None or region is None:
            # The price of a Local Zone is no price of its region, but that of what is sold there alone is.
            return self.region == region and (self.zone is None or self.type.startswith("u-"))
        part = _PARTS_OF_THE_WORLD.get(self.regions or "")
        if part is not None:
            return region.startswith(part)
        return not region.startswith(_ELSEWHERE)


class _PriceData(Strict):
    confidences: Mapping[str, Confidence]
    prices: tuple[Price, ...]

    @model_validator(mode="after")
    def _sources_are_known(self) -> Self:
        for key in {price.source for price in self.prices} | set(self.confidences):
            if key not in sources() or key not in self.confidences:
                raise FleetError(
                    path="prices",
                    verb="name",
                    got=f"source {key!r}",
                    expected="one of sources.json with a confidence there",
                )
        return self


@cache
def _price_data() -> _PriceData:
    return _PriceData.model_validate(read_data("prices"))


def prices() -> tuple[Price, ...]:
    """Every price on record, past ones among them, in the order of the data file."""
    return _price_data().prices


@cache
def _by_sale() -> Mapping[tuple[str, str], tuple[Price, ...]]:
    found: dict[tuple[str, str], list[Price]] = {}
    for item in prices():
        found.setdefault((item.type, item.purchase_option), []).append(item)
    return {key: tuple(items) for key, items in found.items()}


def price(sold: CatalogEntry | str, purchase_option: PurchaseOption | str, region: str | None) -> Fact[float | None]:
    """The newest public price of an instance, or of a whole UltraServer, in USD an hour.

    Of prices of one date the one that names the region precedes, then the better known.

    Args:
        sold: instance type or UltraServer type, or its name.
        purchase_option: how it is bought.
        region: region name, such as `us-east-1`; None where it isn't known: only prices without a region apply then.

    Returns:
        A fact with the date in `as_of`; without a public price its value is None, and its note says so.

    Raises:
        FleetError: there is no such purchase option.
    """
    option = _known(purchase_option)
    on_record = _by_sale().get((str(sold), option), ())
    candidates = [item for item in on_record if item.holds_in(region)]
    if not candidates:
        return Fact(None, note=_why_none(str(sold), option, region, on_record))
    best = max(candidates, key=_newest)
    if best.bound is not None:
        ends = sorted({item.usd_per_hour for item in candidates if item.as_of == best.as_of and item.bound})
        span = " to ".join(f"{end:,.3f}" for end in ends)
        return Fact(
            None, note=f"{span} USD an hour by region in {best.as_of}; that of {region or 'no region'} is not public"
        )
    fact = best.fact
    return Fact(fact.value, fact.source, fact.as_of, fact.note)


def places_elsewhere(sold: CatalogEntry | str, purchase_option: PurchaseOption | str, region: str) -> tuple[str, ...]:
    """Places of a type's public prices where none is of a region; empty where one may be, or none is on record.

    Args:
        sold: instance type or UltraServer type, or its name.
        purchase_option: how it is bought.
        region: region name, such as `us-east-1`.

    Raises:
        FleetError: there is no such purchase option.
    """
    on_record = _by_sale().get((str(sold), _known(purchase_option)), ())
    if any(item.holds_in(region) for item in on_record):
        return ()
    return tuple(sorted({item.place for item in on_record}))


def is_stale(as_of: str, day: date) -> bool:
    """True if a price of a day or month is more than a quarter old on a day; a month counts from its first day."""
    since = date.fromisoformat(as_of if as_of.count("-") > 1 else f"{as_of}-01")
    return day - since > PRICE_REVIEW


def price_facts() -> Iterator[tuple[str, Fact[float | None]]]:
    """Ids and facts: `price/TYPE/OPTION/REGION` is what `price` answers, `price-record/…` each price on record."""
    for (name, option), on_record in _by_sale().items():
        for region in dict.fromkeys(item.region for item in on_record):
            yield f"price/{name}/{option}/{region or 'no-region'}", price(name, option, region)
    for item in prices():
        record = (item.type, item.purchase_option, item.place.replace(" ", "-"), item.as_of, item.source)
        fact = item.fact
        yield (
            "/".join(("price-record", *record, *([item.bound] if item.bound else ()))),
            Fact(fact.value, fact.source, fact.as_of, fact.note),
        )


def _known(purchase_option: str) -> PurchaseOption:
    try:
        return PurchaseOption(purchase_option)
    except ValueError:
        raise FleetError(
            path="purchase option",
            got=repr(purchase_option),
            expected=" or ".join(PurchaseOption),
            remedy="pass another purchase_option",
        ) from None


def _newest(item: Price) -> tuple[str, bool, int, float]:
    return item.as_of, item.region is not None, _CONFIDENCES.index(item.confidence), item.usd_per_hour


def _why_none(name: str, option: PurchaseOption, region: str | None, on_record: tuple[Price, ...]) -> str:
    elsewhere = sorted({item.place for item in on_record})
    known = f"; there are of {', '.join(elsewhere)}" if elsewhere else ""
    return f"no public {option} price of {name} in {region or 'a region that is not known'}{known}"
