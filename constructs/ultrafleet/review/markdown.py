"""Markdown that fits into a comment: text made safe, tables, and sections that are cut where there is no room."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.plain_text import visible

_CODE: Final = re.compile(r"(`[^`\n]+`)")
_SPECIAL: Final = re.compile(r"([\\`*_>|\[\]~#])")
_WWW: Final = re.compile(r"www\.", re.IGNORECASE)
_NOTHING: Final = "\u200b"
"""A zero-width space: it keeps an at sign from calling people, and an address from becoming a link."""
_SHARE: Final = 0.5
"""Most of what is left that one section takes: a long list of hazards still leaves room for the costs."""
_RESERVED: Final = 160
"""Bytes kept for the heading of a section and for the line that says how much was left out."""


def safe(text: str) -> str:
    """Text of a template in which nothing is Markdown, HTML, a mention or a link; `code` stays code."""
    parts = _CODE.split(visible(" ".join(text.split())))
    return "".join(part if _CODE.fullmatch(part) else _escaped(part) for part in parts)


def code(text: str) -> str:
    """A name as code, in a table, too."""
    plain = visible(" ".join(text.split())).translate({ord("`"): "'", ord("|"): "/"})
    return f"`{plain or ' '}`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> list[str]:
    """A table: header, rule and rows; columns of numbers on the right."""
    numbers = set(right)
    rule = ["--:" if column in numbers else "---" for column in range(len(header))]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def _escaped(text: str) -> str:
    plain = _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;")).replace("<", "&lt;")
    plain = plain.replace("@", f"@{_NOTHING}").replace("://", f":{_NOTHING}//")
    return _WWW.sub(lambda match: f"{match.group()[:3]}{_NOTHING}.", plain)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a review.

    Attributes:
        title: its heading; "" for none.
        lead: lines that are always shown.
        lines: lines of which as many are shown as there is room for.
        folded: whether it is shown closed, for who opens it.
    """

    title: str
    lead: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    folded: bool = False

    def text(self, shown: Sequence[str], note: str = "") -> str:
        """The section with some of its lines."""
        body = "\n".join([*self.lead, *shown, *(["", note] if note else [])])
        if self.folded:
            return f"<details><summary>{self.title}</summary>\n\n{body}\n\n</details>\n"
        return f"### {self.title}\n\n{body}\n" if self.title else f"{body}\n"


def whole(sections: Sequence[Section]) -> str:
    """Every line of every section."""
    return "\n".join(section.text(section.lines) for section in sections)


def fitted(sections: Sequence[Section], most_bytes: int, *, elsewhere: str) -> str:
    """As much of the sections as fits, the first ones first.

    Args:
        sections: the parts, the important first.
        most_bytes: size that the text may not exceed, in UTF-8.
        elsewhere: where the rest is, for the line that says that there is some.
    """
    everything = whole(sections)
    if _size(everything) <= most_bytes:
        return everything
    left = most_bytes - sum(_size(section.text(())) + _RESERVED for section in sections)
    shown = [0] * len(sections)
    # First every part gets its share, then the first ones what nobody took.
    for share in (_SHARE, 1.0):
        for place, section in enumerate(sections):
            allowed = int(left * share)
            for line in section.lines[shown[place] :]:
                if _size(line) + 1 > allowed:
                    break
                allowed -= _size(line) + 1
                left -= _size(line) + 1
                shown[place] += 1
    return "\n".join(_cut(section, count, elsewhere) for section, count in zip(sections, shown, strict=True))


def _cut(section: Section, shown: int, elsewhere: str) -> str:
    missing = len(section.lines) - shown
    return section.text(section.lines[:shown], f"*{missing:,} more: {elsewhere}*" if missing else "")


def _size(text: str) -> int:
    return len(text.encode())
