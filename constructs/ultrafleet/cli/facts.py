"""`ultrafleet facts`: every fact and rule with its source and confidence."""

import json
import sys
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.errors import FleetError
from ultrafleet.facts import Known, ListedFact, all_facts, counts

_WIDTH = 160
"""Columns that the table needs; a narrower terminal wraps lines."""


def facts(
    prefix: Annotated[str, typer.Argument(help="only ids that begin so, such as `eks/` or `policy/`")] = "",
    confidence: Annotated[
        list[Known] | None, typer.Option(help="only facts that are known so well; may be given several times")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print a list of id, value, source, confidence, address, as_of, note")
    ] = False,
) -> None:
    """List every fact and rule with its source and confidence.

    Unknown: no source states a value; commands that need it refuse, and say what to pass.
    """
    listed = all_facts(prefix, known=confidence or tuple(Known))
    if not listed and not all_facts(prefix):
        rooms = ", ".join(dict.fromkeys(f"{item.room}/" for item in all_facts()))
        raise FleetError(
            path="no fact's id",
            verb="begins with",
            got=repr(prefix),
            expected=f"one of {rooms}",
            remedy="correct the prefix",
        )
    if as_json:
        json.dump([item.keys for item in listed], sys.stdout, indent=2)
        print()
        return
    console = Console(width=max(_WIDTH, Console().width), highlight=False, markup=False)
    if listed:
        console.print(_table(listed))
    console.print(summary_line(listed))


def summary_line(listed: list[ListedFact]) -> str:
    """`12 facts: 9 high, 2 medium, 1 low, 0 unknown`."""
    total = "1 fact" if len(listed) == 1 else f"{len(listed):,} facts"
    return f"{total}: {', '.join(f'{count:,} {known}' for known, count in counts(listed).items())}"


def _table(listed: list[ListedFact]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("id", overflow="fold", ratio=4)
    table.add_column("value", overflow="fold", ratio=4)
    table.add_column("confidence", no_wrap=True)
    table.add_column("as of", no_wrap=True)
    table.add_column("source, or why it is unknown", overflow="fold", ratio=5)
    for item in listed:
        keys = item.keys
        value = "-" if keys["value"] is None else shown(keys["value"])
        table.add_row(item.id, value, item.known, keys["as_of"] or "", keys["source"] or keys["note"] or "")
    return table


def shown(value: object) -> str:
    """Value as the table has it: parts of a list beside each other, yes and no for bool."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value)
