"""History of searches: what was for sale when, at which price. A file of JSON lines, one for each answer."""

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.offers.offer import Offer, Question
from ultrafleet.offers.searching import Asked

HISTORY_NAME: Final = "offers.jsonl"
"""Name of the file, beside the environment files."""
_Identity = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class History:
    """Searches of a file.

    Attributes:
        asked: every answer, in the order of the file.
        unreadable: numbers of lines that couldn't be read, such as a last one that was cut off.
    """

    asked: tuple[Asked, ...]
    unreadable: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Price:
    """Price of a moment.

    Attributes:
        usd: USD for an accelerator and hour.
        at: when it was seen.
    """

    usd: float
    at: datetime


@dataclass(frozen=True, kw_only=True)
class TypeHistory:
    """Offers of a type in a zone over time.

    Attributes:
        type: instance or UltraServer type that was asked for.
        zone: its zone, or `several zones` of an offer in segments.
        searches: answers of the zone's region about the type.
        with_offers: answers among them that had offers here.
        lowest: lowest price, or None where none was in USD.
        highest: highest price.
        last: newest price.
        lived_hours: longest time for which one offer was seen, in hours.
        gone: offers of earlier searches that a later one of the same didn't have any more.
        seen: different offers that were seen.
    """

    type: str
    zone: str
    searches: int
    with_offers: int
    lowest: Price | None
    highest: Price | None
    last: Price | None
    lived_hours: float
    gone: int
    seen: int

    def as_json(self) -> dict[str, Any]:
        """Keys of JSON output."""
        prices = {"lowest": self.lowest, "highest": self.highest, "last": self.last}
        return {
            "type": self.type,
            "zone": self.zone,
            "searches": self.searches,
            "with_offers": self.with_offers,
            **{
                name: None if item is None else {"usd_per_accelerator_hour": item.usd, "at": item.at.isoformat()}
                for name, item in prices.items()
            },
            "longest_seen_hours": self.lived_hours,
            "gone": self.gone,
            "seen": self.seen,
        }


def record(path: Path, asked: Iterable[Asked]) -> None:
    """Append answers to a history; they are on the disk when this returns, or nothing of them is.

    Raises:
        FleetError: it can't be written; what it held before is as it was.
    """
    text = "".join(f"{json.dumps(_line(item))}\n" for item in asked).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.seek(0, os.SEEK_END)
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(path, before)
                raise
    except OSError as error:
        raise FleetError(
            path=path,
            verb="can't be",
            got=f"written ({error})",
            expected="a file for the history of offers",
            remedy="make room or pass another --history; the offers of this search were not recorded",
        ) from error


def read_history(path: Path) -> History:
    """Searches of a file.

    Raises:
        FleetError: it can't be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise FleetError(
            path=path,
            verb="can't be",
            got=f"read ({error})",
            expected="a history of offers",
            remedy="`ultrafleet capacity search --record` writes one",
        ) from error
    asked, unreadable = [], []
    for number, line in enumerate(lines, 1):
        try:
            asked.append(_asked(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            unreadable.append(number)
    return History(asked=tuple(asked), unreadable=tuple(unreadable))


def type_histories(asked: Iterable[Asked], *, only: str | None = None) -> list[TypeHistory]:
    """Offers of each type and zone over time, by name.

    Args:
        asked: answers of a history.
        only: one type. Default: every one.
    """
    of_type: defaultdict[str, list[Asked]] = defaultdict(list)
    for item in sorted(asked, key=lambda one: one.at):
        if only is None or item.question.type == only:
            of_type[item.question.type].append(item)
    return [
        _of_zone(name, zone, [item for item in items if item.region in regions])
        for name, items in sorted(of_type.items())
        for zone, regions in sorted(_zones(items).items())
    ]


def _zones(items: Iterable[Asked]) -> Mapping[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        for offer in item.offers:
            found[_zone(offer)].add(item.region)
        if not item.offers:
            found.setdefault(f"none in {item.region}", {item.region})
    return {
        zone: regions
        for zone, regions in found.items()
        if not zone.startswith("none in ") or not any(regions & other for name, other in found.items() if name != zone)
    }


def _of_zone(name: str, zone: str, items: list[Asked]) -> TypeHistory:
    prices: list[Price] = []
    seen: dict[_Identity, list[datetime]] = {}
    gone = with_offers = 0
    for_sale: dict[tuple[str, str, Question], set[_Identity]] = {}
    for item in items:
        here = [offer for offer in item.offers if _zone(offer) == zone]
        with_offers += bool(here)
        prices += [Price(usd=usd, at=item.at) for offer in here if (usd := offer.usd_per_accelerator_hour) is not None]
        known = {_identity(offer) for offer in here}
        for one in known:
            seen.setdefault(one, []).append(item.at)
        key = (item.account, item.region, item.question)
        gone += len(for_sale.get(key, set()) - known)
        for_sale[key] = known
    by_price = sorted(prices, key=lambda price: price.usd)
    lived = [(moments[-1] - moments[0]).total_seconds() / 3600 for moments in seen.values()]
    return TypeHistory(
        type=name,
        zone=zone,
        searches=len(items),
        with_offers=with_offers,
        lowest=by_price[0] if by_price else None,
        highest=by_price[-1] if by_price else None,
        last=prices[-1] if prices else None,
        lived_hours=max(lived, default=0),
        gone=gone,
        seen=len(seen),
    )


def _zone(offer: Offer) -> str:
    return offer.zones[0] if len(offer.zones) == 1 else "several zones"


def _identity(offer: Offer) -> _Identity:
    """Content that makes an offer the same one in two searches: ids aren't known to stay."""
    return (offer.account, offer.region, offer.question, offer.end, offer.zones)


def _line(item: Asked) -> dict[str, Any]:
    return {
        "at": item.at.isoformat(),
        "account": item.account,
        "region": item.region,
        "asked": item.question.as_json(),
        "offers": [offer.as_json() for offer in item.offers],
    }


def _asked(content: Mapping[str, Any]) -> Asked:
    return Asked(
        account=str(content["account"]),
        region=str(content["region"]),
        question=Question(**content["asked"]),
        offers=tuple(Offer.from_json(item) for item in content["offers"]),
        at=datetime.fromisoformat(content["at"]),
    )
