"""Facts that a pool rests on and that are not certain, for people who read the synthesis."""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog import Confidence, Fact, InstanceType, PurchaseOption, UltraServerType
from ultrafleet.rules.places import doubt_of_place

_OF_NODES: Final = ("architecture", "accelerator_count", "published_efa_layout")
_OF_ULTRASERVERS: Final = ("instance_count",)
_UNKNOWN_WHERE_ASSUMED: Final = {"nvme_count": "a RAID 0 array is asked for, which nodes without disks skip"}


def uncertain_facts(
    instance_type: InstanceType,
    ultraserver_type: UltraServerType | None,
    purchase_option: PurchaseOption,
    zone: str | None,
) -> list[str]:
    """Facts of less than high confidence that the templates of a pool follow from, each with its source.

    Args:
        instance_type: type of the nodes.
        ultraserver_type: the UltraServer that they are, or None.
        purchase_option: how it is bought.
        zone: name of the zone of the nodes; None where synthesis doesn't know it.
    """
    found = [(f"{name} of {instance_type}", instance_type.fact(name)) for name in _OF_NODES]
    if ultraserver_type is not None:
        found += [(f"{name} of {ultraserver_type}", ultraserver_type.fact(name)) for name in _OF_ULTRASERVERS]
    doubt = doubt_of_place(ultraserver_type or instance_type, purchase_option, zone) if zone is not None else None
    return [*_known(found), *_assumed(instance_type), *([doubt] if doubt else [])]


def _known(facts: list[tuple[str, Fact[Any]]]) -> Iterator[str]:
    for name, fact in facts:
        if fact.source is not None and fact.confidence is not Confidence.HIGH:
            yield f"{name} is {fact.value}, by {fact.source}{f', {fact.note}' if fact.note else ''}"


def _assumed(instance_type: InstanceType) -> Iterator[str]:
    for name, assumption in _UNKNOWN_WHERE_ASSUMED.items():
        if instance_type.fact(name).value is None:
            yield f"{name} of {instance_type} is not known, {assumption}"
