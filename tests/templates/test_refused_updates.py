"""Refused updates: what EKS takes alone, and in which steps."""

from typing import Any

import pytest

from ultrafleet.templates.node_group_update import node_group_update
from ultrafleet.templates.template_changes import ResourceChange, template_changes

NODE_GROUP = "AWS::EKS::Nodegroup"
CLUSTER = "AWS::EKS::Cluster"


def change(resource_type: str, old: dict[str, Any], new: dict[str, Any]) -> ResourceChange:
    sides = [{"Resources": {"R": {"Type": resource_type, "Properties": side}}} for side in (old, new)]
    (found,) = template_changes(*sides).resources
    return found


OLD: dict[str, Any] = {
    "LaunchTemplate": {"Version": "1"},
    "Labels": {"a": "b"},
    "Tags": {"ultrafleet:schedule": "hold"},
}
NEXT = {"LaunchTemplate": {"Version": "2"}}


@pytest.mark.parametrize(
    "other",
    [
        {"Labels": {"a": "c"}},
        {"Tags": {"ultrafleet:schedule": "capacity-blocks"}},
        {"Taints": [{"Key": "k", "Effect": "NO_SCHEDULE"}]},
        {"ScalingConfig": {"MinSize": 0, "MaxSize": 9}},
        {"UpdateConfig": {"MaxUnavailable": 2}},
    ],
)
def test_a_launch_template_version_goes_alone(other: dict[str, Any]) -> None:
    found = change(NODE_GROUP, OLD, {**OLD, **NEXT, **other})
    assert found.refused
    update = node_group_update(found)
    assert update.refused
    (refusal,) = update.refusals
    assert refusal.paths[0] == "LaunchTemplate/Version"
    assert refusal.remedy == "make two deployments, the version in one of its own"
    for part in (NEXT, other):
        assert not change(NODE_GROUP, OLD, {**OLD, **part}).refused


def test_versions_and_the_way_of_the_update_go_in_one_call() -> None:
    together = {**OLD, **NEXT, "ReleaseVersion": "1.35.2-20261101", "ForceUpdateEnabled": True}
    assert change(NODE_GROUP, OLD, together).refusals == ()


@pytest.mark.parametrize(
    ("version", "refused"), [("1.34", True), ("1.36", False), ("1.37", True), ("1.33", True), ({"Ref": "V"}, False)]
)
def test_a_cluster_goes_up_by_one_version(version: Any, refused: bool) -> None:
    assert change(CLUSTER, {"Version": "1.35"}, {"Version": version}).refused is refused


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ("CONFIG_MAP", "API", True),
        (None, "API", True),
        ("CONFIG_MAP", "API_AND_CONFIG_MAP", False),
        ("API_AND_CONFIG_MAP", "API", False),
        ("API", "API_AND_CONFIG_MAP", True),
        ("API_AND_CONFIG_MAP", "CONFIG_MAP", True),
    ],
)
def test_the_authentication_mode_goes_one_way_by_steps(before: str | None, after: str, refused: bool) -> None:
    old = {} if before is None else {"AccessConfig": {"AuthenticationMode": before}}
    found = change(CLUSTER, old, {"AccessConfig": {"AuthenticationMode": after}})
    assert found.refused is refused
    assert bool(found.refusals) is refused
