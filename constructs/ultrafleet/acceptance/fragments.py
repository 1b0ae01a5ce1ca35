"""Lines of nccl-tests, put together from what viewers and NCCL's own lines cut them into. Standard library only.

Output of all ranks goes to one stream. A line of NCCL's can begin in the middle of a row, which goes on after it, and a
viewer puts its prefix before every line, perhaps also within a row. Nothing is known of the viewer: its prefix is
learned from lines whose beginning is known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_KNOWN_START = re.compile(
    r"#?[ \t]*(?:nThread[ \t]+[0-9]+|Rank[ \t]+[0-9]+[ \t]|Using devices|Out of bounds values|Avg bus bandwidth|"
    r"Collective test|nccl-tests version|Reducing maxBytes|size[ \t]+count[ \t])"
)
_KNOWN_PREFIX = re.compile(
    r"[ \t]*(?:"
    r"\[[0-9]+,[0-9]+\](?:<std(?:out|err)>)?:?[ \t]?"  # mpirun --tag-output
    r"|\[(?:rank)?[0-9]+\]:?[ \t]?"  # torchrun, mpirun
    r"|[0-9]+:[ \t]"  # srun --label
    r"|\[pod/[^\]\s]{1,300}\][ \t]"  # kubectl logs --prefix
    r"|\[?[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]{5,20}(?:Z|[+-][0-9:]{4,5})?\]?[ \t]"  # timestamps
    r"|std(?:out|err)[ \t][FP][ \t]"  # CRI
    r"|[\w./-]{1,300}[ \t]+\|[ \t]"  # docker compose, stern
    r"|>[ \t]"
    r")"
)
"""Prefixes of common tools, for logs whose own can't be learned."""
_MOST_PREFIXES: Final = 8
_PREFIX_CHARACTERS: Final = 400
_HOST_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_PROCESS = re.compile(r":([0-9]{1,10}):([0-9]{1,10})$")
_STAMP = re.compile(r"\[[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]{5,20}\] $")


@dataclass(frozen=True)
class NcclLine:
    """A line that NCCL printed.

    Attributes:
        host: host that printed it; empty where the line doesn't say.
        process: host and process.
        level: `INFO`, `WARN`, ...
        text: what follows the level.
    """

    host: str
    process: str
    level: str
    text: str


def split_nccl(line: str, hosts: set[str]) -> tuple[str, NcclLine | None]:
    """Text before NCCL's own on a line, and NCCL's; None where there is none.

    Args:
        line: the line.
        hosts: hosts that are known so far, to separate a host's name from a figure in front of it.
    """
    at = line.find("NCCL ")
    while at >= 0:
        level, _, text = line[at + 5 : at + 5 + 8].partition(" ")
        if level in {"INFO", "WARN", "TRACE", "CALL"}:
            text = line[at + 5 + len(level) :].strip()
            start, host, process = _begin(line, at, hosts)
            return line[:start], NcclLine(host, process, level, text)
        if level == "version":
            return line[:at], NcclLine("", "", level, line[at:].strip())
        at = line.find("NCCL ", at + 5)
    return line, None


def _begin(line: str, at: int, hosts: set[str]) -> tuple[int, str, str]:
    """Place at which the line of NCCL begins whose level is at `at`, host and process."""
    words = line[max(0, at - 700) : at].rstrip(" ").split(" ")
    end = at
    # [device], and file and function of a warning, between process and level.
    for _ in range(4):
        if not words:
            break
        word = words.pop()
        end = line.rfind(word, 0, end) if word else end - 1
        found = _PROCESS.search(word[-400:])
        if found is None or word.startswith("("):
            continue
        named = word[: len(word) - len(found.group(0))]
        host = named[len(named.rstrip(_HOST_CHARACTERS)) :]
        known = max((name for name in hosts if name and host.endswith(name)), key=len, default="")
        # A figure in front of a host that isn't known yet has digits and dots, and a host begins with a letter.
        host = known or host.lstrip("0123456789.-+") or host
        start = end + len(named) - len(host)
        if stamp := _STAMP.search(line[max(0, start - 40) : start]):
            start -= len(stamp.group(0))
        return start, host, f"{host}:{found.group(1)}"
    return at, "", ""


class Prefixes:
    """Prefixes of a log's lines, as they are learned from it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {}

    def learn(self, line: str) -> None:
        """Keep what precedes a line whose beginning is known."""
        found = _KNOWN_START.search(line[: 2 * _PREFIX_CHARACTERS])
        if found is None or not (prefix := line[: found.start()]).strip() or len(prefix) > _PREFIX_CHARACTERS:
            return
        shape = re.sub(r"[0-9]+", "0", prefix)
        if shape in self._known or len(self._known) >= _MOST_PREFIXES:
            return
        digits = r"[0-9]{1,30}"
        parts = [re.escape(part) for part in shape.rstrip().split("0")]
        blanks = len(prefix) - len(prefix.rstrip())
        inner = digits.join(parts)
        self._known[shape] = (re.compile(inner + f"[ \t]{{0,{blanks}}}"), re.compile(r"(?<![0-9])" + inner))

    def strip(self, line: str) -> str:
        """A line without its prefix, where it is known."""
        for start, _ in self._known.values():
            if found := start.match(line):
                return line[found.end() :]
        while found := _KNOWN_PREFIX.match(line):
            line = line[found.end() :]
        return line

    def without(self, text: str) -> Iterator[str]:
        """A text without prefixes in its middle, in the ways that they can be there."""
        for start, within in self._known.values():
            yield start.sub("", text)
            yield within.sub("", text)
        yield _TAG.sub("", text)


_TAG = re.compile(r"\[[0-9]{1,6}(?:,[0-9]{1,6})?\](?:<std(?:out|err)>)?:?")


def is_part(text: str) -> bool:
    """True if a text can be the beginning of a row or of a line of nccl-tests, cut off by a line of NCCL's."""
    bare = text.strip()
    return bare.startswith("#") or bool(bare and _ROW_PART.fullmatch(bare[:_PART_CHARACTERS]))


_PART_CHARACTERS: Final = 2000
_ROW_PART = re.compile(
    r"[0-9]{1,20}(?:[ \t]+[0-9]{1,20}(?:[ \t]+[a-z][a-z0-9_]{0,9}(?:[ \t]+[a-z]{1,8})?"
    r"(?:[ \t]+[0-9.+\-enaifNA/]{1,20}){0,40})?)?"
)
