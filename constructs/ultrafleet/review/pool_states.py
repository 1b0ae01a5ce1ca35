"""How each pool fares in a change, in one word."""

from dataclasses import dataclass
from enum import StrEnum

from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key, Pool
from ultrafleet.review.hazard import REFUSED, Hazard, Level


class State(StrEnum):
    """How a pool fares: the worst that holds."""

    HAZARD = "hazard"
    """Something stops, of itself or of what it stands on."""
    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, kw_only=True)
class MarkedPool:
    """A pool and how it fares.

    Attributes:
        before: as it is; None where it is added.
        after: as it will be; None where it goes.
        state: how it fares.
    """

    before: Pool | None
    after: Pool | None
    state: State

    @property
    def pool(self) -> Pool:
        """The one that it will be, or else was."""
        return next(side for side in (self.after, self.before) if side is not None)


def marked(compared: Comparison, hazards: list[Hazard]) -> list[MarkedPool]:
    """Every pool with its state, in the order of the fleet.

    A pool changes with what is its own. What several pools share changes none of them by itself; it is told in the
    blast radius, and as a hazard where it stops something.
    """
    stopping = [hazard for hazard in hazards if hazard.level is Level.STOPS]
    # What CloudFormation refuses it takes back: only a pool that it is about doesn't become what it should.
    worried = [key for hazard in stopping if hazard.kind != REFUSED for key in hazard.keys]
    in_danger = {pool.key for pool in compared.pools_on(*worried)} | {key for one in stopping for key in one.keys}
    changed = {pool.key for change in compared.changes.values() if (pool := compared.owner(change)) is not None}
    return [
        MarkedPool(before=before, after=after, state=_state(before, after, in_danger, changed))
        for before, after in compared.pools
    ]


def _state(before: Pool | None, after: Pool | None, in_danger: set[Key], changed: set[Key]) -> State:
    if after is None:
        return State.REMOVED
    if before is None:
        return State.ADDED
    if after.key in in_danger:
        return State.HAZARD
    return State.CHANGED if after.key in changed else State.UNCHANGED
