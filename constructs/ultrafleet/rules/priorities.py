"""Priorities of workloads in queues, and which of them a team's jobs may have."""

from collections.abc import Mapping, Sequence
from typing import Final

from ultrafleet.errors import FleetError

PRIORITIES: Final[Mapping[str, int]] = {
    "training-urgent": 2_000,
    "training": 1_000,
    "opportunistic": 0,
}
"""Priority classes of jobs; the numbers are ours. Served models are in no queue."""

TEAM_PRIORITIES: Final = tuple(PRIORITIES)
"""Classes of a team's jobs, unless it is given others."""


def check_priorities(priorities: Sequence[str], *, path: str = "priorities") -> None:
    """Check that a team's priorities are priority classes of the queues.

    Args:
        priorities: names of classes.
        path: where they are stated, for the error.

    Raises:
        FleetError: there is none, or one that isn't a class.
    """
    unknown = sorted(set(priorities) - set(PRIORITIES))
    if unknown or not priorities:
        raise FleetError(
            path=path,
            got=", ".join(unknown) or "empty",
            expected=f"one or more of {', '.join(PRIORITIES)}",
            remedy="name the classes that the team's jobs may have",
        )
