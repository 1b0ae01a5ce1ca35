"""What may go wrong when a change is deployed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ultrafleet.review.fleet import Key, Pool

REFUSED: Final = "refused"
"""Kind of a hazard that stops a deployment, and nothing that runs."""


class Level(StrEnum):
    """What a hazard does."""

    STOPS = "stops"
    """Nodes that run, data or the deployment itself: somebody's work stops."""
    OPENS = "opens"
    """More people or programs reach more, or less protects what is there."""
    LOOK = "look"
    """Nothing stops at once; somebody should know it before it is merged."""


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """One of them.

    Attributes:
        level: what it does.
        kind: short name, the same for every one of a kind.
        subject: what it is about: a pool's title, or `stack/LogicalId`.
        message: what happens, and what to do instead.
        keys: resources that it comes from.
    """

    level: Level
    kind: str
    subject: str
    message: str
    keys: tuple[Key, ...] = ()


def of_pool(level: Level, kind: str, pool: Pool, message: str, *others: Pool) -> Hazard:
    """A hazard of a pool, and of others that it comes from."""
    keys = tuple(dict.fromkeys((pool.key, *(other.key for other in others))))
    return Hazard(level=level, kind=kind, subject=pool.title, message=message, keys=keys)
