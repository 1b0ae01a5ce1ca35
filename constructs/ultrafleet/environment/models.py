"""Environment file as pydantic models: they refuse, with the path in the file, what synthesis would refuse later."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ultrafleet.catalog import Fabric, InstanceType, UltraServerType
from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.catalog.eks import DEFAULT_KUBERNETES_VERSION
from ultrafleet.environment.fields import (
    Account,
    FileInterface,
    InstanceTypeName,
    KubernetesVersion,
    Name,
    Region,
    Settings,
    UltraServerTypeName,
    Zone,
)
from ultrafleet.environment.workloads import KubernetesSettings, ServedModelSettings, TeamSettings
from ultrafleet.errors import FleetError
from ultrafleet.layout import EfaIntent, Interface, fabric_layout
from ultrafleet.rules.capacity_block import CapacityBlock, validate_block_sequence
from ultrafleet.rules.fabric import launchable_fabric
from ultrafleet.rules.zones import region_of_zone


class SubnetSettings(Settings):
    """Subnet. Its CIDR is stated and never computed: CloudFormation would replace a subnet that changes it."""

    name: Name
    kind: Literal["control_plane", "system", "accelerator", "nat"]
    availability_zone: Zone
    cidr: str | None = None
    """Without one, `ultrafleet network plan` proposes one; synth refuses."""


class NetworkSettings(Settings):
    """The environment's VPC."""

    cidr: str
    egress: Literal["regional_nat", "zonal_nat", "none"] | None = None
    """Default: a regional NAT gateway; with a subnet in a Local Zone it has to be stated."""
    interface_endpoints: list[str] | None = None
    """Interface endpoints by service name (`ecr.api`). Default: the ones that private EKS nodes need."""
    flow_logs: bool = True
    subnets: list[SubnetSettings]


class SystemNodesSettings(Settings):
    """The small pool for controllers."""

    instance_types: list[str] = ["m7i.xlarge", "m6i.xlarge"]
    """Ordinary types of one architecture; EC2 chooses."""
    placement_group: Literal["spread", "partition"] | None = None
    """Keeps the nodes on separate racks: spread takes seven a zone, partition more. Default: EC2 places them."""
    min_size: int = Field(default=2, ge=0)
    max_size: int = Field(default=4, ge=1)
    desired_size: int = Field(default=2, ge=0)


class ClusterSettings(Settings):
    """The environment's EKS cluster."""

    kubernetes_version: KubernetesVersion = DEFAULT_KUBERNETES_VERSION
    admin_role_arns: list[str] = []
    api_access_cidrs: list[str] = []
    """Networks of people that may reach the private API endpoint."""
    ssm_sessions: bool = False
    """Lets people open shells on nodes through Session Manager, without SSH."""
    control_plane_scaling_tier: str | None = None
    addons: list[str] = []
    """Managed add-ons besides the ones that every cluster gets."""
    addon_versions: dict[str, str] = {}
    """Version to pin of an add-on. Default: EKS's default for the Kubernetes version."""
    system_nodes: SystemNodesSettings = SystemNodesSettings()


class CapacityReservationSettings(Settings):
    """An on-demand capacity reservation, created by the environment or (with an id) made elsewhere."""

    name: Name
    instance_type: InstanceTypeName
    instance_count: int = Field(ge=1)
    availability_zone: Zone
    placement_group: Literal["cluster"] | None = None
    capacity_reservation_id: str | None = None
    placement_group_name: str | None = None
    """With an id: the cluster placement group that the reservation was made in."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
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


class BlockSettings(Settings):
    """A capacity block that was bought."""

    capacity_reservation_id: str
    availability_zone: Zone
    start: datetime
    end: datetime
    instance_count: int | None = None
    """Number of instances in the block. Checked on an UltraServer pool, required on an accelerator pool."""


class NodeSettings(Settings):
    """Options of a pool's nodes; see `NodeOptions`."""

    efa_intent: Literal["ip_saving", "max_ip_bandwidth", "efa_8"] = "ip_saving"
    interfaces: list[FileInterface] | None = None
    max_pods: int = 64
    labels: dict[str, str] = {}
    tags: dict[str, str] = {}
    root_volume_gib: int = 100
    grdma_pci_topo_check_override: bool | None = None
    raid0_instance_store: bool | None = None
    kubelet_config: dict[str, object] = {}
    max_unavailable: int = Field(default=1, ge=1)

    @property
    def intent(self) -> EfaIntent:
        """The EFA intent."""
        return EfaIntent(self.efa_intent)


class _PoolSettings(Settings):
    name: Name
    subnet: str
    workload: Literal["training", "inference"]
    launch_template_version: int = Field(default=1, ge=1)
    roll_running_nodes: bool = False
    """Lets `ultrafleet preflight` pass a new launch_template_version, or another size, while nodes run."""
    drain_lead_minutes: int | None = None
    hold: bool = False
    capacity_target: Literal["resource_group", "reservation"] = "resource_group"
    fabric: Literal["efa", "roce"] | None = None
    """Network between the nodes of different instances. Default: the only one that the type has."""
    node: NodeSettings = NodeSettings()

    @property
    def chosen_fabric(self) -> Fabric | None:
        """The fabric, where the file states it."""
        return Fabric(self.fabric) if self.fabric is not None else None

    def layout(self, instance_type: InstanceType) -> tuple[Interface, ...]:
        """Network interfaces of a node: the file's own, or those of the type on the pool's fabric.

        Raises:
            FleetError: the fabric can't be launched, or the type hasn't it or has two.
            UnknownFactError: a layout is needed that no source publishes, and the file states none.
        """
        if self.node.interfaces is not None:
            return tuple(Interface(*interface) for interface in self.node.interfaces)
        fabric = launchable_fabric(self.name, instance_type, self.chosen_fabric)
        return fabric_layout(instance_type, fabric=fabric, intent=self.node.intent)


class UltraServerPoolSettings(_PoolSettings):
    """Pool of one UltraServer."""

    kind: Literal["ultraserver"]
    ultraserver_type: UltraServerTypeName
    blocks: list[BlockSettings] = Field(min_length=1)

    @property
    def ultraserver(self) -> UltraServerType:
        """The UltraServer."""
        return UltraServerType.of(self.ultraserver_type)

    @property
    def instance(self) -> InstanceType:
        """Type of the nodes."""
        return self.capacity_blocks[0].instance_type

    @property
    def max_nodes(self) -> int:
        """Nodes at full size."""
        return self.capacity_blocks[0].instance_count

    @property
    def capacity_blocks(self) -> list[CapacityBlock]:
        """The blocks, checked."""
        return [
            CapacityBlock.from_ultraserver_reservation(
                capacity_reservation_id=block.capacity_reservation_id,
                ultraserver_type=self.ultraserver,
                availability_zone=block.availability_zone,
                start=block.start,
                end=block.end,
                instance_count=block.instance_count,
            )
            for block in self.blocks
        ]

    @model_validator(mode="after")
    def _blocks_fit(self) -> Self:
        validate_block_sequence(self.name, self.capacity_blocks)
        _check_fabric(self, self.instance)
        return self


class AcceleratorPoolSettings(_PoolSettings):
    """Single accelerator instances."""

    kind: Literal["accelerator"]
    instance_type: InstanceTypeName
    nodes: int = Field(ge=1)
    blocks: list[BlockSettings] = []
    capacity_reservation: str | None = None
    """Name of one of the environment's capacity reservations."""
    placement_group: Literal["cluster"] | None = None

    @property
    def instance(self) -> InstanceType:
        """Type of the nodes."""
        return InstanceType.of(self.instance_type)

    @property
    def max_nodes(self) -> int:
        """Nodes at full size."""
        return self.nodes

    @property
    def capacity_blocks(self) -> list[CapacityBlock]:
        """The blocks, checked."""
        return [
            CapacityBlock.from_instance_reservation(
                capacity_reservation_id=block.capacity_reservation_id,
                instance_type=self.instance,
                instance_count=block.instance_count or 0,
                availability_zone=block.availability_zone,
                start=block.start,
                end=block.end,
            )
            for block in self.blocks
        ]

    @model_validator(mode="after")
    def _capacity_fits(self) -> Self:
        for block in self.blocks:
            if block.instance_count is None:
                raise FleetError(
                    path=f"block {block.capacity_reservation_id}",
                    verb="has",
                    got="no instance_count",
                    expected="the number of instances in the block",
                    remedy="state it",
                )
        if self.instance.is_ultraserver_member:
            raise FleetError(
                path="instance_type",
                got=self.instance_type,
                expected="one that is sold as single instances",
                remedy="it comes in whole UltraServers, make the pool's kind ultraserver",
            )
        _check_fabric(self, self.instance)
        if self.blocks:
            validate_block_sequence(self.name, self.capacity_blocks)
            if self.placement_group is not None:
                raise FleetError(
                    path="placement_group",
                    got=f"{self.placement_group} together with block {self.blocks[0].capacity_reservation_id}",
                    expected=f"none ({NO_PLACEMENT_GROUP.value})",
                    remedy="leave it out",
                )
        return self


PoolSettings = Annotated[UltraServerPoolSettings | AcceleratorPoolSettings, Field(discriminator="kind")]


class Environment(Settings):
    """Environment: one account and region, one VPC, one cluster, its capacity and its pools."""

    name: Name
    """From the file's name."""
    account: Account
    region: Region
    production: bool
    """Retain the resources that pools depend on, and protect the cluster from deletion."""
    network: NetworkSettings
    cluster: ClusterSettings = ClusterSettings()
    capacity_reservations: list[CapacityReservationSettings] = []
    pools: list[PoolSettings]
    kubernetes: KubernetesSettings = KubernetesSettings()
    teams: list[TeamSettings] = []
    models: list[ServedModelSettings] = []

    def subnet(self, name: str) -> SubnetSettings:
        """The subnet of that name."""
        return next(subnet for subnet in self.network.subnets if subnet.name == name)

    def capacity_reservation(self, name: str) -> CapacityReservationSettings:
        """The capacity reservation of that name."""
        return next(item for item in self.capacity_reservations if item.name == name)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_unique("network.subnets", [subnet.name for subnet in self.network.subnets])
        _check_unique("capacity_reservations", [item.name for item in self.capacity_reservations])
        _check_unique("pools", [pool.name for pool in self.pools])
        for subnet in self.network.subnets:
            if region_of_zone(subnet.availability_zone) != self.region:
                raise FleetError(
                    path=f"subnet {subnet.name}",
                    got=f"in {subnet.availability_zone}",
                    expected=f"a zone of {self.region}",
                )
        self._check_pools()
        self._check_reservations()
        self._check_workloads()
        return self

    def _check_pools(self) -> None:
        accelerator_subnets = {s.name: s for s in self.network.subnets if s.kind == "accelerator"}
        for pool in self.pools:
            subnet = accelerator_subnets.get(pool.subnet)
            if subnet is None:
                raise FleetError(
                    path=f"pool {pool.name}",
                    verb="names",
                    got=f"subnet {pool.subnet!r}",
                    expected=f"one of the accelerator subnets {', '.join(sorted(accelerator_subnets)) or '(none)'}",
                )
            for block in pool.blocks:
                if block.availability_zone != subnet.availability_zone:
                    raise FleetError(
                        path=f"pool {pool.name}",
                        verb="has",
                        got=f"block {block.capacity_reservation_id} in {block.availability_zone}",
                        expected=f"{subnet.availability_zone}, the zone of its subnet {subnet.name}",
                        remedy="name a subnet in the block's zone",
                    )

    def _check_workloads(self) -> None:
        _check_unique("teams and models", [*(team.name for team in self.teams), *(model.name for model in self.models)])
        if self.kubernetes.delivery == "none" and (self.teams or self.models):
            raise FleetError(
                path="kubernetes.delivery",
                got="none, but there are teams or models",
                expected="kubectl or argo_cd",
                remedy="their objects must be delivered to the cluster",
            )
        workloads = sorted({pool.workload for pool in self.pools})
        subnets = {subnet.name: subnet for subnet in self.network.subnets}
        for team in self.teams:
            if team.workload not in workloads:
                raise FleetError(
                    path=f"team {team.name}",
                    verb="uses",
                    got=f"the queue {team.workload}",
                    expected="one that has pools",
                    remedy=", ".join(workloads) or "(none)",
                )
            if team.file_system is not None and team.file_system.subnet not in subnets:
                raise FleetError(
                    path=f"the file system of team {team.name}",
                    got=f"in subnet {team.file_system.subnet!r}",
                    expected=f"one of {', '.join(sorted(subnets))}",
                )
        for model in self.models:
            if model.pool not in {pool.name for pool in self.pools}:
                raise FleetError(
                    path=f"model {model.name}",
                    verb="names",
                    got=f"pool {model.pool!r}",
                    expected=f"one of {', '.join(pool.name for pool in self.pools) or '(none)'}",
                )

    def _check_reservations(self) -> None:
        users: dict[str, str] = {}

        def use(reservation: str, pool: str) -> None:
            if reservation in users:
                raise FleetError(
                    path=f"capacity reservation {reservation}",
                    got=f"used by pools {users[reservation]} and {pool}",
                    expected="one pool for each reservation",
                    remedy="take it out of one of them",
                )
            users[reservation] = pool

        known = {item.name: item for item in self.capacity_reservations}
        for pool in self.pools:
            for block in pool.blocks:
                use(block.capacity_reservation_id, pool.name)
            if isinstance(pool, AcceleratorPoolSettings) and pool.capacity_reservation is not None:
                reservation = known.get(pool.capacity_reservation)
                if reservation is None:
                    raise FleetError(
                        path=f"pool {pool.name}",
                        verb="names",
                        got=f"capacity reservation {pool.capacity_reservation!r}",
                        expected=f"one of {', '.join(sorted(known)) or '(none)'}",
                    )
                use(pool.capacity_reservation, pool.name)


def _check_fabric(pool: _PoolSettings, instance_type: InstanceType) -> None:
    if pool.fabric is not None or pool.node.interfaces is None:
        launchable_fabric(pool.name, instance_type, pool.chosen_fabric)


def _check_unique(where: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise FleetError(
                path=where,
                verb="has",
                got=f"{names.count(name)} entries named {name!r}",
                expected="each name once",
            )
