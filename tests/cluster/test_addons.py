"""Managed add-ons: order, permissions, versions, configuration."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk.assertions import Match, Template
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from ultrafleet.cluster import ClusterAddons, ImportedCluster, ManagedAddon, SystemPool
from ultrafleet.errors import FleetError
from ultrafleet.rules.managed_addons import ADDONS

NETWORK = {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
ALWAYS = NETWORK | {"coredns", "eks-node-monitoring-agent"}


def imported(scope: cdk.Stack) -> eks.ICluster:
    return eks.Cluster.from_cluster_attributes(scope, "Cluster", cluster_name="fleet")


def pool_of(stack: cdk.Stack, cluster: eks.ICluster) -> SystemPool:
    subnet = ec2.Subnet.from_subnet_attributes(
        stack, "Subnet", subnet_id="subnet-0123456789abcdef0", route_table_id="rtb-0123456789abcdef0"
    )
    return SystemPool(stack, "SystemPool", cluster=cluster, subnets=[subnet])


def addons_of(template: Template) -> dict[str, tuple[str, dict[str, Any]]]:
    """Logical id and resource of each add-on, by name."""
    found = template.find_resources("AWS::EKS::Addon")
    return {resource["Properties"]["AddonName"]: (logical_id, resource) for logical_id, resource in found.items()}


def waits_for(template: Template, logical_id: str) -> set[str]:
    """Resources that CloudFormation creates before a resource by DependsOn."""
    resources = template.to_json()["Resources"]
    seen: set[str] = set()
    left = [logical_id]
    while left:
        for dependency in resources[left.pop()].get("DependsOn", []):
            if dependency not in seen:
                seen.add(dependency)
                left.append(dependency)
    return seen


def test_minimal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    ClusterAddons(stack, "Addons", cluster=imported(stack))
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_maximal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    cluster = imported(stack)
    others = [name for name in ADDONS if name not in {"vpc-cni", "aws-fsx-csi-driver"}]
    pinned = ManagedAddon(
        name="vpc-cni", version="v1.20.4-eksbuild.2", configuration={"env": {"WARM_PREFIX_TARGET": "2"}}
    )
    own = ManagedAddon(
        name="aws-fsx-csi-driver",
        service_account_role_arns={"fsx-csi-controller-sa": "arn:aws:iam::111122223333:role/fsx"},
    )
    ClusterAddons(stack, "Addons", cluster=cluster, system_pool=pool_of(stack, cluster), addons=[*others, pinned, own])
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_network_then_nodes_then_the_rest(stack: cdk.Stack) -> None:
    cluster = imported(stack)
    ClusterAddons(stack, "Addons", cluster=cluster, system_pool=pool_of(stack, cluster), addons=["aws-ebs-csi-driver"])
    template = Template.from_stack(stack)
    found = addons_of(template)
    (pool,) = template.find_resources("AWS::EKS::Nodegroup")
    assert set(found) == ALWAYS | {"aws-ebs-csi-driver"}
    assert {found[name][0] for name in NETWORK} <= waits_for(template, pool)
    assert found["eks-pod-identity-agent"][0] in waits_for(template, found["vpc-cni"][0])
    for name in set(found) - NETWORK:
        assert pool in waits_for(template, found[name][0])
    for name in NETWORK:
        assert pool not in waits_for(template, found[name][0])


def test_without_a_pool_the_rest_waits_for_the_network(stack: cdk.Stack) -> None:
    ClusterAddons(stack, "Addons", cluster=imported(stack))
    template = Template.from_stack(stack)
    found = addons_of(template)
    assert {found[name][0] for name in NETWORK} <= waits_for(template, found["coredns"][0])


def test_network_stays_on_nodes_when_its_add_on_leaves_the_template(stack: cdk.Stack) -> None:
    ClusterAddons(stack, "Addons", cluster=imported(stack))
    found = addons_of(Template.from_stack(stack))
    kept = {name for name, (_, resource) in found.items() if resource["Properties"].get("PreserveOnDelete")}
    assert kept == NETWORK


def test_cni_role_is_for_its_service_account_in_this_cluster_only(stack: cdk.Stack) -> None:
    ClusterAddons(stack, "Addons", cluster=imported(stack))
    template = Template.from_stack(stack)
    (role,) = template.find_resources("AWS::IAM::Role").values()
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    conditions = statement["Condition"]["StringEquals"]
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert set(statement["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
    assert conditions["aws:RequestTag/kubernetes-service-account"] == "aws-node"
    assert conditions["aws:RequestTag/kubernetes-namespace"] == "kube-system"
    assert "cluster/fleet" in json.dumps(conditions["aws:RequestTag/eks-cluster-arn"])
    template.has_resource_properties(
        "AWS::EKS::Addon",
        {
            "AddonName": "vpc-cni",
            "PodIdentityAssociations": [{"ServiceAccount": "aws-node", "RoleArn": {"Fn::GetAtt": Match.any_value()}}],
        },
    )


def test_roles_never_hold_more_than_their_add_on(stack: cdk.Stack) -> None:
    ClusterAddons(stack, "Addons", cluster=imported(stack), addons=sorted(ADDONS))
    text = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Role"))
    assert "FullAccess" not in text
    assert '"Action": "*"' not in text
    # V2 acts on what the driver made; the first version on every volume of the account.
    assert 'AmazonEBSCSIDriverPolicyV2"' in text


def test_own_roles_replace_ours(stack: cdk.Stack) -> None:
    arn = "arn:aws:iam::111122223333:role/cni"
    addons = ClusterAddons(
        stack,
        "Addons",
        cluster=imported(stack),
        addons=[ManagedAddon(name="vpc-cni", service_account_role_arns={"aws-node": arn})],
    )
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::IAM::Role", 0)
    assert not addons.roles
    template.has_resource_properties(
        "AWS::EKS::Addon", {"PodIdentityAssociations": [{"ServiceAccount": "aws-node", "RoleArn": arn}]}
    )


def test_prefixes_are_delegated_and_the_callers_values_win() -> None:
    assert json.loads(ManagedAddon(name="vpc-cni").configuration_values or "") == {
        "enableNetworkPolicy": "true",
        "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
    }
    changed = ManagedAddon(
        name="vpc-cni", configuration={"env": {"WARM_PREFIX_TARGET": "3"}, "extra": {"b": 1, "a": 2}}
    )
    values = changed.configuration_values or ""
    assert json.loads(values)["env"] == {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "3"}
    assert values.index('"a"') < values.index('"b"')


def test_dcgm_tolerates_gpu_nodes(stack: cdk.Stack) -> None:
    ClusterAddons(stack, "Addons", cluster=imported(stack))
    _, agent = addons_of(Template.from_stack(stack))["eks-node-monitoring-agent"]
    values = json.loads(agent["Properties"]["ConfigurationValues"])
    assert values["dcgmAgent"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "ultrafleet/unproven", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "ultrafleet/spare", "operator": "Exists", "effect": "NoSchedule"},
    ]


def test_the_fsx_driver_may_describe_file_systems_and_nothing_else(stack: cdk.Stack) -> None:
    addons = ClusterAddons(stack, "Addons", cluster=imported(stack), addons=["aws-fsx-csi-driver"])
    (policy,) = stack.resolve(addons.roles["aws-fsx-csi-driver"].policies)
    assert policy["policyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": ["fsx:DescribeFileSystems"], "Resource": ["*"]}
    ]


def test_order_of_the_callers_list_changes_nothing(cdk_context: dict[str, Any]) -> None:
    def template(names: list[str]) -> dict[str, Any]:
        app = cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False)
        stack = cdk.Stack(app, "Test", env=cdk.Environment(account="111122223333", region="us-east-1"))
        ClusterAddons(stack, "Addons", cluster=imported(stack), addons=names)
        return dict(Template.from_stack(stack).to_json())

    names = ["aws-fsx-csi-driver", "metrics-server", "aws-ebs-csi-driver"]
    assert json.dumps(template(names)) == json.dumps(template(names[::-1]))


def test_an_add_on_touches_no_other(cdk_context: dict[str, Any]) -> None:
    def resources(names: list[str]) -> dict[str, Any]:
        app = cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False)
        stack = cdk.Stack(app, "Test", env=cdk.Environment(account="111122223333", region="us-east-1"))
        ClusterAddons(stack, "Addons", cluster=imported(stack), addons=names)
        return dict(Template.from_stack(stack).to_json()["Resources"])

    few, more = resources([]), resources(["aws-fsx-csi-driver"])
    assert {name: more[name] for name in few} == few
    assert len(more) == len(few) + 2


@pytest.mark.parametrize(
    ("addon", "message"),
    [
        ({"name": "nvidia-gpu-operator"}, "'nvidia-gpu-operator' is not known, expected one of .*vpc-cni"),
        ({"name": "vpc-cni", "version": "v1.18.4-eksbuild.9"}, r"expected v1\.18\.5 or newer: efa-only"),
        ({"name": "vpc-cni", "version": "v1.9.10-eksbuild.1"}, r"expected v1\.18\.5 or newer"),
        ({"name": "eks-pod-identity-agent", "version": "v1.1.0-eksbuild.1"}, r"expected v1\.2\.0 or newer"),
        ({"name": "vpc-cni", "version": "1.20.4"}, "expected the add-on's spelling"),
        ({"name": "coredns", "version": "latest"}, "expected the add-on's spelling"),
    ],
)
def test_fails_with_bad_add_on(addon: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        ManagedAddon(**addon)


def test_fails_with_an_add_on_named_twice(stack: cdk.Stack) -> None:
    with pytest.raises(FleetError, match="'metrics-server' is named twice"):
        ClusterAddons(
            stack, "Addons", cluster=imported(stack), addons=["metrics-server", ManagedAddon(name="metrics-server")]
        )


def test_fails_with_a_pool_in_another_stack(app: cdk.App, stack: cdk.Stack) -> None:
    other = cdk.Stack(app, "Other", env=cdk.Environment(account="111122223333", region="us-east-1"))
    with pytest.raises(FleetError, match="system_pool is in stack Other, expected Test"):
        ClusterAddons(stack, "Addons", cluster=imported(stack), system_pool=pool_of(other, imported(other)))


def test_version_may_be_a_token(stack: cdk.Stack) -> None:
    version = cdk.CfnParameter(stack, "Version").value_as_string
    ClusterAddons(stack, "Addons", cluster=imported(stack), addons=[ManagedAddon(name="vpc-cni", version=version)])
    Template.from_stack(stack).has_resource_properties(
        "AWS::EKS::Addon", {"AddonName": "vpc-cni", "AddonVersion": {"Ref": "Version"}}
    )


@given(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 20)), st.integers(1, 9))
def test_versions_are_compared_as_numbers(version: tuple[int, int, int], build: int) -> None:
    text = f"v{version[0]}.{version[1]}.{version[2]}-eksbuild.{build}"
    if version >= (1, 18, 5):
        assert ManagedAddon(name="vpc-cni", version=text).version == text
    else:
        with pytest.raises(FleetError):
            ManagedAddon(name="vpc-cni", version=text)


def test_an_imported_cluster_is_named_by_its_arn_in_this_account(stack: cdk.Stack) -> None:
    other = cdk.Stack(stack.node.scope, "Other", env=cdk.Environment(account=stack.account, region=stack.region))
    ClusterAddons(stack, "Addons", cluster=ImportedCluster(cluster_name="fleet"))
    ClusterAddons(other, "Addons", cluster=imported(other))
    roles = Template.from_stack(stack).find_resources("AWS::IAM::Role")
    assert roles == Template.from_stack(other).find_resources("AWS::IAM::Role")


def test_an_existing_cluster_gets_the_named_add_ons_alone(stack: cdk.Stack) -> None:
    made = ClusterAddons(
        stack, "Addons", cluster=imported(stack), addons=["cert-manager", "vpc-cni"], existing_cluster=True
    )
    assert set(made.addons) == {"cert-manager", "vpc-cni"}
    for addon in Template.from_stack(stack).find_resources("AWS::EKS::Addon").values():
        # EKS refuses an add-on whose objects are there, in place of overwriting them.
        assert addon["Properties"]["ResolveConflicts"] == "NONE"


def test_an_existing_cluster_gets_none_unasked(stack: cdk.Stack) -> None:
    assert ClusterAddons(stack, "Addons", cluster=imported(stack), existing_cluster=True).addons == {}
