"""`ultrafleet capacity`: search, plan, buy, extend and watch capacity blocks."""

import typer

from ultrafleet.cli.capacity.buy import buy
from ultrafleet.cli.capacity.calendar import calendar
from ultrafleet.cli.capacity.cost import cost
from ultrafleet.cli.capacity.extend import extend
from ultrafleet.cli.capacity.history import capacity_history
from ultrafleet.cli.capacity.import_blocks import capacity_import
from ultrafleet.cli.capacity.plan import plan
from ultrafleet.cli.capacity.search import capacity_search
from ultrafleet.cli.capacity.settle import settle
from ultrafleet.cli.capacity.status import capacity_status

capacity = typer.Typer(
    help="Search, plan, buy, extend and watch capacity blocks.",
    no_args_is_help=True,
    epilog="Example: ultrafleet capacity search --type u-p6e-gb200x72 --days 28",
)
capacity.command("search", epilog="Example: ultrafleet capacity search --type u-p6e-gb200x72 --count 4 --days 28")(
    capacity_search
)
capacity.command("history", epilog="Example: ultrafleet capacity history --type u-p6e-gb200x72")(capacity_history)
capacity.command("status", epilog="Example: ultrafleet capacity status training")(capacity_status)
capacity.command("import", epilog="Example: ultrafleet capacity import training --pool cr-0123456789abcdef0=rack-b")(
    capacity_import
)


@capacity.callback()
def _group() -> None:
    pass  # without it a single command would be the group itself


capacity.command(epilog="Example: ultrafleet capacity cost training --month 2026-12")(cost)
capacity.command(
    epilog="Example: ultrafleet capacity buy cbo-0123456789abcdef0 --env training --pool rack-07 --max-price-usd 520000"
)(buy)
capacity.command(epilog="Example: ultrafleet capacity extend training/rack-07 --days 14 --max-price-usd 260000")(extend)
capacity.command(epilog="Example: ultrafleet capacity settle training")(settle)
capacity.command(epilog="Example: ultrafleet capacity calendar training --out calendar.svg")(calendar)
capacity.command(epilog="Example: ultrafleet capacity plan training")(plan)
