"""Kubernetes objects of the gateway before a model's servers."""

import base64
import json
from importlib.resources import files
from typing import Any, Final

import yaml

from ultrafleet.inference.engine_network import GATEWAY_LABELS
from ultrafleet.inference.envoy_configuration import (
    CONFIGURATION_DIRECTORY,
    GATEWAY_PORT,
    READY_PATH,
    TRANSLATOR_PORT,
    envoy_configuration,
)
from ultrafleet.inference.first_token_filter import first_token_filter
from ultrafleet.inference.gateway import Gateway
from ultrafleet.inference.weights import AWS_CLI_IMAGE
from ultrafleet.kubernetes.content_hash import configuration_annotation
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

GATEWAY_ACCOUNT: Final = "gateway"
"""Service account of the gateway; its role may invoke the model in Bedrock and read the clients' keys."""

_NAME: Final = "gateway"
_NLB: Final = "service.beta.kubernetes.io/aws-load-balancer"
_RESTRICTED: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_NOBODY: Final = 65532
_WORKERS: Final = 2
_DRAIN_SECONDS: Final = 120
"""A pod that goes ends its streams in this time: the load balancer sends it no new ones, and Envoy stops at once."""


def gateway_manifests(gateway: Gateway) -> list[Manifest]:
    """Kubernetes objects of the gateway, in the endpoint's namespace."""
    namespace = gateway.serving.name
    labels = {**GATEWAY_LABELS, "app.kubernetes.io/instance": namespace}
    configuration = _configuration(gateway)
    return [
        kubernetes_object("v1", "ServiceAccount", GATEWAY_ACCOUNT, namespace=namespace),
        configuration,
        _deployment(gateway, labels, configuration),
        kubernetes_object(
            "policy/v1",
            "PodDisruptionBudget",
            _NAME,
            namespace=namespace,
            spec={"maxUnavailable": 1, "selector": {"matchLabels": labels}},
        ),
        _service(gateway, labels),
    ]


def translation(gateway: Gateway) -> str:
    """LiteLLM's configuration: OpenAI's API in front, Bedrock's Converse behind.

    Converse keeps reasoning apart from the answer and enforces response formats. It is reached from its own pod alone,
    by way of Envoy, which knows the clients; so it has no key.
    """
    model = {
        "model_name": gateway.serving.model.name,
        "litellm_params": {
            "model": f"bedrock/converse/{gateway.bedrock_model_id}",
            "aws_region_name": gateway.bedrock_region,
        },
    }
    settings = {"num_retries": 0, "timeout": gateway.answer_seconds, "stream_timeout": gateway.idle_seconds}
    return yaml.safe_dump({"model_list": [model], "router_settings": settings}, sort_keys=False)


def gateway_files(gateway: Gateway) -> dict[str, str | bytes]:
    """Files that a gateway's pod reads, by their names."""
    script = (files("ultrafleet.inference") / "data" / "request.lua").read_text(encoding="utf-8")
    made: dict[str, str | bytes] = {
        "envoy.json": json.dumps(envoy_configuration(gateway)),
        "request.lua": script,
        "first-token.wasm": first_token_filter(),
    }
    if gateway.has_fallback:
        made["translation.yaml"] = translation(gateway)
    return made


def _configuration(gateway: Gateway) -> Manifest:
    made = gateway_files(gateway)
    return kubernetes_object(
        "v1",
        "ConfigMap",
        _NAME,
        namespace=gateway.serving.name,
        data={name: content for name, content in made.items() if isinstance(content, str)},
        binaryData={
            name: base64.b64encode(content).decode() for name, content in made.items() if isinstance(content, bytes)
        },
    )


def _read_keys(gateway: Gateway) -> str:
    """Program that writes the clients' keys, one a line: the current one, and the one before while it is rotated."""
    read = (
        f"aws secretsmanager get-secret-value --region {gateway.region} --query SecretString --output text "
        f'--secret-id "{gateway.key_secret_prefix}-$client" --version-stage'
    )
    names = " ".join(client.name for client in gateway.clients)
    return (
        f'set -eu; for client in {names}; do key=$({read} AWSCURRENT); echo "$client $key"; '
        f'if key=$({read} AWSPREVIOUS 2>/dev/null); then echo "$client $key"; fi; done > /keys/clients'
    )


def _deployment(gateway: Gateway, labels: dict[str, str], configuration: Manifest) -> dict[str, Any]:
    keys = {"name": "keys", "mountPath": "/keys"}
    spread = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": labels}}
    return kubernetes_object(
        "apps/v1",
        "Deployment",
        _NAME,
        namespace=gateway.serving.name,
        spec={
            "replicas": gateway.replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": configuration_annotation([configuration])},
                # No toleration: it runs on system nodes, and outlives every rack.
                "spec": {
                    "serviceAccountName": GATEWAY_ACCOUNT,
                    "terminationGracePeriodSeconds": _DRAIN_SECONDS + 15,
                    "topologySpreadConstraints": [
                        {**spread, "topologyKey": key}
                        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
                    ],
                    "initContainers": [
                        {
                            "name": "keys",
                            "image": AWS_CLI_IMAGE,
                            "command": ["sh", "-c", _read_keys(gateway)],
                            "securityContext": _RESTRICTED,
                            "volumeMounts": [keys],
                        }
                    ],
                    "containers": [_envoy(gateway, keys), *([_translator(gateway)] if gateway.has_fallback else [])],
                    "volumes": [
                        {"name": "configuration", "configMap": {"name": _NAME}},
                        {"name": "keys", "emptyDir": {"medium": "Memory"}},
                    ],
                },
            },
        },
    )


_CONFIGURATION: Final = {"name": "configuration", "mountPath": CONFIGURATION_DIRECTORY}
_DRAIN: Final = {"preStop": {"sleep": {"seconds": _DRAIN_SECONDS}}}


def _envoy(gateway: Gateway, keys: dict[str, str]) -> dict[str, Any]:
    ready = {"httpGet": {"path": READY_PATH, "port": "http"}}
    return {
        "name": "envoy",
        "image": gateway.image,
        "command": [
            "envoy",
            f"--config-path={CONFIGURATION_DIRECTORY}/envoy.json",
            f"--concurrency={_WORKERS}",
            "--disable-hot-restart",
            "--log-level=warning",
        ],
        "ports": [{"name": "http", "containerPort": GATEWAY_PORT}],
        "readinessProbe": {**ready, "periodSeconds": 5, "timeoutSeconds": 3},
        "livenessProbe": {**ready, "periodSeconds": 15, "timeoutSeconds": 10, "failureThreshold": 4},
        # What a pod is meant to be busy with; more is taken where the node has it.
        "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}},
        "lifecycle": _DRAIN,
        "securityContext": {
            **_RESTRICTED,
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [_CONFIGURATION, keys],
    }


def _translator(gateway: Gateway) -> dict[str, Any]:
    return {
        "name": "litellm",
        "image": gateway.translator_image,
        "command": [
            "litellm",
            f"--config={CONFIGURATION_DIRECTORY}/translation.yaml",
            "--host=127.0.0.1",
            f"--port={TRANSLATOR_PORT}",
        ],
        # Costs of models would be fetched from the internet.
        "env": [{"name": "LITELLM_LOCAL_MODEL_COST_MAP", "value": "True"}],
        "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}},
        "lifecycle": _DRAIN,
        "securityContext": _RESTRICTED,
        "volumeMounts": [_CONFIGURATION],
    }


def _service(gateway: Gateway, labels: dict[str, str]) -> dict[str, Any]:
    """An internal Network Load Balancer (AWS Load Balancer Controller, service annotations, high)."""
    annotations = {
        f"{_NLB}-scheme": "internal",
        f"{_NLB}-nlb-target-type": "ip",
        f"{_NLB}-subnets": ",".join(gateway.subnets),
        # A group of the template, so that the controller needs no rights over security groups.
        f"{_NLB}-security-groups": gateway.security_group,
        f"{_NLB}-manage-backend-security-group-rules": "false",
        f"{_NLB}-healthcheck-protocol": "http",
        f"{_NLB}-healthcheck-path": READY_PATH,
    }
    if gateway.certificate_arn is not None:
        annotations[f"{_NLB}-ssl-cert"] = gateway.certificate_arn
        annotations[f"{_NLB}-ssl-ports"] = str(gateway.listener_port)
    return kubernetes_object(
        "v1",
        "Service",
        _NAME,
        namespace=gateway.serving.name,
        annotations=annotations,
        spec={
            "type": "LoadBalancer",
            "loadBalancerClass": "service.k8s.aws/nlb",
            "selector": labels,
            "ports": [{"name": "api", "port": gateway.listener_port, "targetPort": "http"}],
        },
    )
