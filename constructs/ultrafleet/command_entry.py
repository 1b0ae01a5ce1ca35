"""Entry of the command: what it imports takes a second, in which Ctrl-C is no traceback."""

import sys
from pathlib import Path
from typing import Final

_PROGRAMME: Final = "programme"
_INTERRUPTED: Final = 130
"""Exit code of shells for a command that Ctrl-C ended."""


def main() -> None:
    """Run the command."""
    try:
        if sys.argv[1:2] == [_PROGRAMME]:  # which is timed by people who edit one: no other command is imported
            from ultrafleet.cli._running import run as run_group  # noqa: PLC0415 - here, where an interruption is seen
            from ultrafleet.cli.programme import programme  # noqa: PLC0415

            run_group(programme, words=sys.argv[2:], name=f"{Path(sys.argv[0]).name} {_PROGRAMME}")
            return
        from ultrafleet.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201 - a command prints
        sys.exit(_INTERRUPTED)
