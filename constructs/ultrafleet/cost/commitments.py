"""Commitments: the capacity of an environment that is paid for, whether it is used or not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from ultrafleet.catalog import Fact, PurchaseOption
from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.cost.amount import Amount
from ultrafleet.cost.months import Month, hours
from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.environment.models import CapacityReservationSettings
from ultrafleet.rules.block_clock import lead_or_default

PoolSettings = UltraServerPoolSettings | AcceleratorPoolSettings


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A payment of an up-front fee.

    Attributes:
        day: when it was paid.
        usd: its sum, exactly.
        stated: the file states it; else its sum is by the price and its day the start of the block, when it is paid
            at the latest.
    """

    day: date
    usd: Fraction
    stated: bool


@dataclass(frozen=True, kw_only=True)
class Commitment:
    """Capacity that is paid for.

    Attributes:
        environment: name of the environment.
        account: the account that pays.
        region: its region.
        availability_zone: its zone.
        pool: name of the pool that uses it; None of a reservation that no pool uses.
        workload: workload of the pool; None without one.
        reservation_id: `cr-…`; None where none is stated.
        sold: instance type or UltraServer type that is paid for.
        count: how many of them.
        nodes: instances of them all.
        purchase_option: how it is bought.
        price: USD an hour of one; None where no price is known, with a note that says why.
        list_price: the public price, likewise.
        start: when it begins; None on demand, whose beginning no file states.
        end: when it ends; None where nothing ends it.
        paid: payments that the file states.
        drained: when its pool is emptied before the end; None without a schedule.
        hold: its pool is kept empty.
    """

    environment: str
    account: str
    region: str
    availability_zone: str
    pool: str | None
    workload: str | None
    reservation_id: str | None
    sold: str
    count: int
    nodes: int
    purchase_option: PurchaseOption
    price: Fact[float | None]
    list_price: Fact[float | None]
    start: datetime | None = None
    end: datetime | None = None
    paid: tuple[Payment, ...] = ()
    drained: datetime | None = None
    hold: bool = False

    @property
    def usd_per_hour(self) -> Fraction | None:
        """USD an hour of all of it, exactly: what was paid over its hours, or its price."""
        if self.paid and self.start is not None and self.end is not None:
            return sum((payment.usd for payment in self.paid), Fraction(0)) / hours(self.start, self.end)
        return None if self.price.value is None else exactly(self.price.value) * self.count

    @property
    def fee(self) -> Amount:
        """Up-front fee of a block: what was paid, or its price times its hours; nothing on demand."""
        if self.start is None or self.end is None:
            return Amount()
        return self.cost(self.start, self.end)

    @property
    def payments(self) -> tuple[Payment, ...]:
        """Payments of a block: those of the file, or else the fee on the day of the start; none where it is unknown."""
        usd = self.fee.usd
        if self.paid or self.start is None or usd is None:
            return self.paid
        return (Payment(day=self.start.date(), usd=usd, stated=False),)

    def overlap(self, begin: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        """Part of a time in which it is paid for; None where there is none.

        Args:
            begin: the first moment.
            end: the moment after the last.
        """
        first = begin if self.start is None else max(begin, self.start)
        last = end if self.end is None else min(end, self.end)
        return (first, last) if first < last else None

    def cost(self, begin: datetime, end: datetime) -> Amount:
        """Cost of a time, its fee spread evenly over its hours.

        Args:
            begin: the first moment.
            end: the moment after the last.
        """
        part = self.overlap(begin, end)
        if part is None:
            return Amount()
        rate = self.usd_per_hour
        return Amount.of(None if rate is None else rate * hours(*part))

    def cost_of(self, month: Month) -> Amount:
        """Cost of a month, its fee spread evenly over its hours.

        Args:
            month: the month.
        """
        return self.cost(month.start, month.end)

    def paid_in(self, month: Month) -> Amount:
        """Payments of a month: a block's when it is bought, the others' by the hour.

        Args:
            month: the month.
        """
        if self.start is None:
            return self.cost_of(month)
        if not self.payments:
            return Amount.of(None) if Month.of(self.start) == month else Amount()
        return Amount.of(sum((item.usd for item in self.payments if _month(item.day) == month), Fraction(0)))


def commitments(environment: Environment, *, prices: PriceList = PUBLIC) -> tuple[Commitment, ...]:
    """Commitments of an environment: its blocks, its reservations, and nodes without either, in the file's order.

    Args:
        environment: the environment.
        prices: prices by which they are counted where no payment is stated. Default: the public ones.
    """
    return (
        *(item for pool in environment.pools for item in _of_pool(environment, pool, prices)),
        *(_of_reservation(environment, item, prices) for item in environment.capacity_reservations),
    )


def exactly(usd: float) -> Fraction:
    """Number of a file as it is written, not as a binary fraction.

    Args:
        usd: the number.
    """
    return Fraction(Decimal(str(usd)))


def _of_pool(environment: Environment, pool: PoolSettings, prices: PriceList) -> Iterator[Commitment]:
    if pool.blocks:
        yield from _of_blocks(environment, pool, prices)
    elif isinstance(pool, AcceleratorPoolSettings) and pool.capacity_reservation is None:
        yield replace(
            _commitment(environment, str(pool.sold), PurchaseOption.ON_DEMAND, prices),
            availability_zone=environment.subnet(pool.subnet).availability_zone,
            pool=pool.name,
            workload=pool.workload,
            count=pool.max_nodes,
            nodes=pool.max_nodes,
            hold=pool.hold,
        )


def _of_blocks(environment: Environment, pool: PoolSettings, prices: PriceList) -> Iterator[Commitment]:
    common = _commitment(environment, str(pool.sold), PurchaseOption.CAPACITY_BLOCK, prices)
    whole = isinstance(pool, UltraServerPoolSettings)
    lead = lead_or_default(pool.drain_lead_minutes, ultraserver=whole)
    for stated, block in zip(pool.blocks, pool.capacity_blocks, strict=True):
        yield replace(
            common,
            availability_zone=block.availability_zone,
            pool=pool.name,
            workload=pool.workload,
            reservation_id=block.capacity_reservation_id,
            # The block of an UltraServer is one of them.
            count=1 if whole else block.instance_count,
            nodes=block.instance_count,
            start=block.start,
            end=block.end,
            paid=tuple(Payment(day=item.date, usd=exactly(item.usd), stated=True) for item in stated.payments),
            drained=block.end - timedelta(minutes=lead),
            hold=pool.hold,
        )


def _of_reservation(
    environment: Environment, reservation: CapacityReservationSettings, prices: PriceList
) -> Commitment:
    users = [
        pool
        for pool in environment.pools
        if isinstance(pool, AcceleratorPoolSettings) and pool.capacity_reservation == reservation.name
    ]
    user = users[0] if users else None
    return replace(
        _commitment(environment, reservation.instance_type, PurchaseOption.ON_DEMAND, prices),
        availability_zone=reservation.availability_zone,
        pool=user.name if user else None,
        workload=user.workload if user else None,
        reservation_id=reservation.capacity_reservation_id,
        count=reservation.instance_count,
        nodes=reservation.instance_count,
        end=reservation.end,
        hold=user.hold if user else False,
    )


def _commitment(environment: Environment, sold: str, option: PurchaseOption, prices: PriceList) -> Commitment:
    return Commitment(
        environment=environment.name,
        account=environment.account,
        region=environment.region,
        availability_zone="",
        pool=None,
        workload=None,
        reservation_id=None,
        sold=sold,
        count=0,
        nodes=0,
        purchase_option=option,
        price=prices.price(sold, option, environment.region),
        list_price=PUBLIC.price(sold, option, environment.region),
    )


def _month(day: date) -> Month:
    return Month(day.year, day.month)
