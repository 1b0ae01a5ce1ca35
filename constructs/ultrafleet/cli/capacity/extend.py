"""`ultrafleet capacity extend`: extends a capacity block, once."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from ultrafleet.cli.capacity._purchase import (
    ApprovalFile,
    AsJson,
    AsOf,
    Environments,
    JournalFile,
    MaxOverlap,
    MaxPrice,
    Yes,
    ceiling,
    commit_hint,
    edit_of,
    exit_codes,
    open_desk,
    per_accelerator_hour,
    purchase_json,
    repeated,
    show,
)
from ultrafleet.errors import FleetError
from ultrafleet.purchases import Desk, Purchase
from ultrafleet.purchases.extending import ExtensionProposal, ExtensionWish, look
from ultrafleet.purchases.extending import extend as pay_extension
from ultrafleet.purchases.offers import Segment
from ultrafleet.rules.block_duration import validate_sold_days


def extend(
    pool: Annotated[str, typer.Argument(help="ENVIRONMENT/POOL")],
    *,
    days: Annotated[int, typer.Option(min=1, help="days of the extension")],
    max_price_usd: MaxPrice,
    yes: Yes = False,
    approval: ApprovalFile = None,
    block: Annotated[str | None, typer.Option(help="reservation of the block; default: the pool's last one")] = None,
    again: Annotated[
        bool, typer.Option(help="extend once more, though the same extension was bought within a day")
    ] = False,
    max_overlap_hours: MaxOverlap = 24,
    as_json: AsJson = False,
    as_of: AsOf = None,
    journal: JournalFile = None,
    environments: Environments = Path("stacks/environments"),
) -> None:
    """Extend a capacity block, once: paid at once and not refundable.

    A dry run without --yes. The reservation keeps its id, and its end in the environment's file moves. The same command
    again within a day buys nothing.

    Exit code 0: extended, extended before, or a dry run, 2: unusable input, 4: refused, nothing was bought, 5: AWS said
    no, nothing was bought, 6: the outcome is unknown or isn't in the file, run `ultrafleet capacity settle ENV`.

    Needs, in the environment's region: ec2:DescribeCapacityBlockExtensionHistory,
    ec2:DescribeCapacityBlockExtensionOfferings, ec2:DescribeCapacityBlocks, ec2:DescribeCapacityReservations,
    ec2:PurchaseCapacityBlockExtension, sts:GetCallerIdentity.
    """
    environment, slash, name = pool.partition("/")
    if not slash or not name:
        raise FleetError(path="the pool", got=repr(pool), expected="ENVIRONMENT/POOL, such as training/rack-07")
    validate_sold_days(days, path="--days")
    wish = ExtensionWish(
        pool=name,
        days=days,
        max_usd=ceiling(max_price_usd),
        block=block,
        approval=approval,
        again=again,
        max_overlap=timedelta(hours=max_overlap_hours),
    )
    with exit_codes():
        desk = open_desk(environment, environments=environments, journal=journal, as_of=as_of)
        found = pay_extension(desk, wish) if yes else look(desk, wish)
    if isinstance(found, Purchase):
        show(_bought_lines(desk, found), {"status": "bought", **purchase_json(found)}, as_json=as_json)
    else:
        show(_proposal_lines(wish, found), _proposal_json(wish, found), as_json=as_json)


def _proposal_lines(wish: ExtensionWish, found: ExtensionProposal) -> list[str]:
    offer = found.offer
    part = Segment(
        instance_type=offer.instance_type,
        availability_zone=offer.availability_zone,
        instance_count=offer.instance_count,
        start=offer.start,
        end=offer.end,
    )
    price = per_accelerator_hour(offer.usd, offer.instance_type, part.hours * offer.instance_count)
    sum_ = found.file.environment.purchases.approval_above_usd
    return [
        "dry run, nothing is bought; --yes buys it:",
        f"  {wish.pool}: {offer.capacity_reservation_id} ends {offer.end:%Y-%m-%d}, not {offer.start:%Y-%m-%d}",
        f"  price: {offer.usd:,} {offer.currency}, {price}; ceiling {wish.max_usd:,} USD",
        f"  approval: by {found.approved.approver}"
        if found.approved
        else f"  approval: none needed up to {sum_:,.0f} USD",
        f"  buyer: {found.buyer}",
        "",
        edit_of(found.file, found.edited),
    ]


def _proposal_json(wish: ExtensionWish, found: ExtensionProposal) -> dict[str, Any]:
    return {
        "status": "dry_run",
        "offering": found.offer.id,
        "usd": found.offer.usd,
        "currency": found.offer.currency,
        "max_usd": wish.max_usd,
        "extension": found.extension.model_dump(mode="json"),
        "approver": found.approved.approver if found.approved is not None else None,
        "buyer": found.buyer,
        "edit": edit_of(found.file, found.edited),
    }


def _bought_lines(desk: Desk, found: Purchase) -> list[str]:
    intent, extension = found.intent, found.intent.extension
    moved = (
        f"  {extension.capacity_reservation_id} ends {extension.new_end:%Y-%m-%d %H:%M} UTC, when EC2 has got the money"
        if extension is not None
        else ""
    )
    return [
        *repeated(found),
        f"extended by purchase {found.id} of {intent.at:%Y-%m-%d %H:%M} UTC for {intent.usd:,} USD:",
        moved,
        commit_hint(desk),
    ]
