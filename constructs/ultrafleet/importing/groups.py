"""Rules for groups of nodes that every importer has: their types, names, labels, sizes."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.efa_support import has_efa
from ultrafleet.catalog.eks import AddonName
from ultrafleet.catalog.instance_type import other_type_names
from ultrafleet.errors import FleetError
from ultrafleet.importing.draft import Draft, DraftPool
from ultrafleet.importing.source import Source
from ultrafleet.layout import Interface
from ultrafleet.plain_text import visible
from ultrafleet.rules.capacity_block import validate_reservation_id
from ultrafleet.rules.managed_addons import ADDONS, ALWAYS
from ultrafleet.rules.names import is_name
from ultrafleet.rules.node_settings import validate_node_labels, validate_node_tags
from ultrafleet.rules.zones import is_zone

_ACCELERATED: Final = re.compile(r"(p\d|g\d|gr\d|trn\d|inf\d|dl\d)[a-z0-9-]*\.[a-z0-9]+")
SYSTEM_FACTOR: Final = 2
"""Room for as many system nodes again, where the source states no maximum: for an update, or a zone that is lost."""


def note_efa(draft: Draft, source: Source | str, instance_type: InstanceType) -> None:
    """Add a line for nodes that get EFA interfaces though the source has none; of a type with EFA alone.

    Args:
        draft: gets the line.
        source: where the source would ask for them.
        instance_type: type of the nodes.
    """
    if has_efa(str(instance_type)):
        draft.note(source, f"nodes get {instance_type}'s EFA interfaces all the same")


def is_accelerated(name: str) -> bool:
    """True if an instance type has accelerators, by its name."""
    return name in other_type_names() or _ACCELERATED.fullmatch(name) is not None


def accelerated_type(draft: Draft, source: Source | str, name: str, group: str) -> InstanceType | None:
    """Type of accelerated nodes; without facts of it a refusal, and None.

    Args:
        draft: gets the refusal.
        source: where the type is stated.
        name: its name.
        group: name of the group.
    """
    try:
        return InstanceType.of(name)
    except FleetError:
        family = name.partition(".")[0]
        others = sorted(item.name for item in InstanceType.all() if item.name and item.family == family)
        near = f" ({', '.join(others)})" if others else ""
        draft.refuse(
            source,
            f"an accelerated type whose facts the catalog has{near}",
            f"choose one, or leave the group out: --without {group}; `ultrafleet types` lists them",
            got=name,
        )
        return None


def pool_name(draft: Draft, source: Source | str, text: str) -> str:
    """Name of a pool: that of the source, in letters that names here can have.

    Args:
        draft: gets a line if it is another name, or a refusal if it is taken.
        source: where the name is stated.
        text: the name.
    """
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    if not name or not name[0].isalpha():
        name = f"pool-{name}".strip("-")
    name = name[:40].strip("-")
    taken = [pool.name for pool in draft.pools]
    if name in taken:
        draft.refuse(source, "a name for each group", "rename one of them in the file")
    if name != text and is_name(name):
        draft.note(source, f"the pool is called {name}: names here are lower-case letters, digits and '-', 40 at most")
    return name


def zones(draft: Draft, source: Source) -> tuple[str, ...]:
    """Zones of a list; a refusal of what is none.

    Args:
        draft: gets the refusals.
        source: the list.
    """
    found = []
    for item in source.items():
        zone = draft.stated(item)
        if zone is None:
            continue
        if not is_zone(zone):
            draft.refuse(item, "a zone's name such as us-east-1a", "correct it in the file")
            continue
        found.append(zone)
    return tuple(found)


def reservation_id(draft: Draft, source: Source, *, optional: bool) -> str | None:
    """Id of a reservation; a refusal where it is none.

    Args:
        draft: gets the refusal.
        source: the id.
        optional: True if one that isn't filled in can be stated beside the file.
    """
    text = draft.stated(source) if optional else source.text()
    if text is None:
        return None
    try:
        validate_reservation_id(text)
    except FleetError as error:
        draft.refuse(source, str(error.expected), str(error.remedy))
        return None
    return text


def labels(draft: Draft, source: Source) -> dict[str, str]:
    """Labels that a pool can have; a line for each other.

    Args:
        draft: gets the lines.
        source: mapping of labels.
    """
    return _kept(draft, lambda key: source.get(key).place, _texts(source), validate_node_labels)


def tags(draft: Draft, source: Source) -> dict[str, str]:
    """Tags that a pool can have; a line for each other.

    Args:
        draft: gets the lines.
        source: mapping of tags.
    """
    return _kept(draft, lambda key: source.get(key).place, _texts(source), validate_node_tags)


def _texts(source: Source) -> dict[str, str]:
    found = {item.key: item.text() for item in source.entries()}
    return {key: value for key, value in found.items() if value is not None}


def kept_labels(draft: Draft, place: str, stated: Mapping[str, str]) -> dict[str, str]:
    """Labels that a pool can have; a line for each other.

    Args:
        draft: gets the lines.
        place: where they are stated.
        stated: all labels.
    """
    return _kept(draft, lambda key: f"{place}: label {visible(key)}", stated, validate_node_labels)


def kept_tags(draft: Draft, place: str, stated: Mapping[str, str]) -> dict[str, str]:
    """Tags that a pool can have; a line for each other.

    Args:
        draft: gets the lines.
        place: where they are stated.
        stated: all tags.
    """
    return _kept(draft, lambda key: f"{place}: tag {visible(key)}", stated, validate_node_tags)


def _kept(
    draft: Draft,
    place: Callable[[str], str],
    stated: Mapping[str, str],
    validate: Callable[[Mapping[str, str]], None],
) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in stated.items():
        try:
            validate({key: value})
        except FleetError as error:
            draft.note(place(key), f"{visible(value)}: not carried over: {error}")
        else:
            found[key] = value
    return found


def root_volume(draft: Draft, source: Source) -> int | None:
    """Size of a root volume in GiB.

    Args:
        draft: gets a refusal of a size that no volume has.
        source: the size.
    """
    size = source.number()
    if size is not None and size < 1:
        draft.refuse(source, "a size in GiB, 1 or more", "correct it in the file")
        return None
    return size


def carry_addon(draft: Draft, name: Source, version: Source) -> None:
    """Managed add-on, if the library gives it a role and not every cluster has it; a line otherwise.

    Args:
        draft: gets the add-on, or the line.
        name: name of the add-on.
        version: its version.
    """
    text = name.text()
    if text is None:
        return
    if version and version.text() not in {None, "latest"}:
        draft.note(version, "not carried over: EKS chooses it, or cluster.addon_versions")
    carry_addon_name(draft, name, text)


def carry_addon_name(draft: Draft, place: Source | str, name: str) -> None:
    """Managed add-on, if the library gives it a role and not every cluster has it; a line otherwise.

    Args:
        draft: gets the add-on, or the line.
        place: where it is stated.
        name: its name.
    """
    if name not in ADDONS:
        draft.note(place, "not carried over: an add-on that the library gives no role; install it yourself")
    elif name not in draft.addons and name not in {*ALWAYS, AddonName.CLOUDWATCH_OBSERVABILITY}:
        draft.addons.append(name)


def tag_list(draft: Draft, source: Source) -> dict[str, str]:
    """Tags of a list of `Key` and `Value` that a pool can have; a line for each other.

    Args:
        draft: gets the lines.
        source: the list.
    """
    found: dict[str, str] = {}
    for item in source.items():
        key, value = item.get("Key").text(), item.get("Value").text()
        if key is not None and value is not None:
            found |= kept_tags(draft, item.place, {key: value})
    return found


def reservation_group(draft: Draft, arn: Source, pool: DraftPool) -> None:
    """Group of reservations: of blocks each is asked for, of others there is no pool.

    Args:
        draft: gets the line or the refusal.
        arn: ARN of the group.
        pool: the pool that targets it.
    """
    if pool.purchase == "block":
        pool.wants_block = "in a group of reservations, and a node group takes one"
        draft.note(arn, "not carried over: each block is a node group of its own, by its reservation's id")
        return
    draft.refuse(
        arn,
        "the id of one reservation",
        "a pool takes one: state its id in the file; or of blocks, that market type and "
        f"--block {pool.name}=cr-…:COUNT:START:END",
    )


def plain(value: object) -> str:
    """A value as text on one line; "?" where there is none.

    Args:
        value: the value.
    """
    return "?" if value is None else visible(str(value)[:60])


def published_algorithm(instance_type: InstanceType) -> tuple[Interface, ...] | None:
    """Layout of a tool that has its own for types whose card 0 does no EFA; None for those, where it isn't known.

    Args:
        instance_type: type of the node.
    """
    cards = instance_type.network_cards or ()
    return efa_of_every_card(instance_type) if cards and cards[0].takes_efa_only else None


def efa_of_every_card(instance_type: InstanceType) -> tuple[Interface, ...]:
    """Layout of eksctl, terraform-aws-eks and Pulumi: `efa` on every card, at device 0 of card 0 and 1 of the others.

    Source: their algorithms, read (eksctl network_interfaces.go, terraform-aws-eks 21.19, pulumi-eks 4.3; medium).

    Args:
        instance_type: type of the node.
    """
    cards = len(instance_type.network_cards or ())
    return tuple(Interface(card, 0 if card == 0 else 1, "efa") for card in range(max(cards, 1)))
