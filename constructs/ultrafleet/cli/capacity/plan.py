"""`ultrafleet capacity plan`: targets against what there is, at least cost."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ultrafleet.catalog.private_prices import PUBLIC
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli.capacity.plan_report import plan_as_json, print_plan
from ultrafleet.cli.capacity.planned_files import Planned, read_planned
from ultrafleet.cli.private_price_file import read_private_prices
from ultrafleet.planning import Plan, Problem
from ultrafleet.planning.commands import with_commands
from ultrafleet.planning.coverage import plan_of_owned
from ultrafleet.planning.given import Given
from ultrafleet.planning.problem import problem_of
from ultrafleet.planning.solver import solver_library

_SILENT_SECONDS = 2.0


def plan(
    name: Annotated[
        str,
        typer.Argument(help="environment, programme, or path of the file of one", autocompletion=environment_names),
    ],
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = Path("stacks/programmes"),
    offers: Annotated[
        Path | None,
        typer.Option(
            help="offers that `ultrafleet capacity search` found: its JSON, or its history; without, all are assumed"
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="CSV or YAML file of your prices; they precede the public ones")
    ] = None,
    scenarios: Annotated[int, typer.Option(min=1, max=10_000, help="futures in which deliveries slip")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="seed of the futures")] = 1,
    gap: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of the cost within which it may stop")] = 0.001,
    time_limit: Annotated[float, typer.Option(min=1.0, help="seconds after which it stops with what it has")] = 120.0,
    instances_on_a_date: Annotated[
        int | None, typer.Option(min=0, help="instances on capacity blocks on a date, where your limit was raised")
    ] = None,
    as_of: Annotated[datetime | None, typer.Option(help="day of planning, UTC; default: now")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the plan as JSON")] = False,
) -> None:
    """Plan capacity at least cost: gaps, purchases, risk, and the next commands.

    It needs the extra `plan` where something has to be bought. Exit codes: 0 every step is met, 1 a step misses its
    service level, 2 unusable input.
    """
    now = datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=UTC)
    planned = read_planned(name, environments=environments, programmes=programmes, offers=offers)
    problem = problem_of(
        Given(
            environments=planned.environments,
            programme=planned.programme,
            offers=planned.offers,
            prices=read_private_prices(prices) if prices else PUBLIC,
            now=now,
            instances_on_a_date=instances_on_a_date,
            notes=planned.notes,
        )
    )
    made = plan_of_owned(problem, name=planned.name, budget_usd=planned.budget_usd)
    if made is None:
        made = _solved(problem, planned, scenarios=scenarios, seed=seed, gap=gap, seconds=time_limit)
    made = with_commands(made, planned.environments, planned.owners)
    if as_json:
        print(json.dumps(plan_as_json(made), indent=2))
    else:
        print_plan(made, problem)
    raise typer.Exit(0 if made.is_met else 1)


def _solved(problem: Problem, planned: Planned, *, scenarios: int, seed: int, gap: float, seconds: float) -> Plan:
    solver_library()  # before numpy, which the same extra installs
    from ultrafleet.planning.planner import Options, make_plan  # noqa: PLC0415 - imports numpy
    from ultrafleet.planning.solver import Clock, Highs  # noqa: PLC0415 - for this plan alone

    clock = Clock(seconds)

    def progress(line: str) -> None:
        if clock.passed > _SILENT_SECONDS:
            print(f"{clock.passed:4.0f} s: {line}", file=sys.stderr, flush=True)

    return make_plan(
        problem,
        Highs(),
        name=planned.name,
        options=Options(scenarios=scenarios, seed=seed, gap=gap, seconds=seconds),
        budget_usd=planned.budget_usd,
        progress=progress,
    )
