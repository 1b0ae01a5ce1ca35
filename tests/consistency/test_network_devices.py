"""Consistency of network devices, where they are claimed and where a plugin counts them: each fault and its twin."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helpers.agreeing_fleet import container, pod
from helpers.workloads import b300, job, nodes, rack
from ultrafleet.accelerator_addons import VersionTable, accelerator_runtime
from ultrafleet.catalog import Fabric, InstanceType, UltraServerType
from ultrafleet.consistency import inconsistencies
from ultrafleet.jobs import jobset, train_job
from ultrafleet.jobs.acceptance_jobs import acceptance_job, shared_acceptance_manifests
from ultrafleet.kubernetes import PoolNodes
from ultrafleet.kubernetes.manifest import kubernetes_object
from ultrafleet.kubernetes.network_devices import EFA_CLASS, ROCE_CLASS, EfaDriver, NetworkDevices
from ultrafleet.layout import fabric_layout
from ultrafleet.queueing import TeamShare, fleet_flavors, queue_manifests
from ultrafleet.queueing.kueue import kueue_release
from ultrafleet.training.team_manifests import team_manifests

Objects = dict[str, dict[str, Any]]
Change = Callable[[Objects], object]
JOB = "JobSet job"


def roce(name: str = "roce", **changed: Any) -> PoolNodes:
    kind = InstanceType.of("p6e-gb300r.36xlarge")
    made = PoolNodes.of(
        pool_name=name,
        workload="training",
        instance_type=kind,
        nodes=18,
        interfaces=fabric_layout(kind, fabric=Fabric.ROCE),
        labels={},
        ultraserver_type=UltraServerType.of("u-p6e-gb300x72"),
    )
    return replace(made, **changed)


def claimed(pool: PoolNodes) -> PoolNodes:
    return replace(pool, efa_driver=EfaDriver.DRA)


POOLS = {
    "EFA by claims on instances": claimed(b300()),
    "EFA by claims in a rack": claimed(rack()),
    "EFA by the plugin": b300(),
    "RoCE": roce(),
}
CLAIMS, RACK, PLUGIN, ROCE = POOLS


def fleet(pool: PoolNodes) -> Objects:
    """Queues, a team and a job on two nodes of a pool."""
    flavors = fleet_flavors([pool])
    objects = [
        *queue_manifests(flavors, [TeamShare(team_name="pretraining")]),
        *team_manifests("pretraining", "training", flavors=flavors),
        *jobset(job("job", flavor=flavors[0], racks=None, some=2, nvlink=pool.has_multi_node_nvlink)),
    ]
    return {f"{item['kind']} {item['metadata']['name']}": dict(item) for item in objects}


def found(pool: PoolNodes, change: Change = lambda _: None) -> list[str]:
    objects = fleet(pool)
    change(objects)
    releases = accelerator_runtime([pool], VersionTable.of())
    return inconsistencies(pools=[pool], manifests=list(objects.values()), releases=releases)


def without_claim(objects: Objects) -> None:
    spec = pod(objects[JOB])["spec"]
    spec["resourceClaims"] = [claim for claim in spec["resourceClaims"] if claim["name"] != "network"]
    resources = container(objects[JOB])["resources"]
    resources["claims"] = [claim for claim in resources["claims"] if claim["name"] != "network"]


def counted(number: int) -> Change:
    return lambda objects: container(objects[JOB])["resources"]["limits"].update({"vpc.amazonaws.com/efa": str(number)})


def both(*changes: Change) -> Change:
    return lambda objects: [change(objects) for change in changes]


def request(**fields: Any) -> Change:
    """Change of what the job's claim template asks for."""

    def change(objects: Objects) -> None:
        (name,) = [key for key in objects if key.startswith("ResourceClaimTemplate")]
        (only,) = objects[name]["spec"]["spec"]["devices"]["requests"]
        only["exactly"] = {key: value for key, value in {**only["exactly"], **fields}.items() if value is not None}

    return change


def by_a_claim_of_its_own(objects: Objects) -> None:
    """The claim of one pod, by name."""
    spec = NetworkDevices(count=16, device_class=EFA_CLASS).template("pretraining")["spec"]["spec"]
    objects["ResourceClaim own"] = kubernetes_object(
        "resource.k8s.io/v1", "ResourceClaim", "own", namespace="pretraining", spec=spec
    )
    pod(objects[JOB])["spec"]["resourceClaims"] = [{"name": "network", "resourceClaimName": "own"}]


def provider(value: str) -> Change:
    return lambda objects: container(objects[JOB])["env"].append({"name": "FI_PROVIDER", "value": value})


FAULTS: dict[str, tuple[str, Change, str]] = {
    "the plugin's resource where devices are claimed": (
        CLAIMS, both(without_claim, counted(16)),
        "asks for 16 vpc.amazonaws.com/efa, expected a claim of efa.networking.k8s.aws: a node of pool b300 gives 16",
    ),
    "the plugin's resource beside the claim": (CLAIMS, counted(16), "expected one of them: on one node two drivers"),
    "a claim of RoCE on nodes with EFA": (
        CLAIMS, request(deviceClassName=ROCE_CLASS), "claims roce.networking.k8s.aws, expected a claim of efa.",
    ),
    "a claim of EFA on nodes with RoCE": (
        ROCE, request(deviceClassName=EFA_CLASS), "claims efa.networking.k8s.aws, expected a claim of roce.",
    ),
    "the plugin's resource on nodes with RoCE": (ROCE, counted(1), "expected one of them: on one node two drivers"),
    "a claim where the plugin counts": (
        PLUGIN, lambda o: (
            o.update({"ResourceClaimTemplate efa-16": dict(CLAIM.template("pretraining"))}),
            container(o[JOB])["resources"]["limits"].pop("vpc.amazonaws.com/efa"),
            CLAIM.add_to(pod(o[JOB])["spec"], container(o[JOB])),
        ), "claims efa.networking.k8s.aws, expected the resource vpc.amazonaws.com/efa",
    ),
    "a claim of more devices than a node has": (
        RACK, request(count=16), "claims 16 efa.networking.k8s.aws, expected at most 4: a node of pool rack-a gives 4",
    ),
    "a claim of more RoCE devices than a node has": (ROCE, request(count=9), "expected at most 8"),
    "a claim of all devices through a queue": (
        CLAIMS, request(count=None, allocationMode="All"), "expected a count: Kueue refuses it",
    ),
    "no claim at all": (
        CLAIMS, without_claim,
        "has 2 pods that work together and ask for no efa.networking.k8s.aws, expected the 16 of a node of pool b300",
    ),
    "no claim between racks of RoCE": (
        ROCE, both(without_claim, lambda o: pod(o[JOB])["metadata"].pop("annotations")),
        "ask for no roce.networking.k8s.aws, expected the 8 of a node of pool roce",
    ),
    "libfabric's EFA on nodes with RoCE": (ROCE, provider("efa"), "FI_PROVIDER of .* is efa, expected none"),
    "a claim without its template": (
        CLAIMS, lambda o: o.pop("ResourceClaimTemplate efa-16"),
        "JobSet-pretraining-job claims by efa-16, expected .* or a ResourceClaimTemplate of that name there",
    ),
}  # fmt: skip

CLAIM = NetworkDevices(count=16, device_class=EFA_CLASS)
TWINS: dict[str, tuple[str, Change]] = {
    "as the library makes it": (CLAIMS, lambda _: None),
    "in a rack": (RACK, lambda _: None),
    "by the plugin": (PLUGIN, lambda _: None),
    "over RoCE": (ROCE, lambda _: None),
    "fewer devices than a node has": (CLAIMS, request(count=8)),
    "a count that is the default": (CLAIMS, request(count=None)),
    "the mode that is the default": (CLAIMS, request(allocationMode="ExactCount")),
    "devices that no container names": (CLAIMS, lambda o: container(o[JOB])["resources"].pop("claims")),
    "no claim in a rack that NVLink joins": (ROCE, without_claim),
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
def test_what_the_library_makes_agrees(pool: PoolNodes) -> None:
    """Jobs of both kinds and the tests of a block, through the queues of the pool."""
    flavors = fleet_flavors([pool])
    tests = acceptance_job(pool, image="registry.example/tests:1", floors={"nvlink": 1.0, "efa": 1.0})
    made = [
        *queue_manifests(flavors, [TeamShare(team_name="pretraining")]),
        *team_manifests("pretraining", "training", flavors=flavors),
        *jobset(job("one", flavor=flavors[0], racks=None, some=1)),
        *train_job(job("two", flavor=flavors[0], racks=None, some=2)),
        *shared_acceptance_manifests([pool]),
        *tests,
    ]
    releases = accelerator_runtime([pool], VersionTable.of())
    assert inconsistencies(pools=[pool], manifests=made, releases=releases) == []


@pytest.mark.parametrize(("name", "fault", "message"), FAULTS.values(), ids=FAULTS)
def test_fails_on(name: str, fault: Change, message: str) -> None:
    findings = found(POOLS[name], fault)
    assert [text for text in findings if re.search(message, text)], findings


@pytest.mark.parametrize(("name", "twin"), TWINS.values(), ids=TWINS)
def test_its_correct_twin_is_silent(name: str, twin: Change) -> None:
    assert found(POOLS[name], twin) == []


def twice(objects: Objects) -> None:
    """Two claims of a pod by one template."""
    claims = pod(objects[JOB])["spec"]["resourceClaims"]
    claims.append({**claims[0], "name": "more"})


def alternatives(*counts: int) -> Change:
    def change(objects: Objects) -> None:
        (only,) = objects["ResourceClaimTemplate efa-16"]["spec"]["spec"]["devices"]["requests"]
        only.pop("exactly")
        only["firstAvailable"] = [{"name": f"a{it}", "deviceClassName": EFA_CLASS, "count": it} for it in counts]

    return change


def test_claims_of_a_pod_are_added_up() -> None:
    (message,) = found(POOLS[CLAIMS], twice)
    assert message.startswith("a pod of JobSet-pretraining-job claims 32 efa.networking.k8s.aws, expected at most 16")
    assert found(POOLS[CLAIMS], both(twice, request(count=8))) == []


def past_the_queue(objects: Objects) -> None:
    objects[JOB]["metadata"]["labels"].pop("kueue.x-k8s.io/queue-name")


def test_of_alternatives_one_has_to_fit_and_a_queue_takes_none() -> None:
    assert found(POOLS[CLAIMS], both(alternatives(32, 16), past_the_queue)) == []
    assert any("claims 20 efa" in text for text in found(POOLS[CLAIMS], both(alternatives(32, 20), past_the_queue)))
    (message,) = found(POOLS[CLAIMS], alternatives(16, 8))
    assert "its claim network has alternatives (firstAvailable), expected one exact request" in message


def alone(objects: Objects) -> None:
    objects[JOB]["spec"]["replicatedJobs"][0]["template"]["spec"].update({"parallelism": 1, "completions": 1})


def test_a_claim_by_name_is_there_and_of_one_node() -> None:
    assert found(POOLS[CLAIMS], both(by_a_claim_of_its_own, alone)) == []
    missing = found(POOLS[CLAIMS], both(by_a_claim_of_its_own, alone, lambda o: o.pop("ResourceClaim own")))
    assert missing == ["JobSet-pretraining-job has the claim own, expected a ResourceClaim of pretraining"]
    (message,) = found(POOLS[CLAIMS], by_a_claim_of_its_own)
    assert message.startswith(
        "2 pods of JobSet-pretraining-job share the claim own, expected a resourceClaimTemplateName"
    )


@pytest.mark.parametrize(("device_class", "silent"), [("gpu.nvidia.com", False), (EFA_CLASS, True)])
def test_a_queue_refuses_claims_that_it_does_not_count(device_class: str, silent: bool) -> None:
    """As seen on Kueue 0.19.2: the class is not mapped in its configuration."""
    pool = POOLS[CLAIMS]
    objects = fleet(pool)
    request(deviceClassName=device_class)(objects)
    kueue = kueue_release(VersionTable.of(), counts_channels=False, network_classes=[EFA_CLASS])
    releases = [*accelerator_runtime([pool], VersionTable.of()), kueue]
    messages = inconsistencies(pools=[pool], manifests=list(objects.values()), releases=releases)
    assert any(f"claims {device_class}, expected one of {EFA_CLASS}" in text for text in messages) is not silent


def test_accelerators_are_asked_of_their_plugins() -> None:
    messages = found(POOLS[CLAIMS], request(deviceClassName="gpu.nvidia.com"))
    assert any("claims gpu.nvidia.com, expected the resource nvidia.com/gpu" in text for text in messages)


def test_nodes_are_told_apart_by_their_type() -> None:
    """A pod that selects by type alone, as in AWS's samples, is looked at on the nodes of that type."""
    members = [rack(), b300()]
    flavors = fleet_flavors(members)
    made = [dict(item) for item in jobset(job("job", flavor=flavors[0], racks=None, some=2))]
    selector = {"node.kubernetes.io/instance-type": "p6-b300.48xlarge"}
    pod(made[-1])["spec"]["nodeSelector"] = selector
    around = [
        *queue_manifests(flavors, [TeamShare(team_name="pretraining")]),
        *team_manifests("pretraining", "training"),
    ]
    assert inconsistencies(pools=members, manifests=[*around, *made]) == []
    selector["node.kubernetes.io/instance-type"] = "p6e-gb200.36xlarge"
    messages = inconsistencies(pools=members, manifests=[*around, *made])
    assert any("asks for 8 accelerators, expected 1 to 4 nvidia.com/gpu: rack-a" in text for text in messages)


def test_queues_count_what_pods_claim() -> None:
    objects = fleet(POOLS[CLAIMS])
    (group,) = objects["ClusterQueue training"]["spec"]["resourceGroups"]
    (entry,) = group["flavors"]
    quota = {item["name"]: item["nominalQuota"] for item in entry["resources"]}
    assert quota == {"networking.k8s.aws/efa": "32", "nvidia.com/gpu": "16"}
    entry["resources"][0].update({"name": "vpc.amazonaws.com/efa"})
    findings = inconsistencies(pools=[POOLS[CLAIMS]], manifests=list(objects.values()))
    assert any(
        "has 0 networking.k8s.aws/efa of flavor training-p6-b300-48xlarge, expected 32" in text for text in findings
    )


def test_a_pod_on_roce_goes_past_efa() -> None:
    spec = pod(fleet(POOLS[ROCE])[JOB])["spec"]
    environment = {item["name"]: item.get("value") for item in spec["containers"][0]["env"]}
    wanted = {"NCCL_NET_PLUGIN": "none", "NCCL_IB_HCA": "rocep", "NCCL_SOCKET_IFNAME": "eth0", "NCCL_MNNVL_ENABLE": "1"}
    assert wanted.items() <= environment.items()
    assert "FI_PROVIDER" not in environment
    assert "hugepages-2Mi" not in spec["containers"][0]["resources"]["limits"]
    assert spec["resourceClaims"][-1] == {"name": "network", "resourceClaimTemplateName": "roce-8"}
    releases = accelerator_runtime([POOLS[ROCE]], VersionTable.of())
    assert not {"aws-dranet", "aws-efa-k8s-device-plugin"} & {release.chart.name for release in releases}


def test_gb300r_on_efa_has_one_device() -> None:
    kind = InstanceType.of("p6e-gb300r.36xlarge")
    interfaces = fabric_layout(kind, fabric=Fabric.EFA)
    pool = PoolNodes.of(
        pool_name="efa", workload="training", instance_type=kind, nodes=2, interfaces=interfaces, labels={}
    )
    assert pool.network == NetworkDevices(count=1)
    assert claimed(pool).network == NetworkDevices(count=1, device_class=EFA_CLASS)
    assert nodes("none", "p5.4xlarge", 1, efa=0).network is None
