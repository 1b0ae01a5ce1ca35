"""Offers read with a boto3 client that is passed in."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.catalog.capacity_blocks import DESCRIBE_LIMIT_CODE
from ultrafleet.offers.offer import Offer, OfferSegment, Question

LIMIT_WAITS_S: Final = (5.0, 15.0, 30.0)
"""Seconds before each further try where EC2 says that offerings were asked for too often: botocore tries none."""


def read_offers(
    client: Any,  # noqa: ANN401 - boto3 has no types
    question: Question,
    *,
    account: str,
    region: str,
    earliest_start: datetime | None = None,
    latest_end: datetime | None = None,
    every_zone: bool = True,
    wait: Callable[[float], None],
) -> tuple[Offer, ...]:
    """Offers for a question, in the order in which EC2 gives them.

    Args:
        client: boto3 client of EC2.
        question: what is looked for.
        account: account of its credentials.
        region: its region.
        earliest_start: no block begins before it. Default: the soonest.
        latest_end: no block ends after it. Default: the latest.
        every_zone: also Local Zones that the account isn't opted in to.
        wait: lets seconds pass.

    Raises:
        ClientError: EC2 refuses.
        BotoCoreError: EC2 isn't reached.
    """
    given = question.request | {"AllAvailabilityZones": every_zone}
    given |= {"StartDateRange": earliest_start} if earliest_start is not None else {}
    given |= {"EndDateRange": latest_end} if latest_end is not None else {}
    found = _patiently(lambda: list(_pages(client, given)), wait)
    return tuple(offer_of(item, question, account=account, region=region) for item in found)


def offer_of(item: Mapping[str, Any], question: Question, *, account: str, region: str) -> Offer:
    """Offer of an item of EC2's answer."""
    parts = item.get("CapacityBlockOfferingSegments") or [item]
    return Offer(
        id=str(item["CapacityBlockOfferingId"]),
        account=account,
        region=region,
        question=question,
        segments=tuple(_segment(part, item, question) for part in parts),
        currency=str(item.get("CurrencyCode") or "a currency that isn't stated"),
        fee=_fee(item),
    )


def _segment(part: Mapping[str, Any], item: Mapping[str, Any], question: Question) -> OfferSegment:
    whole = part is item and item.get("UltraserverType")
    return OfferSegment(
        type=str(item["UltraserverType"] if whole else part.get("InstanceType", question.type)),
        count=int(item.get("UltraserverCount") or question.count) if whole else int(part["InstanceCount"]),
        zone=str(part["AvailabilityZone"]),
        start=part["StartDate"].astimezone(UTC),
        end=part["EndDate"].astimezone(UTC),
        fee=_fee(part),
    )


def _fee(item: Mapping[str, Any]) -> float | None:
    return float(item["UpfrontFee"]) if item.get("UpfrontFee") else None


def _pages(client: Any, given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - boto3
    for page in client.get_paginator("describe_capacity_block_offerings").paginate(**given):
        yield from page["CapacityBlockOfferings"]


def _patiently(ask: Callable[[], list[Mapping[str, Any]]], wait: Callable[[float], None]) -> list[Mapping[str, Any]]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only what asks AWS needs it

    for seconds in LIMIT_WAITS_S:
        try:
            return ask()
        except ClientError as error:
            if error.response["Error"].get("Code") != DESCRIBE_LIMIT_CODE:
                raise
        wait(seconds)
    return ask()
