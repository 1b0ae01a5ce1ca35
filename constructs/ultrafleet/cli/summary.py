"""`ultrafleet summary`: what was synthesised, in one table for each question."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.environment import Environment, load_environments
from ultrafleet.environment.facts import Cost, blocks_over, fleet_facts
from ultrafleet.errors import FleetError

MAX_RESOURCES = 500
"""Resources in a CloudFormation stack (CloudFormation quotas, high)."""
MAX_TEMPLATE_BYTES = 1_000_000
"""Bytes of a template in S3 (CloudFormation quotas, high)."""


@dataclass(frozen=True)
class Template:
    """A synthesised template."""

    stack: str
    resources: int
    size_bytes: int


def read_templates(assembly: Path, environment: str) -> list[Template]:
    """The templates of one environment in a cloud assembly.

    Raises:
        FleetError: the environment was not synthesised there.
    """
    folder = assembly / f"assembly-{environment}"
    templates = [
        Template(
            stack=path.name.removesuffix(".template.json"),
            resources=len(json.loads(path.read_bytes())["Resources"]),
            size_bytes=path.stat().st_size,
        )
        for path in sorted(folder.glob("*.template.json"))
    ]
    if not templates:
        raise FleetError(f"{folder} holds no template, expected those of {environment}: run `make synth` first")
    return templates


def summary(
    environment: Annotated[str | None, typer.Argument(help="name of one environment; default: all")] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    assembly: Annotated[Path, typer.Option(help="folder that cdk synth wrote")] = Path("cdk.out"),
    as_of: Annotated[datetime | None, typer.Option(help="warn about blocks that are over at this UTC date")] = None,
) -> None:
    """Show what was synthesised: stacks against CloudFormation's limits, the fleet, its IPs and its price."""
    loaded = load_environments(environments, only=environment)
    # A report goes to logs as often as to screens: wide enough for its columns, whoever reads it.
    console = Console(width=max(110, Console().width), highlight=False)
    console.print(_overview(loaded, assembly))
    console.print(_subnets(loaded))
    for item in loaded:
        _print_unknown_prices(console, item.name, fleet_facts(item).cost)
    if as_of is not None:
        _warn_about_blocks(loaded, as_of.replace(tzinfo=UTC))


def _overview(environments: Iterable[Environment], assembly: Path) -> Table:
    table = Table(box=box.SIMPLE, title="environments", title_justify="left")
    table.add_column("environment")
    table.add_column("stacks", justify="right")
    table.add_column(f"resources, most in a stack of {MAX_RESOURCES}", justify="right")
    table.add_column(f"bytes, largest template of {MAX_TEMPLATE_BYTES:,}", justify="right")
    for column in ("UltraServers", "accelerators", "nodes", "USD an hour", "price of"):
        table.add_column(column, justify="right")
    for environment in environments:
        templates = read_templates(assembly, environment.name)
        facts = fleet_facts(environment)
        most = max(templates, key=lambda template: template.resources)
        largest = max(templates, key=lambda template: template.size_bytes)
        table.add_row(
            environment.name,
            str(len(templates)),
            f"{sum(t.resources for t in templates)}, {most.resources} in {_short(most)}",
            f"{sum(t.size_bytes for t in templates):,}, {largest.size_bytes:,} in {_short(largest)}",
            str(facts.ultraservers),
            "unknown" if facts.accelerators is None else str(facts.accelerators),
            str(facts.nodes),
            _price(facts.cost),
            ", ".join(facts.cost.price_dates) or "-",
        )
    return table


def _short(template: Template) -> str:
    """`pool-rack-a` of `trainingpoolracka1234ABCD`-like file names stays readable."""
    return template.stack


def _price(cost: Cost) -> str:
    known = f"{cost.usd_per_hour:,.2f}"
    if not cost.unknown:
        return known
    return f"{known} + unknown" if cost.usd_per_hour else "unknown"


def _print_unknown_prices(console: Console, environment: str, cost: Cost) -> None:
    if cost.unknown:
        console.print(
            f"{environment}: no source states the price of {', '.join(cost.unknown)}: on-demand prices are not in the "
            "catalog"
        )


def _subnets(environments: Iterable[Environment]) -> Table:
    table = Table(box=box.SIMPLE, title="IPs of accelerator subnets at full size", title_justify="left")
    for column in ("environment", "subnet", "zone", "CIDR"):
        table.add_column(column)
    for column in ("used", "free"):
        table.add_column(column, justify="right")
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


def _warn_about_blocks(environments: Iterable[Environment], as_of: datetime) -> None:
    for environment in environments:
        for pool, block in blocks_over(environment, as_of):
            typer.echo(
                f"warning: {environment.name}: pool {pool.name}: block {block.capacity_reservation_id} ended "
                f"{block.end.isoformat()}, before {as_of.isoformat()}: remove it from the pool's blocks, "
                "or correct its end if it was extended",
                err=True,
            )
