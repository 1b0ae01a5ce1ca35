"""Rules between versions of charts, drivers and Kubernetes, each with the fault it prevents and its source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ultrafleet.accelerator_addons.versions import NVIDIA_DRIVER, VersionTable
from ultrafleet.catalog import eks
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes

Version = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """Facts that the version rules read.

    Attributes:
        kubernetes_version: major and minor of the cluster.
        versions: the table.
        pools: the accelerator pools.
        installed: names of the charts that will be installed.
    """

    kubernetes_version: tuple[int, int]
    versions: VersionTable
    pools: Sequence[PoolNodes]
    installed: frozenset[str]

    @property
    def has_grace(self) -> bool:
        """True if the cluster has GB200 or GB300 nodes."""
        return any(pool.instance_type.is_grace for pool in self.pools)


@dataclass(frozen=True, kw_only=True)
class VersionRule:
    """Version rule.

    Attributes:
        id: name of the rule, for `waived`.
        protects_from: what happens otherwise.
        source: where that is known from.
        finding: what is wrong, as "got, expected: what to change"; None where nothing is.
    """

    id: str
    protects_from: str
    source: Source
    finding: Callable[[RuntimeFacts], str | None]


def _kubernetes(
    need: tuple[int, int], concerns: Callable[[RuntimeFacts], bool], *, why: str, source: Source
) -> VersionRule:
    def finding(facts: RuntimeFacts) -> str | None:
        if not concerns(facts) or facts.kubernetes_version >= need:
            return None
        got = eks.spelled(facts.kubernetes_version)
        return f"kubernetes_version is {got}, expected {eks.spelled(need)} or newer: raise it"

    return VersionRule(
        id=f"kubernetes-{need[0]}-{need[1]}",
        protects_from=why,
        source=source,
        finding=finding,
    )


def _at_least(chart: str, minimum: Version, *, why: str, source: Source) -> VersionRule:
    def finding(facts: RuntimeFacts) -> str | None:
        if chart not in facts.installed or facts.versions.version(chart) >= minimum:
            return None
        return f"{chart} is {facts.versions.spelling(chart)}, expected {_text(minimum)} or newer: raise it"

    return VersionRule(id=f"{chart}-minimum", protects_from=why, source=source, finding=finding)


def _driver(facts: RuntimeFacts) -> str | None:
    first, dropped = eks.P6E_FIRST_DRIVER_SERIES, eks.GRDMA_OVERRIDE_DROPPED_SERIES
    if not facts.has_grace or first <= facts.versions.version(NVIDIA_DRIVER)[0] < dropped:
        return None
    return (
        f"{NVIDIA_DRIVER} is {facts.versions.spelling(NVIDIA_DRIVER)}, expected {first} or newer, and older than "
        f"{dropped}: choose an AMI release with the {first} driver"
    )


def _device_plugin(facts: RuntimeFacts) -> str | None:
    plugin = "nvidia-device-plugin"
    if not {plugin, "aws-efa-k8s-device-plugin"} <= facts.installed:
        return None
    if not (0, 19, 0) <= facts.versions.version(plugin) <= (0, 19, 2):
        return None
    return f"{plugin} is {facts.versions.spelling(plugin)}, expected none of 0.19.0 to 0.19.2: use 0.19.3"


def _dra_driver(facts: RuntimeFacts) -> str | None:
    driver = "dra-driver-nvidia-gpu"
    if driver not in facts.installed:
        return None
    version = facts.versions.version(driver)
    # Numbered by year until 25.12, from 0.4 on since the move to kubernetes-sigs.
    if (0, 4, 0) <= version < (25, 0, 0) or version >= (25, 8, 0):
        return None
    return f"{driver} is {facts.versions.spelling(driver)}, expected 25.8 or newer, or 0.4 or newer: raise it"


def _efa_types(facts: RuntimeFacts) -> str | None:
    if "aws-efa-k8s-device-plugin" not in facts.installed:
        return None
    unknown = [pool for pool in facts.pools if pool.efa_interfaces and pool.instance_type.family.startswith("trn3")]
    if not unknown:
        return None
    return (
        f"pool {unknown[0].pool_name} is {unknown[0].instance_type}, expected a type that the EFA device plugin knows: "
        "its list has no Trn3"
    )


VERSION_RULES: tuple[VersionRule, ...] = (
    _kubernetes(
        eks.P6E_MINIMUM_VERSION,
        lambda facts: facts.has_grace,
        why="P6e nodes don't join older clusters",
        source=eks.source("eks/p6e/minimum-kubernetes-version"),
    ),
    _kubernetes(
        eks.RESOURCE_CLAIMS_MINIMUM_VERSION,
        lambda facts: "dra-driver-nvidia-gpu" in facts.installed,
        why="older clusters have no resource.k8s.io/v1, which ComputeDomains are claimed with",
        source=eks.source("eks/resource-claims/minimum-kubernetes-version"),
    ),
    VersionRule(
        id="nvidia-driver-580",
        protects_from=f"older drivers don't know the GPUs; {eks.GRDMA_OVERRIDE_DROPPED_SERIES} dropped the parameter "
        "that EFA's GPUDirect needs here",
        source=replace(
            eks.source("eks/p6e/first-driver-series"),
            also=(eks.source("eks/p6e/first-driver-series-without-grdma-override"),),
        ),
        finding=_driver,
    ),
    VersionRule(
        id="nvidia-device-plugin-0-19",
        protects_from="the device plugin hands every EFA device to every GPU pod, past the EFA plugin",
        source=Source(
            "NVIDIA/k8s-device-plugin #1692", address="https://github.com/NVIDIA/k8s-device-plugin/issues/1692"
        ),
        finding=_device_plugin,
    ),
    VersionRule(
        id="dra-driver-nvidia-gpu-minimum",
        protects_from="older drivers hold pods back until numNodes of them have joined, and know no replacement nodes",
        source=Source(
            "published CustomResourceDefinition of ComputeDomain, numNodes",
            also=(Source("25.8 as the version", Confidence.MEDIUM),),
        ),
        finding=_dra_driver,
    ),
    _at_least(
        "aws-efa-k8s-device-plugin",
        (0, 5, 14),
        why="older plugins count no EFA devices on P6e, and the GPUs' NVLink controllers as EFA devices on P6-B200",
        source=Source(
            "eks-charts, aws-efa-k8s-device-plugin; aws/sagemaker-hyperpod-cli #282 for 0.5.10 on P6-B200",
            address="https://github.com/aws/eks-charts",
        ),
    ),
    _at_least(
        "neuron-helm-chart",
        (1, 1, 1),
        why="older charts' scheduler places no pods of more than one Neuron device",
        source=Source(
            "aws-ia/terraform-aws-eks-data-addons #50",
            Confidence.MEDIUM,
            "https://github.com/aws-ia/terraform-aws-eks-data-addons/pull/50",
        ),
    ),
    _at_least(
        "keda",
        (2, 20, 0),
        why="older ones add up the metrics of every pod of a namespace instead of one service's",
        source=Source(
            "kedacore/keda #7641, fixed by #7642",
            address="https://github.com/kedacore/keda/issues/7641",
            also=(Source("in 2.20", Confidence.MEDIUM),),
        ),
    ),
    _at_least(
        "kueue",
        (0, 18, 0),
        why="older ones count no claims of device classes by default, and their configuration has other names for it",
        source=Source(
            "kubernetes-sigs/kueue, release notes 0.18", address="https://github.com/kubernetes-sigs/kueue/releases"
        ),
    ),
    VersionRule(
        id="efa-plugin-types",
        protects_from="nodes without EFA devices in Kubernetes: jobs never start",
        source=Source("published values.yaml of aws-efa-k8s-device-plugin, supportedInstanceLabels"),
        finding=_efa_types,
    ),
)


def check_versions(facts: RuntimeFacts, waived: Mapping[str, str] | None = None) -> None:
    """Hold versions to the rules.

    Args:
        facts: what is to be installed where.
        waived: rules that don't apply, by id, each with the reason.

    Raises:
        FleetError: a rule is broken, or a waived one doesn't exist or has no reason.
    """
    known = {rule.id for rule in VERSION_RULES}
    for rule_id, reason in (waived or {}).items():
        if rule_id not in known or not reason.strip():
            raise FleetError(
                path=f"waived version rule {rule_id!r}",
                verb="has",
                got=f"the reason {reason!r}",
                expected=f"one of {', '.join(sorted(known))}, with a reason",
                remedy="correct it",
            )
    for rule in VERSION_RULES:
        if rule.id in (waived or {}):
            continue
        finding = rule.finding(facts)
        if finding is not None:
            raise FleetError(
                f"{finding}. otherwise: {rule.protects_from} (rule {rule.id}; {rule.source})",
                path=f"version rule {rule.id}",
                got=finding,
            )


def _text(version: Version) -> str:
    return ".".join(map(str, version))
