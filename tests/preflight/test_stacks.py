"""Stacks of a deployment: refused updates, resources under running nodes, answers that contradict each other."""

import json
from dataclasses import replace
from typing import Any

import pytest

from helpers.preflight_world import RACK_B, Content, World
from ultrafleet.errors import FleetError
from ultrafleet.preflight import Finding, Level, LiveStack, preflight_findings, waived


def other_cidr(content: Content) -> None:
    (found,) = [item for item in content["network"]["subnets"] if item["name"] == "dallas"]
    found["cidr"] = "10.64.64.0/19"


def test_a_cidr_of_a_subnet_that_pools_import_is_refused() -> None:
    (found,) = World().findings(other_cidr)
    assert found.level is Level.REFUSED
    assert "AWS::EC2::Subnet Subnetdallas (CidrBlock) would be replaced" in found.text
    assert "training-Subnetdallas (imported by training-pool-rack-a, training-pool-rack-b)" in found.text


def test_few_of_many_replaced_resources_are_named() -> None:
    def other_range(content: Content) -> None:
        content["network"]["cidr"] = "10.65.0.0/16"
        for subnet in content["network"]["subnets"]:
            subnet["cidr"] = subnet["cidr"].replace("10.64.", "10.65.")

    (found,) = [item for item in World().findings(other_range) if "import" in item.text]
    assert found.text.count("AWS::EC2::Subnet ") == 3
    assert ", 4 more would be replaced: " in found.text


def test_a_cidr_of_a_subnet_that_nothing_imports_is_a_hazard_while_nodes_run() -> None:
    def control_plane(content: Content) -> None:
        content["network"]["subnets"][0]["cidr"] = "10.64.1.0/26"

    (found,) = World().findings(control_plane)
    assert found.key == "replaced:training-network:Subnetcontrol-a"
    (quiet,) = World(running=()).findings(control_plane)
    assert quiet.level is Level.NOTE


@pytest.mark.parametrize(("version", "refused"), [("1.34", True), ("1.36", False), ("1.37", True)])
def test_kubernetes_versions_go_up_by_one(version: str, refused: bool) -> None:
    def upgraded(content: Content) -> None:
        content["cluster"] = {"kubernetes_version": version}

    def before(content: Content) -> None:
        content["cluster"] = {"kubernetes_version": "1.35"}

    found = World(before).findings(upgraded)
    assert [item.level for item in found] == ([Level.REFUSED] if refused else [])
    assert not refused or "EKS takes a cluster from 1.35 to 1.36 and not to" in found[0].text


def test_a_cluster_waits_for_its_node_groups() -> None:
    def upgraded(content: Content) -> None:
        content["cluster"] = {"kubernetes_version": "1.36"}

    def before(content: Content) -> None:
        content["cluster"] = {"kubernetes_version": "1.35"}

    world = World(before)
    assert world.findings(upgraded) == []
    world.group(RACK_B, version="1.34")
    assert world.findings() == []
    (found,) = world.findings(upgraded)
    assert found.level is Level.REFUSED
    assert f"cluster training has 1.35 and node groups another version: {RACK_B} (1.34)" in found.text


def with_stack(world: World, name: str, **changed: Any) -> None:
    stacks = {**world.account.stacks, name: replace(world.account.stacks[name], **changed)}
    world.account = replace(world.account, stacks=stacks)


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS", "DELETE_FAILED"])
def test_a_stack_that_takes_no_update(status: str) -> None:
    world = World()
    with_stack(world, "training-pool-rack-a", status=status)
    (found,) = world.findings()
    assert found.level is Level.REFUSED
    assert f"stack training-pool-rack-a is {status}" in found.text


def test_a_stack_that_never_came_about_is_made_anew() -> None:
    world = World(running=())
    with_stack(world, "training-pool-rack-a", status="ROLLBACK_COMPLETE", template={"Resources": {}})
    world.account = replace(
        world.account,
        node_groups={name: item for name, item in world.account.node_groups.items() if not name.startswith("rack-a")},
        newest_versions={},
    )
    assert [item for item in world.findings() if "rack-a" in item.text] == []


def test_a_cluster_that_a_rollback_left_is_refused() -> None:
    world = World(running=())
    with_stack(world, "training-cluster", status="ROLLBACK_COMPLETE")
    assert [item.level for item in world.findings()] == [Level.REFUSED]
    world.account = replace(world.account, cluster_version=None, node_groups={})
    assert Level.UNCLEAR not in {item.level for item in world.findings()}


def test_a_first_deployment_is_quiet() -> None:
    world = World(running=())
    world.account = replace(world.account, cluster_version=None, stacks={}, node_groups={}, newest_versions={})
    assert world.findings() == []


def test_stacks_of_pools_without_any_node_group_are_unclear() -> None:
    world = World()
    world.account = replace(world.account, node_groups={})
    (found,) = [item for item in world.findings() if item.level is Level.UNCLEAR]
    assert "3 stacks of pools exist and none of their node groups in cluster training" in found.text


def test_a_node_group_that_was_deleted_by_hand_is_said() -> None:
    world = World()
    kept = {name: item for name, item in world.account.node_groups.items() if name != RACK_B}
    world.account = replace(world.account, node_groups=kept)
    (found,) = world.findings()
    assert found.level is Level.NOTE
    assert f"node groups {RACK_B} are in stacks and not in cluster training" in found.text


def test_objects_that_a_stack_no_longer_brings_are_told_while_nodes_run() -> None:
    delivered = {"Type": "Custom::AWSCDK-EKS-KubernetesResource", "Properties": {"Manifest": "[]"}}
    for running in (("b300",), ()):
        world = World(running=running)
        template = world.account.stacks["training-cluster"].template
        resources = {**template["Resources"], "Queue": delivered, "Team": delivered}
        with_stack(world, "training-cluster", template={"Resources": resources})
        assert [item.key for item in world.findings()] == (["undelivered:training-cluster:2"] if running else [])


def test_a_stack_of_a_cluster_without_the_cluster_is_unclear() -> None:
    world = World()
    world.account = replace(world.account, cluster_version=None, node_groups={})
    (found,) = [item for item in world.findings() if item.level is Level.UNCLEAR]
    assert "stack training-cluster exists and EKS has no cluster training" in found.text


def test_a_cluster_without_its_stack_is_refused() -> None:
    world = World(running=())
    world.account = replace(world.account, stacks={}, node_groups={}, newest_versions={})
    (found,) = world.findings()
    assert found.level is Level.REFUSED


def test_system_nodes_that_are_replaced_are_said() -> None:
    def system(version: str) -> dict[str, Any]:
        group = {"Type": "AWS::EKS::Nodegroup", "Properties": {"LaunchTemplate": {"Version": version}}}
        return {"Resources": {"SystemPool": group}}

    def findings(old: str, new: str) -> list[Finding]:
        deployment = World().deployment()
        live = LiveStack(name="training-system", status="CREATE_COMPLETE", template=system(old))
        stack = replace(deployment.stacks[0], name="training-system", template=json.dumps(system(new)))
        account = replace(deployment.account, stacks={**deployment.account.stacks, "training-system": live})
        return preflight_findings(replace(deployment, stacks=[*deployment.stacks, stack], account=account))

    assert findings("1", "1") == []
    (found,) = findings("1", "2")
    assert found.level is Level.NOTE
    assert "node group SystemPool: its nodes are replaced or resized (LaunchTemplate/Version)" in found.text


def test_a_waiver_is_of_one_hazard_that_there_is() -> None:
    def held(content: Content) -> None:
        for pool in content["pools"][:2]:
            pool["hold"] = True

    found = World().findings(held)
    keys = [item.key for item in found]
    assert len(keys) == 2
    assert [item.key for item in waived(found, keys[:1])] == keys[:1]
    with pytest.raises(FleetError, match="there is no such hazard now") as error:
        waived(found, ["held:rack-q"])
    assert error.value.expected == f"one of {', '.join(keys)}"
