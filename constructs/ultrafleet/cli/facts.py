"""`ultrafleet facts`: every fact and rule with its source and confidence."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.cli._completion import environment_names
from ultrafleet.doctor import Answers
from ultrafleet.doctor.synthesis import answers_beside
from ultrafleet.environment import load_environments
from ultrafleet.errors import FleetError
from ultrafleet.facts import Known, ListedFact, all_facts, counts

_WIDTH = 160
"""Columns that the table needs; a narrower terminal wraps lines."""


def facts(
    prefix: Annotated[str, typer.Argument(help="only ids that begin so, such as `eks/` or `policy/`")] = "",
    confidence: Annotated[
        list[Known] | None, typer.Option(help="only facts that are known so well; may be given several times")
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            help="as the account of this environment answered `ultrafleet doctor`", autocompletion=environment_names
        ),
    ] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    as_json: Annotated[
        bool, typer.Option("--json", help="print a list of id, value, source, confidence, address, as_of, note")
    ] = False,
) -> None:
    """List every fact and rule with its source and confidence.

    Unknown: no source states a value; commands that need it refuse, and say what to pass.

    With --environment, a fact that its account verified has the account as source and is of high confidence, one that
    it contradicted of low.
    """
    answers = _answers(environments, environment) if environment is not None else Answers()
    listed = all_facts(prefix, known=confidence or tuple(Known), answers=answers)
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
    for item in answers.ignored:
        console.print(str(item))


def _answers(folder: Path, name: str) -> Answers:
    (environment,) = load_environments(folder, only=name)
    return answers_beside(folder, environment, today=datetime.now(UTC).date())


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
