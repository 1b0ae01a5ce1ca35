"""Instance types with accelerators, as an enum-like class."""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from ultrafleet.catalog._data import Confidence, Fact, InstanceEntry, InstanceValues, catalog_data, entry_facts
from ultrafleet.catalog._entry import CatalogEntry
from ultrafleet.catalog.network_card import NetworkCard
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ultrafleet.catalog.ultraserver_type import UltraServerType

InstanceTypeFacts = InstanceValues
"""Facts to state of a type that the catalog doesn't know; all optional, None is unknown."""


class InstanceType(CatalogEntry):
    """An EC2 instance type with accelerators.

    Facts are attributes (`InstanceType.P5_48XLARGE.vcpus`), None where no source states them; `fact(name)` gives the
    source and the confidence, `require(name, instead=...)` refuses where it is unknown.
    """

    P4D_24XLARGE: ClassVar[InstanceType]
    P4DE_24XLARGE: ClassVar[InstanceType]
    P5_4XLARGE: ClassVar[InstanceType]
    P5_48XLARGE: ClassVar[InstanceType]
    P5E_48XLARGE: ClassVar[InstanceType]
    P5EN_48XLARGE: ClassVar[InstanceType]
    P6_B200_48XLARGE: ClassVar[InstanceType]
    P6_B300_48XLARGE: ClassVar[InstanceType]
    P6E_GB200_36XLARGE: ClassVar[InstanceType]
    P6E_GB300_36XLARGE: ClassVar[InstanceType]
    P6E_GB300R_36XLARGE: ClassVar[InstanceType]
    TRN1_32XLARGE: ClassVar[InstanceType]
    TRN1N_32XLARGE: ClassVar[InstanceType]
    TRN2_3XLARGE: ClassVar[InstanceType]
    TRN2_48XLARGE: ClassVar[InstanceType]
    TRN2U_48XLARGE: ClassVar[InstanceType]
    TRN3_GEN1: ClassVar[InstanceType]
    """Trn3 Gen1 UltraServer member; AWS has published no name."""
    TRN3_GEN2: ClassVar[InstanceType]
    """Trn3 Gen2 UltraServer member; AWS has published no name."""

    accelerator_name: str | None
    """Accelerator, as its maker names it."""
    accelerator_kind: str | None
    """`nvidia` or `neuron`."""
    accelerator_count: int | None
    """Accelerators of an instance."""
    accelerator_memory_gib: float | None
    """Memory of one accelerator in GiB, where the source counts so."""
    accelerator_memory_gb: int | None
    """Memory of one accelerator in GB (10^9), where the source counts so."""
    vcpus: int | None
    """vCPUs."""
    memory_gib: int | None
    """Main memory in GiB."""
    architecture: str | None
    """`x86_64` or `arm64`."""
    nvme_count: int | None
    """NVMe disks of the instance store."""
    nvme_size_gb: int | None
    """Size of one of them in GB."""
    max_network_interfaces: int | None
    """Interfaces of an instance."""
    max_efa_interfaces: int | None
    """EFA interfaces of an instance, as the API says."""
    documented_efa_interface_counts: tuple[int, ...] | None
    """Numbers of EFA interfaces that the EC2 guide describes, where it doesn't say a maximum."""
    published_efa_layout: bool | None
    """Whether the EC2 guide publishes a layout, or a rule that gives one."""
    efa_bandwidth_gbps: int | None
    """EFA bandwidth of an instance in Gbit/s."""
    ipv4_per_interface: int | None
    """IPv4 addresses of an interface."""
    nvlink_domain_accelerators: int | None
    """Accelerators in one NVLink (or NeuronLink) domain; for P6e-GB200 it depends on the UltraServer."""
    purchase_options: tuple[str, ...] | None
    """Ways to buy it: `on-demand`, `spot`, `capacity-block`."""
    supports_on_demand_capacity_reservation: bool | None
    """Whether AWS documents on-demand capacity reservations for it."""
    placement_group_strategies: tuple[str, ...] | None
    """Placement group strategies that the API allows."""
    zones: tuple[str, ...] | None
    """Zones that documents name. Others may exist."""
    capacity_block_usd_per_hour: float | None
    """Price of an instance on a capacity block, USD an hour."""
    price_date: str | None
    """Month of that price."""

    FACTS: ClassVar[tuple[str, ...]] = tuple(InstanceValues.model_fields)
    """Names of all facts, known or not."""

    _network_cards: tuple[NetworkCard, ...] | None

    @staticmethod
    def of(
        name: str,
        *,
        facts: InstanceTypeFacts | None = None,
        network_cards: Sequence[NetworkCard] | None = None,
        source: str = "caller",
        confidence: Confidence = Confidence.HIGH,
    ) -> InstanceType:
        """The type of that name; with facts, a type of your own.

        Args:
            name: API name, such as `p5.48xlarge`; or the family of a type that has none.
            facts: what you know of a type. Default: the catalog's facts.
            network_cards: its cards, in the order of their indexes. Default: unknown, or the catalog's.
            source: where your facts come from.
            confidence: how well they are known.

        Raises:
            FleetError: the catalog doesn't know the name and no facts were passed, or the indexes of the cards are not
                0, 1, 2 and so on.
        """
        known = _load()
        if facts is None and network_cards is None:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=3, cutoff=0.6) or list(known)
                raise FleetError(
                    f"instance type is {name!r}, expected one that the catalog knows ({', '.join(close)}): "
                    "correct it, or pass InstanceType.of(name, facts=InstanceTypeFacts(...))"
                )
            return known[name]
        base = known.get(name)
        stated = {
            key: Fact(getattr(facts, key), source, confidence) for key in (facts.model_fields_set if facts else ())
        }
        cards = _checked(name, network_cards) if network_cards is not None else (base.network_cards if base else None)
        if base is not None:
            return InstanceType(base.name, base.family, {**base._facts, **stated}, cards)  # noqa: SLF001 - of one class
        return InstanceType(name, name.split(".", maxsplit=1)[0], stated, cards)

    @staticmethod
    def all() -> tuple[InstanceType, ...]:
        """Every type of the catalog."""
        return tuple(_load().values())

    def __init__(
        self, name: str | None, family: str, facts: Mapping[str, Fact], network_cards: tuple[NetworkCard, ...] | None
    ) -> None:
        super().__init__(name, family, facts)
        self.__dict__.update({fact_name: self.fact(fact_name).value for fact_name in self.FACTS})
        self.__dict__["_network_cards"] = network_cards

    @property
    def network_cards(self) -> tuple[NetworkCard, ...] | None:
        """Network cards by index, or None where the table is not known."""
        return self._network_cards

    @property
    def ultraserver_types(self) -> tuple[UltraServerType, ...]:
        """UltraServers that it is a member of."""
        from ultrafleet.catalog.ultraserver_type import UltraServerType  # noqa: PLC0415 - they name each other

        return tuple(found for found in UltraServerType.all() if found.instance_type == self)

    @property
    def is_ultraserver_member(self) -> bool:
        """Whether it comes in whole UltraServers.

        P6e-GB300 in its second spelling is taken to, like the first, and so is Trn3, whose members have no name yet.
        """
        return bool(self.ultraserver_types) or self.name is None or self.family == "p6e-gb300r"


@cache
def _load() -> Mapping[str, InstanceType]:
    data = catalog_data()
    return {str(found): found for entry in data.instance_types for found in [_from_entry(entry, data.sources)]}


def _from_entry(entry: InstanceEntry, sources: Mapping[str, str]) -> InstanceType:
    cards = None
    table = entry.network_cards
    if table is not None:
        cards = tuple(
            NetworkCard(
                index=index,
                **run.model_dump(exclude={"indexes"}),
                source=sources[table.source],
                confidence=table.confidence,
                note=table.note,
                additional_ena_source=sources[table.additional_ena_source] if table.additional_ena_source else None,
                additional_ena_confidence=table.additional_ena_confidence,
            )
            for run in table.cards
            for index in run.range
        )
    return InstanceType(entry.name, entry.family, entry_facts(entry, sources), cards)


def _checked(name: str, cards: Sequence[NetworkCard]) -> tuple[NetworkCard, ...]:
    indexes = [card.index for card in cards]
    if indexes != list(range(len(indexes))):
        raise FleetError(
            f"network_cards of {name} have the indexes {indexes}, expected {list(range(len(indexes)))}: pass every "
            "card, in the order of the indexes"
        )
    return tuple(cards)


for _entry in _load().values():
    _attribute = (
        "TRN3_GEN" + _entry.family[8] if _entry.name is None else str(_entry).replace(".", "_").replace("-", "_")
    )
    setattr(InstanceType, _attribute.upper(), _entry)
