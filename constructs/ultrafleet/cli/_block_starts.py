"""Block starts with planted faults, with the acceptance gate and without: `ultrafleet rehearse ENV --acceptance N`."""

import json
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.catalog import UltraServerType
from ultrafleet.environment import Environment
from ultrafleet.environment.facts import fleet_cost
from ultrafleet.errors import FleetError

_RACK = UltraServerType.U_P6E_GB200X72


def show_block_starts(environment: Environment, count: int, *, as_json: bool) -> None:
    """Play block starts and say what came of them; exit 1 where a job ran on an unproven node, or a good one is held.

    Args:
        environment: the environment, which has a pool of the racks that are played.
        count: how many starts.
        as_json: print JSON.

    Raises:
        FleetError: no such pool, or no start.
    """
    pools = [item for item in fleet_cost(environment).pools if item.sold == str(_RACK)]
    if not pools or count < 1:
        raise FleetError(
            path="--acceptance",
            got=f"{count} starts of {environment.name}",
            expected=f"1 or more, and a pool of {_RACK}: floors are published for that alone",
            remedy="name such an environment",
        )
    from ultrafleet.rehearsal.block_starts.starts import rehearse_block_starts  # noqa: PLC0415 - slow to import

    starts = rehearse_block_starts(count, usd_per_hour=pools[0].price.value)
    rows = {
        kind: {"with the gate": starts.minutes(good=good), "without": starts.minutes(good=good, accepted=False)}
        for kind, good in (("all racks", None), ("good racks", True), ("racks with a fault", False))
    }
    found: dict[str, Any] = {
        "starts": count,
        "planted": starts.planted,
        "jobs_on_unproven_nodes": starts.unproven_jobs,
        "good_nodes_held_at_the_end": starts.held_good,
        "good_racks_held_at_some_time": starts.good_racks_held,
        "first_jobs_on_bad_racks_without": starts.bad_without,
        "usd_per_hour_of_a_rack": starts.usd_per_hour,
        "minutes_to_first_job": rows,
    }
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _show(found)
    if starts.unproven_jobs or starts.held_good:
        raise typer.Exit(1)


def _show(found: dict[str, Any]) -> None:
    table = Table(box=box.SIMPLE, title="minutes from block start to first job of 16 nodes", title_justify="left")
    for column in ("", "median", "90 %", "99 %", "most"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for kind, ways in found["minutes_to_first_job"].items():
        for way, minutes in ways.items():
            table.add_row(f"{kind}, {way}", *(["-"] * 4 if minutes is None else [f"{minute:,}" for minute in minutes]))
    Console(highlight=False).print(table)
    planted = ", ".join(f"{fault} {count:,}" for fault, count in found["planted"].items())
    usd = found["usd_per_hour_of_a_rack"]
    bad = found["first_jobs_on_bad_racks_without"]
    cost = "their price is not public" if usd is None else f"USD {usd * bad:,.0f} for each hour until a person notices"
    print(f"planted: {planted or 'nothing'}")
    print(f"jobs on unproven nodes: {found['jobs_on_unproven_nodes']:,}")
    print(f"good nodes held at the end: {found['good_nodes_held_at_the_end']:,}")
    print(f"good racks held at some time: {found['good_racks_held_at_some_time']:,}")
    print(f"without acceptance: {bad:,} of {found['starts']:,} first jobs on a bad rack, {cost}")
