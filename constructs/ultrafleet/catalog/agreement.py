"""Public figures of the agreement behind the programme example, from `data/agreement.json`."""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.source import Fact

_FACTS: Final = Facts("agreement")

SUM_USD: Final = _FACTS.integer("agreement/sum-usd")
"""Sum of the agreement in USD."""
YEARS: Final = _FACTS.integer("agreement/years")
"""Years that it lasts."""


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every fact of the agreement by its id."""
    return _FACTS.items()
