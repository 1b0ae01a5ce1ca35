"""State of each pool in a change: unchanged, changed, added, removed, or with a blocking hazard."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key, Pool
from ultrafleet.review.hazard import REFUSED, Hazard, Level
from ultrafleet.review.totals import Total, total


class State(StrEnum):
    """State of a pool: the worst that applies."""

    HAZARD = "hazard"
    """A blocking hazard of itself or of a resource that it depends on."""
    REMOVED = "removed"
    OVER = "over"
    """Removed after the end of its blocks."""
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, kw_only=True)
class MarkedPool:
    """A pool with all of its groups, and its state.

    Attributes:
        groups: its groups before and after; None on the side on which there is none.
        before: its total as it is; None where it is added.
        after: its total as it will be; None where it goes.
        state: its state.
    """

    groups: tuple[tuple[Pool | None, Pool | None], ...]
    before: Total | None
    after: Total | None
    state: State

    @property
    def of_base(self) -> list[Pool]:
        """Its groups as they are."""
        return [group for group, _ in self.groups if group is not None]

    @property
    def of_head(self) -> list[Pool]:
        """Its groups as they will be."""
        return [group for _, group in self.groups if group is not None]

    @property
    def pool(self) -> Pool:
        """A group of it, which says what all of them share."""
        return (self.of_head or self.of_base)[0]

    @property
    def title(self) -> str:
        """Cluster and name."""
        return self.pool.pool_title

    @property
    def total(self) -> Total:
        """Its total after the change, or before it if it is removed."""
        return next(side for side in (self.after, self.before) if side is not None)


def marked(compared: Comparison, hazards: Sequence[Hazard]) -> list[MarkedPool]:
    """Every pool of either side with its state, in the order of the fleet.

    Args:
        compared: both revisions.
        hazards: hazards of the change; one of a resource marks every pool that depends on it, if it blocks something.
    """
    stopping = [hazard for hazard in hazards if hazard.level is Level.BLOCKING]
    # CloudFormation rolls back what it refuses: of the pools, only the subject itself is in danger.
    worried = [key for hazard in stopping if hazard.kind != REFUSED for key in hazard.keys]
    in_danger = {pool.key for pool in compared.pools_on(*worried)} | {key for one in stopping for key in one.keys}
    changed = {pool.key for change in compared.changes.values() if (pool := compared.owner(change)) is not None}
    together: dict[tuple[str, str], list[tuple[Pool | None, Pool | None]]] = defaultdict(list)
    for before, after in compared.pools:
        pool = after or before
        if pool is not None:
            together[pool.identity].append((before, after))
    return [_marked(pairs, compared, in_danger, changed) for pairs in together.values()]


def _marked(
    pairs: list[tuple[Pool | None, Pool | None]], compared: Comparison, in_danger: set[Key], changed: set[Key]
) -> MarkedPool:
    sides = [[group for group in side if group is not None] for side in zip(*pairs, strict=True)]
    before, after = (total(groups, compared.as_of) if groups else None for groups in sides)
    return MarkedPool(
        groups=tuple(pairs), before=before, after=after, state=_state(pairs, compared, in_danger, changed)
    )


def _state(
    pairs: list[tuple[Pool | None, Pool | None]], compared: Comparison, in_danger: set[Key], changed: set[Key]
) -> State:
    if all(after is None for _, after in pairs):
        is_over = all(before is not None and before.is_over(compared.as_of) for before, _ in pairs)
        return State.OVER if is_over else State.REMOVED
    keys = {pool.key for pair in pairs for pool in pair if pool is not None}
    if keys & in_danger:
        return State.HAZARD
    if all(before is None for before, _ in pairs):
        return State.ADDED
    stays = all(before is not None and after is not None and before.windows == after.windows for before, after in pairs)
    return State.CHANGED if keys & changed or not stays else State.UNCHANGED
