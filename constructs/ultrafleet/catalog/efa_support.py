"""EFA support of any instance type by its name, accelerated or not, from `data/efa_support.json`."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.instance_type import InstanceType
from ultrafleet.catalog.source import Fact, Source

_FACTS: Final = Facts("efa_support")
SOURCE: Final[Source] = _FACTS.source("efa-support/sizes-with")
"""Source of what types have EFA."""


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every fact of EFA support by its id."""
    return _FACTS.items()


def has_efa(name: str) -> bool | None:
    """True if the type has EFA, False if it has none, None where its family isn't known.

    Args:
        name: API name, such as `m7i.xlarge`.
    """
    known = _catalog_types().get(name)
    if known is not None and known.max_efa_interfaces is not None:
        return known.max_efa_interfaces > 0
    family, _, size = name.partition(".")
    if family in _families_without():
        return False
    sizes = _sizes_with().get(family)
    return None if sizes is None or known is not None else size in sizes


@cache
def _catalog_types() -> Mapping[str, InstanceType]:
    return {item.name: item for item in InstanceType.all() if item.name}


@cache
def _families_without() -> frozenset[str]:
    return frozenset(_FACTS.text("efa-support/families-without").value.split())


@cache
def _sizes_with() -> Mapping[str, frozenset[str]]:
    lines = (line.split(":") for line in _FACTS.text("efa-support/sizes-with").value.split())
    return {family: frozenset(sizes.split(",")) for families, sizes in lines for family in families.split("|")}
