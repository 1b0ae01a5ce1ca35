"""Hazards of EFA: interfaces and bandwidth that the nodes of a pool lose, or start to use."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.source import Source
from ultrafleet.layout import Interface
from ultrafleet.layout.bandwidth import efa_shortfall
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_change, of_pool
from ultrafleet.review.pool_change import PoolChange, of_pools
from ultrafleet.review.reservation_hazards import when_named
from ultrafleet.templates.launch import LAUNCH_TEMPLATE, Launch
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Resource


def _layout(revision: Revision, pool: Pool) -> list[Interface] | None:
    """Interfaces of a pool's nodes; None where they aren't known. Without interfaces EC2 makes one without EFA."""
    if pool.launch_template is None:
        return None
    stack, logical_id = pool.launch_template
    template = revision.stacks.get(stack)
    return _layout_of(template.resources.get(logical_id) if template is not None else None)


def _layout_of(resource: Resource | None) -> list[Interface] | None:
    layout = Launch(resource).layout if resource is not None else None
    if resource is None or not (layout is None or isinstance(layout, list)):
        return None
    return layout or []


def _bandwidth(kind: InstanceType | None, layout: list[Interface]) -> tuple[int, int | None]:
    """EFA interfaces of a layout, and their bandwidth in Gbit/s where it is known."""
    count = sum(interface.is_efa for interface in layout)
    if kind is None:
        return count, None
    short = efa_shortfall(kind, layout)
    if short is not None:
        return count, short.gbps
    return count, kind.efa_bandwidth_gbps if count else 0


@dataclass(frozen=True, kw_only=True)
class _EfaChange:
    """EFA of a pool's nodes before and after: interfaces, Gbit/s where they are known, and IP addresses."""

    was: tuple[int, int | None]
    now: tuple[int, int | None]
    more_addresses: int

    @property
    def is_loss(self) -> bool:
        """True if there is less bandwidth, or fewer interfaces where the bandwidth isn't known."""
        if self.was[1] is not None and self.now[1] is not None:
            return self.now[1] < self.was[1]
        return self.now[0] < self.was[0]

    def __str__(self) -> str:
        """`EFA interfaces of a node 32 → 8, 3,200 → 800 Gbit/s`."""
        gbps = [side[1] for side in (self.was, self.now)]
        rates = [f"{rate:,}" for rate in gbps if rate is not None]
        bandwidth = f", {' → '.join(rates)} Gbit/s" if len(rates) == len(gbps) else ""
        return f"EFA interfaces of a node {self.was[0]} → {self.now[0]}{bandwidth}"


def _change(pool: PoolChange) -> _EfaChange | None:
    """Change of a pool's EFA; None where there is none, it isn't known, or the type is another."""
    if pool.before.instance_type_name != pool.after.instance_type_name:
        return None
    before, after = _layout(pool.compared.base, pool.before), _layout(pool.compared.head, pool.after)
    return _between(pool.after.instance_type, before, after)


def _between(
    kind: InstanceType | None, before: list[Interface] | None, after: list[Interface] | None
) -> _EfaChange | None:
    if before is None or after is None:
        return None
    was, now = _bandwidth(kind, before), _bandwidth(kind, after)
    addresses = [sum(interface.takes_ip for interface in layout) for layout in (before, after)]
    return None if was[0] == now[0] else _EfaChange(was=was, now=now, more_addresses=addresses[1] - addresses[0])


def _lost(pool: PoolChange) -> Iterator[Occurrence]:
    change = _change(pool)
    if change is not None and change.is_loss:
        level, named = when_named(pool)
        when = named or ("" if pool.replaces_nodes else ", from the next launch on")
        yield of_pool(
            pool.after,
            f"{change}: that much less between nodes{when}; `ultrafleet layout TYPE` prints all of them",
            level=level,
        )


def _others(pool: PoolChange) -> Iterator[Occurrence]:
    change = _change(pool)
    if change is not None and not change.is_loss:
        more = f", and {change.more_addresses} more IP addresses a node" if change.more_addresses > 0 else ""
        yield of_pool(pool.after, f"{change}{more}")


def _lost_outside(compared: Comparison) -> Iterator[Occurrence]:
    """Launch templates that no group of these templates launches from."""
    used = {pool.launch_template for pool in (*compared.base_fleet.pools, *compared.head_fleet.pools)}
    for item in compared.changed_resources:
        before, after = item.change.before, item.change.after
        if item.change.type != LAUNCH_TEMPLATE or item.change.key in used or before is None or after is None:
            continue
        kind = Launch(after).instance_type
        if Launch(before).instance_type == kind:
            change = _between(kind, _layout_of(before), _layout_of(after))
            if change is not None and change.is_loss:
                yield of_change(item.change, f"{change}: that much less between nodes of whatever launches from it")


_SOURCE: Final = Source("EC2 user guide, EFA interfaces by instance type, and network cards; see docs/efa-layout.md")

RULES: Final = (
    HazardRule(
        id="efa-lost",
        level=Level.BLOCKING,
        protects_from="nodes that launch with less EFA bandwidth than they were bought with",
        source=_SOURCE,
        remedy="keep one EFA interface on each card that takes one",
        check=lambda compared: chain(of_pools(_lost)(compared), _lost_outside(compared)),
    ),
    HazardRule(
        id="efa-changed",
        level=Level.NOTICE,
        protects_from="subnets that run out of addresses because of interfaces that a reader doesn't count",
        source=_SOURCE,
        remedy="compare the subnet's free addresses with the new number a node",
        check=of_pools(_others),
    ),
)
