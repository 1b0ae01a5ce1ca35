"""Rules between versions of charts, drivers and Kubernetes, each with the fault it prevents and its source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ultrafleet.accelerator_addons.versions import NVIDIA_DRIVER, VersionTable
from ultrafleet.catalog import eks
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes

Version = tuple[int, int, int]

_FIRST_DRA_DRIVER: Final[Version] = (0, 4, 0)
"""First DRA driver of kubernetes-sigs, which counts by semantic version; NVIDIA's were numbered by year until 25.12."""

_DRA_DRIVERS_BY_YEAR: Final[Version] = (24, 0, 0)
_EFA_DRIVERS: Final = frozenset({"aws-efa-k8s-device-plugin", "aws-dranet"})
_CLAIM_DRIVERS: Final = frozenset({"dra-driver-nvidia-gpu", "aws-dranet"})
_UNCORRECTED_KUEUES: Final[tuple[tuple[Version, Version], ...]] = (((0, 18, 0), (0, 18, 6)), ((0, 19, 0), (0, 19, 2)))
"""Versions of Kueue, from the first to before the second, without the corrections of August 2026."""


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
        remedy: what to change where it is broken.
        source: where that is known from.
        finding: what is wrong, as "got, expected"; None where nothing is.
    """

    id: str
    protects_from: str
    remedy: str
    source: Source
    finding: Callable[[RuntimeFacts], str | None]


def _kubernetes(
    need: tuple[int, int], concerns: Callable[[RuntimeFacts], bool], *, why: str, source: Source
) -> VersionRule:
    def finding(facts: RuntimeFacts) -> str | None:
        if not concerns(facts) or facts.kubernetes_version >= need:
            return None
        got = eks.spelled(facts.kubernetes_version)
        return f"kubernetes_version is {got}, expected {eks.spelled(need)} or newer"

    return VersionRule(
        id=f"kubernetes-{need[0]}-{need[1]}",
        protects_from=why,
        remedy="raise it",
        source=source,
        finding=finding,
    )


def _at_least(chart: str, minimum: Version, *, why: str, source: Source) -> VersionRule:
    def finding(facts: RuntimeFacts) -> str | None:
        if chart not in facts.installed or facts.versions.version(chart) >= minimum:
            return None
        return f"{chart} is {facts.versions.spelling(chart)}, expected {_text(minimum)} or newer"

    return VersionRule(id=f"{chart}-minimum", protects_from=why, remedy="raise it", source=source, finding=finding)


def _driver(facts: RuntimeFacts) -> str | None:
    first, dropped = eks.P6E_FIRST_DRIVER_SERIES, eks.GRDMA_OVERRIDE_DROPPED_SERIES
    if not facts.has_grace or first <= facts.versions.version(NVIDIA_DRIVER)[0] < dropped:
        return None
    return (
        f"{NVIDIA_DRIVER} is {facts.versions.spelling(NVIDIA_DRIVER)}, expected {first} or newer, and older than "
        f"{dropped}"
    )


def _device_plugin(facts: RuntimeFacts) -> str | None:
    plugin = "nvidia-device-plugin"
    if plugin not in facts.installed or not _EFA_DRIVERS & facts.installed:
        return None
    if not (0, 19, 0) <= facts.versions.version(plugin) <= (0, 19, 2):
        return None
    return f"{plugin} is {facts.versions.spelling(plugin)}, expected none of 0.19.0 to 0.19.2"


def _dra_driver(facts: RuntimeFacts) -> str | None:
    driver = "dra-driver-nvidia-gpu"
    if driver not in facts.installed:
        return None
    version = facts.versions.version(driver)
    if _FIRST_DRA_DRIVER <= version < _DRA_DRIVERS_BY_YEAR:
        return None
    return (
        f"{driver} is {facts.versions.spelling(driver)}, expected {_text(_FIRST_DRA_DRIVER)} or newer: versions by "
        "year, until 25.12, are older"
    )


def _stale_claims(facts: RuntimeFacts) -> str | None:
    driver = "dra-driver-nvidia-gpu"
    if driver not in facts.installed or facts.versions.version(driver) != _FIRST_DRA_DRIVER:
        return None
    return f"{driver} is {facts.versions.spelling(driver)}, expected 0.4.1 or newer"


def _leader_worker_sets(facts: RuntimeFacts) -> str | None:
    return _node_replacement(facts) if "lws" in facts.installed else None


def _node_replacement(facts: RuntimeFacts) -> str | None:
    version = facts.versions.version("kueue")
    if "kueue" not in facts.installed or not any(first <= version < fixed for first, fixed in _UNCORRECTED_KUEUES):
        return None
    return f"kueue is {facts.versions.spelling('kueue')}, expected 0.19.2 or newer, or 0.18 from 0.18.6 on"


def _efa_types(facts: RuntimeFacts) -> str | None:
    if "aws-efa-k8s-device-plugin" not in facts.installed:
        return None
    unknown = [pool for pool in facts.pools if pool.efa_interfaces and pool.instance_type.family.startswith("trn3")]
    if not unknown:
        return None
    return (
        f"pool {unknown[0].pool_name} is {unknown[0].instance_type}, expected a type that the EFA device plugin knows"
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
        lambda facts: bool(_CLAIM_DRIVERS & facts.installed),
        why="older clusters have no resource.k8s.io/v1, which ComputeDomains and EFA devices are claimed with",
        source=replace(
            eks.source("eks/resource-claims/minimum-kubernetes-version"),
            also=(eks.source("eks/efa-dra-driver/minimum-kubernetes-version"),),
        ),
    ),
    VersionRule(
        id="nvidia-driver-580",
        protects_from=f"older drivers don't know the GPUs; {eks.GRDMA_OVERRIDE_DROPPED_SERIES} dropped the parameter "
        "that EFA's GPUDirect needs here",
        remedy=f"choose an AMI release with the {eks.P6E_FIRST_DRIVER_SERIES} driver",
        source=replace(
            eks.source("eks/p6e/first-driver-series"),
            also=(eks.source("eks/p6e/first-driver-series-without-grdma-override"),),
        ),
        finding=_driver,
    ),
    VersionRule(
        id="nvidia-device-plugin-0-19",
        protects_from="the device plugin hands every EFA device to every GPU pod, past EFA's own driver",
        remedy="use 0.19.3",
        source=Source(
            "NVIDIA/k8s-device-plugin #1692", address="https://github.com/NVIDIA/k8s-device-plugin/issues/1692"
        ),
        finding=_device_plugin,
    ),
    VersionRule(
        id="dra-driver-nvidia-gpu-minimum",
        protects_from="older drivers don't prepare devices again after a reboot, which node repair does; and a cluster "
        "that ran 0.4 can't go back to them, which don't know its checkpoints and ComputeDomains",
        remedy="use 0.4.1",
        source=Source(
            "kubernetes-sigs/dra-driver-nvidia-gpu, upgrade from v25.12.0 to v0.4.0; of reboots: #951",
            address="https://github.com/kubernetes-sigs/dra-driver-nvidia-gpu/blob/main/site/content/docs/upgrade.md",
        ),
        finding=_dra_driver,
    ),
    VersionRule(
        id="dra-driver-nvidia-gpu-stale-claims",
        protects_from="a channel that stays allocated on a node after its job: the next ComputeDomain there waits",
        remedy="use 0.4.1",
        source=Source(
            "kubernetes-sigs/dra-driver-nvidia-gpu #1162, fixed by #1188 in 0.4.1",
            address="https://github.com/kubernetes-sigs/dra-driver-nvidia-gpu/releases/tag/v0.4.1",
        ),
        finding=_stale_claims,
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
    _at_least(
        "lws",
        (0, 8, 0),
        why="an update from older charts deletes the kind LeaderWorkerSet and with it every served model",
        source=Source("kubernetes-sigs/lws #880", address="https://github.com/kubernetes-sigs/lws/issues/880"),
    ),
    VersionRule(
        id="kueue-leader-worker-sets",
        protects_from="pods of models that were served before an update of Kueue stay gated when they are made again",
        remedy="use 0.19.2",
        source=Source(
            "kubernetes-sigs/kueue #13968, since 0.18.0 (#4932), fixed in 0.18.6 (#14603) and 0.19.2 (#14602)",
            address="https://github.com/kubernetes-sigs/kueue/issues/13968",
        ),
        finding=_leader_worker_sets,
    ),
    VersionRule(
        id="kueue-node-replacement",
        protects_from="a job whose failed node is replaced by one that another job got in the same cycle: its pod is "
        "pinned to a full node",
        remedy="use 0.19.2",
        source=Source(
            "kubernetes-sigs/kueue #14572, in 0.18.6 (#14646) and 0.19.2 (#14647)",
            address="https://github.com/kubernetes-sigs/kueue/pull/14572",
        ),
        finding=_node_replacement,
    ),
    VersionRule(
        id="efa-plugin-types",
        protects_from="nodes without EFA devices in Kubernetes: jobs never start",
        remedy="choose EFA's DRA driver (kubernetes.efa: dra), or another type: the plugin's list has no Trn3",
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
                f"{finding}: {rule.remedy}. otherwise: {rule.protects_from} (rule {rule.id}; {rule.source})",
                path=f"version rule {rule.id}",
                got=finding,
                remedy=rule.remedy,
            )


def _text(version: Version) -> str:
    return ".".join(map(str, version))
