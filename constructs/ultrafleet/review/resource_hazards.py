"""Hazards of resources that pools depend on, and of resources that hold data."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.review.changes import Change
from ultrafleet.review.cluster_hazards import ADDON, CHART, CLUSTER, kinds_with_content
from ultrafleet.review.comparison import ChangedResource, Comparison
from ultrafleet.review.hazard import REFUSED, HazardRule, Level, Occurrence, of_change, of_pool, used_by
from ultrafleet.review.network_hazards import changes_range
from ultrafleet.review.physical_names import taken_names
from ultrafleet.review.size_hazards import IN_SERVICE, SIZES, refused_rolls, refused_sizes
from ultrafleet.review.workloads import MANIFESTS
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import GROUPS
from ultrafleet.templates.refused_updates import COMBINED, MODE_STEPS, VERSION_STEPS
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.update_effects import Effect

_RESERVATION: Final = "AWS::EC2::CapacityReservation"
_SCHEDULE: Final = "AWS::Scheduler::Schedule"
_FILE_SYSTEM: Final = "AWS::FSx::FileSystem"
_SECURITY_GROUP_RULES: Final = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
"""Nodes keep running without one; what it allows, the policy and the resource changes report."""
_HOLDS_DATA: Final = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::EC2::Volume",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::FSx::FileSystem",
        "AWS::FSx::Volume",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
    }
)
"""Types whose content no deployment creates again (their user guides, high)."""
_DATA: Final = {
    "AWS::RDS::DBCluster": ", with a final snapshot unless DeletionPolicy says otherwise",
    "AWS::RDS::DBInstance": ", with a final snapshot unless DeletionPolicy says otherwise",
    "AWS::S3::Bucket": " if it is empty; CloudFormation deletes no other bucket and leaves it",
}
"""Content that isn't simply deleted (CloudFormation user guide, DeletionPolicy attribute, high)."""
_OTHER_RULES: Final = frozenset({_RESERVATION, CLUSTER, _SCHEDULE, ADDON, CHART, *MANIFESTS, *_HOLDS_DATA})
"""Types whose removal has a rule of its own."""
_CREATED_FIRST: Final = Source(
    "CloudFormation user guide, custom-named resources: a second resource of the same name is refused; eksctl #7502: "
    "'Addon already exists' for one under another logical id",
    Confidence.HIGH,
    "https://github.com/eksctl-io/eksctl/issues/7502",
)


def _with(compared: Comparison, action: ChangeAction) -> Iterator[ChangedResource]:
    return (item for item in compared.changed_resources if item.change.of.action is action)


def _paths(change: Change, effect: Effect) -> str:
    return ", ".join(item.path for item in change.of.properties if item.effect is effect)


def _export_in_use(compared: Comparison) -> Iterator[Occurrence]:
    for stack in compared.stacks:
        for name, importers in stack.refused_exports:
            yield Occurrence(
                subject=f"{stack.stack}/{name}",
                message=f"the export's value changes or it is deleted while stack {', '.join(importers)} imports it: "
                "CloudFormation refuses the update; deploy the importing stacks without it first",
            )


def _stack_left(compared: Comparison) -> Iterator[Occurrence]:
    with_pools = {pool.key[0] for pool in compared.base_fleet.pools}
    for stack in compared.stacks:
        if stack.is_gone and stack.stack not in with_pools:
            yield Occurrence(
                subject=stack.stack,
                message=f"the stack is no longer among the templates: no deployment deletes it, and its "
                f"{len(stack.changes)} resources remain until you delete it",
            )


_CHART: Final = "Custom::AWSCDK-EKS-HelmChart"


def _retained(compared: Comparison) -> Iterator[Occurrence]:
    for item in _with(compared, ChangeAction.LEFT):
        stays = (
            "the release stays in the cluster with the kinds that it brought and their objects"
            if item.change.type == _CHART
            else "it keeps incurring cost until you delete it"
        )
        yield of_change(item.change, f"its DeletionPolicy retains it: no template manages it any more; {stays}")


def _data_removed(compared: Comparison) -> Iterator[Occurrence]:
    for item in _with(compared, ChangeAction.REMOVED):
        change = item.change
        if change.type in _HOLDS_DATA:
            data = _DATA.get(change.type, ", with its data")
            yield of_change(change, f"it is deleted{data}{used_by(item.pools)}")
        elif change.type in MANIFESTS and (lost := kinds_with_content(change)):
            yield of_change(change, f"{', '.join(lost)} is deleted, with everything in it")


def _removed(compared: Comparison) -> Iterator[Occurrence]:
    # One that comes back under another logical id goes only if the update isn't refused before.
    renamed = {taken.old.key for taken in taken_names(compared) if taken.in_one_stack}
    for item in _with(compared, ChangeAction.REMOVED):
        if item.pools and item.change.type not in _OTHER_RULES and item.change.key not in renamed:
            # EC2 keeps some resources while instances use them.
            blocking = item.change.of.touches and item.change.type not in _SECURITY_GROUP_RULES
            level = Level.BLOCKING if blocking else Level.NOTICE
            yield of_change(item.change, f"it is deleted while pools remain{used_by(item.pools)}", level=level)


def _replaced(compared: Comparison) -> Iterator[Occurrence]:
    for item in _with(compared, ChangeAction.CHANGED):
        change = item.change
        certain, perhaps = _paths(change, Effect.REPLACES), _paths(change, Effect.MAY_REPLACE)
        if change.of.refused or changes_range(item) or not (certain or perhaps):
            continue
        blocking = (
            (bool(item.pools) and change.type not in _SECURITY_GROUP_RULES)
            or change.type in _HOLDS_DATA
            or change.type in (CLUSTER, *GROUPS)
        )
        retained = change.before is not None and "Retain" in str(change.before.raw.get("UpdateReplacePolicy"))
        old = "the old one is retained outside of any template" if retained else "the old one is deleted"
        data = _DATA.get(change.type, ", with its data") if change.type in _HOLDS_DATA and not retained else ""
        verb, then = ("is", "") if certain else ("may be", "then ")
        paths = ", ".join(filter(None, (certain, perhaps)))
        yield of_change(
            change,
            f"it {verb} replaced ({paths}): {then}{old}{data}{used_by(item.pools)}",
            level=Level.BLOCKING if blocking else Level.NOTICE,
        )


def _refused_replacements(compared: Comparison) -> Iterator[Occurrence]:
    for item in _with(compared, ChangeAction.CHANGED):
        change = item.change
        if change.of.refused and not changes_range(item) and not _is_refused_as_a_whole(change):
            paths = _paths(change, Effect.REPLACES) or _paths(change, Effect.REFUSED)
            why = f"{paths} can't be updated while it keeps its name" if paths else "its resource type changes"
            yield of_change(
                change,
                f"CloudFormation refuses the update and the stack rolls back: {why}; create one with another name or "
                "logical id",
            )


def _is_refused_as_a_whole(change: Change) -> bool:
    """True if no property alone is refused: only what changes together, or in one step."""
    alone = _paths(change, Effect.REFUSED) or _paths(change, Effect.REPLACES) or _paths(change, Effect.MAY_REPLACE)
    return bool(change.of.refusals) and not alone


def _refused_together(compared: Comparison) -> Iterator[Occurrence]:
    """Changes that a service takes one by one, in groups of pools as in any other resource."""
    for change in compared.changes.values():
        if _is_refused_as_a_whole(change):
            for refusal in change.of.refusals:
                message = f"the update is refused and the stack rolls back: {refusal.reason}; {refusal.remedy}"
                pool = compared.titles.get(change.key)
                yield of_pool(pool, message) if pool is not None else of_change(change, message)


def _refused_names(compared: Comparison) -> Iterator[Occurrence]:
    """Names that are taken when the new resource is created."""
    for taken in taken_names(compared):
        old = "/".join(taken.old.key) if not taken.in_one_stack else taken.old.key[1]
        named = f"{' '.join(taken.name)} is the name of {old}"
        if taken.is_kept:
            message = f"{named}, which its DeletionPolicy keeps: the creation is refused, it already exists; import it "
            message += "under the new logical id (`cdk import`), or keep the old one"
        elif taken.in_one_stack:
            message = f"{named}: CloudFormation creates before it deletes, so the creation is refused, it already "
            message += "exists, and the stack rolls back; keep the logical id, move it by `cdk refactor`, or delete in "
            message += "one deployment and create in the next"
        else:
            message = f"{named}, which another deployment deletes: deploy stack {taken.old.key[0]} first, or the "
            message += "creation is refused, it already exists"
        level = None if taken.in_one_stack or taken.is_kept else Level.NOTICE
        yield of_change(taken.new, message, level=level)


def _refused_sizes(compared: Comparison) -> Iterator[Occurrence]:
    for item in _with(compared, ChangeAction.CHANGED):
        change = item.change
        if change.type == _FILE_SYSTEM and "StorageCapacity" in change.paths:
            before, after = (as_int(value) for value in change.get("StorageCapacity"))
            if before is not None and after is not None and after < before:
                message = f"StorageCapacity {before} → {after}: FSx can't decrease it, create another file system"
                yield of_change(change, message)


def _nodes_rolled(compared: Comparison) -> Iterator[Occurrence]:
    for item in _with(compared, ChangeAction.CHANGED):
        paths = _paths(item.change, Effect.ROLLS_NODES)
        if item.change.type in GROUPS and paths:
            yield of_change(item.change, f"a rolling update replaces every node of this group ({paths})")


def _schedule_changed(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        change = item.change
        if change.of.action is ChangeAction.REMOVED and change.type == _SCHEDULE:
            expression = change.get("ScheduleExpression")[0]
            yield of_change(change, f"schedule ({expression}) is deleted: nothing replaces it")
        elif change.of.action is ChangeAction.CHANGED and (paths := _paths(change, Effect.CHANGES_SCHEDULE)):
            yield of_change(change, f"{paths} changes: the block schedule may scale pools differently")


RULES: Final = (
    HazardRule(
        id="export-in-use",
        level=Level.BLOCKING,
        protects_from="an update that CloudFormation refuses because other stacks import what it changes",
        source=Source("CloudFormation user guide, stack outputs: an export in use can't be changed or deleted"),
        remedy="deploy the importing stacks without the import first",
        check=_export_in_use,
    ),
    HazardRule(
        id=REFUSED,
        level=Level.BLOCKING,
        protects_from="a deployment that fails and rolls back",
        source=Source(
            "CloudFormation user guide, custom-named resources and replacement; FSx for Lustre user guide, managing "
            "storage capacity: increase only",
            also=(COMBINED, MODE_STEPS, VERSION_STEPS, _CREATED_FIRST, SIZES, IN_SERVICE),
        ),
        remedy="make two deployments of what may not change together, or a step at a time; create a resource that "
        "can't be changed under another name or logical id",
        check=lambda compared: chain(
            _refused_together(compared),
            _refused_names(compared),
            _refused_sizes(compared),
            _refused_replacements(compared),
            refused_sizes(compared),
            refused_rolls(compared),
        ),
    ),
    HazardRule(
        id="data-removed",
        level=Level.BLOCKING,
        protects_from="data that is deleted with its resource",
        source=Source("CloudFormation user guide, DeletionPolicy attribute: without one the resource is deleted"),
        remedy="state `DeletionPolicy: Retain` in an earlier deployment, or copy the data first",
        check=_data_removed,
    ),
    HazardRule(
        id="replaced",
        level=Level.BLOCKING,
        protects_from="resources that pools depend on, or that hold data, replaced by new ones",
        source=Source("CloudFormation schemas, create-only properties"),
        remedy="create the new resource beside the old one and move what depends on it",
        check=_replaced,
    ),
    HazardRule(
        id="removed",
        level=Level.BLOCKING,
        protects_from="pools that remain while a resource that they depend on is deleted",
        source=Source("inferred from the references between resources", Confidence.MEDIUM),
        remedy="remove the pools first, or move them to another resource",
        check=_removed,
    ),
    HazardRule(
        id="retained",
        level=Level.NOTICE,
        protects_from="resources that no template manages and that keep incurring cost",
        source=Source("CloudFormation user guide, DeletionPolicy attribute"),
        remedy="delete the resource yourself once nothing needs it",
        check=_retained,
    ),
    HazardRule(
        id="stack-left",
        level=Level.NOTICE,
        protects_from="stacks that no template describes and that keep incurring cost",
        source=Source("AWS CDK CLI reference, cdk deploy: it deletes no stack"),
        remedy="delete the stack yourself: `cdk destroy` with the older revision, or the CloudFormation console",
        check=_stack_left,
    ),
    HazardRule(
        id="nodes-rolled",
        level=Level.NOTICE,
        protects_from="pods that are evicted because a rolling update replaces nodes without accelerators",
        source=Source("EKS user guide, managed node update behavior"),
        remedy="give the workloads on them a PodDisruptionBudget",
        check=_nodes_rolled,
    ),
    HazardRule(
        id="schedule-changed",
        level=Level.NOTICE,
        protects_from="pools that are scaled at another time, or no longer",
        source=Source("EventBridge Scheduler user guide; decision record 6", Confidence.MEDIUM),
        remedy="check what the schedule is for",
        check=_schedule_changed,
    ),
)
