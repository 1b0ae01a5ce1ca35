"""EFA layouts, derived from the card table of an instance type.

The rule is the EC2 user guide's (efa-acc-inst-types, high): the primary interface, card 0 device 0, is an ENA
interface; where card 0 does EFA, an EFA-only interface at card 0 device 1; on every other card an EFA-only interface
at device 0, and an ENA interface at device 1 where more IP bandwidth is wanted.
"""

from collections.abc import Sequence

from ultrafleet.catalog import InstanceType, NetworkCard
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.layout.interface import EfaIntent, Interface

_PRIMARY = Interface(0, 0, "interface")
_EFA_8 = 8


def efa_layout(instance_type: InstanceType, intent: EfaIntent = EfaIntent.IP_SAVING) -> tuple[Interface, ...]:
    """Network interfaces of an instance type, by card and device.

    Args:
        instance_type: a type with a layout published by AWS.
        intent: what the layout is for.

    Raises:
        FleetError: the type has no layout for the intent, or there is no such intent.
        UnknownFactError: AWS publishes no layout for the type, or what its cards take is unknown.
    """
    intent = _known(intent)
    cards = instance_type.network_cards
    if cards is None or not instance_type.published_efa_layout:
        raise UnknownFactError(
            f"no EFA layout of {instance_type} is published by AWS, expected a type that has one: "
            "pass interfaces of your own, which are checked against what is known"
        )
    untyped = [card.index for card in cards if card.interface_types is None]
    if untyped:
        raise UnknownFactError(
            f"interface_types of card {untyped[0]} of {instance_type} are unknown, expected known ones: state them in "
            "its NetworkCard, or pass interfaces of your own"
        )
    intents = available_intents(instance_type)
    if intent not in intents:
        raise FleetError(
            f"{instance_type} has no layout for the intent {intent.value}, expected "
            f"{' or '.join(item.value for item in intents)}: pass another intent"
        )
    efa_cards = _every_physical_nic(cards) if intent is EfaIntent.EFA_8 else _one_for_each_accelerator(cards)
    # Device 0 of card 0 is the primary's.
    layout = [_PRIMARY, *(Interface(card.index, 1 if card.index == 0 else 0, "efa-only") for card in efa_cards)]
    if intent is EfaIntent.MAX_IP_BANDWIDTH:
        layout += [Interface(card.index, 1, "interface") for card in cards if card.additional_ena_interface]
    return tuple(sorted(layout))


def available_intents(instance_type: InstanceType) -> tuple[EfaIntent, ...]:
    """Intents that the type has a layout for; none where AWS publishes none."""
    cards = instance_type.network_cards
    if cards is None or not instance_type.published_efa_layout:
        return ()
    found = [EfaIntent.IP_SAVING]
    if any(card.additional_ena_interface for card in cards):
        found.append(EfaIntent.MAX_IP_BANDWIDTH)
    if _EFA_8 in (instance_type.documented_efa_interface_counts or ()) and len(_every_physical_nic(cards)) == _EFA_8:
        found.append(EfaIntent.EFA_8)
    return tuple(found)


def _known(intent: str) -> EfaIntent:
    try:
        return EfaIntent(intent)
    except ValueError:
        raise FleetError(f"intent is {intent!r}, expected one of {', '.join(EfaIntent)}: pass another intent") from None


def _every_physical_nic(cards: Sequence[NetworkCard]) -> list[NetworkCard]:
    """Of the cards that share a physical NIC the one with the most EFA bandwidth; other EFA cards as they are."""
    best: dict[str, NetworkCard] = {}
    for card in cards:
        if not card.takes_efa_only:
            continue
        nic = card.physical_nic_group or f"card {card.index}"
        if nic not in best or (card.efa_bandwidth_gbps or 0) > (best[nic].efa_bandwidth_gbps or 0):
            best[nic] = card
    return sorted(best.values(), key=lambda card: card.index)


def _one_for_each_accelerator(cards: Sequence[NetworkCard]) -> list[NetworkCard]:
    """The first card that serves an accelerator; cards whose accelerators are not known, all."""
    served: set[int] = set()
    chosen = []
    for card in _every_physical_nic(cards):
        if card.accelerators is not None:
            if served.issuperset(card.accelerators):
                continue
            served.update(card.accelerators)
        chosen.append(card)
    return chosen
