"""Statements about AWS that a deployment of an environment rested on and that are not verified.

From the environment file alone, so that they can be listed without the rehearsal's extra.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.doctor import Answers
from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.rehearsal import assumptions
from ultrafleet.rehearsal.assumptions import Assumption
from ultrafleet.rules.zones import is_local_zone

_LAYOUT_FACTS: Final = (
    "max_network_interfaces",
    "max_efa_interfaces",
    "published_efa_layout",
    "published_roce_layout",
    "ipv4_per_interface",
)
"""Facts of a type that say whether EC2 takes the interfaces of a node."""
_CARD_FACTS: Final = ("interface_types", "max_interfaces")
"""The same, of a network card."""

Pool = UltraServerPoolSettings | AcceleratorPoolSettings


@dataclass(frozen=True, kw_only=True)
class RestedOn:
    """Statement of less than high confidence.

    Attributes:
        states: what was taken for true.
        source: where it comes from, and how well it is known.
        fault: fault that rehearses another reading; "" where none does.
    """

    states: str
    source: Source
    fault: str = ""

    @property
    def keys(self) -> dict[str, Any]:
        """Keys of JSON output."""
        return {"states": self.states, **self.source.keys, "fault": self.fault or None}

    def __str__(self) -> str:
        other = f"; `--fault {self.fault}` rehearses another reading" if self.fault else ""
        return f"{self.states} ({self.source}{other})"


def rested_on(environment: Environment, answers: Answers | None = None) -> list[RestedOn]:
    """Statements that a deployment rested on and that the account hasn't verified, those that matter most first.

    Args:
        environment: the environment that was deployed.
        answers: of its account. Default: none.
    """
    told = answers or Answers()
    found = [
        RestedOn(states=one.states, source=one.source, fault=one.fault)
        for one in _assumptions(environment)
        if not told.verifying(f"assumption/{one.id}")
    ]
    types: set[str] = set()
    for pool in environment.pools:
        name = str(pool.instance)
        if name not in types and pool.node.interfaces is None:
            types.add(name)
            found += _layout(pool, told)
    return found


def _assumptions(environment: Environment) -> Iterator[Assumption]:
    blocks = [block for pool in environment.pools for block in pool.capacity_blocks]
    made_here = [block for block in blocks if block.existing_node_group is None]
    applies = {
        assumptions.SIZES_MAY_BE_PARTIAL: any(block.initial_desired_size is None for block in made_here),
        assumptions.STARTS_AT_MIN_SIZE: any(block.initial_desired_size is None for block in made_here),
        assumptions.ROLL_OF_RUNNING_NODES: any(block.launch_template_version > 1 for block in made_here),
        assumptions.ZONE_OPTED_IN: any(is_local_zone(item.availability_zone) for item in environment.network.subnets),
    }
    for assumption in assumptions.ASSUMPTIONS:
        if applies.get(assumption, bool(blocks)):
            yield assumption


def _layout(pool: Pool, answers: Answers) -> Iterator[RestedOn]:
    """Facts of less than high confidence by which the interfaces of a pool's nodes were laid out."""
    instance_type = pool.instance
    room = f"instance-type/{instance_type}"
    for name in _LAYOUT_FACTS:
        fact = instance_type.fact(name)
        is_weak = fact.value is not None and fact.confidence is not Confidence.HIGH
        if is_weak and fact.source is not None and not answers.verifying(f"{room}/{name}"):
            yield RestedOn(states=f"{name} of {instance_type} is {fact.value}", source=fact.source)
    used = {interface.card for interface in pool.layout(instance_type)}
    cards = [card for card in instance_type.network_cards or () if card.index in used]
    for name in _CARD_FACTS:
        values = [(getattr(card, name), card.source_of(name), card.index) for card in cards]
        weak = [
            item
            for item in values
            if item[0] is not None
            and item[1].weakest is not Confidence.HIGH
            and not answers.verifying(f"{room}/network-cards/{item[2]}/{name}")
        ]
        weak.sort(key=lambda item: (str(item[1]), str(item[0]), item[2]))
        for (value, source), items in groupby(weak, key=lambda item: (item[0], item[1])):
            numbers = _spans([index for _, _, index in items])
            yield RestedOn(states=f"{name} of {instance_type}, {numbers}, is {value}", source=source)


def _spans(numbers: Sequence[int]) -> str:
    """Network cards in words, runs of three and more as a span: `network cards 1, 3-5`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    words = ", ".join(
        f"{span[0]}-{span[-1]}" if len(span) > 2 else ", ".join(map(str, span))  # noqa: PLR2004  # three make a span
        for span in spans
    )
    return f"network card{'s' if len(numbers) > 1 else ''} {words}"
