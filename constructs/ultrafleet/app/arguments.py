"""Words after `app.py`: `synth` synthesises without the CDK CLI and summarises, which is what `make synth` does."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from ultrafleet.errors import FleetError

_SYNTH = "synth"
_AS_OF = "--as-of"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Words of a command line.

    Attributes:
        environment: name of the only environment that is meant. Default: all.
        as_of: day of the summary's warnings. Default: today.
    """

    environment: str | None = None
    as_of: date | None = None

    @classmethod
    def of(cls, words: Sequence[str]) -> Self | None:
        """Read the words; None where there are none, as under the CDK CLI.

        Args:
            words: after `app.py`.

        Raises:
            FleetError: other words.
        """
        if not words:
            return None
        parser = argparse.ArgumentParser(prog="app.py", add_help=False, exit_on_error=False)
        parser.add_argument("verb", choices=[_SYNTH])
        parser.add_argument("environment", nargs="?")
        parser.add_argument(_AS_OF, type=date.fromisoformat)
        try:
            found, unknown = parser.parse_known_args(words)
        except argparse.ArgumentError as error:
            raise _misused(words) from error
        if unknown:
            raise _misused(words)
        return cls(environment=found.environment, as_of=found.as_of)

    @property
    def surroundings(self) -> str:
        """Anything but the assembly that a summary follows from: the day, and how wide and colourful it is printed."""
        day = self.as_of or datetime.now(UTC).date()
        columns = os.get_terminal_size().columns if sys.stdout.isatty() else 0
        colours = [os.environ.get(name, "") for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")]
        return "\0".join([str(self.environment), str(day), str(columns), *colours])


def _misused(words: Sequence[str]) -> FleetError:
    return FleetError(
        path="app.py",
        verb="was given",
        got=repr(" ".join(words)),
        expected=f"{_SYNTH} [ENVIRONMENT] [{_AS_OF} DATE], or nothing under the CDK CLI",
        remedy="run `make synth`",
    )


class _Shown(io.StringIO):
    """Text that is kept, and looks like standard output to what prints it."""

    def isatty(self) -> bool:
        return sys.__stdout__ is not None and sys.__stdout__.isatty()


def summarised(arguments: Arguments, *, environments: Path, assembly: Path) -> tuple[str, str]:
    """Summary of an assembly, and its warnings.

    Args:
        arguments: the words.
        environments: folder of the environment files.
        assembly: the assembly.
    """
    from ultrafleet.cli.summary import summary  # noqa: PLC0415 - a remembered summary needs none of it

    shown, told = _Shown(), io.StringIO()
    as_of = arguments.as_of
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(told):
        summary(
            arguments.environment,
            environments=environments,
            assembly=assembly,
            as_of=None if as_of is None else datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC),
        )
    return shown.getvalue(), told.getvalue()
