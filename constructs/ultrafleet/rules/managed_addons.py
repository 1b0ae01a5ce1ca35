"""Facts of each EKS managed add-on that the library installs; no constructs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultrafleet.catalog.eks import AddonName, addon_version
from ultrafleet.catalog.source import CALLER, Fact
from ultrafleet.errors import FleetError
from ultrafleet.rules.spare import SPARE_TAINT_KEY
from ultrafleet.rules.unproven import UNPROVEN_TAINT_KEY


@dataclass(frozen=True, kw_only=True)
class AddonFacts:
    """Facts of one add-on.

    Args:
        before_nodes: nodes don't become ready, or get no credentials, without it.
        namespace: where its pods run.
        service_account: the account that needs AWS permissions; None when nothing does.
        managed_policies: AWS managed policies of that account, by name as `iam::aws:policy/<name>`.
        statements: statements allowed beside them: actions, resources and perhaps conditions. A resource is "*", or an
            ARN after "arn:<partition>:" with "{region}" and "{account}".
        configuration: values that this library sets.
    """

    before_nodes: bool = False
    namespace: str = "kube-system"
    service_account: str | None = None
    managed_policies: tuple[str, ...] = ()
    statements: tuple[Mapping[str, Any], ...] = ()
    configuration: Mapping[str, Any] = field(default_factory=dict)


_GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
_STARTUP_TOLERATIONS = [
    {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in (UNPROVEN_TAINT_KEY, SPARE_TAINT_KEY)
]

ADDONS: Mapping[str, AddonFacts] = {
    # Prefixes of 16 addresses instead of single ones: fewer API calls and more pods a node. Tolerates all taints
    # (chart template of amazon-vpc-cni-k8s, high). Role: EKS user guide recommends one of its own (high).
    AddonName.VPC_CNI: AddonFacts(
        before_nodes=True,
        service_account="aws-node",
        managed_policies=("AmazonEKS_CNI_Policy",),
        # Without enableNetworkPolicy, network policies are accepted and do nothing; its value is a text (EKS user
        # guide, restrict pod network traffic, high).
        configuration={
            "enableNetworkPolicy": "true",
            "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
        },
    ),
    AddonName.KUBE_PROXY: AddonFacts(before_nodes=True),
    # hostNetwork, so it runs before there is pod networking; tolerates all taints from 1.2.0 on
    # (chart values; amazon-vpc-cni-k8s #2780; high).
    AddonName.POD_IDENTITY_AGENT: AddonFacts(
        before_nodes=True,
    ),
    AddonName.COREDNS: AddonFacts(),
    # The agent tolerates all taints, its DCGM server none, and runs on amd64 only (chart values at 1.7.0, high).
    AddonName.NODE_MONITORING_AGENT: AddonFacts(
        configuration={"dcgmAgent": {"tolerations": [_GPU_TOLERATION, *_STARTUP_TOLERATIONS]}}
    ),
    AddonName.CLOUDWATCH_OBSERVABILITY: AddonFacts(
        namespace="amazon-cloudwatch",
        service_account="cloudwatch-agent",
        managed_policies=("CloudWatchAgentServerPolicy",),
    ),
    # V2 acts on volumes and snapshots that the driver made, not on every volume of the account
    # (aws-ebs-csi-driver #2918, high). The node pods of EBS, EFS and FSx tolerate all taints (chart values, high).
    AddonName.EBS_CSI_DRIVER: AddonFacts(
        service_account="ebs-csi-controller-sa",
        managed_policies=("AmazonEBSCSIDriverPolicyV2",),
    ),
    AddonName.EFS_CSI_DRIVER: AddonFacts(
        service_account="efs-csi-controller-sa",
        managed_policies=("service-role/AmazonEFSCSIDriverPolicy",),
    ),
    # Volumes are static: the fleet makes the file systems, and the driver mounts them. Its documented policy
    # (aws-fsx-csi-driver, docs/install.md, high) may make and delete file systems, of which this leaves the reading.
    AddonName.FSX_CSI_DRIVER: AddonFacts(
        service_account="fsx-csi-controller-sa",
        statements=({"actions": ["fsx:DescribeFileSystems"], "resources": ["*"]},),
    ),
    # Buckets are the workload's affair: it brings its own Pod Identity, so the driver has no role here.
    AddonName.MOUNTPOINT_S3_CSI_DRIVER: AddonFacts(configuration={"node": {"tolerateAllTaints": True}}),
    AddonName.METRICS_SERVER: AddonFacts(),
    AddonName.CERT_MANAGER: AddonFacts(),
    AddonName.KUBE_STATE_METRICS: AddonFacts(),
    AddonName.PROMETHEUS_NODE_EXPORTER: AddonFacts(),
}
"""Settings of the library for each add-on that it installs."""

ALWAYS = (
    AddonName.POD_IDENTITY_AGENT,
    AddonName.VPC_CNI,
    AddonName.KUBE_PROXY,
    AddonName.COREDNS,
    AddonName.NODE_MONITORING_AGENT,
)
"""Add-ons that every fleet has."""

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)-eksbuild\.(\d+)")


def version_key(version: str) -> tuple[int, ...] | None:
    """Parts of an add-on's version by which versions are ordered; None of another spelling.

    Args:
        version: such as "v1.20.4-eksbuild.2".
    """
    match = _VERSION.fullmatch(version)
    return None if match is None else tuple(map(int, match.groups()))


@dataclass(frozen=True, kw_only=True)
class ManagedAddon:
    """An EKS managed add-on as the caller wants it.

    Args:
        name: name of the add-on as EKS spells it.
        version: version such as "v1.20.4-eksbuild.2". Default: the one that the catalog has for the cluster's
            Kubernetes version; where that is unknown, or the catalog has none, EKS's own default of the day on which
            the add-on is made, which later deployments leave alone.
        configuration: values laid over this library's, in the add-on's own schema. Default: none.
        service_account_role_arns: roles by service account, instead of the role this library makes. Their trust must
            allow pods.eks.amazonaws.com. Default: this library's role, with the least that the add-on needs.

    Raises:
        FleetError: an unknown name, a misspelt version, or one too old for this library.
    """

    name: str
    version: str | None = None
    configuration: Mapping[str, Any] | None = None
    service_account_role_arns: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.name not in ADDONS:
            raise FleetError(
                path=f"the add-on {self.name!r}",
                got="not known",
                expected=f"one of {', '.join(sorted(ADDONS))}",
                remedy="correct the name",
            )
        # A token, such as the value of a stack parameter, can't be checked: it holds "${Token".
        if self.version is None or "${Token" in self.version:
            return
        key = version_key(self.version)
        if key is None:
            raise FleetError(
                path=f"version of {self.name}",
                got=repr(self.version),
                expected="the add-on's spelling, vMAJOR.MINOR.PATCH-eksbuild.N",
                remedy="take it from `aws eks describe-addon-versions`",
            )
        name = AddonName(self.name)
        if name.minimum_version is not None and key[:3] < name.minimum_version:
            oldest = ".".join(str(part) for part in name.minimum_version)
            raise FleetError(
                path=f"version of {self.name}",
                got=repr(self.version),
                expected=f"v{oldest} or newer",
                remedy=name.minimum_reason,
            )

    @property
    def facts(self) -> AddonFacts:
        """Facts of the add-on."""
        return ADDONS[self.name]

    def version_for(self, kubernetes_version: str | None) -> Fact[str | None]:
        """Version to install: the one that is stated here, or the catalog's.

        Args:
            kubernetes_version: of the cluster, `major.minor`; None where it isn't known.

        Returns:
            Its value is None where EKS chooses.
        """
        if self.version is not None:
            return Fact(self.version, CALLER)
        if kubernetes_version is None:
            return Fact(None, note="the Kubernetes version of the cluster isn't stated")
        return addon_version(self.name, kubernetes_version)

    @property
    def configuration_values(self) -> str | None:
        """The configuration as the JSON text that EKS takes, the same at every synthesis."""
        merged = _merge(self.facts.configuration, self.configuration or {})
        return json.dumps(merged, sort_keys=True, separators=(",", ":")) if merged else None


def select(addons: Sequence[str | ManagedAddon], *, always: bool = True) -> list[ManagedAddon]:
    """The add-ons that every fleet has, with what the caller adds to or says about them, each once.

    Args:
        addons: names, or add-ons with what the caller says about them.
        always: with those that every fleet has. False: the caller's alone, on a cluster that has add-ons already.

    Raises:
        FleetError: an unknown name, or one named twice.
    """
    wanted: dict[str, ManagedAddon] = {}
    for addon in addons:
        entry = ManagedAddon(name=addon) if isinstance(addon, str) else addon
        if entry.name in wanted:
            raise FleetError(
                path=f"the add-on {entry.name!r}",
                got="named twice",
                expected="once",
                remedy="join the two entries",
            )
        wanted[entry.name] = entry
    others = sorted(set(wanted) - set(ALWAYS))
    first = [name for name in ALWAYS if always or name in wanted]
    return [wanted.get(name) or ManagedAddon(name=name) for name in (*first, *others)]


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `under`; mappings are joined, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
