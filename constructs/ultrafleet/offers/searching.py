"""Search of several accounts and regions at once."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from ultrafleet.errors import FleetError
from ultrafleet.offers.account_time import AccountTime, account_time
from ultrafleet.offers.aws_errors import explained
from ultrafleet.offers.offer import Offer, Question
from ultrafleet.offers.reading import read_offers
from ultrafleet.offers.window import Window
from ultrafleet.rules.zones import is_local_zone, zone_group

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_AT_ONCE: Final = 8
"""Places that are asked at once; in each of them one call at a time, for EC2 limits searches by account and region."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Account and region to ask.

    Attributes:
        credentials: whose credentials they are, `profile staging`, for messages.
        region: the region.
        client: makes a boto3 client of a service, `ec2`.
    """

    credentials: str
    region: str
    client: Callable[[str], Any]

    def __str__(self) -> str:
        return f"{self.credentials} in {self.region}"


@dataclass(frozen=True, kw_only=True)
class Greeted:
    """Place whose credentials work.

    Attributes:
        place: the place.
        account: id of the account.
        time: its time.
    """

    place: Place
    account: str
    time: AccountTime

    def __str__(self) -> str:
        return f"account {self.account} ({self.place})"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Answer of one place to one question.

    Attributes:
        account: account that was asked.
        region: region that was asked.
        question: what was asked for.
        offers: what is for sale.
        at: AWS's time of the answer.
    """

    account: str
    region: str
    question: Question
    offers: tuple[Offer, ...]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Found:
    """Result of a search.

    Attributes:
        asked: every answer.
        failures: what couldn't be asked.
        closed_zones: Local Zones with offers that an account isn't opted in to, as `ACCOUNT ZONE`.
    """

    asked: tuple[Asked, ...]
    failures: tuple[FleetError, ...]
    closed_zones: frozenset[tuple[str, str]] = frozenset()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Offers of all answers, the cheapest accelerator-hour in USD first; those without one last, by start."""
        every = {(offer.account, offer.region, offer.id): offer for asked in self.asked for offer in asked.offers}
        return tuple(sorted(every.values(), key=_order))

    def is_closed(self, offer: Offer) -> bool:
        """True where the account must opt in to a zone of an offer first."""
        return any((offer.account, zone) in self.closed_zones for zone in offer.zones)


def greet(places: Sequence[Place]) -> tuple[list[Greeted], list[FleetError]]:
    """Places whose credentials work, and what is wrong with the others."""
    return _divided(_at_once(_greet, places))


def search(
    greeted: Sequence[Greeted],
    questions: Mapping[Question, Iterable[str]],
    window: Window,
    *,
    wait: Callable[[float], None] = time.sleep,
) -> Found:
    """Ask every place the questions of its region; a place that fails stops no other.

    Args:
        greeted: the places.
        questions: each with the regions in which it is asked.
        window: range of dates.
        wait: lets seconds pass.
    """

    def ask(one: Greeted) -> tuple[list[Asked], list[FleetError], set[tuple[str, str]]]:
        wanted = [question for question, regions in questions.items() if one.place.region in regions]
        return _ask(one, wanted, window, wait)

    answers = _at_once(ask, greeted)
    whole = [answer for answer in answers if not isinstance(answer, FleetError)]
    return Found(
        asked=tuple(item for asked, _, _ in whole for item in asked),
        failures=(
            *(answer for answer in answers if isinstance(answer, FleetError)),
            *(item for _, failed, _ in whole for item in failed),
        ),
        closed_zones=frozenset(zone for _, _, closed in whole for zone in closed),
    )


def opt_in_command(zone: str) -> str:
    """Command that opts an account in to a Local Zone."""
    return f"aws ec2 modify-availability-zone-group --group-name {zone_group(zone)} --opt-in-status opted-in"


def _greet(place: Place) -> Greeted:
    try:
        answer = place.client("sts").get_caller_identity()
    except Exception as error:
        raise explained(error, place=str(place)) from error
    return Greeted(place=place, account=str(answer["Account"]), time=account_time(answer, local=datetime.now(UTC)))


def _ask(
    one: Greeted, questions: Sequence[Question], window: Window, wait: Callable[[float], None]
) -> tuple[list[Asked], list[FleetError], set[tuple[str, str]]]:
    client = one.place.client("ec2")
    asked, failed = [], []
    for question in questions:
        try:
            offers = read_offers(
                client,
                question,
                account=one.account,
                region=one.place.region,
                earliest_start=window.earliest_start,
                latest_end=window.latest_end,
                wait=wait,
            )
        except Exception as error:  # noqa: BLE001 - as above
            failed.append(explained(error, place=f"{one}, {question}"))
        else:
            asked.append(
                Asked(account=one.account, region=one.place.region, question=question, offers=offers, at=one.time.now)
            )
    local = sorted({zone for item in asked for offer in item.offers for zone in offer.zones if is_local_zone(zone)})
    try:
        closed = _closed_zones(client, local) if local else []
    except Exception as error:  # noqa: BLE001 - as above
        failed.append(explained(error, place=f"{one}, whether it is opted in to {', '.join(local)}"))
        closed = []
    return asked, failed, {(one.account, zone) for zone in closed}


def _closed_zones(client: Any, zones: list[str]) -> list[str]:  # noqa: ANN401 - boto3 has no types
    answer = client.describe_availability_zones(AllAvailabilityZones=True, ZoneNames=zones)
    return [item["ZoneName"] for item in answer["AvailabilityZones"] if item["OptInStatus"] == "not-opted-in"]


def _at_once(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result | FleetError]:
    def done(item: _Item) -> _Result | FleetError:
        try:
            return work(item)
        except FleetError as error:
            return error

    if len(items) < 2:  # noqa: PLR2004 - one needs no thread
        return [done(item) for item in items]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(done, items))


def _divided(results: Iterable[Greeted | FleetError]) -> tuple[list[Greeted], list[FleetError]]:
    found = list(results)
    return [item for item in found if isinstance(item, Greeted)], [
        item for item in found if isinstance(item, FleetError)
    ]


def _order(offer: Offer) -> tuple[float, datetime, str]:
    usd = offer.usd_per_accelerator_hour
    return (float("inf") if usd is None else usd, offer.start, offer.id)
