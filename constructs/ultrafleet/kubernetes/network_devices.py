"""Devices of the network between nodes, as pods ask for them: by a plugin's resource, or by claims."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ultrafleet.catalog import eks
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

EFA_RESOURCE: Final = "vpc.amazonaws.com/efa"
"""Extended resource of the EFA device plugin (its chart, high)."""

EFA_CLASS: Final = "efa.networking.k8s.aws"
"""Device class of EFA's DRA driver (aws-dranet 1.0.0, templates/deviceclass.yaml, and EKS user guide, high)."""

ROCE_CLASS: Final = "roce.networking.k8s.aws"
"""Device class of AWS' networking driver on RoCE (NVIDIA/aicr #1326 and #1410, a cluster that runs, high)."""

COUNTED_CLASSES: Final = {EFA_CLASS: "networking.k8s.aws/efa", ROCE_CLASS: "networking.k8s.aws/roce"}
"""Our names for what Kueue counts of claims, by device class. None is the plugin's resource: where devices are
claimed, the queue of a job that asks for that one says so, and nothing waits for a scheduler."""

CLAIM: Final = "network"
"""Name of the claim in a pod and in its container."""


class EfaDriver(StrEnum):
    """Driver that gives EFA devices to pods: one of two, never both on a node.

    EKS user guide, device-management-efa (high): both on a node give the same device to several pods, silently.
    """

    DRA = "dra"
    """The DRA driver (aws-dranet), which EKS recommends for new clusters whose Kubernetes has claims."""
    DEVICE_PLUGIN = "device_plugin"
    """The device plugin, which counts devices as a resource."""

    @classmethod
    def recommended(cls, kubernetes_version: eks.KubernetesMinor) -> "EfaDriver":
        """The driver that EKS recommends for a new cluster.

        Args:
            kubernetes_version: major and minor of the cluster.
        """
        return cls.DRA if kubernetes_version >= eks.EFA_DRA_DRIVER_MINIMUM_VERSION else cls.DEVICE_PLUGIN


@dataclass(frozen=True, kw_only=True)
class NetworkDevices:
    """Devices of a node's network.

    Attributes:
        count: devices of a node; a pod that has the whole node has all of them.
        device_class: device class of claims for them; None where a plugin counts them.
    """

    count: int
    device_class: str | None = None

    @property
    def counted_as(self) -> str:
        """Name by which queues count them."""
        return EFA_RESOURCE if self.device_class is None else COUNTED_CLASSES[self.device_class]

    @property
    def resources(self) -> dict[str, str]:
        """Extended resources that a container asks for: none where devices are claimed."""
        return {EFA_RESOURCE: str(self.count)} if self.device_class is None else {}

    @property
    def template_name(self) -> str | None:
        """Name of the claim template that pods name, one of each namespace; None where nothing is claimed."""
        return None if self.device_class is None else f"{self.device_class.split('.')[0]}-{self.count}"

    def template(self, namespace: str) -> Manifest:
        """Template of a pod's claim of all of them, in a namespace.

        It states a count: Kueue 0.19 refuses `allocationMode: All` (kueue, pkg/dra/claims.go, high).
        """
        request = {"name": CLAIM, "exactly": {"deviceClassName": self.device_class, "count": self.count}}
        return kubernetes_object(
            "resource.k8s.io/v1",
            "ResourceClaimTemplate",
            str(self.template_name),
            namespace=namespace,
            spec={"spec": {"devices": {"requests": [request]}}},
        )

    def add_to(self, pod: dict[str, Any], container: dict[str, Any]) -> None:
        """Give all devices of a node to a container of a pod.

        Args:
            pod: specification of the pod.
            container: the container in it.
        """
        resources = container.setdefault("resources", {})
        for kind in ("limits", "requests"):
            resources.setdefault(kind, {}).update(self.resources)
        if self.template_name is not None:
            resources.setdefault("claims", []).append({"name": CLAIM})
            pod.setdefault("resourceClaims", []).append(
                {"name": CLAIM, "resourceClaimTemplateName": self.template_name}
            )


def network_claim_templates(networks: Iterable[NetworkDevices | None], namespace: str) -> list[Manifest]:
    """Claim templates that pods name for networks of their nodes, each once: none where a plugin gives the devices.

    Args:
        networks: networks of pools; None of those without one.
        namespace: where the pods are.
    """
    claimed = {network.template_name: network for network in networks if network is not None}
    return [claimed[name].template(namespace) for name in sorted(filter(None, claimed))]
