"""Driver of EFA devices that a deployment changes."""

import json
from dataclasses import replace
from typing import Any

import pytest

from helpers.preflight_world import World
from ultrafleet.preflight import Level, LiveStack, preflight_findings
from ultrafleet.preflight.deployment import Deployment
from ultrafleet.preflight.efa_driver import efa_driver_findings
from ultrafleet.templates.assembly import AssemblyStack

NAME = "training-kubernetes"
PLUGIN, DRA = "aws-efa-k8s-device-plugin", "aws-dranet"


def template(*charts: str) -> dict[str, Any]:
    chart = {"Type": "Custom::AWSCDK-EKS-HelmChart"}
    return {"Resources": {f"Chart{name}": {**chart, "Properties": {"Chart": name}} for name in charts}}


def deployment(deployed: tuple[str, ...], planned: tuple[str, ...], *, running: bool = True) -> Deployment:
    plain = World().deployment()
    stack = LiveStack(name=NAME, status="UPDATE_COMPLETE", template=template(*deployed))
    groups = {name: group if running else replace(group, nodes=0) for name, group in plain.account.node_groups.items()}
    account = replace(plain.account, stacks={**plain.account.stacks, NAME: stack}, node_groups=groups)
    text = json.dumps(template(*planned))
    new = AssemblyStack(name=NAME, template=text, termination_protection=False, needs=())
    return replace(plain, stacks=[*plain.stacks, new], account=account)


@pytest.mark.parametrize(("before", "after", "kept"), [(PLUGIN, DRA, "device_plugin"), (DRA, PLUGIN, "dra")])
def test_another_driver_under_running_nodes_is_a_hazard(before: str, after: str, kept: str) -> None:
    changed = deployment((before, "kueue"), (after, "kueue"))
    (finding,) = efa_driver_findings(changed)
    assert (finding.level, finding.key) == (Level.HAZARD, f"efa-driver:{after}")
    assert f"{after} is installed before {before} is removed" in finding.text
    assert f"keep `kubernetes.efa: {kept}` until the pools are empty" in finding.text
    assert finding in preflight_findings(changed)


NOTHING = [
    ((PLUGIN,), (DRA,), False),
    ((DRA,), (DRA,), True),
    ((), (DRA,), True),
    ((PLUGIN,), (), True),
    (("kueue",), ("lws",), True),
]


@pytest.mark.parametrize(("before", "after", "running"), NOTHING)
def test_nothing_else_is(before: tuple[str, ...], after: tuple[str, ...], running: bool) -> None:
    assert list(efa_driver_findings(deployment(before, after, running=running))) == []
