"""`ultrafleet capacity`: search, plan, buy, extend and watch capacity blocks."""

import typer

from ultrafleet.cli.capacity.cost import cost
from ultrafleet.cli.capacity.history import capacity_history
from ultrafleet.cli.capacity.search import capacity_search

capacity = typer.Typer(
    help="Search, plan, buy, extend and watch capacity blocks.",
    no_args_is_help=True,
    epilog="Example: ultrafleet capacity search --type u-p6e-gb200x72 --days 28",
)
capacity.command("search", epilog="Example: ultrafleet capacity search --type u-p6e-gb200x72 --count 4 --days 28")(
    capacity_search
)
capacity.command("history", epilog="Example: ultrafleet capacity history --type u-p6e-gb200x72")(capacity_history)


@capacity.callback()
def _group() -> None:
    pass  # without it a single command would be the group itself


capacity.command(epilog="Example: ultrafleet capacity cost training --month 2026-12")(cost)
