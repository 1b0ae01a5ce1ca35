"""Pools of an environment file as pydantic models."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from ultrafleet.catalog import Fabric, InstanceType, UltraServerType
from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.environment.block_settings import BlockSettings, block_faults
from ultrafleet.environment.collected import Found, UnknownValueError, attempted, raised
from ultrafleet.environment.fields import (
    FileInterface,
    InstanceTypeName,
    Name,
    Settings,
    UltraServerTypeName,
)
from ultrafleet.environment.node_settings import OwnNodeSettings
from ultrafleet.errors import FleetError
from ultrafleet.layout import EfaIntent, Interface, fabric_layout
from ultrafleet.rules.block_clock import validate_drain_lead_minutes
from ultrafleet.rules.block_overlap import peak_instances, validate_nodes_of_blocks
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.fabric import launchable_fabric
from ultrafleet.rules.node_settings import (
    validate_max_pods,
    validate_metadata_hop_limit,
    validate_node_labels,
    validate_node_tags,
    validate_root_volume_gib,
)
from ultrafleet.rules.node_volume import validate_gp3_performance, validate_volumes
from ultrafleet.rules.self_managed import SELF_MANAGED, NodeManagement

_READ_BY_NODEADM: Final = (
    "pre_bootstrap_script",
    "containerd_config",
    "registry_mirrors",
    "kubelet_flags",
    "kubelet_config",
    "raid0_instance_store",
    "grdma_pci_topo_check_override",
)
"""Settings of nodes that are written into user data of the library's."""


class NodeSettings(OwnNodeSettings):
    """Options of a pool's nodes; see `NodeOptions`."""

    efa_intent: Literal["ip_saving", "max_ip_bandwidth", "efa_8"] = Field(
        default="ip_saving", examples=["max_ip_bandwidth"]
    )
    """Purpose of the network cards: fewest IP addresses, most IP bandwidth (`max_ip_bandwidth`) or eight EFA
    interfaces (`efa_8`), see [layouts](efa-layout.md)."""
    interfaces: list[FileInterface] | None = Field(
        default=None, min_length=1, examples=[[[0, 0, "interface"], [1, 0, "efa-only"]]]
    )
    """Network interfaces instead of a derived layout: `[[card, device, "type"], …]`, type `interface`, `efa` or
    `efa-only`. Default: the type's layout."""
    max_pods: int = Field(default=64, examples=[32], json_schema_extra={"unit": "pods"})
    """Pods of a node."""
    labels: dict[str, str] = Field(default={}, examples=[{"example.com/team": "research"}])
    """Kubernetes labels besides the pool's own; `ultrafleet/` and the prefixes that EKS reserves (`kubernetes.io/`,
    `k8s.io/`, `eks.amazonaws.com/`) are refused."""
    tags: dict[str, str] = Field(default={}, examples=[{"cost-center": "4711"}])
    """Tags of instances, volumes, interfaces and the node group; `aws:` and `ultrafleet:` are refused."""
    root_volume_gib: int = Field(default=100, examples=[200], json_schema_extra={"unit": "GiB"})
    """Root volume in GiB, up to 65,536."""
    metadata_hop_limit: int = Field(default=1, examples=[2])
    """Hop limit of the instance metadata service: 1 keeps pods from the node's credentials; 2 lets every pod of the
    node reach them."""
    grdma_pci_topo_check_override: bool | None = Field(default=None, examples=[True])
    """Driver parameter for EFA GPUDirect: `true` writes it. Default: on Grace Blackwell."""
    raid0_instance_store: bool | None = Field(default=None, examples=[False])
    """NVMe disks joined to one RAID 0 volume. Default: where the type has NVMe disks."""
    kubelet_config: dict[str, object] = Field(default={}, examples=[{"shutdownGracePeriod": "60s"}])
    """Kubelet configuration, as nodeadm takes it."""
    max_unavailable: int = Field(default=1, ge=1, examples=[2], json_schema_extra={"unit": "nodes"})
    """Nodes that EKS replaces at once in an update."""

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        validate_node_labels(labels)
        return labels

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        validate_node_tags(tags)
        return tags

    @field_validator("root_volume_gib")
    @classmethod
    def _check_root_volume(cls, root_volume_gib: int) -> int:
        validate_root_volume_gib(root_volume_gib)
        return root_volume_gib

    @field_validator("metadata_hop_limit")
    @classmethod
    def _check_hop_limit(cls, metadata_hop_limit: int) -> int:
        validate_metadata_hop_limit(metadata_hop_limit)
        return metadata_hop_limit

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield from super().checks()
        yield raised(("max_pods",), lambda: validate_max_pods(self.max_pods))
        yield self._faults_of_the_kubelet()
        yield self._faults_of_the_root_volume()
        yield self._faults_beside_the_image()

    def _faults_of_the_kubelet(self) -> Iterator[Found]:
        if "maxPods" in self.kubelet_config:
            yield (
                ("kubelet_config", "maxPods"),
                FleetError(
                    path="maxPods",
                    got="stated in kubelet_config",
                    expected="max_pods of node, by which the subnet's addresses are counted",
                    remedy=f"write max_pods: {self.kubelet_config['maxPods']} instead",
                ),
            )

    def _faults_of_the_root_volume(self) -> Iterator[Found]:
        try:
            validate_gp3_performance(
                "the root volume",
                size_gib=self.root_volume_gib,
                iops=self.root_volume_iops,
                throughput_mibps=self.root_volume_throughput_mibps,
            )
        except FleetError as error:
            yield (f"root_volume_{str(error.path).split()[0]}",), error

    def _faults_beside_the_image(self) -> Iterator[Found]:
        image = self.image.image() if self.image is not None else None
        if image is not None:
            stated = [key for key in _READ_BY_NODEADM if getattr(self, key) not in (None, {}, [])]
            yield from raised(tuple(stated[:1]), lambda: image.refuse_beside(stated))

    @property
    def intent(self) -> EfaIntent:
        """The EFA intent."""
        return EfaIntent(self.efa_intent)


class _PoolSettings(Settings):
    name: Name = Field(examples=["rack-a"])
    """Name of the pool: up to 40 characters; can't change later."""
    subnet: str = Field(examples=["dallas"])
    """Name of an accelerator subnet, in the capacity's zone."""
    workload: Literal["training", "inference"] = Field(examples=["training"])
    """Use of the nodes: `training` or `inference`."""
    drain_lead_minutes: int | None = Field(default=None, examples=[120], json_schema_extra={"unit": "minutes"})
    """Minutes before a block's end at which its node group is emptied; at least 85 for `ultraserver` and 55 for
    `accelerator`. Default: 90 for `ultraserver`, 60 for `accelerator`."""
    hold: bool = Field(default=False, examples=[True])
    """`true` keeps a pool on blocks empty."""
    fabric: Literal["efa", "roce"] | None = Field(default=None, examples=["efa"])
    """Network between the nodes of different instances, `efa` or `roce`: P6e-GB300 has both and needs it stated.
    `roce` takes self-managed nodes and a `network.secondary_network`, and is not verified: see
    [network](constructs/network.md#secondary-network). Default: the type's only one."""
    management: NodeManagement = Field(default="managed", examples=["self-managed"])
    """Owner of the nodes: node groups that EKS manages (`managed`), or Auto Scaling groups whose nodes join by
    themselves (`self-managed`), see [pools](constructs/pools.md#self-managed-nodes). A pool's can't change later."""
    node: NodeSettings = NodeSettings()
    """Options of the nodes."""

    @property
    def is_self_managed(self) -> bool:
        """True if its nodes are of Auto Scaling groups, which EKS doesn't manage."""
        return self.management == SELF_MANAGED

    @property
    def chosen_fabric(self) -> Fabric | None:
        """The fabric, where the file states it."""
        return Fabric(self.fabric) if self.fabric is not None else None

    @property
    def is_on_roce(self) -> bool:
        """True if its nodes have secondary interfaces."""
        return self.chosen_fabric is Fabric.ROCE

    def layout(self, instance_type: InstanceType) -> tuple[Interface, ...]:
        """Network interfaces of a node: the file's own, or those of the type on the pool's fabric.

        Raises:
            FleetError: the fabric can't be launched, or the type hasn't it or has two.
            UnknownFactError: a layout is needed that no source publishes, and the file states none.
        """
        if self.node.interfaces is not None:
            return tuple(Interface(*interface) for interface in self.node.interfaces)
        fabric = launchable_fabric(self.name, instance_type, self.chosen_fabric, self_managed=self.is_self_managed)
        return fabric_layout(instance_type, fabric=fabric, intent=self.node.intent)


class UltraServerPoolSettings(_PoolSettings):
    """Pool of one UltraServer."""

    kind: Literal["ultraserver"] = Field(examples=["ultraserver"])
    """Kind of the pool: `ultraserver` (whole UltraServers, on capacity blocks) or `accelerator` (single instances)."""
    ultraserver_type: UltraServerTypeName = Field(examples=["u-p6e-gb200x72"])
    """UltraServer type, such as `u-p6e-gb200x72`."""
    blocks: list[BlockSettings] = Field(min_length=1)
    """Capacity blocks in the order of their starts."""

    @property
    def ultraserver(self) -> UltraServerType:
        """The UltraServer."""
        return UltraServerType.of(self.ultraserver_type)

    @property
    def sold(self) -> UltraServerType:
        """Type that is bought."""
        return self.ultraserver

    @property
    def instance(self) -> InstanceType:
        """Type of the nodes."""
        return self.capacity_blocks[0].instance_type

    @property
    def max_nodes(self) -> int:
        """Nodes at once, at most: while blocks overlap, those of each."""
        return peak_instances(self.capacity_blocks)

    @property
    def nodes_per_group(self) -> int:
        """Nodes of one UltraServer."""
        return self.capacity_blocks[0].instance_count

    @property
    def capacity_blocks(self) -> list[CapacityBlock]:
        """The blocks, checked."""
        return [self._block(block) for block in self.blocks]

    def _block(self, block: BlockSettings) -> CapacityBlock:
        return CapacityBlock.from_ultraserver_reservation(
            capacity_reservation_id=block.capacity_reservation_id,
            ultraserver_type=self.ultraserver,
            availability_zone=block.availability_zone,
            start=block.start,
            end=block.end,
            instance_count=block.instance_count,
            **block.node_group_settings,
        )

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield block_faults(self, self._block)
        yield self._faults_of_the_member()
        yield _lead_faults(self, ultraserver=True)
        yield _management_faults(self)

    def _faults_of_the_member(self) -> Iterator[Found]:
        member = self.ultraserver.instance_type  # of the type, since a wrong block has none
        if member:
            yield from _fabric_faults(self, member)
            yield from _volume_faults(self, member)


class AcceleratorPoolSettings(_PoolSettings):
    """Single accelerator instances."""

    kind: Literal["accelerator"] = Field(examples=["accelerator"])
    """Kind of the pool: `ultraserver` (whole UltraServers, on capacity blocks) or `accelerator` (single instances)."""
    instance_type: InstanceTypeName = Field(examples=["p6-b300.48xlarge"])
    """Instance type of the nodes, one that is sold as single instances."""
    nodes: int | None = Field(default=None, ge=1, examples=[2], json_schema_extra={"unit": "nodes"})
    """Number of nodes. Default: what its blocks hold at once, at most; required without blocks."""
    launch_template_version: int = Field(default=1, ge=1, examples=[2])
    """Without blocks: version of the launch template that the nodes run; with blocks it is each block's."""
    blocks: list[BlockSettings] = []
    """Capacity blocks in the order of their starts."""
    capacity_reservation: str | None = Field(default=None, examples=["b300"])
    """Name of one of the file's `capacity_reservations`. Default: none."""
    placement_group: Literal["cluster"] | None = Field(default=None, examples=["cluster"])
    """`cluster`: a cluster placement group of the nodes, without blocks or a reservation. Default: none."""

    @property
    def instance(self) -> InstanceType:
        """Type of the nodes."""
        return InstanceType.of(self.instance_type)

    @property
    def sold(self) -> InstanceType:
        """Type that is bought."""
        return self.instance

    @property
    def max_nodes(self) -> int:
        """Nodes at once, at most: while blocks overlap, those of each."""
        return peak_instances(self.capacity_blocks) if self.blocks else self.nodes or 0

    @property
    def nodes_per_group(self) -> int:
        """Nodes of its largest node group."""
        return max((block.instance_count for block in self.capacity_blocks), default=self.nodes or 0)

    @property
    def capacity_blocks(self) -> list[CapacityBlock]:
        """The blocks, checked."""
        return [self._block(block) for block in self.blocks]

    def _block(self, block: BlockSettings) -> CapacityBlock:
        return CapacityBlock.from_instance_reservation(
            capacity_reservation_id=block.capacity_reservation_id,
            instance_type=self.instance,
            instance_count=_stated_count(block),
            availability_zone=block.availability_zone,
            start=block.start,
            end=block.end,
            **block.node_group_settings,
        )

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_counts()
        yield self._faults_of_the_type()
        yield self._faults_of_the_size()
        yield self._faults_of_the_version()
        yield _lead_faults(self, ultraserver=False)
        yield _management_faults(self)
        yield self._faults_of_blocks()
        yield self._faults_of_the_placement_group()

    def _faults_of_counts(self) -> Iterator[Found]:
        for index, block in enumerate(self.blocks):
            yield from attempted(self._fault_of_count(index, block))

    def _fault_of_count(self, index: int, block: BlockSettings) -> Iterator[Found]:
        if block.instance_count is None:
            yield (
                ("blocks", index, "instance_count"),
                FleetError(
                    path=f"block {block.capacity_reservation_id}",
                    verb="has",
                    got="no instance_count",
                    expected="the number of instances in the block",
                    remedy="state it",
                ),
            )

    def _faults_of_the_type(self) -> Iterator[Found]:
        if self.instance.is_ultraserver_member:
            whole = ", ".join(str(item) for item in UltraServerType.with_members(self.instance))
            yield (
                ("instance_type",),
                FleetError(
                    path="instance_type",
                    got=self.instance_type,
                    expected="one that is sold as single instances",
                    remedy="it comes in whole UltraServers, make the pool's kind ultraserver"
                    + (f" and its ultraserver_type {whole}" if whole else ""),
                ),
            )
            return
        yield from _fabric_faults(self, self.instance)
        yield from _volume_faults(self, self.instance)

    def _faults_of_blocks(self) -> Iterator[Found]:
        if not self.blocks or self.instance.is_ultraserver_member:
            return
        wrong = list(block_faults(self, self._block))
        yield from wrong
        if not wrong:
            yield from raised(("nodes",), lambda: validate_nodes_of_blocks(self.name, self.nodes, self.capacity_blocks))

    def _faults_of_the_placement_group(self) -> Iterator[Found]:
        if self.blocks and self.placement_group is not None:
            yield (
                ("placement_group",),
                FleetError(
                    path="placement_group",
                    got=f"{self.placement_group} together with block {self.blocks[0].capacity_reservation_id}",
                    expected=f"none ({NO_PLACEMENT_GROUP.value})",
                    remedy="leave it out",
                ),
            )

    def _faults_of_the_size(self) -> Iterator[Found]:
        if not self.blocks and self.nodes is None:
            yield (
                ("nodes",),
                FleetError(
                    path="nodes",
                    got="missing",
                    expected="how many",
                    remedy="a pool without blocks has the size it states",
                ),
            )

    def _faults_of_the_version(self) -> Iterator[Found]:
        if self.blocks and self.launch_template_version != 1:
            yield (
                ("launch_template_version",),
                FleetError(
                    path="launch_template_version",
                    got=f"{self.launch_template_version} on a pool with blocks",
                    expected="it on the block whose nodes run it",
                    remedy="move it there",
                ),
            )


POOL_KINDS: Final = ("ultraserver", "accelerator")
"""Values of `kind`."""
PoolSettings = Annotated[UltraServerPoolSettings | AcceleratorPoolSettings, Field(discriminator="kind")]


def _fabric_faults(pool: _PoolSettings, instance_type: InstanceType) -> Iterator[Found]:
    if pool.fabric is not None or pool.node.interfaces is None:
        yield from raised(
            ("fabric",),
            lambda: launchable_fabric(pool.name, instance_type, pool.chosen_fabric, self_managed=pool.is_self_managed),
        )


def _volume_faults(pool: _PoolSettings, instance_type: InstanceType) -> Iterator[Found]:
    yield from raised(
        ("node", "volumes"),
        lambda: validate_volumes(instance_type, [volume.volume() for volume in pool.node.volumes]),
    )


def _management_faults(pool: _PoolSettings) -> Iterator[Found]:
    """Settings of nodes that self-managed ones can't have."""
    node = pool.node
    if not pool.is_self_managed:
        return
    if node.max_unavailable != 1:
        yield (
            ("node", "max_unavailable"),
            FleetError(
                path="max_unavailable",
                got=f"{node.max_unavailable} in a self-managed pool",
                expected="none: EKS updates the nodes of managed node groups alone",
                remedy="leave it out; an instance refresh takes numbers of its own",
            ),
        )
    if node.image is not None and node.image.user_data is not None:
        yield (
            ("node", "image", "user_data"),
            FleetError(
                path="user_data",
                got="stated for the image of a self-managed pool",
                expected="none: its nodes get their labels and taints by the user data",
                remedy="use an image by the recipes of EKS, or management: managed",
            ),
        )


def _lead_faults(pool: _PoolSettings, *, ultraserver: bool) -> Iterator[Found]:
    lead = pool.drain_lead_minutes
    if lead is not None:
        yield from raised(("drain_lead_minutes",), lambda: validate_drain_lead_minutes(lead, ultraserver=ultraserver))


def _stated_count(block: BlockSettings) -> int:
    if block.instance_count is None:
        raise UnknownValueError("instance_count")
    return block.instance_count
