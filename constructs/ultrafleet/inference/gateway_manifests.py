"""The gateway before a model's servers: an OpenAI API that answers from Amazon Bedrock when no server does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ultrafleet.errors import FleetError
from ultrafleet.inference.serving import Serving
from ultrafleet.inference.weights import AWS_CLI_IMAGE
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

GATEWAY_ACCOUNT = "gateway"
"""Service account of the gateway; its role may invoke the model in Bedrock and read the key."""

GATEWAY_PORT = 4000  # LiteLLM's (its documentation, high)
GATEWAY_IMAGE = "ghcr.io/berriai/litellm:v1.93.0"
"""LiteLLM, amd64 and arm64; the configuration's keys were read in 1.109.1 (tag: medium)."""

_NAME = "gateway"
_HEALTH_PATH = "/health/readiness"
_HEALTH_INTERVAL_SECONDS = 30
_NLB = "service.beta.kubernetes.io/aws-load-balancer"
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The gateway of an endpoint.

    Attributes:
        serving: the model servers behind the gateway.
        key_secret_name: name of the Secrets Manager secret with its key; plain, so that any manifest can have it.
        region: the cluster's region.
        subnets: ids or `Name` tags of the load balancer's subnets, in availability zones.
        security_group: id or `Name` tag of the load balancer's security group.
        certificate_arn: certificate of the load balancer, for TLS on port 443. Default: none, see `plain_http`.
        plain_http: port 80 without TLS. Has to be said.
        bedrock_region: region of the fallback. Default: there is none.
        bedrock_model_id: model of the fallback.
        replicas: gateway pods.
        image: the gateway's image.
    """

    serving: Serving
    key_secret_name: str
    region: str
    subnets: Sequence[str]
    security_group: str
    certificate_arn: str | None = None
    plain_http: bool = False
    bedrock_region: str | None = None
    bedrock_model_id: str | None = None
    replicas: int = 2
    image: str = GATEWAY_IMAGE

    def __post_init__(self) -> None:
        if (self.certificate_arn is None) is not self.plain_http:
            raise FleetError(
                path="certificate_arn",
                got=f"{self.certificate_arn} and plain_http {self.plain_http}",
                expected="a certificate or plain_http=True",
                remedy="clients send the gateway's key with each request",
            )
        if not self.subnets:
            raise FleetError(
                path="subnets",
                got="empty",
                expected="the load balancer's subnets",
                remedy="pass those of the system nodes",
            )
        if self.bedrock_region is not None and self.bedrock_model_id is None:
            raise FleetError(
                path="bedrock_region",
                got=f"{self.bedrock_region} and bedrock_model_id None",
                expected=f"the model that answers for {self.serving.model.name}",
                remedy="pass it, or leave the region out",
            )

    @property
    def listener_port(self) -> int:
        """Port of the load balancer."""
        return 80 if self.plain_http else 443


def gateway_manifests(gateway: Gateway) -> list[Manifest]:
    """Kubernetes objects of the gateway, in the endpoint's namespace."""
    namespace = gateway.serving.name
    labels = {"app.kubernetes.io/name": _NAME, "app.kubernetes.io/instance": namespace}
    return [
        kubernetes_object("v1", "ServiceAccount", GATEWAY_ACCOUNT, namespace=namespace),
        kubernetes_object("v1", "ConfigMap", _NAME, namespace=namespace, data={"config.yaml": routing(gateway)}),
        _deployment(gateway, labels),
        kubernetes_object(
            "policy/v1",
            "PodDisruptionBudget",
            _NAME,
            namespace=namespace,
            spec={"maxUnavailable": 1, "selector": {"matchLabels": labels}},
        ),
        _service(gateway, labels),
    ]


def routing(gateway: Gateway) -> str:
    """LiteLLM's configuration: the servers first, Bedrock when they don't answer.

    `order` prefers the lower one among those that are healthy, and moves on when retries fail. Health is looked at in
    the background, so requests don't wait for servers that are gone; Bedrock isn't asked for its health, which costs
    (LiteLLM 1.109.1, router and proxy sources, high).
    """
    serving = gateway.serving
    models: list[dict[str, Any]] = [
        {
            "model_name": serving.model.name,
            "litellm_params": {
                "model": f"hosted_vllm/{serving.model.name}",  # any server with OpenAI's API
                "api_base": f"{serving.address}/v1",
                "order": 1,
            },
        }
    ]
    if gateway.bedrock_region is not None:
        models.append(
            {
                "model_name": serving.model.name,
                "litellm_params": {
                    # Converse keeps reasoning apart from the answer and enforces response formats.
                    "model": f"bedrock/converse/{gateway.bedrock_model_id}",
                    "aws_region_name": gateway.bedrock_region,
                    "order": 2,
                },
                "model_info": {"disable_background_health_check": True},
            }
        )
    configuration = {
        "model_list": models,
        "router_settings": {"num_retries": 1, "timeout": 600},
        "general_settings": {
            "master_key": "os.environ/LITELLM_MASTER_KEY",
            "background_health_checks": True,
            "health_check_interval": _HEALTH_INTERVAL_SECONDS,
            "enable_health_check_routing": True,
            "health_check_staleness_threshold": 4 * _HEALTH_INTERVAL_SECONDS,
        },
    }
    return yaml.safe_dump(configuration, sort_keys=False)


def _deployment(gateway: Gateway, labels: dict[str, str]) -> dict[str, Any]:
    read_key = (
        f"aws secretsmanager get-secret-value --region {gateway.region} --secret-id {gateway.key_secret_name} "
        "--query SecretString --output text > /keys/key"
    )
    # LiteLLM wants keys to begin so.
    start = (
        'export LITELLM_MASTER_KEY="sk-$(cat /keys/key)"; '
        f"exec litellm --config /etc/litellm/config.yaml --port {GATEWAY_PORT}"
    )
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
                "metadata": {"labels": labels},
                # No toleration: it runs on system nodes, and outlives every rack.
                "spec": {
                    "serviceAccountName": GATEWAY_ACCOUNT,
                    "terminationGracePeriodSeconds": 60,
                    "topologySpreadConstraints": [
                        {**spread, "topologyKey": key}
                        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
                    ],
                    "initContainers": [
                        {
                            "name": "key",
                            "image": AWS_CLI_IMAGE,
                            "command": ["sh", "-c", read_key],
                            "securityContext": _RESTRICTED,
                            "volumeMounts": [keys],
                        }
                    ],
                    "containers": [
                        {
                            "name": "litellm",
                            "image": gateway.image,
                            "command": ["sh", "-c", start],
                            # Costs of models would be fetched from the internet.
                            "env": [{"name": "LITELLM_LOCAL_MODEL_COST_MAP", "value": "True"}],
                            "ports": [{"name": "http", "containerPort": GATEWAY_PORT}],
                            "readinessProbe": {"httpGet": {"path": _HEALTH_PATH, "port": "http"}, "periodSeconds": 5},
                            "livenessProbe": {
                                "httpGet": {"path": "/health/liveliness", "port": "http"},
                                "initialDelaySeconds": 30,
                                "periodSeconds": 15,
                            },
                            "resources": {
                                "requests": {"cpu": "500m", "memory": "1Gi"},
                                "limits": {"memory": "4Gi"},
                            },
                            "securityContext": _RESTRICTED,
                            "volumeMounts": [{"name": "config", "mountPath": "/etc/litellm"}, keys],
                        }
                    ],
                    "volumes": [
                        {"name": "config", "configMap": {"name": _NAME}},
                        {"name": "keys", "emptyDir": {"medium": "Memory"}},
                    ],
                },
            },
        },
    )


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
        f"{_NLB}-healthcheck-path": _HEALTH_PATH,
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
