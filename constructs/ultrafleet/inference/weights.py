"""A model's weights: copied once to each node before anything asks for them, and mounted by all engines of it."""

from importlib.resources import files
from typing import Any, Final

from ultrafleet.accelerator_addons.accelerator_runtime import daemon_tolerations
from ultrafleet.inference.serving import WEIGHTS_MOUNT, Serving
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.pod_security import POD_SECURITY_LABEL

AWS_CLI_IMAGE: Final = "public.ecr.aws/aws-cli/aws-cli:2.36.42"
"""Official image of the AWS CLI, amd64 and arm64 (tag: high, arm64: medium)."""

WEIGHTS_ACCOUNT: Final = "default"
"""Service account of the pods that copy, which are alone in their namespace; its role may read the weights."""

INSTANCE_STORE: Final = "/mnt/k8s-disks/0"
"""Mount point of the RAID 0 array of a node's NVMe disks (awslabs/amazon-eks-ami, setup-local-disks, high)."""

_CLAIM: Final = "weights"
_STORE: Final = "/store"
# Images of engines ask for all GPUs, and a node's runtime gives them to who asks for none (NVIDIA Container Toolkit
# documentation, NVIDIA_VISIBLE_DEVICES, high).
_NO_GPU: Final = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}


def weights_namespace(serving: Serving) -> str:
    """Namespace of the pods that copy: they mount a directory of the node, which no model's namespace may."""
    return f"{serving.name}-weights"


def weights_manifests(serving: Serving) -> list[Manifest]:
    """Objects that bring weights and image to every node that may serve the model, and the volume that engines mount.

    A DaemonSet copies the files to the instance store of its node as soon as it has joined, also while acceptance
    tests it, and keeps the engine's image on it. A `local` PersistentVolume without a node of its own is that directory
    on whichever node a pod runs; engines mount it read-only. Kubernetes' baseline refuses hostPath in a pod and takes a
    claim (Kubernetes documentation, local volumes and Pod Security Standards, high).
    """
    name, namespace = serving.name, weights_namespace(serving)
    claimed = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "volumeMode": "Filesystem"}
    # Of a directory Kubernetes doesn't measure the size, and a claim can't be changed: no size of the model.
    size = {"storage": "1Gi"}
    return [
        kubernetes_object("v1", "Namespace", namespace, labels={POD_SECURITY_LABEL: "privileged"}),
        _daemon_set(serving),
        kubernetes_object(
            "v1",
            "PersistentVolume",
            f"{name}-weights",
            spec={
                **claimed,
                "capacity": size,
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"name": _CLAIM, "namespace": name},
                "local": {"path": _folder(serving)},
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": CAPACITY_LABEL, "operator": "Exists"}]}]
                    }
                },
            },
        ),
        kubernetes_object(
            "v1",
            "PersistentVolumeClaim",
            _CLAIM,
            namespace=name,
            spec={**claimed, "resources": {"requests": size}, "volumeName": f"{name}-weights"},
        ),
    ]


def weights_volume() -> dict[str, Any]:
    """Volume of an engine's pod with the node's copy."""
    return {"name": "weights", "persistentVolumeClaim": {"claimName": _CLAIM, "readOnly": True}}


def weights_mount() -> dict[str, Any]:
    """Mount of that volume."""
    return {"name": "weights", "mountPath": WEIGHTS_MOUNT, "readOnly": True}


def weights_wait(serving: Serving) -> dict[str, Any]:
    """Container that runs before an engine until the node's copy is whole; of the engine's image, which is there."""
    where = f"{WEIGHTS_MOUNT}/{serving.weights_copy}"
    script = f'until [ -d {where} ]; do echo "waiting for {serving.weights} on this node"; sleep 5; done'
    return {
        "name": "weights",
        "image": serving.engine_image,
        "command": ["sh", "-c", script],
        "env": [_NO_GPU],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [weights_mount()],
    }


def _folder(serving: Serving) -> str:
    return f"{INSTANCE_STORE}/ultrafleet/weights/{serving.name}"


def _daemon_set(serving: Serving) -> dict[str, Any]:
    namespace = weights_namespace(serving)
    bucket, _, prefix = serving.weights.removeprefix("s3://").partition("/")
    labels = {"app.kubernetes.io/instance": serving.name}
    copy = serving.weights_copy
    environment = {"BUCKET": bucket, "PREFIX": prefix, "STORE": _STORE, "COPY": copy, "MODEL": serving.model.name}
    small = {"requests": {"cpu": "10m", "memory": "32Mi"}}
    script = (files("ultrafleet.inference") / "copy_weights.sh").read_text(encoding="utf-8")
    return kubernetes_object(
        "apps/v1",
        "DaemonSet",
        "weights",
        namespace=namespace,
        spec={
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "nodeSelector": {CAPACITY_LABEL: serving.flavor.capacity, WORKLOAD_LABEL: serving.flavor.workload},
                    # Also while acceptance tests the node: a block's first request finds them there.
                    "tolerations": daemon_tolerations(serving.flavor.pools),
                    "terminationGracePeriodSeconds": 5,
                    "containers": [
                        {
                            "name": "weights",
                            "image": AWS_CLI_IMAGE,
                            "command": ["sh", "-c", script],
                            "env": [{"name": key, "value": value} for key, value in environment.items()],
                            "readinessProbe": {
                                "exec": {"command": ["test", "-d", f"{_STORE}/{copy}"]},
                                "periodSeconds": 5,
                            },
                            "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}},
                            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                            "volumeMounts": [{"name": "store", "mountPath": _STORE}],
                        },
                        {
                            # An image that a container uses stays on the node.
                            "name": "image",
                            "image": serving.engine_image,
                            "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
                            "env": [_NO_GPU],
                            "resources": small,
                            "securityContext": {"allowPrivilegeEscalation": False},
                        },
                    ],
                    "volumes": [{"name": "store", "hostPath": {"path": _folder(serving), "type": "DirectoryOrCreate"}}],
                },
            },
        },
    )
