"""A taint of nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ultrafleet.catalog import InstanceType
from ultrafleet.errors import UnknownFactError
from ultrafleet.rules.spare import SPARE_TAINT_KEY
from ultrafleet.rules.unproven import UNPROVEN_TAINT_KEY


@dataclass(frozen=True, kw_only=True)
class Taint:
    """A Kubernetes taint, in the words of the EKS API."""

    key: str
    value: str
    effect: Literal["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"] = "NO_SCHEDULE"

    @property
    def toleration(self) -> dict[str, str]:
        """The toleration, in the words of Kubernetes, that lets a pod onto nodes with this taint."""
        effect = "".join(word.capitalize() for word in self.effect.split("_"))
        return {"key": self.key, "operator": "Equal", "value": self.value, "effect": effect}


UNPROVEN_TAINT: Final = Taint(key=UNPROVEN_TAINT_KEY, value="true")
"""Taint of nodes that acceptance hasn't passed yet. Tests and the nodes' DaemonSets tolerate it, jobs and models don't;
`PoolAcceptance` takes it away."""

SPARE_TAINT: Final = Taint(key=SPARE_TAINT_KEY, value="true")
"""Taint of spare nodes of an UltraServer. New nodes start with it, and a program in the cluster opens as many as jobs
may have, and another for each that fails. Tests and the nodes' DaemonSets tolerate it, jobs and models don't."""

ACCELERATOR_RESOURCES: Final[Mapping[str, str]] = {"nvidia": "nvidia.com/gpu", "neuron": "aws.amazon.com/neuron"}
"""Extended resource of each kind of accelerator: of NVIDIA's and Neuron's device plugins (their documents, high)."""


def accelerator_taint(instance_type: InstanceType) -> Taint:
    """The accelerator's usual taint (EKS and Neuron documents, high), so that nothing else lands on its nodes.

    Raises:
        UnknownFactError: no usual taint is known for the kind of accelerator.
    """
    return Taint(key=accelerator_resource(instance_type, instead="pass taints"), value="true")


def accelerator_resource(instance_type: InstanceType, *, instead: str) -> str:
    """The extended resource that counts a type's accelerators.

    Args:
        instance_type: the type.
        instead: what the user may pass instead, as an imperative.

    Raises:
        UnknownFactError: none is known for the kind of accelerator.
    """
    kind: str = instance_type.require("accelerator_kind", instead=instead)
    if kind not in ACCELERATOR_RESOURCES:
        raise UnknownFactError(
            path="no Kubernetes resource",
            got=f"known for {kind} ({instance_type})",
            expected=" or ".join(ACCELERATOR_RESOURCES),
            remedy=instead,
        )
    return ACCELERATOR_RESOURCES[kind]
