"""Entry of the command: what it imports takes a second, in which Ctrl-C is no traceback."""

import sys  # and nothing else here, where Ctrl-C would still be a traceback

_PROGRAMME = "programme"
_INTERRUPTED = 130
"""Exit code of shells for a command that Ctrl-C ended."""


def main() -> None:
    """Run the command."""
    try:
        if sys.argv[1:2] == [_PROGRAMME]:  # which is timed by people who edit one: no other command is imported
            from pathlib import Path  # noqa: PLC0415

            from ultrafleet.cli._running import run as run_group  # noqa: PLC0415 - here, where an interruption is seen
            from ultrafleet.cli.programme import programme  # noqa: PLC0415

            run_group(programme, words=sys.argv[2:], name=f"{Path(sys.argv[0]).name} {_PROGRAMME}")
            return
        from ultrafleet.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        _end()
    except RuntimeError as error:
        # Python 3.11 makes this of an interruption while a class is made.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        _end()


def _end() -> None:
    print("interrupted", file=sys.stderr)  # noqa: T201 - a command prints
    sys.exit(_INTERRUPTED)
