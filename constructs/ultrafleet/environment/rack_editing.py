"""Edits of racks in bulk: the line of a rack below `racks`, which is its block's id, a mapping, or a list of either.

An id alone becomes a mapping when its block gets an end of its own, and a list when the rack gets a second block.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import yaml

from ultrafleet.environment.edited_text import edited
from ultrafleet.environment.racks import RACKS
from ultrafleet.environment.text_places import (
    ID,
    BlockEntry,
    Content,
    newline,
    refusal,
    root,
    splice,
    value_of,
    written_moment,
)
from ultrafleet.yaml_loader import UniqueKeyLoader


def is_rack(text: str, name: str) -> bool:
    """True if a pool is a line of `racks`."""
    return any(name in entry[RACKS] for entry in _entries(text))


def has_block(text: str, capacity_reservation_id: str) -> bool:
    """True if a block is in a line of `racks`."""
    return any(
        capacity_reservation_id in map(_id, _items(line)) for entry in _entries(text) for line in entry[RACKS].values()
    )


def move_end(text: str, *, capacity_reservation_id: str, end: datetime) -> str:
    """Text with another end of a rack's block; the shared end of the others stays.

    Args:
        text: of the file.
        capacity_reservation_id: the block's reservation.
        end: the new end.

    Raises:
        EditError: the line is written in a way that can't be edited.
    """
    written = f"{{ {ID}: {capacity_reservation_id}, end: {written_moment(end)} }}"
    by_hand = f"write {written} in the line of the rack"

    def edit(body: str) -> str:
        node = _block_node(body, capacity_reservation_id, by_hand)
        if isinstance(node, yaml.ScalarNode):
            return splice(body, node, written)
        stated = value_of(node, "end")
        if stated is not None:
            return splice(body, stated, written_moment(end))
        if not node.flow_style:
            raise refusal(f"block {capacity_reservation_id}", "a mapping over several lines", by_hand)
        at = int(node.value[-1][1].end_mark.index)
        return f"{body[:at]}, end: {written_moment(end)}{body[at:]}"

    def change(content: Content) -> None:
        for racks, name, number, item in _places(content):
            if _id(item) == capacity_reservation_id:
                made = {**(item if isinstance(item, dict) else {ID: item}), "end": end}
                _put(racks, name, number, made)

    return edited(text, edit, change, by_hand)


def add_block(text: str, *, rack: str, block: BlockEntry) -> str:
    """Text with one more block of a rack, behind the others.

    Args:
        text: of the file.
        rack: name of the rack.
        block: the block.

    Raises:
        EditError: the line is written in a way that can't be edited.
    """
    by_hand = f"make the line of {rack} a list that ends with {block.flow()}"

    def edit(body: str) -> str:
        _, line = _line_node(body, rack, by_hand)
        begin, end = int(line.start_mark.index), int(line.end_mark.index)
        if isinstance(line, yaml.SequenceNode):
            if not line.flow_style:
                raise refusal(f"the blocks of {rack}", "a list over several lines", by_hand)
            at = int(line.value[-1].end_mark.index)
            return f"{body[:at]}, {block.flow()}{body[at:]}"
        if isinstance(line, yaml.MappingNode) and not line.flow_style:
            raise refusal(f"the block of {rack}", "a mapping over several lines", by_hand)
        return f"{body[:begin]}[{body[begin:end]}, {block.flow()}]{body[end:]}"

    def change(content: Content) -> None:
        for entry in content["pools"]:
            if rack in entry.get(RACKS, {}):
                entry[RACKS][rack] = [*_items(entry[RACKS][rack]), block.values()]

    return edited(text, edit, change, by_hand)


def add_rack(text: str, *, rack: str, like: str, block: BlockEntry) -> str:
    """Text with a new rack behind the last one of the same entry.

    Args:
        text: of the file.
        rack: name of the new rack.
        like: rack of the entry that it joins.
        block: its block.

    Raises:
        EditError: the lines are written in a way that can't be edited.
    """
    by_hand = f"write {rack}: {block.flow()} below {like}"

    def edit(body: str) -> str:
        racks, _ = _line_node(body, like, by_hand)
        if racks.flow_style:
            raise refusal("racks", "written on one line", by_hand)
        key, value = racks.value[-1]
        begin = body.rfind("\n", 0, key.start_mark.index) + 1
        found = body.find("\n", int(value.end_mark.index) - 1)
        head, tail = (body, "") if found < 0 else (body[: found + 1], body[found + 1 :])
        head = head if head.endswith("\n") else head + newline(body)
        indent = " " * (int(key.start_mark.index) - begin)
        return f"{head}{indent}{rack}: {block.flow()}{newline(body)}{tail}"

    def change(content: Content) -> None:
        for entry in content["pools"]:
            if like in entry.get(RACKS, {}):
                entry[RACKS][rack] = block.values()

    return edited(text, edit, change, by_hand)


def remove_block(text: str, *, capacity_reservation_id: str) -> str:
    """Text without a rack's block, and without the rack where it is its only one.

    Args:
        text: of the file.
        capacity_reservation_id: the block's reservation.

    Raises:
        EditError: the line is written in a way that can't be edited, or it is the only one.
    """
    by_hand = f"take block {capacity_reservation_id} out"

    def edit(body: str) -> str:
        for racks in _racks_nodes(body):
            for key, line in racks.value:
                items = line.value if isinstance(line, yaml.SequenceNode) else [line]
                ids = [_node_id(item) for item in items]
                if capacity_reservation_id in ids:
                    return _without(body, racks, key, line, ids.index(capacity_reservation_id), by_hand)
        raise refusal(f"block {capacity_reservation_id}", "not in racks", by_hand)

    def change(content: Content) -> None:
        for racks, name, number, item in list(_places(content)):
            if _id(item) == capacity_reservation_id:
                if number is None or len(racks[name]) == 1:
                    del racks[name]
                else:
                    del racks[name][number]

    return edited(text, edit, change, by_hand)


def _without(body: str, racks: Any, key: Any, line: Any, number: int, by_hand: str) -> str:  # noqa: ANN401 - YAML
    """Text without a block of a rack's line, or without the line."""
    items = line.value if isinstance(line, yaml.SequenceNode) else [line]
    if len(items) > 1 and line.flow_style:
        first = items[number - 1].end_mark if number else items[0].start_mark
        last = items[number].end_mark if number else items[1].start_mark
        return body[: first.index] + body[last.index :]
    if len(items) > 1 or racks.flow_style or len(racks.value) == 1:
        raise refusal("the block", "in a line that others depend on", by_hand)
    begin = body.rfind("\n", 0, key.start_mark.index) + 1
    end = body.find("\n", int(line.end_mark.index) - 1) + 1
    return body[:begin] + body[end or len(body) :]


def _entries(text: str) -> list[Content]:
    """Entries of `pools` with racks; none where the text can't be read."""
    try:
        content = yaml.load(text.removeprefix("\ufeff"), Loader=UniqueKeyLoader)  # noqa: S506 - a SafeLoader
        return [entry for entry in content["pools"] if isinstance(entry.get(RACKS), dict)]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return []


def _items(line: Any) -> list[Any]:  # noqa: ANN401 - YAML
    return line if isinstance(line, list) else [line]


def _id(item: Any) -> Any:  # noqa: ANN401 - YAML
    return item.get(ID) if isinstance(item, dict) else item


def _places(content: Content) -> Iterator[tuple[Content, str, int | None, Any]]:
    """Each block of each rack, with where it is."""
    for entry in content["pools"]:
        racks = entry.get(RACKS, {})
        for name, line in list(racks.items()):
            for number, item in enumerate(_items(line)):
                yield racks, name, number if isinstance(line, list) else None, item


def _put(racks: Content, name: str, number: int | None, item: Content) -> None:
    if number is None:
        racks[name] = item
    else:
        racks[name][number] = item


def _racks_nodes(body: str) -> Iterator[Any]:
    for entry in value_of(root(body), "pools").value:
        racks = value_of(entry, RACKS)
        if isinstance(racks, yaml.MappingNode) and racks.start_mark.index > entry.start_mark.index:
            yield racks


def _line_node(body: str, rack: str, by_hand: str) -> tuple[Any, Any]:
    for racks in _racks_nodes(body):
        line = value_of(racks, rack)
        if line is not None:
            return racks, line
    raise refusal(f"rack {rack}", "not in racks", by_hand)


def _node_id(item: Any) -> str | None:  # noqa: ANN401 - YAML
    found = value_of(item, ID) if isinstance(item, yaml.MappingNode) else item
    return getattr(found, "value", None)


def _block_node(body: str, reservation: str, by_hand: str) -> Any:  # noqa: ANN401 - YAML
    for racks in _racks_nodes(body):
        for _, line in racks.value:
            for item in line.value if isinstance(line, yaml.SequenceNode) else [line]:
                if _node_id(item) == reservation:
                    return item
    raise refusal(f"block {reservation}", "not in racks", by_hand)
