"""Private prices: what a customer pays, before the public prices."""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from ultrafleet.catalog._entry import CatalogEntry
from ultrafleet.catalog.prices import PurchaseOption, price
from ultrafleet.catalog.source import Fact, Source

PRIVATE: Final = "your price of "
"""Beginning of the date of a private price, wherever one is shown."""


class PrivatePrice(BaseModel):
    """One price of a private file.

    Attributes:
        type: instance type or UltraServer type; a price is that of the whole.
        usd_per_hour: USD an hour.
        date: day at which it held.
        source: where it is from, such as a contract.
        region: its region. Default: every region.
        purchase_option: how it is bought. Default: in every way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(min_length=1)
    usd_per_hour: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    date: date
    source: str = Field(min_length=1)
    region: str | None = Field(default=None, min_length=1)
    purchase_option: PurchaseOption | None = None


@dataclass(frozen=True)
class PriceList:
    """Prices of a private file, before the public ones.

    Args:
        private: prices of the file. Default: none.
    """

    private: tuple[PrivatePrice, ...] = field(default=())

    def price(
        self, sold: CatalogEntry | str, purchase_option: PurchaseOption, region: str | None
    ) -> Fact[float | None]:
        """The price of an instance, or of a whole UltraServer, in USD an hour: a private one precedes.

        Of private prices the one that names the region precedes, then the one that names the purchase option, then the
        newest. Its `as_of` is `your price of DATE`.

        Args:
            sold: instance type or UltraServer type, or its name.
            purchase_option: how it is bought.
            region: region name; None where it isn't known: only prices without a region apply then.
        """
        found = [
            item
            for item in self.private
            if item.type == str(sold)
            and item.region in (None, region)
            and item.purchase_option in (None, purchase_option)
        ]
        if not found:
            return price(sold, purchase_option, region)
        best = max(found, key=lambda item: (item.region is not None, item.purchase_option is not None, item.date))
        return Fact(best.usd_per_hour, Source(best.source), f"{PRIVATE}{best.date.isoformat()}")


def is_private(fact: Fact[float | None]) -> bool:
    """True for a price of a private file."""
    return (fact.as_of or "").startswith(PRIVATE)


PUBLIC: Final = PriceList()
"""The public prices alone."""
