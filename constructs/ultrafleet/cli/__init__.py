"""The command `ultrafleet`. Nothing here imports aws_cdk, so that it starts fast."""

import io
import os
import sys
import traceback

import typer
from typer.exceptions import TyperException

from ultrafleet.cli.acceptance import acceptance
from ultrafleet.cli.check import check
from ultrafleet.cli.job import job
from ultrafleet.cli.layout import layout
from ultrafleet.cli.local import local
from ultrafleet.cli.network import network
from ultrafleet.cli.preflight import preflight
from ultrafleet.cli.rehearse import rehearse
from ultrafleet.cli.review import review
from ultrafleet.cli.summary import summary
from ultrafleet.cli.types import types
from ultrafleet.errors import FleetError

app = typer.Typer(
    name="ultrafleet",
    help="EC2 UltraServer fleets: catalog, EFA layouts, summaries.",
    add_completion=False,
    pretty_exceptions_enable=False,  # a fault of ours is reported with a plain traceback
    rich_markup_mode=None,
)
app.command()(types)
app.command()(layout)
app.command()(summary)
app.command()(preflight)
app.command()(rehearse)
app.command()(acceptance)
app.command()(check)
app.command()(review)
app.add_typer(network, name="network")
app.add_typer(job, name="job")
app.add_typer(local, name="local")

UNUSABLE_INPUT = 2
"""Exit code for input that can't be used; 1 is left for findings."""


def main() -> None:
    """Run the command: one line on stderr and exit 2 for whatever it can't use."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a terminal that isn't UTF-8 is no error
    try:
        code = app(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk can still be reported
        sys.exit(code)
    except FleetError as error:
        _refuse(str(error))
    except TyperException as error:
        _refuse(error.format_message())
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_output()
        _refuse(f"can't read or write ({error}), expected files and an output that can be used: name others")
    except Exception:  # noqa: BLE001 - a fault of ours is no finding, which exit 1 would say
        traceback.print_exc()
        sys.exit(UNUSABLE_INPUT)


def _drop_output() -> None:
    # What stands in the buffer would fail again when Python exits.
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(UNUSABLE_INPUT)
