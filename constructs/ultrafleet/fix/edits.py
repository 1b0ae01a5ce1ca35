"""Edits of a template: what they make of its data, and of its text, byte for byte elsewhere."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.fix.rendering import Style, block, inline, key_text
from ultrafleet.fix.tree import CannotEditError, Node, inner_start, tree_of, walked

Path = tuple[str | int, ...]
_COLON: Final = re.compile(r"[ \t]*:")
_REST: Final = re.compile(r"[ \t]*(#[^\r\n]*)?(?=\r?\n|\Z)")
_INDENTATION: Final = re.compile(r"(?m)^( +)[^\s#-]")


@dataclass(frozen=True)
class Put:
    """A value to be stated at a path; what is missing on the way is added."""

    path: Path
    value: Any


@dataclass(frozen=True)
class Remove:
    """A value to be taken out."""

    path: Path


@dataclass(frozen=True)
class Append:
    """Members to be added at the end of a list."""

    path: Path
    values: tuple[Any, ...]


Edit = Put | Remove | Append
_Splice = tuple[int, int, str]


def edited_content(content: Any, edits: Sequence[Edit]) -> Any:  # noqa: ANN401 - JSON
    """Data of a template after edits.

    Raises:
        CannotEditError: there is nothing at a path that can be edited so.
    """
    made = _copied(content)
    for edit in edits:
        try:
            _change(made, edit)
        except (LookupError, TypeError, AttributeError) as error:
            raise CannotEditError("another value there than the mapping or list that is edited") from error
    return made


def _copied(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A copy in which aliases aren't shared."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _change(content: Any, edit: Edit) -> None:  # noqa: ANN401 - JSON
    *way, last = edit.path
    at: Any = content
    for part in way:
        if isinstance(edit, Put) and isinstance(at, dict) and (part not in at or at[part] is None):
            at[part] = {}
        at = at[part]
    if isinstance(edit, Put):
        if not isinstance(at, dict | list):
            raise CannotEditError("a function there")
        at[last] = _copied(edit.value)  # type: ignore[index]  # a key, or a place in a list
    elif isinstance(edit, Remove):
        del at[last]
    else:
        at[last].extend(_copied(list(edit.values)))


def edited_text(text: str, edits: Sequence[Edit]) -> str:
    """Text of a template after edits.

    Raises:
        CannotEditError: some place can't be edited without changing more.
    """
    waiting = list(edits)
    while waiting:
        splices, waiting = _passed(_Editor(text), waiting)
        for start, end, new in sorted(splices, reverse=True):
            text = text[:start] + new + text[end:]
    return text


def _passed(editor: "_Editor", edits: Sequence[Edit]) -> tuple[list[_Splice], list[Edit]]:
    """Splices of the edits that can be made at once, and the edits that are left.

    Those of one resource are made in their order, each on what the one before it left.
    """
    splices: list[_Splice] = []
    left: list[Edit] = []
    busy: set[Path] = set()
    for number, edit in enumerate(edits):
        of = edit.path[:2]
        is_replacement = editor.is_replacement(edit)
        if not is_replacement and len(edit.path) <= len(of):
            if not splices and not left:
                return [*editor.splices(edit)], list(edits[1:])
            return splices, [*left, *edits[number:]]
        made = [] if of in busy else editor.splices(edit)
        clashes = any(start < other_end and other < end for start, end, _ in made for other, other_end, _ in splices)
        if of in busy or clashes:
            left.append(edit)
            busy.add(of)
            continue
        splices += made
        if not is_replacement:
            busy.add(of)
    return splices, left


class _Editor:
    """Editor of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._root, is_json = tree_of(text)
        steps = [len(match) for match in _INDENTATION.findall(text)]
        self._style = Style(is_json=is_json, step=min(steps, default=2), newline="\r\n" if "\r\n" in text else "\n")

    def is_replacement(self, edit: Edit) -> bool:
        """True for an edit of a scalar that is there: such edits don't touch each other."""
        if not isinstance(edit, Put) or isinstance(edit.value, dict | list):
            return False
        *_, (_, node) = way = list(walked(self._root, edit.path))
        return len(way) == len(edit.path) + 1 and not node.is_map and not node.is_list

    def splices(self, edit: Edit) -> list[_Splice]:
        way = list(walked(self._root, edit.path))
        if isinstance(edit, Put):
            return [self._put(edit, way)]
        if len(way) <= len(edit.path):
            raise CannotEditError("nothing there")
        if isinstance(edit, Append):
            return [self._append(way[-1][1], edit.values, in_flow=_in_flow(way))]
        return [self._remove(way, edit.path[-1])]

    def _put(self, edit: Put, way: list[tuple[Node | None, Node]]) -> _Splice:
        missing = edit.path[len(way) - 1 :]
        key, node = way[-1]
        if not missing:
            return self._replace(key, node, edit.value, in_flow=_in_flow(way[:-1]))
        value = edit.value
        for part in reversed(missing[1:]):
            value = {part: value}
        is_empty = not node.is_map and not node.is_list and node.start == node.end
        if is_empty:
            return self._replace(key, node, {missing[0]: value}, in_flow=_in_flow(way[:-1]))
        if not node.is_map or node.function or not isinstance(missing[0], str):
            raise CannotEditError("a function there")
        if node.flow:
            pairs = [(pair[0].start, pair[1].end) for pair in node.entries]
            after = self._text[node.entries[-1][0].end : node.entries[-1][1].start] if node.entries else ": "
            colon = after if _COLON.fullmatch(after.rstrip(" ")) and after.count(":") == 1 else ": "
            like = self._text[node.entries[0][0].start] if node.entries else ""
            name = key_text(missing[0], self._style, like)
            return self._add_to_flow(
                node, pairs, lambda indent: name + colon + inline(value, self._style, indent=indent)
            )
        column = self._column(node.entries[0][0].start)
        like = self._text[node.entries[0][0].start]
        return self._add_lines(node.end, block({missing[0]: value}, self._style, like=like), column)

    def _replace(self, key: Node | None, node: Node, value: Any, *, in_flow: bool) -> _Splice:  # noqa: ANN401 - JSON
        text = self._text
        if node.style in ("|", ">") and not node.function and isinstance(value, str):
            return self._block_scalar(node, value)
        start = node.start
        if not node.function:
            start = inner_start(text, node)
        is_lines = (node.is_map or node.is_list) and not node.flow
        is_empty = node.start == node.end
        if is_lines or is_empty:
            if key is None:
                raise CannotEditError("a list of lists there")
            colon = _COLON.match(text, key.end)
            if colon is None or text[colon.end() : node.start].strip():
                raise CannotEditError("a comment or an anchor before the value")
            start = colon.end()
        if isinstance(value, dict | list) and not in_flow and not self._style.is_json and (is_lines or is_empty):
            lines = block(value, self._style)
            if len(lines) > 1 or not inline_is_short(value, self._style):
                column = self._column(key.start if key is not None else start) + self._style.step
                made = "".join(f"{self._style.newline}{' ' * column}{line}" for line in lines)
                return start, node.end, made
        new = inline(value, self._style, like=node.style if not node.function else "")
        return start, node.end, f" {new}" if is_lines or is_empty else new

    def _block_scalar(self, node: Node, value: str) -> _Splice:
        """Lines of a literal text; only those that change are written again."""
        text = self._text
        start = inner_start(text, node)
        if text[start] != "|":
            raise CannotEditError("a folded text")
        head = text.find("\n", start, node.end) + 1
        lines = text[head : node.end].splitlines(keepends=True)
        first = next((line for line in lines if line.strip()), None)
        if head == 0 or first is None or any(sign.isdigit() for sign in text[start:head].split("#")[0]):
            raise CannotEditError("a text whose indentation is stated")
        indent = first[: len(first) - len(first.lstrip(" "))]
        new = value.rstrip("\n").split("\n")
        newline = self._style.newline
        return head, node.end, newline.join(indent + line if line else line for line in new)

    def _append(self, node: Node, values: Sequence[Any], *, in_flow: bool) -> _Splice:
        if not node.is_list or node.function or not node.items:
            raise CannotEditError("no list with members there")
        if node.flow or in_flow:
            spans = [(item.start, item.end) for item in node.items]

            def made(indent: int) -> str:
                between = "," + self._between(node, spans)
                return between.join(inline(value, self._style, indent=indent) for value in values)

            return self._add_to_flow(node, spans, made)
        column = self._column(self._dash(node.items[-1]))
        if not _is_line(self._text, self._dash(node.items[-1])):
            raise CannotEditError("a list of lists there")
        if node.items[-1].flow and node.items[-1].is_map:
            lines = [f"- {inline(value, self._style)}" for value in values]
        else:
            lines = block(list(values), self._style)
        return self._add_lines(node.end, lines, column)

    def _between(self, node: Node, spans: Sequence[tuple[int, int]]) -> str:
        """White space between a comma and the next member."""
        if not spans:
            return ""
        before = spans[-2][1] if len(spans) > 1 else inner_start(self._text, node) + 1
        gap = self._text[before : spans[-1][0]]
        space = gap[len(gap.rstrip()) :]
        return space if space or (self._style.is_json and len(spans) > 1) else " "

    def _add_to_flow(self, node: Node, spans: Sequence[tuple[int, int]], made: Any) -> _Splice:  # noqa: ANN401 - a function
        if not spans:
            at = inner_start(self._text, node) + 1
            return at, at, made(-1)
        space = self._between(node, spans)
        indent = len(space.rpartition("\n")[2]) if "\n" in space and self._style.is_json else -1
        end = spans[-1][1]
        return end, end, f",{space}{made(indent)}"

    def _add_lines(self, end: int, lines: Sequence[str], column: int) -> _Splice:
        rest = _REST.match(self._text, end)
        if rest is None:
            raise CannotEditError("more on the line of the last value")
        newline = self._style.newline
        made = newline.join(" " * column + line for line in lines)
        at = rest.end()
        return at, at, newline + made

    def _remove(self, way: list[tuple[Node | None, Node]], part: str | int) -> _Splice:
        text, (_, parent), (key, node) = self._text, way[-2], way[-1]
        if parent.function:
            raise CannotEditError("a function there")
        spans = (
            [(pair[0].start, pair[1].end) for pair in parent.entries]
            if parent.is_map
            else [(item.start, item.end) for item in parent.items]
        )
        place = [pair[0] for pair in parent.entries].index(key) if key is not None else int(part)
        start, end = spans[place]
        if parent.flow:
            return self._remove_from_flow(spans, place)
        if len(spans) == 1:
            return self._emptied(way)
        if parent.is_list:
            start = self._dash(node)
        if not _is_line(text, start):
            if place + 1 == len(spans) or "#" in text[end : spans[place + 1][0]]:
                raise CannotEditError("more on its line")
            return start, spans[place + 1][0], ""
        return self._remove_lines(start, end)

    def _remove_from_flow(self, spans: Sequence[tuple[int, int]], place: int) -> _Splice:
        start, end = spans[place]
        if place + 1 < len(spans):
            end = spans[place + 1][0]
        elif place:
            start = spans[place - 1][1]
        lines = self._text[start:end].splitlines()
        if not self._style.is_json and any(" #" in line or line.startswith("#") for line in lines):
            raise CannotEditError("a comment inside of what is removed")
        return start, end, ""

    def _remove_lines(self, start: int, end: int) -> _Splice:
        text = self._text
        rest = _REST.match(text, max(end, start))
        if rest is None:
            raise CannotEditError("more on its last line")
        first = text.rfind("\n", 0, start) + 1
        after = text.find("\n", rest.end()) + 1
        if after:
            return first, after, ""
        before = first - (2 if text[:first].endswith("\r\n") else 1)
        return max(before, 0), len(text), ""

    def _emptied(self, way: list[tuple[Node | None, Node]]) -> _Splice:
        """The only member of a block taken out: its holder is empty braces or brackets."""
        key, parent = way[-2]
        return self._replace(key, parent, {} if parent.is_map else [], in_flow=False)

    def _dash(self, item: Node) -> int:
        before = self._text[: item.start].rstrip()
        if not before.endswith("-"):
            raise CannotEditError("a comment between a dash and its value")
        return len(before) - 1

    def _column(self, at: int) -> int:
        return at - (self._text.rfind("\n", 0, at) + 1)


def inline_is_short(value: Any, style: Style) -> bool:  # noqa: ANN401 - JSON
    """True for what is written on one line: nothing in it, or a short intrinsic."""
    return not value or inline(value, style).startswith("!")


def _in_flow(way: Sequence[tuple[Node | None, Node]]) -> bool:
    return any(node.flow and (node.is_map or node.is_list) for _, node in way)


def _is_line(text: str, at: int) -> bool:
    """True if nothing is before a place on its line."""
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def removed_if_empty(content: Any, paths: Sequence[Path]) -> Iterator[Remove]:  # noqa: ANN401 - JSON
    """Removals of members of one list, last first; the list itself where none is left."""
    holder = paths[0][:-1]
    at = content
    for part in holder:
        at = at[part]
    if len(at) == len(paths):
        yield Remove(holder)
    else:
        yield from (Remove(path) for path in sorted(paths, key=lambda path: path[-1], reverse=True))
