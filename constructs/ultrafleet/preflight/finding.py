"""Findings of preflight: what a deployment would do to what runs, or why it can't be made."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Level of a finding."""

    UNCLEAR = "unclear"
    """AWS's answers contradict each other, so that nothing can be said about running nodes."""
    REFUSED = "refused"
    """The deployment would fail, or do what can't be meant; no waiver."""
    HAZARD = "hazard"
    """The deployment takes nodes away, now or soon; it has a key that waives it."""
    NOTE = "note"
    """It is worth knowing, and takes no node."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Finding of preflight.

    Attributes:
        level: its level.
        text: one line: what happens, and what to do.
        key: of a hazard: names this change of this node group, for `--accept`; "" for other levels.
    """

    level: Level
    text: str
    key: str = ""


def unclear(text: str) -> Finding:
    """Finding that the account's state is unclear."""
    return Finding(level=Level.UNCLEAR, text=text)


def refused(text: str) -> Finding:
    """Finding that the deployment is refused."""
    return Finding(level=Level.REFUSED, text=text)


def hazard(key: str, text: str) -> Finding:
    """Hazard to running nodes.

    Args:
        key: such as `rolled:rack-a-cr-0aaaaaaaaaaaaaaa1:1-to-2`, without blanks.
        text: one line.
    """
    return Finding(level=Level.HAZARD, text=text, key=key)


def note(text: str) -> Finding:
    """Note."""
    return Finding(level=Level.NOTE, text=text)


def nodes(count: int) -> str:
    """`1 node`, `18 nodes`."""
    return f"{count} node{'' if count == 1 else 's'}"
