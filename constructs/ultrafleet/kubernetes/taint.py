"""A taint of nodes."""

from dataclasses import dataclass
from typing import Literal

from ultrafleet.catalog import InstanceType


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


def accelerator_taint(instance_type: InstanceType) -> Taint:
    """The accelerator's usual taint (EKS and Neuron documents, high), so that nothing else lands on its nodes."""
    key = "nvidia.com/gpu" if instance_type.accelerator_kind == "nvidia" else "aws.amazon.com/neuron"
    return Taint(key=key, value="true")
