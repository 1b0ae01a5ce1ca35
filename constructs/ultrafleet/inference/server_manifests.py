"""The servers of a model: a LeaderWorkerSet, its service, and what scales it."""

from typing import Any

import yaml

from ultrafleet.accelerator_addons.accelerator_runtime import tolerations
from ultrafleet.inference.group_placement import leader_spread, worker_affinity
from ultrafleet.inference.serving import Serving
from ultrafleet.inference.weights import weights_manifests, weights_mount, weights_volume, weights_wait
from ultrafleet.jobs.pod import COMPUTE_DOMAIN_API, communication_environment
from ultrafleet.kubernetes.content_hash import configuration_annotation
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.network_devices import network_claim_templates
from ultrafleet.kubernetes.node_share import node_share
from ultrafleet.kubernetes.pod_security import POD_SECURITY_LABEL

_LWS = "leaderworkerset.sigs.k8s.io"
_PRE_STOP_SECONDS = 15
"""Endpoints take so long to notice that a pod goes (vLLM #43208, medium)."""
DRAIN_SECONDS = 240
"""Time for the answers that run. With all else it is less than the five minutes after which EKS goes on to terminate a
node that isn't empty (EKS user guide, delete-managed-node-group, high)."""
_GRACE_SECONDS = _PRE_STOP_SECONDS + DRAIN_SECONDS + 15


def server_manifests(serving: Serving) -> list[Manifest]:
    """Kubernetes objects that serve the model by node, without the gateway in front of them."""
    objects = shared_manifests(serving)
    if serving.claims_channel:
        objects.append(compute_domain(serving))
    if _spans_nodes(serving):
        objects += network_claim_templates([serving.flavor.pools[0].network], serving.name)
    objects += [_leader_worker_set(serving), _service(serving)]
    if serving.is_scaled:
        objects.append(_scaled_object(serving))
    return objects


def shared_manifests(serving: Serving) -> list[Manifest]:
    """Objects of a model that its pods share: namespace, weights, the engine's file of options."""
    return [
        # Without the label `ultrafleet/workload`: Kueue isn't asked about its pods, so they start while it is down.
        kubernetes_object("v1", "Namespace", serving.name, labels={POD_SECURITY_LABEL: "baseline"}),
        *weights_manifests(serving),
        *_configuration(serving),
    ]


def _configuration(serving: Serving) -> list[Manifest]:
    """TensorRT-LLM's file of options, where there are any."""
    if not serving.all_engine_options:
        return []
    options = yaml.safe_dump(serving.all_engine_options, sort_keys=True)
    return [kubernetes_object("v1", "ConfigMap", "engine", namespace=serving.name, data={"options.yaml": options})]


def _spans_nodes(serving: Serving) -> bool:
    return serving.recipe.nodes > 1


def _leader_worker_set(serving: Serving) -> dict[str, Any]:
    annotations = configuration_annotation(_configuration(serving))
    metadata = {"metadata": {"annotations": annotations}} if annotations else {}
    workers = {**metadata, "spec": engine_pod(serving, leader=False)}
    leader = {**metadata, "spec": engine_pod(serving, leader=True)}
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
    share = node_share(node, serving.recipe.gpus)
    counts = {node.accelerator_resource: str(serving.recipe.gpus)}
    resources: dict[str, Any] = {
        "limits": counts,
        "requests": {**counts, **share},
    }
    memory = {"sizeLimit": share["memory"]} if "memory" in share else {}
    volumes: list[dict[str, Any]] = [
        weights_volume(),
        # No more than the pod has asked for: it would count as the node's, and have others killed.
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", **memory}},
    ]
    environment = {
        # Nothing is fetched at start: nodes may have no way to the internet (vLLM and openai/harmony #95, high).
        "HF_HUB_OFFLINE": "1",
        "TIKTOKEN_ENCODINGS_BASE": f"{serving.directory}/encodings",
        "DO_NOT_TRACK": "1",
        **serving.recipe.env,
        **(communication_environment(node) if _spans_nodes(serving) else {}),
    }
    container: dict[str, Any] = {
        "name": engine.name,
        "image": serving.engine_image,
        "command": _command(serving, leader=leader),
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": resources,
        "securityContext": {"allowPrivilegeEscalation": False},
        "volumeMounts": [weights_mount(), {"name": "shared-memory", "mountPath": "/dev/shm"}],  # noqa: S108 - of the pod
    }
    if leader:
        container |= _leader_parts(serving)
    if serving.all_engine_options:
        volumes.append({"name": "engine", "configMap": {"name": "engine"}})
        container["volumeMounts"].append({"name": "engine", "mountPath": "/etc/engine"})
    spec: dict[str, Any] = {
        # No rights in AWS and none in Kubernetes: the node's copy of the weights is all that it reads.
        "automountServiceAccountToken": False,
        "nodeSelector": {CAPACITY_LABEL: serving.flavor.capacity, WORKLOAD_LABEL: serving.flavor.workload},
        "tolerations": tolerations(serving.flavor.pools),
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "initContainers": [weights_wait(serving)],
        "containers": [container],
        "volumes": volumes,
    }
    if _spans_nodes(serving) and not leader:
        spec["affinity"] = worker_affinity(serving.name, serving.flavor)
    elif _spans_nodes(serving) and serving.flavor.is_ultraserver:
        spec["topologySpreadConstraints"] = leader_spread(serving.name, serving.flavor, nodes=serving.recipe.nodes)
    if serving.claims_channel:
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
        "startupProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 180},
        # A busy server answers late: out of the service after half a minute, started again after five. The gateway
        # asks for its own, sooner.
        "readinessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 3},
        "livenessProbe": {**probe, "periodSeconds": 30, "timeoutSeconds": 30, "failureThreshold": 10},
        "lifecycle": {"preStop": {"sleep": {"seconds": _PRE_STOP_SECONDS}}},
    }


def _command(serving: Serving, *, leader: bool) -> list[str]:
    engine = serving.recipe.engine
    where = ["--host=0.0.0.0", f"--port={engine.port}"]
    if engine.name == "tensorrt-llm":
        options = ["--extra_llm_api_options=/etc/engine/options.yaml"] if serving.all_engine_options else []
        return ["trtllm-serve", serving.directory, *where, *options, *serving.all_args]
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
        *serving.all_args,
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
            # The gateway sees every server and chooses: an address before them would balance connections.
            "clusterIP": "None",
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


def compute_domain(serving: Serving) -> dict[str, Any]:
    """The endpoint's one ComputeDomain, in which all of its pods are, so that none of a rack's replicas has another.

    Two in one NVLink clique hurt each other (kubernetes-sigs/dra-driver-nvidia-gpu #892, medium). Each pod gets the
    channel of its node, by a claim of its own. `numNodes` is 0: replicas come and go (the CRD's text in 0.4.1, high).
    """
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
