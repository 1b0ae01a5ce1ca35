"""Updates that EKS refuses, by CloudFormation: the stack is rolled back, nothing is lost, and the next one succeeds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.rehearsal_site import DeployedEnvironment, deployed
from helpers.stack_calls import IAM, reasons, status
from ultrafleet.rehearsal.simulated_account import Refusal

pytestmark = pytest.mark.slow

POOL, CLUSTER, GROUP = "dev-pool-h100", "dev-cluster", {"clusterName": "dev", "nodegroupName": "h100"}


@pytest.fixture
def dev() -> Iterator[DeployedEnvironment]:
    """Dev with its node running."""
    with deployed("dev", up=True) as made:
        yield made


def template(dev: DeployedEnvironment, stack: str) -> dict[str, Any]:
    found = next(one.template for one in dev.stacks if one.name == stack)
    read: dict[str, Any] = json.loads(found)
    return read


def of_type(template: dict[str, Any], resource_type: str) -> dict[str, Any]:
    """Properties of a template's resource of a type."""
    (found,) = [one["Properties"] for one in template["Resources"].values() if one["Type"] == resource_type]
    properties: dict[str, Any] = found
    return properties


def update(dev: DeployedEnvironment, stack: str, changed: dict[str, Any]) -> str:
    body = json.dumps(changed)
    dev.call("cloudformation", "update_stack", StackName=stack, TemplateBody=body, Capabilities=IAM)
    return status(dev.call, stack)


def new_template_version(dev: DeployedEnvironment) -> None:
    given = {"LaunchTemplateName": "dev-h100", "SourceVersion": "1"}
    dev.call("ec2", "create_launch_template_version", **given, LaunchTemplateData={})


class TestNodeGroup:
    def changed(self, dev: DeployedEnvironment, **properties: Any) -> dict[str, Any]:
        changed = template(dev, POOL)
        group = of_type(changed, "AWS::EKS::Nodegroup")
        group.update(properties)
        group["LaunchTemplate"] = {**group["LaunchTemplate"], "Version": "2"}
        return changed

    def described(self, dev: DeployedEnvironment) -> dict[str, Any]:
        found = dev.call("eks", "describe_nodegroup", **GROUP)["nodegroup"]
        return {key: value for key, value in found.items() if key != "modifiedAt"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Tags", {"a": "b"}),
            ("Labels", {"a": "b"}),
            ("Taints", []),
            ("ScalingConfig", {"MinSize": 0, "MaxSize": 2}),
            ("UpdateConfig", {"MaxUnavailable": 2}),
        ],
    )
    def test_takes_a_version_alone(self, dev: DeployedEnvironment, name: str, value: Any) -> None:
        new_template_version(dev)
        before, described = dev.nodes("h100"), self.described(dev)
        if name == "Taints":
            value = [{"Key": "a", "Value": "b", "Effect": "NO_SCHEDULE"}]
        assert update(dev, POOL, self.changed(dev, **{name: value})) == "UPDATE_ROLLBACK_COMPLETE"
        assert "Version and ReleaseVersion updates cannot be combined with other updates" in reasons(dev.call, POOL)
        assert self.described(dev) == described
        assert dev.nodes("h100") == before
        assert update(dev, POOL, self.changed(dev)) == "UPDATE_COMPLETE"
        assert dev.nodes("h100").isdisjoint(before)

    def test_is_not_rolled_by_the_rollback_of_a_version_that_is_not_there(self, dev: DeployedEnvironment) -> None:
        before = dev.nodes("h100")
        assert update(dev, POOL, self.changed(dev)) == "UPDATE_ROLLBACK_COMPLETE"
        assert "Could not find the specified version 2" in reasons(dev.call, POOL)
        assert dev.nodes("h100") == before
        new_template_version(dev)
        assert update(dev, POOL, self.changed(dev)) == "UPDATE_COMPLETE"


class TestCluster:
    @pytest.mark.parametrize("steps", [-1, 2])
    def test_version_goes_up_a_step_at_a_time_and_stays_when_it_is_refused(
        self, dev: DeployedEnvironment, steps: int
    ) -> None:
        changed = template(dev, CLUSTER)
        cluster = of_type(changed, "AWS::EKS::Cluster")
        version = cluster["Version"]
        cluster["Version"] = f"1.{int(version.removeprefix('1.')) + steps}"
        assert update(dev, CLUSTER, changed) == "UPDATE_ROLLBACK_COMPLETE"
        assert f"Unsupported Kubernetes minor version update from {version}" in reasons(dev.call, CLUSTER)
        with pytest.raises(Refusal, match="No updates are to be performed"):
            update(dev, CLUSTER, template(dev, CLUSTER))
        cluster["Version"] = f"1.{int(version.removeprefix('1.')) + 1}"
        assert update(dev, CLUSTER, changed) == "UPDATE_COMPLETE"

    @pytest.mark.parametrize("mode", ["API_AND_CONFIG_MAP", "CONFIG_MAP"])
    def test_authentication_mode_does_not_go_back(self, dev: DeployedEnvironment, mode: str) -> None:
        changed = template(dev, CLUSTER)
        of_type(changed, "AWS::EKS::Cluster")["AccessConfig"]["AuthenticationMode"] = mode
        assert update(dev, CLUSTER, changed) == "UPDATE_ROLLBACK_COMPLETE"
        assert f"Unsupported authentication mode update from API to {mode}" in reasons(dev.call, CLUSTER)

    def test_authentication_mode_goes_a_step_at_a_time(self, dev: DeployedEnvironment) -> None:
        described = dev.call("eks", "describe_cluster", name="dev")["cluster"]
        given = {
            "roleArn": described["roleArn"],
            "resourcesVpcConfig": {"subnetIds": described["resourcesVpcConfig"]["subnetIds"]},
        }
        dev.call("eks", "create_cluster", name="old", **given)

        def change(mode: str) -> None:
            dev.call("eks", "update_cluster_config", name="old", accessConfig={"authenticationMode": mode})

        with pytest.raises(Refusal, match="Unsupported authentication mode update from CONFIG_MAP to API"):
            change("API")
        change("API_AND_CONFIG_MAP")
        change("API")
