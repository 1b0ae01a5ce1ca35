"""Charts and objects on their way into a cluster: by CDK's kubectl layer, or as files for Argo CD."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks_v1
from aws_cdk.assertions import Match, Template
from syrupy.assertion import SnapshotAssertion

from helpers.common import SERVICE_TOKEN, resources_of
from ultrafleet.accelerator_addons import VersionTable
from ultrafleet.catalog.eks import KUBERNETES_VERSIONS, P6E_MINIMUM_VERSION
from ultrafleet.cluster import ImportedCluster
from ultrafleet.delivery import ArgoCdDelivery, GitSource, KubectlAccess, KubectlDelivery
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import kubernetes_object

MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"
CHART = "Custom::AWSCDK-EKS-HelmChart"

VERSIONS = tuple(version.name for version in KUBERNETES_VERSIONS if version.parsed >= P6E_MINIMUM_VERSION)


def release(chart: str = "kueue", **changed: Any) -> ChartRelease:
    given: dict[str, Any] = {
        "chart": VersionTable.of().charts[chart],
        "release": chart,
        "namespace": f"{chart}-system",
        "values": {"a": {"b": 1}},
    }
    return ChartRelease(**{**given, **changed})


def namespace(name: str = "team") -> dict[str, Any]:
    return kubernetes_object("v1", "Namespace", name)


def queue(name: str = "training", in_namespace: str = "team") -> dict[str, Any]:
    return kubernetes_object(
        "kueue.x-k8s.io/v1beta2", "LocalQueue", name, namespace=in_namespace, spec={"clusterQueue": name}
    )


def access(stack: cdk.Stack, **changed: Any) -> KubectlAccess:
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-east-1a"])
    subnet = ec2.Subnet.from_subnet_attributes(stack, "Subnet", subnet_id="subnet-1", availability_zone="us-east-1a")
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1", mutable=False)
    given: dict[str, Any] = {
        "cluster": ImportedCluster(cluster_name="prod"),
        "kubernetes_version": "1.35",
        "vpc": vpc,
        "subnets": [subnet],
        "security_groups": [group],
    }
    return KubectlAccess(stack, "Access", **{**given, **changed})


class TestKubectlDelivery:
    def test_one_resource_for_each_object_and_chart(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        delivery.add_chart(stack, release())
        delivery.add_manifest(stack, namespace())
        delivery.add_manifest(stack, queue())
        template = Template.from_stack(stack)
        template.has_resource_properties(
            CHART,
            {
                "ServiceToken": SERVICE_TOKEN,
                "ClusterName": "prod",
                "Release": "kueue",
                "Version": VersionTable.of().charts["kueue"].version,
                "Namespace": "kueue-system",
                "CreateNamespace": True,
                "Values": json.dumps({"a": {"b": 1}}, separators=(",", ":")),
            },
        )
        for resource in resources_of(template, MANIFEST).values():
            (made,) = json.loads(resource["Properties"]["Manifest"])
            assert made["kind"] in {"Namespace", "LocalQueue"}
            # Pruning is by label, of a whole list: an object of its own is deleted with its resource.
            assert "PruneLabel" not in resource["Properties"]

    @pytest.mark.parametrize(("chart", "stays"), [("kueue", True), ("lws", True), ("nvidia-device-plugin", False)])
    def test_a_chart_that_brings_kinds_is_never_uninstalled(
        self, stack: cdk.Stack, delivery: KubectlDelivery, chart: str, stays: bool
    ) -> None:
        delivery.add_chart(stack, release(chart))
        (made,) = resources_of(Template.from_stack(stack), CHART).values()
        policy = "Retain" if stays else "Delete"
        assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == (policy, policy)

    def test_an_object_comes_after_its_namespace_and_the_chart_of_its_kind(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        delivery.add_chart(stack, release())
        delivery.add_chart(stack, release("lws"))
        delivery.add_manifest(stack, namespace())
        delivery.add_manifest(stack, queue())
        template = Template.from_stack(stack)
        (made,) = [item for key, item in resources_of(template, MANIFEST).items() if key.startswith("LocalQueue")]
        needed = sorted(key for key in template.to_json()["Resources"] if key.startswith(("Chartkueue", "Namespace")))
        assert sorted(made["DependsOn"]) == needed
        assert len(needed) == 2

    def test_a_chart_that_others_wait_for_has_the_functions_time(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        delivery.add_chart(stack, release(wait=True))
        Template.from_stack(stack).has_resource_properties(CHART, {"Wait": True, "Timeout": "840s"})

    def test_kube_system_is_not_made(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        delivery.add_chart(stack, release(namespace="kube-system"))
        Template.from_stack(stack).has_resource_properties(CHART, {"CreateNamespace": Match.absent()})

    def test_what_else_must_be_there_comes_first(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        first = cdk.CfnResource(stack, "First", type="AWS::SNS::Topic")
        delivery.add_manifest(stack, namespace(), after=[first])
        Template.from_stack(stack).has_resource(MANIFEST, {"DependsOn": ["First"]})

    def test_logical_ids_are_names_and_not_positions(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        for name in ("b", "a"):
            delivery.add_manifest(stack, namespace(name))
        other = cdk.Stack(cdk.App(), "Test")
        alone = KubectlAccess.from_service_token(
            other, "Kubectl", cluster=ImportedCluster(cluster_name="prod"), service_token=SERVICE_TOKEN
        )
        alone.add_manifest(other, namespace("a"))
        ids = set(resources_of(Template.from_stack(stack), MANIFEST))
        assert set(resources_of(Template.from_stack(other), MANIFEST)) < ids

    def test_takes_a_cluster_of_the_older_module(self, stack: cdk.Stack) -> None:
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-east-1a"])
        provider = eks_v1.KubectlProvider.from_kubectl_provider_attributes(
            stack,
            "Provider",
            function_arn=SERVICE_TOKEN,
            kubectl_role_arn="arn:aws:iam::111122223333:role/kubectl",
            handler_role=cdk.aws_iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/handler"),
        )
        cluster = eks_v1.Cluster.from_cluster_attributes(
            stack, "Cluster", cluster_name="prod", vpc=vpc, kubectl_provider=provider
        )
        KubectlDelivery(cluster=cluster).add_manifest(stack, namespace())
        Template.from_stack(stack).resource_count_is(MANIFEST, 1)

    def test_minimal_snapshot(
        self, stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion
    ) -> None:
        delivery.add_manifest(stack, namespace())
        assert Template.from_stack(stack).to_json() == snapshot_json

    def test_maximal_snapshot(
        self, stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion
    ) -> None:
        delivery.add_chart(stack, release(wait=True))
        delivery.add_manifest(stack, namespace())
        delivery.add_manifest(stack, queue(), after=[cdk.CfnResource(stack, "First", type="AWS::SNS::Topic")])
        assert Template.from_stack(stack).to_json() == snapshot_json


class TestKubectlAccess:
    def test_the_function_stands_in_the_vpc_and_has_an_access_entry(self, stack: cdk.Stack) -> None:
        access(stack).delivery.add_manifest(stack, namespace())
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::Lambda::Function",
            {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}, "Handler": "index.handler"},
        )
        template.has_resource_properties(
            "AWS::EKS::AccessEntry",
            {
                "ClusterName": "prod",
                "AccessPolicies": [
                    Match.object_like({"PolicyArn": Match.string_like_regexp("AmazonEKSClusterAdminPolicy")})
                ],
            },
        )

    def test_objects_wait_for_the_right_to_apply_them(self, stack: cdk.Stack) -> None:
        access(stack).delivery.add_manifest(stack, namespace())
        template = Template.from_stack(stack)
        (entry,) = resources_of(template, "AWS::EKS::AccessEntry")
        (made,) = resources_of(template, MANIFEST).values()
        assert entry in made["DependsOn"]

    @pytest.mark.parametrize("version", VERSIONS)
    def test_kubectl_is_of_the_clusters_version(self, app: cdk.App, version: str) -> None:
        stack = cdk.Stack(app, "Versioned")
        access(stack, kubernetes_version=version)
        template = Template.from_stack(stack)
        layers = resources_of(template, "AWS::Lambda::LayerVersion")
        assert [key for key in layers if key.startswith("AccessLayer")]

    def test_fails_without_the_versions_layer(self, stack: cdk.Stack) -> None:
        with pytest.raises(
            FleetError,
            match=r"kubernetes_version is 1\.31, expected one whose kubectl layer is installed: .*kubectl-v31`$",
        ):
            access(stack, kubernetes_version="1.31")

    @pytest.mark.parametrize("version", ["1.12", "1.99"])
    def test_fails_with_the_known_versions_on_another(self, stack: cdk.Stack, version: str) -> None:
        known = ", ".join(item.name for item in KUBERNETES_VERSIONS)
        with pytest.raises(FleetError) as caught:
            access(stack, kubernetes_version=version)
        assert str(caught.value) == (
            f"kubernetes_version is {version}, expected one that the catalog knows ({known}): use one of them"
        )


def argo(folder: Path) -> ArgoCdDelivery:
    return ArgoCdDelivery(
        folder=folder,
        source=GitSource(repository="https://example.com/fleet.git", path="clusters/prod"),
        cluster_name="prod",
        cluster_arn="arn:aws:eks:us-east-1:111122223333:cluster/prod",
    )


def read(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


class TestArgoCdDelivery:
    def test_the_cluster_is_registered_by_its_arn(self, tmp_path: Path) -> None:
        argo(tmp_path)
        secret, application = read(tmp_path / "bootstrap.yaml")
        assert secret["stringData"]["server"] == "arn:aws:eks:us-east-1:111122223333:cluster/prod"
        assert application["spec"]["source"]["path"] == "clusters/prod/applications"

    def test_a_chart_is_an_application_with_its_values(self, stack: cdk.Stack, tmp_path: Path) -> None:
        delivery = argo(tmp_path)
        delivery.add_chart(stack, release())
        delivery.add_chart(stack, release("aws-efa-k8s-device-plugin"))
        (kueue,) = read(tmp_path / "applications" / "kueue.yaml")
        # With Argo CD's finalizer, a removed Application would take its chart's kinds and their objects with it.
        assert "finalizers" not in kueue["metadata"]
        # An OCI chart is named without its scheme, its last part apart.
        assert kueue["spec"]["source"]["repoURL"] == "registry.k8s.io/kueue/charts"
        assert kueue["spec"]["source"]["chart"] == "kueue"
        assert kueue["spec"]["source"]["helm"] == {"releaseName": "kueue", "valuesObject": {"a": {"b": 1}}}
        (efa,) = read(tmp_path / "applications" / "aws-efa-k8s-device-plugin.yaml")
        assert efa["spec"]["source"]["repoURL"] == "https://aws.github.io/eks-charts"

    def test_objects_are_files_of_their_stacks_application(self, stack: cdk.Stack, tmp_path: Path) -> None:
        delivery = argo(tmp_path)
        delivery.add_manifest(stack, namespace())
        delivery.add_manifest(stack, queue())
        assert read(tmp_path / "objects" / "Test" / "LocalQueue-team-training.yaml") == [queue()]
        (application,) = read(tmp_path / "applications" / "Test.yaml")
        assert application["spec"]["source"]["path"] == "clusters/prod/objects/Test"
        assert application["spec"]["destination"]["name"] == "prod"

    def test_charts_come_before_objects_and_stacks_after_one_another(self, app: cdk.App, tmp_path: Path) -> None:
        delivery = argo(tmp_path)
        first, second = cdk.Stack(app, "First"), cdk.Stack(app, "Second")
        delivery.add_chart(first, release())
        delivery.add_manifest(first, namespace())
        delivery.add_manifest(second, queue())
        waves = [
            int(read(tmp_path / "applications" / f"{name}.yaml")[0]["metadata"]["annotations"][
                "argocd.argoproj.io/sync-wave"
            ])
            for name in ("kueue", "First", "Second")
        ]  # fmt: skip
        assert waves == sorted(set(waves))

    def test_nothing_is_in_the_template(self, stack: cdk.Stack, tmp_path: Path) -> None:
        argo(tmp_path).add_manifest(stack, namespace())
        assert Template.from_stack(stack).to_json().get("Resources") is None

    def test_fails_on_a_value_that_aws_makes_up(self, stack: cdk.Stack, tmp_path: Path) -> None:
        topic = cdk.CfnResource(stack, "Topic", type="AWS::SNS::Topic")
        made = kubernetes_object("v1", "ConfigMap", "a", namespace="team", data={"topic": topic.ref})
        with pytest.raises(
            FleetError, match="ConfigMap-team-a has a value that AWS makes up at deployment, expected pl"
        ):
            argo(tmp_path).add_manifest(stack, made)
