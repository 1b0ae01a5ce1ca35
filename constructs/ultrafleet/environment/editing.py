"""Edits of an environment file's text: blocks that were bought, an end that moved.

The file is a person's: an edit inserts or replaces the characters of its entry, at the places that the YAML parser
names, and every other byte stays as it is, comments, quotes, indentation and line ends among them. What comes out is
read again and compared with what was meant, so that an unusual way of writing is refused and never damaged.
"""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from ultrafleet.environment import rack_editing
from ultrafleet.environment.edited_text import edited
from ultrafleet.environment.text_places import (
    ID,
    BlockEntry,
    Content,
    PaymentEntry,
    find_block,
    find_pool,
    insert_item,
    insert_key,
    item_lines,
    lines_of,
    newline,
    refusal,
    remove_item,
    root,
    splice,
    start_of,
    value_of,
    with_line_end,
    written_moment,
)
from ultrafleet.yaml_loader import UniqueKeyLoader


def add_block(text: str, *, pool: str, block: BlockEntry) -> str:
    """Text of an environment file with one more block in a pool, in the order of the starts.

    Args:
        text: of the file.
        pool: name of the pool.
        block: the block.

    Raises:
        EditError: there is no such pool, or its blocks are written in a way that can't be edited.
    """
    if rack_editing.is_rack(text, pool):
        return rack_editing.add_block(text, rack=pool, block=block)
    by_hand = f"add to the blocks of pool {pool}: {block.flow()}"

    def edit(body: str) -> str:
        entry = find_pool(body, pool, by_hand)
        blocks = value_of(entry, "blocks")
        if blocks is None:
            return insert_key(body, entry, "blocks", [block], by_hand)
        if not isinstance(blocks, yaml.SequenceNode) or blocks.start_mark.index < entry.start_mark.index:
            raise refusal(f"the blocks of pool {pool}", "an alias or no list", by_hand)
        if not blocks.value:
            return splice(body, blocks, f"[{block.flow()}]")
        before = sum(start_of(body, item) <= block.start for item in blocks.value)
        return insert_item(body, blocks, before, block, by_hand)

    def change(content: Content) -> None:
        found = _named(content, pool).setdefault("blocks", [])
        found.insert(sum(item["start"] <= block.start for item in found), block.values())

    return edited(text, edit, change, by_hand)


def add_pool(text: str, *, pool: str, like: str, block: BlockEntry) -> str:
    """Text of an environment file with a new pool behind the others: a copy of another one's, with one block.

    Args:
        text: of the file.
        pool: name of the new pool.
        like: name of the pool that is copied, with the comments inside of it.
        block: the new pool's block.

    Raises:
        EditError: there is no pool to copy, or the pools are written in a way that can't be edited.
    """
    if rack_editing.is_rack(text, like):
        return rack_editing.add_rack(text, rack=pool, like=like, block=block)
    by_hand = f"copy pool {like} as {pool}, with the one block {block.flow()}"

    def edit(body: str) -> str:
        pools = value_of(root(body), "pools")
        source = find_pool(body, like, by_hand)
        if not isinstance(pools, yaml.SequenceNode) or pools.flow_style or source.flow_style:
            raise refusal("the list of pools", "written on one line", by_hand)
        begin, end = lines_of(body, source, by_hand)
        at = lines_of(body, pools.value[-1], by_hand)[1]
        body, at = with_line_end(body, at)
        copied = body[begin:end]
        copied = copied if copied.endswith("\n") else copied + newline(body)
        body = body[:at] + copied + body[at:]
        made = value_of(root(body), "pools").value[-1]
        body = splice(body, value_of(made, "name"), pool)
        made = value_of(root(body), "pools").value[-1]
        blocks = value_of(made, "blocks")
        if blocks is None or not blocks.value or blocks.start_mark.index < made.start_mark.index:
            raise refusal(f"the blocks of pool {like}", "an alias or none", by_hand)
        if blocks.flow_style:
            return splice(body, blocks, f"[{block.flow()}]")
        first, last = lines_of(body, blocks.value[0], by_hand)[0], lines_of(body, blocks.value[-1], by_hand)[1]
        return body[:first] + item_lines(body, blocks, block, by_hand) + body[last:]

    def change(content: Content) -> None:
        made = copy.deepcopy(_named(content, like))
        made |= {"name": pool, "blocks": [block.values()]}
        content["pools"].append(made)

    return edited(text, edit, change, by_hand)


def append_pool(text: str, *, values: Mapping[str, str], block: BlockEntry) -> str:
    """Text of an environment file with a new pool behind the others, of plain values and one block.

    Args:
        text: of the file.
        values: keys and values of the pool, its name among them.
        block: its block.

    Raises:
        EditError: the file has no pool, or they are written in a way that can't be edited.
    """
    by_hand = (
        f"add a pool with {', '.join(f'{key}: {value}' for key, value in values.items())}, blocks: [{block.flow()}]"
    )

    def edit(body: str) -> str:
        pools = value_of(root(body), "pools")
        if not isinstance(pools, yaml.SequenceNode) or pools.flow_style or not pools.value:
            raise refusal("the list of pools", "empty or written on one line", by_hand)
        last = pools.value[-1]
        begin, at = lines_of(body, last, by_hand)
        dash = body[begin : last.start_mark.index]
        body, at = with_line_end(body, at)
        lines = [*(f"{key}: {value}" for key, value in values.items()), "blocks:"]
        lines += [f"{'  - ' if n == 0 else '    '}{pair}" for n, pair in enumerate(block.pairs())]
        end = newline(body)
        written = "".join(f"{dash if n == 0 else ' ' * len(dash)}{line}{end}" for n, line in enumerate(lines))
        return f"{body[:at]}{end}{written}{body[at:]}"

    def change(content: Content) -> None:
        content["pools"].append({**values, "blocks": [block.values()]})

    return edited(text, edit, change, by_hand)


def move_end(
    text: str,
    *,
    capacity_reservation_id: str,
    end: datetime,
    paid: PaymentEntry | None = None,
    taken_back: PaymentEntry | None = None,
) -> str:
    """Text of an environment file with another end of a block.

    A payment is added to a block that has `payments`; one without them has its price, which counts for its hours.

    Args:
        text: of the file.
        capacity_reservation_id: the block's reservation.
        end: the new end.
        paid: payment that is added. Default: none.
        taken_back: payment that is taken out. Default: none.

    Raises:
        EditError: the file has no such block, or its end is written in a way that can't be edited.
    """
    if rack_editing.has_block(text, capacity_reservation_id):
        return rack_editing.move_end(text, capacity_reservation_id=capacity_reservation_id, end=end)
    return _move_end(text, capacity_reservation_id, end, paid, taken_back)


def _move_end(
    text: str,
    capacity_reservation_id: str,
    end: datetime,
    paid: PaymentEntry | None,
    taken_back: PaymentEntry | None,
) -> str:
    by_hand = f"write end: {written_moment(end)} into block {capacity_reservation_id}"

    def edit(body: str) -> str:
        _, _, block = find_block(body, capacity_reservation_id, by_hand)
        node = value_of(block, "end")
        if node is None or node.start_mark.index < block.start_mark.index:
            raise refusal(f"the end of block {capacity_reservation_id}", "an alias or missing", by_hand)
        body = splice(body, node, written_moment(end))
        payments = value_of(find_block(body, capacity_reservation_id, by_hand)[2], "payments")
        if payments is None or not payments.value:
            return body
        if paid is not None:
            body = insert_item(body, payments, len(payments.value), paid, by_hand)
        if taken_back is not None and taken_back.values() in _payments(body, capacity_reservation_id):
            payments = value_of(find_block(body, capacity_reservation_id, by_hand)[2], "payments")
            place = _payments(body, capacity_reservation_id).index(taken_back.values())
            if len(payments.value) > 1:
                body = remove_item(body, payments, payments.value[place], by_hand)
        return body

    def change(content: Content) -> None:
        entry = _entry(content, capacity_reservation_id)
        entry["end"] = end
        payments = entry.get("payments")
        if payments and paid is not None:
            payments.append(paid.values())
        if payments and taken_back is not None and taken_back.values() in payments and len(payments) > 1:
            payments.remove(taken_back.values())

    return edited(text, edit, change, by_hand)


def _payments(body: str, reservation: str) -> list[Any]:
    content = yaml.load(body, Loader=UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    return list(_entry(content, reservation)["payments"])


def remove_block(text: str, *, capacity_reservation_id: str, with_pool: bool = False) -> str:
    """Text of an environment file without a block.

    Args:
        text: of the file.
        capacity_reservation_id: the block's reservation.
        with_pool: remove the pool, where it is its only block. Default: False, `blocks` gets empty.

    Raises:
        EditError: the file has no such block, or it is written in a way that can't be edited.
    """
    if rack_editing.has_block(text, capacity_reservation_id):
        return rack_editing.remove_block(text, capacity_reservation_id=capacity_reservation_id)
    by_hand = f"take block {capacity_reservation_id} out"

    def edit(body: str) -> str:
        pool, blocks, block = find_block(body, capacity_reservation_id, by_hand)
        if len(blocks.value) > 1:
            return remove_item(body, blocks, block, by_hand)
        if with_pool:
            return remove_item(body, value_of(root(body), "pools"), pool, by_hand)
        if blocks.flow_style:
            return splice(body, blocks, "[]")
        begin, end = lines_of(body, block, by_hand)
        head = body[:begin].rstrip()
        return f"{head} []{body[len(head) : begin]}{body[end:]}"

    def change(content: Content) -> None:
        for pool in list(content["pools"]):
            kept = [item for item in pool.get("blocks", []) if item[ID] != capacity_reservation_id]
            if len(kept) == len(pool.get("blocks", [])):
                continue
            pool["blocks"] = kept
            if with_pool and not kept:
                content["pools"].remove(pool)

    return edited(text, edit, change, by_hand)


def _named(content: Content, pool: str) -> Content:
    found: Content = next(item for item in content["pools"] if item["name"] == pool)
    return found


def _entry(content: Content, reservation: str) -> Content:
    entries = (item for pool in content["pools"] for item in pool.get("blocks", []))
    found: Content = next(item for item in entries if item[ID] == reservation)
    return found
