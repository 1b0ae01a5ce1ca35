"""CPU and memory of pods: never BestEffort, and never more than a node has."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import b300, flavor_of, h200, job, nodes, rack, serving, trainium
from ultrafleet.catalog import InstanceType, InstanceTypeFacts
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.jobs import jobset, train_job
from ultrafleet.kubernetes.node_share import node_share

NODES = [rack(), b300(), h200(), trainium(), nodes("small", "p5.4xlarge", 1, efa=0)]


def millicores(requests: dict[str, str]) -> int:
    return int(requests["cpu"].removesuffix("m"))


def mib(requests: dict[str, str]) -> int:
    return int(requests["memory"].removesuffix("Mi"))


@given(node=st.sampled_from(NODES), data=st.data())
def test_pods_that_fill_a_node_leave_half_of_it(node: Any, data: st.DataObject) -> None:
    left, asked = node.accelerators_per_node, []
    while left:
        asked.append(data.draw(st.integers(1, left)))
        left -= asked[-1]
    shares = [node_share(node, accelerators) for accelerators in asked]
    assert all(millicores(share) > 0 and mib(share) > 0 for share in shares)
    assert sum(map(millicores, shares)) <= node.instance_type.vcpus * 500
    assert sum(map(mib, shares)) <= node.instance_type.memory_gib * 512


def test_a_whole_node_of_a_rack() -> None:
    # p6e-gb200.36xlarge: 144 vCPUs, 960 GiB.
    assert node_share(rack(), 4) == {"cpu": "72000m", "memory": "491520Mi"}


def test_what_is_not_known_is_not_asked_for() -> None:
    unknown = InstanceType.of("trn3.48xlarge", facts=InstanceTypeFacts(accelerator_kind="neuron", accelerator_count=4))
    assert node_share(replace(trainium(), instance_type=unknown), 4) == {}


def containers(objects: list[Any]) -> list[dict[str, Any]]:
    """Containers of pods with accelerators."""
    found: list[dict[str, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.extend(value.get("containers", []))
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk([item for item in objects if item["kind"] != "DaemonSet"])
    return found


@pytest.mark.parametrize(
    "objects",
    [jobset(job()), train_job(job()), jobset(job(flavor=flavor_of([h200()]), some=1)), server_manifests(serving())],
    ids=["JobSet", "TrainJob", "one node", "model"],
)
def test_no_pod_is_best_effort(objects: list[Any]) -> None:
    (container,) = containers(objects)
    resources = container["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert not {"cpu", "memory"} & set(resources["limits"])  # what is free may be used
    assert resources["limits"].items() <= resources["requests"].items()


def test_a_job_may_ask_for_more() -> None:
    given = job(resources={"hugepages-2Mi": "5120Mi", "memory": "900Gi", "nvidia.com/gpu": "8"})
    (container,) = containers(jobset(given))
    requests, limits = container["resources"]["requests"], container["resources"]["limits"]
    assert requests["hugepages-2Mi"] == limits["hugepages-2Mi"] == "5120Mi"
    assert requests["memory"] == limits["memory"] == "900Gi"
    assert (requests["cpu"], requests["nvidia.com/gpu"]) == ("72000m", "4")  # the whole node's, whatever is asked for


def test_replicas_that_share_a_node_share_its_cpus() -> None:
    (container,) = containers(server_manifests(serving()))
    one = container["resources"]["requests"]
    assert one["nvidia.com/gpu"] == "1"
    assert millicores(one) * 8 == h200().instance_type.vcpus * 500
