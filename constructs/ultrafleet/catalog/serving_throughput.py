"""Tokens a second that engines are published to make, by model and type of node, from `data/serving_throughput.json`.

They are others' measurements on others' racks: sizes to plan with, not what a fleet is promised.
"""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.source import Fact

_FACTS: Final = Facts("serving_throughput")


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every figure by its id, `serving-throughput/MODEL/FAMILY/WHAT`; the note says of what."""
    return _FACTS.items()


def published_throughput(model_name: str, family: str, what: str) -> Fact[Any] | None:
    """The published figure, or None where none is published.

    Args:
        model_name: name of the model.
        family: family of the instance type, such as `p6e-gb200`.
        what: `rack`, `prefill-gpu`, `decode-gpu`, or a layout such as `3-prefill-1-decode`, by GPU.
    """
    return dict(_FACTS.items()).get(f"serving-throughput/{model_name}/{family}/{what}")
