"""`ultrafleet capacity cost`: cost of environments by pool, team and month, budgets, and FOCUS."""

import json as json_module
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.catalog import is_stale
from ultrafleet.catalog.private_prices import PUBLIC, is_private
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli.capacity._programme_files import is_programme, programme_path
from ultrafleet.cli.private_price_file import read_private_prices
from ultrafleet.cost import Amount, Commitment, CostReport, Month, Usage, cost_report, default_months
from ultrafleet.cost.programme_cost import ProgrammeCost, programme_cost
from ultrafleet.cost.report import NO_POOL, ByMonth, OverBudget
from ultrafleet.cost.teams import NO_TEAM
from ultrafleet.environment import Environment, load_environments
from ultrafleet.errors import FleetError
from ultrafleet.programme import load_programme
from ultrafleet.programme.loading import FOLDER

_FINDINGS: Final = 1
_ALL: Final[list[str | None]] = [None]
_WIDTH: Final = 200
_MOST_MONTHS: Final = 8
"""Months that have a column each; of more the years have (ours: what a terminal shows)."""


def cost(
    environment: Annotated[
        list[str] | None,
        typer.Argument(
            help="names of environments, or of one programme; default: all environments",
            autocompletion=environment_names,
        ),
    ] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = FOLDER,
    month: Annotated[
        list[str] | None,
        typer.Option(
            help="a month in UTC, such as 2026-12; may be repeated; default: those of the blocks, or this one"
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="CSV or YAML file of your prices; they precede the public ones")
    ] = None,
    used: Annotated[
        bool, typer.Option("--used", help="ask EC2 Capacity Manager what of it is used; needs credentials")
    ] = False,
    focus: Annotated[Path | None, typer.Option(help="write the charges as a FOCUS 1.2 dataset, CSV")] = None,
    as_of: Annotated[datetime | None, typer.Option(help="UTC date by which prices are too old; default: today")] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Tell what environments cost: by pool, team and month, with the date and source of each price.

    A block's up-front fee is spread over its hours: what the file states as its payments, or else its price times its
    hours. Capacity on demand counts for the whole of each month. A price that isn't known is "?", never 0.

    Of a programme it tells what its deliveries cost, on average over their slips and without, against its sum.

    Exit code 1: a month costs more than its budget (`budget` in the environment file), or a programme than its sum.

    With --used it calls ec2:GetCapacityManagerAttributes and ec2:GetCapacityManagerMetricData.
    """
    if environment and len(environment) == 1 and is_programme(environment[0], environments, programmes):
        _refuse_options({"--month": month, "--prices": prices, "--used": used, "--focus": focus}, environment[0])
        _programme(environment[0], programmes, json=json)
        return
    known = read_private_prices(prices) if prices else PUBLIC
    months = tuple(sorted({Month.parse(text) for text in month or ()}))
    loaded = [item for name in environment or _ALL for item in load_environments(environments, only=name)]
    day = (as_of or datetime.now(UTC)).date()
    reports = [
        cost_report(item, months=months or default_months(item) or (Month(day.year, day.month),), prices=known)
        for item in loaded
    ]
    usages = [_usage(item, report) for item, report in zip(loaded, reports, strict=True)] if used else []
    if focus is not None:
        _write_focus(focus, reports, usages)
    if json:
        print(json_module.dumps(_as_json(reports, usages, day), indent=2))
    else:
        _print(reports, usages, day)
    if any(report.over for report in reports):
        raise typer.Exit(_FINDINGS)


def _refuse_options(stated: Mapping[str, object], programme: str) -> None:
    """Refuse options that say nothing of a programme, whose deliveries have neither months nor reservations."""
    for option, value in stated.items():
        if value:
            raise FleetError(
                path=option,
                got=f"stated for programme {programme}",
                expected="an environment",
                remedy="leave it out, or name an environment",
            )


def _programme(name: str, folder: Path, *, json: bool) -> None:
    found = programme_cost(load_programme(programme_path(name, folder)))
    if json:
        print(json_module.dumps(_programme_json(found), indent=2))
    else:
        console = Console(width=max(_WIDTH, Console().width), highlight=False)
        table = Table(box=box.SIMPLE, title=f"{found.programme}: USD of its deliveries", title_justify="left")
        for name_of in ("delivery", "type"):
            table.add_column(name_of, no_wrap=True)
        for name_of in ("contracted", "count", "USD an hour each", "without slip", "on average"):
            table.add_column(name_of, justify="right", no_wrap=True)
        for item in found.deliveries:
            rate = "?" if item.usd_per_hour is None else f"{item.usd_per_hour:,.3f}"
            marked = f"{item.name}{' (assumption)' if item.assumed else ''}"
            figures = (f"{item.contracted}", f"{item.count:,}", rate, str(item.without_slip), str(item.on_average))
            table.add_row(marked, item.sold, *figures)
        table.add_row("all", "", "", "", "", str(found.without_slip), str(found.on_average), style="bold")
        console.print(table)
        if found.budget is not None:
            part = "?" if found.on_average.usd is None else f"{float(found.on_average.usd / found.budget):.1%}"
            state = "over" if found.is_over else "within"
            console.print(
                f"{found.programme}: {state} its sum of {float(found.budget):,.2f} USD: {part} of it on average",
                markup=False,
            )
    if found.is_over:
        raise typer.Exit(_FINDINGS)


def _programme_json(found: ProgrammeCost) -> dict[str, Any]:
    return {
        "currency": "USD",
        "programme": found.programme,
        "budget_usd": None if found.budget is None else float(found.budget),
        "without_slip": found.without_slip.keys,
        "on_average": found.on_average.keys,
        "deliveries": [
            {
                "name": item.name,
                "type": item.sold,
                "count": item.count,
                "contracted": item.contracted.isoformat(),
                "usd_per_hour": item.usd_per_hour,
                "without_slip": item.without_slip.keys,
                "on_average": item.on_average.keys,
                "assumption": item.assumed,
            }
            for item in found.deliveries
        ],
    }


def _usage(environment: Environment, report: CostReport) -> Usage:
    from ultrafleet.cli.capacity.capacity_manager import read_usage  # noqa: PLC0415 - it asks AWS

    ids = [item.reservation_id for item in report.commitments if item.reservation_id is not None]
    return read_usage(environment, ids, report.months)


def _write_focus(path: Path, reports: Sequence[CostReport], usages: Sequence[Usage]) -> None:
    from ultrafleet.cost.focus import focus_export  # noqa: PLC0415 - who exports needs it
    from ultrafleet.doctor.policy import partition  # noqa: PLC0415 - likewise

    partitions = {item.region: partition(item.region) for report in reports for item in report.commitments}
    export = focus_export(reports, partitions=partitions, usages=usages)
    try:
        path.write_text(export.csv, encoding="utf-8")
    except OSError as error:
        raise FleetError(
            path=path,
            verb="can't be",
            got=f"written ({error})",
            expected="a file for the dataset",
            remedy="name another",
        ) from error
    for reason in export.left_out:
        typer.echo(f"warning: not in {path}: {reason}", err=True)
    typer.echo(f"{path}: {len(export.rows)} charges, FOCUS 1.2", err=True)


def _print(reports: Sequence[CostReport], usages: Sequence[Usage], day: date) -> None:
    # A report goes to logs as often as to screens: wide enough for its columns, whoever reads it.
    console = Console(width=max(_WIDTH, Console().width), highlight=False)
    for report in reports:
        console.print(_table(report))
        if set(report.teams) != {NO_TEAM}:
            console.print(_teams(report))
        _notes(console, report, day)
    for usage in usages:
        console.print(usage.note, markup=False, soft_wrap=True)
        if usage.months:
            console.print(_use(usage))
    if len(reports) > 1:
        console.print(f"all environments: {Amount.total(_sum(report.totals) for report in reports)} USD", markup=False)


def _columns(months: Sequence[Month]) -> Mapping[str, Sequence[Month]]:
    """Columns of a table: months, or years where there are many."""
    if len(months) <= _MOST_MONTHS:
        return {str(month): [month] for month in months}
    return {str(year): [item for item in months if item.year == year] for year in sorted({m.year for m in months})}


def _table(report: CostReport) -> Table:
    columns = _columns(report.months)
    table = Table(
        box=box.SIMPLE, title=f"{report.environment}: USD by pool, fees spread over their hours", title_justify="left"
    )
    for name in ("pool", "type", "bought as"):
        table.add_column(name, no_wrap=True)
    for name in ("USD an hour each", "price of", *columns, "sum"):
        table.add_column(name, justify="right", no_wrap=True)
    for pool, by_month in report.pools.items():
        of_pool = [item for item in report.commitments if (item.pool or NO_POOL) == pool]
        table.add_row(pool, *_priced(of_pool), *_cells(by_month, columns))
    table.add_row("all pools", "", "", "", "", *_cells(report.totals, columns), style="bold")
    table.add_row("payments in the month", "", "", "", "", *_cells(report.payments, columns))
    return table


def _priced(of_pool: Sequence[Commitment]) -> tuple[str, str, str, str]:
    first = of_pool[0]
    known = first.price.value
    paid = all(item.paid for item in of_pool)
    return (
        first.sold,
        first.purchase_option.value,
        "as paid" if paid else "?" if known is None else f"{known:,.3f}",
        "the file" if paid else first.price.as_of or "-",
    )


def _cells(by_month: ByMonth, columns: Mapping[str, Sequence[Month]]) -> list[str]:
    return [
        *(str(Amount.total(by_month[month] for month in months)) for months in columns.values()),
        str(_sum(by_month)),
    ]


def _sum(by_month: ByMonth) -> Amount:
    return Amount.total(by_month.values())


def _teams(report: CostReport) -> Table:
    columns = _columns(report.months)
    table = Table(box=box.SIMPLE, title=f"{report.environment}: USD by team", title_justify="left")
    table.add_column("team", no_wrap=True)
    for name in (*columns, "sum"):
        table.add_column(name, justify="right", no_wrap=True)
    for team, by_month in report.teams.items():
        table.add_row(team, *_cells(by_month, columns))
    return table


def _use(usage: Usage) -> Table:
    table = Table(box=box.SIMPLE, title="instance-hours by Capacity Manager", title_justify="left")
    table.add_column("reservation", no_wrap=True)
    for name in ("month", "committed", "used", "unused", "unused, USD by its estimate"):
        table.add_column(name, justify="right", no_wrap=True)
    for (reservation, month), value in sorted(usage.months.items()):
        lost = value.unused_estimated_cost
        table.add_row(
            reservation,
            str(month),
            f"{value.capacity_hours:,.1f}",
            f"{value.used_hours:,.1f}",
            f"{value.unused_hours:,.1f}",
            "?" if lost is None else f"{lost:,.2f}",
        )
    return table


def _notes(console: Console, report: CostReport, day: date) -> None:
    told = [*_price_notes(report, day)]
    guessed = [item for item in report.commitments if item.start is not None and not item.paid]
    if guessed:
        told.append(
            f"{len(guessed)} block{'' if len(guessed) == 1 else 's'} without `payments` in the file: counted by price, "
            "and as paid on the day of the start, which is the latest"
        )
    if any(item.start is None for item in report.commitments):
        told.append("capacity on demand counts for the whole of each month")
    told += [_over(item) for item in report.over]
    told += [
        f"{item.month}{_of_team(item)}: at least {item.cost}, budget {float(item.budget):,.2f} USD: can't be decided"
        for item in report.undecided
    ]
    for line in told:
        console.print(f"{report.environment}: {line}", markup=False, soft_wrap=True)


def _price_notes(report: CostReport, day: date) -> list[str]:
    told: list[str] = []
    for item in report.commitments:
        if item.paid:
            continue
        price, where = item.price, f"pool {item.pool}" if item.pool else f"reservation of {item.sold}"
        if price.value is None:
            told.append(f"{where}: {price.note}")
        elif not is_private(price) and price.as_of is not None and is_stale(price.as_of, day):
            told.append(
                f"{where}: the price of {item.sold} is stale: of {price.as_of}, more than a quarter before {day}"
            )
        if price.source is not None:
            told.append(f"price of {item.sold} ({price.as_of}): {price.source}")
    return list(dict.fromkeys(told))


def _over(item: OverBudget) -> str:
    beyond = (item.cost.usd or 0) - item.budget
    return (
        f"{item.month}{_of_team(item)}: {item.cost} USD is over the budget of {float(item.budget):,.2f} by "
        f"{float(beyond):,.2f}"
    )


def _of_team(item: OverBudget) -> str:
    return f", team {item.team}" if item.team else ""


def _as_json(reports: Sequence[CostReport], usages: Sequence[Usage], day: date) -> dict[str, Any]:
    return {
        "currency": "USD",
        "environments": [
            {
                "environment": report.environment,
                "months": [str(month) for month in report.months],
                "pools": {pool: _months_of(by_month) for pool, by_month in report.pools.items()},
                "teams": {team: _months_of(by_month) for team, by_month in report.teams.items()},
                "total": _months_of(report.totals),
                "payments": _months_of(report.payments),
                "commitments": [_commitment(item, day) for item in report.commitments],
                "over_budget": [_budgeted(item) for item in report.over],
                "undecided": [_budgeted(item) for item in report.undecided],
            }
            for report in reports
        ],
        "total": Amount.total(_sum(report.totals) for report in reports).keys,
        "used": [
            {
                "account": usage.account,
                "region": usage.region,
                "note": usage.note,
                "reservations": [
                    {
                        "reservation_id": reservation,
                        "month": str(month),
                        "committed_instance_hours": value.capacity_hours,
                        "used_instance_hours": value.used_hours,
                        "unused_instance_hours": value.unused_hours,
                        "estimated_cost_usd": value.estimated_cost,
                        "unused_estimated_cost_usd": value.unused_estimated_cost,
                    }
                    for (reservation, month), value in sorted(usage.months.items())
                ],
            }
            for usage in usages
        ],
    }


def _months_of(by_month: ByMonth) -> dict[str, Any]:
    return {**{str(month): amount.keys for month, amount in by_month.items()}, "sum": _sum(by_month).keys}


def _budgeted(item: OverBudget) -> dict[str, Any]:
    return {"month": str(item.month), "team": item.team, **item.cost.keys, "budget_usd": float(item.budget)}


def _commitment(item: Commitment, day: date) -> dict[str, Any]:
    as_of = item.price.as_of
    stale = not is_private(item.price) and as_of is not None and is_stale(as_of, day)
    return {
        "pool": item.pool,
        "reservation_id": item.reservation_id,
        "type": item.sold,
        "count": item.count,
        "purchase_option": item.purchase_option.value,
        "start": item.start.isoformat() if item.start else None,
        "end": item.end.isoformat() if item.end else None,
        "fee": item.fee.keys if item.start else None,
        "payments": [
            {"date": payment.day.isoformat(), "usd": round(float(payment.usd), 2), "stated": payment.stated}
            for payment in item.payments
        ],
        "price": {**item.price.keys, "stale": stale},
    }
