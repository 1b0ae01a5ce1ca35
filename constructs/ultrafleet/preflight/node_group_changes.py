"""Changes of node groups: what the update of each does to the nodes that run on it."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.kubernetes.labels import WORKLOAD_LABEL
from ultrafleet.preflight.account import LiveNodeGroup, node_group_properties
from ultrafleet.preflight.deployment import Deployment, PlannedNodeGroup
from ultrafleet.preflight.finding import Finding, hazard, nodes, note, refused
from ultrafleet.rules.block_clock import CLEAN_UP_MINUTES, TICK_MINUTES
from ultrafleet.rules.schedule_tags import HOLD, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.node_group_update import NodeGroupUpdate, node_group_update
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.update_effects import Effect

_EVICTION: Final = in_minutes(CapacityBlockRules.EKS_EVICTION)
_VERSION: Final = "LaunchTemplate/Version"
_BUSY: Final = frozenset({"CREATING", "UPDATING", "DELETING"})
"""Statuses in which EKS refuses an update (EKS API reference, ResourceInUseException, high)."""


def node_group_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of every node group of the stacks to deploy, the system nodes' included."""
    for planned in deployment.node_groups.values():
        yield from _missing_version(deployment, planned)
        change = planned.change
        live = deployment.account.node_groups.get(planned.name)
        if change is not None and change.action is ChangeAction.CHANGED and live is not None:
            update = node_group_update(change)
            if change.refused:
                yield from _refused(planned, update)
            else:
                yield from _updated(deployment, planned, live, update)
        elif planned.is_made and live is not None:
            yield _name_is_taken(planned)
        if live is not None and change is None:
            yield from _stated_size(planned, live)
        if live is not None and not planned.is_made:
            yield from _other_orders(planned, live)


def _updated(
    deployment: Deployment, planned: PlannedNodeGroup, live: LiveNodeGroup, update: NodeGroupUpdate
) -> Iterator[Finding]:
    if live.status in _BUSY:
        yield refused(
            f"node group {planned.name} is {live.status}, expected ACTIVE: EKS takes one update at a time, wait until "
            "it ends"
        )
    yield from _sized_below_its_nodes(planned, live)
    if live.nodes and live.is_self_managed:
        yield from _not_rolled(planned, live)
    if live.nodes:
        yield from _rolled(deployment, planned, live, update)
        yield from _resized(planned, live, update)
        yield from _ordered(deployment, planned, live, update)
        yield from _relabelled(planned, live)


def _refused(planned: PlannedNodeGroup, update: NodeGroupUpdate) -> Iterator[Finding]:
    for refusal in update.refusals:
        yield refused(f"node group {planned.name}: {refusal.reason}, so its stack rolls back: {refusal.remedy}")
    for path in (*update.replaced, *update.unchangeable):
        yield refused(
            f"node group {planned.name} has {path} {_shown(_old(planned), path)}, expected the same and not "
            f"{_shown(planned.properties, path)}: EKS can't change it, and CloudFormation can't replace a node group "
            "of the same name, make a pool with a new name"
        )
    if not (update.refusals or update.replaced or update.unchangeable):
        yield refused(
            f"node group {planned.name} would become a resource of another type, expected the one that runs: "
            "CloudFormation takes one type under a logical id, so a pool keeps its management; make a pool with a new "
            "name"
        )


def _name_is_taken(planned: PlannedNodeGroup) -> Finding:
    logical_ids = [
        name
        for name, item in (planned.update.old.get("Resources") or {}).items()
        if (node_group_properties(item) or {}).get("NodegroupName") == planned.name
    ]
    where = f"under the logical id {logical_ids[0]}" if logical_ids else f"outside of stack {planned.update.name}"
    return refused(
        f"node group {planned.name} exists {where}, expected none: the deployment would make one of the same name, "
        "which EKS refuses; keep its logical id, import it into the stack, or set existing_node_group on its block"
    )


def _missing_version(deployment: Deployment, planned: PlannedNodeGroup) -> Iterator[Finding]:
    """A stated version of a launch template that neither exists nor is made by this deployment."""
    stated = _version(planned.properties)
    template = _launch_template(planned)
    if stated is None or template is None:
        return
    logical_id, name = template
    newest = deployment.account.newest_versions.get(name, 0)
    change = planned.update.change_of(logical_id)
    makes = change is not None and (
        change.action is ChangeAction.ADDED or any(item.effect is Effect.NEW_VERSION for item in change.properties)
    )
    if stated > newest + makes:
        yield refused(
            f"node group {planned.name} has launch_template_version {stated}, expected "
            f"{f'at most {newest + makes}' if newest + makes > 1 else '1'}: "
            + (f"the newest version of launch template {name} is {newest}" if newest else f"{name} doesn't exist yet")
            + f" and this deployment makes {'one more' if makes else 'none'}, lower launch_template_version"
        )


def _rolled(
    deployment: Deployment, planned: PlannedNodeGroup, live: LiveNodeGroup, update: NodeGroupUpdate
) -> Iterator[Finding]:
    for path in update.rolled:
        before, after = _value(_old(planned), path), _value(planned.properties, path)
        at_a_time = int(_value(planned.properties, "UpdateConfig/MaxUnavailable", 1))  # type: ignore[call-overload]
        on_a_block = RESERVATION_TAG in (planned.properties.get("Tags") or {})
        each = _EVICTION + (CLEAN_UP_MINUTES if on_a_block else 0)
        until = deployment.now + timedelta(minutes=each * -(-live.nodes // at_a_time))
        freed = f"about {CLEAN_UP_MINUTES} minutes later, when its place in the block is free" if on_a_block else "then"
        text = (
            f"{_runs(live)}, and its {path} goes from {before} to {after}: EKS replaces {at_a_time} at a time, each "
            f"evicted for up to {_EVICTION} minutes and replaced {freed}, so until {_moment(until)} or later; the "
            "update can't be cancelled"
        )
        drain = _drain(deployment, planned)
        if drain is not None and until > drain:
            yield refused(
                f"{text}. Its drain begins at {_moment(drain)}, and EKS resizes no node group that it updates: leave "
                "the version as it is, the next block begins with the newest template"
            )
        else:
            yield hazard(f"rolled:{planned.name}:{before}-to-{after}", f"{text}. {_instead_of_a_roll(planned, path)}")


def _not_rolled(planned: PlannedNodeGroup, live: LiveNodeGroup) -> Iterator[Finding]:
    before, after = _value(_old(planned), _VERSION), _value(planned.properties, _VERSION)
    if before != after:
        yield note(
            f"{_runs(live)}, and its {_VERSION} goes from {before} to {after}: they keep theirs, nodes that are "
            "launched from now on have the new one; `aws autoscaling start-instance-refresh` replaces those that run"
        )


def _instead_of_a_roll(planned: PlannedNodeGroup, path: str) -> str:
    if RESERVATION_TAG not in (planned.properties.get("Tags") or {}):
        return "Deploy it between two jobs"
    later = ", or leave it: the next block begins with the newest template" if path == _VERSION else ""
    return f"Deploy hold first and wait until it is empty{later}"


def _sized_below_its_nodes(planned: PlannedNodeGroup, live: LiveNodeGroup) -> Iterator[Finding]:
    scaling = planned.properties.get("ScalingConfig") or {}
    largest, before = scaling.get("MaxSize"), (_old(planned).get("ScalingConfig") or {}).get("MaxSize")
    if isinstance(largest, int) and largest != before and "DesiredSize" not in scaling and largest < live.desired_size:
        if live.is_self_managed:
            yield hazard(
                f"resized:{planned.name}:{live.desired_size}-to-{largest}",
                f"{_runs(live)}, and its largest size becomes {largest}: Auto Scaling lowers the desired size with it "
                f"and terminates {nodes(live.desired_size - largest)} after their drain; keep the size until "
                "the block is over",
            )
            return
        yield refused(
            f"node group {planned.name} asks for {nodes(live.desired_size)}, expected at most {largest}, its new "
            "largest size: EKS refuses one below the desired size, deploy hold first or keep the size"
        )


def _resized(planned: PlannedNodeGroup, live: LiveNodeGroup, update: NodeGroupUpdate) -> Iterator[Finding]:
    desired = (planned.properties.get("ScalingConfig") or {}).get("DesiredSize")
    if update.sizes and isinstance(desired, int) and desired < live.desired_size:
        yield hazard(
            f"resized:{planned.name}:{live.desired_size}-to-{desired}",
            f"{_runs(live)}, and {', '.join(update.sizes)} changes: CloudFormation sends all sizes that the template "
            f"states, DesiredSize {desired} among them, so that EKS evicts {nodes(live.desired_size - desired)} at "
            "once; state no desired size, or leave the sizes as they are",
        )


def _stated_size(planned: PlannedNodeGroup, live: LiveNodeGroup) -> Iterator[Finding]:
    desired = (planned.properties.get("ScalingConfig") or {}).get("DesiredSize")
    follows = SCHEDULE_TAG in (planned.properties.get("Tags") or {})
    if follows and isinstance(desired, int) and desired < live.nodes:
        yield note(
            f"{_runs(live)}, and its template states DesiredSize {desired}: this deployment doesn't send it, `cdk "
            "deploy --revert-drift` would and take the nodes; take initial_desired_size out after the block"
        )


def _other_orders(planned: PlannedNodeGroup, live: LiveNodeGroup) -> Iterator[Finding]:
    """Launch template version and orders to the block schedule that were changed by hand."""
    version, runs = str(_value(_old(planned), _VERSION, "")), live.launch_template_version
    if version.isdecimal() and runs and runs != version:
        yield note(
            f"node group {live.name} runs launch template version {runs}, and its template says {version}: changed by "
            "hand, a deployment leaves it, `cdk deploy --revert-drift` would roll its nodes"
        )
    deployed = _old(planned).get("Tags") or {}
    for tag in (SCHEDULE_TAG, RESERVATION_TAG, LEAD_TAG):
        if tag in deployed and live.tags.get(tag) != deployed[tag]:
            yield note(
                f"node group {live.name} has the tag {tag} {live.tags.get(tag, '(none)')}, and {deployed[tag]} in its "
                "template: changed by hand, the schedule goes by the tag, and a deployment changes it back only when "
                "tags change"
            )


def _ordered(
    deployment: Deployment, planned: PlannedNodeGroup, live: LiveNodeGroup, update: NodeGroupUpdate
) -> Iterator[Finding]:
    """Orders to the block schedule that change."""
    old, new = _old(planned).get("Tags") or {}, planned.properties.get("Tags") or {}
    changed = set(update.schedule_tags)
    if live.is_self_managed:  # an Auto Scaling group's tags are a list, which changes as a whole
        changed |= {tag for tag in (SCHEDULE_TAG, RESERVATION_TAG, LEAD_TAG) if old.get(tag) != new.get(tag)}
    if SCHEDULE_TAG in changed and new.get(SCHEDULE_TAG) == HOLD:
        yield hazard(
            f"held:{planned.name}",
            f"{_runs(live)}, and hold becomes true: the schedule empties it within {TICK_MINUTES} minutes, and EKS "
            f"evicts for up to {_EVICTION}; wait until its jobs are done",
        )
        return  # a hold is an order to empty it, whatever else changes
    for tag in sorted(changed - {LEAD_TAG, SCHEDULE_TAG}):
        yield hazard(
            f"ordered:{planned.name}:{tag.rpartition(':')[2]}",
            f"{_runs(live)}, and its tag {tag} goes from {old.get(tag, '(none)')} to {new.get(tag, '(none)')}: the "
            f"schedule follows another reservation from then on and may empty it within {TICK_MINUTES} minutes; keep "
            "the block until it is over",
        )
    if LEAD_TAG in changed:
        yield from _other_lead(deployment, planned, live, (str(old.get(LEAD_TAG, "")), str(new.get(LEAD_TAG, ""))))


def _other_lead(
    deployment: Deployment, planned: PlannedNodeGroup, live: LiveNodeGroup, leads: tuple[str, str]
) -> Iterator[Finding]:
    drain = _drain(deployment, planned)
    if drain is None:
        return
    before, after = leads
    said = f"{_runs(live)}, and its drain lead goes from {before or '(none)'} to {after or '(none)'} minutes"
    if drain > deployment.now:
        yield note(f"{said}: it drains at {_moment(drain)}")
    elif before.isdecimal() and int(after) <= int(before):
        yield note(f"{said}: its drain has begun")
    else:
        yield hazard(
            f"lead:{planned.name}:{before or 'none'}-to-{after}",
            f"{said}: that began at {_moment(drain)}, so the schedule empties it within {TICK_MINUTES} minutes; raise "
            "the lead after the block",
        )


def _relabelled(planned: PlannedNodeGroup, live: LiveNodeGroup) -> Iterator[Finding]:
    before, after = (side.get("Labels") or {} for side in (_old(planned), planned.properties))
    if before.get(WORKLOAD_LABEL) != after.get(WORKLOAD_LABEL):
        old, new = before.get(WORKLOAD_LABEL, "none"), after.get(WORKLOAD_LABEL, "none")
        yield hazard(
            f"relabelled:{planned.name}:{old}-to-{new}",
            f"{_runs(live)}, and its workload goes from {old} to {new}: nodes and pods on them stay, labels change in "
            f"place; the queue of {old} loses these nodes, its jobs get none of them any more, and whatever selects "
            f"{WORKLOAD_LABEL}={old} no longer finds them; wait until its jobs are done",
        )


def _drain(deployment: Deployment, planned: PlannedNodeGroup) -> datetime | None:
    """Begin of the drain that the planned tags order; None where the node group follows no block."""
    tags: Mapping[str, Any] = planned.properties.get("Tags") or {}
    end, lead = deployment.end_of(tags.get(RESERVATION_TAG)), str(tags.get(LEAD_TAG, ""))
    return end - timedelta(minutes=int(lead)) if end is not None and lead.isdecimal() else None


def _runs(live: LiveNodeGroup) -> str:
    return f"node group {live.name} runs {nodes(live.nodes)}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _old(planned: PlannedNodeGroup) -> Mapping[str, Any]:
    resource = (planned.update.old.get("Resources") or {}).get(planned.logical_id) or {}
    return node_group_properties(resource) or {}


def _version(properties: Mapping[str, Any]) -> int | None:
    stated = str(_value(properties, _VERSION, ""))
    return int(stated) if stated.isdecimal() else None


def _launch_template(planned: PlannedNodeGroup) -> tuple[str, str] | None:
    """Logical id and name of its launch template, where both are stated in its stack."""
    target = _value(planned.properties, "LaunchTemplate/Id", None)
    logical_id = target.get("Ref") if isinstance(target, Mapping) else None
    resource = (planned.update.new.get("Resources") or {}).get(logical_id or "") or {}
    name = (resource.get("Properties") or {}).get("LaunchTemplateName")
    return (str(logical_id), name) if isinstance(name, str) else None


def _shown(properties: Mapping[str, Any], path: str) -> str:
    value = _value(properties, path)
    return value if isinstance(value, str) else json.dumps(value)


def _value(properties: Mapping[str, Any], path: str, default: object = "(none)") -> object:
    value: Any = properties
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return default if value is None else value
