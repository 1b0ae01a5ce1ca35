"""Rule of values that EKS or EC2 take no others than: names, counts and choices, as the constructs refuse them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog import eks
from ultrafleet.catalog.limits import (
    CAPACITY_RESERVATION_INSTANCES,
    GP3_VOLUME_GIB,
    LAUNCH_TEMPLATE_NAME_CHARACTERS,
    METADATA_HOP_LIMIT,
    PARTITIONS_PER_PLACEMENT_GROUP,
    TAINTS_PER_NODE_GROUP,
    source,
)
from ultrafleet.catalog.source import Source
from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.rules.names import validate_cluster_name
from ultrafleet.rules.node_settings import validate_node_labels
from ultrafleet.templates.cluster import clusters
from ultrafleet.templates.launch import as_int, known_type, launches
from ultrafleet.templates.node_group import NODE_GROUP, groups
from ultrafleet.templates.reservations import RESERVATION, named_in_text
from ultrafleet.templates.template import Template, mapping

_PLACEMENT_GROUP: Final = "AWS::EC2::PlacementGroup"
_OWN: Final = re.compile(r"ultrafleet/")
_EFFECTS: Final = ("NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE")


def _values(template: Template) -> Iterator[Problem]:
    yield from _of_clusters(template)
    yield from _of_node_groups(template)
    yield from _of_launches(template)
    yield from _of_capacity(template)


def _of_clusters(template: Template) -> Iterator[Problem]:
    for cluster in clusters(template):
        name = cluster.get("Name")
        if isinstance(name, str):
            try:
                validate_cluster_name(name)
            except FleetError as error:
                yield Problem(cluster.logical_id, f"Name: {error}")
        for path, allowed in (
            (("ControlPlaneScalingConfig", "Tier"), eks.CONTROL_PLANE_TIERS),
            (("UpgradePolicy", "SupportType"), eks.UPGRADE_POLICIES),
            (("KubeSchedulerConfig", "NodeResourcesFit", "ScoringStrategy", "Type"), eks.SCORING_STRATEGIES),
        ):
            stated = cluster.get(*path)
            if isinstance(stated, str) and stated not in allowed:
                yield Problem(
                    cluster.logical_id,
                    f"{'.'.join(path)} is {stated}, expected one of {', '.join(allowed)}: EKS takes no other",
                )
        for item in cluster.items("Logging", "ClusterLogging", "EnabledTypes"):
            kind = item.get("Type") if isinstance(item, Mapping) else item
            if isinstance(kind, str) and kind not in eks.CONTROL_PLANE_LOGS:
                yield Problem(
                    cluster.logical_id,
                    f"type {kind} is logged, expected some of {', '.join(eks.CONTROL_PLANE_LOGS)}: EKS has no other",
                )


def _of_node_groups(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        taints = group.resource.items("Taints")
        if len(taints) > TAINTS_PER_NODE_GROUP.value:
            yield Problem(
                group.logical_id,
                f"there are {len(taints)} taints, expected at most {TAINTS_PER_NODE_GROUP.value}: EKS takes no more",
            )
        for taint in taints:
            effect = mapping(taint).get("Effect")
            if isinstance(effect, str) and effect not in _EFFECTS:
                yield Problem(
                    group.logical_id,
                    f"Effect of a taint is {effect}, expected one of {', '.join(_EFFECTS)}: EKS spells it so",
                )
        for key, value in _plain(group.resource.get("Labels")):
            if any(prefix in key for prefix in eks.RESERVED_LABEL_PREFIXES) or _OWN.match(key):
                continue  # said of labels, or the library's
            try:
                validate_node_labels({key: value})
            except FleetError as error:
                yield Problem(group.logical_id, str(error))
        reserved = next((key for key, _ in _plain(group.resource.get("Tags")) if key.lower().startswith("aws:")), None)
        if reserved is not None:
            yield Problem(group.logical_id, f"tag {reserved} begins with aws:, expected another: AWS reserves these")


def _plain(value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Pairs of texts of a mapping; what isn't known is left out."""
    for key, item in mapping(value).items():
        if isinstance(item, str | int) and not isinstance(item, bool) and "${" not in f"{key}{item}":
            yield str(key), str(item)


def _of_launches(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        holder = launch.resource.logical_id
        name = launch.resource.get("LaunchTemplateName")
        most = LAUNCH_TEMPLATE_NAME_CHARACTERS.value
        if isinstance(name, str) and len(name) > most:
            yield Problem(holder, f"LaunchTemplateName has {len(name)} characters, expected at most {most}: shorten it")
        hops = as_int(launch.get("MetadataOptions", "HttpPutResponseHopLimit"))
        if hops is not None and not 1 <= hops <= METADATA_HOP_LIMIT.value:
            yield Problem(
                holder,
                f"HttpPutResponseHopLimit is {hops}, expected 1 to {METADATA_HOP_LIMIT.value}: EC2 takes no other",
            )
        for item in launch.items("BlockDeviceMappings"):
            volume = mapping(mapping(item).get("Ebs"))
            size = as_int(volume.get("VolumeSize"))
            if size is not None and volume.get("VolumeType") == "gp3" and not 1 <= size <= GP3_VOLUME_GIB.value:
                yield Problem(
                    holder, f"VolumeSize is {size}, expected 1 to {GP3_VOLUME_GIB.value:,} GiB of gp3: change it"
                )


def _of_capacity(template: Template) -> Iterator[Problem]:
    for group in template.of_type(_PLACEMENT_GROUP):
        count, strategy = as_int(group.get("PartitionCount")), group.get("Strategy")
        most = PARTITIONS_PER_PLACEMENT_GROUP.value
        if count is not None and isinstance(strategy, str) and strategy != "partition":
            yield Problem(
                group.logical_id, f"PartitionCount is stated with Strategy {strategy}, expected partition: remove it"
            )
        elif count is not None and not 1 <= count <= most:
            yield Problem(group.logical_id, f"PartitionCount is {count}, expected 1 to {most}: EC2 makes no more")
    for reservation in template.of_type(RESERVATION):
        count, most = as_int(reservation.get("InstanceCount")), CAPACITY_RESERVATION_INSTANCES.value
        if count is not None and not 1 <= count <= most:
            yield Problem(reservation.logical_id, f"InstanceCount is {count}, expected 1 to {most:,}: split it")
        kind = known_type(reservation.get("InstanceType"))
        only_blocks = kind is not None and set(kind.purchase_options or ()) == {"capacity-block"}
        if kind is not None and kind.supports_on_demand_capacity_reservation is False and not only_blocks:
            yield Problem(
                reservation.logical_id, f"{kind} can't be reserved on demand, expected a type that can: buy a block"
            )
        placed = named_in_text(template, reservation.get("PlacementGroupArn"))
        strategy = placed.get("Strategy") if placed is not None and placed.type == _PLACEMENT_GROUP else None
        if isinstance(strategy, str) and strategy != "cluster":
            yield Problem(
                reservation.logical_id,
                f"its placement group's Strategy is {strategy}, expected cluster: EC2 reserves in no other, change it",
            )


RULES: Final = (
    PolicyRule(
        id="service-values",
        number=80,
        severity=Severity.ERROR,
        protects_from="a stack that fails, because EKS or EC2 take no such value",
        source=Source(
            "EKS and EC2 API references, CreateCluster, CreateNodegroup, CreateLaunchTemplate, CreatePlacementGroup",
            also=(source("limit/eks/taints-per-node-group"), source("limit/ec2/metadata-hop-limit")),
        ),
        remedy="a value that the message names",
        check=_values,
    ),
)
