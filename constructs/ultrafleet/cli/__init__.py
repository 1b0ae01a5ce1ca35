"""The command `ultrafleet`. Nothing here imports aws_cdk, so that it starts fast."""

import sys

import typer
from typer.exceptions import TyperException

from ultrafleet.cli.layout import layout
from ultrafleet.cli.network import network
from ultrafleet.cli.preflight import preflight
from ultrafleet.cli.summary import summary
from ultrafleet.cli.types import types
from ultrafleet.errors import FleetError

app = typer.Typer(
    name="ultrafleet",
    help="EC2 UltraServer fleets: catalog, EFA layouts, summaries.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(types)
app.command()(layout)
app.command()(summary)
app.command()(preflight)
app.add_typer(network, name="network")

UNUSABLE_INPUT = 2
"""Exit code for input that can't be used; 1 is left for findings."""


def main() -> None:
    """Run the command: one line on stderr and exit 2 for whatever it can't use."""
    try:
        sys.exit(app(standalone_mode=False))
    except FleetError as error:
        _refuse(str(error))
    except TyperException as error:
        _refuse(error.format_message())


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(UNUSABLE_INPUT)
