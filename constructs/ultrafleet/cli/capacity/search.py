"""`ultrafleet capacity search`: offers of capacity blocks in several accounts and regions, the cheapest first."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.catalog import PurchaseOption
from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.capacity._places import places
from ultrafleet.cli.private_price_file import read_private_prices
from ultrafleet.doctor import Permission
from ultrafleet.errors import FleetError
from ultrafleet.offers import (
    HISTORY_NAME,
    USD,
    Found,
    Offer,
    OfferSegment,
    Questions,
    greet,
    opt_in_command,
    question_of_type,
    questions_of_accelerators,
    record,
    regions_of_sale,
    regions_or_refuse,
    search,
    window,
)
from ultrafleet.offers.offer import accelerators_of
from ultrafleet.plain_text import for_terminal, visible_json
from ultrafleet.rules.zones import region_of_zone

SEARCH_PERMISSIONS: Final = (
    Permission(action="ec2:DescribeAvailabilityZones"),
    Permission(action="ec2:DescribeCapacityBlockOfferings"),
    Permission(action="sts:GetCallerIdentity"),
)
"""IAM permissions that the calls of a search need; `sts:AssumeRole` beside them with --role."""
_WIDTH: Final = 185
_MOMENT: Final = "%Y-%m-%d %H:%M"


def capacity_search(
    type_: Annotated[str | None, typer.Option("--type", help="instance type or UltraServer type")] = None,
    count: Annotated[int, typer.Option(help="instances or UltraServers of one offer; with --type")] = 1,
    accelerators: Annotated[
        int | None, typer.Option(help="accelerators that are wanted, of every type that is sold in blocks")
    ] = None,
    accelerator_kind: Annotated[
        str | None, typer.Option(help="part of their kind or name: nvidia, GB200, Trainium2; with --accelerators")
    ] = None,
    days: Annotated[int, typer.Option(help="duration: 1 to 14, or a multiple of 7 up to 182")] = 1,
    from_: Annotated[
        datetime | None, typer.Option("--from", help="UTC day or moment before which no block starts. Default: now")
    ] = None,
    to: Annotated[
        datetime | None, typer.Option("--to", help="UTC day or moment after which no block ends. Default: any")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(help="region, repeated for several. Default: where the catalog has it sold")
    ] = None,
    zone: Annotated[list[str] | None, typer.Option(help="zone, repeated for several. Default: every one")] = None,
    profile: Annotated[list[str] | None, typer.Option(help="AWS profile of an account, repeated for several")] = None,
    role: Annotated[list[str] | None, typer.Option(help="ARN of a role to assume, repeated for several")] = None,
    max_usd_per_accelerator_hour: Annotated[float | None, typer.Option(help="dearer offers aren't shown")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="CSV or YAML file of your prices, to compare with; they precede the public ones")
    ] = None,
    record_: Annotated[bool, typer.Option("--record", help="append what is found to the history")] = False,
    history: Annotated[Path, typer.Option(help="file of the history")] = Path("stacks/environments") / HISTORY_NAME,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Search offers of capacity blocks: every zone, region and account at once, the cheapest accelerator-hour first.

    Nothing is bought. An account or a region that fails stops no other. Offers in another currency than USD are listed
    apart. Exit 0: offers, 1: none, 2: unusable input, or no account could be asked.

    It needs ec2:DescribeCapacityBlockOfferings, ec2:DescribeAvailabilityZones and sts:GetCallerIdentity; --role needs
    sts:AssumeRole.
    """
    questions = _questions(type_, count, accelerators, accelerator_kind, days)
    known = read_private_prices(prices) if prices else PUBLIC
    asked = regions_or_refuse(questions.asked, _regions(region, zone))
    greeted, failed = greet(
        places((name for names in asked.values() for name in names), profiles=profile or (), roles=role or ())
    )
    if not greeted:
        refuse(*failed)
    dates = window(
        now=max(one.time.now for one in greeted), durations=[days], earliest_start=_begin(from_), latest_end=_end(to)
    )
    found = search(greeted, asked, dates)
    failures = [*failed, *found.failures]
    if failures and not found.asked:
        refuse(*failures)
    if record_:
        record(history, found.asked)
    warnings = sorted({one.time.warning for one in greeted if one.time.warning})
    shown = _Shown(found, zones=zone or [], most=max_usd_per_accelerator_hour)
    notes = [*questions.notes, *dates.notes, *shown.notes, *_elsewhere(found)]
    if as_json:
        print(json.dumps(visible_json(_as_json(found, shown, failures, [*warnings, *notes])), indent=2))
    else:
        _print(found, shown, known, notes)
        if record_:
            print(f"recorded in {history}")
        for line in [*(f"warning: {item}" for item in warnings), *(f"not asked: {item}" for item in failures)]:
            print(for_terminal(line), file=sys.stderr)
    if not shown.offers:
        raise typer.Exit(1)


def _questions(type_: str | None, count: int, accelerators: int | None, kind: str | None, days: int) -> Questions:
    if (type_ is None) == (accelerators is None):
        raise FleetError(
            path="--type and --accelerators", verb="are", got="both or neither passed", expected="one of them"
        )
    if kind is not None and accelerators is None:
        raise FleetError(path="--accelerator-kind", got="passed with --type", expected="it with --accelerators")
    if type_ is not None:
        return Questions(asked=(question_of_type(type_, count=count, days=days),))
    found = questions_of_accelerators(accelerators or 0, kind=kind, days=days)
    if not found.asked:
        raise FleetError(
            path="--accelerators",
            got=accelerators,
            expected="as many as one block of some type holds",
            remedy="; ".join(found.notes),
        )
    return found


def _regions(regions: list[str] | None, zones: list[str] | None) -> list[str]:
    """Regions that are passed, and those of the zones that are."""
    return [*(regions or []), *(region_of_zone(zone) for zone in zones or [])]


def _begin(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _end(day: datetime | None) -> datetime | None:
    """End of a day, where only a day is stated."""
    if day is None:
        return None
    whole = day == day.replace(hour=0, minute=0, second=0, microsecond=0)
    return day.replace(tzinfo=UTC) + (timedelta(days=1) if whole else timedelta(0))


class _Shown:
    """Offers that are shown, after the filters of zone and price."""

    def __init__(self, found: Found, *, zones: list[str], most: float | None) -> None:
        in_zones = [offer for offer in found.offers if not zones or set(offer.zones) <= set(zones)]
        self.notes: list[str] = []
        if len(in_zones) < len(found.offers):
            self.notes.append(f"{len(found.offers) - len(in_zones)} offers are in other zones")
        self.offers = in_zones
        if most is not None:
            self.offers = [item for item in in_zones if (item.usd_per_accelerator_hour or 0) <= most]
            if len(self.offers) < len(in_zones):
                lowest = min(item.usd_per_accelerator_hour or 0 for item in in_zones if item not in self.offers)
                self.notes.append(
                    f"{len(in_zones) - len(self.offers)} offers are dearer than {most:,.4g} USD per accelerator-hour, "
                    f"the cheapest of them {lowest:,.4f}"
                )
        self.in_usd = [item for item in self.offers if item.currency == USD]
        self.others = [item for item in self.offers if item.currency != USD]
        closed = sorted(
            {zone for item in self.offers for zone in item.zones if (item.account, zone) in found.closed_zones}
        )
        for zone in closed:
            accounts = sorted({account for account, name in found.closed_zones if name == zone})
            self.notes.append(
                f"account {', '.join(accounts)} isn't opted in to {zone} and can't buy there before "
                f"`{opt_in_command(zone)}`"
            )


def _elsewhere(found: Found) -> list[str]:
    """A note for each type that was looked for in vain where the catalog doesn't know it to be sold."""
    vain: dict[str, set[str]] = {}
    for item in found.asked:
        if not item.offers and item.region not in (known := regions_of_sale(item.question.type)) and known:
            vain.setdefault(item.question.type, set()).add(item.region)
    return [
        f"the catalog knows {name} to be sold in {', '.join(regions_of_sale(name))}, not in {', '.join(sorted(asked))}"
        for name, asked in vain.items()
    ]


def _as_json(found: Found, shown: _Shown, failures: Sequence[FleetError], notes: Sequence[str]) -> dict[str, Any]:
    def content(offer: Offer) -> Mapping[str, Any]:
        return offer.as_json() | {"opt_in_needed": found.is_closed(offer)}

    return {
        "asked": [
            {"account": item.account, "region": item.region, "offers": len(item.offers), **item.question.as_json()}
            for item in found.asked
        ],
        "offers": [content(offer) for offer in shown.in_usd],
        "in_other_currencies": [content(offer) for offer in shown.others],
        "failures": [error.as_json() for error in failures],
        "notes": list(notes),
    }


def _print(found: Found, shown: _Shown, prices: PriceList, notes: Iterable[str]) -> None:
    console = Console(width=max(_WIDTH, Console().width), highlight=False)
    several = len({item.account for item in found.asked}) > 1
    if shown.in_usd:
        console.print(_table("offers", shown.in_usd, USD, prices, several=several))
    for currency in sorted({item.currency for item in shown.others}):
        offers = [item for item in shown.others if item.currency == currency]
        title = f"offers in {currency}, not compared with the others"
        console.print(_table(title, offers, currency, prices, several=several))
    if not shown.offers:
        print("no offers")
        for item in found.asked:
            print(f"- {item.question} in {item.region}, account {item.account}: {len(item.offers) or 'none'} for sale")
    for note in notes:
        print(for_terminal(f"note: {note}"))
    if shown.in_usd:
        print(_how_to_buy(shown.in_usd[0]))
    elif shown.others:
        print(f"none of them can be bought by `ultrafleet capacity buy`: its ceiling is in {USD}")


def _how_to_buy(offer: Offer) -> str:
    asked = f"--days {offer.question.days} --start {offer.start:%Y-%m-%dT%H:%M:%S}" + (
        "" if offer.question.is_ultraserver else f" --count {offer.question.count}"
    )
    return f"to buy the first: ultrafleet capacity buy {offer.id} --env ENV --pool POOL {asked} --max-price-usd USD"


def _table(title: str, offers: Sequence[Offer], currency: str, prices: PriceList, *, several: bool) -> Table:
    table = Table(box=box.SIMPLE, title=title, title_justify="left", title_style="bold")
    for name in ("offer", *(("account",) if several else ()), "holds", "zone", "starts (UTC)", "ends (UTC)"):
        table.add_column(name, no_wrap=True)
    for name in ("accelerators", f"{currency} in all", f"{currency}/acc.-hour", "on record"):
        table.add_column(name, justify="right", no_wrap=True)
    for offer in offers:
        parts = offer.segments
        one = len(parts) == 1
        table.add_row(
            offer.id,
            *((offer.account,) if several else ()),
            _holds(parts[0]) if one else f"{len(parts)} segments",
            parts[0].zone if one else "",
            f"{offer.start:{_MOMENT}}",
            f"{offer.end:{_MOMENT}}",
            _number(offer.accelerators),
            _money(offer.fee),
            "unknown" if offer.per_accelerator_hour is None else f"{offer.per_accelerator_hour:,.4f}",
            _on_record(parts[0], offer, prices) if one else "",
        )
        for part in parts if not one else ():
            table.add_row(
                "",
                *(("",) if several else ()),
                f"  {_holds(part)}",
                part.zone,
                f"{part.start:{_MOMENT}}",
                f"{part.end:{_MOMENT}}",
                _number(part.accelerators),
                _money(part.fee),
                "",
                _on_record(part, offer, prices),
            )
    return table


def _holds(part: OfferSegment) -> str:
    return f"{part.count} x {part.type}"


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _money(value: float | None) -> str:
    return "not stated" if value is None else f"{value:,.2f}"


def _on_record(part: OfferSegment, offer: Offer, prices: PriceList) -> str:
    """Price for an accelerator and hour by the price list, with its date; it is in USD, and no other is beside it."""
    each, fact = accelerators_of(part.type), prices.price(part.type, PurchaseOption.CAPACITY_BLOCK, offer.region)
    return (
        "-" if not each or fact.value is None or offer.currency != USD else f"{fact.value / each:,.4f} ({fact.as_of})"
    )
