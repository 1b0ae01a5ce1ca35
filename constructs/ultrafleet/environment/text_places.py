"""Places of an environment file's text: its pools and blocks, by the marks of the YAML parser, and edits there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import yaml

from ultrafleet.errors import FleetError
from ultrafleet.yaml_loader import UniqueKeyLoader

_DASH: Final = re.compile(r"([ ]*)-([ ]+)")
ID: Final = "capacity_reservation_id"
"""Key by which a block is found."""

Content = dict[str, Any]


class EditError(FleetError):
    """An edit that can't be made in the file as it is written; `remedy` says what to write by hand."""


@dataclass(frozen=True, kw_only=True)
class PaymentEntry:
    """Entry of a block's `payments`.

    Attributes:
        day: day of the payment.
        usd: sum.
    """

    day: date
    usd: Decimal

    def values(self) -> Content:
        """Keys and values, as the file's loader reads them."""
        return {"date": self.day, "usd": float(self.usd)}

    def pairs(self) -> list[str]:
        """`key: value` of each key."""
        return [f"date: {self.day.isoformat()}", f"usd: {self.usd.normalize():f}"]

    def flow(self) -> str:
        """The entry on one line."""
        return f"{{ {', '.join(self.pairs())} }}"


@dataclass(frozen=True, kw_only=True)
class BlockEntry:
    """Entry of a pool's `blocks`.

    Attributes:
        capacity_reservation_id: `cr-…`.
        availability_zone: its zone.
        start: its start.
        end: its end.
        instance_count: number of its instances, or None to leave the key out, as on an UltraServer pool.
        payment: what was paid for it, or None to leave the key out.
    """

    capacity_reservation_id: str
    availability_zone: str
    start: datetime
    end: datetime
    instance_count: int | None = None
    payment: PaymentEntry | None = None

    def values(self) -> Content:
        """Keys and values, as the file's loader reads them."""
        found: Content = {
            ID: self.capacity_reservation_id,
            "availability_zone": self.availability_zone,
            "start": self.start,
            "end": self.end,
        }
        if self.instance_count is not None:
            found["instance_count"] = self.instance_count
        if self.payment is not None:
            found["payments"] = [self.payment.values()]
        return found

    def pairs(self) -> list[str]:
        """`key: value` of each key."""
        plain = {key: value for key, value in self.values().items() if key != "payments"}
        found = [
            f"{key}: {written_moment(value) if isinstance(value, datetime) else value}" for key, value in plain.items()
        ]
        return [*found, f"payments: [{self.payment.flow()}]"] if self.payment is not None else found

    def flow(self) -> str:
        """The entry on one line."""
        return f"{{ {', '.join(self.pairs())} }}"


def refusal(path: str, got: str, by_hand: str) -> EditError:
    """Error of an edit that can't be made."""
    return EditError(path=path, got=got, expected="lists and mappings of their own", remedy=by_hand)


def written_moment(moment: datetime) -> str:
    """Moment as a file has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def root(body: str) -> Any:  # noqa: ANN401 - PyYAML's nodes have no useful types
    """Root of the parsed text."""
    return yaml.compose(body, Loader=UniqueKeyLoader)


def value_of(mapping: Any, key: str) -> Any:  # noqa: ANN401 - as above
    """Value of a key, or None."""
    return next((value for name, value in mapping.value if name.value == key), None)


def find_pool(body: str, name: str, by_hand: str) -> Any:  # noqa: ANN401 - as above
    """Entry of a pool.

    Raises:
        EditError: there is none of that name.
    """
    for item in value_of(root(body), "pools").value:
        if getattr(value_of(item, "name"), "value", None) == name:
            return item
    raise refusal(f"pool {name}", "not in the file", by_hand)


def find_block(body: str, reservation: str, by_hand: str) -> tuple[Any, Any, Any]:
    """Entry of a block, with its pool's entry and the list that it is in.

    Raises:
        EditError: there is none.
    """
    for pool in value_of(root(body), "pools").value:
        blocks = value_of(pool, "blocks")
        for item in blocks.value if isinstance(blocks, yaml.SequenceNode) else []:
            if getattr(value_of(item, ID), "value", None) == reservation:
                return pool, blocks, item
    raise refusal(f"block {reservation}", "not in the file", by_hand)


def start_of(body: str, item: Any) -> datetime:  # noqa: ANN401 - as above
    """Start of a block's entry."""
    node = value_of(item, "start")
    found = yaml.load(body[node.start_mark.index : node.end_mark.index], Loader=UniqueKeyLoader)  # noqa: S506
    if not isinstance(found, datetime):
        raise TypeError
    return found


def splice(body: str, node: Any, written: str) -> str:  # noqa: ANN401 - as above
    """Text with something else in a node's place."""
    begin, end = int(node.start_mark.index), int(node.end_mark.index)
    return body[:begin] + written + body[end:]


def newline(body: str) -> str:
    """Line end of the text."""
    return "\r\n" if "\r\n" in body else "\n"


def with_line_end(body: str, at: int) -> tuple[str, int]:
    """The text with a line end at its end, if `at` is there and it has none."""
    if at == len(body) and not body.endswith("\n"):
        return body + newline(body), at + len(newline(body))
    return body, at


def _last(node: Any) -> int:  # noqa: ANN401 - as above
    """Index behind the last character of a node; of a block collection the parser's own mark is behind comments."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    child = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    if child.start_mark.index < node.start_mark.index:
        raise TypeError
    return _last(child)


def lines_of(body: str, item: Any, by_hand: str) -> tuple[int, int]:  # noqa: ANN401 - as above
    """Begin and end of the lines of a list's entry; its dash begins the first."""
    begin = body.rfind("\n", 0, item.start_mark.index) + 1
    if not _DASH.fullmatch(body[begin : item.start_mark.index]):
        raise refusal("an entry of the list", "not on the line of its dash", by_hand)
    last = _last(item)
    end = last if last and body[last - 1] == "\n" else body.find("\n", last) + 1
    return begin, end or len(body)


def item_lines(body: str, blocks: Any, block: BlockEntry | PaymentEntry, by_hand: str) -> str:  # noqa: ANN401 - as above
    """Lines of an entry, as the list's first one is written."""
    sibling = blocks.value[0]
    begin, _ = lines_of(body, sibling, by_hand)
    dash = body[begin : sibling.start_mark.index]
    lines = [block.flow()] if sibling.flow_style else block.pairs()
    end = newline(body)
    return "".join(f"{dash if n == 0 else ' ' * len(dash)}{line}{end}" for n, line in enumerate(lines))


def insert_item(body: str, blocks: Any, before: int, block: BlockEntry | PaymentEntry, by_hand: str) -> str:  # noqa: ANN401 - as above
    """Text with one more entry of a list of blocks."""
    items: Sequence[Any] = blocks.value
    if blocks.flow_style:
        at = items[before - 1].end_mark.index if before else items[0].start_mark.index
        written = f", {block.flow()}" if before else f"{block.flow()}, "
        return body[:at] + written + body[at:]
    at = lines_of(body, items[before - 1], by_hand)[1] if before else lines_of(body, items[0], by_hand)[0]
    written = item_lines(body, blocks, block, by_hand)
    body, at = with_line_end(body, at)
    return body[:at] + written + body[at:]


def insert_key(body: str, entry: Any, key: str, blocks: Sequence[BlockEntry], by_hand: str) -> str:  # noqa: ANN401 - as above
    """Text with one more key of a pool."""
    return insert_pair(body, entry, f"{key}: [{', '.join(block.flow() for block in blocks)}]", by_hand)


def insert_pair(body: str, entry: Any, written: str, by_hand: str) -> str:  # noqa: ANN401 - as above
    """Text with one more `key: value` of a list's entry."""
    if entry.flow_style:
        at = _last(entry.value[-1][1])
        return f"{body[:at]}, {written}{body[at:]}"
    begin, at = lines_of(body, entry, by_hand)
    body, at = with_line_end(body, at)
    indent = " " * (int(entry.start_mark.index) - begin)
    return f"{body[:at]}{indent}{written}{newline(body)}{body[at:]}"


def remove_item(body: str, items: Any, item: Any, by_hand: str) -> str:  # noqa: ANN401 - as above
    """Text without an entry of a list."""
    if not items.flow_style:
        begin, end = lines_of(body, item, by_hand)
        return body[:begin] + body[end:]
    place = items.value.index(item)
    if place:
        return body[: items.value[place - 1].end_mark.index] + body[item.end_mark.index :]
    return body[: item.start_mark.index] + body[items.value[1].start_mark.index :]
