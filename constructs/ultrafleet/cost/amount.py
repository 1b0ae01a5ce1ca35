"""Sum of money of which a part may be unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self


@dataclass(frozen=True)
class Amount:
    """Sum of USD.

    Attributes:
        usd: the part that is known, exactly; None where nothing is.
        complete: nothing of it is unknown.
    """

    usd: Fraction | None = Fraction(0)
    complete: bool = True

    @classmethod
    def of(cls, usd: Fraction | None) -> Self:
        """Amount of one thing; None is what isn't known.

        Args:
            usd: USD.
        """
        return cls(usd, complete=usd is not None)

    @classmethod
    def total(cls, amounts: Iterable[Self]) -> Self:
        """Sum of amounts: 0 of none, and never 0 of unknown ones.

        Args:
            amounts: the amounts.
        """
        found = list(amounts)
        known = [amount.usd for amount in found if amount.usd is not None]
        usd = sum(known, Fraction(0)) if known or not found else None
        return cls(usd, complete=all(amount.complete for amount in found))

    def part(self, share: Fraction) -> Self:
        """Share of it, from 0 to 1; a share of 0 is known to be nothing.

        Args:
            share: the share.
        """
        if share == 0:
            return type(self)()
        return type(self)(None if self.usd is None else self.usd * share, complete=self.complete)

    @property
    def rounded(self) -> float | None:
        """The known part in USD and cents."""
        return None if self.usd is None else round(float(self.usd), 2)

    @property
    def keys(self) -> dict[str, Any]:
        """Keys of JSON output: usd and complete."""
        return {"usd": self.rounded, "complete": self.complete}

    def __str__(self) -> str:
        known = self.rounded
        if known is None:
            return "?"
        return f"{known:,.2f}{'' if self.complete else ' + ?'}"
