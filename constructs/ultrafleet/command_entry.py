"""Entry of the command: what it imports takes a second, in which Ctrl-C is no traceback."""

import sys
from typing import Final

_INTERRUPTED: Final = 130
"""Exit code of shells for a command that Ctrl-C ended."""


def main() -> None:
    """Run the command."""
    try:
        from ultrafleet.cli import main as run  # noqa: PLC0415 - here, where an interruption is seen

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201 - a command prints
        sys.exit(_INTERRUPTED)
