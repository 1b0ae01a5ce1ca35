"""The gateway before a model's servers: its size, its objects, its errors."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import gateway, h200, nodes, serving
from ultrafleet.catalog.gateway_throughput import CHUNKS_A_CORE
from ultrafleet.errors import FleetError
from ultrafleet.inference import VLLM, GatewayClient, ServingRecipe
from ultrafleet.inference.engine_network import engine_network_policy
from ultrafleet.inference.envoy_configuration import GATEWAY_PORT, envoy_configuration
from ultrafleet.inference.first_token_filter import first_token_filter
from ultrafleet.inference.gateway import LOAD_BALANCER_IDLE_SECONDS
from ultrafleet.inference.gateway_manifests import gateway_files, gateway_manifests, translation

HALF_RACK = nodes("rack-c", "p6e-gb200.36xlarge", 9, efa=4, workload="inference", ultraserver="u-p6e-gb200x36")


def half_rack(**changed: Any) -> Any:
    return serving(pool=HALF_RACK, min_replicas=9, max_replicas=9, **changed)


def made(kind: str, **changed: Any) -> dict[str, Any]:
    (found,) = [dict(item) for item in gateway_manifests(gateway(**changed)) if item["kind"] == kind]
    return found


def pod(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = made("Deployment", **changed)["spec"]["template"]["spec"]
    return found


def clusters(**changed: Any) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in envoy_configuration(gateway(**changed))["static_resources"]["clusters"]}


class TestSize:
    def test_half_a_rack_is_carried_with_a_pod_lost(self) -> None:
        sized = gateway(half_rack())
        assert sized.engine_tokens_per_second == 750_000
        assert sized.tokens_a_chunk == 20
        assert sized.replicas == 4
        left = (sized.replicas - 1) * CHUNKS_A_CORE.value * sized.tokens_a_chunk
        assert left >= 2 * sized.engine_tokens_per_second

    @given(tokens=st.integers(1, 10_000_000), interval=st.integers(1, 64))
    def test_pods_that_are_left_are_half_busy_at_most(self, tokens: int, interval: int) -> None:
        recipe = ServingRecipe(engine=VLLM, gpus=1, args=(f"--stream-interval={interval}",))
        sized = gateway(serving(recipe=recipe), tokens_per_second=tokens)
        chunks = tokens / interval
        assert sized.replicas >= 2
        assert chunks <= (sized.replicas - 1) * CHUNKS_A_CORE.value / 2
        # And no more than that takes.
        assert sized.replicas == 2 or chunks > (sized.replicas - 2) * CHUNKS_A_CORE.value / 2

    def test_where_nobody_published_a_figure_there_are_two(self) -> None:
        sized = gateway(serving(pool=h200(), max_replicas=32))
        assert sized.engine_tokens_per_second is None
        assert sized.replicas == 2

    @given(limit=st.integers(4, 100_000))
    def test_the_shares_of_all_pods_are_the_limit_at_most(self, limit: int) -> None:
        sized = gateway(half_rack())
        assert limit - sized.replicas < sized.share(limit) * sized.replicas <= limit


class TestDataPlane:
    def test_two_servers_have_half_of_the_time_each_and_then_bedrock(self) -> None:
        (clients, _) = envoy_configuration(gateway(first_token_seconds=20))["static_resources"]["listeners"]
        manager = clients["filter_chains"][0]["filters"][0]["typed_config"]
        stream, answer = [route["route"] for route in manager["route_config"]["virtual_hosts"][0]["routes"][:2]]
        assert stream["retry_policy"]["per_try_timeout"] == "10s"
        assert stream["retry_policy"]["num_retries"] == 2
        assert stream["retry_policy"]["retry_priority"]["typed_config"]["update_frequency"] == 2
        assert float(answer["timeout"].removesuffix("s")) < LOAD_BALANCER_IDLE_SECONDS

    def test_without_a_fallback_nothing_leads_to_one(self) -> None:
        changed = {"bedrock_region": None}
        assert set(clusters(**changed)) == {"all", "servers"}
        assert len(envoy_configuration(gateway(**changed))["static_resources"]["listeners"]) == 1
        assert [item["name"] for item in pod(**changed)["containers"]] == ["envoy"]
        assert "translation.yaml" not in gateway_files(gateway(**changed))

    def test_servers_are_all_addresses_of_their_service(self) -> None:
        servers = clusters()["servers"]
        ((item,),) = [group["lb_endpoints"] for group in servers["load_assignment"]["endpoints"]]
        address = item["endpoint"]["address"]["socket_address"]
        assert address == {"address": "gpt-oss-120b-server.gpt-oss-120b.svc.cluster.local", "port_value": 8000}
        assert servers["cluster_type"]["name"] == "envoy.cluster.dns"

    def test_what_is_paid_for_is_reached_from_the_pod_alone(self) -> None:
        clients, fallback = envoy_configuration(gateway())["static_resources"]["listeners"]
        assert clients["address"]["socket_address"]["port_value"] == GATEWAY_PORT
        assert fallback["address"]["socket_address"]["address"] == "127.0.0.1"
        (litellm,) = [item for item in pod()["containers"] if item["name"] == "litellm"]
        assert "--host=127.0.0.1" in litellm["command"]
        assert "ports" not in litellm

    def test_bedrock_is_asked_for_the_same_model(self) -> None:
        (model,) = yaml.safe_load(translation(gateway()))["model_list"]
        assert model["model_name"] == "gpt-oss-120b"
        assert model["litellm_params"] == {
            "model": "bedrock/converse/openai.gpt-oss-120b-1:0",
            "aws_region_name": "us-west-2",
        }

    def test_the_filter_is_a_module(self) -> None:
        assert first_token_filter()[:8] == b"\0asm\1\0\0\0"


class TestObjects:
    def test_a_change_of_the_configuration_makes_new_pods(self) -> None:
        def annotations(**changed: Any) -> Any:
            return made("Deployment", **changed)["spec"]["template"]["metadata"]["annotations"]

        one = annotations()
        for changed in ({"bedrock_region": "us-east-1"}, {"idle_seconds": 90}, {"first_token_seconds": 10}):
            assert annotations(**changed) != one
        assert annotations() == one

    def test_the_load_balancer_is_internal_and_terminates_tls(self) -> None:
        service = made("Service", certificate_arn="arn:aws:acm:1", plain_http=False)
        annotations = {
            key.split("aws-load-balancer-")[-1]: value for key, value in service["metadata"]["annotations"].items()
        }
        assert annotations["scheme"] == "internal"
        assert annotations["ssl-cert"] == "arn:aws:acm:1"
        assert service["spec"]["ports"][0]["port"] == 443

    def test_runs_on_nodes_that_outlive_racks_and_not_as_root(self) -> None:
        assert "tolerations" not in pod()
        envoy = pod()["containers"][0]
        assert envoy["securityContext"]["runAsNonRoot"]
        assert envoy["securityContext"]["readOnlyRootFilesystem"]

    def test_streams_end_before_a_pod_does(self) -> None:
        for container in pod()["containers"]:
            assert container["lifecycle"]["preStop"]["sleep"]["seconds"] < pod()["terminationGracePeriodSeconds"]

    def test_every_clients_key_is_read_and_none_is_written_down(self) -> None:
        clients = [GatewayClient(name="chat"), GatewayClient(name="batch")]
        (init,) = pod(clients=clients)["initContainers"]
        assert "for client in chat batch;" in init["command"][-1]
        assert '--secret-id "prod-gpt-oss-120b-client-$client"' in init["command"][-1]
        assert 'io.lines("/keys/clients")' in gateway_files(gateway())["request.lua"]

    def test_the_script_is_the_packages(self) -> None:
        text = (Path(__file__).parents[2] / "constructs/ultrafleet/inference/data/request.lua").read_text()
        assert gateway_files(gateway())["request.lua"] == text


class TestNetwork:
    def test_the_gateway_reaches_the_engines_port_and_nobody_else_does(self) -> None:
        policy = engine_network_policy(serving())["spec"]
        others, gateways = policy["ingress"]
        assert policy["policyTypes"] == ["Ingress"]
        assert others == {"from": [{"podSelector": policy["podSelector"]}]}
        assert gateways["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}]
        assert gateways["ports"] == [{"protocol": "TCP", "port": 8000}]
        (excepted,) = policy["podSelector"]["matchExpressions"]
        labels = made("Deployment")["spec"]["template"]["metadata"]["labels"]
        assert labels[excepted["key"]] in excepted["values"]
        assert excepted["operator"] == "NotIn"

    def test_keda_reads_queues_where_replicas_follow_them(self) -> None:
        _, askers = engine_network_policy(serving(max_replicas=8))["spec"]["ingress"]
        assert askers["from"][1] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"plain_http": False}, "certificate_arn is None and plain_http False, expected a certificate or plain_http"),
        ({"certificate_arn": "arn"}, "certificate_arn is arn and plain_http True, expected a certificate or"),
        ({"subnets": []}, "subnets is empty, expected the load balancer's subnets"),
        ({"bedrock_model_id": None}, "bedrock_region is us-west-2 and bedrock_model_id None, expected the model that"),
        ({"first_token_seconds": 61}, "first_token_seconds is 61, expected 2 to 60: first_token_seconds <= idle"),
        ({"first_token_seconds": 1}, "first_token_seconds is 1, expected 2 to 60"),
        ({"idle_seconds": 350}, "idle_seconds is 350, expected 2 to 300: .* below the load balancer's 350 s"),
        ({"total_seconds": 299}, "total_seconds is 299, expected 300 or more"),
        ({"tokens_per_second": 0}, "tokens_per_second is 0, expected 1 or more"),
        ({"clients": []}, "clients is empty, expected one or more, each name once"),
        ({"clients": [GatewayClient(name="a")] * 2}, "clients is a, a, expected one or more, each name once"),
        ({"clients": [GatewayClient(name="a b")]}, "name of a client is 'a b', expected up to 32"),
        (
            {"clients": [GatewayClient(name="a", requests_per_minute=1)]},
            "requests_per_minute of client a is 1, expected 2 or more: each of 2 gateway pods",
        ),
        (
            {"clients": [GatewayClient(name="a", requests_per_minute=0)]},
            "requests_per_minute of client a is 0, expected 2 or more",
        ),
        (
            {"clients": [GatewayClient(name="a", fallback_requests_per_day=1)]},
            "fallback_requests_per_day of client a is 1, expected 2 or more",
        ),
    ],
)
def test_fails_on(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        gateway(**changed)


def test_a_client_may_have_no_fallback() -> None:
    sized = gateway(clients=[GatewayClient(name="a", fallback_requests_per_day=0)])
    assert math.isclose(sized.carried_tokens_per_second, 2 * CHUNKS_A_CORE.value)
