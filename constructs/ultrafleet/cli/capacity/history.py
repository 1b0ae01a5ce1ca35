"""`ultrafleet capacity history`: offers and prices of recorded searches."""

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.offers import HISTORY_NAME, read_history, type_histories
from ultrafleet.offers.history import Price

_WIDTH: Final = 185


def capacity_history(
    type_: Annotated[str | None, typer.Option("--type", help="one type. Default: every one")] = None,
    history: Annotated[Path, typer.Option(help="file of the history")] = Path("stacks/environments") / HISTORY_NAME,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Show the history of searches: lowest and highest price, when they were seen, how long offers stayed.

    `ultrafleet capacity search --record` writes it. Prices are USD for an accelerator and hour. It makes no call.
    Exit 1: nothing of the type is recorded.
    """
    found = read_history(history)
    types = type_histories(found.asked, only=type_)
    if found.unreadable:
        lines = ", ".join(str(number) for number in found.unreadable)
        print(f"warning: {history}: line {lines} can't be read and is left out", file=sys.stderr)
    if as_json:
        print(json.dumps([item.as_json() for item in types], indent=2))
    elif types:
        table = Table(box=box.SIMPLE, title=f"offers of {history}", title_justify="left", title_style="bold")
        for name in ("type", "zone"):
            table.add_column(name, no_wrap=True)
        for name in ("searches", "with offers", "lowest", "highest", "last", "seen", "gone", "longest seen"):
            table.add_column(name, justify="right", no_wrap=True)
        for item in types:
            table.add_row(
                item.type,
                item.zone,
                str(item.searches),
                str(item.with_offers),
                _price(item.lowest),
                _price(item.highest),
                _price(item.last),
                str(item.seen),
                str(item.gone),
                f"{item.lived_hours:,.0f} h",
            )
        Console(width=max(_WIDTH, Console().width), highlight=False).print(table)
    else:
        print(f"no search of {type_ or 'any type'} in {history}")
    if not types:
        raise typer.Exit(1)


def _price(item: Price | None) -> str:
    return "-" if item is None else f"{item.usd:,.4f} on {item.at:%Y-%m-%d}"
