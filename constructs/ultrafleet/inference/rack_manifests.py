"""The engines of a model over whole UltraServers: in each, sets of groups that read prompts and that write answers.

Prefill and decode of an UltraServer share one ComputeDomain: memory of one node is read by others over NVLink, and two
ComputeDomains beside each other in one NVLink domain disturb each other (dra-driver-nvidia-gpu #892, medium).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from ultrafleet.catalog.serving_recipes import ServingRecipe
from ultrafleet.errors import FleetError
from ultrafleet.inference.rack_scale import RackScale
from ultrafleet.inference.server_manifests import DRAIN_SECONDS, engine_pod
from ultrafleet.inference.serving import Serving
from ultrafleet.jobs.pod import COMPUTE_DOMAIN_API
from ultrafleet.kubernetes.labels import RACK_SERVING_LABEL, ULTRASERVER_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

ROLE_LABEL = "ultrafleet/rack-role"
"""On every engine's pod: prefill or decode."""

Role = Literal["prefill", "decode"]

_CLAIM = "compute-domain-channel"
_RPC_PORT = 5555  # llm-d's recipes, of the leader (high)


@dataclass(frozen=True, kw_only=True)
class RackUnit:
    """A model's share in one UltraServer.

    Attributes:
        serving: the model.
        rack: nodes of each kind.
        number: which of the model's shares it is, from 0.
    """

    serving: Serving
    rack: RackScale
    number: int

    @property
    def name(self) -> str:
        """Name of its ComputeDomain, and the value of its pods' label."""
        return f"{self.serving.name}-{self.number}"

    def set_name(self, role: Role) -> str:
        """Name of its LeaderWorkerSet of a kind."""
        return f"{self.name}-{role}"

    def recipe(self, role: Role) -> ServingRecipe:
        """Recipe of a group of a kind."""
        return self.rack.recipe.prefill if role == "prefill" else self.rack.recipe.decode

    def groups(self, role: Role) -> int:
        """Groups of a kind."""
        return self.rack.prefill_groups if role == "prefill" else self.rack.decode_groups

    def addresses(self, role: Role) -> list[str]:
        """Address of every pod of a kind: each node of a group answers for its own GPUs.

        LeaderWorkerSet names pods and gives them names in its service's domain (lws, api documentation, high).
        """
        domain = f"{self.set_name(role)}.{self.serving.name}.svc.cluster.local"
        pods = [
            f"{self.set_name(role)}-{group}" + (f"-{worker}" if worker else "")
            for group in range(self.groups(role))
            for worker in range(self.recipe(role).nodes)
        ]
        return [f"http://{pod}.{domain}:{self.recipe(role).engine.port}" for pod in pods]


def rack_units(serving: Serving) -> Iterator[RackUnit]:
    """Shares of a model, one for each UltraServer that serves it.

    Raises:
        FleetError: the model isn't served over UltraServers.
    """
    if serving.rack_scale is None:
        raise FleetError(
            path="rack_scale", got="none", expected="nodes of each UltraServer", remedy="pass it to Serving"
        )
    for number in range(serving.min_replicas):
        yield RackUnit(serving=serving, rack=serving.rack_scale, number=number)


def rack_manifests(serving: Serving) -> list[Manifest]:
    """Engines of a model over UltraServers, without the routers and the namespace."""
    made: list[Manifest] = []
    for unit in rack_units(serving):
        made += [_compute_domain(unit), _leader_worker_set(unit, "prefill"), _leader_worker_set(unit, "decode")]
    return made


def _compute_domain(unit: RackUnit) -> dict[str, Any]:
    return kubernetes_object(
        COMPUTE_DOMAIN_API,
        "ComputeDomain",
        unit.name,
        namespace=unit.serving.name,
        spec={
            "numNodes": 0,
            "channel": {
                "allocationMode": "Single",
                "resourceClaimTemplate": {"name": f"{unit.name}-channel"},
            },
        },
    )


def _leader_worker_set(unit: RackUnit, role: Role) -> dict[str, Any]:
    labels = {RACK_SERVING_LABEL: unit.name, ROLE_LABEL: role}
    return kubernetes_object(
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        unit.set_name(role),
        namespace=unit.serving.name,
        labels=labels,
        spec={
            "replicas": unit.groups(role),
            "startupPolicy": "LeaderCreated",
            # A full reservation has no room for a group more.
            "rolloutStrategy": {
                "type": "RollingUpdate",
                "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0},
            },
            "leaderWorkerTemplate": {
                "size": unit.recipe(role).nodes,
                # Experts are on every node of a group: without one of them none of the others can answer.
                "restartPolicy": "RecreateGroupOnPodRestart",
                "workerTemplate": {"metadata": {"labels": labels}, "spec": _pod(unit, role)},
            },
        },
    )


def _pod(unit: RackUnit, role: Role) -> dict[str, Any]:
    # Every node of a group has an API of its own, so all of them are made as leaders are.
    spec = engine_pod(_group(unit, role), leader=True)
    (container,) = spec["containers"]
    container["command"] = _command(unit, role)
    container["env"] = _environment(unit, container["env"])
    container["startupProbe"]["failureThreshold"] = (
        unit.rack.recipe.start_minutes * 60 // container["startupProbe"]["periodSeconds"]
    )
    container["resources"]["claims"] = [{"name": _CLAIM}]
    spec["resourceClaims"] = [{"name": _CLAIM, "resourceClaimTemplateName": f"{unit.name}-channel"}]
    spec["affinity"] = _placement(unit)
    spec.pop("topologySpreadConstraints", None)
    return spec


def _group(unit: RackUnit, role: Role) -> Serving:
    """A group of a kind as a replica that stands alone, on nodes without their EFA devices.

    What groups send each other goes over NVLink or TCP, and the engine's image has no library for EFA.
    """
    flavor = unit.serving.flavor
    pools = tuple(replace(pool, efa_interfaces=0, roce_interfaces=0) for pool in flavor.pools)
    return replace(unit.serving, recipe=unit.recipe(role), flavor=replace(flavor, pools=pools), rack_scale=None)


def _placement(unit: RackUnit) -> dict[str, Any]:
    """All pods of a share in one UltraServer, and no other share in it.

    The first pod finds none to be beside and may go anywhere (Kubernetes documentation, inter-pod affinity, high);
    those of a group that was made again stay with the rest of the share.
    """
    beside = {"matchLabels": {RACK_SERVING_LABEL: unit.name}}
    apart = {
        "matchExpressions": [
            {"key": RACK_SERVING_LABEL, "operator": "Exists"},
            {"key": RACK_SERVING_LABEL, "operator": "NotIn", "values": [unit.name]},
        ]
    }
    return {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": ULTRASERVER_LABEL, "labelSelector": beside}
            ]
        },
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": ULTRASERVER_LABEL, "labelSelector": apart, "namespaceSelector": {}}
            ]
        },
    }


def _command(unit: RackUnit, role: Role) -> list[str]:
    group = _group(unit, role)
    serving, recipe = unit.serving, group.recipe
    # `$$(` is `$(` to Kubernetes, and the shell's sum.
    start = f'exec vllm serve "$@" --data-parallel-start-rank=$$((LWS_WORKER_INDEX * {recipe.gpus}))'
    return [
        "sh",
        "-c",
        start,
        "vllm",
        serving.directory,
        f"--served-model-name={serving.model.name}",
        "--host=0.0.0.0",
        f"--port={recipe.engine.port}",
        f"--shutdown-timeout={DRAIN_SECONDS}",
        *group.all_args,
        f"--data-parallel-size={recipe.nodes * recipe.gpus}",
        f"--data-parallel-size-local={recipe.gpus}",
        "--data-parallel-hybrid-lb",
        "--data-parallel-address=$(LWS_LEADER_ADDRESS)",
        f"--data-parallel-rpc-port={_RPC_PORT}",
    ]


def _environment(unit: RackUnit, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ready_seconds = {"name": "VLLM_ENGINE_READY_TIMEOUT_S", "value": str(unit.rack.recipe.start_minutes * 60)}
    own_address = {"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return [*(item for item in given if item["name"] != ready_seconds["name"]), ready_seconds, own_address]
