"""Instance types with accelerators, as an enum-like class."""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeAlias

from ultrafleet.catalog._data import catalog_data, entry_facts, fact_names, stated_facts
from ultrafleet.catalog._entry import CatalogEntry
from ultrafleet.catalog.network_card import Fabric, NetworkCard
from ultrafleet.catalog.source import CALLER, Fact, Source
from ultrafleet.catalog.type_facts import InstanceTypeFacts
from ultrafleet.errors import FleetError, UnknownFactError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_GRACE: Final = "NVIDIA Grace"


class SpelledInstanceType(Protocol):
    """An `ec2.InstanceType` of CDK, without importing it."""

    def to_string(self) -> str:
        """Name of the type."""


class InstanceType(CatalogEntry, InstanceTypeFacts):
    """An EC2 instance type with accelerators.

    Facts are attributes (`InstanceType.P5_48XLARGE.vcpus`; their names are those of `InstanceTypeFacts`), None where no
    source states them; `fact(name)` gives the source and the confidence, `require(name, instead=...)` refuses where it
    is unknown.
    """

    P4D_24XLARGE: ClassVar[InstanceType]
    P4DE_24XLARGE: ClassVar[InstanceType]
    P5_4XLARGE: ClassVar[InstanceType]
    P5_48XLARGE: ClassVar[InstanceType]
    P5E_48XLARGE: ClassVar[InstanceType]
    P5EN_48XLARGE: ClassVar[InstanceType]
    P6_B200_48XLARGE: ClassVar[InstanceType]
    P6_B300_48XLARGE: ClassVar[InstanceType]
    TRN1_32XLARGE: ClassVar[InstanceType]
    TRN1N_32XLARGE: ClassVar[InstanceType]
    TRN2_3XLARGE: ClassVar[InstanceType]
    TRN2_48XLARGE: ClassVar[InstanceType]
    TRN2U_48XLARGE: ClassVar[InstanceType]
    P6E_GB200_36XLARGE: ClassVar[InstanceType]
    P6E_GB300_36XLARGE: ClassVar[InstanceType]
    P6E_GB300R_36XLARGE: ClassVar[InstanceType]
    DL2Q_24XLARGE: ClassVar[InstanceType]
    G4DN_12XLARGE: ClassVar[InstanceType]
    G4DN_16XLARGE: ClassVar[InstanceType]
    G4DN_8XLARGE: ClassVar[InstanceType]
    G4DN_METAL: ClassVar[InstanceType]
    G5_12XLARGE: ClassVar[InstanceType]
    G5_16XLARGE: ClassVar[InstanceType]
    G5_24XLARGE: ClassVar[InstanceType]
    G5_48XLARGE: ClassVar[InstanceType]
    G5_8XLARGE: ClassVar[InstanceType]
    G6_12XLARGE: ClassVar[InstanceType]
    G6_16XLARGE: ClassVar[InstanceType]
    G6_24XLARGE: ClassVar[InstanceType]
    G6_48XLARGE: ClassVar[InstanceType]
    G6_8XLARGE: ClassVar[InstanceType]
    G6E_12XLARGE: ClassVar[InstanceType]
    G6E_16XLARGE: ClassVar[InstanceType]
    G6E_24XLARGE: ClassVar[InstanceType]
    G6E_48XLARGE: ClassVar[InstanceType]
    G6E_8XLARGE: ClassVar[InstanceType]
    G7_12XLARGE: ClassVar[InstanceType]
    G7_24XLARGE: ClassVar[InstanceType]
    G7_48XLARGE: ClassVar[InstanceType]
    G7_8XLARGE: ClassVar[InstanceType]
    G7E_12XLARGE: ClassVar[InstanceType]
    G7E_24XLARGE: ClassVar[InstanceType]
    G7E_48XLARGE: ClassVar[InstanceType]
    G7E_8XLARGE: ClassVar[InstanceType]
    GR6_8XLARGE: ClassVar[InstanceType]
    INF1_24XLARGE: ClassVar[InstanceType]
    P3DN_24XLARGE: ClassVar[InstanceType]
    G4DN_2XLARGE: ClassVar[InstanceType]
    G4DN_4XLARGE: ClassVar[InstanceType]
    G4DN_XLARGE: ClassVar[InstanceType]
    G5_2XLARGE: ClassVar[InstanceType]
    G5_4XLARGE: ClassVar[InstanceType]
    G5_XLARGE: ClassVar[InstanceType]
    G5G_16XLARGE: ClassVar[InstanceType]
    G5G_2XLARGE: ClassVar[InstanceType]
    G5G_4XLARGE: ClassVar[InstanceType]
    G5G_8XLARGE: ClassVar[InstanceType]
    G5G_METAL: ClassVar[InstanceType]
    G5G_XLARGE: ClassVar[InstanceType]
    G6_2XLARGE: ClassVar[InstanceType]
    G6_4XLARGE: ClassVar[InstanceType]
    G6_XLARGE: ClassVar[InstanceType]
    G6E_2XLARGE: ClassVar[InstanceType]
    G6E_4XLARGE: ClassVar[InstanceType]
    G6E_XLARGE: ClassVar[InstanceType]
    G7_2XLARGE: ClassVar[InstanceType]
    G7_4XLARGE: ClassVar[InstanceType]
    G7E_2XLARGE: ClassVar[InstanceType]
    G7E_4XLARGE: ClassVar[InstanceType]
    GR6_4XLARGE: ClassVar[InstanceType]
    INF1_2XLARGE: ClassVar[InstanceType]
    INF1_6XLARGE: ClassVar[InstanceType]
    INF1_XLARGE: ClassVar[InstanceType]
    INF2_24XLARGE: ClassVar[InstanceType]
    INF2_48XLARGE: ClassVar[InstanceType]
    INF2_8XLARGE: ClassVar[InstanceType]
    INF2_XLARGE: ClassVar[InstanceType]
    TRN1_2XLARGE: ClassVar[InstanceType]
    TRN3_GEN1: ClassVar[InstanceType]
    """Trn3 Gen1 UltraServer member; AWS has published no name."""
    TRN3_GEN2: ClassVar[InstanceType]
    """Trn3 Gen2 UltraServer member; AWS has published no name."""

    FACTS: ClassVar[tuple[str, ...]] = fact_names(InstanceTypeFacts)
    """Names of all facts, known or not."""

    _network_cards: tuple[NetworkCard, ...] | None

    @staticmethod
    def of(
        name: str,
        *,
        facts: InstanceTypeFacts | None = None,
        network_cards: Sequence[NetworkCard] | None = None,
        source: Source = CALLER,
    ) -> InstanceType:
        """The type of that name; with facts, a type of your own.

        Args:
            name: API name, such as `p5.48xlarge`; or the family of a type that has none.
            facts: what you know of a type. Default: the catalog's facts.
            network_cards: its cards, in the order of their indexes. Default: unknown, or the catalog's.
            source: where your facts come from, and how well they are known. Default: the caller, high.

        Raises:
            FleetError: the catalog doesn't know the name and no facts were passed, or the indexes of the cards are not
                0, 1, 2 and so on.
            UnknownFactError: the catalog knows the name alone, and no facts were passed.
        """
        known = _load()
        if facts is None and network_cards is None:
            if name in other_type_names():
                raise UnknownFactError(
                    path=f"no facts of {name}",
                    verb="are",
                    got=f"in the catalog ({other_type_names()[name].note})",
                    expected="a type with facts",
                    remedy=f"pass InstanceType.of({name!r}, facts=InstanceTypeFacts(...))",
                )
            if name not in known:
                close = difflib.get_close_matches(name, known, n=3, cutoff=0.6) or list(known)
                raise FleetError(
                    path="instance type",
                    got=repr(name),
                    expected=f"one that the catalog knows ({', '.join(close)})",
                    remedy="correct it, or pass InstanceType.of(name, facts=InstanceTypeFacts(...))",
                )
            return known[name]
        base = known.get(name)
        stated = stated_facts(facts, source)
        cards = _checked(name, network_cards) if network_cards is not None else (base.network_cards if base else None)
        if base is not None:
            return InstanceType(base.name, base.family, {**base._facts, **stated}, cards)  # noqa: SLF001 - of one class
        return InstanceType(name, name.split(".", maxsplit=1)[0], stated, cards)

    @staticmethod
    def from_name(named: AnyInstanceType) -> InstanceType:
        """The type that a caller names, in any of the ways that CDK's own constructs take.

        Args:
            named: a type of the catalog, a name such as `"p5.48xlarge"`, or an `ec2.InstanceType`.

        Raises:
            FleetError: it is none of them, or the catalog doesn't know the name.
            UnknownFactError: the catalog knows the name alone.
        """
        if isinstance(named, InstanceType):
            return named
        if isinstance(named, str):
            return InstanceType.of(named)
        if not hasattr(named, "to_string"):
            raise FleetError(
                path="instance type",
                got=f"{named!r} ({type(named).__name__})",
                expected="an InstanceType of ultrafleet.catalog, its name, or an ec2.InstanceType",
                remedy="pass a name such as 'p5.48xlarge'",
            )
        return InstanceType.of(named.to_string())

    @staticmethod
    def all() -> tuple[InstanceType, ...]:
        """Every type of the catalog."""
        return tuple(_load().values())

    def __init__(
        self,
        name: str | None,
        family: str,
        facts: Mapping[str, Fact[Any]],
        network_cards: tuple[NetworkCard, ...] | None,
    ) -> None:
        super().__init__(name, family, facts)
        self.__dict__.update({fact_name: self.fact(fact_name).value for fact_name in self.FACTS})
        self.__dict__["_network_cards"] = network_cards

    @property
    def network_cards(self) -> tuple[NetworkCard, ...] | None:
        """Network cards by index, or None where the table is not known."""
        return self._network_cards

    @property
    def fabrics(self) -> tuple[Fabric, ...]:
        """Fabrics that its cards can join: EFA before RoCE; none where the cards are not known."""
        cards = self._network_cards or ()
        known = {
            Fabric.EFA: any(card.takes_efa_only for card in cards),
            Fabric.ROCE: any(card.takes_secondary for card in cards),
        }
        return tuple(fabric for fabric, has in known.items() if has)

    @property
    def is_grace(self) -> bool:
        """True for a GB200 or GB300 node: NVIDIA GPUs beside Arm CPUs, NVLink across the nodes of an UltraServer."""
        return self.cpu_vendor == _GRACE

    @property
    def is_ultraserver_member(self) -> bool:
        """True if it comes in whole UltraServers only, as far as a source states it."""
        return bool(self.sold_in_ultraservers)


AnyInstanceType: TypeAlias = InstanceType | str | SpelledInstanceType
"""Instance type as callers pass it: of the catalog, by its name, or as CDK's `ec2.InstanceType`."""


@cache
def _load() -> Mapping[str, InstanceType]:
    entries = [
        InstanceType(
            entry.name,
            entry.family,
            entry_facts(entry),
            entry.network_cards.network_cards() if entry.network_cards is not None else None,
        )
        for entry in catalog_data().instance_types
    ]
    return {str(entry): entry for entry in entries}


@cache
def other_type_names() -> Mapping[str, Fact[str]]:
    """Real accelerated instance types of which the catalog has no facts, by name; the note says why."""
    return {
        name: Fact(name, names.resolve(), names.day, names.note)
        for names in catalog_data().other_names
        for name in names.names
    }


def _checked(name: str, cards: Sequence[NetworkCard]) -> tuple[NetworkCard, ...]:
    indexes = [card.index for card in cards]
    if indexes != list(range(len(indexes))):
        raise FleetError(
            path=f"network_cards of {name}",
            verb="have",
            got=f"the indexes {indexes}",
            expected=list(range(len(indexes))),
            remedy="pass every card, in the order of the indexes",
        )
    return tuple(cards)


for _entry in _load().values():
    _attribute = (
        "TRN3_GEN" + _entry.family[8] if _entry.name is None else str(_entry).replace(".", "_").replace("-", "_")
    )
    setattr(InstanceType, _attribute.upper(), _entry)
