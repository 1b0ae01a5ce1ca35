"""Refusal of a file that can't become an environment, with every reason at once."""

from ultrafleet.errors import FleetError


class ImportRefusedError(FleetError):
    """A file that can't become an environment, or not without more: the message has a line for each reason."""

    faults: tuple[FleetError, ...] = ()
    """Each reason."""
    notes: tuple[str, ...] = ()
    """Lines about what isn't carried over."""

    @classmethod
    def of(cls, faults: list[FleetError], notes: list[str]) -> "ImportRefusedError":
        """One error for all reasons.

        Args:
            faults: at least one.
            notes: lines about what isn't carried over.
        """
        first = faults[0]
        error = cls(
            "\n".join(map(str, faults)), path=first.path, got=first.got, expected=first.expected, remedy=first.remedy
        )
        error.faults = tuple(faults)
        error.notes = tuple(notes)
        return error
