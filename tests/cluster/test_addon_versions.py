"""Versions of managed add-ons by the cluster's Kubernetes version, and configuration that they take."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.catalog import eks
from ultrafleet.cluster import ClusterAddons, ImportedCluster, ManagedAddon
from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.addons import addons_of_unknown_version
from ultrafleet.errors import FleetError
from ultrafleet.rules.managed_addons import ADDONS, ALWAYS

SPELLED = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")
NODES_JOIN = [item.name for item in eks.KUBERNETES_VERSIONS if item.parsed >= eks.P6E_MINIMUM_VERSION]
CATALOGUED = {
    fact_id: fact for fact_id, fact in eks.facts() if fact_id.startswith("eks/addon/") and "/version/" in fact_id
}


def versions(stack: cdk.Stack) -> dict[str, Any]:
    found = Template.from_stack(stack).find_resources("AWS::EKS::Addon").values()
    return {item["Properties"]["AddonName"]: item["Properties"].get("AddonVersion") for item in found}


def add(stack: cdk.Stack, **overrides: Any) -> None:
    ClusterAddons(stack, "Addons", cluster=ImportedCluster(cluster_name="fleet"), **overrides)


def training(**cluster: Any) -> Environment:
    loaded = load_environment(ENVIRONMENTS / "training.yaml")
    return loaded.model_copy(update={"cluster": loaded.cluster.model_copy(update=cluster)})


def test_states_the_versions_of_the_catalog(stack: cdk.Stack) -> None:
    add(stack, kubernetes_version="1.35")

    assert versions(stack) == {name: eks.addon_version(name, "1.35").value for name in ALWAYS}
    assert None not in versions(stack).values()


def test_states_none_where_the_kubernetes_version_is_not_known(stack: cdk.Stack) -> None:
    add(stack)

    assert set(versions(stack).values()) == {None}


def test_states_none_where_no_source_has_one(stack: cdk.Stack) -> None:
    add(stack, kubernetes_version="1.37")

    assert set(versions(stack).values()) == {None}


def test_a_pinned_version_goes_before_the_catalog(stack: cdk.Stack) -> None:
    add(stack, kubernetes_version="1.35", addons=[ManagedAddon(name="coredns", version="v1.14.9-eksbuild.1")])

    assert versions(stack)["coredns"] == "v1.14.9-eksbuild.1"
    assert versions(stack)["vpc-cni"] == eks.addon_version("vpc-cni", "1.35").value


def test_a_version_that_is_a_token_is_left_to_eks(stack: cdk.Stack) -> None:
    add(stack, kubernetes_version=cdk.CfnParameter(stack, "Version").value_as_string)

    assert set(versions(stack).values()) == {None}


def test_fails_with_a_misspelt_kubernetes_version(stack: cdk.Stack) -> None:
    with pytest.raises(FleetError, match=r"kubernetes_version is 'v1\.35', expected major\.minor"):
        add(stack, kubernetes_version="v1.35")


@pytest.mark.parametrize("fact_id", CATALOGUED)
def test_a_catalogued_version_can_be_installed(fact_id: str) -> None:
    _, _, addon, _, kubernetes_version = fact_id.split("/")
    value = CATALOGUED[fact_id].value

    assert SPELLED.fullmatch(value)
    assert ManagedAddon(name=addon, version=value).version == value  # no older than the oldest that works
    assert kubernetes_version in NODES_JOIN
    # kube-proxy is built for each Kubernetes version (EKS user guide, high).
    assert addon != "kube-proxy" or value.startswith(f"v{kubernetes_version}.")


def test_the_default_version_of_kubernetes_has_every_add_on_that_shipped_environments_get() -> None:
    for path in sorted(ENVIRONMENTS.glob("*.yaml")):
        assert addons_of_unknown_version(load_environment(path)) == [], path


def test_names_the_add_ons_whose_version_eks_chooses() -> None:
    assert addons_of_unknown_version(training(kubernetes_version="1.34")) == [
        "eks-node-monitoring-agent",
        "aws-fsx-csi-driver",
    ]
    pinned = {"aws-fsx-csi-driver": "v1.10.0-eksbuild.1", "eks-node-monitoring-agent": "v1.7.0-eksbuild.1"}
    assert addons_of_unknown_version(training(kubernetes_version="1.34", addon_versions=pinned)) == []


def _is_toleration(item: Any) -> bool:
    return isinstance(item, dict) and set(item) <= {"key", "operator", "value", "effect", "tolerationSeconds"}


# What the schemas take of the keys that the library sets, in our own words. EKS refuses a key that its schema lacks.
TAKES: dict[str, Mapping[str, Any]] = {
    # Values of `env` are texts, those of numbers and booleans, too (DescribeAddonConfiguration of vpc-cni, medium).
    "vpc-cni": {
        # EKS user guide, restrict pod network traffic with Kubernetes network policies, high.
        "enableNetworkPolicy": lambda value: value in {"true", "false"},
        "env": {
            "ENABLE_PREFIX_DELEGATION": lambda value: value in {"true", "false"},
            "WARM_PREFIX_TARGET": lambda value: isinstance(value, str) and value.isdigit(),
        },
    },
    # charts/configuration.schema.json of aws/eks-node-monitoring-agent, high.
    "eks-node-monitoring-agent": {
        "dcgmAgent": {"tolerations": lambda value: isinstance(value, list) and all(map(_is_toleration, value))}
    },
    # values.yaml of the chart aws-mountpoint-s3-csi-driver, high; that EKS's schema has the key: medium.
    "aws-mountpoint-s3-csi-driver": {"node": {"tolerateAllTaints": lambda value: isinstance(value, bool)}},
}


def _refused(values: Mapping[str, Any], takes: Mapping[str, Any], path: str = "") -> list[str]:
    found = []
    for key, value in values.items():
        rule: Mapping[str, Any] | Callable[[Any], bool] | None = takes.get(key)
        if rule is None:
            found.append(f"{path}{key}")
        elif isinstance(rule, Mapping):
            found += _refused(value, rule, f"{path}{key}.") if isinstance(value, Mapping) else [f"{path}{key}"]
        elif not rule(value):
            found.append(f"{path}{key}: {value!r}")
    return found


@pytest.mark.parametrize("addon", [name for name in ADDONS if ADDONS[name].configuration])
def test_configuration_is_what_the_schema_takes(addon: str) -> None:
    assert _refused(ADDONS[addon].configuration, TAKES[addon]) == []


@pytest.mark.parametrize(
    ("addon", "values"),
    [
        ("vpc-cni", {"env": {"ENABLE_PREFIX_DELEGATION": True}}),
        ("vpc-cni", {"env": {"WARM_PREFIX_TARGETS": "1"}}),
        ("vpc-cni", {"enableNetworkPolicy": True}),
        ("eks-node-monitoring-agent", {"dcgm": {}}),
        ("eks-node-monitoring-agent", {"dcgmAgent": {"tolerations": [{"key": "a", "operators": "Exists"}]}}),
    ],
)
def test_finds_configuration_that_the_schema_refuses(addon: str, values: Mapping[str, Any]) -> None:
    assert len(_refused(values, TAKES[addon])) == 1
