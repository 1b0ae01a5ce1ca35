"""`ultrafleet summary`: stack sizes, fleet, IP addresses and price of a cloud assembly."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.catalog.limits import STACK_RESOURCES, TEMPLATE_BYTES
from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._summary_json import environment_json
from ultrafleet.cli.private_price_file import read_private_prices
from ultrafleet.doctor import Answers, Verdict
from ultrafleet.doctor.synthesis import answers_beside, notes
from ultrafleet.environment import Environment, load_environments
from ultrafleet.environment.doubts import doubts
from ultrafleet.environment.ends import end_of_support, reservations_over
from ultrafleet.environment.facts import FleetCost, blocks_over, fleet_cost, fleet_facts
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import AssemblyStack, read_assembly


def read_stacks(assembly: Path, environment: str) -> list[AssemblyStack]:
    """Stacks of one environment in a cloud assembly.

    Raises:
        FleetError: the environment was not synthesised there.
    """
    folder = assembly / f"assembly-{environment}"
    try:
        return read_assembly(folder)
    except FleetError as error:
        raise FleetError(
            path=folder,
            verb="holds",
            got="no template",
            expected=f"those of {environment}",
            remedy="run `make synth` first",
        ) from error


def summary(
    environment: Annotated[
        str | None, typer.Argument(help="name of one environment; default: all", autocompletion=environment_names)
    ] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    assembly: Annotated[Path, typer.Option(help="cloud assembly, the output of cdk synth")] = Path("cdk.out"),
    as_of: Annotated[
        datetime | None,
        typer.Option(
            help="UTC date by which blocks, reservations and support are over, and prices and answers too old, "
            "default: today"
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="CSV or YAML file of your prices; they precede the public ones")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Summarise a cloud assembly: stack sizes, fleet, IP addresses, price, and what isn't verified.

    What an account answered `ultrafleet doctor` is read beside the environment file.
    """
    loaded = load_environments(environments, only=environment)
    known = read_private_prices(prices) if prices else PUBLIC
    now = (as_of or datetime.now(UTC)).replace(tzinfo=UTC)
    if as_json:
        print(
            json.dumps(
                {
                    item.name: {
                        **environment_json(item, read_stacks(assembly, item.name), known),
                        "not_verified": [note.text for note in notes(item, _answers(environments, item, now))],
                        "warnings": list(warnings(item, now)),
                    }
                    for item in loaded
                },
                indent=2,
            )
        )
        return
    # A report goes to logs as often as to screens: wide enough for its columns, whoever reads it.
    console = Console(width=max(120, Console().width), highlight=False)
    console.print(_stacks({item.name: read_stacks(assembly, item.name) for item in loaded}))
    console.print(_fleets(loaded, known))
    console.print(_prices(loaded, known))
    console.print(_subnets(loaded))
    day = now.date()
    for item in loaded:
        _print_price_notes(console, item.name, fleet_cost(item, prices=known), day)
        _print_answers(console, item, _answers(environments, item, now))
    for item in loaded:
        for warning in warnings(item, now):
            typer.echo(f"warning: {item.name}: {warning}", err=True)


def _answers(folder: Path, environment: Environment, now: datetime) -> Answers:
    return answers_beside(folder, environment, today=now.date())


def _stacks(templates: Mapping[str, Sequence[AssemblyStack]]) -> Table:
    title = (
        f"stacks (CloudFormation takes {STACK_RESOURCES.value} resources and {TEMPLATE_BYTES.value:,} bytes in each)"
    )
    table = _table(title, "environment", stacks="right", resources="right", most="left", bytes="right", largest="left")
    for environment, found in templates.items():
        most = max(found, key=lambda template: template.resource_count)
        largest = max(found, key=lambda template: template.size_bytes)
        table.add_row(
            environment,
            str(len(found)),
            str(sum(template.resource_count for template in found)),
            f"{most.resource_count} in {most.name}",
            f"{sum(template.size_bytes for template in found):,}",
            f"{largest.size_bytes:,} in {largest.name}",
        )
    return table


def _fleets(environments: Iterable[Environment], prices: PriceList) -> Table:
    table = _table("fleet at full size", "environment")
    for column in ("UltraServers", "accelerators", "nodes", "USD an hour", "price of"):
        table.add_column(column, justify="right", no_wrap=True)
    for environment in environments:
        facts = fleet_facts(environment, prices=prices)
        table.add_row(
            environment.name,
            str(facts.ultraservers),
            "unknown" if facts.accelerators is None else str(facts.accelerators),
            str(facts.nodes),
            _price(facts.cost),
            ", ".join(facts.cost.price_dates) or "-",
        )
    return table


def _table(title: str, *left: str, **columns: Literal["left", "right"]) -> Table:
    table = Table(box=box.SIMPLE, title=title, title_justify="left", title_style="bold")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name, justify in columns.items():
        table.add_column(name, justify=justify, no_wrap=True)
    return table


def _price(cost: FleetCost) -> str:
    known = f"{cost.usd_per_hour:,.2f}"
    if not cost.unknown:
        return known
    return f"{known} + unknown" if cost.usd_per_hour else "unknown"


def _prices(environments: Iterable[Environment], prices: PriceList) -> Table:
    kind = "public prices" if prices == PUBLIC else "your prices, or else public ones,"
    table = _table(f"{kind} in USD an hour", "environment", "pool", "region", "type", "bought as")
    for name in ("each", "number", "in all", "price of"):
        table.add_column(name, justify="right", no_wrap=True)
    for environment in environments:
        for pool in fleet_cost(environment, prices=prices).pools:
            known = pool.price.value is not None
            table.add_row(
                environment.name,
                pool.pool_name,
                environment.region,
                pool.sold,
                pool.purchase_option.value,
                f"{pool.price.value:,.3f}" if known else "not public",
                str(pool.count),
                f"{pool.usd_per_hour:,.2f}" if known else "unknown",
                pool.price.as_of or "-",
            )
    return table


def _print_price_notes(console: Console, environment: str, cost: FleetCost, day: date) -> None:
    for pool in cost.pools:
        if pool.price.value is None:
            console.print(f"{environment}: pool {pool.pool_name}: {pool.price.note}")
    for pool in cost.stale(day):
        console.print(
            f"{environment}: pool {pool.pool_name}: the price of {pool.sold} is stale: of {pool.price.as_of}, "
            f"more than a quarter before {day.isoformat()}"
        )


def _subnets(environments: Iterable[Environment]) -> Table:
    table = _table(
        "IPs of accelerator subnets at full size", "environment", "subnet", "zone", "CIDR", used="right", free="right"
    )
    for environment in environments:
        for budget in fleet_facts(environment).subnets:
            subnet = environment.subnet(budget.subnet_name)
            table.add_row(
                environment.name,
                subnet.name,
                subnet.availability_zone,
                str(subnet.cidr),
                f"{budget.used:,}",
                f"{budget.free:,}",
            )
    return table


def warnings(environment: Environment, now: datetime) -> Iterator[str]:
    """Warnings about an environment: what is over, what is doubtful.

    Args:
        environment: the environment.
        now: moment by which blocks, reservations and support are over.
    """
    for pool, block in blocks_over(environment, now):
        yield (
            f"pool {pool.name}: block {block.capacity_reservation_id} ended {block.end.isoformat()}, before "
            f"{now.isoformat()}: remove it from the pool's blocks, or correct its end if it was extended"
        )
    for reservation in reservations_over(environment, now):
        yield (
            f"capacity reservation {reservation.name} is over at {now.isoformat()}: its instances go on, on demand; "
            "remove it, or give it a later end"
        )
    for _, doubt in doubts(environment):
        yield str(doubt)
    support = end_of_support(environment.cluster, now.date())
    if support is not None:
        yield support


def _print_answers(console: Console, environment: Environment, answers: Answers) -> None:
    """Print what isn't verified, and how many questions the account has answered."""
    for note in notes(environment, answers):
        console.print(f"{environment.name}: {note.text}", markup=False, soft_wrap=True)  # a command in one line
    if answers.usable:
        counted = Counter(item.answer.verdict for item in answers.usable)
        given = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])
        since = min(item.answer.asked for item in answers.usable)
        console.print(f"{environment.name}: account {environment.account} answered, from {since} on: {given}")
