"""Bus bandwidth that an all-reduce has to reach, by instance type and path, from `data/acceptance_floors.json`.

Nodes read it without the catalog, from `acceptance/type_table.py`, which is made from these facts and those of the
types.
"""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.source import Fact

_FACTS: Final = Facts("acceptance_floors")


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every floor by its id, `acceptance-floor/TYPE/PATH`, in GB/s."""
    return _FACTS.items()
