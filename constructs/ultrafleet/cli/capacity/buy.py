"""`ultrafleet capacity buy`: buys a capacity block, once."""

from datetime import UTC, datetime, timedelta
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
from ultrafleet.purchases import Desk, Purchase
from ultrafleet.purchases.buying import BlockWish, Proposal, look
from ultrafleet.purchases.buying import buy as pay_block
from ultrafleet.purchases.offers import Offer
from ultrafleet.purchases.records import Placement
from ultrafleet.rules.block_duration import validate_sold_days


def buy(
    offering: Annotated[str, typer.Argument(help="id of the offering, as `capacity search` shows it")],
    *,
    env: Annotated[str, typer.Option("--env", help="environment that it is for")],
    pool: Annotated[list[str], typer.Option(help="pool that gets it; one for each UltraServer of the offering")],
    max_price_usd: MaxPrice,
    yes: Yes = False,
    approval: ApprovalFile = None,
    days: Annotated[int | None, typer.Option(min=1, help="duration of the offering; default: each is asked")] = None,
    start: Annotated[
        datetime | None,
        typer.Option(help="UTC start of the offering, as `capacity search` shows it; default: the soonest are asked"),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="instances of the offering; default: those of the pool's last block")
    ] = None,
    like: Annotated[str | None, typer.Option(help="pool that is copied for a --pool that isn't in the file")] = None,
    max_overlap_hours: MaxOverlap = 24,
    as_json: AsJson = False,
    as_of: AsOf = None,
    journal: JournalFile = None,
    environments: Environments = Path("stacks/environments"),
) -> None:
    """Buy a capacity block, once: paid at once and not refundable.

    A dry run without --yes. The offering is compared again right before it is paid; the intent is in the journal before
    the call and on the block as a tag. The block lands in the environment's file. The same command again buys nothing.

    Exit code 0: bought, bought before, or a dry run, 2: unusable input, 4: refused, nothing was bought, 5: AWS said no,
    nothing was bought, 6: the outcome is unknown or isn't in the file, run `ultrafleet capacity settle ENV`.

    Needs, in the environment's region: ec2:CreateTags, ec2:DescribeCapacityBlockOfferings, ec2:DescribeCapacityBlocks,
    ec2:DescribeCapacityReservations, ec2:PurchaseCapacityBlock, sts:GetCallerIdentity.
    """
    if days is not None:
        validate_sold_days(days, path="--days")
    wish = BlockWish(
        offering=offering,
        pools=tuple(pool),
        max_usd=ceiling(max_price_usd),
        days=days,
        start=start.replace(tzinfo=UTC) if start is not None else None,
        count=count,
        like=like,
        approval=approval,
        max_overlap=timedelta(hours=max_overlap_hours),
    )
    with exit_codes():
        desk = open_desk(env, environments=environments, journal=journal, as_of=as_of)
        found = pay_block(desk, wish) if yes else look(desk, wish)
    if isinstance(found, Purchase):
        show(_bought_lines(desk, found), {"status": "bought", **purchase_json(found)}, as_json=as_json)
    else:
        show(_proposal_lines(wish, found), _proposal_json(wish, found), as_json=as_json)


def _proposal_lines(wish: BlockWish, found: Proposal) -> list[str]:
    offer = found.offer
    price = per_accelerator_hour(offer.usd, offer.segments[0].instance_type, offer.instance_hours)
    sum_ = found.file.environment.purchases.approval_above_usd
    return [
        "dry run, nothing is bought; --yes buys it:",
        *(
            f"  {place.pool}: {_held(offer, place)} in {place.availability_zone} from {place.start:%Y-%m-%d %H:%M} to "
            f"{place.end:%Y-%m-%d %H:%M} UTC"
            for place in found.places
        ),
        f"  price: {offer.usd:,} {offer.currency}, {price}; ceiling {wish.max_usd:,} USD",
        f"  approval: by {found.approved.approver}"
        if found.approved
        else f"  approval: none needed up to {sum_:,.0f} USD",
        f"  buyer: {found.buyer}",
        "",
        edit_of(found.file, found.edited),
    ]


def _held(offer: Offer, place: Placement) -> str:
    return offer.sold if place.instance_count is None else f"{place.instance_count} x {offer.sold}"


def _proposal_json(wish: BlockWish, found: Proposal) -> dict[str, Any]:
    return {
        "status": "dry_run",
        "offering": found.offer.id,
        "usd": found.offer.usd,
        "currency": found.offer.currency,
        "max_usd": wish.max_usd,
        "placements": [place.model_dump(mode="json") for place in found.places],
        "approver": found.approved.approver if found.approved is not None else None,
        "buyer": found.buyer,
        "edit": edit_of(found.file, found.edited),
    }


def _bought_lines(desk: Desk, found: Purchase) -> list[str]:
    intent = found.intent
    return [
        *repeated(found),
        f"bought by purchase {found.id} of {intent.at:%Y-%m-%d %H:%M} UTC for {intent.usd:,} USD:",
        *(
            f"  {block.capacity_reservation_id} ({block.capacity_block_id}) in {block.availability_zone} from "
            f"{block.start:%Y-%m-%d %H:%M} to {block.end:%Y-%m-%d %H:%M} UTC, {block.state}"
            for block in found.blocks
        ),
        commit_hint(desk),
    ]
