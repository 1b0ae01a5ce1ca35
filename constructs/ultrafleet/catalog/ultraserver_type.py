"""UltraServer types, as an enum-like class."""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from ultrafleet.catalog._data import catalog_data, entry_facts, fact_names, stated_facts
from ultrafleet.catalog._entry import CatalogEntry
from ultrafleet.catalog.instance_type import InstanceType
from ultrafleet.catalog.source import CALLER, Fact, Source
from ultrafleet.catalog.type_facts import UltraServerTypeFacts
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping


class UltraServerType(CatalogEntry, UltraServerTypeFacts):
    """An EC2 UltraServer: instances in one NVLink or NeuronLink domain, sold as one capacity block.

    The EC2 API takes its type as a plain string, so names are open: see `of`.
    """

    U_P6E_GB200X36: ClassVar[UltraServerType]
    U_P6E_GB200X72: ClassVar[UltraServerType]
    U_TRN2X64: ClassVar[UltraServerType]
    U_P6E_GB300X72: ClassVar[UltraServerType]
    """Name not from AWS, size inferred."""
    TRN3_GEN1: ClassVar[UltraServerType]
    """AWS has published no name."""
    TRN3_GEN2: ClassVar[UltraServerType]
    """AWS has published no name."""

    FACTS: ClassVar[tuple[str, ...]] = fact_names(UltraServerTypeFacts)
    """Names of all facts, known or not."""

    _instance_type: InstanceType | None

    @staticmethod
    def of(
        name: str,
        *,
        instance_type: InstanceType | None = None,
        facts: UltraServerTypeFacts | None = None,
        source: Source = CALLER,
    ) -> UltraServerType:
        """The UltraServer of that name; with facts, one of your own.

        Args:
            name: API name, such as `u-p6e-gb200x72`; or the family of one that has none.
            instance_type: its members. Default: the catalog's.
            facts: what you know of it. Default: the catalog's facts.
            source: where your facts come from, and how well they are known. Default: the caller, high.

        Raises:
            FleetError: the catalog doesn't know the name and nothing was passed.
        """
        known = _load()
        base = known.get(name)
        if facts is None and instance_type is None:
            if base is None:
                close = difflib.get_close_matches(name, known, n=3, cutoff=0.6) or list(known)
                raise FleetError(
                    path="UltraServer type",
                    got=repr(name),
                    expected=f"one that the catalog knows ({', '.join(close)})",
                    remedy=(
                        "correct it, or pass UltraServerType.of(name, instance_type=..., "
                        "facts=UltraServerTypeFacts(...))"
                    ),
                )
            return base
        stated = stated_facts(facts, source)
        if base is not None:
            facts_of_both = {**base._facts, **stated}  # noqa: SLF001 - of one class
            return UltraServerType(base.name, base.family, facts_of_both, instance_type or base.instance_type)
        return UltraServerType(name, name, stated, instance_type)

    @staticmethod
    def from_name(named: UltraServerType | str) -> UltraServerType:
        """The UltraServer that a caller names.

        Args:
            named: an UltraServer of the catalog, or its name, such as `"u-p6e-gb200x72"`.

        Raises:
            FleetError: it is neither, or the catalog doesn't know the name.
        """
        if isinstance(named, UltraServerType):
            return named
        if not isinstance(named, str):
            raise FleetError(
                path="UltraServer type",
                got=f"of {type(named).__name__}",
                expected="an UltraServerType of ultrafleet.catalog, or its name",
                remedy="pass a name such as 'u-p6e-gb200x72'",
            )
        return UltraServerType.of(named)

    @staticmethod
    def all() -> tuple[UltraServerType, ...]:
        """Every UltraServer of the catalog."""
        return tuple(_load().values())

    @staticmethod
    def with_members(instance_type: InstanceType) -> tuple[UltraServerType, ...]:
        """UltraServers of the catalog whose members are of that type."""
        return tuple(found for found in _load().values() if found.instance_type == instance_type)

    def __init__(
        self, name: str | None, family: str, facts: Mapping[str, Fact[Any]], instance_type: InstanceType | None
    ) -> None:
        super().__init__(name, family, facts)
        self.__dict__.update({fact_name: self.fact(fact_name).value for fact_name in self.FACTS})
        self.__dict__["_instance_type"] = instance_type

    @property
    def instance_type(self) -> InstanceType | None:
        """Type of its members, or None where no source names it."""
        return self._instance_type


@cache
def _load() -> Mapping[str, UltraServerType]:
    entries = [
        UltraServerType(
            entry.name,
            entry.family,
            entry_facts(entry),
            InstanceType.of(entry.instance_type) if entry.instance_type else None,
        )
        for entry in catalog_data().ultraserver_types
    ]
    return {str(entry): entry for entry in entries}


for _entry in _load().values():
    _attribute = "TRN3_GEN" + _entry.family[8] if _entry.name is None else str(_entry).replace("-", "_")
    setattr(UltraServerType, _attribute.upper(), _entry)
