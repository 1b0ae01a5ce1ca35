"""Reading the data files of types: their shape, checked with pydantic, and each value with its source."""

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from ultrafleet.catalog.fact_file import SourceText
from ultrafleet.catalog.network_card import NetworkCard
from ultrafleet.catalog.source import Confidence, Fact, Source
from ultrafleet.catalog.type_facts import InstanceTypeFacts, UltraServerTypeFacts
from ultrafleet.errors import FleetError


class Strict(BaseModel):
    """Unknown keys are errors, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_data(name: str) -> Any:  # noqa: ANN401 - JSON
    """The content of one data file, by its name without the ending."""
    return json.loads((files("ultrafleet.catalog") / "data" / f"{name}.json").read_text(encoding="utf-8"))


class DatedSource(SourceText):
    """Document that facts come from, and the day at which it was read or was of; prices have days of their own."""

    as_of: str | None = None


@cache
def sources() -> Mapping[str, DatedSource]:
    """All sources of the data files, by the key that they use; confidences are stated where they are used."""
    return {key: DatedSource.model_validate(value) for key, value in read_data("sources").items()}


class SourceReference(Strict):
    """A source by its key, and how well it states what it is named for.

    Raises:
        FleetError: no source has that key.
    """

    source: str
    confidence: Confidence

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.source not in sources():
            raise FleetError(
                path="the catalog",
                verb="names",
                got=f"source {self.source!r}",
                expected=f"one of {', '.join(sources())}",
            )
        return self

    def resolve(self) -> Source:
        """Text, confidence and address."""
        return _source(self.source, self.confidence)

    @property
    def day(self) -> str | None:
        """Day of the source."""
        return sources()[self.source].as_of


@cache
def _source(key: str, confidence: Confidence) -> Source:
    described = sources()[key]
    return Source(described.text, confidence, described.address)


_CARD = TypeAdapter(NetworkCard)
Values = TypeVar("Values", InstanceTypeFacts, UltraServerTypeFacts)


class FactGroup(SourceReference, Generic[Values]):
    """Facts that one source states."""

    as_of: str | None = None
    note: str | None = None
    values: Values

    def stated(self) -> dict[str, object]:
        """Values that are there, by name."""
        return _stated(self.values)


class CardRun(Strict):
    """Network cards with consecutive indexes that are alike: what `NetworkCard` has, and `indexes` for its `index`."""

    model_config = ConfigDict(extra="allow")

    indexes: str = Field(pattern=r"^\d+(-\d+)?$")
    other_sources: Mapping[str, SourceReference] = Field(default_factory=dict)

    @property
    def range(self) -> range:
        """The indexes."""
        first, _, last = self.indexes.partition("-")
        return range(int(first), int(last or first) + 1)


class CardTable(SourceReference):
    """All network cards of a type; `other_sources` has those of single values, by their names."""

    other_sources: Mapping[str, SourceReference] = Field(default_factory=dict)
    cards: tuple[CardRun, ...]

    def network_cards(self) -> tuple[NetworkCard, ...]:
        """The cards, one by one."""
        return tuple(
            _CARD.validate_python(
                {
                    **(run.model_extra or {}),
                    "index": index,
                    "source": self.resolve(),
                    "as_of": self.day,
                    "other_sources": {
                        name: reference.resolve()
                        for name, reference in {**self.other_sources, **run.other_sources}.items()
                        if name in (run.model_extra or {})
                    },
                }
            )
            for run in self.cards
            for index in run.range
        )


class InstanceEntry(Strict):
    """An instance type in the data file; `unknown` says of a fact why no value is given."""

    name: str | None
    family: str
    facts: tuple[FactGroup[InstanceTypeFacts], ...]
    unknown: Mapping[str, str] = Field(default_factory=dict)
    network_cards: CardTable | None

    @model_validator(mode="after")
    def _cards_are_contiguous(self) -> Self:
        if self.network_cards is None:
            return self
        indexes = [card.index for card in self.network_cards.network_cards()]
        count = merged(self.facts).get("network_card_count", Fact(len(indexes))).value
        if indexes != list(range(count)):
            raise FleetError(
                path=self.name,
                verb="has",
                got=f"cards {indexes}",
                expected=f"0 to {count - 1}",
                remedy="correct its network_cards",
            )
        return self


class UltraServerEntry(Strict):
    """An UltraServer type in the data file; `unknown` says of a fact why no value is given."""

    name: str | None
    family: str
    instance_type: str | None
    facts: tuple[FactGroup[UltraServerTypeFacts], ...]
    unknown: Mapping[str, str] = Field(default_factory=dict)


class OtherNames(SourceReference):
    """Names of types of which the catalog has no facts."""

    note: str
    names: tuple[str, ...]


class CatalogData(Strict):
    """Instance types, UltraServer types and other names."""

    instance_types: tuple[InstanceEntry, ...]
    other_names: tuple[OtherNames, ...]
    ultraserver_types: tuple[UltraServerEntry, ...]

    @model_validator(mode="after")
    def _entries_are_sound(self) -> Self:
        for entries, names in (
            (self.instance_types, fact_names(InstanceTypeFacts)),
            (self.ultraserver_types, fact_names(UltraServerTypeFacts)),
        ):
            labels = Counter(entry.name or entry.family for entry in entries)
            twice = [label for label, count in labels.items() if count > 1]
            if twice:
                raise FleetError(
                    path="the catalog",
                    verb="has",
                    got=f"{twice[0]} twice",
                    expected="once",
                    remedy="merge the entries",
                )
            for entry in entries:
                stated = set(merged(entry.facts))
                for name in entry.unknown:
                    if name in stated or name not in names:
                        raise FleetError(
                            path=entry.name or entry.family,
                            verb="calls",
                            got=f"{name!r} unknown",
                            expected="a fact without a value",
                            remedy="correct its name, or remove it there or in facts",
                        )
        return self


def fact_names(facts: type[InstanceTypeFacts] | type[UltraServerTypeFacts]) -> tuple[str, ...]:
    """Names of the facts of a kind of type."""
    return tuple(facts.__dataclass_fields__)


def _stated(facts: InstanceTypeFacts | UltraServerTypeFacts) -> dict[str, object]:
    values = ((name, getattr(facts, name)) for name in fact_names(type(facts)))
    return {name: value for name, value in values if value is not None}


def stated_facts(facts: InstanceTypeFacts | UltraServerTypeFacts | None, source: Source) -> dict[str, Fact[Any]]:
    """Facts that a caller states, by name."""
    return {name: Fact(value, source) for name, value in (_stated(facts) if facts else {}).items()}


def merged(groups: tuple[FactGroup[Any], ...]) -> dict[str, Fact[Any]]:
    """The facts of an entry by name.

    Raises:
        FleetError: two groups state one fact.
    """
    found: dict[str, Fact[Any]] = {}
    for group in groups:
        for name, value in group.stated().items():
            if name in found:
                raise FleetError(
                    path=name,
                    got=f"stated twice, by {found[name].source} and {group.source}",
                    expected="once",
                )
            found[name] = Fact(value, group.resolve(), group.as_of or group.day, group.note)
    return found


def entry_facts(entry: InstanceEntry | UltraServerEntry) -> dict[str, Fact[Any]]:
    """The facts of an entry by name, and for what is unknown on purpose the note that says why."""
    return {**merged(entry.facts), **{name: Fact(None, note=note) for name, note in entry.unknown.items()}}


@cache
def catalog_data() -> CatalogData:
    """The data files, validated."""
    return CatalogData.model_validate(read_data("instance_types") | read_data("ultraserver_types"))
