"""What a change does to what pools stand on: networks, clusters, reservations, data."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.review.changes import Change, StackChange
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool, names
from ultrafleet.review.hazard import REFUSED, Hazard, Level
from ultrafleet.review.workloads import MANIFESTS, items_of
from ultrafleet.rules.ip_budget import RESERVED_ADDRESSES
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import GROUPS
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.update_effects import Effect

_RESERVATION: Final = "AWS::EC2::CapacityReservation"
_SUBNET: Final = "AWS::EC2::Subnet"
_CLUSTER: Final = "AWS::EKS::Cluster"
_SCHEDULE: Final = "AWS::Scheduler::Schedule"
_CHART: Final = "Custom::AWSCDK-EKS-HelmChart"
_PASSAGES: Final = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
"""Without one nodes go on; what it lets pass, the policy and the plain changes tell."""
_HOLDS_OBJECTS: Final = ("CustomResourceDefinition", "Namespace")
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
"""What is lost with such a resource isn't made again by the next deployment (their user guides, high)."""


_DATA: Final = {
    "AWS::RDS::DBCluster": ", with a snapshot unless DeletionPolicy says otherwise",
    "AWS::RDS::DBInstance": ", with a snapshot unless DeletionPolicy says otherwise",
    "AWS::S3::Bucket": " if it is empty; CloudFormation deletes no other, and leaves it",
}
"""What becomes of data where it isn't simply lost (CloudFormation user guide, DeletionPolicy attribute, high)."""


def resource_hazards(compared: Comparison) -> Iterator[Hazard]:
    """Hazards of everything but pools, by stack and logical id."""
    for stack in compared.stacks:
        for name, importers in stack.refused_exports:
            yield Hazard(
                level=Level.STOPS,
                kind="export-in-use",
                subject=f"{stack.stack}/{name}",
                message=f"this export changes or goes while other stacks import it ({', '.join(importers)}): "
                "CloudFormation refuses the update; first deploy those without it",
            )
        if stack.is_gone:
            yield from _left_stack(compared, stack)
            continue
        for change in stack.changes:
            if change.key not in compared.titles:
                yield from _of_resource(compared, change)


def _left_stack(compared: Comparison, stack: StackChange) -> Iterator[Hazard]:
    if not any(pool.key[0] == stack.stack for pool in compared.base_fleet.pools):
        yield Hazard(
            level=Level.LOOK,
            kind="stack-left",
            subject=stack.stack,
            message=f"this stack is no longer among the templates: no deployment deletes it, and its "
            f"{len(stack.changes)} resources stay until somebody does",
        )


def _of_resource(compared: Comparison, change: Change) -> Iterator[Hazard]:
    staying = [pool for pool in compared.pools_on(change.key) if pool.key in compared.head_fleet.by_key()]
    match change.of.action:
        case ChangeAction.LEFT:
            yield _hazard(
                Level.LOOK,
                "retained",
                change,
                "it leaves its stack and is retained: no template knows it any more, and it may cost on",
            )
        case ChangeAction.REMOVED:
            yield from _removed(compared, change, staying)
        case ChangeAction.CHANGED:
            yield from _of_service(change)
            if change.type == _SUBNET and "CidrBlock" in change.paths:
                yield from _shrunk(change, [pool for pool in staying if change.key in pool.subnets], staying)
            else:
                yield from _replaced(change, staying)
            if change.type == _RESERVATION:
                yield from _reservation(change, staying)
            if change.type in GROUPS and any(item.effect is Effect.ROLLS_NODES for item in change.of.properties):
                yield _hazard(
                    Level.LOOK,
                    "nodes-rolled",
                    change,
                    f"every node of this group is restarted, some at a time ({_paths(change, Effect.ROLLS_NODES)})",
                )
            if any(item.effect is Effect.CHANGES_SCHEDULE for item in change.of.properties):
                yield _hazard(
                    Level.LOOK,
                    "schedule-changed",
                    change,
                    f"{_paths(change, Effect.CHANGES_SCHEDULE)} changes: the block schedule may size pools otherwise",
                )


def _removed(compared: Comparison, change: Change, staying: list[Pool]) -> Iterator[Hazard]:
    if change.type == _RESERVATION:
        count = change.get("InstanceCount")[0]
        yield _hazard(
            Level.STOPS,
            "reservation-dropped",
            change,
            f"reservation of {count} {change.get('InstanceType')[0]} is cancelled: the capacity goes back to EC2, "
            f"and nobody promises that there is some again{_for(staying)}",
        )
    elif change.type in _HOLDS_DATA:
        message = f"it is deleted{_DATA.get(change.type, ', with what is in it')}{_for(staying)}"
        yield _hazard(Level.STOPS, "data-removed", change, message)
    elif change.type == _CLUSTER:
        pools = [pool for pool in compared.pools_on(change.key) if pool.key in compared.base_fleet.by_key()]
        yield _hazard(Level.STOPS, "cluster-removed", change, f"the cluster is deleted{_for(pools)}")
    elif change.type in MANIFESTS or change.type == _CHART:
        yield from _taken_from_cluster(change)
    elif change.type == _SCHEDULE:
        expression = change.get("ScheduleExpression")[0]
        yield _hazard(
            Level.LOOK,
            "schedule-changed",
            change,
            f"this schedule ({expression}) no longer runs: what it did, nobody does",
        )
    elif staying:
        # EC2 keeps some things while instances use them.
        level = Level.STOPS if change.of.touches and change.type not in _PASSAGES else Level.LOOK
        yield _hazard(level, "removed", change, f"it is deleted, and pools stay that used it{_for(staying)}")


def _taken_from_cluster(change: Change) -> Iterator[Hazard]:
    """Objects and charts that leave a cluster with their resource."""
    if change.type == _CHART:
        message = f"the chart's release is uninstalled ({change.get('Release')[0] or change.get('Chart')[0]})"
        yield _hazard(Level.LOOK, "uninstalled", change, message)
        return
    items = list(items_of(change.before))
    kinds = sorted({str(item.get("kind")) for item in items})
    lost = sorted({str(item.get("kind")) for item in items if _holds_more(item)})
    message = f"{', '.join(lost)} is deleted, with all that is in it" if lost else f"{', '.join(kinds)} is deleted"
    yield _hazard(Level.STOPS if lost else Level.LOOK, "data-removed" if lost else "uninstalled", change, message)


def _holds_more(item: Mapping[str, Any]) -> bool:
    """Whether more goes with an object: what is in it, or the volume that was made for it."""
    spec = item.get("spec")
    made_for_it = isinstance(spec, Mapping) and not spec.get("volumeName")
    return item.get("kind") in _HOLDS_OBJECTS or (item.get("kind") == "PersistentVolumeClaim" and made_for_it)


def _of_service(change: Change) -> Iterator[Hazard]:
    """What a service takes one way only."""
    if change.type == _CLUSTER and "Version" in change.paths:
        before, after = (_minor(value) for value in change.get("Version"))
        told = " → ".join(map(str, change.get("Version")))
        if before is None or after is None:
            return
        if after > before + 1:
            yield _hazard(
                Level.STOPS, REFUSED, change, f"Version {told}: EKS refuses it, expected one minor version at a time"
            )
        elif after > before:
            yield _hazard(
                Level.LOOK,
                "cluster-version",
                change,
                f"Version {told}: the control plane is upgraded, nodes stay as they are",
            )
        elif after < before:
            yield _hazard(Level.STOPS, REFUSED, change, f"Version {told}: EKS refuses it, but soon after an upgrade")
    if change.type == "AWS::FSx::FileSystem" and "StorageCapacity" in change.paths:
        sizes = [as_int(value) for value in change.get("StorageCapacity")]
        if sizes[0] is not None and sizes[1] is not None and sizes[1] < sizes[0]:
            told = f"StorageCapacity {sizes[0]} → {sizes[1]}: FSx refuses to make a file system smaller, make another"
            yield _hazard(Level.STOPS, REFUSED, change, told)


def _minor(version: Any) -> int | None:  # noqa: ANN401 - JSON
    parts = str(version).split(".")
    return as_int(parts[1]) if len(parts) > 1 else None


def _replaced(change: Change, staying: list[Pool]) -> Iterator[Hazard]:
    certain = [item.path for item in change.of.properties if item.effect is Effect.REPLACES]
    perhaps = [item.path for item in change.of.properties if item.effect is Effect.MAY_REPLACE]
    if change.of.refused:
        paths = ", ".join(certain) or _paths(change, Effect.REFUSED)
        why = f"{paths} can't be changed while it keeps its name" if paths else "a resource can't become another type"
        yield _hazard(
            Level.STOPS,
            REFUSED,
            change,
            f"CloudFormation refuses the update and rolls the stack back: {why}; make one with another name or id",
        )
    elif certain or perhaps:
        stops = (
            (bool(staying) and change.type not in _PASSAGES)
            or change.type in _HOLDS_DATA
            or change.type in (_CLUSTER, *GROUPS)
        )
        verb = "is replaced" if certain else "may be replaced"
        retained = change.before is not None and "Retain" in str(change.before.raw.get("UpdateReplacePolicy"))
        end = "the old one is retained, and no template knows it any more" if retained else "the old one is deleted"
        end = end if certain else f"then {end}"
        data = _DATA.get(change.type, ", with its data") if change.type in _HOLDS_DATA and not retained else ""
        yield _hazard(
            Level.STOPS if stops else Level.LOOK,
            "replaced",
            change,
            f"it {verb} ({', '.join((*certain, *perhaps))}): {end}{data}{_for(staying)}",
        )


def _shrunk(change: Change, inside: list[Pool], staying: list[Pool]) -> Iterator[Hazard]:
    before, after = change.get("CidrBlock")
    sizes = [_addresses(value) for value in (before, after)]
    known = sizes[0] is not None and sizes[1] is not None
    smaller = known and sizes[1] < sizes[0]  # type: ignore[operator]
    told = f" ({sizes[0]:,} → {sizes[1]:,} addresses)" if known else ""
    nodes = sum(pool.nodes or 0 for pool in inside)
    yield _hazard(
        Level.STOPS if smaller or staying else Level.LOOK,
        "subnet-shrunk" if smaller else "subnet-moved",
        change,
        f"CidrBlock {before} → {after}{told}: {'it shrinks, and ' if smaller else ''}a subnet can't be changed while "
        f"anything has an address in it; make a new subnet beside it"
        + (f", {nodes} nodes at full size stand in this one" if nodes else "")
        + _for(staying),
    )


def _addresses(cidr: Any) -> int | None:  # noqa: ANN401 - JSON
    try:
        return ipaddress.IPv4Network(cidr).num_addresses - RESERVED_ADDRESSES
    except (ValueError, TypeError):
        return None


def _reservation(change: Change, staying: list[Pool]) -> Iterator[Hazard]:
    before, after = (as_int(value) for value in change.get("InstanceCount"))
    if before is not None and after is not None and after < before:
        yield _hazard(
            Level.STOPS,
            "reservation-lowered",
            change,
            f"reservation goes from {before} to {after} instances: what is above goes back to EC2{_for(staying)}",
        )
    ends = [str(value or "none") for value in change.get("EndDate")]
    if "EndDate" in change.paths and change.get("EndDate")[1] is not None:
        yield _hazard(
            Level.LOOK,
            "reservation-end",
            change,
            f"the reservation's end changes, {ends[0]} → {ends[1]}{_for(staying)}",
        )


def _paths(change: Change, effect: Effect) -> str:
    return ", ".join(item.path for item in change.of.properties if item.effect is effect)


def _for(pools: list[Pool]) -> str:
    return f"; it carries {names(pools)}" if pools else ""


def _hazard(level: Level, kind: str, change: Change, message: str) -> Hazard:
    return Hazard(
        level=level,
        kind=kind,
        subject=f"{change.key[0]}/{change.key[1]} ({change.type})",
        message=message,
        keys=(change.key,),
    )
