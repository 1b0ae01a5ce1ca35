"""Models that are served: recipes, replicas, servers, and the gateway before them."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import b300, flavor_of, h200, nodes, serving, trainium
from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.serving_recipes import serving_recipe
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.inference import TENSORRT_LLM, VLLM, Model, Serving, ServingRecipe
from ultrafleet.inference.server_manifests import server_manifests


def half_rack(**changed: Any) -> Any:
    return nodes(
        "rack-c", "p6e-gb200.36xlarge", 9, efa=4, workload="inference", ultraserver="u-p6e-gb200x36", **changed
    )


def objects(served: Serving) -> dict[str, dict[str, Any]]:
    return {item["kind"]: dict(item) for item in server_manifests(served)}


def template(served: Serving) -> dict[str, Any]:
    found: dict[str, Any] = objects(served)["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]
    return found


def container(served: Serving) -> dict[str, Any]:
    found: dict[str, Any] = template(served)["workerTemplate"]["spec"]["containers"][0]
    return found


WIDE = ServingRecipe(engine=VLLM, gpus=4, nodes=2)
"""A replica of two nodes of a rack."""
WIDE_TENSORRT_LLM = ServingRecipe(engine=TENSORRT_LLM, gpus=4, nodes=2, engine_options={"stream_interval": 20})


class TestRecipes:
    @pytest.mark.parametrize(
        ("model", "instance_type", "engine", "gpus"),
        [
            ("gpt-oss-120b", "p6e-gb200.36xlarge", TENSORRT_LLM, 4),
            ("gpt-oss-120b", "p5en.48xlarge", VLLM, 1),
            ("gpt-oss-120b", "p6-b200.48xlarge", VLLM, 1),
            ("gpt-oss-20b", "p5.48xlarge", VLLM, 1),
        ],
    )
    def test_the_pool_decides(self, model: str, instance_type: str, engine: Any, gpus: int) -> None:
        recipe = serving_recipe(model, InstanceType.of(instance_type))
        assert (recipe.engine, recipe.gpus) == (engine, gpus)
        assert recipe.source

    def test_the_engine_is_told_of_as_many_gpus_as_the_pod_asks_for(self) -> None:
        for pool in (h200(), half_rack()):
            made = container(serving(pool=pool))
            asked = made["resources"]["limits"]["nvidia.com/gpu"]
            command = " ".join(made["command"])
            assert f"--tp_size={asked}" in command or f"--tensor-parallel-size={asked}" in command

    @pytest.mark.parametrize(
        ("model", "pool"), [("gpt-oss-20b", half_rack()), ("gpt-oss-120b", b300(workload="inference"))]
    )
    def test_fails_where_none_is_published(self, model: str, pool: Any) -> None:
        with pytest.raises(UnknownFactError, match=rf"no recipe is published for {model} on .*: pass recipe=Serving"):
            Serving.recipe_for(Model.of(model), flavor_of([pool]))

    def test_a_model_of_the_callers(self) -> None:
        own = Model.of("ours", weights_gib=700, bedrock_model_id=None)
        made = container(serving("ours", model=own, recipe=ServingRecipe(engine=VLLM, gpus=8)))
        assert made["resources"]["limits"] == {"nvidia.com/gpu": "8"}

    def test_fails_on_an_unknown_model_without_a_size(self) -> None:
        with pytest.raises(
            FleetError,
            match="model is 'ours', expected one of gpt-oss-120b, gpt-oss-20b, deepseek-v4-pro: correct it, or",
        ):
            Model.of("ours")


class TestReplicas:
    @pytest.mark.parametrize(
        ("pool", "recipe", "fit"),
        [
            (h200(count=4), None, 32),
            (half_rack(), None, 9),
            (half_rack(), WIDE, 4),
            (h200(count=3), ServingRecipe(engine=VLLM, gpus=8, nodes=2), 1),
            (h200(count=1), ServingRecipe(engine=VLLM, gpus=3), 2),
        ],
    )
    def test_as_many_fit_as_the_capacity_holds(self, pool: Any, recipe: ServingRecipe | None, fit: int) -> None:
        assert serving(pool=pool, recipe=recipe).replicas_that_fit == fit
        serving(pool=pool, recipe=recipe, min_replicas=fit, max_replicas=fit)
        with pytest.raises(
            FleetError, match=rf"expected 1 <= min_replicas <= max_replicas <= {fit}: .* holds that many"
        ):
            serving(pool=pool, recipe=recipe, min_replicas=fit + 1, max_replicas=fit + 1)

    def test_spare_nodes_hold_none(self) -> None:
        flavor = flavor_of([half_rack()], spare_nodes_per_ultraserver=2)
        assert serving(flavor=flavor).replicas_that_fit == 7

    @pytest.mark.parametrize(("recipe", "fit"), [(None, 9), (WIDE, 4)])
    def test_a_second_overlapping_block_holds_no_more(self, recipe: ServingRecipe | None, fit: int) -> None:
        # It is there for a while only: the replicas that it took would be lost with the first block's end.
        pool = half_rack(nodes=18, nodes_per_group=9)
        assert serving(pool=pool, recipe=recipe).replicas_that_fit == fit

    def test_replicas_of_several_nodes_stay_in_an_ultraserver(self) -> None:
        # Nine nodes hold four pairs each; the two odd ones don't make another.
        flavor = flavor_of([half_rack(), half_rack(pool_name="rack-d")])
        assert serving(flavor=flavor, recipe=WIDE).replicas_that_fit == 8

    @given(least=st.integers(-2, 40), most=st.integers(-2, 40))
    def test_what_is_accepted_fits(self, least: int, most: int) -> None:
        try:
            made = serving(min_replicas=least, max_replicas=most)
        except FleetError:
            assert not 1 <= least <= most <= 32
        else:
            assert 1 <= made.min_replicas <= made.max_replicas <= 32

    def test_an_autoscaler_owns_the_number_of_replicas(self) -> None:
        scaled = objects(serving(min_replicas=2, max_replicas=8))
        assert "replicas" not in scaled["LeaderWorkerSet"]["spec"]
        assert scaled["ScaledObject"]["spec"]["minReplicaCount"] == 2
        assert scaled["ScaledObject"]["spec"]["maxReplicaCount"] == 8
        assert VLLM.queue_metric in str(scaled["ScaledObject"]["spec"]["triggers"])
        fixed = objects(serving(min_replicas=3, max_replicas=3))
        assert fixed["LeaderWorkerSet"]["spec"]["replicas"] == 3
        assert "ScaledObject" not in fixed

    def test_fails_to_scale_by_a_queue_that_nobody_tells(self) -> None:
        with pytest.raises(
            UnknownFactError, match="max_replicas is 9, expected min_replicas, 1: no released version of te"
        ):
            serving(pool=half_rack(), max_replicas=9)

    def test_fails_on_no_waiting_requests(self) -> None:
        with pytest.raises(FleetError, match="waiting_requests_per_replica is 0, expected 1 or more"):
            serving(waiting_requests_per_replica=0)

    def test_an_update_takes_one_replica_down_and_none_beside(self) -> None:
        spec = objects(serving())["LeaderWorkerSet"]["spec"]
        assert spec["rolloutStrategy"]["rollingUpdateConfiguration"] == {"maxUnavailable": 1, "maxSurge": 0}


class TestServers:
    @pytest.mark.parametrize(
        "weights", ["s3://bucket", "s3://bucket/", "https://bucket/x", "s3://bucket/prefix/", "bucket/prefix"]
    )
    def test_fails_on_weights_that_are_nowhere(self, weights: str) -> None:
        with pytest.raises(FleetError, match=r"weights is .*, expected s3://BUCKET/PREFIX without a slash"):
            serving(weights=weights)

    @pytest.mark.parametrize(
        ("recipe", "got"),
        [
            (ServingRecipe(engine=VLLM, gpus=9), "takes 9 GPUs of each of 1 nodes, expected at most 8"),
            (ServingRecipe(engine=VLLM, gpus=0), "takes 0 GPUs"),
            (
                ServingRecipe(engine=VLLM, gpus=4, nodes=2),
                "takes 4 GPUs of each of 2 nodes, expected at most 8, and all",
            ),
        ],
    )
    def test_fails_on_gpus_that_a_node_does_not_have(self, recipe: ServingRecipe, got: str) -> None:
        with pytest.raises(FleetError, match=got):
            serving(recipe=recipe)

    def test_fails_on_tensorrt_llm_over_nodes_that_nothing_joins(self) -> None:
        with pytest.raises(UnknownFactError, match="takes 2 nodes for tensorrt-llm, expected 1: trtllm-serve reaches"):
            serving(pool=half_rack(), recipe=WIDE_TENSORRT_LLM)

    def test_fails_on_trainium(self) -> None:
        with pytest.raises(UnknownFactError, match="u-trn2x64 has no NVIDIA GPUs, expected a pool that has"):
            serving(pool=trainium(), recipe=ServingRecipe(engine=VLLM, gpus=1))

    @pytest.mark.parametrize("name", ["GPT", "g" * 41])
    def test_fails_on_a_name_that_kubernetes_does_not_take(self, name: str) -> None:
        with pytest.raises(FleetError, match=r"name of the endpoint is .*, expected up to 40"):
            serving(name)

    def test_nothing_comes_from_the_internet(self) -> None:
        environment = {item["name"]: item["value"] for item in container(serving())["env"]}
        assert environment["HF_HUB_OFFLINE"] == "1"
        assert environment["TIKTOKEN_ENCODINGS_BASE"] == f"{serving().directory}/encodings"

    def test_probes_ask_the_engine(self) -> None:
        made = container(serving())
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert made[probe]["httpGet"] == {"path": "/health", "port": made["ports"][0]["containerPort"]}
        startup = made["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 1800

    def test_a_busy_replica_stays_and_one_that_is_gone_for_minutes_is_started_again(self) -> None:
        made = container(serving())
        ready, alive = made["readinessProbe"], made["livenessProbe"]
        assert ready["timeoutSeconds"] >= 5
        assert ready["periodSeconds"] * ready["failureThreshold"] == 30
        assert alive["timeoutSeconds"] >= 30
        assert alive["periodSeconds"] * alive["failureThreshold"] == 300

    def test_answers_end_before_a_pod_goes_and_before_eks_takes_the_node(self) -> None:
        spec = template(serving())["workerTemplate"]["spec"]
        (engine,) = spec["containers"]
        (drain,) = [word for word in engine["command"] if word.startswith("--shutdown-timeout=")]
        stop = engine["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace = spec["terminationGracePeriodSeconds"]
        assert stop + int(drain.partition("=")[2]) < grace < 5 * 60

    def test_shared_memory_is_part_of_what_the_pod_asks_for(self) -> None:
        spec = template(serving())["workerTemplate"]["spec"]
        (memory,) = [item["emptyDir"] for item in spec["volumes"] if item["name"] == "shared-memory"]
        assert memory["sizeLimit"] == spec["containers"][0]["resources"]["requests"]["memory"]

    @pytest.mark.parametrize("recipe", [None, WIDE_TENSORRT_LLM], ids=["one node", "two nodes"])
    def test_changed_options_make_new_pods(self, recipe: ServingRecipe | None) -> None:
        def hashes(**changed: Any) -> list[str]:
            image = "registry.example/trtllm:mpi" if recipe else None
            made = template(serving(pool=half_rack(), recipe=recipe, image=image, **changed))
            return [
                made[kind]["metadata"]["annotations"]["ultrafleet/configuration"]
                for kind in ("leaderTemplate", "workerTemplate")
                if kind in made
            ]

        assert hashes() == hashes()
        assert not set(hashes()) & set(hashes(engine_options={"stream_interval": 1}))

    def test_pods_that_read_no_file_have_no_hash(self) -> None:
        assert "metadata" not in template(serving())["workerTemplate"]

    def test_a_replica_of_several_nodes_has_nvlink_and_one_leader(self) -> None:
        served = serving("wide", pool=half_rack(), recipe=WIDE)
        found = objects(served)
        claim = found["ComputeDomain"]["spec"]["channel"]["resourceClaimTemplate"]["name"]
        shape = template(served)
        assert shape["size"] == 2
        for kind in ("leaderTemplate", "workerTemplate"):
            pod = shape[kind]
            assert pod["spec"]["resourceClaims"][0]["resourceClaimTemplateName"] == claim
        assert "readinessProbe" in shape["leaderTemplate"]["spec"]["containers"][0]
        assert "readinessProbe" not in shape["workerTemplate"]["spec"]["containers"][0]

    def test_a_replica_of_one_grace_node_has_its_channel_too(self) -> None:
        served = serving(pool=half_rack())
        domain = objects(served)["ComputeDomain"]["spec"]
        pod = template(served)["workerTemplate"]["spec"]
        assert pod["resourceClaims"] == [
            {
                "name": "compute-domain-channel",
                "resourceClaimTemplateName": domain["channel"]["resourceClaimTemplate"]["name"],
            }
        ]
        assert pod["containers"][0]["resources"]["claims"] == [{"name": "compute-domain-channel"}]
        assert domain["numNodes"] == 0
        assert domain["channel"]["allocationMode"] == "Single"
        assert "vpc.amazonaws.com/efa" not in pod["containers"][0]["resources"]["limits"]

    def test_all_replicas_of_a_rack_are_in_one_domain(self) -> None:
        made = server_manifests(serving(pool=half_rack(), min_replicas=9, max_replicas=9))
        assert sum(item["kind"] == "ComputeDomain" for item in made) == 1

    @pytest.mark.parametrize(
        ("pool", "recipe"),
        [
            (h200(), None),
            # One GPU has no other to share memory with.
            (half_rack(), ServingRecipe(engine=VLLM, gpus=1)),
            (half_rack(), ServingRecipe(engine=VLLM, gpus=2, imex_channel=False)),
        ],
    )
    def test_others_claim_nothing(self, pool: Any, recipe: ServingRecipe | None) -> None:
        served = serving(pool=pool, recipe=recipe)
        assert "ComputeDomain" not in objects(served)
        assert "resourceClaims" not in template(served)["workerTemplate"]["spec"]

    @pytest.mark.parametrize(("gpus", "stated"), [(2, None), (1, True)])
    def test_fails_on_two_pods_for_a_nodes_one_channel(self, gpus: int, stated: bool | None) -> None:
        recipe = ServingRecipe(engine=VLLM, gpus=gpus, imex_channel=stated)
        with pytest.raises(FleetError, match=f"takes {gpus} of 4 GPUs a node and an IMEX channel, expected 4 GPUs"):
            serving(pool=half_rack(), recipe=recipe)

    def test_engine_options_are_a_file(self) -> None:
        served = serving(pool=half_rack())
        options = yaml.safe_load(objects(served)["ConfigMap"]["data"]["options.yaml"])
        assert options["moe_config"] == {"backend": "TRTLLM"}
        assert any("/etc/engine/options.yaml" in word for word in container(served)["command"])

    @pytest.mark.parametrize(
        ("pool", "argument"), [(h200(), "--max-model-len=65536"), (half_rack(), "--max_seq_len=65536")]
    )
    def test_arguments_of_an_endpoint_come_after_the_recipes(self, pool: Any, argument: str) -> None:
        command = container(serving(pool=pool, args=(argument,)))["command"]
        assert command[-1] == argument

    def test_the_service_leads_to_leaders(self) -> None:
        selector = objects(serving())["Service"]["spec"]["selector"]
        assert selector["leaderworkerset.sigs.k8s.io/worker-index"] == "0"


def test_the_service_tells_every_server() -> None:
    assert objects(serving())["Service"]["spec"]["clusterIP"] == "None"
