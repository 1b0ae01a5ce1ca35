"""A run of the command: what its errors look like, and its exit codes."""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

import typer
from typer.exceptions import TyperException

from ultrafleet.cli._refusal import UNUSABLE_INPUT, refuse
from ultrafleet.errors import FleetError

_INTERRUPTED: Final = 130
"""Exit code of shells for a command that Ctrl-C ended."""


def run(app: typer.Typer, *, words: Sequence[str] | None = None, name: str | None = None) -> None:
    """Run a command; unusable input is one line on stderr and exit code 2.

    Args:
        app: the command, or a group of commands.
        words: its words. Default: those of this process.
        name: its name in its help. Default: that of this process.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a terminal that isn't UTF-8 is no error
    try:
        code = app(args=None if words is None else list(words), prog_name=name, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk can still be reported
        sys.exit(code)
    except FleetError as error:
        refuse(*(getattr(error, "faults", ()) or (error,)))  # a line for each fault of a file
    except TyperException as error:
        refuse(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        _drop_output()
        print("interrupted", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_output()
        refuse(f"can't read or write ({error}), expected files and an output that can be used: name others")
    except Exception:  # noqa: BLE001 - exit code 1 would mean a finding
        traceback.print_exc()
        sys.exit(UNUSABLE_INPUT)


def _drop_output() -> None:
    # Python writes the buffer again when it exits, and would fail again.
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
