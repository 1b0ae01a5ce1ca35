"""`ultrafleet capacity settle`: settles purchases whose outcome is unknown."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.cli.capacity._purchase import (
    AsJson,
    AsOf,
    EnvironmentName,
    Environments,
    JournalFile,
    exit_codes,
    open_desk,
    purchase_json,
    show,
)
from ultrafleet.purchases import ABSENT_AFTER
from ultrafleet.purchases.outcome import UNSETTLED
from ultrafleet.purchases.settling import Settled, exit_code
from ultrafleet.purchases.settling import settle as settle_purchases

_MINUTES: Final = int(ABSENT_AFTER.total_seconds()) // 60
_ASK_SECONDS: Final = 30


def settle(
    env: EnvironmentName,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="ask again until everything is settled, or can't be")] = False,
    absent_after_minutes: Annotated[
        float, typer.Option(min=0, help="time after a call from which EC2's silence counts as: nothing was bought")
    ] = _MINUTES,
    as_json: AsJson = False,
    as_of: AsOf = None,
    journal: JournalFile = None,
    environments: Environments = Path("stacks/environments"),
) -> None:
    """Settle purchases whose outcome is unknown, and see which were paid.

    Compares the journal, EC2 and the environment's file: what EC2 has with the intent's tag was bought and goes into
    the file; what it doesn't have 15 minutes after the call wasn't; what isn't paid comes out of the file.

    Exit code 0: everything is settled, 1: a payment failed and capacity is gone, plan again, 2: unusable input, 5: AWS
    said no, 6: something is still open.

    Needs, in the environment's region: ec2:DescribeCapacityBlockExtensionHistory, ec2:DescribeCapacityBlocks,
    ec2:DescribeCapacityReservations, sts:GetCallerIdentity.
    """
    absent_after = timedelta(minutes=absent_after_minutes)
    with exit_codes():
        desk = open_desk(env, environments=environments, journal=journal, as_of=as_of)
        found = settle_purchases(desk, absent_after=absent_after)
        code = exit_code(desk, found)
        until = time.monotonic() + absent_after.total_seconds() + _ASK_SECONDS
        while wait and code == UNSETTLED and time.monotonic() < until:
            time.sleep(_ASK_SECONDS)
            found = settle_purchases(desk, absent_after=absent_after)
            code = exit_code(desk, found)
    state = "something is still open" if code == UNSETTLED else "everything is settled"
    lines = [*map(_line, found), f"{env}: {state}; the journal is {desk.journal.path}"]
    content = {
        "exit_code": code,
        "purchases": [{**purchase_json(item.purchase), "was": item.was, "note": item.note} for item in found],
    }
    show(lines, content, as_json=as_json)
    if code:
        raise typer.Exit(code)


def _line(item: Settled) -> str:
    purchase = item.purchase
    what = ", ".join(block.capacity_reservation_id for block in purchase.blocks) or purchase.intent.offering
    was = f"{item.was} -> " if item.was not in {None, purchase.state} else ""
    return f"purchase {purchase.id} ({what}): {was}{purchase.state}: {item.note or 'in the file'}"
