"""Cluster of an environment file as pydantic models: made here, or one that exists."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, Literal

from pydantic import Field, field_validator

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.eks import CONTROL_PLANE_TIERS, DEFAULT_KUBERNETES_VERSION
from ultrafleet.environment.collected import Found, raised
from ultrafleet.environment.document import KeyPath, near
from ultrafleet.environment.fields import ClusterName, KubernetesVersion, Network, RoleArn, SecurityGroupId, Settings
from ultrafleet.errors import FleetError
from ultrafleet.rules.managed_addons import ADDONS, ManagedAddon
from ultrafleet.rules.node_settings import validate_metadata_hop_limit

_OF_A_NEW_CLUSTER: Final = ("api_access_cidrs", "service_cidr", "upgrade_policy", "control_plane_scaling_tier")
"""Keys about the control plane of a cluster that is made here."""


class SystemNodesSettings(Settings):
    """The small pool for controllers."""

    instance_types: list[str] = Field(default=["m7i.xlarge", "m6i.xlarge"], examples=[["m7i.2xlarge"]])
    """Ordinary types of one architecture, of which EC2 chooses."""
    placement_group: Literal["spread", "partition"] | None = Field(default=None, examples=["spread"])
    """Placement of the nodes on separate racks: `spread` (at most seven nodes a zone) or `partition`. Default: none."""
    min_size: int = Field(default=2, ge=0, examples=[1], json_schema_extra={"unit": "nodes"})
    """Fewest nodes."""
    max_size: int = Field(default=4, ge=1, examples=[6], json_schema_extra={"unit": "nodes"})
    """Most nodes."""
    desired_size: int = Field(default=2, ge=0, examples=[3], json_schema_extra={"unit": "nodes"})
    """Nodes at first."""
    metadata_hop_limit: int = Field(default=1, examples=[2])
    """Hop limit of the instance metadata service: 1 keeps pods from the nodes' credentials; 2 lets every pod of
    these nodes reach them."""

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_types()
        yield self._faults_of_sizes()

    def _faults_of_types(self) -> Iterator[Found]:
        if not self.instance_types:
            yield (
                ("instance_types",),
                FleetError(path="instance_types", got="empty", expected="at least one type", remedy="name one"),
            )
        accelerated = {item.name for item in InstanceType.all()}
        for index, name in enumerate(self.instance_types):
            if name in accelerated:
                yield (
                    ("instance_types", index),
                    FleetError(
                        path="instance_types",
                        verb="name",
                        got=name,
                        expected="ordinary types, such as m7i.xlarge",
                        remedy="accelerated nodes are pools",
                    ),
                )

    def _faults_of_sizes(self) -> Iterator[Found]:
        if self.min_size > self.max_size:
            yield ("min_size",), _out_of_order("min_size", self.min_size, f"at most {self.max_size}, the max_size")
        elif self.desired_size > self.max_size:
            most = f"at most {self.max_size}, the max_size"
            yield ("desired_size",), _out_of_order("desired_size", self.desired_size, most)
        elif self.desired_size < self.min_size:
            least = f"{self.min_size}, the min_size, or more"
            yield ("desired_size",), _out_of_order("desired_size", self.desired_size, least)

    @field_validator("metadata_hop_limit")
    @classmethod
    def _check_hop_limit(cls, metadata_hop_limit: int) -> int:
        validate_metadata_hop_limit(metadata_hop_limit)
        return metadata_hop_limit


def _out_of_order(key: str, got: int, expected: str) -> FleetError:
    return FleetError(path=key, got=got, expected=expected, remedy="change one of them")


class ExistingClusterSettings(Settings):
    """An EKS cluster that exists, made by whatever tool; nothing of it is changed or deleted."""

    name: ClusterName = Field(examples=["research"])
    """Name of the cluster; the environment may have another."""
    security_group_id: SecurityGroupId | None = Field(default=None, examples=["sg-0123456789abcdef0"])
    """Security group that EKS made for the cluster (`clusterSecurityGroupId` of DescribeCluster). Pools, models and
    delivery by kubectl need it. Default: none."""
    authentication_mode: Literal["API", "API_AND_CONFIG_MAP", "CONFIG_MAP"] | None = Field(
        default=None, examples=["API_AND_CONFIG_MAP"]
    )
    """Authentication mode of the cluster (`accessConfig` of DescribeCluster). Access entries need it: of kubectl,
    administrators and members of teams; `CONFIG_MAP` takes none. Default: none."""
    addons: list[str] = Field(default=[], examples=[["eks-pod-identity-agent"]])
    """Managed add-ons that the cluster has besides vpc-cni, coredns and kube-proxy; they are not installed again."""
    log_groups: list[Literal["host", "application"]] = Field(default=[], examples=[["host"]])
    """Existing log groups of Container Insights that get the metric filters of alarms: `host` for kernel lines,
    `application` for those of the acceptance gate."""

    @field_validator("addons")
    @classmethod
    def _check_addons(cls, addons: list[str]) -> list[str]:
        for name in addons:
            if name not in ADDONS:
                raise FleetError(
                    path="add-on",
                    got=repr(name),
                    expected=f"one of {', '.join(sorted(ADDONS))}",
                    remedy="others make no difference here: leave it out",
                )
        return addons


class ClusterSettings(Settings):
    """The environment's EKS cluster."""

    existing: ExistingClusterSettings | None = None
    """Existing cluster, of which nothing is changed; see [adopt a cluster](guides/adopt-a-cluster.md). Default: one is
    made here."""
    kubernetes_version: KubernetesVersion = Field(default=DEFAULT_KUBERNETES_VERSION, examples=["1.36"])
    """Kubernetes version, `major.minor` in quotes; the default is the newest whose end of standard support is known.
    An existing cluster's own has to be stated."""
    node_role_arn: RoleArn | None = Field(default=None, examples=["arn:aws:iam::111122223333:role/nodes"])
    """Existing role of every node, by ARN. Default: one is made here."""
    admin_role_arns: list[RoleArn] = Field(default=[], examples=[["arn:aws:iam::111122223333:role/operators"]])
    """IAM roles that administer the cluster, by ARN."""
    api_access_cidrs: list[Network] = Field(default=[], examples=[["10.0.0.0/24"]])
    """Networks of people that may reach the private API endpoint."""
    ssm_sessions: bool = Field(default=False, examples=[True])
    """Shells on nodes through Session Manager, without SSH."""
    service_cidr: Network | None = Field(default=None, examples=["172.20.0.0/16"])
    """Addresses of the cluster's services, a private /12 to /24 outside of the VPC; create-only. Self-managed pools
    need it. Default: EKS takes one of its two ranges; required where the VPC overlaps both."""
    upgrade_policy: Literal["STANDARD", "EXTENDED"] = Field(default="STANDARD", examples=["EXTENDED"])
    """Support policy: at the end of the version's standard support EKS upgrades the control plane; `EXTENDED` keeps
    the version, in extended support, which costs more; see [cluster](constructs/cluster.md#end-of-support)."""
    control_plane_scaling_tier: str | None = Field(default=None, examples=["tier-xl"])
    """Provisioned control plane: `standard`, `tier-xl`, … Default: EKS's."""
    addons: list[str] = Field(default=[], examples=[["aws-ebs-csi-driver"]])
    """Managed add-ons besides the basic ones that every cluster gets, see [cluster](constructs/cluster.md); on an
    existing cluster the only ones that are installed."""
    addon_versions: dict[str, str] = Field(default={}, examples=[{"vpc-cni": "v1.21.0-eksbuild.1"}])
    """Add-on → version instead of the catalog's for the Kubernetes version; where the catalog has none, EKS chooses,
    and `ultrafleet summary` says so, see [cluster](constructs/cluster.md#versions-of-add-ons)."""
    system_nodes: SystemNodesSettings = SystemNodesSettings()
    """Node group for controllers; on an existing cluster it is made where it is stated."""

    @property
    def made_system_nodes(self) -> SystemNodesSettings | None:
        """System nodes that are made here; None on an existing cluster whose file states none."""
        return self.system_nodes if self.existing is None or "system_nodes" in self.model_fields_set else None

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_the_role()
        yield self._faults_of_addon_names()
        yield self._faults_of_access()
        yield self._faults_of_the_tier()
        if self.existing is not None:
            yield self._faults_beside_existing(self.existing)
            yield self._faults_of_the_version(self.existing)
            yield self._faults_of_addons(self.existing)

    def _faults_of_addon_names(self) -> Iterator[Found]:
        stated: list[tuple[KeyPath, str, str | None]] = [
            *((("addons", index), name, None) for index, name in enumerate(self.addons)),
            *((("addon_versions", name), name, version) for name, version in self.addon_versions.items()),
        ]
        for path, name, version in stated:
            if name not in ADDONS:
                found = near(name, [*ADDONS])
                yield (
                    path,
                    FleetError(
                        path=str(path[-1]),
                        got=repr(name),
                        expected=f"one of {', '.join(sorted(ADDONS))}",
                        remedy=f"write {found}" if found else "others get no role here: install it yourself",
                    ),
                )
            else:
                yield from raised(path, partial(ManagedAddon, name=name, version=version))

    def _faults_of_access(self) -> Iterator[Found]:
        for index, cidr in enumerate(self.api_access_cidrs):
            if cidr.endswith("/0") or cidr in self.api_access_cidrs[:index]:
                is_all = cidr.endswith("/0")
                yield (
                    ("api_access_cidrs", index),
                    FleetError(
                        path="api_access_cidrs",
                        verb="has",
                        got=repr(cidr) if is_all else f"{cidr} twice",
                        expected="the networks of people" if is_all else "each CIDR once",
                        remedy="name them" if is_all else "remove the duplicate",
                    ),
                )
        for index, arn in enumerate(self.admin_role_arns):
            if arn in self.admin_role_arns[:index]:
                yield (
                    ("admin_role_arns", index),
                    FleetError(
                        path="admin_role_arns",
                        verb="has",
                        got=f"{arn} twice",
                        expected="each once",
                        remedy="remove one",
                    ),
                )

    def _faults_of_the_tier(self) -> Iterator[Found]:
        tier = self.control_plane_scaling_tier
        if tier is not None and tier not in CONTROL_PLANE_TIERS:
            yield (
                ("control_plane_scaling_tier",),
                FleetError(
                    path="control_plane_scaling_tier",
                    got=repr(tier),
                    expected=f"one of {', '.join(CONTROL_PLANE_TIERS)}",
                    remedy="leave it out for the standard control plane",
                ),
            )

    def _faults_of_the_role(self) -> Iterator[Found]:
        if self.node_role_arn is not None and self.ssm_sessions:
            yield (
                ("ssm_sessions",),
                FleetError(
                    path="ssm_sessions",
                    got=f"true with existing {self.node_role_arn}",
                    expected="false",
                    remedy="attach AmazonSSMManagedInstanceCore to the role where it is made: nothing of it changes "
                    "here",
                ),
            )

    def _faults_beside_existing(self, existing: ExistingClusterSettings) -> Iterator[Found]:
        for key in _OF_A_NEW_CLUSTER:
            if key in self.model_fields_set:
                yield (
                    (key,),
                    FleetError(
                        path=key,
                        got=f"stated with existing cluster {existing.name}",
                        expected="none",
                        remedy="the control plane is not changed here: remove it",
                    ),
                )

    def _faults_of_the_version(self, existing: ExistingClusterSettings) -> Iterator[Found]:
        if "kubernetes_version" not in self.model_fields_set:
            yield (
                (),
                FleetError(
                    path="kubernetes_version",
                    got=f"not stated for existing cluster {existing.name}",
                    expected="its version",
                    remedy=f"aws eks describe-cluster --name {existing.name} --query cluster.version",
                ),
            )

    def _faults_of_addons(self, existing: ExistingClusterSettings) -> Iterator[Found]:
        for addon in sorted({*self.addons, *self.addon_versions} & set(existing.addons)):
            yield (
                ("addons",) if addon in self.addons else ("addon_versions", addon),
                FleetError(
                    path=f"add-on {addon}",
                    got="both installed here and in existing.addons",
                    expected="one of them",
                    remedy="what the cluster has is not installed again",
                ),
            )
