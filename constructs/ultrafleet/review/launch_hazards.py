"""Hazards of launch templates: what a new version, or another instance type, does to the pools that launch from it."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.review.changes import is_removed
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_change, of_pool
from ultrafleet.review.pool_change import PoolChange, of_pools
from ultrafleet.templates.launch import LAUNCH_TEMPLATE, Launch
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.unknown import Unknown
from ultrafleet.templates.update_effects import Effect


def _type_changed(pool: PoolChange) -> Iterator[Occurrence]:
    before, after = pool.before, pool.after
    if before.instance_type_name != after.instance_type_name and not after.is_elsewhere:
        at_once = pool.replaces_nodes or before.launch_template != after.launch_template
        yield of_pool(
            after,
            f"its instance type changes, {before.instance_type_name} → {after.instance_type_name}: a capacity block, "
            "its reservation and the network layout are for one instance type; create a pool with a new name beside it",
            level=None if at_once else Level.NOTICE,
        )


def _new_version(pool: PoolChange) -> Iterator[Occurrence]:
    key = pool.after.launch_template
    template = pool.compared.changes.get(key) if key is not None and key == pool.before.launch_template else None
    if template is None or pool.replaces_nodes or is_removed(template):
        return
    if any(item.effect is Effect.NEW_VERSION for item in template.of.properties):
        message = _when_it_applies(pool)
        if message is not None:
            yield of_pool(pool.after, f"its launch template gets a new version{message}")


def _when_it_applies(pool: PoolChange) -> str | None:
    """Moment at which a new version reaches a pool that this change doesn't roll; None: reported elsewhere."""
    after, version = pool.after, pool.after.launch_version
    newest = isinstance(version, str) and version.startswith("$")
    group = pool.compared.head.stacks[after.key[0]].resources[after.key[1]]
    if group.type == AUTO_SCALING_GROUP and (newest or pool.change is not None):
        return ": running instances keep the old one, the next launch uses the new one"
    if newest:
        return (
            f", and {version} was resolved when EKS last updated the node group: nothing changes until its next update"
        )
    if isinstance(version, str | int):
        return (
            f" and the pool names version {version}: nothing changes until it names the new one, which replaces its "
            "nodes"
        )
    if isinstance(version, Unknown) and version.attribute == "DefaultVersionNumber":
        return ", and the pool uses its default version, which no deployment changes: nothing changes"
    if isinstance(version, Unknown) and pool.change is None:
        return f"; which version the pool uses is only known at deployment ({version.reason})"
    return None


def _outside(compared: Comparison) -> Iterator[Occurrence]:
    """Launch templates of accelerated types that no group of these templates launches from."""
    used = {pool.launch_template for pool in (*compared.base_fleet.pools, *compared.head_fleet.pools)}
    for item in compared.changed_resources:
        change = item.change
        if change.type != LAUNCH_TEMPLATE or change.of.action is ChangeAction.ADDED or change.key in used:
            continue
        resource = change.after or change.before
        kind = Launch(resource).instance_type if resource is not None else None
        if kind is None or kind.accelerator_kind is None:
            continue
        what = "goes" if change.of.action is not ChangeAction.CHANGED else "gets a new version"
        yield of_change(
            change,
            f"it launches {kind}, {what}, and no group of these templates uses it: what launches from it elsewhere "
            "isn't known here",
        )


RULES: Final = (
    HazardRule(
        id="pool-type-changed",
        level=Level.BLOCKING,
        protects_from="nodes of a type that the pool's capacity block and network layout are not for",
        source=Source(
            "EC2 Auto Scaling user guide, Capacity Blocks: a launch template states the reservation and its type"
        ),
        remedy="create a pool with a new name for the other type",
        check=of_pools(_type_changed),
    ),
    HazardRule(
        id="template-version",
        level=Level.NOTICE,
        protects_from="a change of a launch template that doesn't reach running nodes when a reader expects it",
        source=Source(
            "EKS user guide, launch templates: a node group keeps the version it was updated to", Confidence.MEDIUM
        ),
        remedy="set `launch_template_version` to the new version when the nodes may be replaced",
        check=lambda compared: chain(of_pools(_new_version)(compared), _outside(compared)),
    ),
)
