"""Lines of a log of any size and from any viewer, in bounded memory. Standard library only.

A log comes from machines and people that are not trusted: it may hold lines without end, control characters and
nested JSON without end.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

_CHUNK: Final = 1 << 16
LINE_BYTES: Final = 1 << 16
"""Longest line that is read; the rest of a longer one is dropped. Rows have about a hundred bytes."""
DOCUMENT_BYTES: Final = 1 << 23
"""Largest JSON document that is read: that of a rack with times of each iteration has about 2 MiB."""
_DOCUMENT_PARTS: Final = 200_000
"""Most objects and lists of a JSON document."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[@-Z\\-_])")
_DROPPED = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, 0x200B, 0xFEFF, 0xFFFD])
_CHARACTERS = {**_DROPPED, 0xA0: " ", 0x2007: " ", 0x2009: " ", 0x202F: " "}
"""Control characters, marks of byte order and what wasn't UTF-8 are dropped; blanks of web pages are blanks."""

_MESSAGE_KEYS: Final = (
    "log", "message", "msg", "MESSAGE", "line", "Line", "body", "content", "textPayload", "_raw", "text", "Message",
)  # fmt: skip
"""Keys under which Docker, Fluent Bit, journald, CloudWatch, Loki, Datadog and others keep the line itself."""
_PAIR: Final = 2
"""Time and line, as Loki has them."""
_DEPTH: Final = 12
"""Depth to which an export is read; those of viewers are five deep."""


class Readable(Protocol):
    """A binary stream."""

    def read(self, size: int, /) -> bytes:
        """Next bytes, at most `size`; none at the end."""
        ...


class Document(dict[str, Any]):
    """A result of nccl-tests as JSON."""


def read_lines(stream: Readable) -> Iterator[str | Document]:
    """Lines of a log, cleaned, without the JSON that viewers wrap them in, and results that nccl-tests wrote as JSON.

    Args:
        stream: bytes in UTF-8 or UTF-16, with the line ends of any system.
    """
    head = stream.read(DOCUMENT_BYTES + 1)
    if len(head) <= DOCUMENT_BYTES and head[:256].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t")[:1] in {b"{", b"["}:
        values = _json_values(head.decode("utf-8", "replace").translate(_DROPPED))
        if found := [part for value in values for part in _contents(value)]:
            texts = "\n".join(part for part in found if isinstance(part, str))
            yield from reversed(found) if _is_newest_first(texts.encode("utf-8", "replace")) else found
            return
    if len(head) <= DOCUMENT_BYTES and _is_newest_first(head):
        head = b"\n".join(reversed(head.replace(b"\r\n", b"\n").split(b"\n")))
    for line in _physical_lines(head, stream):
        yield from _unwrapped(line)


def _is_newest_first(log: bytes) -> bool:
    """True if a viewer has the last line first: a run's average comes before the head of its table and any row."""
    average = log.find(b"Avg bus bandwidth")
    heads = [place for word in (b"nThread", b"busbw") if (place := log.find(word)) >= 0]
    return 0 <= average < min(heads, default=-1) and _ROW_START.search(log, 0, average) is None


_ROW_START = re.compile(rb"[0-9]{1,20}[ \t]{1,40}[0-9]{1,20}[ \t]{1,40}(?:[a-z]{3,8}[0-9]{0,2}|f8e[45]m[23])[ \t]")


def clean(line: str) -> str:
    """A line without colours, control characters and marks of byte order."""
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    return line if line.isascii() and line.isprintable() else line.translate(_CHARACTERS)


def _physical_lines(head: bytes, stream: Readable) -> Iterator[str]:
    """Lines, each at most as long as is read."""
    rest, dropping = b"", False
    for chunk in _chunks(head, stream):
        *whole, rest = (rest + chunk.replace(b"\r", b"\n")).split(b"\n")
        for line in whole:
            if not dropping:
                yield _decoded(line)
            dropping = False
        if len(rest) > (DOCUMENT_BYTES if _is_result(rest) else LINE_BYTES):
            if not dropping:
                yield _decoded(rest)
            rest, dropping = b"", True
    if not dropping:
        yield _decoded(rest)


def _is_result(line: bytes) -> bool:
    """True if a line begins as nccl-tests begins its JSON."""
    return b'"version"' in line[:LINE_BYTES] and b'"config"' in line[:DOCUMENT_BYTES]


def _decoded(line: bytes) -> str:
    return line[: DOCUMENT_BYTES if _is_result(line) else LINE_BYTES].decode("utf-8", "replace")


def _chunks(head: bytes, stream: Readable) -> Iterator[bytes]:
    for at in range(0, len(head), _CHUNK):
        yield head[at : at + _CHUNK]
    while chunk := stream.read(_CHUNK):
        yield chunk


def _unwrapped(line: str) -> Iterator[str | Document]:
    """A line, or what its JSON object holds, whatever precedes it."""
    at = line.find('{"')
    found = _contents(next(_json_values(line[at:]), None)) if at >= 0 else []
    yield from found or [clean(line[:LINE_BYTES])]


def _json_values(text: str) -> Iterator[Any]:
    """JSON values that a text consists of, to the first that is none."""
    if text.count("{") + text.count("[") > _DOCUMENT_PARTS:
        return
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at] in " \t\r\n,;":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value


def _contents(value: Any, depth: int = 0) -> list[str | Document]:  # noqa: ANN401 - JSON
    """Results of nccl-tests in a JSON value, and the lines of a viewer's export, in order."""
    if isinstance(value, dict):
        if isinstance(value.get("results"), list) and isinstance(value.get("config"), dict):
            return [Document(value)]
        keys = ("value",) if value.get("field") == "@message" else _MESSAGE_KEYS
        message = next((value[key] for key in keys if isinstance(value.get(key), str)), None)
        if message is not None:
            return _message_lines(message)
        children: list[Any] = list(value.values())
    elif isinstance(value, list):
        if len(value) == _PAIR and all(isinstance(item, str) for item in value) and value[0].isdecimal():
            return _message_lines(value[1])
        children = value
    else:
        return []
    return [part for item in children for part in _contents(item, depth + 1)] if depth < _DEPTH else []


def _message_lines(message: str) -> list[str | Document]:
    lines = message.removesuffix("\n").replace("\r", "\n").split("\n")
    return [clean(line[:LINE_BYTES]) for line in lines]
