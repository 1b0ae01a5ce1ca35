"""Values that the file of another tool doesn't have, as the command line states them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

from ultrafleet.errors import FleetError
from ultrafleet.plain_text import visible

_T = TypeVar("_T")

BLOCK_FORM: Final = "[POOL=]cr-…:COUNT:START:END"
"""Form of `--block`."""
_WORKLOADS: Final = ("training", "inference")
_FABRICS: Final = ("efa", "roce")


@dataclass(frozen=True, kw_only=True)
class BlockInput:
    """Capacity block, as DescribeCapacityReservations shows it.

    Attributes:
        pool_name: pool that it is for; None where the file names the reservation itself.
        capacity_reservation_id: its reservation.
        instance_count: number of its instances.
        start: its start, with a UTC offset.
        end: its end, with a UTC offset.
    """

    pool_name: str | None
    capacity_reservation_id: str
    instance_count: int
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class SideInputs:
    """Values that the caller states beside the file. A mapping by pool has the value for every other pool under "".

    Attributes:
        account: id of the AWS account.
        region: region.
        cidr: CIDR of the new VPC.
        zones: zones of pools by their names, and under "" zones in the order of the command line.
        nodes: nodes of pools.
        workloads: `training` or `inference` of pools.
        fabrics: `efa` or `roce` of pools whose type has both.
        blocks: capacity blocks.
        without: groups of the file that are left out.
        production: True for a production environment; None where it isn't stated.
        name: name of the environment.
        adopt: True to use the VPC and the cluster that exist, False for new ones.
    """

    account: str | None = None
    region: str | None = None
    cidr: str | None = None
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nodes: Mapping[str, int] = field(default_factory=dict)
    workloads: Mapping[str, str] = field(default_factory=dict)
    fabrics: Mapping[str, str] = field(default_factory=dict)
    blocks: Sequence[BlockInput] = ()
    without: Sequence[str] = ()
    production: bool | None = None
    name: str | None = None
    adopt: bool = False

    def block(self, capacity_reservation_id: str) -> BlockInput | None:
        """The block of a reservation."""
        return next((item for item in self.blocks if item.capacity_reservation_id == capacity_reservation_id), None)

    def blocks_of(self, pool_name: str) -> list[BlockInput]:
        """Blocks that are stated for a pool by its name."""
        return [item for item in self.blocks if item.pool_name == pool_name]


def of_pool(values: Mapping[str, _T], pool_name: str) -> _T | None:
    """Value for a pool: its own, or that for every pool.

    Args:
        values: by pool, with that for every other pool under "".
        pool_name: name of the pool.
    """
    return values.get(pool_name, values.get(""))


def parse_side_inputs(
    *,
    account: str | None = None,
    region: str | None = None,
    cidr: str | None = None,
    zone: Sequence[str] = (),
    nodes: Sequence[str] = (),
    workload: Sequence[str] = (),
    fabric: Sequence[str] = (),
    block: Sequence[str] = (),
    without: Sequence[str] = (),
    production: bool | None = None,
    name: str | None = None,
    adopt: bool = False,
) -> SideInputs:
    """Side inputs from the texts of options; those by pool are VALUE, for every pool, or POOL=VALUE.

    Args:
        account: id of the AWS account.
        region: region.
        cidr: CIDR of the new VPC.
        zone: zones.
        nodes: numbers of nodes.
        workload: workloads.
        fabric: fabrics.
        block: capacity blocks, `[POOL=]cr-…:COUNT:START:END`.
        without: groups to leave out.
        production: True for a production environment.
        name: name of the environment.
        adopt: True to use what exists.

    Raises:
        FleetError: an option has another form.
    """
    zones: dict[str, tuple[str, ...]] = {}
    for pool_name, stated in map(_split, zone):
        zones[pool_name] = (*zones.get(pool_name, ()), stated)
    return SideInputs(
        account=account,
        region=region,
        cidr=cidr,
        zones=zones,
        nodes=_by_pool("--nodes", nodes, _count),
        workloads=_by_pool("--workload", workload, lambda value: _one_of("--workload", value, _WORKLOADS)),
        fabrics=_by_pool("--fabric", fabric, lambda value: _one_of("--fabric", value, _FABRICS)),
        blocks=[_block(text) for text in block],
        without=tuple(without),
        production=production,
        name=name,
        adopt=adopt,
    )


def _split(text: str) -> tuple[str, str]:
    pool_name, equals, value = text.rpartition("=")
    return (pool_name, value) if equals else ("", text)


def _by_pool(option: str, texts: Sequence[str], parse: Callable[[str], _T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for pool_name, value in map(_split, texts):
        if pool_name in found:
            raise FleetError(
                path=option,
                got=f"stated twice for {visible(pool_name) or 'every pool'}",
                expected="one",
                remedy="leave one out",
            )
        found[pool_name] = parse(value)
    return found


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise FleetError(path="--nodes", got=repr(text), expected="a number of nodes, for one pool as POOL=4")
    return int(text)


def _one_of(option: str, text: str, values: Sequence[str]) -> str:
    if text not in values:
        raise FleetError(path=option, got=repr(text), expected=" or ".join(values) + ", for one pool as POOL=VALUE")
    return text


def _block(text: str) -> BlockInput:
    pool_name, stated = _split(text)
    parts = stated.split(":")
    moments = parts[2:]
    if len(moments) > 1 and re.fullmatch(r"[1-9]\d{0,5}", parts[1]):
        for middle in range(1, len(moments)):  # moments have colons of their own
            start, end = _moment(":".join(moments[:middle])), _moment(":".join(moments[middle:]))
            if start is not None and end is not None:
                return BlockInput(
                    pool_name=pool_name or None,
                    capacity_reservation_id=parts[0],
                    instance_count=int(parts[1]),
                    start=start,
                    end=end,
                )
    raise FleetError(
        path="--block",
        got=repr(text),
        expected=f"{BLOCK_FORM} with moments such as 2026-12-01T11:30Z",
        remedy="copy them from `aws ec2 describe-capacity-reservations`: TotalInstanceCount, StartDate, EndDate",
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) < len("2026-12-01T11:30") or moment.tzinfo is None:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None
