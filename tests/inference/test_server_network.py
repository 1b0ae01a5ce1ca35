"""Network devices of replicas on several nodes, in each way that nodes give them."""

from typing import Any

import pytest

from helpers.workloads import flavor_of, h200, nodes, serving
from ultrafleet.consistency import inconsistencies
from ultrafleet.inference import VLLM, ServingRecipe
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.kubernetes import PoolNodes
from ultrafleet.kubernetes.network_devices import EfaDriver

WIDE = ServingRecipe(engine=VLLM, gpus=8, nodes=2)
OF_GRACE = ServingRecipe(engine=VLLM, gpus=4, nodes=2)
ROCE = nodes(
    "roce", "p6e-gb300r.36xlarge", 18, efa=0, workload="inference", ultraserver="u-p6e-gb300x72", roce_interfaces=8
)
WAYS: dict[str, tuple[PoolNodes, ServingRecipe, str | None]] = {
    "EFA by the plugin": (h200(), WIDE, None),
    "EFA by claims": (h200(efa_driver=EfaDriver.DRA), WIDE, "efa-16"),
    "RoCE": (ROCE, OF_GRACE, "roce-8"),
}


def pods(pool: PoolNodes, recipe: ServingRecipe) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    made = [dict(item) for item in server_manifests(serving("wide", flavor=flavor_of([pool]), recipe=recipe))]
    (groups,) = [item for item in made if item["kind"] == "LeaderWorkerSet"]
    shape = groups["spec"]["leaderWorkerTemplate"]
    return made, [shape["leaderTemplate"]["spec"], shape["workerTemplate"]["spec"]]


@pytest.mark.parametrize(("pool", "recipe", "template"), WAYS.values(), ids=WAYS)
def test_every_pod_of_a_replica_has_the_devices_of_its_node(
    pool: PoolNodes, recipe: ServingRecipe, template: str | None
) -> None:
    made, found = pods(pool, recipe)
    delivered = [item["metadata"]["name"] for item in made if item["kind"] == "ResourceClaimTemplate"]
    assert delivered == ([] if template is None else [template])
    for pod in found:
        (engine,) = pod["containers"]
        claimed = {claim["name"]: claim["resourceClaimTemplateName"] for claim in pod.get("resourceClaims", [])}
        assert claimed.get("network") == template
        assert {"name": "network"} in engine["resources"].get("claims", []) or template is None
        assert engine["resources"]["limits"].get("vpc.amazonaws.com/efa") == (None if template else "16")
    assert inconsistencies(pools=[pool], manifests=made) == []


def test_engines_on_roce_go_past_efa() -> None:
    for pod in pods(ROCE, OF_GRACE)[1]:
        environment = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
        assert environment["NCCL_NET_PLUGIN"] == "none"
        assert "FI_PROVIDER" not in environment


@pytest.mark.parametrize("driver", EfaDriver)
def test_a_replica_of_one_node_has_none(driver: EfaDriver) -> None:
    made = server_manifests(serving(flavor=flavor_of([h200(efa_driver=driver)])))
    assert not [item for item in made if item["kind"] == "ResourceClaimTemplate"]
