"""Parts that the commands of purchases share: the desk, its errors' exit codes, what people see."""

import contextlib
import difflib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ultrafleet.catalog import InstanceType
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.aws_session import session
from ultrafleet.doctor import Permission
from ultrafleet.environment import load_environments
from ultrafleet.errors import FleetError
from ultrafleet.purchases import FILE_NAME, Desk, Journal, Market, Purchase, PurchaseError
from ultrafleet.purchases.environment_file import EnvironmentFile

SETTLE_PERMISSIONS: Final = (
    Permission(action="ec2:DescribeCapacityBlockExtensionHistory"),
    Permission(action="ec2:DescribeCapacityBlocks"),
    Permission(action="ec2:DescribeCapacityReservations"),
    Permission(action="sts:GetCallerIdentity"),
)
"""IAM permissions that the calls of `capacity settle` need."""
BUY_PERMISSIONS: Final = (
    Permission(action="ec2:CreateTags"),
    Permission(action="ec2:DescribeCapacityBlockOfferings"),
    Permission(action="ec2:DescribeCapacityBlocks"),
    Permission(action="ec2:DescribeCapacityReservations"),
    Permission(action="ec2:PurchaseCapacityBlock"),
    Permission(action="sts:GetCallerIdentity"),
)
"""IAM permissions that the calls of `capacity buy` need; the tags of the purchase need `ec2:CreateTags`."""
EXTEND_PERMISSIONS: Final = (
    Permission(action="ec2:DescribeCapacityBlockExtensionHistory"),
    Permission(action="ec2:DescribeCapacityBlockExtensionOfferings"),
    Permission(action="ec2:DescribeCapacityBlocks"),
    Permission(action="ec2:DescribeCapacityReservations"),
    Permission(action="ec2:PurchaseCapacityBlockExtension"),
    Permission(action="sts:GetCallerIdentity"),
)
"""IAM permissions that the calls of `capacity extend` need."""

MaxOverlap = Annotated[
    int, typer.Option("--max-overlap-hours", min=0, help="longest time beside another block of the pool; both are paid")
]
"""Option of the overlap."""
Environments = Annotated[Path, typer.Option(help="folder of environment files")]
"""Option of the folder."""
JournalFile = Annotated[
    Path | None, typer.Option("--journal", help=f"journal of purchases; default: {FILE_NAME} beside the environments")
]
"""Option of the journal."""
MaxPrice = Annotated[str, typer.Option("--max-price-usd", help="ceiling of the whole price in USD")]
"""Option of the ceiling."""
Yes = Annotated[bool, typer.Option("--yes", help="buy; without it nothing is bought")]
"""Option that buys."""
ApprovalFile = Annotated[
    Path | None, typer.Option("--approval", help="approval, committed by a second person; see docs/capacity-desk.md")
]
"""Option of the approval."""
AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
"""Option of the output."""
AsOf = Annotated[
    datetime | None,
    typer.Option(help="UTC moment that is taken for now; default: AWS's, of the embedded AWS its simulated one"),
]
"""Option of the clock."""
EnvironmentName = Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)]
"""Argument of the environment."""


def open_desk(name: str, *, environments: Path, journal: Path | None, as_of: datetime | None) -> Desk:
    """Desk of an environment, with the credentials that boto3 finds.

    Args:
        name: name of the environment.
        environments: folder of the files.
        journal: the journal, or None for the default.
        as_of: moment that is taken for now, or None.

    Raises:
        FleetError: the environment can't be used, or boto3 isn't installed.
    """
    (loaded,) = load_environments(environments, only=name)
    moment = as_of.replace(tzinfo=UTC) if as_of is not None else None
    market = Market(session(loaded.region), account=loaded.account)
    return Desk(
        environments=environments,
        name=name,
        journal=Journal(journal or environments / FILE_NAME),
        market=market,
        now=lambda: moment or market.simulated or datetime.now(UTC),
        compare_clock=moment is None,
    )


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Context manager in which an error of a purchase ends the command with its exit code."""
    try:
        yield
    except PurchaseError as error:
        refuse(error, code=error.exit_code)


def ceiling(text: str) -> Decimal:
    """Ceiling of a price.

    Args:
        text: as it was typed.

    Raises:
        FleetError: it is no sum.
    """
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(0)
    if not found.is_finite() or found <= 0:
        raise FleetError(path="--max-price-usd", got=repr(text), expected="a sum in USD, such as 520000")
    return Decimal(f"{found:f}")


def per_accelerator_hour(usd: Decimal, instance_type: str, instance_hours: Decimal) -> str:
    """Price of an accelerator for an hour, in words.

    Args:
        usd: the whole price.
        instance_type: type of the instances.
        instance_hours: hours of all instances.
    """
    count = InstanceType.of(instance_type).accelerator_count
    if not count or not instance_hours:
        return "the accelerators of the type aren't known"
    return f"{usd / (instance_hours * count):.4f} USD per accelerator-hour"


def edit_of(file: EnvironmentFile, edited: EnvironmentFile) -> str:
    """Lines that would change in the environment's file.

    Args:
        file: as it is.
        edited: as it would be.
    """
    before, after = file.text.splitlines(), edited.text.splitlines()
    return "\n".join(difflib.unified_diff(before, after, str(file.path), str(file.path), n=2, lineterm=""))


def commit_hint(desk: Desk) -> str:
    """Last line of what was bought.

    Args:
        desk: the desk.
    """
    file = desk.environments / f"{desk.name}.yaml"
    settle = f"`ultrafleet capacity settle {desk.name}`"
    return f"in {file} and {desk.journal.path}: commit both; {settle} says later if it was paid"


def repeated(purchase: Purchase) -> list[str]:
    """Line for people that says that an earlier command bought it.

    Args:
        purchase: the purchase.
    """
    pools = ", ".join(purchase.intent.pools)
    return [f"nothing is bought now: it was bought before, for {pools}"] if purchase.is_earlier else []


def show(lines: list[str], content: dict[str, Any], *, as_json: bool) -> None:
    """Print what there is to say.

    Args:
        lines: for people.
        content: for programs.
        as_json: print the content.
    """
    print(json.dumps(content, indent=2, default=str) if as_json else "\n".join(lines))


def purchase_json(purchase: Purchase) -> dict[str, Any]:
    """Purchase for programs.

    Args:
        purchase: the purchase.
    """
    return {
        **purchase.intent.model_dump(mode="json", exclude={"n", "state"}),
        "state": purchase.state.value,
        "is_earlier": purchase.is_earlier,
        "blocks": [block.model_dump(mode="json") for block in purchase.blocks],
    }
