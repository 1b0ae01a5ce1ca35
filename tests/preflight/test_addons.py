"""Managed add-ons whose version a deployment changes."""

import json
from dataclasses import replace
from typing import Any

from helpers.preflight_world import World
from ultrafleet.preflight import Level, LiveStack, preflight_findings
from ultrafleet.templates.assembly import AssemblyStack

NAME = "training-system"


def template(version: object) -> dict[str, Any]:
    properties = {"AddonName": "vpc-cni", "ClusterName": "training", "AddonVersion": version}
    stated = {key: value for key, value in properties.items() if value is not None}
    return {"Resources": {"Cni": {"Type": "AWS::EKS::Addon", "Properties": stated}}}


def told(*, deployed: object, planned: object, runs: str | None) -> list[str]:
    """Notes on the add-on: its version in the template that is deployed and in the one to deploy, and what runs."""
    plain = World().deployment()
    stack = LiveStack(name=NAME, status="UPDATE_COMPLETE", template=template(deployed))
    account = replace(
        plain.account,
        stacks={**plain.account.stacks, NAME: stack},
        addon_versions={} if runs is None else {"vpc-cni": runs},
    )
    new = AssemblyStack(name=NAME, template=json.dumps(template(planned)), termination_protection=False, needs=())
    found = preflight_findings(replace(plain, stacks=[*plain.stacks, new], account=account))
    assert {finding.level for finding in found} <= {Level.NOTE}
    return [finding.text for finding in found]


def test_an_update_is_told_with_what_keeps_the_version() -> None:
    (line,) = told(deployed=None, planned="v1.21.1-eksbuild.7", runs="v1.20.4-eksbuild.2")
    assert line == (
        "add-on vpc-cni runs v1.20.4-eksbuild.2, and the deployment updates it to v1.21.1-eksbuild.7: EKS replaces its "
        "pods and no node; `cluster.addon_versions: {vpc-cni: v1.20.4-eksbuild.2}` keeps what runs"
    )


def test_an_older_version_is_told() -> None:
    for runs in ("v1.22.4-eksbuild.3", "v1.21.1-eksbuild.10"):  # by numbers, not by text
        (line,) = told(deployed=None, planned="v1.21.1-eksbuild.7", runs=runs)
        assert "updates it to v1.21.1-eksbuild.7, an older one: EKS" in line


def test_nothing_is_told_of_what_the_deployment_leaves() -> None:
    same = "v1.21.1-eksbuild.7"
    assert told(deployed=None, planned=same, runs=same) == []
    assert told(deployed=None, planned=None, runs=same) == []  # EKS chose, and goes on
    assert told(deployed=same, planned=same, runs="v1.22.4-eksbuild.3") == []  # changed by hand
    assert told(deployed=None, planned={"Ref": "Version"}, runs=same) == []
    assert told(deployed=None, planned=same, runs=None) == []  # the deployment makes it
