"""Reading `data/catalog.json`: its shape, checked with pydantic, and each value with its source."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ultrafleet.errors import FleetError


class Confidence(StrEnum):
    """How well a fact is known."""

    HIGH = "high"
    """A primary source, or reproduced."""
    MEDIUM = "medium"
    """One secondary source, or an inference."""
    LOW = "low"
    """Weak."""


@dataclass(frozen=True)
class Fact:
    """A value and where it comes from; `value` is None where no source states it.

    Attributes:
        value: the value.
        source: text of the source.
        confidence: how well it is known.
        note: what a reader should know of it.
    """

    value: Any
    source: str | None = None
    confidence: Confidence | None = None
    note: str | None = None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InstanceValues(_Strict):
    """Facts of an instance type; None is unknown. Units stand in the names."""

    accelerator_name: str | None = None
    accelerator_kind: Literal["nvidia", "neuron"] | None = None
    accelerator_count: int | None = None
    accelerator_memory_gib: float | None = None
    accelerator_memory_gb: int | None = None
    vcpus: int | None = None
    physical_cores: int | None = None
    memory_gib: int | None = None
    architecture: Literal["x86_64", "arm64"] | None = None
    cpu_vendor: str | None = None
    nvme_count: int | None = None
    nvme_size_gb: int | None = None
    ebs_baseline_mbps: int | None = None
    ebs_max_attachments: int | None = None
    network_card_count: int | None = None
    max_network_interfaces: int | None = None
    max_efa_interfaces: int | None = None
    documented_efa_interface_counts: tuple[int, ...] | None = None
    published_efa_layout: bool | None = None
    efa_bandwidth_gbps: int | None = None
    efa_generation: str | None = None
    ena_bandwidth_gbps: int | None = None
    ena_express: bool | None = None
    ipv4_per_interface: int | None = None
    ipv6_per_interface: int | None = None
    network_performance: str | None = None
    nitro_generation: str | None = None
    nitro_tpm: str | None = None
    boot_modes: tuple[str, ...] | None = None
    tcp_established_timeout_s: int | None = None
    secondary_network_supported: bool | None = None
    roce_device_count: int | None = None
    nvlink_domain_accelerators: int | None = None
    purchase_options: tuple[str, ...] | None = None
    supports_on_demand_capacity_reservation: bool | None = None
    placement_group_strategies: tuple[str, ...] | None = None
    zones: tuple[str, ...] | None = None
    capacity_block_usd_per_hour: float | None = None
    price_date: str | None = None


class UltraServerValues(_Strict):
    """Facts of an UltraServer type; None is unknown."""

    instance_count: int | None = None
    accelerator_count: int | None = None
    efa_bandwidth_gbps: int | None = None
    zones: tuple[str, ...] | None = None
    region: str | None = None
    capacity_block_usd_per_hour: float | None = None
    price_date: str | None = None


Values = TypeVar("Values", bound=BaseModel)


class _Group(_Strict, Generic[Values]):
    source: str
    confidence: Confidence
    note: str | None = None
    values: Values


class CardRun(_Strict):
    """Network cards with consecutive indexes that are alike."""

    indexes: str = Field(pattern=r"^\d+(-\d+)?$")
    interface_types: tuple[Literal["interface", "efa", "efa-only"], ...] | None = None
    max_interfaces: int | None = None
    baseline_gbps: float | None = None
    ena_bandwidth_gbps: int | None = None
    efa_bandwidth_gbps: int | None = None
    physical_nic_group: str | None = None
    accelerators: tuple[int, ...] | None = None
    additional_ena_interface: bool | None = None

    @property
    def range(self) -> range:
        """The indexes."""
        first, _, last = self.indexes.partition("-")
        return range(int(first), int(last or first) + 1)


class CardTable(_Strict):
    """All network cards of a type; where additional ENA interfaces are documented, that has its own source."""

    source: str
    confidence: Confidence
    note: str | None = None
    additional_ena_source: str | None = None
    additional_ena_confidence: Confidence | None = None
    cards: tuple[CardRun, ...]

    @model_validator(mode="after")
    def _additional_ena_has_a_source(self) -> Self:
        stated = any(run.additional_ena_interface is not None for run in self.cards)
        if stated != (self.additional_ena_source is not None and self.additional_ena_confidence is not None):
            raise FleetError(
                "got only some of additional_ena_interface, additional_ena_source and additional_ena_confidence, "
                "expected all or none: mend the card table"
            )
        return self


class InstanceEntry(_Strict):
    """An instance type in the data file; `unknown` says of a fact why no value is given."""

    name: str | None
    family: str
    facts: tuple[_Group[InstanceValues], ...]
    unknown: Mapping[str, str] = Field(default_factory=dict)
    network_cards: CardTable | None

    @model_validator(mode="after")
    def _cards_are_contiguous(self) -> Self:
        if self.network_cards is None:
            return self
        indexes = [index for run in self.network_cards.cards for index in run.range]
        count = merged(self.facts).get("network_card_count", Fact(len(indexes))).value
        if indexes != list(range(count)):
            raise FleetError(f"{self.name} has cards {indexes}, expected 0 to {count - 1}: mend its network_cards")
        return self


class UltraServerEntry(_Strict):
    """An UltraServer type in the data file; `unknown` says of a fact why no value is given."""

    name: str | None
    family: str
    instance_type: str | None
    facts: tuple[_Group[UltraServerValues], ...]
    unknown: Mapping[str, str] = Field(default_factory=dict)


class CatalogData(_Strict):
    """The data file."""

    sources: Mapping[str, str]
    instance_types: tuple[InstanceEntry, ...]
    ultraserver_types: tuple[UltraServerEntry, ...]

    @model_validator(mode="after")
    def _sources_are_known(self) -> Self:
        named = {group.source for entry in self.instance_types for group in entry.facts}
        named |= {group.source for entry in self.ultraserver_types for group in entry.facts}
        for instance in self.instance_types:
            if instance.network_cards is not None:
                named.add(instance.network_cards.source)
                named.add(instance.network_cards.additional_ena_source or instance.network_cards.source)
        unknown = sorted(named - set(self.sources))
        if unknown:
            raise FleetError(f"the catalog names source {unknown[0]!r}, expected one of {', '.join(self.sources)}")
        return self

    @model_validator(mode="after")
    def _entries_are_sound(self) -> Self:
        for entries, values in (
            (self.instance_types, InstanceValues),
            (self.ultraserver_types, UltraServerValues),
        ):
            labels = Counter(entry.name or entry.family for entry in entries)
            twice = [label for label, count in labels.items() if count > 1]
            if twice:
                raise FleetError(f"the catalog has {twice[0]} twice, expected once: merge the entries")
            for entry in entries:
                stated = set(merged(entry.facts))
                for name in entry.unknown:
                    if name in stated or name not in values.model_fields:
                        raise FleetError(
                            f"{entry.name or entry.family} calls {name!r} unknown, expected a fact without a value: "
                            "correct its name, or remove it there or in facts"
                        )
        return self


def merged(groups: tuple[_Group[Any], ...], sources: Mapping[str, str] | None = None) -> dict[str, Fact]:
    """The facts of an entry by name.

    Raises:
        FleetError: two groups state one fact.
    """
    found: dict[str, Fact] = {}
    for group in groups:
        for name in group.values.model_fields_set:
            if name in found:
                raise FleetError(f"{name} is stated twice, by {found[name].source} and {group.source}, expected once")
            source = (sources or {}).get(group.source, group.source)
            found[name] = Fact(getattr(group.values, name), source, group.confidence, group.note)
    return found


def entry_facts(entry: InstanceEntry | UltraServerEntry, sources: Mapping[str, str]) -> dict[str, Fact]:
    """The facts of an entry by name, and for what is unknown on purpose the note that says why."""
    return {**merged(entry.facts, sources), **{name: Fact(None, note=note) for name, note in entry.unknown.items()}}


@cache
def catalog_data() -> CatalogData:
    """The data file, validated."""
    text = (files("ultrafleet.catalog") / "data" / "catalog.json").read_text(encoding="utf-8")
    return CatalogData.model_validate(json.loads(text))
