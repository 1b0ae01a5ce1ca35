"""UltraServer types, as an enum-like class."""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from ultrafleet.catalog._data import Confidence, Fact, UltraServerValues, catalog_data, entry_facts
from ultrafleet.catalog._entry import CatalogEntry
from ultrafleet.catalog.instance_type import InstanceType
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping

UltraServerTypeFacts = UltraServerValues
"""Facts to state of an UltraServer that the catalog doesn't know; all optional, None is unknown."""


class UltraServerType(CatalogEntry):
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

    instance_count: int | None
    """Instances in it."""
    accelerator_count: int | None
    """Accelerators in it: one NVLink or NeuronLink domain."""
    efa_bandwidth_gbps: int | None
    """EFA bandwidth of all its instances together in Gbit/s."""
    zones: tuple[str, ...] | None
    """Zones that documents name. Others may exist."""
    region: str | None
    """Region, where documents name no zone."""
    capacity_block_usd_per_hour: float | None
    """Price of the whole UltraServer on a capacity block, USD an hour."""
    price_date: str | None
    """Month of that price."""

    FACTS: ClassVar[tuple[str, ...]] = tuple(UltraServerValues.model_fields)
    """Names of all facts, known or not."""

    _instance_type: InstanceType | None

    @staticmethod
    def of(
        name: str,
        *,
        instance_type: InstanceType | None = None,
        facts: UltraServerTypeFacts | None = None,
        source: str = "caller",
        confidence: Confidence = Confidence.HIGH,
    ) -> UltraServerType:
        """The UltraServer of that name; with facts, one of your own.

        Args:
            name: API name, such as `u-p6e-gb200x72`; or the family of one that has none.
            instance_type: its members. Default: the catalog's.
            facts: what you know of it. Default: the catalog's facts.
            source: where your facts come from.
            confidence: how well they are known.

        Raises:
            FleetError: the catalog doesn't know the name and nothing was passed.
        """
        known = _load()
        base = known.get(name)
        if facts is None and instance_type is None:
            if base is None:
                close = difflib.get_close_matches(name, known, n=3, cutoff=0.6) or list(known)
                raise FleetError(
                    f"UltraServer type is {name!r}, expected one that the catalog knows ({', '.join(close)}): correct "
                    "it, or pass UltraServerType.of(name, instance_type=..., facts=UltraServerTypeFacts(...))"
                )
            return base
        stated = {
            key: Fact(getattr(facts, key), source, confidence) for key in (facts.model_fields_set if facts else ())
        }
        if base is not None:
            facts_of_both = {**base._facts, **stated}  # noqa: SLF001 - of one class
            return UltraServerType(base.name, base.family, facts_of_both, instance_type or base.instance_type)
        return UltraServerType(name, name, stated, instance_type)

    @staticmethod
    def all() -> tuple[UltraServerType, ...]:
        """Every UltraServer of the catalog."""
        return tuple(_load().values())

    def __init__(
        self, name: str | None, family: str, facts: Mapping[str, Fact], instance_type: InstanceType | None
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
    data = catalog_data()
    entries = [
        UltraServerType(
            entry.name,
            entry.family,
            entry_facts(entry, data.sources),
            InstanceType.of(entry.instance_type) if entry.instance_type else None,
        )
        for entry in data.ultraserver_types
    ]
    return {str(entry): entry for entry in entries}


for _entry in _load().values():
    _attribute = "TRN3_GEN" + _entry.family[8] if _entry.name is None else str(_entry).replace("-", "_")
    setattr(UltraServerType, _attribute.upper(), _entry)
