"""The control plane."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Annotations, Match, Template
from cfnlint.api import lint_file
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from ultrafleet.capacity import PlacementGroup, PlacementStrategy
from ultrafleet.cluster import ClusterAccess, ClusterAddons, FleetCluster, SystemPool, create_node_role
from ultrafleet.cluster._checks import check_public_access_cidrs
from ultrafleet.errors import FleetError
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.managed_addons import ADDONS

ADMIN = "arn:aws:iam::111122223333:role/people/admin"


def subnet(stack: cdk.Stack, zone: str | None, name: str) -> ec2.ISubnet:
    number = sum(name.encode()) % 4096
    return ec2.Subnet.from_subnet_attributes(
        stack,
        f"Subnet{name}",
        subnet_id=f"subnet-{number:017x}",
        availability_zone=zone,
        route_table_id="rtb-0123456789abcdef0",
    )


def make(
    stack: cdk.Stack,
    *,
    zones: tuple[str | None, ...] = ("us-east-1a", "us-east-1b"),
    **properties: Any,
) -> FleetCluster:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "GivenVpc", vpc_id="vpc-0123456789abcdef0", availability_zones=["us-east-1a", "us-east-1b"]
    )
    subnets = [subnet(stack, zone, str(index)) for index, zone in enumerate(zones)]
    given = {"cluster_name": "fleet", "kubernetes_version": "1.34", "control_plane_subnets": subnets} | properties
    return FleetCluster(stack, "Cluster", vpc=vpc, **given)


def maximal(stack: cdk.Stack) -> None:
    """Cluster with all add-ons and options; the same as in the docs."""
    cluster = make(
        stack,
        api_access_cidrs=["10.8.0.0/16", "10.9.0.0/16"],
        public_access_cidrs=["203.0.113.0/24"],
        admin_role_arns=[ADMIN],
        access={
            "researchers": ClusterAccess(
                principal_arn="arn:aws:iam::111122223333:role/research",
                policies=["AmazonEKSEditPolicy"],
                namespaces=["jobs"],
                kubernetes_groups=["research"],
            )
        },
        secrets_encryption_key=kms.Key.from_key_arn(
            stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012"
        ),
        control_plane_logs=["audit", "api"],
        log_retention=logs.RetentionDays.ONE_YEAR,
        upgrade_policy="EXTENDED",
        control_plane_scaling_tier="tier-4xl",
        service_ipv4_cidr="172.20.0.0/16",
    )
    pool = SystemPool(
        stack,
        "SystemPool",
        cluster=cluster.cluster,
        subnets=[subnet(stack, "us-east-1a", "nodes")],
        node_role=create_node_role(stack, "NodeRole", role_name="fleet-node", cni_permissions=True, ssm_sessions=True),
        instance_types=["m8g.xlarge", "m7g.xlarge"],
        placement_group=PlacementGroup(stack, "Placement", strategy=PlacementStrategy.SPREAD),
        release_version="1.34.2-20261101",
        labels={"team": "platform"},
    )
    ClusterAddons(stack, "Addons", cluster=cluster.cluster, system_pool=pool, addons=sorted(ADDONS))


def test_minimal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    make(stack)
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_maximal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    maximal(stack)
    assert Template.from_stack(stack).to_json() == snapshot_json


@pytest.mark.slow
def test_maximal_passes_validation_and_lint(cdk_context: dict[str, Any], tmp_path: Path) -> None:
    app = cdk.App(context=cdk_context, analytics_reporting=False, outdir=str(tmp_path))
    maximal(cdk.Stack(app, "Test", env=cdk.Environment(account="111122223333", region="us-east-1")))
    app.synth()
    assert not lint_file(tmp_path / "Test.template.json")


def test_no_automatic_compute_no_creator_rights_and_entries_only(stack: cdk.Stack) -> None:
    make(stack)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::EKS::Cluster",
        {
            "AccessConfig": {"AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": False},
            "BootstrapSelfManagedAddons": False,
            "ComputeConfig": {"Enabled": False},
            "StorageConfig": {"BlockStorage": {"Enabled": False}},
            "DeletionProtection": True,
            "UpgradePolicy": {"SupportType": "STANDARD"},
            "ResourcesVpcConfig": {"EndpointPrivateAccess": True, "EndpointPublicAccess": False},
        },
    )
    template.resource_count_is("AWS::EKS::AccessEntry", 0)
    for leftover in ("AWS::EKS::Nodegroup", "AWS::SSM::Parameter", "AWS::Lambda::Function"):
        template.resource_count_is(leftover, 0)


def test_log_group_exists_before_the_cluster_writes(stack: cdk.Stack) -> None:
    make(stack)
    template = Template.from_stack(stack)
    (group,) = template.find_resources(
        "AWS::Logs::LogGroup", {"Properties": {"LogGroupName": "/aws/eks/fleet/cluster"}}
    )
    template.has_resource("AWS::EKS::Cluster", {"DependsOn": Match.array_with([group])})


@pytest.mark.parametrize("policy", [cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY])
def test_removal_policy_covers_what_others_refer_to(stack: cdk.Stack, policy: cdk.RemovalPolicy) -> None:
    make(stack, removal_policy=policy)
    expected = "Retain" if policy is cdk.RemovalPolicy.RETAIN else "Delete"
    template = Template.from_stack(stack)
    for kind in ("AWS::KMS::Key", "AWS::IAM::Role", "AWS::EC2::SecurityGroup", "AWS::Logs::LogGroup"):
        template.has_resource(kind, {"DeletionPolicy": expected, "UpdateReplacePolicy": expected})


def test_peoples_networks_reach_the_control_plane_and_not_the_nodes(stack: cdk.Stack) -> None:
    cluster = make(stack, api_access_cidrs=["10.8.0.0/16"])
    group = stack.resolve(cluster.control_plane_security_group.security_group_id)
    Template.from_stack(stack).has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"CidrIp": "10.8.0.0/16", "FromPort": 443, "ToPort": 443, "IpProtocol": "tcp", "GroupId": group},
    )
    assert group != stack.resolve(cluster.cluster_security_group_id)


def test_scheduler_packs_accelerators_and_still_scores_cpu_and_memory(stack: cdk.Stack) -> None:
    make(stack)
    (resource,) = Template.from_stack(stack).find_resources("AWS::EKS::Cluster").values()
    scoring = resource["Properties"]["KubeSchedulerConfig"]["NodeResourcesFit"]["ScoringStrategy"]
    weights = {entry["Name"]: entry["Weight"] for entry in scoring["Resources"]}
    assert scoring["Type"] == "MostAllocated"
    assert weights["nvidia.com/gpu"] > weights["cpu"] > 0
    assert weights["aws.amazon.com/neuron"] > weights["memory"] > 0


def test_scheduler_can_stay_as_kubernetes_has_it(stack: cdk.Stack) -> None:
    make(stack, scheduler_scoring_strategy="LeastAllocated")
    Template.from_stack(stack).has_resource_properties("AWS::EKS::Cluster", {"KubeSchedulerConfig": Match.absent()})


def test_access_entries_keep_their_ids_when_the_list_is_reordered(cdk_context: dict[str, Any]) -> None:
    arns = [ADMIN, "arn:aws:iam::111122223333:role/other", "arn:aws:iam::444455556666:role/people/admin"]

    def entries(order: list[str]) -> dict[str, Any]:
        app = cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False)
        stack = cdk.Stack(app, "Test", env=cdk.Environment(account="111122223333", region="us-east-1"))
        make(stack, admin_role_arns=order)
        return dict(Template.from_stack(stack).find_resources("AWS::EKS::AccessEntry"))

    assert entries(arns) == entries(arns[::-1])
    assert len(entries(arns)) == 3


def test_own_vpc_keeps_its_tags(stack: cdk.Stack) -> None:
    vpc = ec2.Vpc(stack, "Own", max_azs=2)
    FleetCluster(
        stack,
        "Cluster",
        cluster_name="fleet",
        kubernetes_version="1.34",
        vpc=vpc,
        control_plane_subnets=vpc.private_subnets,
    )
    template = Template.from_stack(stack)
    assert "kubernetes.io/role" not in json.dumps(template.to_json())
    (cluster,) = template.find_resources("AWS::EKS::Cluster").values()
    ids = cluster["Properties"]["ResourcesVpcConfig"]["SubnetIds"]
    assert ids == stack.resolve([private.subnet_id for private in vpc.private_subnets])


def test_kubectl_provider_can_be_asked_for(stack: cdk.Stack) -> None:
    layer = lambda_.LayerVersion.from_layer_version_arn(
        stack, "Layer", "arn:aws:lambda:us-east-1:111122223333:layer:kubectl:1"
    )
    cluster = make(stack, kubectl_provider_options=eks.KubectlProviderOptions(kubectl_layer=layer))
    cluster.cluster.add_manifest("Space", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "jobs"}})
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::Lambda::Function", {"VpcConfig": {"SubnetIds": Match.any_value()}})
    template.resource_count_is("AWS::SSM::Parameter", 1)


def test_tokens_are_left_alone_where_they_make_sense(stack: cdk.Stack) -> None:
    zone = cdk.CfnParameter(stack, "Zone").value_as_string
    version = cdk.CfnParameter(stack, "Version").value_as_string
    tier = cdk.CfnParameter(stack, "Tier").value_as_string
    make(stack, zones=(zone, "us-east-1b"), kubernetes_version=version, control_plane_scaling_tier=tier)
    Template.from_stack(stack).has_resource_properties(
        "AWS::EKS::Cluster", {"Version": {"Ref": "Version"}, "ControlPlaneScalingConfig": {"Tier": {"Ref": "Tier"}}}
    )


def test_subnets_without_a_known_zone_are_trusted(stack: cdk.Stack) -> None:
    make(stack, zones=(None, None))


def test_warns_of_the_version_before_the_recommended(stack: cdk.Stack) -> None:
    make(stack, kubernetes_version="1.33")
    Annotations.from_stack(stack).has_warning("/Test/Cluster", Match.string_like_regexp(".*1.33.*use 1.34 or newer.*"))


def test_warns_about_kubernetes_that_the_catalog_does_not_know(stack: cdk.Stack) -> None:
    make(stack, kubernetes_version="1.99")
    Annotations.from_stack(stack).has_warning(
        "/Test/Cluster", Match.string_like_regexp(".*1.99, expected at most 1.37: the catalog knows no newer one.*")
    )


def test_warns_about_no_kubernetes_that_the_catalog_knows(stack: cdk.Stack) -> None:
    make(stack, kubernetes_version="1.37")
    Annotations.from_stack(stack).has_no_warning("/Test/Cluster", Match.any_value())


def test_does_not_warn_of_the_recommended_version(stack: cdk.Stack) -> None:
    make(stack)
    Annotations.from_stack(stack).has_no_warning("/Test/Cluster", Match.any_value())


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"kubernetes_version": "1.32"}, "'1.32', expected 1.33 or newer"),
        ({"kubernetes_version": "v1.34"}, "'v1.34', expected major.minor"),
        ({"kubernetes_version": "1.34.2"}, "expected major.minor"),
        ({"cluster_name": "-fleet"}, "cluster_name is '-fleet'"),
        ({"cluster_name": "x" * 101}, "1 to 100"),
        ({"zones": ("us-east-1a", "us-east-1-dfw-2a")}, "Local Zone 'us-east-1-dfw-2a'"),
        ({"zones": (None, "us-east-1-dfw-2a")}, "Local Zone 'us-east-1-dfw-2a'"),
        ({"zones": ("us-east-1a",)}, "1 subnets in the zones us-east-1a, expected subnets in at least 2"),
        ({"zones": ("us-east-1a", "us-east-1a")}, "2 subnets in the zones us-east-1a, expected subnets in at least 2"),
        ({"zones": ()}, "0 subnets in the zones none"),
        (
            {"public_access_cidrs": ["203.0.113.0/24", "0.0.0.0/0"]},
            "has '0.0.0.0/0'.*allow_public_access_from_anywhere",
        ),
        ({"public_access_cidrs": ["2001:db8::/32"]}, "expected an IPv4 CIDR"),
        ({"public_access_cidrs": ["203.0.113.1/24"]}, "host bits set"),
        ({"allow_public_access_from_anywhere": True}, "public_access_cidrs is empty"),
        ({"api_access_cidrs": ["0.0.0.0/0"]}, "api_access_cidrs has '0.0.0.0/0'"),
        ({"api_access_cidrs": ["10.8.0.0/16", "10.8.0.0/16"]}, "remove the duplicate"),
        ({"upgrade_policy": "LONG"}, "upgrade_policy is 'LONG', expected STANDARD or EXTENDED"),
        ({"control_plane_scaling_tier": "tier-16xl"}, "'tier-16xl', expected one of standard, tier-xl"),
        ({"control_plane_logs": ["api", "kubelet"]}, "has 'kubelet', expected some of api, audit"),
        ({"scheduler_scoring_strategy": "Random"}, "'Random', expected MostAllocated or LeastAllocated"),
        ({"service_ipv4_cidr": "8.8.0.0/16"}, "expected a /12 to /24 inside"),
        ({"service_ipv4_cidr": "10.0.0.0/8"}, "expected a /12 to /24 inside"),
        ({"service_ipv4_cidr": "172.20.0.0/28"}, "expected a /12 to /24 inside"),
        ({"admin_role_arns": [ADMIN, ADMIN]}, "named 2 times"),
        (
            {"admin_role_arns": [ADMIN], "access": {"me": ClusterAccess(principal_arn=ADMIN, policies=["P"])}},
            "named 2 times in admin_role_arns and access",
        ),
    ],
)
def test_fails_with_bad_input(stack: cdk.Stack, properties: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message) as error:
        make(stack, **properties)
    assert str(error.value)[0].islower()


@pytest.mark.parametrize("name", ["cluster_name", "api_access_cidrs", "admin_role_arns"])
def test_fails_with_tokens_where_names_are_made(stack: cdk.Stack, name: str) -> None:
    token = cdk.CfnParameter(stack, "Value").value_as_string
    with pytest.raises(FleetError, match=f"{name} has a token"):
        make(stack, **{name: token if name == "cluster_name" else [token]})


def test_accepts_an_endpoint_for_everybody_when_told_so(stack: cdk.Stack) -> None:
    make(stack, public_access_cidrs=["0.0.0.0/0"], allow_public_access_from_anywhere=True)
    Template.from_stack(stack).has_resource_properties(
        "AWS::EKS::Cluster", {"ResourcesVpcConfig": {"EndpointPrivateAccess": True, "PublicAccessCidrs": ["0.0.0.0/0"]}}
    )


def test_fails_with_access_that_grants_nothing() -> None:
    with pytest.raises(FleetError, match="no policies and no kubernetes_groups"):
        ClusterAccess(principal_arn=ADMIN)


def test_fails_with_namespaces_and_nothing_to_limit() -> None:
    with pytest.raises(FleetError, match=r"namespaces \['jobs'\] and no policies"):
        ClusterAccess(principal_arn=ADMIN, namespaces=["jobs"], kubernetes_groups=["g"])


@given(st.integers(0, 3), st.integers(0, 99))
def test_versions_are_compared_as_numbers(major: int, minor: int) -> None:
    if (major, minor) >= (1, 33):
        assert parse_kubernetes_version(f"{major}.{minor}") == (major, minor)
    else:
        with pytest.raises(FleetError):
            parse_kubernetes_version(f"{major}.{minor}")


@given(st.integers(0, 255), st.integers(24, 32))
def test_any_limited_public_network_is_accepted(block: int, prefix: int) -> None:
    check_public_access_cidrs([f"198.51.{block}.0/{prefix}"], allow_any_address=False)
