"""Questions of a search: by type, or by the accelerators that are wanted; and where each type is sold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ultrafleet.catalog import CapacityBlockRules, InstanceType, PurchaseOption, UltraServerType
from ultrafleet.catalog.prices import prices
from ultrafleet.errors import FleetError
from ultrafleet.offers.offer import Question
from ultrafleet.rules.block_duration import validate_sold_days
from ultrafleet.rules.zones import region_of_zone


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Questions that a search asks, and what it doesn't.

    Attributes:
        asked: the questions.
        notes: types that aren't asked for, and why, a sentence each.
    """

    asked: tuple[Question, ...]
    notes: tuple[str, ...] = ()


def question_of_type(name: str, *, count: int, days: int) -> Question:
    """Question for one type.

    Raises:
        FleetError: no type that is sold in blocks, no count that one holds, or a duration that isn't sold.
    """
    validate_sold_days(days, path="--days")
    sold = _sold_type(name)
    if count < 1:
        raise FleetError(path="--count", got=count, expected="1 or more")
    if isinstance(sold, InstanceType) and count > CapacityBlockRules.MAX_INSTANCES:
        raise FleetError(
            path="--count",
            got=count,
            expected=f"at most {CapacityBlockRules.MAX_INSTANCES}, the instances of one block",
            remedy="search for less, and buy several blocks",
        )
    return Question(type=name, count=count, days=days)


def questions_of_accelerators(wanted: int, *, kind: str | None, days: int) -> Questions:
    """Questions for every type that is sold in blocks, with as many as hold the accelerators that are wanted.

    Args:
        wanted: number of accelerators.
        kind: part of a kind or name of accelerators, `nvidia`, `GB200`, `Trainium2`; or None for all.
        days: duration.

    Raises:
        FleetError: no accelerator, no type of that kind, or a duration that isn't sold.
    """
    validate_sold_days(days, path="--days")
    if wanted < 1:
        raise FleetError(path="--accelerators", got=wanted, expected="1 or more")
    types = [sold for sold in _sold_types() if kind is None or _is_of_kind(sold, kind)]
    if not types:
        kinds = sorted({_accelerator(sold) for sold in _sold_types()} - {""})
        raise FleetError(path="--accelerator-kind", got=repr(kind), expected=f"part of one of {', '.join(kinds)}")
    asked, notes = [], []
    for sold in types:
        each = sold.accelerator_count
        if each is None:
            notes.append(f"{sold} isn't asked for: the catalog doesn't know its accelerators")
            continue
        count = math.ceil(wanted / each)
        if isinstance(sold, InstanceType) and count > CapacityBlockRules.MAX_INSTANCES:
            notes.append(
                f"{sold} isn't asked for: {wanted} accelerators are {count} of it, a block holds "
                f"{CapacityBlockRules.MAX_INSTANCES}"
            )
            continue
        asked.append(Question(type=str(sold), count=count, days=days))
    return Questions(asked=tuple(asked), notes=tuple(notes))


def regions_of_sale(name: str) -> tuple[str, ...]:
    """Regions in which the catalog knows a type to be sold in blocks: of its zones, its region, its public prices."""
    sold = _sold_type(name)
    found = {region_of_zone(zone) for zone in sold.zones or ()}
    if isinstance(sold, UltraServerType) and sold.region is not None:
        found.add(sold.region)
    found |= {
        item.region
        for item in prices()
        if item.type == name and item.purchase_option == PurchaseOption.CAPACITY_BLOCK and item.region is not None
    }
    return tuple(sorted(found))


def regions_or_refuse(questions: Sequence[Question], regions: Sequence[str]) -> dict[Question, tuple[str, ...]]:
    """Regions in which each question is asked: those that are passed, or those of the catalog.

    Raises:
        FleetError: none was passed, and the catalog knows none for any question.
    """
    if regions:
        return {question: tuple(dict.fromkeys(regions)) for question in questions}
    found = {question: regions_of_sale(question.type) for question in questions}
    if not any(found.values()):
        names = ", ".join(question.type for question in questions)
        raise FleetError(
            path="--region",
            got="not passed",
            expected=f"one, for the catalog knows no region in which {names} is sold in blocks",
            remedy="pass --region, several times for several",
        )
    return found


def _sold_types() -> list[InstanceType | UltraServerType]:
    ultraservers = [item for item in UltraServerType.all() if item.name is not None and item.name.startswith("u-")]
    instances = [item for item in InstanceType.all() if item.name is not None and _is_sold_alone(item)]
    return [*ultraservers, *instances]


def _is_sold_alone(item: InstanceType) -> bool:
    return not item.is_ultraserver_member and PurchaseOption.CAPACITY_BLOCK in (item.purchase_options or ())


def _sold_type(name: str) -> InstanceType | UltraServerType:
    known = {str(item): item for item in _sold_types()}
    if name in known:
        return known[name]
    members = [str(item) for item in UltraServerType.all() if str(item.instance_type) == name]
    raise FleetError(
        path="--type",
        got=repr(name),
        expected=f"a type that is sold in capacity blocks, one of {', '.join(known)}",
        remedy=f"its UltraServers are sold whole: pass {' or '.join(members)}" if members else None,
    )


def _is_of_kind(sold: InstanceType | UltraServerType, kind: str) -> bool:
    member = sold.instance_type if isinstance(sold, UltraServerType) else sold
    if member is None:
        return False
    return kind.lower() in f"{member.accelerator_kind} {member.accelerator_name}".lower()


def _accelerator(sold: InstanceType | UltraServerType) -> str:
    member = sold.instance_type if isinstance(sold, UltraServerType) else sold
    return "" if member is None else str(member.accelerator_name or "")
