"""A cluster with pools as a place for jobs and models."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk.assertions import Annotations, Match, Template
from syrupy.assertion import SnapshotAssertion

from helpers.common import resources_of
from helpers.workloads import b300, h200, nodes, rack, serving, trainium
from ultrafleet.cluster import ImportedCluster
from ultrafleet.cluster_addons import ClusterCare, FleetPlatform
from ultrafleet.delivery import KubectlDelivery
from ultrafleet.errors import FleetError
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.kubernetes import PoolNodes
from ultrafleet.kubernetes.manifest import kubernetes_object
from ultrafleet.kubernetes.network_devices import EfaDriver
from ultrafleet.queueing import PodsReady, TeamShare
from ultrafleet.training import TrainingTeam

MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"
CHART = "Custom::AWSCDK-EKS-HelmChart"


def platform(stack: cdk.Stack, delivery: KubectlDelivery, **changed: Any) -> FleetPlatform:
    given: dict[str, Any] = {
        "cluster": ImportedCluster(cluster_name="prod"),
        "kubernetes_version": "1.35",
        "pools": [rack()],
    }
    return FleetPlatform(stack, "Platform", delivery=delivery, **{**given, **changed})


def charts(template: Template) -> set[str]:
    return {item["Properties"]["Release"] for item in resources_of(template, CHART).values()}


def objects(template: Template) -> list[dict[str, Any]]:
    return [json.loads(item["Properties"]["Manifest"])[0] for item in resources_of(template, MANIFEST).values()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"training": False}, set()),
        ({}, {"jobset", "kubeflow-trainer"}),
        ({"training": False, "inference": True, "vpc_id": "vpc-1"}, {"lws", "aws-load-balancer-controller"}),
        (
            {"inference": True, "vpc_id": "vpc-1", "scaled_models": True},
            {"jobset", "kubeflow-trainer", "lws", "aws-load-balancer-controller", "keda"},
        ),
    ],
)
def test_installs_what_is_needed(
    stack: cdk.Stack, delivery: KubectlDelivery, options: dict[str, Any], expected: set[str]
) -> None:
    platform(stack, delivery, pools=[h200()], **options)
    assert charts(Template.from_stack(stack)) == {
        "nvidia-device-plugin",
        "aws-dranet",
        "kueue",
        *expected,
    }


@pytest.mark.parametrize(
    ("version", "options", "chart"),
    [
        ("1.34", {}, "aws-dranet"),
        ("1.33", {}, "aws-efa-k8s-device-plugin"),
        ("1.35", {"efa_driver": EfaDriver.DEVICE_PLUGIN}, "aws-efa-k8s-device-plugin"),
    ],
)
def test_efa_has_the_driver_that_eks_recommends_or_the_other(
    stack: cdk.Stack, delivery: KubectlDelivery, version: str, options: dict[str, Any], chart: str
) -> None:
    """Never both; queues count what pods will ask for, and acceptance gets pools that say which."""
    made = platform(stack, delivery, kubernetes_version=version, pools=[h200(workload="training")], **options)
    assert charts(Template.from_stack(stack)) & {"aws-dranet", "aws-efa-k8s-device-plugin"} == {chart}
    claimed = chart == "aws-dranet"
    assert made.flavors[0].quotas["networking.k8s.aws/efa" if claimed else "vpc.amazonaws.com/efa"] == 64
    assert [pool.efa_driver is EfaDriver.DRA for pool in made.pools] == [claimed]


@pytest.mark.parametrize(
    ("pool", "driver", "told"), [(rack(), None, True), (rack(), EfaDriver.DEVICE_PLUGIN, False), (h200(), None, False)]
)
def test_what_is_not_verified_of_efas_driver_is_said(
    stack: cdk.Stack, delivery: KubectlDelivery, pool: PoolNodes, driver: EfaDriver | None, told: bool
) -> None:
    platform(stack, delivery, pools=[pool], efa_driver=driver)
    found = Annotations.from_stack(stack).find_info("*", Match.string_like_regexp("on nodes of .* is not verified"))
    assert bool(found) is told


def test_fails_where_efa_is_to_be_claimed_on_an_old_cluster(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    with pytest.raises(FleetError, match=r"kubernetes_version is 1\.33, expected 1\.34 or newer: raise it"):
        platform(stack, delivery, kubernetes_version="1.33", pools=[h200()], efa_driver=EfaDriver.DRA)


def test_queues_are_of_the_pools(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    made = platform(stack, delivery, pools=[rack(), h200(), b300()], spare_nodes_per_ultraserver=2)
    assert {flavor.name: flavor.nodes for flavor in made.flavors} == {
        "inference-p5en-48xlarge": 4,
        "training-p6-b300-48xlarge": 2,
        "training-u-p6e-gb200x72": 16,
    }
    kinds = [item["kind"] for item in objects(Template.from_stack(stack))]
    assert kinds.count("ClusterQueue") == 2
    assert kinds.count("ResourceFlavor") == 3


@pytest.mark.parametrize(("training", "count"), [(True, 1), (False, 0)])
def test_teams_have_an_admission_policy_where_teams_train(
    stack: cdk.Stack, delivery: KubectlDelivery, training: bool, count: int
) -> None:
    platform(stack, delivery, training=training)
    made = [item for item in objects(Template.from_stack(stack)) if item["kind"].startswith("ValidatingAdmission")]
    assert [item["metadata"]["name"] for item in made].count("ultrafleet-teams") == 2 * count


def test_network_layers_can_be_left_out(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    platform(stack, delivery, ultraserver_network_layers=0)
    (topology,) = [item for item in objects(Template.from_stack(stack)) if item["kind"] == "Topology"]
    assert len(topology["spec"]["levels"]) == 2


def test_a_version_of_the_caller_is_installed(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    platform(stack, delivery, versions={"kueue": "0.18.6"})
    Template.from_stack(stack).has_resource_properties(CHART, {"Release": "kueue", "Version": "0.18.6"})


def test_the_load_balancers_controller_has_its_role_before_it_starts(
    stack: cdk.Stack, delivery: KubectlDelivery
) -> None:
    platform(stack, delivery, inference=True, vpc_tags={"Name": "fleet"})
    template = Template.from_stack(stack)
    (identity,) = resources_of(template, "AWS::EKS::PodIdentityAssociation")
    (chart,) = [
        item
        for item in resources_of(template, CHART).values()
        if item["Properties"]["Release"] == "aws-load-balancer-controller"
    ]
    assert identity in chart["DependsOn"]
    assert json.loads(chart["Properties"]["Values"])["vpcTags"] == {"Name": "fleet"}


def test_the_load_balancers_controller_changes_nothing_of_another_cluster(
    stack: cdk.Stack, delivery: KubectlDelivery
) -> None:
    platform(stack, delivery, inference=True, vpc_id="vpc-1")
    (role,) = resources_of(Template.from_stack(stack), "AWS::IAM::Role").values()
    (policy,) = role["Properties"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        reads = all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in actions)
        service_role = actions == ["iam:CreateServiceLinkedRole"]  # of the whole account, once
        assert reads or service_role or "prod" in json.dumps(statement), statement
        assert not any(action.endswith(":*") for action in actions)


def test_a_deployment_waits_for_webhooks_and_for_no_daemon_of_nodes(
    stack: cdk.Stack, delivery: KubectlDelivery
) -> None:
    pools = [rack(), h200(), b300(), trainium()]
    platform(stack, delivery, pools=pools, inference=True, vpc_id="vpc-1", scaled_models=True)
    waiting = {
        item["Properties"]["Release"]
        for item in resources_of(Template.from_stack(stack), CHART).values()
        if item["Properties"].get("Wait")
    }
    # Those with webhooks; one node that isn't ready must not fail the deployment of the others.
    assert waiting == {"kueue", "jobset", "kubeflow-trainer", "lws", "aws-load-balancer-controller", "keda"}


def test_kueue_s_times_are_the_caller_s(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    def waits(made: FleetPlatform) -> tuple[str, str, int]:
        (kueue,) = [release for release in made.releases if release.release == "kueue"]
        text = kueue.values["managerConfig"]["controllerManagerConfigYaml"]
        found = yaml.safe_load(text)["waitForPodsReady"]
        return found["timeout"], found["recoveryTimeout"], found["requeuingStrategy"]["backoffLimitCount"]

    assert waits(platform(stack, delivery)) == ("30m", "15m", 3)
    made = FleetPlatform(
        stack, "Given", delivery=delivery, cluster=ImportedCluster(cluster_name="prod"), kubernetes_version="1.35",
        pools=[h200()], pods_ready=PodsReady(recovery_minutes=20, max_requeues=9),
    )  # fmt: skip
    assert waits(made) == ("30m", "20m", 9)


@pytest.mark.parametrize("options", [{"training": False}, {}])
def test_synthesis_says_what_nobody_saw_of_network_policies(
    stack: cdk.Stack, delivery: KubectlDelivery, options: dict[str, Any]
) -> None:
    platform(stack, delivery, **options)
    found = Annotations.from_stack(stack).find_info("*", Match.string_like_regexp("network policies .* not verified"))
    assert bool(found) is (options == {})


@pytest.mark.parametrize(
    ("pools", "served", "queues"),
    [
        ([rack(), h200()], ["inference"], {"training"}),
        ([rack(), h200()], [], {"training", "inference"}),
        ([h200()], ["inference"], set()),
    ],
)
def test_served_pools_have_no_queue_and_no_kueue(
    stack: cdk.Stack, delivery: KubectlDelivery, pools: list[Any], served: list[str], queues: set[str]
) -> None:
    platform(
        stack, delivery, pools=pools, training=False, inference=True, vpc_id="vpc-1", served_workloads=served
    )  # fmt: skip
    template = Template.from_stack(stack)
    made = [item for item in objects(template) if "kueue" in item["apiVersion"]]
    assert {item["metadata"]["name"] for item in made if item["kind"] == "ClusterQueue"} == queues
    assert ("kueue" in charts(template)) is bool(queues)
    assert bool(made) is bool(queues)


class TestFailures:
    @pytest.mark.parametrize("given", [{}, {"vpc_id": "vpc-1", "vpc_tags": {"Name": "a"}}])
    def test_fails_without_the_vpc_of_load_balancers(
        self, stack: cdk.Stack, delivery: KubectlDelivery, given: dict[str, Any]
    ) -> None:
        with pytest.raises(FleetError, match=r"vpc_id is .* and vpc_tags .*, expected exactly one with inference"):
            platform(stack, delivery, inference=True, **given)

    def test_fails_on_a_broken_version_rule(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        with pytest.raises(FleetError, match=r"kubernetes_version is 1.33, expected 1.34 or newer"):
            platform(stack, delivery, kubernetes_version="1.33")

    def test_a_waived_rule_passes(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        platform(stack, delivery, kubernetes_version="1.33", waived_version_rules={"kubernetes-1-34": "gate is on"})

    def test_fails_on_more_spare_nodes_than_there_are(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        with pytest.raises(FleetError, match="spare_nodes_per_ultraserver is 18, expected 0 to 17"):
            platform(stack, delivery, spare_nodes_per_ultraserver=18)

    def test_fails_at_synthesis_when_another_object_does_not_fit_the_pools(
        self, app: cdk.App, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        served = {"training": False, "inference": True, "vpc_id": "vpc-1", "served_workloads": ["inference"]}
        platform(stack, delivery, pools=[h200(count=1)], **served)
        for manifest in server_manifests(serving(max_replicas=8)):  # of four nodes
            delivery.add_manifest(stack, {**manifest})
        (scaled,) = [item for item in delivery.manifests if item["kind"] == "ScaledObject"]
        assert scaled["spec"]["maxReplicaCount"] == 8
        app.synth()  # eight replicas of one GPU fit one node
        scaled["spec"]["maxReplicaCount"] = 9
        assert "gpt-oss-120b may have 9 replicas, expected at most 8" in " ".join(
            stack.node.find_child("Platform").node.validate()
        )

    def test_fails_at_synthesis_when_a_job_names_no_queue(
        self, app: cdk.App, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        platform(stack, delivery)
        delivery.add_manifest(
            stack,
            kubernetes_object(
                "batch/v1", "Job", "stray", namespace="default", labels={"kueue.x-k8s.io/queue-name": "nowhere"},
                spec={"template": {"spec": {"containers": [], "restartPolicy": "Never"}}},
            ),
        )  # fmt: skip
        with pytest.raises(RuntimeError, match="Job stray names the queue nowhere, expected a LocalQueue of default"):
            app.synth()


def test_a_team_and_the_platform_agree(app: cdk.App, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    platform(stack, delivery, teams=[TeamShare(team_name="pretraining", guaranteed_nodes={"u-p6e-gb200x72": 16})])
    TrainingTeam(
        stack, "Team", delivery=delivery, cluster=ImportedCluster(cluster_name="prod"), team_name="pretraining"
    )
    app.synth()


def test_minimal_snapshot(stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion) -> None:
    platform(stack, delivery, pools=[nodes("small", "p5.4xlarge", 1, efa=0)], training=False)
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_maximal_snapshot(stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion) -> None:
    platform(
        stack,
        delivery,
        pools=[rack("rack-a"), rack("rack-b"), b300(), trainium(), h200()],
        inference=True,
        scaled_models=True,
        vpc_id="vpc-0aaaaaaaaaaaaaaa1",
        spare_nodes_per_ultraserver=2,
        ultraserver_network_layers=3,
        versions={"kueue": "0.18.6"},
    )
    template = Template.from_stack(stack)
    template.has_resource_properties(CHART, {"Release": "neuron", "Values": Match.any_value()})
    assert template.to_json() == snapshot_json


@pytest.mark.parametrize(("spare", "programs"), [(2, {"spare-nodes", "stale-domains"}), (0, {"stale-domains"})])
def test_spare_nodes_have_a_program_and_kueue_waits_for_it(
    stack: cdk.Stack, delivery: KubectlDelivery, spare: int, programs: set[str]
) -> None:
    made = platform(stack, delivery, spare_nodes_per_ultraserver=spare)
    ClusterCare(stack, "Care", delivery=delivery, flavors=made.flavors, image="registry.example/python:3")
    jobs = [item for item in objects(Template.from_stack(stack)) if item["kind"] == "CronJob"]
    assert {item["metadata"]["name"] for item in jobs} == programs
    assert all("registry.example/python:3" in str(item) for item in jobs)
    (kueue,) = [release for release in made.releases if release.chart.name == "kueue"]
    assert ("FailFast: false" in str(kueue.values)) is bool(spare)


def test_an_existing_chart_is_not_installed_again(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    existing = {"kueue": "0.19.2", "gpu-operator": "v26.7.0"}
    made = platform(stack, delivery, pools=[h200()], training=False, existing_charts=existing)
    assert charts(Template.from_stack(stack)) == {"aws-dranet"}
    assert {release.chart.name for release in made.releases} == {"aws-dranet", "kueue", "nvidia-device-plugin"}
    assert {item["kind"] for item in objects(Template.from_stack(stack))} >= {"ClusterQueue", "ResourceFlavor"}
    told = Annotations.from_stack(stack).find_info("*", Match.string_like_regexp("chart kueue exists in the cluster"))
    assert "the fleet counts on these values of it" in str(told[0].entry.data)


@pytest.mark.parametrize(
    ("existing", "message"),
    [
        ({"kueue": "0.17.3"}, r"kueue is 0\.17\.3, expected 0\.18\.0 or newer"),
        ({"kueue": "0.19.0"}, r"kueue is 0\.19\.0, expected 0\.19\.2 or newer"),
        ({"kueu": "0.19.2"}, r"existing chart 'kueu' is not known, expected one of .*gpu-operator"),
        ({"kueue": "new"}, r"kueue"),
    ],
)
def test_fails_on_an_existing_chart_that_lacks_what_is_needed(
    stack: cdk.Stack, delivery: KubectlDelivery, existing: dict[str, str], message: str
) -> None:
    with pytest.raises(FleetError, match=message):
        platform(stack, delivery, pools=[h200(workload="training")], existing_charts=existing)


def test_fails_on_a_version_of_an_existing_chart_to_install(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    with pytest.raises(FleetError, match=r"version of 'kueue' is 0\.19\.3 to install, and 0\.19\.2 exists"):
        platform(stack, delivery, versions={"kueue": "0.19.3"}, existing_charts={"kueue": "0.19.2"})
