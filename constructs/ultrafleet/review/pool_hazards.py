"""Hazards of pools: what a change does to groups of nodes that run, or may run."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from ultrafleet.catalog import eks
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.kubernetes.taint import SPARE_TAINT, UNPROVEN_TAINT
from ultrafleet.policy.node_group_update_rules import MINIMAL, UPDATE_STRATEGY
from ultrafleet.review.changes import Change
from ultrafleet.review.fleet import racks
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_pool
from ultrafleet.review.pool_change import PoolChange, of_pools, of_running_pools, shown
from ultrafleet.review.size_hazards import refused_roll, refused_size
from ultrafleet.rules.schedule_tags import FOLLOW_BLOCKS, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, COMPUTE_NODE_GROUP, NODE_GROUP

_DESIRED: Final = {
    NODE_GROUP: ("ScalingConfig", "DesiredSize"),
    AUTO_SCALING_GROUP: ("DesiredCapacity",),
    COMPUTE_NODE_GROUP: ("ScalingConfiguration", "MinInstanceCount"),
}


def _replaced(pool: PoolChange) -> Iterator[Occurrence]:
    before, after, update = pool.before, pool.after, pool.update
    if before.key != after.key and not (before.is_elsewhere or after.is_elsewhere):
        yield of_pool(
            after,
            f"its logical id changes ({'/'.join(before.key)} → {'/'.join(after.key)}): CloudFormation creates a new "
            "node group before it deletes the old one; EKS and EC2 refuse a second one of the same name, so that the "
            "deployment fails while the old one exists",
            before,
        )
    if update.refused and (update.replaced or update.unchangeable or not update.refusals):
        why = (
            f"{_listed(update.replaced)} can't be updated in place and the pool keeps its name"
            if update.replaced
            else f"{_listed(update.unchangeable)} can't be updated"
            if update.unchangeable
            else "its resource type changes"
        )
        yield of_pool(
            after,
            f"the update is refused and the stack rolls back: {why}; create a pool with a new name instead",
        )
    elif update.replaced:
        yield of_pool(
            after,
            f"the node group is replaced ({_listed(update.replaced)} can't be updated in place): its nodes are "
            "terminated once the new group exists, and one capacity block doesn't have room for both",
        )
    elif pool.by_update_policy and pool.will_replace:
        yield of_pool(
            after,
            f"its UpdatePolicy replaces the Auto Scaling group ({_listed(pool.by_update_policy)}): a new group is "
            "created and the old one deleted with its nodes; one capacity block doesn't have room for both",
        )


def _rolled(pool: PoolChange) -> Iterator[Occurrence]:
    update = pool.update
    if update.refused or (pool.by_update_policy and pool.will_replace) or any(refused_roll(pool)):
        return
    paths = (*update.rolled, *(pool.by_update_policy if pool.updated is not None else ()))
    if paths:
        key = pool.after.launch_template
        template = pool.compared.changes.get(key) if key is not None else None
        inside = _differing(template) if template is not None and template.before is not None else []
        changes = "; ".join([*(f"{path}: {pool.values(path)}" for path in paths), *inside])
        yield of_pool(
            pool.after,
            f"a rolling update replaces every node ({changes}): EKS or Auto Scaling terminates them a few at a time "
            "and jobs on them fail; deploy it between two jobs",
        )


def _differing(template: Change) -> list[str]:
    """Members of a launch template's data that differ."""
    before, after = (side if isinstance(side, dict) else {} for side in template.get("LaunchTemplateData"))
    return [str(key) for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]


def _held(pool: PoolChange) -> Iterator[Occurrence]:
    if pool.updated is not None and pool.after.held and not pool.before.held:
        yield of_pool(pool.after, "it is put on hold: the block schedule scales it to zero within five minutes")


def _orders(pool: PoolChange) -> Iterator[Occurrence]:
    if pool.updated is None:
        return
    before, after = pool.updated.get("Tags", SCHEDULE_TAG)
    if before == FOLLOW_BLOCKS and after is None:
        yield of_pool(
            pool.after,
            f"tag {SCHEDULE_TAG} is removed: the block schedule no longer scales the node group, and EC2 terminates "
            "its nodes when the block ends",
            level=Level.NOTICE,
        )
    elif after == FOLLOW_BLOCKS:
        yield from _followed(pool, *pool.updated.get("Tags", RESERVATION_TAG))
        if f"Tags/{LEAD_TAG}" in pool.updated.paths:
            begun = _begins_with_it(pool, *pool.updated.get("Tags", LEAD_TAG))
            yield of_pool(
                pool.after,
                f"tag {LEAD_TAG} {pool.values(f'Tags/{LEAD_TAG}')}: the block schedule drains that much before the "
                "block's end, at once if the end is nearer"
                + (f", as it is on {pool.compared.as_of:%Y-%m-%d}" if begun else "")
                + "; without a good lead it leaves the node group alone",
                level=Level.BLOCKING if begun else Level.NOTICE,
            )


def _begins_with_it(pool: PoolChange, before: Any, after: Any) -> bool:  # noqa: ANN401 - JSON
    """True if a longer lead begins on the day of the review or before, so that the deployment begins the drain."""
    old, new = as_int(before), as_int(after)
    if new is None or (old is not None and new <= old):
        return False
    today = pool.compared.as_of
    return any(
        window.end > today and window.end - timedelta(minutes=new) < today + timedelta(days=1)
        for window in pool.after.windows
    )


def _followed(pool: PoolChange, before: Any, after: Any) -> Iterator[Occurrence]:  # noqa: ANN401 - JSON
    """The reservation that the block schedule follows is another."""
    if before == after or (after is not None and after in pool.after.reservations and before is None):
        return
    if after is None:
        yield of_pool(
            pool.after,
            f"tag {RESERVATION_TAG} is removed: the block schedule leaves the node group alone and reports it, and EC2 "
            "terminates its nodes when the block ends",
            level=Level.NOTICE,
        )
    else:
        yield of_pool(
            pool.after,
            f"tag {RESERVATION_TAG} {shown(before)} → {shown(after)}: the block schedule follows the second within "
            "five minutes, and empties the node group if that one is over or about to end",
        )


def _fewer_nodes(pool: PoolChange) -> bool:
    before, after = pool.before.nodes, pool.after.nodes
    return before is not None and after is not None and after < before


def _desired(pool: PoolChange) -> tuple[int | None, int | None]:
    """Desired size before and after, as far as the templates state it."""
    change = pool.updated
    if change is None:
        return None, None
    before, after = (as_int(value) for value in change.get(*_DESIRED[change.type]))
    return before, after


def _lowers_desired(pool: PoolChange) -> bool:
    before, after = _desired(pool)
    return before is not None and after is not None and after < before


def _scaled_down(pool: PoolChange) -> Iterator[Occurrence]:
    before, after = pool.before, pool.after
    if _fewer_nodes(pool):
        servers = f" ({racks(before)} → {racks(after)})" if before.ultraserver_type or after.ultraserver_type else ""
        sent = pool.updated is None or pool.updated.type != NODE_GROUP or _desired(pool)[1] is not None
        fate = (
            "nodes above that are terminated with the workloads on them"
            if sent
            else "EKS refuses one below the size that the node group has, and the stack rolls back while more nodes run"
        )
        yield of_pool(
            after,
            f"its maximum size goes from {before.nodes} to {after.nodes} nodes{servers}: {fate}; drain them first",
        )
    elif pool.updated is not None and _lowers_desired(pool):
        path, sizes = "/".join(_DESIRED[pool.updated.type]), _desired(pool)
        yield of_pool(after, f"{path} goes from {sizes[0]} to {sizes[1]}: nodes above that are terminated")


def _resized(pool: PoolChange) -> Iterator[Occurrence]:
    change = pool.updated
    if change is None or _fewer_nodes(pool) or _lowers_desired(pool) or any(refused_size(pool)):
        return
    wanted = _desired(pool)[1]
    most = pool.before.nodes
    if change.type == NODE_GROUP and pool.update.sizes and not pool.update.refused:
        stated = change.get(*_DESIRED[NODE_GROUP])[1]
        # Without one CloudFormation sends none. As many as it could have had: none of them goes.
        if stated is not None and (wanted is None or most is None or wanted < most):
            sizes = [path for path in change.paths if path.startswith("ScalingConfig/")]
            yield of_pool(
                pool.after,
                f"{_listed(sizes)} changes, and CloudFormation sends DesiredSize {shown(stated)} with it: a pool with "
                f"more nodes loses them{_until_scaled(pool)}",
            )
    elif change.type == AUTO_SCALING_GROUP and change.paths and not pool.keeps_sizes:
        stated = change.get(*_DESIRED[AUTO_SCALING_GROUP])[1]
        if stated is not None and pool.after.on_blocks and (wanted is None or most is None or wanted < most):
            yield of_pool(
                pool.after,
                f"{_listed(change.paths)} changes, and CloudFormation sends DesiredCapacity {shown(stated)} with any "
                "update of the group: one with more instances loses them; take DesiredCapacity out, or state "
                "UpdatePolicy AutoScalingScheduledAction IgnoreUnmodifiedGroupSizeProperties",
            )


def _until_scaled(pool: PoolChange) -> str:
    return " until the block schedule scales it again" if SCHEDULE_TAG in _tags(pool) else ""


def _tags(pool: PoolChange) -> Mapping[str, Any]:
    tags = pool.updated.get("Tags")[1] if pool.updated is not None else None
    return tags if isinstance(tags, Mapping) else {}


def _update_strategy(pool: PoolChange) -> Iterator[Occurrence]:
    if pool.updated is None or not pool.after.reservations:
        return
    before, after = pool.updated.get("UpdateConfig", "UpdateStrategy")
    if before == MINIMAL and after != MINIMAL:
        yield of_pool(
            pool.after,
            f"UpdateConfig/UpdateStrategy {pool.values('UpdateConfig/UpdateStrategy')}: the next rolling update adds "
            "nodes before it takes any away, and a full reservation has no room for them",
        )


def _unclassified(pool: PoolChange) -> Iterator[Occurrence]:
    if pool.updated is not None and pool.updated.type == COMPUTE_NODE_GROUP:
        unknown = pool.update.unclassified
        if set(unknown) - {"Tags", "ScalingConfiguration"}:
            message = (
                f"{_listed(unknown)} changes: whether PCS replaces nodes for it isn't classified, see its user guide"
            )
            yield of_pool(pool.after, message)


def _taints(pool: PoolChange) -> Iterator[Occurrence]:
    if pool.updated is None or "Taints" not in pool.updated.paths:
        return
    before, after = (_taint_list(value) for value in pool.updated.get("Taints"))
    changed = None if before is None or after is None else [taint for taint in after if taint not in before]
    if changed is None or any(taint.get("Effect") == "NO_EXECUTE" for taint in changed):
        what = "NO_EXECUTE evicts pods that don't tolerate it, and new pods may not be scheduled"
    elif any(taint.get("Key") == SPARE_TAINT.key for taint in changed):
        what = "none evicts a pod; nodes that run take no new pods until they are opened, within minutes"
    elif any(taint.get("Key") == UNPROVEN_TAINT.key for taint in changed):
        what = "none evicts a pod; nodes that run take no new pods until the acceptance gate has seen them"
    else:
        what = "none evicts a pod, but new pods may not be scheduled"
    yield of_pool(pool.after, f"its taints change: {what}")


def _taint_list(value: object) -> list[Mapping[str, Any]] | None:
    """Taints of a template; None where it doesn't state them plainly."""
    taints = [] if value is None else value
    return taints if isinstance(taints, list) and all(isinstance(taint, Mapping) for taint in taints) else None


def _listed(paths: tuple[str, ...] | list[str]) -> str:
    return ", ".join(paths)


RULES: Final = (
    HazardRule(
        id="pool-replaced",
        level=Level.BLOCKING,
        protects_from="nodes that are terminated because their group can't be updated in place, and refused updates",
        source=Source(
            "CloudFormation schemas, create-only properties; CloudFormation user guide, custom-named resources and "
            "UpdatePolicy attribute"
        ),
        remedy="create a pool with a new name beside it, move the jobs, and remove the old one",
        check=of_pools(_replaced),
    ),
    HazardRule(
        id="pool-rolled",
        level=Level.BLOCKING,
        protects_from="jobs that fail because a rolling update replaces every node",
        source=Source(
            "EKS user guide, managed node update behavior; CloudFormation user guide, UpdatePolicy attribute"
        ),
        remedy="deploy it while no job runs on the pool",
        check=of_running_pools(_rolled),
    ),
    HazardRule(
        id="pool-scaled-down",
        level=Level.BLOCKING,
        protects_from="nodes that are terminated with the jobs on them because a size gets smaller",
        source=Source("EKS API reference, UpdateNodegroupConfig; Auto Scaling user guide, scale in", Confidence.MEDIUM),
        remedy="drain the nodes first",
        check=of_running_pools(_scaled_down),
    ),
    HazardRule(
        id="pool-resized",
        level=Level.BLOCKING,
        protects_from="nodes that are terminated because CloudFormation sends all sizes when one of them changes",
        source=Source(
            "containers-roadmap #1259, eksctl #3532; of Auto Scaling groups: aws-cdk #5215, and CloudFormation user "
            "guide, UpdatePolicy attribute, IgnoreUnmodifiedGroupSizeProperties",
            Confidence.MEDIUM,
            also=(eks.source("eks/node-group/desired-size-removed"),),
        ),
        remedy="state no desired size, or change sizes while the pool is empty",
        check=of_running_pools(_resized),
    ),
    HazardRule(
        id="pool-held",
        level=Level.BLOCKING,
        protects_from="jobs that fail because the block schedule scales a pool on hold to zero",
        source=Source("decision record 6: the block schedule reads the tag within five minutes"),
        remedy="wait for the jobs to end before the pool is put on hold",
        check=of_running_pools(_held),
    ),
    HazardRule(
        id="schedule-orders",
        level=Level.BLOCKING,
        protects_from="a block schedule that follows another block, drains earlier, or no longer scales the pool",
        source=Source("decision record 6: the block schedule reads the tags within five minutes"),
        remedy="give another block a node group of its own; change tags while the node group is empty",
        check=of_running_pools(_orders),
    ),
    HazardRule(
        id="update-strategy",
        level=Level.NOTICE,
        protects_from="a rolling update that waits for a node more than the reservation has",
        source=UPDATE_STRATEGY,
        remedy=f"UpdateConfig: UpdateStrategy: {MINIMAL}",
        check=of_pools(_update_strategy),
    ),
    HazardRule(
        id="taints",
        level=Level.NOTICE,
        protects_from="pods that are evicted from running nodes, or no longer scheduled on new ones",
        source=Source("Kubernetes documentation, taints and tolerations; EKS API reference, UpdateNodegroupConfig"),
        remedy="give the workloads a toleration first",
        check=of_pools(_taints),
    ),
    HazardRule(
        id="unclassified",
        level=Level.NOTICE,
        protects_from="nodes of AWS PCS that may be replaced by an update whose effect isn't classified",
        source=Source("none: PCS's update behavior isn't classified here", Confidence.LOW),
        remedy="read the AWS PCS user guide on the property before merging",
        check=of_pools(_unclassified),
    ),
)
