"""State of each pool in a change: unchanged, changed, added, removed, or with a blocking hazard."""

from dataclasses import dataclass
from enum import StrEnum

from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key, Pool
from ultrafleet.review.hazard import REFUSED, Hazard, Level


class State(StrEnum):
    """State of a pool: the worst that applies."""

    HAZARD = "hazard"
    """A blocking hazard of itself or of a resource that it depends on."""
    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, kw_only=True)
class MarkedPool:
    """A pool and its state.

    Attributes:
        before: as it is; None where it is added.
        after: as it will be; None where it goes.
        state: its state.
    """

    before: Pool | None
    after: Pool | None
    state: State

    @property
    def pool(self) -> Pool:
        """The pool after the change, or before it if it is removed."""
        return next(side for side in (self.after, self.before) if side is not None)


def marked(compared: Comparison, hazards: list[Hazard]) -> list[MarkedPool]:
    """Every pool with its state, in the order of the fleet.

    A pool changes with resources of its own. A resource that several pools share changes none of them alone; it is
    in the blast radius, and a hazard where it blocks something.
    """
    stopping = [hazard for hazard in hazards if hazard.level is Level.BLOCKING]
    # CloudFormation rolls back what it refuses: of the pools, only the subject itself is in danger.
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
