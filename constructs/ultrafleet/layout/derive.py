"""Layouts of EFA and RoCE, derived from the card table of an instance type.

The rule of EFA is the EC2 user guide's (efa-acc-inst-types, high): the primary interface, card 0 device 0, is an ENA
interface; where card 0 does EFA, an EFA-only interface at card 0 device 1; on every other card an EFA-only interface
at device 0, and an ENA interface at device 1 where more IP bandwidth is wanted. That of RoCE is the guide's too
(secondary-networks, high): the primary interface, and a secondary interface at device 0 of every card that takes one.
"""

from collections.abc import Sequence

from ultrafleet.catalog import Fabric, Fact, InstanceType, NetworkCard
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.layout.interface import EfaIntent, Interface

_PRIMARY = Interface(0, 0, "interface")
_EFA_8 = 8


def fabric_layout(
    instance_type: InstanceType, *, fabric: Fabric | None = None, intent: EfaIntent = EfaIntent.IP_SAVING
) -> tuple[Interface, ...]:
    """Network interfaces of an instance type on a fabric, by card and device.

    Args:
        instance_type: a type whose layout is published.
        fabric: the fabric. Default: the one that the type has; a type with two needs it stated.
        intent: what the layout is for. On RoCE there is `ip_saving` alone.

    Raises:
        FleetError: the type hasn't the fabric, or no layout for the intent; or it has two fabrics, and none is stated.
        UnknownFactError: no source publishes a layout of the type, or what its cards take is unknown.
    """
    if fabric_of(instance_type, fabric) is Fabric.ROCE:
        return _roce_layout(instance_type, _known(intent))
    return efa_layout(instance_type, intent)


def fabric_of(instance_type: InstanceType, fabric: Fabric | str | None = None) -> Fabric:
    """The fabric of an instance type that is meant.

    Args:
        instance_type: the type.
        fabric: the fabric asked for. Default: the only one of the type; EFA where its cards are not known.

    Raises:
        FleetError: there is no such fabric, the type hasn't it, or it has two and none is stated.
        UnknownFactError: the cards of the type are not known, and RoCE is asked for.
    """
    has = instance_type.fabrics
    names = " or ".join(has)
    if fabric is None:
        if len(has) > 1:
            raise FleetError(
                path=instance_type,
                verb="has",
                got=f"{len(has)} fabrics, {' and '.join(has)}",
                expected="one of them to be stated",
                remedy="pass fabric (--fabric), which belongs to the pool and not to the type",
            )
        return has[0] if has else Fabric.EFA
    try:
        wanted = Fabric(fabric)
    except ValueError:
        raise FleetError(
            path="fabric", got=repr(fabric), expected=" or ".join(Fabric), remedy="pass another fabric"
        ) from None
    if wanted in has or (not has and wanted is Fabric.EFA):
        return wanted
    if instance_type.network_cards is None:
        raise UnknownFactError(
            path=f"no source says that {instance_type}",
            verb="has",
            got=f"the fabric {wanted.value}",
            expected="a type whose cards are known",
            remedy="state its network_cards",
        )
    raise FleetError(
        path=instance_type,
        verb="has",
        got=f"no fabric {wanted.value}",
        expected=names or "none",
        remedy="pass a fabric that it has" if has else "leave it out",
    )


def layout_fact(instance_type: InstanceType, fabric: Fabric) -> Fact[bool | None]:
    """The fact that a layout rests on: that it is published, and by whom."""
    return instance_type.fact("published_roce_layout" if fabric is Fabric.ROCE else "published_efa_layout")


def efa_layout(instance_type: InstanceType, intent: EfaIntent = EfaIntent.IP_SAVING) -> tuple[Interface, ...]:
    """Network interfaces of an instance type, by card and device.

    Args:
        instance_type: a type whose layout, or a rule that gives it, is published.
        intent: what the layout is for.

    Raises:
        FleetError: the type has no layout for the intent, or there is no such intent.
        UnknownFactError: no source publishes a layout of the type, or what its cards take is unknown.
    """
    intent = _known(intent)
    cards = instance_type.network_cards
    if cards is not None and _takes_no_efa(cards) and intent is EfaIntent.IP_SAVING:
        return (_PRIMARY,)
    if cards is None or not instance_type.published_efa_layout:
        raise UnknownFactError(
            path=f"no EFA layout of {instance_type}",
            got="published",
            expected="a type that has one",
            remedy="pass interfaces of your own, which are checked against what is known",
        )
    untyped = [card.index for card in cards if card.interface_types is None]
    if untyped:
        raise UnknownFactError(
            path=f"interface_types of card {untyped[0]} of {instance_type}",
            verb="are",
            got="unknown",
            expected="known ones",
            remedy="state them in its NetworkCard, or pass interfaces of your own",
        )
    intents = available_intents(instance_type)
    if intent not in intents:
        raise FleetError(
            path=instance_type,
            verb="has",
            got=f"no layout for the intent {intent.value}",
            expected=" or ".join(item.value for item in intents),
            remedy="pass another intent",
        )
    efa_cards = _every_physical_nic(cards) if intent is EfaIntent.EFA_8 else _one_for_each_accelerator(cards)
    # Device 0 of card 0 is the primary's.
    layout = [_PRIMARY, *(Interface(card.index, 1 if card.index == 0 else 0, "efa-only") for card in efa_cards)]
    if intent is EfaIntent.MAX_IP_BANDWIDTH:
        layout += [Interface(card.index, 1, "interface") for card in cards if card.additional_ena_interface]
    return tuple(sorted(layout))


def _roce_layout(instance_type: InstanceType, intent: EfaIntent) -> tuple[Interface, ...]:
    if not instance_type.published_roce_layout:
        raise UnknownFactError(
            path=f"no RoCE layout of {instance_type}",
            got="published",
            expected="a type that has one",
            remedy="pass another fabric",
        )
    if intent is not EfaIntent.IP_SAVING:
        raise FleetError(
            path=instance_type,
            verb="has",
            got=f"no layout for the intent {intent.value} on roce",
            expected=EfaIntent.IP_SAVING.value,
            remedy="pass another intent",
        )
    cards = instance_type.network_cards or ()
    return (_PRIMARY, *(Interface(card.index, 0, "secondary") for card in cards if card.takes_secondary))


def available_intents(instance_type: InstanceType) -> tuple[EfaIntent, ...]:
    """Intents that the type has a layout for; none where none is published."""
    cards = instance_type.network_cards
    if cards is not None and _takes_no_efa(cards):
        return (EfaIntent.IP_SAVING,)
    if cards is None or not instance_type.published_efa_layout:
        return ()
    found = [EfaIntent.IP_SAVING]
    if any(card.additional_ena_interface for card in cards):
        found.append(EfaIntent.MAX_IP_BANDWIDTH)
    if _EFA_8 in (instance_type.documented_efa_interface_counts or ()) and len(_every_physical_nic(cards)) == _EFA_8:
        found.append(EfaIntent.EFA_8)
    return tuple(found)


def _takes_no_efa(cards: Sequence[NetworkCard]) -> bool:
    """True where every card's interfaces are known and none is EFA's: an instance has its primary interface then."""
    return all(card.interface_types is not None and not card.takes_efa_only for card in cards)


def _known(intent: str) -> EfaIntent:
    try:
        return EfaIntent(intent)
    except ValueError:
        raise FleetError(
            path="intent",
            got=repr(intent),
            expected=f"one of {', '.join(EfaIntent)}",
            remedy="pass another intent",
        ) from None


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
