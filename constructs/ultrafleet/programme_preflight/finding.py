"""Finding of a programme's preflight: a need beside what the account has."""

from dataclasses import dataclass
from enum import StrEnum

from ultrafleet.programme_preflight.needs import Need, Place


class Standing(StrEnum):
    """Standing of a need."""

    SHORT = "short"
    """Not enough for the racks that are reserved: their deployment fails."""
    LATER = "later"
    """Enough for them, and not for every slot."""
    UNKNOWN = "unknown"
    """AWS gave no answer that settles it."""
    ENOUGH = "enough"
    """Enough for every slot."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Finding of a programme's preflight.

    Attributes:
        place: account and region.
        standing: how it stands.
        what: quota, or question of the account.
        observed: what the account has, in a few words.
        expected: what is needed.
        remedy: what to do about it; "" where that is nothing.
        command: AWS CLI command that asks for it; "" where no API does.
        letter: sentence of a letter to AWS; "" where a command is enough.
        need: the need; None for a question.
    """

    place: Place
    standing: Standing
    what: str
    observed: str
    expected: str
    remedy: str = ""
    command: str = ""
    letter: str = ""
    need: Need | None = None
