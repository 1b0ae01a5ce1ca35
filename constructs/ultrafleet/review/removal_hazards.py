"""Hazards of groups of nodes that leave: blocks taken out, moved or renamed, and the shape of earlier releases."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog.source import Source
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool, names
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_pool
from ultrafleet.review.pool_change import PoolChange, of_pools
from ultrafleet.templates.template_changes import ChangeAction

MIGRATION: Final = "docs/migration.md"


@dataclass(frozen=True, kw_only=True)
class _Leaving:
    """A group of the base that the head doesn't have.

    Attributes:
        pool: the group.
        in_stack: whether its stack stays, so that a deployment deletes or retains it.
        retained: whether its DeletionPolicy retains it.
        unfinished: its reservations, but for blocks that are over.
        takers: groups of the head that launch into one of them.
        successors: groups of the head that are of the pool of its name: the shape of this release. None of a pool that
            isn't on blocks.
    """

    pool: Pool
    in_stack: bool
    retained: bool
    unfinished: tuple[str, ...]
    takers: tuple[Pool, ...]
    successors: tuple[Pool, ...]

    @property
    def size(self) -> str:
        """`18 p6e-gb200.36xlarge`."""
        return f"{'?' if self.pool.nodes is None else self.pool.nodes} {self.pool.instance_type_name}"


def _leaving(compared: Comparison) -> Iterator[_Leaving]:
    """Groups that the head doesn't have, but for those in a stack that stays whose blocks are over."""
    for before, after in compared.pools:
        if before is None or after is not None:
            continue
        change = compared.changes.get(before.key)
        in_stack = not compared.stack_is_gone(before.key[0])
        if in_stack and before.is_over(compared.as_of):
            continue
        over = {window.capacity_reservation_id for window in before.windows if window.end <= compared.as_of}
        unfinished = tuple(name for name in before.reservations if name.startswith("cr-") and name not in over)
        users = (pool for name in unfinished for pool in compared.users_of_reservations.get(name, ()))
        takers = [pool for pool in users if pool.place == before.place]
        yield _Leaving(
            pool=before,
            in_stack=in_stack,
            retained=in_stack and change is not None and change.of.action is ChangeAction.LEFT,
            unfinished=unfinished if before.on_blocks else (),
            takers=tuple(dict.fromkeys(takers)),
            successors=tuple(
                pool
                for pool in compared.head_fleet.pools
                if before.on_blocks
                and pool.pool_title == before.title
                and pool.name != before.name
                and pool.key[0] == before.key[0]
            ),
        )


def _old_shape(compared: Comparison) -> Iterator[Occurrence]:
    for one in _leaving(compared):
        if one.in_stack and not one.retained and not one.pool.is_elsewhere and one.successors:
            starts = _next_start(one.pool, compared)
            empty = f"; it is empty until {starts}, and nothing is lost before" if starts else ""
            yield of_pool(
                one.pool,
                f"its pool gets a node group for each block ({names(one.successors)}), and the node group of an "
                f"earlier release, {one.pool.name}, is deleted with its nodes ({one.size}) unless it is orphaned from "
                f"its stack first: {MIGRATION}{empty}",
                *one.successors,
            )


def _renamed(compared: Comparison) -> Iterator[Occurrence]:
    for one in _leaving(compared):
        if not one.in_stack and one.takers:
            stack = one.pool.key[0]
            yield of_pool(
                one.pool,
                f"it looks like a rename, to {names(one.takers)}; its block ({', '.join(one.unfinished)}) is still "
                f"occupied: no deployment deletes stack {stack}, which is no longer among the templates, so that two "
                f"node groups are on one block and the new one starts no node; keep the name, or drain the pool and "
                f"delete stack {stack} first",
                *one.takers,
            )


def _moved(compared: Comparison) -> Iterator[Occurrence]:
    for one in _leaving(compared):
        if not one.in_stack or one.retained or one.successors or not one.takers:
            continue
        blocks = ", ".join(one.unfinished)
        fate = (
            "its node group runs outside of any stack, and stays: two node groups are on one block"
            if one.pool.is_elsewhere
            else f"its node group is deleted, with its nodes ({one.size}), and the other waits until they are gone"
        )
        yield of_pool(one.pool, f"block {blocks} moves to {names(one.takers)}: {fate}; drain it first", *one.takers)


def _removed(compared: Comparison) -> Iterator[Occurrence]:
    for one in _leaving(compared):
        pool, stack = one.pool, one.pool.key[0]
        if one.retained or pool.is_elsewhere or one.takers or one.successors:
            continue
        if one.in_stack and pool.may_run(compared.as_of):
            yield of_pool(
                pool,
                f"node group {pool.name} is deleted, with its nodes: {one.size} are terminated with the workloads on "
                f"them; drain it first{_paid(one)}",
            )
        elif one.in_stack:
            yield of_pool(
                pool,
                f"node group {pool.name} is deleted, which has no nodes before its block starts at "
                f"{_next_start(pool, compared)}: nothing launches into it{_paid(one)}",
            )
        elif pool.is_over(compared.as_of):
            yield of_pool(
                pool,
                f"its stack is no longer among the templates, and no deployment deletes a stack: its blocks are over, "
                f"delete stack {stack}",
                level=Level.NOTICE,
            )
        else:
            yield of_pool(
                pool,
                f"its stack is no longer among the templates, and no deployment deletes a stack: {one.size} keep "
                f"running and incur cost until you delete stack {stack}, which terminates them; drain the pool first",
            )


def _next_start(pool: Pool, compared: Comparison) -> str | None:
    """Moment at which the next block of a group starts; None while one may run."""
    if pool.may_run(compared.as_of):
        return None
    starts = min(window.start for window in pool.windows if window.end > compared.as_of)
    return f"{starts:%Y-%m-%d %H:%M} UTC"


def _paid(one: _Leaving) -> str:
    """Blocks that a removed group leaves unused."""
    return f"; {', '.join(one.unfinished)} is billed until its end" if one.unfinished else ""


def _retained(compared: Comparison) -> Iterator[Occurrence]:
    for one in _leaving(compared):
        if one.retained:
            message = f"its DeletionPolicy retains the node group: {one.size} keep running outside of any stack"
            yield of_pool(one.pool, message)
        elif one.pool.is_elsewhere and not one.takers and not one.pool.is_over(compared.as_of):
            yield of_pool(
                one.pool,
                f"its block metadata goes: node group {one.pool.name} runs outside of any stack, stays there, and is "
                "no longer counted",
            )


def _orphaned(pool: PoolChange) -> Iterator[Occurrence]:
    before, after = pool.before, pool.after
    if after.is_elsewhere and not before.is_elsewhere and not after.is_over(pool.compared.as_of):
        yield of_pool(
            after,
            f"node group {before.name} leaves its stack, and its block metadata stays (`existing_node_group`): the "
            f"deployment deletes it with its nodes unless `cdk orphan` took it out of the stack before, {MIGRATION}",
            before,
        )


_DELETED: Final = Source("CloudFormation user guide, DeletionPolicy attribute: without one the resource is deleted")
_NO_STACK_DELETED: Final = Source("AWS CDK CLI reference, cdk deploy: it deletes no stack")

RULES: Final = (
    HazardRule(
        id="pool-removed",
        level=Level.BLOCKING,
        protects_from="nodes that are terminated with the jobs on them, and a capacity block that is billed unused",
        source=_DELETED,
        remedy="keep a block until it is over; to keep its nodes, state `DeletionPolicy: Retain` in an earlier "
        "deployment",
        check=_removed,
    ),
    HazardRule(
        id="old-shape-replaced",
        level=Level.BLOCKING,
        protects_from="running nodes of an earlier release that are deleted when its pools get the shape of this one",
        source=_DELETED,
        remedy=f"take the node group out of its stack by `cdk orphan` first: {MIGRATION}",
        check=_old_shape,
    ),
    HazardRule(
        id="pool-renamed",
        level=Level.BLOCKING,
        protects_from="two node groups on one block, because the stack of the old name stays",
        source=_NO_STACK_DELETED,
        remedy="keep a pool's name while one of its blocks runs",
        check=_renamed,
    ),
    HazardRule(
        id="block-moved",
        level=Level.BLOCKING,
        protects_from="nodes that are terminated because their block goes to another pool",
        source=_DELETED,
        remedy="keep a block in its pool until it is over",
        check=_moved,
    ),
    HazardRule(
        id="pool-retained",
        level=Level.NOTICE,
        protects_from="nodes that no stack manages and that keep incurring cost",
        source=Source("CloudFormation user guide, DeletionPolicy attribute"),
        remedy="delete the node group yourself, or import it into a stack",
        check=_retained,
    ),
    HazardRule(
        id="pool-orphaned",
        level=Level.NOTICE,
        protects_from="a deployment of a migrated file over a stack that still has the old node group",
        source=Source("AWS CDK CLI reference, cdk orphan; decision record 13"),
        remedy=f"deploy only after `cdk orphan`: {MIGRATION}",
        check=of_pools(_orphaned),
    ),
)
