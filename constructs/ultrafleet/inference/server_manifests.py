"""The servers of a model: a LeaderWorkerSet, its service, and what scales it."""

from typing import Any

import yaml

from ultrafleet.accelerator_addons.accelerator_runtime import tolerations
from ultrafleet.inference.group_placement import leader_spread, worker_affinity
from ultrafleet.inference.serving import Serving
from ultrafleet.jobs.pod import COMPUTE_DOMAIN_API, communication_environment
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.network_devices import network_claim_templates
from ultrafleet.kubernetes.node_share import node_share
from ultrafleet.kubernetes.pod_security import POD_SECURITY_LABEL

AWS_CLI_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.36.42"
"""Official image of the AWS CLI, amd64 and arm64 (tag: high, arm64: medium)."""

SERVER_ACCOUNT = "server"
"""Service account of the servers; its role may read the weights."""

_LWS = "leaderworkerset.sigs.k8s.io"
DRAIN_SECONDS = 120
_PRE_STOP_SECONDS = 15
"""Endpoints take so long to notice that a pod goes (vLLM #43208, medium)."""


def server_manifests(serving: Serving) -> list[Manifest]:
    """Kubernetes objects that serve the model, without the gateway in front of them."""
    name = serving.name
    objects: list[Manifest] = [
        # Without the label `ultrafleet/workload`: Kueue isn't asked about its pods, so they start while it is down.
        kubernetes_object("v1", "Namespace", name, labels={POD_SECURITY_LABEL: "baseline"}),
        kubernetes_object("v1", "ServiceAccount", SERVER_ACCOUNT, namespace=name),
    ]
    if serving.recipe.engine_options:
        options = yaml.safe_dump(dict(serving.recipe.engine_options), sort_keys=True)
        objects.append(kubernetes_object("v1", "ConfigMap", "engine", namespace=name, data={"options.yaml": options}))
    if _spans_nodes(serving) and serving.flavor.is_ultraserver:
        objects.append(_compute_domain(serving))
    if _spans_nodes(serving):
        objects += network_claim_templates([serving.flavor.pools[0].network], name)
    objects += [_leader_worker_set(serving), _service(serving)]
    if serving.is_scaled:
        objects.append(_scaled_object(serving))
    return objects


def _spans_nodes(serving: Serving) -> bool:
    return serving.recipe.nodes > 1


def _leader_worker_set(serving: Serving) -> dict[str, Any]:
    workers = {"spec": engine_pod(serving, leader=False)}
    leader = {"spec": engine_pod(serving, leader=True)}
    template: dict[str, Any] = {
        "size": serving.recipe.nodes,
        "restartPolicy": "RecreateGroupOnPodRestart",
        "workerTemplate": workers if _spans_nodes(serving) else leader,
        **({"leaderTemplate": leader} if _spans_nodes(serving) else {}),
    }
    return kubernetes_object(
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        serving.name,
        namespace=serving.name,
        spec={
            # Where replicas follow the queue, a number here would set them back at every deployment.
            **({} if serving.is_scaled else {"replicas": serving.min_replicas}),
            "startupPolicy": "LeaderCreated",
            # A full reservation has no room for a replica more.
            "rolloutStrategy": {
                "type": "RollingUpdate",
                "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0},
            },
            "leaderWorkerTemplate": template,
        },
    )


def engine_pod(serving: Serving, *, leader: bool) -> dict[str, Any]:
    """Spec of an engine's pod: of one that answers requests, or of a worker beside it."""
    node, engine = serving.flavor.pools[0], serving.recipe.engine
    directory = serving.directory
    counts = {node.accelerator_resource: str(serving.recipe.gpus)}
    resources: dict[str, Any] = {
        "limits": counts,
        "requests": {**counts, **node_share(node, serving.recipe.gpus)},
    }
    mounts = [{"name": "weights", "mountPath": "/models"}]
    volumes: list[dict[str, Any]] = [
        # On the instance store, like everything of the kubelet's.
        {"name": "weights", "emptyDir": {"sizeLimit": f"{serving.model.weights_gib}Gi"}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
    ]
    environment = {
        # Nothing is fetched at start: nodes may have no way to the internet (vLLM and openai/harmony #95, high).
        "HF_HUB_OFFLINE": "1",
        "TIKTOKEN_ENCODINGS_BASE": f"{directory}/encodings",
        "DO_NOT_TRACK": "1",
        **serving.recipe.env,
        **(communication_environment(node) if _spans_nodes(serving) else {}),
    }
    container: dict[str, Any] = {
        "name": engine.name,
        "image": serving.image or engine.image,
        "command": _command(serving, leader=leader),
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": resources,
        "securityContext": {"allowPrivilegeEscalation": False},
        "volumeMounts": [*mounts, {"name": "shared-memory", "mountPath": "/dev/shm"}],  # noqa: S108 - of the pod
    }
    if leader:
        container |= _leader_parts(serving)
    if serving.recipe.engine_options:
        volumes.append({"name": "engine", "configMap": {"name": "engine"}})
        container["volumeMounts"].append({"name": "engine", "mountPath": "/etc/engine"})
    spec: dict[str, Any] = {
        "serviceAccountName": SERVER_ACCOUNT,
        "nodeSelector": {CAPACITY_LABEL: serving.flavor.capacity, WORKLOAD_LABEL: serving.flavor.workload},
        "tolerations": tolerations(serving.flavor.pools),
        "terminationGracePeriodSeconds": _PRE_STOP_SECONDS + DRAIN_SECONDS + 15,
        "initContainers": [
            {
                "name": "weights",
                "image": AWS_CLI_IMAGE,
                "command": ["aws", "s3", "sync", "--no-progress", serving.weights, directory],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": mounts,
            }
        ],
        "containers": [container],
        "volumes": volumes,
    }
    if _spans_nodes(serving) and not leader:
        spec["affinity"] = worker_affinity(serving.name, serving.flavor)
    elif _spans_nodes(serving) and serving.flavor.is_ultraserver:
        spec["topologySpreadConstraints"] = leader_spread(serving.name, serving.flavor, nodes=serving.recipe.nodes)
    if _spans_nodes(serving) and serving.flavor.is_ultraserver:
        resources["claims"] = [{"name": "compute-domain-channel"}]
        spec["resourceClaims"] = [
            {"name": "compute-domain-channel", "resourceClaimTemplateName": f"{serving.name}-channel"}
        ]
    if _spans_nodes(serving) and node.network is not None:
        node.network.add_to(spec, container)
    return spec


def _leader_parts(serving: Serving) -> dict[str, Any]:
    engine = serving.recipe.engine
    probe = {"httpGet": {"path": engine.health_path, "port": engine.port}}
    return {
        "ports": [{"name": "http", "containerPort": engine.port}],
        # Half an hour to load weights and capture graphs.
        "startupProbe": {**probe, "periodSeconds": 10, "failureThreshold": 180},
        "readinessProbe": {**probe, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**probe, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": _PRE_STOP_SECONDS}}},
    }


def _command(serving: Serving, *, leader: bool) -> list[str]:
    engine, recipe = serving.recipe.engine, serving.recipe
    where = ["--host=0.0.0.0", f"--port={engine.port}"]
    if engine.name == "tensorrt-llm":
        options = ["--extra_llm_api_options=/etc/engine/options.yaml"] if recipe.engine_options else []
        return ["trtllm-serve", serving.directory, *where, *options, *recipe.args]
    group = (
        ["--nnodes=$(LWS_GROUP_SIZE)", "--node-rank=$(LWS_WORKER_INDEX)", "--master-addr=$(LWS_LEADER_ADDRESS)"]
        if _spans_nodes(serving)
        else []
    )
    return [
        "vllm",
        "serve",
        serving.directory,
        f"--served-model-name={serving.model.name}",
        *where,
        # Requests that run are finished when the pod goes (vLLM #34730, from 0.18 on, high).
        f"--shutdown-timeout={DRAIN_SECONDS}",
        *recipe.args,
        *group,
        *([] if leader else ["--headless"]),
    ]


def _service(serving: Serving) -> dict[str, Any]:
    return kubernetes_object(
        "v1",
        "Service",
        serving.service,
        namespace=serving.name,
        spec={
            "selector": {f"{_LWS}/name": serving.name, f"{_LWS}/worker-index": "0"},
            "ports": [{"name": "http", "port": serving.recipe.engine.port, "targetPort": "http"}],
        },
    )


def _scaled_object(serving: Serving) -> dict[str, Any]:
    """Replicas by the requests that wait for all of them.

    KEDA reads every replica's own metrics and adds them up, from 2.20 on those of this service alone (kedacore/keda
    #7641, high).
    """
    engine = serving.recipe.engine
    return kubernetes_object(
        "keda.sh/v1alpha1",
        "ScaledObject",
        serving.name,
        namespace=serving.name,
        spec={
            "scaleTargetRef": {
                "apiVersion": "leaderworkerset.x-k8s.io/v1",
                "kind": "LeaderWorkerSet",
                "name": serving.name,
            },
            "minReplicaCount": serving.min_replicas,
            "maxReplicaCount": serving.max_replicas,
            "pollingInterval": 15,
            # No metrics, no change to the worse: a replica that loads is silent.
            "fallback": {"failureThreshold": 4, "replicas": serving.min_replicas},
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}},
                }
            },
            "triggers": [
                {
                    "type": "metrics-api",
                    "metricType": "AverageValue",
                    "metadata": {
                        "format": "prometheus",
                        "url": f"{serving.address}{engine.metrics_path}",
                        "valueLocation": f'{engine.queue_metric}{{model_name="{serving.model.name}"}}',
                        "aggregateFromKubeServiceEndpoints": "true",
                        "aggregationType": "sum",
                        "targetValue": str(serving.waiting_requests_per_replica),
                    },
                }
            ],
        },
    )


def _compute_domain(serving: Serving) -> dict[str, Any]:
    return kubernetes_object(
        COMPUTE_DOMAIN_API,
        "ComputeDomain",
        serving.name,
        namespace=serving.name,
        spec={
            "numNodes": 0,
            "channel": {
                "allocationMode": "Single",
                "resourceClaimTemplate": {"name": f"{serving.name}-channel"},
            },
        },
    )
