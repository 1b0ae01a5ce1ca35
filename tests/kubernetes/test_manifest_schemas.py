"""Every object and every chart value that is delivered, held against what is published of it."""

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from helpers.manifests import (
    CHART_VALUES,
    UNCHECKED_KINDS,
    SchemaError,
    as_delivered,
    check_object,
    check_values,
    delivered_objects,
    delivered_releases,
    has_published_values,
    needs_chart_values,
    needs_crds,
)
from helpers.workloads import b300, flavor_of, gateway, h200, job, nodes, over_racks, rack, serving, trainium
from ultrafleet.accelerator_addons import VersionTable, accelerator_runtime
from ultrafleet.catalog.eks import DEFAULT_KUBERNETES_VERSION, KUBERNETES_VERSIONS, P6E_MINIMUM_VERSION
from ultrafleet.cluster_addons.controllers import inference_controllers, keda_endpoint_rights, training_controllers
from ultrafleet.inference import VLLM, ServingRecipe
from ultrafleet.inference.engine_network import engine_network_policy
from ultrafleet.inference.gateway_manifests import gateway_manifests
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.inference.serving_manifests import serving_manifests
from ultrafleet.jobs import jobset, train_job
from ultrafleet.jobs.acceptance_jobs import acceptance_job, shared_acceptance_manifests
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.network_devices import (
    EFA_CLASS,
    ROCE_CLASS,
    EfaDriver,
    NetworkDevices,
    network_claim_templates,
)
from ultrafleet.queueing import fleet_flavors, queue_manifests
from ultrafleet.queueing.kueue import kueue_configuration, kueue_release
from ultrafleet.queueing.team_admission import team_admission_manifests
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.training.team_manifests import lustre_volume, team_manifests

VERSIONS = tuple(version.name for version in KUBERNETES_VERSIONS if version.parsed >= P6E_MINIMUM_VERSION)
"""Every version that a fleet's cluster can have: kubernetes-validate has the schemas of them all."""


CLAIMED = nodes("claimed", "p5.48xlarge", 2, efa=32, efa_driver=EfaDriver.DRA)
"""A pool whose EFA devices are claimed."""


def every_object() -> list[Mapping[str, Any]]:
    """Objects of every kind that the library can create, beside those of the shipped environments."""
    flavors = fleet_flavors([rack(), b300(), h200(), trainium()], spare_nodes_per_ultraserver=2)
    two_nodes = ServingRecipe(engine=VLLM, gpus=4, nodes=2)
    return [
        *queue_manifests(flavors),
        *team_admission_manifests(),
        *team_manifests("pretraining", "training"),
        *lustre_volume(
            "pretraining", file_system_id="fs-1", dns_name="fs-1.example", mount_name="a", capacity_gib=4800
        ),
        *jobset(job(racks=2, lustre_path="/lustre")),
        *train_job(job("trained")),
        *jobset(job("claims", flavor=flavor_of([CLAIMED]), racks=None, some=2)),
        *network_claim_templates([CLAIMED.network, NetworkDevices(count=8, device_class=ROCE_CLASS)], "pretraining"),
        *jobset(job("small", flavor=flavor_of([b300()]), racks=None, some=2)),
        *server_manifests(serving(max_replicas=4)),
        *server_manifests(serving("rack-served", pool=rack(workload="inference"))),
        *server_manifests(serving("wide", pool=rack(workload="inference"), recipe=two_nodes)),
        *serving_manifests(over_racks(12, 4)),
        engine_network_policy(serving(max_replicas=4)),
        *gateway_manifests(gateway(certificate_arn="arn:aws:acm:us-east-1:1:certificate/1", plain_http=False)),
        *keda_endpoint_rights(),
        *shared_acceptance_manifests(),
        *acceptance_job(rack(), image="registry.example/nccl-tests:1"),
    ]


def every_release() -> list[ChartRelease]:
    table = VersionTable.of()
    return [
        *accelerator_runtime([rack(), b300(), h200(), trainium(), CLAIMED], table),
        kueue_release(table, counts_channels=True, network_classes=[EFA_CLASS, ROCE_CLASS]),
        *training_controllers(table),
        *inference_controllers(table, cluster_name="c", region="us-east-1", vpc={"vpcId": "vpc-1"}, scaled=True),
    ]


@needs_crds
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_what_its_schema_says(version: str) -> None:
    for manifest in every_object():
        if manifest["kind"] != "ResourceClaimTemplate" or parse_kubernetes_version(version) >= (1, 34):
            check_object(manifest, version)


@needs_crds
@pytest.mark.parametrize("name", ["dev", "training", "inference"])
def test_what_shipped_environments_deliver_is_what_the_schemas_say(name: str) -> None:
    assert len(delivered_objects(name)) >= 4
    for manifest in delivered_objects(name):
        check_object(manifest, DEFAULT_KUBERNETES_VERSION)


def _kinds() -> list[str]:
    return sorted({manifest["kind"] for manifest in every_object()} - set(UNCHECKED_KINDS))


def _one(kind: str) -> dict[str, Any]:
    return copy.deepcopy(dict(next(item for item in every_object() if item["kind"] == kind)))


def _contents(manifest: dict[str, Any]) -> dict[str, Any]:
    """Parts of an object that hold its requests."""
    spec = manifest.get("spec")
    return spec if isinstance(spec, dict) else manifest


@needs_crds
@pytest.mark.parametrize("kind", _kinds())
def test_fails_with_a_planted_field(kind: str) -> None:
    manifest = _one(kind)
    check_object(manifest, DEFAULT_KUBERNETES_VERSION)
    _contents(manifest)["planted"] = "field"
    with pytest.raises(SchemaError):
        check_object(manifest, DEFAULT_KUBERNETES_VERSION)


@needs_crds
@pytest.mark.parametrize("kind", ["Deployment", "JobSet", "LeaderWorkerSet", "TrainingRuntime"])
def test_fails_with_a_field_planted_in_a_pod(kind: str) -> None:
    manifest = _one(kind)

    def plant(value: Any) -> bool:
        if isinstance(value, dict):
            if "containers" in value:
                value["containers"][0]["planted"] = "field"
                return True
            return any(plant(inner) for inner in value.values())
        return isinstance(value, list) and any(plant(inner) for inner in value)

    assert plant(manifest)
    with pytest.raises(SchemaError, match="planted"):
        check_object(manifest, DEFAULT_KUBERNETES_VERSION)


@needs_crds
def test_fails_with_a_value_of_the_wrong_type() -> None:
    manifest = _one("ClusterQueue")
    manifest["spec"]["resourceGroups"][0]["flavors"][0]["resources"][0]["nominalQuota"] = ["a list"]
    with pytest.raises(SchemaError):
        check_object(manifest, DEFAULT_KUBERNETES_VERSION)


def test_fails_for_a_kind_that_nobody_publishes() -> None:
    with pytest.raises(SchemaError, match="no schema"):
        check_object(
            {"apiVersion": "example.com/v1", "kind": "Planted", "metadata": {"name": "x"}}, DEFAULT_KUBERNETES_VERSION
        )


def test_unchecked_kinds_are_few_and_say_where_their_fields_come_from() -> None:
    unchecked = {item["kind"] for item in every_object()} & set(UNCHECKED_KINDS)
    assert unchecked == {"ScaledObject"}
    assert all(":" in source for source in UNCHECKED_KINDS.values())


@needs_chart_values
def test_every_chart_value_is_a_key_of_its_chart() -> None:
    checked = set()
    for release in every_release():
        if has_published_values(release.chart.name):
            assert release.unchecked_values_source is None
            check_values(as_delivered(release))
            checked.add(release.chart.name)
    assert checked == {path.stem for path in CHART_VALUES.glob("*.yaml")}


@needs_chart_values
@pytest.mark.parametrize("name", ["dev", "training", "inference"])
def test_values_of_shipped_environments_are_keys_of_their_charts(name: str) -> None:
    for release in delivered_releases(name):
        if has_published_values(release["chart"]):
            check_values(release)


@needs_chart_values
@pytest.mark.parametrize("release", every_release(), ids=lambda item: item.chart.name)
def test_charts_without_published_values_say_where_their_keys_come_from(release: ChartRelease) -> None:
    if not has_published_values(release.chart.name):
        assert release.unchecked_values_source


@needs_chart_values
@pytest.mark.parametrize("chart", sorted(path.stem for path in CHART_VALUES.glob("*.yaml")))
def test_fails_with_a_planted_value(chart: str) -> None:
    with pytest.raises(SchemaError, match="planted"):
        check_values({"chart": chart, "values": {"planted": 1}})


@needs_chart_values
def test_fails_with_a_value_planted_below() -> None:
    with pytest.raises(SchemaError, match="planted"):
        check_values({"chart": "dra-driver-nvidia-gpu", "values": {"resources": {"gpus": {"planted": True}}}})
    with pytest.raises(SchemaError, match="has keys"):
        check_values({"chart": "dra-driver-nvidia-gpu", "values": {"resources": False}})


@needs_chart_values
@pytest.mark.parametrize("counts_channels", [True, False])
def test_kueue_s_configuration_has_the_words_of_the_chart_s_own(counts_channels: bool) -> None:
    text = yaml.safe_load((CHART_VALUES / "kueue.yaml").read_text())["managerConfig"]["controllerManagerConfigYaml"]
    published = yaml.safe_load(text)
    ours = yaml.safe_load(kueue_configuration(counts_channels=counts_channels))
    examples = {
        key: example
        for name in ("waitForPodsReady", "managedJobsNamespaceSelector", "fairSharing")
        for key, example in _commented(text, name).items()
    }
    assert set(ours) - set(published) - set(examples) == {"resources"}  # Kueue's configuration reference, v1beta2
    assert set(ours["waitForPodsReady"]) <= set(examples["waitForPodsReady"])
    strategy = examples["waitForPodsReady"]["requeuingStrategy"]
    assert set(ours["waitForPodsReady"]["requeuingStrategy"]) <= set(strategy)
    assert set(ours["managedJobsNamespaceSelector"]) <= set(examples["managedJobsNamespaceSelector"])
    assert set(ours["resources"]) <= {"excludeResourcePrefixes", "deviceClassMappings"}
    assert set(ours["integrations"]["frameworks"]) <= set(published["integrations"]["frameworks"])
    for key in ("health", "metrics", "webhook", "leaderElection"):
        assert ours[key] == published[key]


def _commented(text: str, name: str) -> dict[str, Any]:
    """An example that a chart's values have as a comment, by its first line."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line == f"#{name}:")
    block = itertools.takewhile(lambda line: line.startswith("#  "), lines[start + 1 :])
    return dict(yaml.safe_load("\n".join(line[1:] for line in [lines[start], *block])))
