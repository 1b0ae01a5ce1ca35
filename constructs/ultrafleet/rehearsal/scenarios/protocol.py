"""Protocol between the embedded AWS and the commands that use it: where it listens and what a command brings."""

from typing import Final

HOST: Final = "127.0.0.1"
PATH: Final = "/_rehearsal"
TOKEN_HEADER: Final = "X-Ultrafleet-Token"  # noqa: S105 - its name
TOKEN_VARIABLE: Final = "ULTRAFLEET_REHEARSAL_TOKEN"  # noqa: S105 - its name
"""Environment variable that brings the token to the server: arguments of processes can be read by everybody."""
