"""Totals of pools: what the groups of one pool amount to at once, at most, while their blocks overlap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from ultrafleet.catalog import UltraServerType
from ultrafleet.templates.block_metadata import BlockWindow


class _Group(Protocol):
    """Group of nodes, as far as totals need it."""

    @property
    def windows(self) -> tuple[BlockWindow, ...]: ...
    @property
    def nodes(self) -> int | None: ...
    @property
    def accelerators(self) -> int | None: ...
    @property
    def ultraservers(self) -> int: ...
    @property
    def ultraserver_type(self) -> UltraServerType | None: ...
    @property
    def usd_per_hour(self) -> float | None: ...
    @property
    def instance_type_name(self) -> str: ...


Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Total:
    """Nodes and the like that a pool has at once, at most, from a moment on.

    Attributes:
        nodes: at full size; None where only a deployment knows it.
        accelerators: the same in GPUs or Trainium chips.
        ultraservers: whole UltraServers.
        ultraserver_types: their types.
        usd_per_hour: price of the blocks that run at the same time; None without a published price.
        instance_types: names of the types of its nodes.
    """

    nodes: int | None
    accelerators: int | None
    ultraservers: int
    ultraserver_types: tuple[str, ...]
    usd_per_hour: float | None
    instance_types: tuple[str, ...]

    @property
    def racks(self) -> str:
        """`2 u-p6e-gb200x72`, or `-` where there is no whole one."""
        return f"{self.ultraservers} {', '.join(self.ultraserver_types)}" if self.ultraservers else "-"


def total(groups: Sequence[_Group], as_of: datetime) -> Total:
    """Total of one pool's groups; those whose blocks are over at that moment amount to nothing."""

    def most(amount: Callable[[_Group], float | None]) -> float | None:
        running = at_peak(groups, windows=lambda group: group.windows, amount=amount, as_of=as_of)
        amounts = [amount(group) for group in running]
        return None if None in amounts else sum(value or 0 for value in amounts)

    nodes, accelerators = most(lambda group: group.nodes), most(lambda group: group.accelerators)
    return Total(
        nodes=None if nodes is None else int(nodes),
        accelerators=None if accelerators is None else int(accelerators),
        ultraservers=int(most(lambda group: group.ultraservers) or 0),
        ultraserver_types=tuple(dict.fromkeys(str(one.ultraserver_type) for one in groups if one.ultraserver_type)),
        usd_per_hour=most(lambda group: group.usd_per_hour),
        instance_types=tuple(dict.fromkeys(group.instance_type_name for group in groups)),
    )


def at_peak(
    groups: Sequence[Item],
    *,
    windows: Callable[[Item], Sequence[BlockWindow]],
    amount: Callable[[Item], float | None],
    as_of: datetime,
) -> list[Item]:
    """Groups that run at the same time and amount to the most.

    Args:
        groups: groups of one pool.
        windows: windows of a group's blocks; a group without any runs always.
        amount: what a group amounts to; None, which isn't known, counts as nothing.
        as_of: the moment from which blocks count.
    """
    moments = {max(block.start, as_of) for group in groups for block in windows(group) if block.end > as_of}
    running = [
        [
            group
            for group in groups
            if not windows(group) or any(block.start <= moment < block.end for block in windows(group))
        ]
        for moment in sorted(moments or {as_of})
    ]
    return max(running, key=lambda together: sum(amount(group) or 0 for group in together))
