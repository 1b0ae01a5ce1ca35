"""Every version that the Kubernetes layer pins, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ultrafleet.catalog.eks import P6E_FIRST_DRIVER_SERIES
from ultrafleet.catalog.source import CALLER, Confidence, Source
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.chart import Chart, parse_version

_CHARTS = (
    # Accelerators.
    Chart(
        name="nvidia-device-plugin",
        repository="https://nvidia.github.io/k8s-device-plugin",
        version="0.19.3",
        source=Source("chart repository, 2026-11; values: deployments/helm/nvidia-device-plugin/values.yaml"),
    ),
    Chart(
        name="dra-driver-nvidia-gpu",
        repository="oci://registry.k8s.io/dra-driver-nvidia/charts/dra-driver-nvidia-gpu",
        version="0.4.1",
        source=Source("registry, 2026-11, after the move to kubernetes-sigs; published values.yaml"),
    ),
    Chart(
        name="aws-efa-k8s-device-plugin",
        repository="https://aws.github.io/eks-charts",
        version="0.5.30",
        source=Source("chart repository, 2026-11; published values.yaml"),
    ),
    Chart(
        name="aws-dranet",
        repository="https://aws.github.io/eks-charts",
        version="1.0.0",
        source=Source(
            "aws/eks-charts, stable/aws-dranet @5239609 (2026-08-03), with dranet v1.2.0-eksbuild.2",
            address="https://github.com/aws/eks-charts/tree/master/stable/aws-dranet",
        ),
    ),
    Chart(
        name="aws-node-termination-handler",
        repository="oci://public.ecr.aws/aws-ec2/helm/aws-node-termination-handler",
        version="0.27.6",
        source=Source(
            "aws/aws-node-termination-handler @62a8761 (2026-07-22), config/helm, with v1.25.6; that the registry has "
            "this version was not looked up",
            Confidence.MEDIUM,
            "https://github.com/aws/aws-node-termination-handler/tree/main/config/helm",
        ),
    ),
    Chart(
        name="neuron-helm-chart",
        repository="oci://public.ecr.aws/neuron/neuron-helm-chart",
        version="1.1.2",
        source=Source(
            "public configurations that install it; values: aws-neuron/neuron-helm-charts", Confidence.MEDIUM
        ),
    ),
    # Queues and jobs.
    Chart(
        name="kueue",
        repository="oci://registry.k8s.io/kueue/charts/kueue",
        version="0.19.2",
        source=Source("registry, 2026-11; published values.yaml"),
    ),
    Chart(
        name="jobset",
        repository="oci://registry.k8s.io/jobset/charts/jobset",
        version="0.12.0",
        source=Source("registry, 2026-11; published values.yaml"),
    ),
    Chart(
        name="kubeflow-trainer",
        repository="oci://ghcr.io/kubeflow/charts/kubeflow-trainer",
        version="2.3.0",
        source=Source("registry, 2026-11; published values.yaml"),
    ),
    Chart(
        name="lws",
        repository="oci://registry.k8s.io/lws/charts/lws",
        version="0.8.0",
        source=Source("registry, 2026-11; published values.yaml"),
    ),
    # What serves models.
    Chart(
        name="keda",
        repository="https://kedacore.github.io/charts",
        version="2.20.2",
        source=Source(
            "releases of kedacore/keda, 2026-08; the chart has the same version",
            address="https://github.com/kedacore/keda/releases",
        ),
    ),
    Chart(
        name="aws-load-balancer-controller",
        repository="https://aws.github.io/eks-charts",
        version="3.2.2",
        source=Source("newest that aws-cdk-lib 2.275 knows; the chart has the controller's version since 3.0"),
    ),
)

GPU_OPERATOR = "gpu-operator"
"""NVIDIA's GPU operator: not installed here; where a cluster has it, it brings the device plugin."""

_STANDS_FOR = {GPU_OPERATOR: "nvidia-device-plugin"}

NVIDIA_DRIVER = "nvidia-driver"
"""Name of the NVIDIA driver in the version table: it comes with the AMI, and the rules read its expected version."""

_NVIDIA_DRIVER_VERSION = f"{P6E_FIRST_DRIVER_SERIES}.0.0"
"""Series of the EKS AL2023 NVIDIA AMIs since the first release that P6e runs with."""


def known_charts() -> frozenset[str]:
    """Names that the version table has: of the charts, and of the driver."""
    return frozenset({*(chart.name for chart in _CHARTS), NVIDIA_DRIVER})


@dataclass(frozen=True)
class VersionTable:
    """Versions of all charts, and of the NVIDIA driver that the AMI is expected to bring.

    Attributes:
        charts: the charts by name.
        nvidia_driver: version of the driver.
    """

    charts: Mapping[str, Chart]
    nvidia_driver: str = _NVIDIA_DRIVER_VERSION

    @staticmethod
    def of(versions: Mapping[str, str] | None = None) -> "VersionTable":
        """The library's table with other versions laid over it.

        Args:
            versions: versions by chart name, or "nvidia-driver". The rules between versions hold for them, too.

        Raises:
            FleetError: a name that the table doesn't have, or a malformed version.
        """
        charts = {chart.name: chart for chart in _CHARTS}
        driver = _NVIDIA_DRIVER_VERSION
        for name, version in (versions or {}).items():
            parse_version(name, version)
            if name == NVIDIA_DRIVER:
                driver = version
            elif name in charts:
                charts[name] = replace(charts[name], version=version, source=CALLER)
            else:
                raise FleetError(
                    path=f"version of {name!r}",
                    got=repr(version),
                    expected=f"a name that the table has ({', '.join([*sorted(charts), NVIDIA_DRIVER])})",
                    remedy="correct the name",
                )
        return VersionTable(charts, driver)

    def version(self, name: str) -> tuple[int, int, int]:
        """Major, minor and patch of a chart or of the driver."""
        return parse_version(name, self.nvidia_driver) if name == NVIDIA_DRIVER else self.charts[name].parsed_version

    def spelling(self, name: str) -> str:
        """Version of a chart or of the driver, as its publisher spells it."""
        return self.nvidia_driver if name == NVIDIA_DRIVER else self.charts[name].version


def is_existing(chart: str, existing: Mapping[str, str]) -> bool:
    """True if a cluster has a chart, or one that brings the same.

    Args:
        chart: name of the chart.
        existing: versions of the charts that the cluster has, by name.
    """
    return chart in existing or any(stands_for == chart for name, stands_for in _STANDS_FOR.items() if name in existing)


def with_existing(versions: Mapping[str, str], existing: Mapping[str, str]) -> dict[str, str]:
    """Stated versions, with those of the charts that a cluster has already.

    Args:
        versions: stated versions of charts that are installed here, by name.
        existing: versions of the charts that the cluster has, by name.

    Raises:
        FleetError: a chart that exists and whose version to install is stated, too, or one that isn't known.
    """
    known = {chart.name for chart in _CHARTS} | set(_STANDS_FOR)
    for name, version in existing.items():
        parse_version(name, version)
        if name not in known:
            raise FleetError(
                path=f"existing chart {name!r}",
                got="not known",
                expected=f"one of {', '.join(sorted(known))}",
                remedy="others make no difference here: leave it out",
            )
        if name in versions:
            raise FleetError(
                path=f"version of {name!r}",
                got=f"{versions[name]} to install, and {version} exists",
                expected="one of them",
                remedy="an existing chart is not installed again: remove it from chart_versions",
            )
    return {**versions, **{name: version for name, version in existing.items() if name not in _STANDS_FOR}}
