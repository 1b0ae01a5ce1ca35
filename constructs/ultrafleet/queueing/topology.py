"""Kueue topologies: how close nodes are, from the network's top to the node."""

from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.manifest import kubernetes_object
from ultrafleet.kubernetes.pool_nodes import PoolNodes

KUEUE_API = "kueue.x-k8s.io/v1beta2"
"""Stored version of Kueue 0.19's resources (published CustomResourceDefinitions, high)."""

HOSTNAME_LABEL = "kubernetes.io/hostname"
"""Kueue wants it last (kueue, apis/kueue/v1beta2/topology_types.go, high)."""

_LAYER_LABEL = "topology.k8s.aws/network-node-layer-{}"
"""Set by the cloud controller manager from EC2's instance topology (EKS user guide, high)."""

DEFAULT_ULTRASERVER_NETWORK_LAYERS = 2
"""Layers above an UltraServer. No source states that its nodes share the lowest one; if they didn't, no job could have
the whole UltraServer. Two are enough to keep UltraServers that are near each other together."""

_FOUR_LAYER_FAMILIES = ("p6-b200", "p6-b300")  # EC2 user guide, instance topology, prerequisites (high)


def instance_network_layers(pool: PoolNodes) -> int:
    """Network layers that EC2 shows for an instance type: four on P6-B200 and P6-B300, else three."""
    return 4 if pool.instance_type.family in _FOUR_LAYER_FAMILIES else 3


def topology_levels(pool: PoolNodes, *, network_layers: int | None = None) -> tuple[str, ...]:
    """Node labels from the top of the network to the node.

    Kueue leaves out every node that lacks one of them (kueue, pkg/util/tas/node.go, high), so a level that nodes don't
    have keeps every job waiting.

    Args:
        pool: a pool.
        network_layers: layers of EC2's network, from the top. Default: two above an UltraServer, all for single
            instances.

    Raises:
        FleetError: more layers than EC2 shows.
    """
    most = instance_network_layers(pool)
    ultraserver = pool.ultraserver_type is not None
    layers = network_layers
    if layers is None:
        layers = DEFAULT_ULTRASERVER_NETWORK_LAYERS if ultraserver else most
    if not 0 <= layers <= most:
        raise FleetError(
            path="network_layers",
            got=layers,
            expected=f"0 to {most} for {pool.instance_type}",
            remedy="EC2's instance topology shows no more",
        )
    return (
        *(_LAYER_LABEL.format(layer) for layer in range(1, layers + 1)),
        *((ULTRASERVER_LABEL,) if ultraserver else ()),
        HOSTNAME_LABEL,
    )


def topology(name: str, levels: tuple[str, ...]) -> dict[str, Any]:
    """A Kueue `Topology`."""
    return kubernetes_object(KUEUE_API, "Topology", name, spec={"levels": [{"nodeLabel": label} for label in levels]})
