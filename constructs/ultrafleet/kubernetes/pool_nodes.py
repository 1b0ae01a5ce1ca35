"""Facts of a pool that the Kubernetes layer needs: plain values, so that queues and jobs need no construct."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.kubernetes.labels import NODE_GROUP_LABEL, ULTRASERVER_LABEL, pool_labels
from ultrafleet.kubernetes.network_devices import EFA_CLASS, ROCE_CLASS, EfaDriver, NetworkDevices
from ultrafleet.kubernetes.taint import Taint, accelerator_resource, accelerator_taint
from ultrafleet.layout import Interface
from ultrafleet.rules.names import node_group_name
from ultrafleet.rules.self_managed import MANAGEMENT_LABEL, OWN_NODE_GROUP_LABEL, SELF_MANAGED


@dataclass(frozen=True, kw_only=True)
class PoolNodes:
    """Nodes of one pool at full size, as Kubernetes sees them.

    `UltraServerPool` and `AcceleratorPool` have it as `kubernetes_nodes`; for node groups of your own, state it.

    Attributes:
        pool_name: name of the pool.
        workload: what it is for: "training", "inference", or a word of yours.
        instance_type: type of the nodes.
        nodes: how many there are at once, at most, when the capacity is there: while blocks overlap, those of each.
        labels: labels that every node group puts on them; of UltraServers each has its own `ultrafleet/ultraserver`.
        taints: taints that the node group puts on them for good.
        startup_taints: taints that the node group puts on them, and something takes away when a node may be used.
        efa_interfaces: EFA devices of a node.
        ultraserver_type: the UltraServer that they are, or None for single instances.
        nodes_per_group: nodes of its largest node group: of one UltraServer, or of one block. Default: all of them.
        node_group_sizes: nodes at full size by name of the node group, where the names are known.
        roce_interfaces: RoCE devices of a node; a node has these or EFA's.
        efa_driver: what gives its EFA devices to pods. `FleetPlatform` sets it for its cluster. Default: the plugin.
        joins_instance_store: whether nodeadm joins the NVMe disks of a node, which weights of models are copied to.
        is_self_managed: whether its nodes are of Auto Scaling groups of one's own, which EKS doesn't drain or label.
    """

    pool_name: str
    workload: str
    instance_type: InstanceType
    nodes: int
    labels: Mapping[str, str]
    taints: Sequence[Taint]
    efa_interfaces: int
    ultraserver_type: UltraServerType | None = None
    nodes_per_group: int | None = None
    startup_taints: Sequence[Taint] = ()
    node_group_sizes: Mapping[str, int] = field(default_factory=dict)
    roce_interfaces: int = 0
    efa_driver: EfaDriver = EfaDriver.DEVICE_PLUGIN
    joins_instance_store: bool = True
    is_self_managed: bool = False

    @classmethod
    def of(
        cls,
        *,
        pool_name: str,
        workload: str,
        instance_type: InstanceType,
        nodes: int,
        interfaces: Sequence[Interface],
        labels: Mapping[str, str],
        taints: Sequence[Taint] | None = None,
        ultraserver_type: UltraServerType | None = None,
        nodes_per_group: int | None = None,
        startup_taints: Sequence[Taint] = (),
        node_group_sizes: Mapping[str, int] | None = None,
        efa_driver: EfaDriver = EfaDriver.DEVICE_PLUGIN,
        joins_instance_store: bool = True,
        is_self_managed: bool = False,
    ) -> "PoolNodes":
        """Nodes with the labels that every pool puts on them.

        Args:
            pool_name: name of the pool.
            workload: what it is for.
            instance_type: type of the nodes.
            nodes: how many there are at once, at most, when the capacity is there.
            interfaces: network interfaces of a node.
            labels: labels of the caller's own; they win.
            taints: taints of the nodes. Default: the accelerator's usual one.
            ultraserver_type: the UltraServer that they are. Default: none, they are single instances.
            nodes_per_group: nodes of its largest node group. Default: all of them.
            startup_taints: taints that something takes away when a node may be used. Default: none.
            node_group_sizes: nodes at full size by name of the node group. Default: not known.
            efa_driver: what gives its EFA devices to pods. Default: the device plugin.
            joins_instance_store: whether nodeadm joins the NVMe disks of a node. Default: True.
            is_self_managed: whether its nodes are of Auto Scaling groups of one's own. Default: False.
        """
        derived = pool_labels(pool_name, instance_type, workload=workload, ultraserver_type=ultraserver_type)
        if is_self_managed:
            derived[MANAGEMENT_LABEL] = SELF_MANAGED
        return cls(
            pool_name=pool_name,
            workload=workload,
            instance_type=instance_type,
            nodes=nodes,
            labels={**derived, **labels},
            taints=(accelerator_taint(instance_type),) if taints is None else tuple(taints),
            efa_interfaces=sum(interface.is_efa for interface in interfaces),
            ultraserver_type=ultraserver_type,
            nodes_per_group=nodes_per_group,
            startup_taints=tuple(startup_taints),
            node_group_sizes=dict(node_group_sizes or {}),
            roce_interfaces=sum(interface.is_secondary for interface in interfaces),
            efa_driver=efa_driver,
            joins_instance_store=joins_instance_store,
            is_self_managed=is_self_managed,
        )

    @property
    def node_group_label(self) -> str:
        """Label of its nodes that names their node group: EKS's own, or the one that self-managed nodes register."""
        return OWN_NODE_GROUP_LABEL if self.is_self_managed else NODE_GROUP_LABEL

    @property
    def network(self) -> NetworkDevices | None:
        """Devices of the network between its nodes, as pods ask for them; None where there is only ENA."""
        if self.roce_interfaces:
            return NetworkDevices(count=self.roce_interfaces, device_class=ROCE_CLASS)
        if not self.efa_interfaces:
            return None
        claimed = self.efa_driver is EfaDriver.DRA
        return NetworkDevices(count=self.efa_interfaces, device_class=EFA_CLASS if claimed else None)

    @property
    def registered_taints(self) -> tuple[Taint, ...]:
        """Taints of a node that has just come up, which its DaemonSets have to tolerate."""
        return (*self.taints, *self.startup_taints)

    @property
    def nodes_at_hand(self) -> int:
        """Nodes of its largest node group, which are there whenever a block is: of one UltraServer, or of one block."""
        return self.nodes if self.nodes_per_group is None else self.nodes_per_group

    @property
    def ultraservers(self) -> int:
        """UltraServers that it has at once, at most: more than one while blocks overlap; 0 of single instances."""
        return self.nodes // self.nodes_at_hand if self.ultraserver_type is not None else 0

    @property
    def label_keys(self) -> frozenset[str]:
        """Keys of the labels on its nodes, with those that differ between its node groups."""
        own = {OWN_NODE_GROUP_LABEL} if self.is_self_managed else set()
        return frozenset(self.labels) | own | ({ULTRASERVER_LABEL} if self.ultraserver_type is not None else set())

    def may_have(self, labels: Mapping[str, str]) -> bool:
        """True if a node of the pool may have all of these labels: one of its UltraServers the one that names it.

        Args:
            labels: labels that nodes are selected by.
        """
        others = {key: value for key, value in labels.items() if key != ULTRASERVER_LABEL}
        named = labels.get(ULTRASERVER_LABEL, self.labels.get(ULTRASERVER_LABEL))
        return others.items() <= self.labels.items() and (named is None or self._is_named(named))

    def _is_named(self, ultraserver: str) -> bool:
        """True if an UltraServer of the pool may have the name: that of a block's node group, or of an existing one."""
        if ULTRASERVER_LABEL in self.labels:
            return self.labels[ULTRASERVER_LABEL] == ultraserver
        of_block = ultraserver == self.pool_name or ultraserver.startswith(node_group_name(self.pool_name, "cr-"))
        return self.ultraserver_type is not None and of_block

    @property
    def accelerators_per_node(self) -> int:
        """GPUs or Trainium chips of a node.

        Raises:
            UnknownFactError: the number is unknown.
        """
        count: int = self.instance_type.require("accelerator_count", instead="use an instance type that has it stated")
        return count

    @property
    def accelerator_resource(self) -> str:
        """Extended resource that counts them.

        Raises:
            UnknownFactError: none is known for the kind of accelerator.
        """
        return accelerator_resource(
            self.instance_type, instead="use an instance type with NVIDIA or Neuron accelerators"
        )

    @property
    def has_multi_node_nvlink(self) -> bool:
        """True if NVLink spans the pool's nodes, so that jobs need a ComputeDomain."""
        return self.ultraserver_type is not None and self.instance_type.accelerator_kind == "nvidia"

    @property
    def acceptance_paths(self) -> tuple[str, ...]:
        """Paths between nodes that acceptance tests: NVLink or NeuronLink where it joins them, EFA or RoCE."""
        links = {"nvidia": "nvlink", "neuron": "neuronlink"}
        link = links.get(self.instance_type.accelerator_kind or "")
        if link is None:
            return ()
        joined = (link,) if self.ultraserver_type is not None else ()
        network = ("roce",) if self.roce_interfaces else ("efa",) if self.efa_interfaces else ()
        return (*joined, *network) if self.nodes_at_hand > 1 else joined

    @property
    def capacity(self) -> str:
        """UltraServer type, or instance type outside one: the value of the capacity label."""
        return str(self.ultraserver_type or self.instance_type)
