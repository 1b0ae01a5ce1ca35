"""Faults of one part of a file, collected: a validator of pydantic's raises one error for all of them."""

from collections.abc import Iterable, Sequence

from ultrafleet.environment.document import KeyPath
from ultrafleet.errors import FleetError

Found = tuple[KeyPath, FleetError]
"""A fault with the path of its key."""


class FaultsError(FleetError):
    """Several faults of one part of a file; its text is that of the first.

    Args:
        found: at least one, with the path of its key inside the part.
    """

    def __init__(self, found: Sequence[Found]) -> None:
        first = found[0][1]
        super().__init__(str(first), path=first.path, got=first.got, expected=first.expected, remedy=first.remedy)
        self.found = tuple(found)
        """Every fault, with the path of its key."""


def refuse_all(found: Iterable[Found]) -> None:
    """Raise one error for all faults, if there is any.

    Args:
        found: the faults.

    Raises:
        FaultsError: there is one.
    """
    faults = list(found)
    if faults:
        raise FaultsError(faults)
