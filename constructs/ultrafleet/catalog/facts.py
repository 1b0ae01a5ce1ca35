"""Every fact of types, cards and prices, one by one, for lists of all facts."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from ultrafleet.catalog.instance_type import InstanceType, other_type_names
from ultrafleet.catalog.network_card import NetworkCard
from ultrafleet.catalog.prices import price_facts
from ultrafleet.catalog.source import Fact
from ultrafleet.catalog.ultraserver_type import UltraServerType

_NOT_VALUES = frozenset({"index", "source", "other_sources", "as_of", "note"})


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Ids and facts, such as `instance-type/p5.48xlarge/vcpus`, in the order of the data files.

    Cards have the ids `instance-type/NAME/network-cards/INDEX/VALUE`, prices those of
    `price_facts`.
    Facts that are unknown on purpose are there, with the value None and a note that says why.
    """
    for instance_type in InstanceType.all():
        yield from _facts(f"instance-type/{instance_type}", instance_type)
        for card in instance_type.network_cards or ():
            yield from _card_facts(f"instance-type/{instance_type}/network-cards/{card.index}", card)
    for name, fact in other_type_names().items():
        yield f"instance-type/{name}/name", fact
    for ultraserver_type in UltraServerType.all():
        yield from _facts(f"ultraserver-type/{ultraserver_type}", ultraserver_type)
        if ultraserver_type.instance_type is not None:
            size = ultraserver_type.fact("instance_count")
            members = Fact(str(ultraserver_type.instance_type), size.source, size.as_of, size.note)
            yield f"ultraserver-type/{ultraserver_type}/instance_type", members
    yield from price_facts()


def _facts(prefix: str, entry: InstanceType | UltraServerType) -> Iterator[tuple[str, Fact[Any]]]:
    for name in entry.FACTS:
        fact = entry.fact(name)
        if fact.value is not None or fact.note is not None:
            yield f"{prefix}/{name}", fact


def _card_facts(prefix: str, card: NetworkCard) -> Iterator[tuple[str, Fact[Any]]]:
    for item in dataclasses.fields(card):
        value = getattr(card, item.name)
        if item.name not in _NOT_VALUES and value is not None:
            yield f"{prefix}/{item.name}", Fact(value, card.source_of(item.name), card.as_of, card.note)
