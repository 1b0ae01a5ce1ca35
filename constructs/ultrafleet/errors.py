"""The errors this library raises on purpose.

Every message is in lower case and names what was wrong, the value got, the value expected and what to change.
"""


class FleetError(ValueError):
    """An input that can't become a fleet that launches."""


class UnknownFactError(FleetError):
    """A hardware or AWS fact that no source states was needed; the message says what the caller may pass instead."""
