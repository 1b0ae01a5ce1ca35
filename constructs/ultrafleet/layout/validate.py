"""Violations of a layout's rules. The rules and their sources: `layout/rules.py`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ultrafleet.catalog import InstanceType, NetworkCard
from ultrafleet.catalog.network_card import INTERFACE_TYPES
from ultrafleet.layout.interface import Interface

_DOCUMENTED_DEVICES = 2
"""AWS documents device indexes 0 and 1; the number of interfaces of a card decides where it is known."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A broken rule.

    Attributes:
        rule: id of the rule in `LAYOUT_RULES`.
        card: network card index, or None where the rule is about the whole layout.
        device: device index, or None.
        message: what is wrong, what is expected and what to change.
    """

    rule: str
    card: int | None
    device: int | None
    message: str


def layout_violations(
    instance_type: InstanceType, interfaces: Sequence[Interface], *, allowed: Sequence[str] = INTERFACE_TYPES
) -> list[Violation]:
    """Every rule that a layout breaks, as far as the facts of the type are known.

    Args:
        instance_type: the type; rules whose facts are unknown for it are not applied.
        interfaces: the layout, in any order.
        allowed: interface types that may be stated where the layout is from. Default: all; `NetworkInterfaces` of
            launch templates take `NETWORK_INTERFACE_TYPES`.
    """
    layout = sorted(Interface(*interface) for interface in interfaces)
    cards = {card.index: card for card in instance_type.network_cards or ()}
    found = [
        *_primary(layout),
        *_duplicates(layout),
        *_one_efa_a_card(layout),
        *_maxima(instance_type, layout),
        *_interfaces_a_card(cards, layout),
    ]
    for interface in layout:
        found += _of_interface(instance_type, cards, interface, allowed)
    return sorted(
        found,
        key=lambda item: (
            -1 if item.card is None else item.card,
            -1 if item.device is None else item.device,
            item.rule,
        ),
    )


def _primary(layout: Sequence[Interface]) -> Iterator[Violation]:
    at_primary = [interface for interface in layout if interface[:2] == (0, 0)]
    if not at_primary:
        yield Violation(
            rule="primary-missing",
            card=0,
            device=0,
            message="there is no interface at card 0 device 0, expected the primary one: add an `interface` there",
        )
    for interface in at_primary:
        if interface.interface_type == "efa-only":
            yield Violation(
                rule="primary-efa-only",
                card=0,
                device=0,
                message="the primary interface, card 0 device 0, is efa-only, expected interface: it needs an IP "
                "address, change its type",
            )


def _duplicates(layout: Sequence[Interface]) -> Iterator[Violation]:
    for (card, device), count in sorted(Counter(interface[:2] for interface in layout).items()):
        if count > 1:
            yield Violation(
                rule="duplicate",
                card=card,
                device=device,
                message=f"card {card} device {device} is used by {count} interfaces, expected one: remove the others",
            )


def _one_efa_a_card(layout: Sequence[Interface]) -> Iterator[Violation]:
    for card, count in sorted(Counter(interface.card for interface in layout if interface.is_efa).items()):
        if count > 1:
            yield Violation(
                rule="one-efa-per-card",
                card=card,
                device=None,
                message=f"card {card} has {count} EFA interfaces, expected at most one: make the others `interface`, "
                "or remove them",
            )


def _maxima(instance_type: InstanceType, layout: Sequence[Interface]) -> Iterator[Violation]:
    efa = sum(interface.is_efa for interface in layout)
    most, why = instance_type.max_efa_interfaces, "the API's maximum"
    if most is None and instance_type.documented_efa_interface_counts is not None:
        # No source states a maximum: more than the documents describe is not known to launch.
        most, why = max(instance_type.documented_efa_interface_counts), "the most that the EC2 guide describes"
    if most is not None and efa > most:
        yield Violation(
            rule="efa-maximum",
            card=None,
            device=None,
            message=f"there are {efa} EFA interfaces, expected at most {most} on {instance_type} ({why}): remove "
            f"{efa - most}",
        )
    maximum = instance_type.max_network_interfaces
    ordinary = sum(not interface.is_secondary for interface in layout)
    if maximum is not None and ordinary > maximum:
        yield Violation(
            rule="interface-maximum",
            card=None,
            device=None,
            message=f"there are {ordinary} interfaces, expected at most {maximum} on {instance_type}: remove "
            f"{ordinary - maximum}",
        )


def _interfaces_a_card(cards: dict[int, NetworkCard], layout: Sequence[Interface]) -> Iterator[Violation]:
    ordinary = (interface.card for interface in layout if not interface.is_secondary)
    for index, count in sorted(Counter(ordinary).items()):
        maximum = cards[index].max_interfaces if index in cards else None
        if maximum is not None and count > maximum:
            yield Violation(
                rule="interfaces-per-card",
                card=index,
                device=None,
                message=f"card {index} has {count} interfaces, expected at most {maximum}: move or remove some",
            )


def _of_interface(
    instance_type: InstanceType, cards: dict[int, NetworkCard], interface: Interface, allowed: Sequence[str]
) -> Iterator[Violation]:
    card, device, interface_type = interface
    if interface_type not in allowed:
        yield Violation(
            rule="interface-type",
            card=card,
            device=device,
            message=f"card {card} device {device} has type {interface_type!r}, expected one of "
            f"{', '.join(allowed)}: correct it",
        )
    if card < 0 or (cards and card not in cards):
        yield Violation(
            rule="unknown-card",
            card=card,
            device=device,
            message=f"there is no card {card} on {instance_type}, expected "
            f"{f'0 to {max(cards)}' if cards else '0 or more'}: use another card",
        )
    known = cards.get(card)
    yield from _device(known, interface)
    if known is None or known.interface_types is None or interface_type not in allowed:
        return
    if known.max_interfaces == 0 and not interface.is_secondary:
        return  # the card takes no ordinary interface, which another rule says
    if interface.is_efa and not {"efa", "efa-only"}.intersection(known.interface_types):
        yield Violation(
            rule="efa-on-ena-only-card",
            card=card,
            device=device,
            message=f"card {card} of {instance_type} is ENA only, got {interface_type}, expected interface: move the "
            "EFA interface to another card",
        )
    elif interface_type not in known.interface_types:
        yield Violation(
            rule="interface-type-not-allowed",
            card=card,
            device=device,
            message=f"card {card} of {instance_type} takes {', '.join(known.interface_types)}, got {interface_type}: "
            "change its type",
        )


def _device(card: NetworkCard | None, interface: Interface) -> Iterator[Violation]:
    stated = card.max_interfaces if card is not None else None
    if interface.is_secondary:
        stated = 1  # at device 0 (EC2 user guide, secondary-networks, high)
    if stated == 0:
        return  # the card takes no interface at all, which another rule says
    limit = stated if stated is not None else _DOCUMENTED_DEVICES
    if not 0 <= interface.device < limit:
        yield Violation(
            rule="device-index",
            card=interface.card,
            device=interface.device,
            message=f"device index {interface.device} on card {interface.card}, expected 0 to {limit - 1}: renumber it",
        )
