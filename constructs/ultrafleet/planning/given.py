"""Files, offers, prices and settings that a plan is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.environment import Environment
from ultrafleet.programme import Programme


@dataclass(frozen=True, kw_only=True)
class OfferedSegment:
    """Part of an offered block.

    Attributes:
        zone: zone.
        units: UltraServers or instances.
        start: first moment.
        end: last moment.
    """

    zone: str
    units: int
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class OfferedBlock:
    """Offer of a block or of an extension, as a search found it.

    Attributes:
        id: offering id.
        account: account that it is offered to.
        region: its region.
        type: UltraServer type or instance type.
        usd: price of the whole.
        segments: its parts; one of them for most.
        extends: reservation that it extends. Default: it is a block of its own.
    """

    id: str
    account: str
    region: str
    type: str
    usd: float
    segments: tuple[OfferedSegment, ...]
    extends: str | None = None


@dataclass(frozen=True, kw_only=True)
class Given:
    """Files, offers, prices and settings that a problem is made of.

    Attributes:
        environments: environment files.
        programme: programme file. Default: one environment alone is planned.
        offers: offers that are known. Default: no search was made.
        prices: prices of what isn't on offer. Default: the public ones.
        now: moment of planning, with an offset from UTC.
        instances_on_a_date: instances on blocks in the organisation on a date. Default: the programme's, else the
            documented limit.
        notes: sentences on what isn't planned, from whoever read the files.
    """

    environments: Sequence[Environment]
    programme: Programme | None = None
    offers: Sequence[OfferedBlock] | None = None
    prices: PriceList = field(default=PUBLIC)
    now: datetime
    instances_on_a_date: int | None = None
    notes: Sequence[str] = ()
