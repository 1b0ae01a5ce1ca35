"""Pool's nodes as Kubernetes sees them: equal from the construct and from the environment's file."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.rehearsal_site import synthesised
from ultrafleet.environment import (
    AcceleratorPoolSettings,
    Environment,
    UltraServerPoolSettings,
    load_environments,
)
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL

ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"


@pytest.mark.parametrize("environment", load_environments(ENVIRONMENTS), ids=lambda item: item.name)
def test_the_file_says_what_the_node_groups_get(environment: Environment) -> None:
    _, stacks = synthesised((ENVIRONMENTS / f"{environment.name}.yaml").read_text(), environment.name)
    for nodes in environment_pool_nodes(environment):
        (template,) = [
            json.loads(stack.template) for stack in stacks if stack.name.endswith(f"-pool-{nodes.pool_name}")
        ]
        groups = properties(template, "AWS::EKS::Nodegroup")
        assert len(groups) == max(1, len(named(environment, nodes.pool_name).blocks))
        for group in groups:
            ultraserver = {ULTRASERVER_LABEL: group["NodegroupName"]} if nodes.ultraserver_type else {}
            assert group["Labels"] == {**nodes.labels, **ultraserver}
            assert set(group["Labels"]) == nodes.label_keys
            taints = nodes.registered_taints
            assert group["Taints"] == [{"Key": t.key, "Value": t.value, "Effect": t.effect} for t in taints]
            assert nodes.node_group_sizes[group["NodegroupName"]] == group["ScalingConfig"]["MaxSize"]
            assert group["ScalingConfig"]["MaxSize"] == nodes.nodes_at_hand
        for launch in properties(template, "AWS::EC2::LaunchTemplate"):
            kinds = [item["InterfaceType"] for item in launch["LaunchTemplateData"]["NetworkInterfaces"]]
            assert nodes.efa_interfaces == sum(kind.startswith("efa") for kind in kinds)


def test_new_nodes_of_a_tested_pool_are_unproven() -> None:
    content = yaml.safe_load((ENVIRONMENTS / "training.yaml").read_text())
    content["kubernetes"]["acceptance"] = {
        "image": "registry.example/nccl-tests:1",
        "floors_gbs": {"b300": {"efa": 300}},
    }
    _, stacks = synthesised(yaml.safe_dump(content), "training")
    tainted = set()
    for stack in stacks:
        if "-pool-" in stack.name:
            for group in properties(json.loads(stack.template), "AWS::EKS::Nodegroup"):
                if {"Key": "ultrafleet/unproven", "Value": "true", "Effect": "NO_SCHEDULE"} in group["Taints"]:
                    tainted.add(group["NodegroupName"])
    assert {name.split("-cr-")[0] for name in tainted} == {"rack-a", "rack-b", "b300"}


def properties(template: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    found = [r["Properties"] for r in template["Resources"].values() if r["Type"] == resource_type]
    assert found
    return found


def named(environment: Environment, name: str) -> UltraServerPoolSettings | AcceleratorPoolSettings:
    (pool,) = [pool for pool in environment.pools if pool.name == name]
    return pool
