"""Each consistency rule both ways: a planted fault that it finds, and a correct twin that is nearly the same."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from helpers.agreeing_fleet import Fleet, agreeing_fleet, container, grace_model, pod, served_model
from ultrafleet.consistency import CONSISTENCY_RULES, inconsistencies
from ultrafleet.consistency.content import Content
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, POOL_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import kubernetes_object
from ultrafleet.kubernetes.network_devices import EFA_CLASS, EFA_RESOURCE, NetworkDevices

Objects = dict[str, dict[str, Any]]
Change = Callable[[Objects], object]

BOTH, SMALL, ONE, CHIPS, MODEL = (
    "JobSet both", "JobSet small", "TrainingRuntime one", "JobSet chips", "LeaderWorkerSet gpt-oss-120b",
)  # fmt: skip
TESTS = "TrainingRuntime rack-a-18"
B300 = "ResourceFlavor training-p6-b300-48xlarge"
PREFERRED = "kueue.x-k8s.io/podset-preferred-topology"


def spec(owner: str, **fields: Any) -> Change:
    return lambda o: pod(o[owner])["spec"].update(fields)


def selector(owner: str, **labels: str) -> Change:
    keys = {"capacity": CAPACITY_LABEL, "workload": WORKLOAD_LABEL, "pool": POOL_LABEL, "rack": ULTRASERVER_LABEL}
    keys["arch"] = "kubernetes.io/arch"
    return lambda o: pod(o[owner])["spec"]["nodeSelector"].update({keys[key]: text for key, text in labels.items()})


def limits(owner: str, resource: str, count: int | None) -> Change:
    def change(objects: Objects) -> None:
        found = container(objects[owner])["resources"]["limits"]
        found.pop(resource, None)
        found.update({} if count is None else {resource: str(count)})

    return change


def of_container(owner: str, **fields: Any) -> Change:
    return lambda o: container(o[owner]).update(fields)


def claimed(objects: Objects) -> None:
    """EFA devices of a plugin's nodes by a claim."""
    devices = NetworkDevices(count=16, device_class=EFA_CLASS)
    objects["ResourceClaimTemplate efa-16"] = dict(devices.template("pretraining"))
    limits(SMALL, EFA_RESOURCE, None)(objects)
    devices.add_to(pod(objects[SMALL])["spec"], container(objects[SMALL]))


def models(nodes: int, *names: str, racks: bool = False) -> Change:
    """More models, with replicas of so many nodes."""
    made_by = grace_model if racks else partial(served_model, nodes=nodes)
    return lambda o: [o.update({f"{kind} of {name}": made for kind, made in made_by(name).items()}) for name in names]


def shared(namespace: str) -> Change:
    """Two jobs on one template, each in its namespace."""

    def change(objects: Objects) -> None:
        domain = objects["ComputeDomain both"]
        template = domain["spec"]["channel"]["resourceClaimTemplate"]["name"]
        pod(objects[ONE])["spec"]["resourceClaims"][0]["resourceClaimTemplateName"] = template
        if namespace != "pretraining":
            objects["ComputeDomain one"]["spec"]["channel"]["resourceClaimTemplate"]["name"] = "both-channel-2"
            pod(objects[ONE])["spec"]["resourceClaims"][0]["resourceClaimTemplateName"] = "both-channel-2"

    return change


def quota(flavor: str, resource: str, count: int) -> Change:
    def change(objects: Objects) -> None:
        for group in objects["ClusterQueue training"]["spec"]["resourceGroups"]:
            for entry in group["flavors"]:
                for item in entry["resources"] if entry["name"] == flavor else []:
                    item.update({"nominalQuota": str(count)} if item["name"] == resource else {})

    return change


def unused(template: str) -> Change:
    """Claim of a pod that none of its containers uses."""

    def change(objects: Objects) -> None:
        objects["ResourceClaimTemplate other"] = kubernetes_object(
            "resource.k8s.io/v1",
            "ResourceClaimTemplate",
            "other",
            namespace="pretraining",
            spec={"spec": {"devices": {"requests": [{"name": "x", "exactly": {"deviceClassName": template}}]}}},
        )
        claims = pod(objects[BOTH])["spec"]["resourceClaims"]
        claims.append({"name": "other", "resourceClaimTemplateName": "other"})
        if template == "gpu.example.com/used":
            container(objects[BOTH])["resources"]["claims"].append({"name": "other"})

    return change


def without_domain(environment: dict[str, str]) -> Change:
    def change(objects: Objects) -> None:
        objects.pop("ComputeDomain both")
        pod(objects[BOTH])["spec"].pop("resourceClaims")
        container(objects[BOTH])["resources"].pop("claims")
        stated = [item for item in container(objects[BOTH])["env"] if item["name"] not in environment]
        container(objects[BOTH])["env"] = [*stated, *({"name": key, "value": environment[key]} for key in environment)]

    return change


def replicas(count: int) -> Change:
    return lambda o: o["ScaledObject gpt-oss-120b"]["spec"].update({"maxReplicaCount": count})


def launchers(count: int) -> Change:
    return lambda o: o[TESTS]["spec"]["mlPolicy"].update({"numNodes": count})


def annotation(level: str) -> Change:
    return lambda o: pod(o[SMALL])["metadata"]["annotations"].update({PREFERRED: level})


def chips(count: int, scheduler: str | None) -> Change:
    def change(objects: Objects) -> None:
        limits(CHIPS, "aws.amazon.com/neuron", count)(objects)
        pod(objects[CHIPS])["spec"].pop("schedulerName")
        pod(objects[CHIPS])["spec"].update({"schedulerName": scheduler} if scheduler else {})

    return change


EACH: dict[str, tuple[Change, Change]] = {
    "selectors": (selector(BOTH, capacity="u-p6e-gb300x72"), selector(SMALL, pool="b300")),
    "taints": (
        lambda o: (spec(SMALL, tolerations=[])(o), o[B300]["spec"].pop("tolerations")),
        spec(SMALL, tolerations=[]),  # the queue's flavor tolerates them
    ),
    "sizes": (limits(SMALL, EFA_RESOURCE, 17), limits(SMALL, EFA_RESOURCE, 8)),
    "parts-of-nodes": (chips(4, None), chips(4, "my-scheduler")),
    "launchers": (launchers(18), launchers(1)),
    "claims": (shared("pretraining"), shared("another")),
    "used-claims": (unused("gpu.example.com/unused"), unused("gpu.example.com/used")),
    "compute-domains": (without_domain({}), without_domain({"NCCL_MNNVL_ENABLE": "0"})),
    "whole-nodes": (limits(BOTH, "nvidia.com/gpu", 2), limits(SMALL, "nvidia.com/gpu", 4)),
    "network": (limits(SMALL, EFA_RESOURCE, None), limits(SMALL, EFA_RESOURCE, 1)),
    "network-drivers": (claimed, limits(SMALL, EFA_RESOURCE, 8)),
    "counts": (
        of_container(BOTH, command=["torchrun", "--nnodes=16", "train.py"]),
        of_container(BOTH, command=["torchrun", "--nnodes=32", "train.py"]),
    ),
    "levels": (annotation("example.com/rack"), annotation("kubernetes.io/hostname")),
    "nodes": (selector(BOTH, arch="amd64"), selector(BOTH, arch="arm64")),
    "images": (
        of_container(BOTH, image="registry.example/train-amd64:1"),
        of_container(BOTH, image="registry.example/train-arm64:1"),
    ),
    "flavors": (
        lambda o: o[B300]["spec"]["nodeLabels"].update({WORKLOAD_LABEL: "web"}),
        lambda o: o[B300]["spec"]["nodeLabels"].update({POOL_LABEL: "b300"}),
    ),
    "quotas": (
        quota("training-p6-b300-48xlarge", EFA_RESOURCE, 16),
        quota("training-p6-b300-48xlarge", EFA_RESOURCE, 32),
    ),
    "ways": (
        lambda o: o[SMALL]["metadata"]["labels"].update({"kueue.x-k8s.io/queue-name": "urgent"}),
        lambda o: o[SMALL]["metadata"]["labels"].pop("kueue.x-k8s.io/priority-class"),
    ),
    "references": (spec(SMALL, serviceAccountName="other"), lambda o: pod(o[SMALL])["spec"].pop("serviceAccountName")),
    "ports": (
        lambda o: o["Service gpt-oss-120b-server"]["spec"]["ports"][0].update({"targetPort": 9999}),
        lambda o: o["Service gpt-oss-120b-server"]["spec"]["ports"][0].update({"targetPort": 8000}),
    ),
    "shared-ultraservers": (models(4, "wide-a", "wide-b"), models(1, "second", "third")),
    "domains-of-models": (models(1, "first", "second", racks=True), models(1, "first", "second")),
    "scaling": (replicas(500), replicas(4)),
}


def fleet_with(change: Change) -> Fleet:
    members, objects, releases = agreeing_fleet()
    change(objects)
    return members, objects, releases


def broken(fleet: Fleet) -> set[str]:
    members, objects, releases = fleet
    content = Content(pools=members, manifests=list(objects.values()), releases=releases)
    return {rule.id for rule in CONSISTENCY_RULES if list(rule.check(content))}


def test_every_rule_is_here() -> None:
    assert EACH.keys() | {"charts"} == {rule.id for rule in CONSISTENCY_RULES}


@pytest.mark.parametrize(("rule", "fault"), [(rule, both[0]) for rule, both in EACH.items()], ids=EACH)
def test_its_fault_is_found(rule: str, fault: Change) -> None:
    assert rule in broken(fleet_with(fault))


@pytest.mark.parametrize(("rule", "twin"), [(rule, both[1]) for rule, both in EACH.items()], ids=EACH)
def test_its_correct_twin_is_silent(rule: str, twin: Change) -> None:
    members, objects, releases = fleet_with(twin)
    assert inconsistencies(pools=members, manifests=list(objects.values()), releases=releases) == [], rule


def test_charts_both_ways() -> None:
    """A chart that lacks a taint's toleration, and one that tolerates more than there is."""
    members, objects, releases = agreeing_fleet()
    efa = next(release for release in releases if release.chart.name == "aws-efa-k8s-device-plugin")
    rest = [release for release in releases if release is not efa]
    none, more = (
        replace(efa, values={**efa.values, "tolerations": []}),
        replace(efa, values={**efa.values, "tolerations": [*efa.values["tolerations"], {"operator": "Exists"}]}),
    )
    assert broken((members, objects, [*rest, none])) == {"charts"}
    assert broken((members, objects, [*rest, more])) == set()
