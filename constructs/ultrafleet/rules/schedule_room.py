"""Room of a block schedule: node groups and blocks that one execution of its state machine takes.

Measured on the machine; a test runs it and holds the figures (`tests/cells/test_schedule_room.py`).
"""

from typing import Final

from ultrafleet.catalog.limits import HISTORY_EVENTS, STATE_BYTES

EVENTS_OF_EXECUTION: Final = 200
"""Events of an execution without a node group, pages and their retries included."""
EVENTS_PER_NODE_GROUP: Final = 50
"""Events of a node group of which every call succeeds at its last attempt; a quiet one has 11, a resized one 16."""
BYTES_PER_BLOCK: Final = 170
"""Bytes of a block in the variable that holds every block of the account and region."""


def most_node_groups(history_events: int = HISTORY_EVENTS.value) -> int:
    """Node groups that one execution takes.

    Args:
        history_events: events that its history may have. Default: the documented limit.
    """
    return (history_events - EVENTS_OF_EXECUTION) // EVENTS_PER_NODE_GROUP


def most_blocks() -> int:
    """Capacity blocks of an account in a region that the variable holds."""
    return STATE_BYTES.value // BYTES_PER_BLOCK
