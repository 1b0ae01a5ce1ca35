"""Report on a block: its clock, its next event, and what needs a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.block_status.filed_block import FiledBlock
from ultrafleet.block_status.live_block import LiveBlock
from ultrafleet.catalog import CapacityBlockRules, PurchaseOption
from ultrafleet.catalog.prices import prices
from ultrafleet.rules.block_clock import default_drain_lead_minutes
from ultrafleet.rules.zones import region_of_zone

_OVER: Final = ("expired", "cancelled")
_LIVES: Final = ("scheduled", "active")
_WAITS: Final = ("scheduled", "active", "payment-pending", "pending", "assessing")
_MOMENT: Final = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, kw_only=True)
class Concern:
    """Thing that needs a person.

    Attributes:
        by: moment by which; what is wrong already has the moment of the report.
        text: what is wrong, and what to do.
    """

    by: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class BlockReport:
    """Report on one block at a moment.

    Attributes:
        now: the moment, by AWS's clock.
        reservation_id: `cr-…`.
        filed: the block in the file, or None.
        live: the block in the account, or None.
    """

    now: datetime
    reservation_id: str
    filed: FiledBlock | None
    live: LiveBlock | None

    @property
    def is_over(self) -> bool:
        """True for a block that has ended, in the account or by the file where the account has forgotten it."""
        if self.live is not None:
            return self.live.state in _OVER or self.live.end <= self.now
        return self.filed is not None and self.filed.end <= self.now

    @property
    def end(self) -> datetime:
        """End by the account, or by the file where the account doesn't have it."""
        if self.live is not None:
            return self.live.end
        if self.filed is None:
            raise AssertionError("a report is of a block of one of them")
        return self.filed.end

    @property
    def drain(self) -> datetime:
        """Moment at which the schedule begins to drain its nodes."""
        whole = self.live is not None and self.live.ultraserver_type is not None
        lead = default_drain_lead_minutes(ultraserver=whole) if self.filed is None else self.filed.lead_minutes
        return self.end - timedelta(minutes=lead)

    @property
    def extension(self) -> tuple[datetime, datetime] | None:
        """Moments from which and until which it can be extended; None: not any more, or not at all."""
        live = self.live
        if live is None or live.state not in _LIVES or live.end - live.start >= CapacityBlockRules.MAX_DURATION:
            return None
        until = live.end - CapacityBlockRules.LATEST_EXTENSION
        if until <= self.now or any(item.status == "payment-pending" for item in live.extensions):
            return None
        return live.end - CapacityBlockRules.EARLIEST_EXTENSION, until

    @property
    def price_rises(self) -> list[str]:
        """Announced prices of its type that hold from a later day on."""
        live = self.live
        if live is None:
            return []
        today = self.now.date().isoformat()
        return [
            f"{item.usd_per_hour:,.3f} USD an hour from {item.as_of} on"
            for item in prices()
            if item.type == live.sold_type
            and item.purchase_option == PurchaseOption.CAPACITY_BLOCK
            and item.holds_in(region_of_zone(live.zone))
            and item.as_of > today
        ]

    @property
    def events(self) -> list[tuple[datetime, str]]:
        """Events to come, the next one first."""
        if self.is_over:
            return []
        live, found = self.live, [(self.drain, "drain"), (self.end, "end")]
        if live is not None:
            whole = live.ultraserver_type is not None
            reclaim = CapacityBlockRules.ULTRASERVER_RECLAIM if whole else CapacityBlockRules.INSTANCE_RECLAIM
            found += [(live.start, "start"), (live.end - reclaim, "EC2 takes its instances back")]
            if live.state == "payment-pending" and live.created is not None:
                found.append((live.created + CapacityBlockRules.PAYMENT_FAILS_AFTER, "payment fails"))
        if self.extension is not None:
            found += [(self.extension[0], "can be extended"), (self.extension[1], "last moment to extend")]
        return sorted(item for item in found if item[0] > self.now)

    @property
    def concerns(self) -> list[Concern]:
        """Things that need a person, the most urgent first."""
        if self.is_over:
            return []
        return sorted((*self._of_both(), *self._of_account()), key=lambda item: item.by)

    def _of_both(self) -> Iterator[Concern]:
        filed, live = self.filed, self.live
        if live is None and filed is not None:
            yield Concern(
                by=self.now,
                text=f"the account has no reservation {filed.reservation_id}: correct the id, or take the block out",
            )
        if filed is None and live is not None and live.state in _WAITS:
            yield Concern(
                by=max(self.now, live.start),
                text=f"{live.holds} is paid for and in no environment file: `ultrafleet capacity import` adopts it",
            )
        if filed is None or live is None:
            return
        if live.end != filed.end:
            word = "extended" if live.end > filed.end else "shorter"
            yield Concern(
                by=self.now,
                text=f"{word} to {live.end:{_MOMENT}}, the file says {filed.end:{_MOMENT}}: correct the file",
            )
        if live.instance_count < filed.instance_count:
            yield Concern(
                by=self.now, text=f"holds {live.instance_count} instances, the file says {filed.instance_count}"
            )
        if filed.followed_by is None and not filed.hold and live.state in _WAITS:
            until = f"extend it by {self.extension[1]:{_MOMENT}}" if self.extension else "it can't be extended any more"
            yield Concern(
                by=max(self.now, self.drain),
                text=f"drains at {self.drain:{_MOMENT}} and no block of {filed.pool} follows: {until}, or buy another",
            )

    def _of_account(self) -> Iterator[Concern]:
        live = self.live
        if live is None:
            return
        if live.state == "payment-pending":
            fails = (live.created or self.now) + CapacityBlockRules.PAYMENT_FAILS_AFTER
            yield Concern(by=fails, text=f"is not paid: the purchase fails at {fails:{_MOMENT}}, see the bill")
        elif live.state not in _WAITS:
            yield Concern(by=self.now, text=f"is {live.state}: nothing can be launched into it")
        if live.interconnect == "impaired":
            yield Concern(
                by=self.now,
                text="its interconnect is impaired: terminate every instance of it, then open a case with AWS Support",
            )
        if live.unavailable:
            yield Concern(by=self.now, text=f"{live.unavailable} of {live.instance_count} instances fail their checks")
        if live.extensions and live.extensions[-1].status == "payment-failed":
            yield Concern(
                by=self.now, text="the payment of its extension failed: correct the payment, and extend again"
            )
        if live.extensions and live.extensions[-1].status == "payment-pending":
            last = live.extensions[-1]
            fails = min(
                last.purchased + CapacityBlockRules.EXTENSION_PAYMENT_FAILS_AFTER,
                live.end - CapacityBlockRules.EXTENSION_PAYMENT_FAILS_BEFORE_END,
            )
            yield Concern(by=fails, text=f"its extension is not paid: it fails at {fails:{_MOMENT}}, see the bill")

    def as_json(self) -> dict[str, Any]:
        """Keys of JSON output."""
        live, filed, extension = self.live, self.filed, self.extension
        return {
            "environment": filed.environment if filed else None,
            "pool": filed.pool if filed else None,
            "capacity_reservation_id": self.reservation_id,
            "capacity_block_id": live.block_id if live else None,
            "holds": live.holds if live else None,
            "zone": live.zone if live else None,
            "state": live.state if live else None,
            "interconnect": live.interconnect if live else None,
            "instances": live.instance_count if live else None,
            "unavailable": live.unavailable if live else None,
            "start": live.start.isoformat() if live else None,
            "end": self.end.isoformat(),
            "drain": self.drain.isoformat(),
            "hours_to_drain": _hours(self.drain - self.now),
            "hours_to_end": _hours(self.end - self.now),
            "extensible_from": extension[0].isoformat() if extension else None,
            "extensible_until": extension[1].isoformat() if extension else None,
            "announced_prices": self.price_rises,
            "events": [{"at": at.isoformat(), "event": event} for at, event in self.events],
            "concerns": [{"by": item.by.isoformat(), "text": item.text} for item in self.concerns],
        }


def reports(
    filed: tuple[FiledBlock, ...], live: tuple[LiveBlock, ...], *, known_elsewhere: frozenset[str], now: datetime
) -> list[BlockReport]:
    """Report on every block of a file and of its account.

    Args:
        filed: blocks of the file.
        live: blocks of the account.
        known_elsewhere: reservations of other environments' files, which aren't reported here.
        now: AWS's time.
    """
    in_account = {block.reservation_id: block for block in live}
    of_file = {block.reservation_id: block for block in filed}
    both = [
        BlockReport(now=now, reservation_id=item.reservation_id, filed=item, live=in_account.get(item.reservation_id))
        for item in filed
    ]
    others = [
        BlockReport(now=now, reservation_id=item.reservation_id, filed=None, live=item)
        for item in live
        if item.reservation_id not in of_file and item.reservation_id not in known_elsewhere
    ]
    return [*both, *others]


def _hours(length: timedelta) -> float:
    return round(length.total_seconds() / 3600, 2)
