"""Rules of the clock: a pool is empty before EC2 takes its block back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final

from ultrafleet.catalog import capacity_blocks
from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.rules.block_clock import EVICTION_MINUTES, least_drain_lead_minutes, validate_drain_lead_minutes
from ultrafleet.rules.schedule_tags import LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.block_metadata import BlockWindow, read_block_windows
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.once import once_per_template
from ultrafleet.templates.scale_orders import Order, moments, orders
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import text_of

_HOUR: Final = 60


def _lead(template: Template) -> Iterator[Problem]:
    """The lead that a pool's tag orders."""
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        lead = group.tag(LEAD_TAG)
        if as_int(lead) is not None and group.is_for_block:
            try:
                validate_drain_lead_minutes(int(lead), ultraserver=_is_rack(group))
            except FleetError as error:
                yield Problem(group.logical_id, f"tag {LEAD_TAG}: {error}")


def _too_late(template: Template) -> Iterator[Problem]:
    """A schedule that empties a pool at a moment from which it isn't empty when EC2 begins to terminate."""
    by_name = {name: group for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP) for name in names_of(group)}
    for order in orders(template):
        if not order.empties or order.is_disabled:
            continue
        group = by_name.get(order.group)
        if group is not None and not group.is_for_block:
            continue
        found, logical_id = moments(order), order.resource.logical_id
        if isinstance(found, str):
            if group is not None or order.resource.type != "AWS::AutoScaling::ScheduledAction":
                yield cannot_tell(logical_id, "when it empties its pool", found)
        elif group is None:
            if list(_late(order, found, ultraserver=True)):
                what = "whether it empties a capacity block's pool in time"
                yield cannot_tell(logical_id, what, f"{order.group} is in another template")
        else:
            windows = _windows(template, group)
            single = found[0]
            late = list(_late(order, found, ultraserver=_is_rack(group)))
            if windows and isinstance(single, datetime):
                yield from _outside(order, single, windows, ultraserver=_is_rack(group))
            else:
                yield from late


def _windows(template: Template, group: NodeGroup) -> list[BlockWindow]:
    metadata = template.content.get("Metadata")
    return [
        window
        for name in dict.fromkeys((group.name, group.logical_id))
        for window in read_block_windows(metadata, name)
    ]


def _late(order: Order, found: list[datetime] | list[time], *, ultraserver: bool) -> Iterator[Problem]:
    """An order at a time of the day that is too late on a block's last day: every block ends at the same time."""
    end = CapacityBlockRules.END_TIME_UTC
    least, flexible = least_drain_lead_minutes(ultraserver=ultraserver), order.flexible_minutes
    for moment in found:
        left = (end.hour - moment.hour) * _HOUR + end.minute - moment.minute
        if 0 <= left < least + flexible:
            within = f" or up to {flexible} minutes later, its flexible window," if flexible else ""
            yield Problem(
                order.resource.logical_id,
                f"it empties the pool at {moment:%H:%M} UTC,{within} {left} minutes before {end:%H:%M}, when every "
                f"block ends, expected at least {least}{' and the window' * bool(flexible)}: EC2 terminates before "
                f"the end and EKS evicts for up to {EVICTION_MINUTES} minutes, move it earlier",
            )
            return


def _outside(order: Order, moment: datetime, windows: list[BlockWindow], *, ultraserver: bool) -> Iterator[Problem]:
    """An order at a moment that is in no block of the pool, or too late in one."""
    least, flexible = least_drain_lead_minutes(ultraserver=ultraserver), order.flexible_minutes
    for window in windows:
        limit = window.end - timedelta(minutes=least)
        if window.start <= moment and moment + timedelta(minutes=flexible) <= limit:
            return
    last = max(windows, key=lambda window: window.end)
    stated = next((window for window in windows if window.start <= moment <= window.end), last)
    yield Problem(
        order.resource.logical_id,
        f"it empties the pool at {moment:%Y-%m-%d %H:%M} UTC{f' or up to {flexible} minutes later' * bool(flexible)}, "
        f"and block {stated.capacity_reservation_id} runs from {stated.start:%Y-%m-%d %H:%M} to "
        f"{stated.end:%Y-%m-%d %H:%M}, expected a moment in it, {least} minutes before its end at the latest: EC2 "
        f"terminates what still runs, move it {'later' if moment < stated.start else 'earlier'}",
    )


def _not_drained(template: Template) -> Iterator[Problem]:
    given = orders(template)
    own = {f"${{{logical_id}}}" for logical_id in template.resources}
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        if not group.is_for_block or not _is_rack(group):
            continue
        tagged = all(group.tag(tag) is not None for tag in (SCHEDULE_TAG, RESERVATION_TAG))
        # A name that is only known at deployment may be any group's.
        for_it = [
            order
            for order in given
            if _is_for(template, order, group) or ("${" in order.group and order.group not in own)
        ]
        why = [order.why_not_emptying for order in for_it]
        if tagged or None in why:
            continue
        half = group.tag(SCHEDULE_TAG) is not None
        untagged = f" (tag {SCHEDULE_TAG} counts only with {RESERVATION_TAG})" if half else ""
        reasons = f" ({', '.join(filter(None, why))})" if any(why) else ""
        yield Problem(
            group.logical_id,
            f"no schedule in the template scales it to zero before its block ends{reasons}{untagged}, expected one: "
            f"EC2 terminates an UltraServer's instances from {in_minutes(CapacityBlockRules.ULTRASERVER_RECLAIM)} "
            f"minutes before, and EKS's own scale-down comes at {in_minutes(CapacityBlockRules.EKS_SCALE_DOWN)}",
        )


def _is_for(template: Template, order: Order, group: NodeGroup) -> bool:
    """True if an order is to the group: its name, and its cluster where both are known."""
    if order.group not in names_of(group):
        return False
    stated, cluster = order.body.get("ClusterName"), group.resource.get("ClusterName")
    made = template.referred(cluster)
    own = text_of(made.get("Name")) if made is not None else text_of(cluster) if cluster is not None else None
    known = isinstance(stated, str) and "${" not in stated and own is not None and "${" not in own
    return not known or stated == own


def _of_another_block(template: Template) -> Iterator[Problem]:
    """A node group whose tag names another reservation than the one that it launches into."""
    for group in groups(template, NODE_GROUP):
        tag = group.resource.get("Tags", RESERVATION_TAG)
        target = group.launch.reservation if group.launch is not None else None
        if isinstance(tag, str) and isinstance(target, str) and tag != target:
            yield Problem(
                group.logical_id,
                f"tag {RESERVATION_TAG} is {tag} and the launch template targets {target}, expected one reservation: "
                "the schedule follows the first, and nodes are in the second, change one",
            )


def fills(template: Template, group: NodeGroup) -> bool:
    """True if something gives the group nodes: this library's block schedule, or an order of the template."""
    if group.resource.get("Tags", SCHEDULE_TAG) is not None:
        return True
    return bool(_filled(template) & set(names_of(group)))


@once_per_template
def _filled(template: Template) -> frozenset[str]:
    """Names of groups that an order gives nodes."""
    return frozenset(order.group for order in orders(template) if order.fills and not order.is_disabled)


def names_of(group: NodeGroup) -> tuple[str, str]:
    """Names of a group in an order: its name, or a reference to it."""
    return group.name, f"${{{group.logical_id}}}"


def _is_rack(group: NodeGroup) -> bool:
    return any(kind.is_ultraserver_member for kind in group.types)


RULES: Final = (
    PolicyRule(
        id="block-clock",
        number=25,
        severity=Severity.ERROR,
        protects_from="jobs that lose their checkpoint because EC2 terminates their instances",
        source=replace(
            capacity_blocks.source("capacity-block/ultraserver-reclaim-minutes"),
            also=(capacity_blocks.source("capacity-block/eks-eviction-minutes"),),
        ),
        remedy=f"empty the pool at least {least_drain_lead_minutes(ultraserver=True)} minutes before the end of an "
        f"UltraServer's block, {least_drain_lead_minutes(ultraserver=False)} before another's",
        check=lambda template: (problem for rule in (_lead, _too_late) for problem in rule(template)),
    ),
    PolicyRule(
        id="pool-not-drained",
        number=26,
        severity=Severity.WARNING,
        protects_from="a rack that runs until EC2 terminates it, or is drained by another block's end",
        source=Source(
            "EC2 and EKS user guides, Capacity Blocks: times",
            also=(Source("that nothing else does it", Confidence.MEDIUM),),
        ),
        remedy="a block schedule of this library, or an AWS::Scheduler::Schedule of your own",
        check=lambda template: (problem for rule in (_not_drained, _of_another_block) for problem in rule(template)),
    ),
)
