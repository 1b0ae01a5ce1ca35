"""Budget of what the functions of one template make: text and members that no file of its size would hold."""

from typing import Final

from ultrafleet.errors import FleetError

MOST_CHARACTERS: Final = 64_000_000
"""Ours: sixty times the megabyte that CloudFormation takes, because templates of many megabytes are still checked."""

LONGEST_TEXT: Final = 4_000_000
"""Ours: most characters of one value."""

MEMBER: Final = 100
"""Characters that a member of a list or an object counts as: it takes about so much memory."""


class Budget:
    """Characters that are left.

    Args:
        name: the template, for the error.
        most: characters that its functions may make.
    """

    def __init__(self, name: str, most: int = MOST_CHARACTERS) -> None:
        self._name = name or "the template"
        self._left = most

    def take(self, characters: int) -> None:
        """Take a part.

        Raises:
            FleetError: nothing is left.
        """
        self._left -= characters
        if self._left < 0:
            raise FleetError(
                path=self._name,
                verb="can't be resolved:",
                got="loops or functions that make far more than a template holds",
                expected=f"at most {MOST_CHARACTERS:,} characters in all and {LONGEST_TEXT:,} in one value",
                remedy="take out the loop, or the function in a function, that repeats itself",
            )

    def take_text(self, characters: int) -> None:
        """Take a part that becomes one value.

        Raises:
            FleetError: nothing is left, or it is too long for a value.
        """
        self.take(characters if characters <= LONGEST_TEXT else MOST_CHARACTERS + 1)
