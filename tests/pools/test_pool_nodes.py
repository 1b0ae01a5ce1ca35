"""Pool's nodes as Kubernetes sees them: equal from the construct and from the environment's file."""

import json
from pathlib import Path

import pytest

from helpers.rehearsal_site import synthesised
from ultrafleet.environment import Environment, load_environments
from ultrafleet.environment.pool_nodes import environment_pool_nodes

ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"


@pytest.mark.parametrize("environment", load_environments(ENVIRONMENTS), ids=lambda item: item.name)
def test_the_file_says_what_the_node_groups_get(environment: Environment) -> None:
    _, stacks = synthesised((ENVIRONMENTS / f"{environment.name}.yaml").read_text(), environment.name)
    for nodes in environment_pool_nodes(environment):
        (template,) = [
            json.loads(stack.template) for stack in stacks if stack.name.endswith(f"-pool-{nodes.pool_name}")
        ]
        (group,) = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::EKS::Nodegroup"]
        assert group["Labels"] == dict(nodes.labels)
        assert group["Taints"] == [{"Key": t.key, "Value": t.value, "Effect": t.effect} for t in nodes.taints]
        assert group["ScalingConfig"]["MaxSize"] == nodes.nodes
        (launch,) = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::EC2::LaunchTemplate"]
        kinds = [item["InterfaceType"] for item in launch["LaunchTemplateData"]["NetworkInterfaces"]]
        assert nodes.efa_interfaces == sum(kind.startswith("efa") for kind in kinds)
