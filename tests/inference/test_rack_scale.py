"""Models over whole UltraServers: recipes, groups, where they run, and the router between prefill and decode."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.rehearsal_site import synthesised, text_of
from helpers.workloads import RACK_MODEL as MODEL
from helpers.workloads import flavor_of, gateway, h200, nodes, over_racks, racks, serving
from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.engine_options import unknown_options
from ultrafleet.catalog.rack_recipes import RACK_RECIPES
from ultrafleet.catalog.source import Confidence
from ultrafleet.consistency import inconsistencies
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.inference import TENSORRT_LLM, VLLM, Model, RackRecipe, RackScale, Serving, ServingRecipe, rack_recipe
from ultrafleet.inference.rack_manifests import ROLE_LABEL, rack_manifests, rack_units
from ultrafleet.inference.rack_router import router_command, router_manifests
from ultrafleet.inference.serving_manifests import serving_manifests
from ultrafleet.kubernetes.labels import RACK_SERVING_LABEL, ULTRASERVER_LABEL

GB200 = InstanceType.of("p6e-gb200.36xlarge")
OWN = RackRecipe(
    name="own",
    prefill=ServingRecipe(engine=VLLM, gpus=4, nodes=1),
    decode=ServingRecipe(engine=VLLM, gpus=4, nodes=4),
)


def sets(served: Serving) -> dict[str, dict[str, Any]]:
    return {
        item["metadata"]["name"]: dict(item["spec"])
        for item in rack_manifests(served)
        if item["kind"] == "LeaderWorkerSet"
    }


def pods(served: Serving) -> dict[str, dict[str, Any]]:
    return {name: spec["leaderWorkerTemplate"]["workerTemplate"] for name, spec in sets(served).items()}


def options(pod: dict[str, Any]) -> dict[str, str]:
    command = pod["spec"]["containers"][0]["command"]
    return {name: value for name, _, value in (word.partition("=") for word in command)}


def options_of_layout() -> set[str]:
    """Options that the library adds to a recipe's, and to every engine's."""
    own = RackScale(prefill_nodes=1, decode_nodes=4, recipe=OWN)
    return {name for pod in pods(over_racks(rack_scale=own)).values() for name in options(pod) if name.startswith("--")}


class TestRecipes:
    @pytest.mark.parametrize(
        ("prefill", "decode", "name", "groups"),
        [
            (2, 2, "ep8", (1, 1)),
            (4, 2, "ep8", (2, 1)),
            (6, 2, "ep8", (3, 1)),
            (12, 4, "ep8", (6, 2)),
            (6, 8, "ep8-ep16", (3, 2)),
        ],
    )
    def test_nodes_decide(self, prefill: int, decode: int, name: str, groups: tuple[int, int]) -> None:
        recipe, found = rack_recipe("deepseek-v4-pro", GB200, prefill_nodes=prefill, decode_nodes=decode)
        assert (recipe.name, found) == (name, groups)

    def test_every_recipe_says_what_was_not_run(self) -> None:
        for recipes in RACK_RECIPES.values():
            for recipe in recipes:
                assert recipe.source.weakest is Confidence.LOW
                assert recipe.source.address is not None
                assert recipe.ratios

    @pytest.mark.parametrize(("prefill", "decode"), [(2, 4), (3, 2), (8, 2), (2, 1), (0, 2), (14, 2)])
    def test_fails_on_an_unpublished_layout(self, prefill: int, decode: int) -> None:
        with pytest.raises(
            UnknownFactError, match=r"expected 2 \+ 2, 4 \+ 2, 6 \+ 2, 6 \+ 8, or a multiple: these are"
        ):
            rack_recipe("deepseek-v4-pro", GB200, prefill_nodes=prefill, decode_nodes=decode)

    @pytest.mark.parametrize(
        ("model", "instance_type"),
        [("deepseek-v4-pro", "p6e-gb300.36xlarge"), ("gpt-oss-120b", "p6e-gb200.36xlarge")],
    )
    def test_fails_where_none_is_published(self, model: str, instance_type: str) -> None:
        with pytest.raises(
            UnknownFactError,
            match=rf"no recipe is published for {model} over .*, expected one of deepseek-v4-pro on p6e-gb200: pass",
        ):
            rack_recipe(model, InstanceType.of(instance_type), prefill_nodes=6, decode_nodes=2)

    def test_one_of_the_callers(self) -> None:
        own = RackScale(prefill_nodes=3, decode_nodes=8, recipe=OWN)
        assert (own.prefill_groups, own.decode_groups) == (3, 2)
        made = sets(over_racks(rack_scale=own, model=Model.of("ours", weights_gib=700)))
        assert [spec["replicas"] for spec in made.values()] == [3, 2]
        assert own.tokens_per_gpu(MODEL, racks()) is None

    def test_fails_where_nodes_are_no_groups(self) -> None:
        with pytest.raises(
            FleetError, match="rack_scale is 3 nodes of prefill and 6 of decode, expected multiples of 1"
        ):
            RackScale(prefill_nodes=3, decode_nodes=6, recipe=OWN)

    @pytest.mark.parametrize(
        ("prefill", "decode", "tokens"), [(2, 2, 6036.2), (4, 2, 8153.1), (6, 2, 8933.0), (12, 4, 8933.0)]
    )
    def test_the_published_figure_is_of_the_ratio(self, prefill: int, decode: int, tokens: float) -> None:
        scale = RackScale.published(MODEL, racks(), prefill_nodes=prefill, decode_nodes=decode)
        fact = scale.tokens_per_gpu(MODEL, racks())
        assert fact is not None
        assert fact.value == tokens

    def test_no_figure_where_none_was_published(self) -> None:
        scale = RackScale.published(MODEL, racks(), prefill_nodes=6, decode_nodes=8)
        assert scale.tokens_per_gpu(MODEL, racks()) is None


class TestServing:
    def test_fails_by_node_where_the_recipe_is_over_racks(self) -> None:
        with pytest.raises(UnknownFactError, match="rack_scale is none, expected nodes of prefill and"):
            Serving.recipe_for(MODEL, racks())

    def test_a_replica_is_an_ultraserver(self) -> None:
        assert over_racks(count=2).replicas_that_fit == 2
        with pytest.raises(FleetError, match=r"<= 1: .* holds that many of 8 nodes of an UltraServer each"):
            over_racks(min_replicas=2, max_replicas=2)

    def test_fails_on_more_nodes_than_an_ultraserver_has(self) -> None:
        half = nodes("half", "p6e-gb200.36xlarge", 9, efa=4, workload="inference", ultraserver="u-p6e-gb200x36")
        with pytest.raises(FleetError, match="rack_scale is 16 nodes of each UltraServer, expected at most 9, "):
            over_racks(12, 4, flavor=flavor_of([half]))

    def test_fails_on_nodes_that_nvlink_does_not_join(self) -> None:
        scale = RackScale(prefill_nodes=1, decode_nodes=4, recipe=OWN)
        with pytest.raises(
            FleetError, match=r"rack_scale is on p5en.48xlarge, expected UltraServers whose NVLink joins"
        ):
            over_racks(rack_scale=scale, flavor=flavor_of([h200(count=16)]))

    @pytest.mark.parametrize("role", ["prefill", "decode"])
    @pytest.mark.parametrize("change", [{"gpus": 2, "nodes": 1}, {"engine": TENSORRT_LLM}])
    def test_fails_on_a_part_of_a_node_and_on_other_engines(self, role: str, change: dict[str, Any]) -> None:
        recipe = replace(OWN, **{role: replace(getattr(OWN, role), **change)})
        scale = RackScale(prefill_nodes=4, decode_nodes=4, recipe=recipe)
        with pytest.raises(FleetError, match=r"rack_scale.recipe is .*, expected vllm on 4"):
            over_racks(rack_scale=scale)

    def test_fails_on_another_recipe_than_that_of_decode(self) -> None:
        with pytest.raises(FleetError, match=r"expected rack_scale\.recipe\.decode: pass it"):
            over_racks(recipe=ServingRecipe(engine=VLLM, gpus=4))

    def test_fails_where_the_number_of_racks_is_to_follow_a_queue(self) -> None:
        with pytest.raises(FleetError, match="a replica is a whole UltraServer: make them equal"):
            over_racks(count=2, min_replicas=1)

    def test_fails_on_a_name_that_pods_could_not_have(self) -> None:
        with pytest.raises(FleetError, match="up to 36"):
            replace(over_racks(), name="a" * 37)


class TestGroups:
    def test_two_sets_and_the_domain_that_they_share(self) -> None:
        made = rack_manifests(over_racks())
        assert [(item["kind"], item["metadata"]["name"]) for item in made] == [
            ("ComputeDomain", "deepseek-0"),
            ("LeaderWorkerSet", "deepseek-0-prefill"),
            ("LeaderWorkerSet", "deepseek-0-decode"),
        ]
        template = made[0]["spec"]["channel"]["resourceClaimTemplate"]["name"]
        for pod in pods(over_racks()).values():
            assert pod["spec"]["resourceClaims"] == [
                {"name": "compute-domain-channel", "resourceClaimTemplateName": template}
            ]
            assert pod["spec"]["containers"][0]["resources"]["claims"] == [{"name": "compute-domain-channel"}]

    def test_each_rack_has_its_own(self) -> None:
        served = over_racks(12, 4, count=2)
        assert list(sets(served)) == [
            "deepseek-0-prefill",
            "deepseek-0-decode",
            "deepseek-1-prefill",
            "deepseek-1-decode",
        ]
        assert (
            len({pod["spec"]["resourceClaims"][0]["resourceClaimTemplateName"] for pod in pods(served).values()}) == 2
        )

    def test_a_group_is_made_again_as_a_whole(self) -> None:
        for spec in sets(over_racks()).values():
            assert spec["leaderWorkerTemplate"]["restartPolicy"] == "RecreateGroupOnPodRestart"
            assert spec["rolloutStrategy"]["rollingUpdateConfiguration"] == {"maxUnavailable": 1, "maxSurge": 0}

    @pytest.mark.parametrize(
        ("prefill", "decode", "groups", "sizes"),
        [(6, 2, [3, 1], [2, 2]), (12, 4, [6, 2], [2, 2]), (6, 8, [3, 2], [2, 4])],
    )
    def test_groups_and_their_nodes(self, prefill: int, decode: int, groups: list[int], sizes: list[int]) -> None:
        made = sets(over_racks(prefill, decode)).values()
        assert [spec["replicas"] for spec in made] == groups
        assert [spec["leaderWorkerTemplate"]["size"] for spec in made] == sizes

    def test_ranks_are_counted_over_the_group(self) -> None:
        for name, pod in pods(over_racks(6, 8)).items():
            size = 16 if name.endswith("decode") else 8
            found = options(pod)
            assert found["--data-parallel-size"] == str(size)
            assert found["--data-parallel-size-local"] == "4"
            assert found["--data-parallel-address"] == "$(LWS_LEADER_ADDRESS)"
            assert "--data-parallel-hybrid-lb" in found
            # `$$` is a dollar sign to Kubernetes, which then leaves the sum to the shell.
            assert pod["spec"]["containers"][0]["command"][2].endswith("start-rank=$$((LWS_WORKER_INDEX * 4))")

    def test_options_of_the_endpoint_go_to_both_once(self) -> None:
        for pod in pods(over_racks(args=("--max-model-len=9280",))).values():
            command = pod["spec"]["containers"][0]["command"]
            assert command.count("--max-model-len=9280") == 1

    def test_every_option_is_one_that_the_engine_knows(self) -> None:
        (recipes,) = RACK_RECIPES.values()
        for recipe in recipes:
            for role in (recipe.prefill, recipe.decode):
                words = {"--data-parallel-start-rank", *options_of_layout()}
                found = unknown_options(role.engine, args=(*role.args, *sorted(words)), env=role.env, options={})
                assert list(found) == []

    def test_fails_on_an_option_that_it_does_not_know(self) -> None:
        wrong = replace(OWN, prefill=replace(OWN.prefill, args=("--enable-expert-paralel",)))
        scale = RackScale(prefill_nodes=1, decode_nodes=4, recipe=wrong)
        with pytest.raises(FleetError, match="--enable-expert-paralel"):
            rack_manifests(over_racks(rack_scale=scale))

    def test_prefill_hands_on_and_decode_takes(self) -> None:
        prefill, decode = (options(pod) for pod in pods(over_racks()).values())
        assert '"kv_role":"kv_producer"' in prefill["--kv-transfer-config"]
        assert '"kv_role":"kv_consumer"' in decode["--kv-transfer-config"]

    def test_the_wide_decode_uses_its_own_kernels(self) -> None:
        _, decode = (options(pod) for pod in pods(over_racks(6, 8)).values())
        assert decode["--moe-backend"] == "auto"
        assert decode["--all2all-backend"] == "flashinfer_nvlink_one_sided"

    def test_nodes_are_told_where_they_are_and_how_long_they_have(self) -> None:
        for pod in pods(over_racks()).values():
            (container,) = pod["spec"]["containers"]
            environment = {item["name"]: item for item in container["env"]}
            assert environment["VLLM_NIXL_SIDE_CHANNEL_HOST"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
            probe = container["startupProbe"]
            assert probe["periodSeconds"] * probe["failureThreshold"] == 90 * 60
            assert environment["VLLM_ENGINE_READY_TIMEOUT_S"]["value"] == str(90 * 60)
            assert len(environment) == len(container["env"])

    def test_keys_and_values_go_over_nvlink(self) -> None:
        for pod in pods(over_racks()).values():
            (container,) = pod["spec"]["containers"]
            environment = {item["name"]: item.get("value") for item in container["env"]}
            assert environment["UCX_CUDA_IPC_ENABLE_MNNVL"] == "y"
            assert environment["NCCL_MNNVL_ENABLE"] == "1"
            assert "FI_PROVIDER" not in environment
            assert container["resources"]["limits"] == {"nvidia.com/gpu": "4"}


class TestPlacement:
    def test_a_share_is_in_one_ultraserver_and_no_other_is(self) -> None:
        served = over_racks(12, 4, count=2)
        for name, pod in pods(served).items():
            share = name.rpartition("-")[0]
            assert pod["metadata"]["labels"] == {RACK_SERVING_LABEL: share, ROLE_LABEL: name.rpartition("-")[2]}
            affinity = pod["spec"]["affinity"]
            (beside,) = affinity["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            assert beside == {
                "topologyKey": ULTRASERVER_LABEL,
                "labelSelector": {"matchLabels": {RACK_SERVING_LABEL: share}},
            }
            (apart,) = affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            assert apart["topologyKey"] == ULTRASERVER_LABEL
            assert apart["namespaceSelector"] == {}  # those of other models, too
            assert {"key": RACK_SERVING_LABEL, "operator": "NotIn", "values": [share]} in apart["labelSelector"][
                "matchExpressions"
            ]

    def test_nothing_of_it_waits_in_a_queue(self) -> None:
        for item in rack_manifests(over_racks()):
            assert "kueue" not in str(item)


class TestRouter:
    @given(st.sampled_from([(2, 2), (4, 2), (6, 2), (12, 4), (6, 8)]), st.integers(1, 3))
    def test_it_knows_every_node_of_its_share_once(self, layout: tuple[int, int], count: int) -> None:
        served = over_racks(*layout, count=count)
        found = [unit.addresses(role) for unit in rack_units(served) for role in ("prefill", "decode")]
        assert [len(addresses) for addresses in found] == list(layout) * count
        flat = [address for addresses in found for address in addresses]
        assert len(set(flat)) == len(flat)

    def test_addresses_are_those_of_leader_worker_set(self) -> None:
        # As pods and their domain were named on a control plane with LeaderWorkerSet 0.8.0.
        (unit,) = rack_units(over_racks())
        domain = "deepseek-0-prefill.deepseek.svc.cluster.local:8000"
        assert unit.addresses("prefill")[:3] == [
            f"http://deepseek-0-prefill-0.{domain}",
            f"http://deepseek-0-prefill-0-1.{domain}",
            f"http://deepseek-0-prefill-1.{domain}",
        ]

    def test_command(self) -> None:
        (unit,) = rack_units(over_racks())
        command = router_command(unit)
        assert command.count("--prefill") == 6
        assert command.count("--decode") == 2
        assert "--prefill-policy=cache_aware" in command
        assert "--decode-policy=power_of_two" in command
        assert "--worker-startup-timeout-secs=5400" in command

    def test_one_node_needs_no_choice(self) -> None:
        # With one worker the router refuses the policies that compare two.
        own = RackScale(prefill_nodes=1, decode_nodes=4, recipe=OWN)
        (unit,) = rack_units(over_racks(rack_scale=own))
        assert "--prefill-policy=round_robin" in router_command(unit)

    def test_the_models_address_is_the_routers(self) -> None:
        served = over_racks(12, 4, count=2)
        made = router_manifests(served)
        (service,) = [item for item in made if item["kind"] == "Service"]
        assert service["spec"]["clusterIP"] == "None"
        assert served.address == f"http://{service['metadata']['name']}.deepseek.svc.cluster.local:8000"
        deployments = [item for item in made if item["kind"] == "Deployment"]
        assert len(deployments) == 2
        for item in deployments:
            template = item["spec"]["template"]
            assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
            # It isn't kept in an UltraServer by the label of the engines, and needs no rights.
            assert RACK_SERVING_LABEL not in template["metadata"]["labels"]
            assert template["spec"]["automountServiceAccountToken"] is False
            assert "tolerations" not in template["spec"]


class TestConsistency:
    """What the library makes agrees; one ComputeDomain is one share's, and one share has one."""

    def found(self, change: Callable[[list[dict[str, Any]]], object] = lambda _: None) -> list[str]:
        served = over_racks(12, 4, count=2)
        made = [copy.deepcopy(dict(item)) for item in serving_manifests(served)]
        change(made)
        return inconsistencies(pools=list(served.flavor.pools), manifests=made, releases=[])

    @staticmethod
    def claim(made: list[dict[str, Any]], name: str, template: str) -> None:
        (item,) = [item for item in made if item["metadata"]["name"] == name and item["kind"] == "LeaderWorkerSet"]
        pod = item["spec"]["leaderWorkerTemplate"]["workerTemplate"]
        pod["spec"]["resourceClaims"][0]["resourceClaimTemplateName"] = template

    def test_prefill_and_decode_share_a_domain(self) -> None:
        assert self.found() == []

    def test_fails_where_they_have_two(self) -> None:
        found = self.found(lambda made: self.claim(made, "deepseek-0-decode", "deepseek-1-channel"))
        assert any(
            "pods of deepseek-0 in deepseek claim by deepseek-0-channel, deepseek-1-channel" in text for text in found
        )

    def test_fails_where_two_shares_have_one(self) -> None:
        def change(made: list[dict[str, Any]]) -> None:
            for role in ("prefill", "decode"):
                self.claim(made, f"deepseek-1-{role}", "deepseek-0-channel")

        (text,) = self.found(change)
        assert text.startswith(
            "deepseek-0, deepseek-1 claim by deepseek-0-channel in deepseek, expected a ComputeDomain"
        )


class TestGateway:
    @pytest.mark.parametrize(
        ("layout", "count", "tokens"), [((6, 2), 1, 285_856), ((12, 4), 2, 1_143_424), ((6, 8), 1, None)]
    )
    def test_it_is_sized_by_the_published_figure(self, layout: tuple[int, int], count: int, tokens: int | None) -> None:
        before = gateway(over_racks(*layout, count=count), bedrock_region=None, bedrock_model_id=None)
        assert before.engine_tokens_per_second == tokens
        assert before.tokens_a_chunk == 50
        assert tokens is None or before.carried_tokens_per_second > tokens


class TestAllObjects:
    def test_order(self) -> None:
        kinds = [item["kind"] for item in serving_manifests(over_racks())]
        assert kinds[0] == "Namespace"
        assert kinds.index("ComputeDomain") < kinds.index("LeaderWorkerSet") < kinds.index("Deployment")
        assert kinds.count("Service") == 1
        assert kinds.count("LeaderWorkerSet") == 2

    def test_without_rack_scale_nothing_changes(self) -> None:
        kinds = [item["kind"] for item in serving_manifests(serving())]
        assert kinds.count("LeaderWorkerSet") == 1
        assert "Deployment" not in kinds

    def test_fails_to_make_shares_of_a_model_by_node(self) -> None:
        with pytest.raises(
            FleetError, match="rack_scale is none, expected nodes of each UltraServer: pass it to Serving"
        ):
            rack_manifests(serving())

    @pytest.mark.slow
    def test_a_whole_rack_from_an_environment_file(self) -> None:
        environment, stacks = synthesised(text_of("rack-serving"), "rack-serving")
        assert environment.models[0].rack_scale is not None
        (stack,) = [stack for stack in stacks if stack.name.endswith("model-deepseek-v4-pro")]
        kept = [
            json.loads(item["Properties"]["Manifest"])[0]
            for item in stack.content["Resources"].values()
            if "Manifest" in item["Properties"] and isinstance(item["Properties"]["Manifest"], str)
        ]
        sizes = {
            item["metadata"]["name"]: item["spec"]["replicas"] * item["spec"]["leaderWorkerTemplate"]["size"]
            for item in kept
            if item["kind"] == "LeaderWorkerSet"
        }
        assert sizes == {"deepseek-v4-pro-0-prefill": 12, "deepseek-v4-pro-0-decode": 4}
