"""Environment file as pydantic models: they refuse, with the path in the file, what synthesis would refuse later."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from ultrafleet.catalog.eks import DEFAULT_KUBERNETES_VERSION
from ultrafleet.environment.budget_settings import BudgetSettings
from ultrafleet.environment.collected import Found, refuse_all
from ultrafleet.environment.fields import (
    Account,
    InstanceTypeName,
    KubernetesVersion,
    Moment,
    Name,
    Region,
    RoleArn,
    Settings,
    Zone,
)
from ultrafleet.environment.fleet_checks import Parts, fleet_faults
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.purchase_settings import PurchaseSettings
from ultrafleet.environment.target_settings import TargetSettings, check_targets
from ultrafleet.environment.workloads import KubernetesSettings, ServedModelSettings, TeamSettings
from ultrafleet.errors import FleetError
from ultrafleet.rules.node_settings import validate_metadata_hop_limit
from ultrafleet.rules.notification import notification_protocol
from ultrafleet.rules.reservation_end import validate_reservation_end


class SubnetSettings(Settings):
    """Subnet. Its CIDR is stated and never computed: CloudFormation would replace a subnet that changes it."""

    name: Name = Field(examples=["dallas"])
    """Name, by which pools and file systems refer to the subnet: lower-case letters, digits and hyphens."""
    kind: Literal["control_plane", "system", "accelerator", "nat"] = Field(examples=["accelerator"])
    """Purpose: `control_plane` (EKS, endpoints), `system` (nodes of controllers), `accelerator` (nodes of pools) or
    `nat` (a zonal NAT gateway)."""
    availability_zone: Zone = Field(examples=["us-east-1a"])
    """Name of the Availability Zone; for accelerators also a Local Zone, such as `us-east-1-dfw-2a`."""
    cidr: str | None = Field(default=None, examples=["10.64.32.0/19"])
    """Block of IPv4 addresses, a part of the VPC's, /16 to /28. `ultrafleet network plan ENV` proposes missing ones.
    Default: refused by synthesis."""


class NetworkSettings(Settings):
    """The environment's VPC."""

    cidr: str = Field(examples=["10.64.0.0/16"])
    """CIDR of the VPC: IPv4, /16 to /28."""
    egress: Literal["regional_nat", "zonal_nat", "none"] | None = Field(default=None, examples=["zonal_nat"])
    """Way to the internet: `zonal_nat` (with a subnet of kind `nat`), `regional_nat`, or `none`: endpoints only; see
    [decision 4](decisions/0004-egress-and-api-access.md). Default: a regional NAT gateway; with a Local Zone it has
    to be stated."""
    interface_endpoints: list[str] | None = Field(default=None, examples=[["ecr.api", "ecr.dkr", "sts"]])
    """Interface endpoints, by short service names such as `ecr.api`. Default: those that nodes call."""
    flow_logs: bool = Field(default=True, examples=[False])
    """VPC flow logs in CloudWatch Logs."""
    subnets: list[SubnetSettings]
    """Subnets: at least two of kind `control_plane` in two zones, and one of kind `accelerator` in the zone of each
    pool."""


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

    @field_validator("metadata_hop_limit")
    @classmethod
    def _check_hop_limit(cls, metadata_hop_limit: int) -> int:
        validate_metadata_hop_limit(metadata_hop_limit)
        return metadata_hop_limit


class ClusterSettings(Settings):
    """The environment's EKS cluster."""

    kubernetes_version: KubernetesVersion = Field(default=DEFAULT_KUBERNETES_VERSION, examples=["1.36"])
    """Kubernetes version, `major.minor` in quotes; the default is the newest whose end of standard support is known."""
    admin_role_arns: list[RoleArn] = Field(default=[], examples=[["arn:aws:iam::111122223333:role/operators"]])
    """IAM roles that administer the cluster, by ARN."""
    api_access_cidrs: list[str] = Field(default=[], examples=[["10.0.0.0/24"]])
    """Networks of people that may reach the private API endpoint."""
    ssm_sessions: bool = Field(default=False, examples=[True])
    """Shells on nodes through Session Manager, without SSH."""
    upgrade_policy: Literal["STANDARD", "EXTENDED"] = Field(default="STANDARD", examples=["EXTENDED"])
    """Support policy: at the end of the version's standard support EKS upgrades the control plane; `EXTENDED` keeps
    the version, in extended support, which costs more; see [cluster](constructs/cluster.md#end-of-support)."""
    control_plane_scaling_tier: str | None = Field(default=None, examples=["tier-xl"])
    """Provisioned control plane: `standard`, `tier-xl`, … Default: EKS's."""
    addons: list[str] = Field(default=[], examples=[["aws-ebs-csi-driver"]])
    """Managed add-ons besides the basic ones that every cluster gets, see [cluster](constructs/cluster.md)."""
    addon_versions: dict[str, str] = Field(default={}, examples=[{"vpc-cni": "v1.21.0-eksbuild.1"}])
    """Add-on → version instead of the catalog's for the Kubernetes version; where the catalog has none, EKS chooses,
    and `ultrafleet summary` says so, see [cluster](constructs/cluster.md#versions-of-add-ons)."""
    system_nodes: SystemNodesSettings = SystemNodesSettings()
    """Node group for controllers."""


class CapacityReservationSettings(Settings):
    """An on-demand capacity reservation, created by the environment or (with an id) made elsewhere."""

    name: Name = Field(examples=["b300"])
    """Name, by which a pool refers to the reservation."""
    instance_type: InstanceTypeName = Field(examples=["p6-b300.48xlarge"])
    """Instance type of the reservation."""
    instance_count: int = Field(ge=1, examples=[2], json_schema_extra={"unit": "instances"})
    """Instances, 1 or more."""
    availability_zone: Zone = Field(examples=["us-east-1b"])
    """Zone of the instances, which is the zone of the pool's subnet."""
    placement_group: Literal["cluster"] | None = Field(default=None, examples=["cluster"])
    """`cluster`: a cluster placement group is created for the reservation. Default: none."""
    end: Moment | None = Field(default=None, examples=["2027-01-31T12:00:00Z"])
    """End of a reservation that is created here, with an offset from UTC, such as `2027-01-31T12:00:00Z`; instances
    in it go on, on demand. Default: none."""
    capacity_reservation_id: str | None = Field(default=None, examples=["cr-0123456789abcdef0"])
    """Id of a reservation that exists, made elsewhere. Default: the reservation is created."""
    placement_group_name: str | None = Field(default=None, examples=["made-elsewhere"])
    """With an id: the cluster placement group that the reservation was made in. Default: none."""

    @field_validator("end")
    @classmethod
    def _check_end(cls, end: datetime | None) -> datetime | None:
        if end is not None:
            validate_reservation_end(end)
        return end

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.capacity_reservation_id is not None and self.end is not None:
            raise FleetError(
                path="end",
                got=f"{self.end.isoformat()} on imported {self.capacity_reservation_id}",
                expected="none",
                remedy="set it where the reservation was made: `aws ec2 modify-capacity-reservation`",
            )
        if self.capacity_reservation_id is not None and self.placement_group is not None:
            raise FleetError(
                path="placement_group",
                got=f"{self.placement_group} on imported {self.capacity_reservation_id}",
                expected="placement_group_name",
                remedy="name the group that it was made in",
            )
        if self.capacity_reservation_id is None and self.placement_group_name is not None:
            raise FleetError(
                path="placement_group_name",
                got=f"{self.placement_group_name} without a capacity_reservation_id",
                expected="placement_group",
                remedy="cluster for a reservation that is created here",
            )
        return self


class Environment(Settings):
    """Environment: one account and region, one VPC, one cluster, its capacity and its pools."""

    name: Name
    """From the file's name."""
    account: Account = Field(examples=["111122223333"])
    """AWS account id: twelve digits, in quotes."""
    region: Region = Field(examples=["us-east-1"])
    """Region's name, such as `us-east-1`."""
    production: bool = Field(examples=[True])
    """`true` retains the resources that pools depend on and protects the cluster from deletion."""
    network: NetworkSettings
    """The VPC."""
    cluster: ClusterSettings = ClusterSettings()
    """The EKS cluster, named after the file."""
    capacity_reservations: list[CapacityReservationSettings] = []
    """On-demand capacity reservations."""
    pools: list[PoolSettings]
    """Pools of accelerated nodes."""
    kubernetes: KubernetesSettings = KubernetesSettings()
    """Add-ons, delivery, acceptance."""
    notify: list[str] = Field(default=[], examples=[["oncall@example.com"]])
    """E-mail addresses and `https://` URLs that get the alarms, and EC2's events of capacity blocks; SNS sends each
    a request to confirm."""
    teams: list[TeamSettings] = []
    """Training teams."""
    models: list[ServedModelSettings] = []
    """Served models."""
    targets: list[TargetSettings] = []
    """Capacity that is wanted over time, see [the capacity desk](capacity-desk.md#targets)."""
    budget: BudgetSettings | None = None
    """USD that capacity may cost in a month, see [the capacity desk](capacity-desk.md#money). Default: none."""
    purchases: PurchaseSettings = PurchaseSettings()
    """Rules for the [purchase](capacity-desk.md#buy) of its capacity."""

    @field_validator("notify")
    @classmethod
    def _check_notify(cls, notify: list[str]) -> list[str]:
        refuse_all(_notify_faults(notify))
        return notify

    def subnet(self, name: str) -> SubnetSettings:
        """The subnet of that name."""
        return next(subnet for subnet in self.network.subnets if subnet.name == name)

    def capacity_reservation(self, name: str) -> CapacityReservationSettings:
        """The capacity reservation of that name."""
        return next(item for item in self.capacity_reservations if item.name == name)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        refuse_all([*fleet_faults(self.parts), *self._faults_of_targets(), *self._faults_of_budget()])
        return self

    def _faults_of_targets(self) -> Iterator[Found]:
        try:
            check_targets(self.targets)
        except FleetError as error:
            yield ("targets",), error

    def _faults_of_budget(self) -> Iterator[Found]:
        known = [team.name for team in self.teams]
        for team in self.budget.teams if self.budget is not None else ():
            if team not in known:
                yield (
                    ("budget", "teams", team),
                    FleetError(
                        path="budget.teams",
                        verb="names",
                        got=f"team {team!r}",
                        expected=f"one of {', '.join(known) or '(none)'}",
                        remedy="name a team of the file",
                    ),
                )

    @property
    def parts(self) -> Parts:
        """Parts that are checked together."""
        return Parts(
            region=self.region,
            vpc_cidrs=(self.network.cidr,),
            subnets=self.network.subnets,
            reservations=self.capacity_reservations,
            pools=self.pools,
            kubernetes=self.kubernetes,
            teams=self.teams,
            models=self.models,
        )

    @property
    def served_workloads(self) -> list[str]:
        """Workloads of the pools that serve models; they have no queue."""
        served = {model.pool for model in self.models}
        return sorted({pool.workload for pool in self.pools if pool.name in served})


def _notify_faults(notify: list[str]) -> Iterator[Found]:
    for index, address in enumerate(notify):
        try:
            notification_protocol(address)
        except FleetError as error:
            yield (index,), error
        if address in notify[:index]:
            yield (
                (index,),
                FleetError(path="notify", verb="has", got=f"{address} twice", expected="it once", remedy="remove one"),
            )
