"""EKS: Kubernetes versions, AMI types, add-ons and reasons of node monitoring, from `data/eks.json`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, Literal

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.source import Fact, Source

_FACTS: Final = Facts("eks")

KubernetesMinor = tuple[int, int]
"""Major and minor of a Kubernetes version."""


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every fact of EKS by its id."""
    return _FACTS.items()


def fact(fact_id: str) -> Fact[Any]:
    """Fact of EKS.

    Args:
        fact_id: such as `eks/kubernetes-version/1.35/end-of-standard-support`.

    Raises:
        FleetError: there is none of that id.
    """
    return _FACTS[fact_id]


def source(fact_id: str) -> Source:
    """Source of a fact that has a value.

    Args:
        fact_id: such as `eks/ami-type/AL2023_ARM_64_NVIDIA`.

    Raises:
        FleetError: there is none of that id, or its value is unknown.
    """
    return _FACTS.source(fact_id)


def _names(prefix: str) -> tuple[str, ...]:
    """Ids directly below a prefix, without it."""
    below = (fact_id.removeprefix(prefix) for fact_id, _ in _FACTS.items() if fact_id.startswith(prefix))
    return tuple(name for name in below if "/" not in name)


def _minor(version: str) -> KubernetesMinor:
    major, minor = version.split(".")
    return int(major), int(minor)


def spelled(version: KubernetesMinor) -> str:
    """Kubernetes version as EKS spells it.

    Args:
        version: major and minor.
    """
    return ".".join(map(str, version))


def _date(fact_id: str) -> date | None:
    value = _FACTS[fact_id].value
    return None if value is None else date.fromisoformat(value)


@dataclass(frozen=True, kw_only=True)
class KubernetesVersion:
    """Kubernetes version that EKS offers.

    Attributes:
        name: `major.minor`, as EKS takes it.
        end_of_standard_support: last day of standard support; None where no source states it.
        end_of_extended_support: last day of extended support, which costs more; None where no source states it.
    """

    name: str
    end_of_standard_support: date | None
    end_of_extended_support: date | None

    @property
    def parsed(self) -> KubernetesMinor:
        """Major and minor."""
        return _minor(self.name)


KUBERNETES_VERSIONS: Final = tuple(
    KubernetesVersion(
        name=name,
        end_of_standard_support=_date(f"eks/kubernetes-version/{name}/end-of-standard-support"),
        end_of_extended_support=_date(f"eks/kubernetes-version/{name}/end-of-extended-support"),
    )
    for name in _names("eks/kubernetes-version/")
)
"""Versions that a cluster can be made with, the oldest first."""

DEFAULT_KUBERNETES_VERSION: Final = max(
    (version for version in KUBERNETES_VERSIONS if version.end_of_standard_support is not None),
    key=lambda version: version.parsed,
).name
"""Version of a cluster that states none: the newest whose end of standard support is known."""

KUBE_SCHEDULER_IMAGE_TAGS: Final = {
    _minor(name): _FACTS.text(f"eks/kube-scheduler-image/{name}").value for name in _names("eks/kube-scheduler-image/")
}
"""Tags of EKS Distro's `kube-scheduler`, by the Kubernetes version whose scheduler it is."""

P6E_MINIMUM_VERSION: Final = _minor(_FACTS.text("eks/p6e/minimum-kubernetes-version").value)
"""Oldest version that P6e nodes join."""
RESOURCE_CLAIMS_MINIMUM_VERSION: Final = _minor(_FACTS.text("eks/resource-claims/minimum-kubernetes-version").value)
"""Oldest version with `resource.k8s.io/v1`, which ComputeDomains are claimed with."""
EFA_DRA_DRIVER_MINIMUM_VERSION: Final = _minor(_FACTS.text("eks/efa-dra-driver/minimum-kubernetes-version").value)
"""Oldest version with EFA's DRA driver, which EKS recommends for new clusters from there on."""
AMAZON_LINUX_2_LAST_VERSION: Final = _minor(_FACTS.text("eks/amazon-linux-2/last-kubernetes-version").value)
"""Newest version that EKS makes Amazon Linux 2 images for."""
P6E_FIRST_AMI_RELEASE: Final = _FACTS.integer("eks/p6e/first-ami-release").value
"""First release of the AL2023 image for NVIDIA on Arm whose driver knows GB200, as a date: YYYYMMDD."""
P6E_FIRST_DRIVER_SERIES: Final = _FACTS.integer("eks/p6e/first-driver-series").value
"""First series of NVIDIA drivers that knows GB200."""
GRDMA_OVERRIDE_DROPPED_SERIES: Final = _FACTS.integer("eks/p6e/first-driver-series-without-grdma-override").value
"""First series of NVIDIA drivers without the parameter that EFA's GPUDirect needs on GB200 and GB300."""
CONTROL_PLANE_TIERS: Final = tuple(_FACTS.text("eks/control-plane-tiers").value.split())
"""Values of `ControlPlaneScalingConfig.Tier`."""
UPGRADE_POLICIES: Final = tuple(_FACTS.text("eks/upgrade-policies").value.split())
"""Values of `UpgradePolicy.SupportType`."""
CONTROL_PLANE_LOGS: Final = tuple(_FACTS.text("eks/control-plane-logs").value.split())
"""Types of control-plane logs."""
SCORING_STRATEGIES: Final = tuple(_FACTS.text("eks/scheduler-scoring-strategies").value.split())
"""Values of the scheduler's `ScoringStrategy.Type`."""

RESERVED_LABEL_PREFIXES: Final = tuple(_FACTS.text("eks/node-group/reserved-label-prefixes").value.split())
"""Parts of a label's key that EKS refuses in node groups."""

VPC_CNI_VARIABLES: Final = frozenset(_FACTS.text("eks/addon/vpc-cni/variables").value.split())
"""Environment variables of the VPC CNI."""


class AmiType(StrEnum):
    """AMI type of a managed node group, as EKS spells it."""

    AL2_X86_64_GPU = "AL2_x86_64_GPU"
    AL2023_X86_64_STANDARD = "AL2023_x86_64_STANDARD"
    AL2023_X86_64_NVIDIA = "AL2023_x86_64_NVIDIA"
    AL2023_X86_64_NEURON = "AL2023_x86_64_NEURON"
    AL2023_ARM_64_STANDARD = "AL2023_ARM_64_STANDARD"
    AL2023_ARM_64_NVIDIA = "AL2023_ARM_64_NVIDIA"
    BOTTLEROCKET_X86_64 = "BOTTLEROCKET_x86_64"
    BOTTLEROCKET_X86_64_NVIDIA = "BOTTLEROCKET_x86_64_NVIDIA"
    BOTTLEROCKET_ARM_64 = "BOTTLEROCKET_ARM_64"
    BOTTLEROCKET_ARM_64_NVIDIA = "BOTTLEROCKET_ARM_64_NVIDIA"

    @property
    def architecture(self) -> Literal["x86_64", "arm64"]:
        """Architecture of its nodes."""
        found: Literal["x86_64", "arm64"] = _FACTS.text(f"eks/ami-type/{self}/architecture").value  # type: ignore[assignment]
        return found

    @property
    def accelerators(self) -> tuple[str, ...]:
        """Accelerators that the image has drivers for: `nvidia`, `neuron`, both or none."""
        return tuple(_FACTS.text(f"eks/ami-type/{self}/accelerators").value.split())

    @property
    def is_made(self) -> bool:
        """True if EKS still publishes images of it."""
        made: bool = _FACTS[f"eks/ami-type/{self}/made"].value
        return made


def al2023_ami_type(*, architecture: str | None, accelerator: str | None) -> AmiType | None:
    """Amazon Linux 2023 AMI type for an architecture and an accelerator; None where EKS has none.

    Args:
        architecture: `x86_64` or `arm64`.
        accelerator: `nvidia`, `neuron`, or None for ordinary nodes.
    """
    wanted = () if accelerator is None else (accelerator,)
    for ami_type in AmiType:
        if ami_type.startswith("AL2023_") and (ami_type.architecture, ami_type.accelerators) == (architecture, wanted):
            return ami_type
    return None


def ami_release_parameter(ami_type: AmiType, kubernetes_version: str) -> str:
    """Public parameter of Systems Manager that holds the newest release of an Amazon Linux 2023 image.

    Args:
        ami_type: the AMI type.
        kubernetes_version: version of the cluster.
    """
    (variant,) = ami_type.accelerators or ("standard",)
    pattern: str = _FACTS.text("eks/ami-parameter").value
    return pattern.format(version=kubernetes_version, architecture=ami_type.architecture, variant=variant)


def ami_image_parameter(ami_type: AmiType, kubernetes_version: str) -> str:
    """Public parameter of Systems Manager that holds the newest image's id: the neighbour of its release.

    Args:
        ami_type: the AMI type.
        kubernetes_version: version of the cluster.
    """
    return ami_release_parameter(ami_type, kubernetes_version).rpartition("/")[0] + "/image_id"


AMI_PARAMETERS: Final = _FACTS.text("eks/ami-parameter").value.partition("{")[0]
"""Beginning of the names of those parameters."""
SERVICE_LINKED_ROLES: Final = tuple(
    _FACTS.text(f"eks/service-linked-role/{name}").value for name in _names("eks/service-linked-role/")
)
"""Roles that EKS and EC2 Auto Scaling act with, as `SERVICE/NAME`."""
UNSUPPORTED_CONTROL_PLANE_ZONE: Final = _FACTS.text("eks/unsupported-control-plane-zone").value
"""Id of a zone in which EKS takes no subnet of a control plane."""


class AddonName(StrEnum):
    """EKS managed add-on, as EKS spells it; `ADDON_NAMES` has those of the catalog that the library doesn't install."""

    VPC_CNI = "vpc-cni"
    KUBE_PROXY = "kube-proxy"
    POD_IDENTITY_AGENT = "eks-pod-identity-agent"
    COREDNS = "coredns"
    NODE_MONITORING_AGENT = "eks-node-monitoring-agent"
    CLOUDWATCH_OBSERVABILITY = "amazon-cloudwatch-observability"
    EBS_CSI_DRIVER = "aws-ebs-csi-driver"
    EFS_CSI_DRIVER = "aws-efs-csi-driver"
    FSX_CSI_DRIVER = "aws-fsx-csi-driver"
    MOUNTPOINT_S3_CSI_DRIVER = "aws-mountpoint-s3-csi-driver"
    METRICS_SERVER = "metrics-server"
    CERT_MANAGER = "cert-manager"
    KUBE_STATE_METRICS = "kube-state-metrics"
    PROMETHEUS_NODE_EXPORTER = "prometheus-node-exporter"

    @property
    def minimum_version(self) -> tuple[int, int, int] | None:
        """Oldest version that works on accelerator nodes; None where no source states one."""
        if self not in _WITH_MINIMUM:
            return None
        major, minor, patch = _FACTS.text(f"eks/addon/{self}/minimum-version").value.split(".")
        return int(major), int(minor), int(patch)

    @property
    def minimum_reason(self) -> str:
        """Why older versions don't work; empty where there is no oldest one."""
        return _FACTS[f"eks/addon/{self}/minimum-version"].note or "" if self in _WITH_MINIMUM else ""


ADDON_NAMES: Final = _names("eks/addon/")
"""Managed add-ons of AWS and of the community that are known."""


def addon_version(addon: str, kubernetes_version: str) -> Fact[str | None]:
    """Version of a managed add-on that a source states for clusters of a Kubernetes version.

    Args:
        addon: name of the add-on.
        kubernetes_version: `major.minor`.

    Returns:
        Its value is None where no source states one.
    """
    fact_id = f"eks/addon/{addon}/version/{kubernetes_version}"
    if fact_id in _FACTS:
        return _FACTS.text(fact_id)
    return Fact(None, note=f"no source states a version of {addon} for Kubernetes {kubernetes_version}")


_WITH_MINIMUM: Final = frozenset(
    name for name in ADDON_NAMES if any(fact_id == f"eks/addon/{name}/minimum-version" for fact_id, _ in facts())
)

ACCELERATED_HARDWARE_READY: Final = _FACTS.text("eks/node-monitoring/condition").value
"""Condition of a node that accelerator faults are reported with."""
NODE_MONITORING_REASONS: Final = _names("eks/node-monitoring/reason/")
"""Reasons that the node monitoring agent reports accelerator faults with, as node repair takes them."""
FABRIC_REASONS: Final = tuple(
    _FACTS.text(f"eks/node-monitoring/reason/{name}").value
    for name in (
        "NvidiaNVLinkError",
        "NvidiaFabricError",
        "FabricManagerNotRunning",
        "NvidiaDeviceCountMismatch",
        "NvidiaXID74Error",
        "NvidiaXID136Error",
        "NvidiaXID155Error",
    )
)
"""Reasons that nodes of an UltraServer report of what they share: NVLink, whose XID errors are 74, 136 and 155, and its
fabric; and that a node's count of GPUs isn't the one of its type."""
REPAIR_WAIT_MINUTES: Final = _FACTS.integer("eks/node-monitoring/repair-wait-minutes").value
"""Time that EKS waits before it repairs a node whose accelerators are faulty."""
NOT_READY_REPAIR_WAIT_MINUTES: Final = _FACTS.integer("eks/node-monitoring/not-ready-repair-wait-minutes").value
"""Time that EKS waits before it replaces a node whose kubelet says nothing."""
FATAL_XIDS: Final = tuple(
    sorted(
        int(name.removeprefix("NvidiaXID").removesuffix("Error"))
        for name in NODE_MONITORING_REASONS
        if name.startswith("NvidiaXID")
    )
)
"""XID errors after which a GPU needs a reset or its node a replacement, as the node monitoring agent counts them: the
others, such as 13, 31, 43 and 45, come from applications too, or are events."""


def host_log_group(cluster_name: str) -> str:
    """Name of the log group that the CloudWatch add-on sends the kernel lines of a cluster's nodes to.

    Args:
        cluster_name: the cluster, a plain name or a token.
    """
    fact_id = f"eks/addon/{AddonName.CLOUDWATCH_OBSERVABILITY}/host-log-group"
    return _FACTS.text(fact_id).value.replace("CLUSTER", cluster_name)


def application_log_group(cluster_name: str) -> str:
    """Name of the log group that the CloudWatch add-on sends the logs of a cluster's pods to.

    Args:
        cluster_name: the cluster, a plain name or a token.
    """
    fact_id = f"eks/addon/{AddonName.CLOUDWATCH_OBSERVABILITY}/application-log-group"
    return _FACTS.text(fact_id).value.replace("CLUSTER", cluster_name)


def xid_reason(code: int) -> str:
    """Reason that the node monitoring agent reports an XID error of an NVIDIA GPU with.

    Args:
        code: NVIDIA's number of the error.

    Raises:
        FleetError: the agent doesn't report that one.
    """
    return _FACTS.text(f"eks/node-monitoring/reason/NvidiaXID{code}Error").value
