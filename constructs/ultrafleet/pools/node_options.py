"""Options of a pool's nodes that replace derived values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.catalog.limits import TAINTS_PER_NODE_GROUP
from ultrafleet.catalog.network_card import NETWORK_INTERFACE_TYPES
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.taint import Taint
from ultrafleet.layout import EfaIntent, Interface, fabric_layout, layout_violations
from ultrafleet.rules.node_image import NodeImage
from ultrafleet.rules.node_settings import (
    node_ami_type,
    validate_max_pods,
    validate_metadata_hop_limit,
    validate_node_labels,
    validate_node_tags,
    validate_root_volume_gib,
)
from ultrafleet.rules.node_setup import NodeSetup
from ultrafleet.rules.node_volume import NodeVolume, validate_gp3_performance

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

DEFAULT_MAX_PODS = 64
"""Room for some twenty daemon pods and the jobs of a node; the subnet's IP budget grows with it."""

DEFAULT_ROOT_VOLUME_GIB = 100
"""The root volume holds the AMI; images and logs are on the instance store."""

_TAGS_OF_THE_APP = frozenset({"ultrafleet:environment", "ultrafleet:pool"})
"""Keys by which the app's stacks say whose a node is; an environment file can't set them."""


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """Options of a pool's nodes; the default derives each from the instance type.

    Attributes:
        efa_intent: which of the published EFA layouts to use.
        interfaces: a layout of your own instead, for types with none published. It is validated against what is known.
        max_pods: pods a node accepts, 1 to 250. It decides how many IPs a node may take.
        labels: Kubernetes labels besides the derived ones. Keys of `ultrafleet/` and reserved prefixes are refused.
        taints: Kubernetes taints. Default: the accelerator's usual one.
        startup_taints: Kubernetes taints besides them that something takes away from a node when it may be used:
            `UNPROVEN_TAINT` for a pool that `PoolAcceptance` tests. DaemonSets tolerate them, jobs and models don't.
        tags: tags of instances, volumes, network interfaces and the node group. Keys of `aws:` and `ultrafleet:` are
            refused, but `ultrafleet:environment` and `ultrafleet:pool`.
        root_volume_gib: size of the encrypted gp3 root volume in GiB.
        root_volume_key: customer key of the root volume. Default: the AWS-managed key, which needs no grant. A key
            created in this app gets the grants that Auto Scaling's service-linked role needs; for an imported one
            its owner must add them.
        metadata_hop_limit: 1 keeps pods without host networking from the instance metadata, and so from the node's
            credentials; a pod that insists on it needs 2, which opens it to every pod of the node.
        raid0_instance_store: join the NVMe disks for containerd and the kubelet. Default: unless the type has none.
        grdma_pci_topo_check_override: see `NodeUserData`. Default: on GB200 and GB300.
        mask_imex: see `NodeUserData`. Default: on GB200 and GB300.
        root_volume_iops: I/O operations a second of the root volume, 3,000 to 80,000. Default: EC2's, the least.
        root_volume_throughput_mibps: its throughput in MiB a second, 125 to 2,000. Default: EC2's, the least.
        volumes: encrypted volumes besides the root volume. Default: none.
        kubelet_config: more fields of the KubeletConfiguration.
        setup: a script before the node joins, containerd, registry mirrors, flags of the kubelet. Default: nothing.
        image: AMI of your own; EKS then derives none, and adds nothing to the user data. Default: EKS's image.
        ami_type: EKS AMI type, for types whose accelerator has none. Default: Amazon Linux 2023 for the type's
            accelerator and architecture; another is refused.
        node_repair_config: EKS `NodeRepairConfig` in CloudFormation's words. Default: `node_repair_config` of the
            rules: on, one node at a time, off while more than a fifth of a node group (in one of fewer than five
            nodes: more than one node) is unhealthy, and with an action for each fault.
        max_unavailable: nodes that a new launch_template_version replaces at a time.
    """

    efa_intent: EfaIntent = EfaIntent.IP_SAVING
    interfaces: Sequence[Interface] | None = None
    max_pods: int = DEFAULT_MAX_PODS
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] | None = None
    startup_taints: Sequence[Taint] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    root_volume_gib: int = DEFAULT_ROOT_VOLUME_GIB
    root_volume_key: "kms.IKey | None" = None
    metadata_hop_limit: int = 1
    raid0_instance_store: bool | None = None
    grdma_pci_topo_check_override: bool | None = None
    mask_imex: bool | None = None
    root_volume_iops: int | None = None
    root_volume_throughput_mibps: int | None = None
    volumes: Sequence[NodeVolume] = ()
    kubelet_config: Mapping[str, object] = field(default_factory=dict)
    setup: NodeSetup = field(default_factory=NodeSetup)
    image: NodeImage | None = None
    ami_type: str | None = None
    node_repair_config: Mapping[str, object] | None = None
    max_unavailable: int = 1

    def __post_init__(self) -> None:
        validate_max_pods(self.max_pods)
        if "maxPods" in self.kubelet_config:
            raise FleetError(
                path="kubelet_config",
                verb="has",
                got=f"maxPods {self.kubelet_config['maxPods']}",
                expected="none",
                remedy="pass max_pods, which the IP budget reads too",
            )
        taints = len(self.taints or ()) + len(self.startup_taints)
        if taints > TAINTS_PER_NODE_GROUP.value:
            raise FleetError(
                path="taints",
                got=f"{taints} taints",
                expected=f"at most {TAINTS_PER_NODE_GROUP.value}, which EKS takes for a node group",
                remedy="pass fewer",
            )
        validate_node_labels(self.labels)
        validate_node_tags(self.tags, allowed=_TAGS_OF_THE_APP)
        validate_root_volume_gib(self.root_volume_gib)
        validate_gp3_performance(
            "the root volume",
            size_gib=self.root_volume_gib,
            iops=self.root_volume_iops,
            throughput_mibps=self.root_volume_throughput_mibps,
        )
        validate_metadata_hop_limit(self.metadata_hop_limit)
        if self.image is not None:
            self._check_image(self.image)

    def _check_image(self, image: NodeImage) -> None:
        if self.ami_type is not None:
            raise FleetError(
                path="ami_type",
                got=f"{self.ami_type} beside image {image.image_id}",
                expected="one of them",
                remedy="leave ami_type out",
            )
        read_by_nodeadm = {
            "setup": self.setup != NodeSetup(),
            "kubelet_config": bool(self.kubelet_config),
            "raid0_instance_store": self.raid0_instance_store is not None,
            "grdma_pci_topo_check_override": self.grdma_pci_topo_check_override is not None,
            "mask_imex": self.mask_imex is not None,
        }
        image.refuse_beside([name for name, is_stated in read_by_nodeadm.items() if is_stated])

    def layout(self, instance_type: InstanceType, fabric: Fabric | None = None) -> tuple[Interface, ...]:
        """The network interfaces of a node.

        Args:
            instance_type: type of the node.
            fabric: fabric of its pool. Default: the only one of the type. A layout of the caller's own needs none.

        Raises:
            FleetError: the caller's layout breaks a rule.
            UnknownFactError: none is published and the caller passed none.
        """
        if self.interfaces is None:
            return fabric_layout(instance_type, fabric=fabric, intent=self.efa_intent)
        violations = layout_violations(instance_type, self.interfaces, allowed=NETWORK_INTERFACE_TYPES)
        if violations:
            listed = "; ".join(violation.message for violation in violations)
            raise FleetError(
                f"interfaces for {instance_type} break {len(violations)} rules: {listed}",
                path="interfaces",
                got=[tuple(interface) for interface in self.interfaces],
                expected=f"a layout that {instance_type} takes",
                remedy=listed,
            )
        return tuple(sorted(self.interfaces))

    def derived_ami_type(self, instance_type: InstanceType) -> str:
        """EKS AMI type for the accelerator and the architecture (EKS user guide, high).

        Raises:
            FleetError: the caller's own isn't the image for the type.
            UnknownFactError: none is known for the type, and none was passed.
        """
        return node_ami_type(instance_type, self.ami_type)

    def wants_raid0(self, instance_type: InstanceType) -> bool:
        """True if nodeadm joins the NVMe disks: where the type has any, or where no source says that it has none.

        Where there are none the AMI skips it (awslabs/amazon-eks-ami, setup-local-disks, high).
        """
        if self.raid0_instance_store is not None:
            return self.raid0_instance_store
        return instance_type.nvme_count != 0

    def wants_grdma_override(self, instance_type: InstanceType) -> bool:
        """True if the boot hook for EFA GPUDirect is written: on Grace Blackwell."""
        if self.grdma_pci_topo_check_override is not None:
            return self.grdma_pci_topo_check_override
        return instance_type.is_grace

    def wants_imex_masked(self, instance_type: InstanceType) -> bool:
        """True if the host's IMEX service is masked: where NVLink spans nodes, and jobs bring ComputeDomains."""
        if self.mask_imex is not None:
            return self.mask_imex
        return instance_type.is_grace


DERIVED_OPTIONS: Final = NodeOptions()
"""All derived from the type: options of every pool that is given none."""
