"""Accelerator add-ons, and the rules between versions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.workloads import b300, h200, nodes, rack, trainium
from ultrafleet.accelerator_addons import VERSION_RULES, RuntimeFacts, VersionTable, accelerator_runtime, check_versions
from ultrafleet.catalog import InstanceType, InstanceTypeFacts
from ultrafleet.catalog.eks import KUBE_SCHEDULER_IMAGE_TAGS
from ultrafleet.catalog.source import CALLER
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes import ULTRASERVER_LABEL, UNPROVEN_TAINT, PoolNodes, Taint
from ultrafleet.kubernetes.network_devices import EfaDriver

TRN3 = InstanceType.of("trn3.48xlarge", facts=InstanceTypeFacts(accelerator_kind="neuron", accelerator_count=4))
"""A type of the caller's."""

CONTROLLERS = frozenset({"kueue", "jobset", "kubeflow-trainer", "lws", "keda"})


def facts(
    pools: Sequence[PoolNodes],
    kubernetes: tuple[int, int] = (1, 35),
    versions: dict[str, str] | None = None,
    **changed: Any,
) -> RuntimeFacts:
    table = VersionTable.of(versions)
    installed = frozenset(release.chart.name for release in accelerator_runtime(pools, table)) | CONTROLLERS
    given: dict[str, Any] = {
        "kubernetes_version": kubernetes,
        "versions": table,
        "pools": pools,
        "installed": installed,
    }
    return RuntimeFacts(**{**given, **changed})


def charts(*pools: PoolNodes) -> dict[str, Any]:
    return {release.chart.name: release.values for release in accelerator_runtime(pools, VersionTable.of())}


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ([], set()),
        ([rack()], {"nvidia-device-plugin", "dra-driver-nvidia-gpu", "aws-efa-k8s-device-plugin"}),
        ([h200()], {"nvidia-device-plugin", "aws-efa-k8s-device-plugin"}),
        ([nodes("small", "p5.4xlarge", 1, efa=0)], {"nvidia-device-plugin"}),
        ([trainium()], {"neuron-helm-chart", "aws-efa-k8s-device-plugin"}),
    ],
    ids=["none", "rack", "instances", "no EFA", "Trainium"],
)
def test_pools_get_what_they_need_and_nothing_else(pools: list[PoolNodes], expected: set[str]) -> None:
    assert set(charts(*pools)) == expected


def test_no_deployment_waits_for_every_node() -> None:
    pools = [rack(), b300(), h200(), trainium()]
    releases = accelerator_runtime(pools, VersionTable.of())
    assert len(releases) == 4
    assert not [release.release for release in releases if release.wait]


def test_the_dra_driver_hands_out_channels_and_no_gpus_on_ultraservers_alone() -> None:
    values = charts(rack(), h200())["dra-driver-nvidia-gpu"]
    assert values["resources"] == {"gpus": {"enabled": False}, "computeDomains": {"enabled": True}}
    (term,) = values["kubeletPlugin"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert not_on(term, h200().labels)
    assert on(term, {**rack().labels, ULTRASERVER_LABEL: "rack-a-cr-0aaaaaaaaaaaaaaa1"})
    assert ULTRASERVER_LABEL in rack().label_keys


def test_nvidia_daemons_stay_off_trainium_and_system_nodes() -> None:
    values = charts(rack(), trainium())["nvidia-device-plugin"]
    (term,) = values["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert not_on(term, trainium().labels)
    assert not_on(term, {"kubernetes.io/os": "linux"})
    assert on(term, rack().labels)


def on(term: dict[str, Any], labels: Any) -> bool:
    """True if a node with these labels satisfies a term."""
    return all(
        expression["key"] in labels
        and (expression["operator"] == "Exists" or labels[expression["key"]] in expression["values"])
        for expression in term["matchExpressions"]
    )


def not_on(term: dict[str, Any], labels: Any) -> bool:
    return not on(term, labels)


def test_neurons_scheduler_is_that_of_the_clusters_version() -> None:
    def values(kubernetes: tuple[int, int] | None) -> Any:
        (found,) = [
            release.values
            for release in accelerator_runtime([trainium()], VersionTable.of(), kubernetes_version=kubernetes)
            if release.chart.name == "neuron-helm-chart"
        ]
        return found

    assert values((1, 35))["scheduler"] == {
        "enabled": True,
        "customScheduler": {"image": {"tag": "v1.35.2-eks-1-35-8"}},
    }
    assert values((1, 99))["scheduler"] == values(None)["scheduler"] == {"enabled": True}
    assert values(None)["neuronInstances"] == ["trn2u.48xlarge"]
    for version, tag in KUBE_SCHEDULER_IMAGE_TAGS.items():
        assert tag.startswith(f"v{version[0]}.{version[1]}.")
        assert f"-eks-{version[0]}-{version[1]}-" in tag


@pytest.mark.parametrize(
    ("driver", "chart"),
    [(EfaDriver.DRA, "aws-dranet"), (EfaDriver.DEVICE_PLUGIN, "aws-efa-k8s-device-plugin")],
    ids=["claims", "plugin"],
)
def test_a_driver_of_efa_runs_on_the_types_that_have_efa_past_their_taints(driver: EfaDriver, chart: str) -> None:
    unproven = b300(startup_taints=(UNPROVEN_TAINT,))
    members = [replace(it, efa_driver=driver) for it in (rack(), unproven, nodes("small", "p5.4xlarge", 1, efa=0))]
    found = charts(*members)
    assert {"aws-dranet", "aws-efa-k8s-device-plugin"} & found.keys() == {chart}
    values = found[chart]
    assert values["supportedInstanceLabels"]["values"] == ["p6-b300.48xlarge", "p6e-gb200.36xlarge"]
    assert {item["key"] for item in values["tolerations"]} == {"nvidia.com/gpu", UNPROVEN_TAINT.key}


def test_the_device_plugin_leaves_claimed_efa_devices_alone() -> None:
    claimed = facts([h200(efa_driver=EfaDriver.DRA)], versions={"nvidia-device-plugin": "0.19.2"})
    with pytest.raises(FleetError, match=r"nvidia-device-plugin is 0\.19\.2, expected none of 0\.19\.0 to 0\.19\.2"):
        check_versions(claimed)


def test_trainium3_has_efa_by_claims_alone() -> None:
    of_trn3 = replace(nodes("trn3", "trn2u.48xlarge", 1, efa=1), instance_type=TRN3)
    check_versions(facts([replace(of_trn3, efa_driver=EfaDriver.DRA)]))
    with pytest.raises(FleetError, match=r"choose EFA's DRA driver \(kubernetes.efa: dra\), or another type"):
        check_versions(facts([of_trn3]))


def test_taints_of_a_caller_are_tolerated_by_every_daemon() -> None:
    own = rack(taints=(Taint(key="nvidia.com/gpu", value="true"), Taint(key="team", value="a", effect="NO_EXECUTE")))
    wanted = {"key": "team", "operator": "Equal", "value": "a", "effect": "NoExecute"}
    values = charts(own, h200())
    assert wanted in values["nvidia-device-plugin"]["tolerations"]
    assert wanted in values["nvidia-device-plugin"]["nfd"]["worker"]["tolerations"]
    assert wanted in values["dra-driver-nvidia-gpu"]["kubeletPlugin"]["tolerations"]
    assert wanted in values["aws-efa-k8s-device-plugin"]["tolerations"]


BROKEN: dict[str, tuple[list[PoolNodes], tuple[int, int], dict[str, str], str]] = {
    "kubernetes-1-33": ([rack()], (1, 32), {}, r"kubernetes_version is 1.32, expected 1.33 or newer: raise it"),
    "kubernetes-1-34": ([rack()], (1, 33), {}, r"kubernetes_version is 1.33, expected 1.34 or newer: raise it"),
    "nvidia-driver-580": ([rack()], (1, 35), {"nvidia-driver": "595.1.0"}, "nvidia-driver is 595.1.0, expected 580"),
    "nvidia-device-plugin-0-19": (
        [h200()],
        (1, 35),
        {"nvidia-device-plugin": "0.19.2"},
        "nvidia-device-plugin is 0.19.2, expected none of 0.19.0 to 0.19.2: use 0.19.3",
    ),
    "dra-driver-nvidia-gpu-minimum": (
        [rack()],
        (1, 35),
        {"dra-driver-nvidia-gpu": "25.12.0"},
        "dra-driver-nvidia-gpu is 25.12.0, expected 0.4.0 or newer: versions by year.* are older: use 0.4.1",
    ),
    "dra-driver-nvidia-gpu-stale-claims": (
        [rack()],
        (1, 35),
        {"dra-driver-nvidia-gpu": "0.4.0"},
        "dra-driver-nvidia-gpu is 0.4.0, expected 0.4.1 or newer: use 0.4.1",
    ),
    "lws-minimum": ([h200()], (1, 35), {"lws": "0.7.0"}, "lws is 0.7.0, expected 0.8.0 or newer: raise it"),
    "kueue-leader-worker-sets": (
        [h200()],
        (1, 35),
        {"kueue": "0.19.1"},
        "kueue is 0.19.1, expected 0.19.2 or newer, or 0.18 from 0.18.6 on: use 0.19.2",
    ),
    "kueue-node-replacement": (
        [h200()],
        (1, 35),
        {"kueue": "0.18.5"},
        "kueue is 0.18.5, expected 0.19.2 or newer, or 0.18 from 0.18.6 on: use 0.19.2",
    ),
    "aws-efa-k8s-device-plugin-minimum": (
        [rack()],
        (1, 35),
        {"aws-efa-k8s-device-plugin": "v0.5.13"},
        "aws-efa-k8s-device-plugin is v0.5.13, expected 0.5.14 or newer",
    ),
    "neuron-helm-chart-minimum": (
        [trainium()],
        (1, 35),
        {"neuron-helm-chart": "1.0.0"},
        "neuron-helm-chart is 1.0.0, expected 1.1.1 or newer",
    ),
    "keda-minimum": ([h200()], (1, 35), {"keda": "2.19.0"}, "keda is 2.19.0, expected 2.20.0 or newer"),
    "kueue-minimum": ([h200()], (1, 35), {"kueue": "0.17.5"}, "kueue is 0.17.5, expected 0.18.0 or newer"),
    "efa-plugin-types": (
        [replace(trainium("next"), instance_type=TRN3)],
        (1, 35),
        {},
        "pool next is trn3.48xlarge, expected a type that the EFA device plugin knows",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_fails_on_a_broken_rule(rule: str) -> None:
    pools, kubernetes, versions, message = BROKEN[rule]
    others = {other: "not this test's" for other in BROKEN if other != rule}
    with pytest.raises(FleetError, match=rf"{message}.*otherwise: .*\(rule {rule}; ") as caught:
        check_versions(facts(pools, kubernetes, versions), others)
    assert caught.value.remedy == next(item.remedy for item in VERSION_RULES if item.id == rule)


def test_every_rule_is_broken_above() -> None:
    assert {rule.id for rule in VERSION_RULES} == set(BROKEN)


@pytest.mark.parametrize("rule", BROKEN)
def test_a_rule_is_waived_with_a_reason(rule: str) -> None:
    pools, kubernetes, versions, _ = BROKEN[rule]
    waived = {rule: "tried it on our rack"}
    if rule == "kubernetes-1-33":
        waived["kubernetes-1-34"] = "the same"
    if rule in (both := {"kueue-leader-worker-sets", "kueue-node-replacement"}):
        waived |= dict.fromkeys(both, "the same")
    check_versions(facts(pools, kubernetes, versions), waived)


@pytest.mark.parametrize(
    ("versions", "pools"),
    [
        ({"nvidia-driver": "580.95.5"}, [rack()]),
        ({"nvidia-driver": "595.1.0"}, [h200()]),
        ({"nvidia-device-plugin": "0.18.2"}, [rack()]),
        ({"nvidia-device-plugin": "v0.19.3"}, [rack()]),
        ({"nvidia-device-plugin": "0.19.1"}, [nodes("small", "p5.4xlarge", 1, efa=0)]),
        ({"dra-driver-nvidia-gpu": "0.4.1"}, [rack()]),
        ({"dra-driver-nvidia-gpu": "v0.5.1"}, [rack()]),
        ({"dra-driver-nvidia-gpu": "25.12.0"}, [h200()]),
        ({"dra-driver-nvidia-gpu": "0.4.0"}, [h200()]),
        ({"kueue": "0.18.6"}, [h200()]),
        ({"kueue": "0.19.2"}, [h200()]),
        ({"kueue": "0.20.0"}, [h200()]),
        ({"aws-efa-k8s-device-plugin": "0.5.14"}, [rack()]),
    ],
)
def test_versions_that_fit(versions: dict[str, str], pools: list[PoolNodes]) -> None:
    check_versions(facts(pools, versions=versions))


@pytest.mark.parametrize("version", ["0.3.9", "24.1.0", "25.3.2", "25.8.0", "v25.8.1", "25.12.0"])
def test_fails_on_every_dra_driver_before_the_pinned_ones(version: str) -> None:
    with pytest.raises(FleetError, match=rf"is {version}, expected 0.4.0 or newer.*rule dra-driver-nvidia-gpu-minimum"):
        check_versions(facts([rack()], versions={"dra-driver-nvidia-gpu": version}))


@pytest.mark.parametrize("version", ["0.18.0", "0.18.5", "0.19.0", "0.19.1"])
@pytest.mark.parametrize("rule", ["kueue-leader-worker-sets", "kueue-node-replacement"])
def test_fails_on_every_kueue_without_its_corrections(version: str, rule: str) -> None:
    others = {"kueue-leader-worker-sets", "kueue-node-replacement"} - {rule}
    with pytest.raises(FleetError, match=rf"kueue is {version}, .*rule {rule}"):
        check_versions(facts([h200()], versions={"kueue": version}), dict.fromkeys(others, "not this test's"))


def test_groups_of_pods_matter_where_leader_worker_sets_are_installed() -> None:
    installed = frozenset({"kueue", "jobset"})
    waived = {"kueue-node-replacement": "not this test's"}
    check_versions(facts([h200()], versions={"kueue": "0.19.1"}, installed=installed), waived)


def test_the_library_own_table_keeps_its_rules() -> None:
    check_versions(facts([rack(), b300(), h200(), trainium()], (1, 34)))


@pytest.mark.parametrize("waived", [{"no-such-rule": "because"}, {"keda-minimum": "  "}])
def test_fails_on_a_waiver_without_rule_or_reason(waived: dict[str, str]) -> None:
    with pytest.raises(FleetError, match=r"waived version rule .*expected one of .*keda-minimum.*with a reason"):
        check_versions(facts([h200()]), waived)


def test_fails_on_a_version_of_something_else() -> None:
    with pytest.raises(FleetError, match=r"version of 'kueu' is '0.19.0', expected a name that the table has \(aws-"):
        VersionTable.of({"kueu": "0.19.0"})


@pytest.mark.parametrize("version", ["latest", "0.19", "", "0.19.x"])
def test_fails_on_a_malformed_version(version: str) -> None:
    with pytest.raises(FleetError, match=r"version of kueue is .*expected MAJOR.MINOR.PATCH"):
        VersionTable.of({"kueue": version})


def test_a_version_of_the_caller_is_installed() -> None:
    (plugin, _) = accelerator_runtime([h200()], VersionTable.of({"nvidia-device-plugin": "0.18.2"}))
    assert plugin.chart.version == "0.18.2"
    assert plugin.chart.source == CALLER


def test_the_page_names_every_version_and_rule() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "constructs" / "cluster-addons.md").read_text()
    for chart in VersionTable.of().charts.values():
        assert f"| {chart.name} | {chart.version} | {chart.source} |" in page
    for rule in VERSION_RULES:
        assert f"| `{rule.id}` | {rule.protects_from} | {rule.source} |" in page
