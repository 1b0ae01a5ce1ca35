"""Facts of instance types and UltraServer types: their names, units and kinds of value, defined here alone.

`InstanceType` and `UltraServerType` have them as typed attributes, the data files state them by these names, and
callers pass them for types of their own.
"""

from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

_CONFIG = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class InstanceTypeFacts:
    """Facts of an instance type; all optional, None is unknown."""

    accelerator_name: str | None = None
    """Accelerator, as its maker names it."""
    accelerator_kind: Literal["nvidia", "neuron", "qualcomm"] | None = None
    """Software that drives it: `nvidia`, `neuron` (Trainium, Inferentia) or `qualcomm`."""
    accelerator_count: int | None = None
    """Accelerators of an instance."""
    neuron_cores_per_accelerator: int | None = None
    """Physical NeuronCores of one Trainium or Inferentia chip."""
    logical_neuron_core_size: int | None = None
    """Physical NeuronCores that make one logical NeuronCore by default (LNC), which is what a process drives."""
    schedulable_accelerator_counts: tuple[int, ...] | None = None
    """Numbers of chips that one pod may have, where they have to be connected and topology leaves only some."""
    accelerator_memory_gib: float | None = None
    """Memory of one accelerator in GiB, where the source counts so."""
    accelerator_memory_gb: int | None = None
    """Memory of one accelerator in GB (10^9), where the source counts so."""
    vcpus: int | None = None
    """vCPUs."""
    physical_cores: int | None = None
    """Processor cores."""
    memory_gib: int | None = None
    """Main memory in GiB."""
    architecture: Literal["x86_64", "arm64"] | None = None
    """Processor architecture."""
    cpu_vendor: str | None = None
    """Maker of the processor."""
    nvme_count: int | None = None
    """NVMe disks of the instance store; 0 for none."""
    nvme_size_gb: int | None = None
    """Size of one of them in GB."""
    ebs_baseline_mbps: int | None = None
    """Baseline bandwidth to EBS in Mbit/s."""
    ebs_max_attachments: int | None = None
    """EBS volumes of an instance."""
    network_card_count: int | None = None
    """Network cards."""
    max_network_interfaces: int | None = None
    """Interfaces of an instance."""
    max_efa_interfaces: int | None = None
    """EFA interfaces of an instance, as the API says."""
    documented_efa_interface_counts: tuple[int, ...] | None = None
    """Numbers of EFA interfaces that the EC2 guide describes, where they are fewer than the maximum."""
    published_efa_layout: bool | None = None
    """True if its EFA layout is published, or a rule that gives it; the source says by whom."""
    published_roce_layout: bool | None = None
    """True if its RoCE layout is published; the source says by whom."""
    efa_bandwidth_gbps: int | None = None
    """EFA bandwidth of an instance in Gbit/s."""
    efa_generation: str | None = None
    """Generation of EFA, such as `v3`."""
    ena_bandwidth_gbps: int | None = None
    """IP bandwidth of an instance in Gbit/s."""
    ena_express: bool | None = None
    """True if ENA Express is supported."""
    ipv4_per_interface: int | None = None
    """IPv4 addresses of an interface."""
    ipv6_per_interface: int | None = None
    """IPv6 addresses of an interface."""
    network_performance: str | None = None
    """Network performance in the API's words."""
    nitro_generation: str | None = None
    """Generation of the Nitro system, such as `v5`."""
    nitro_tpm: str | None = None
    """`supported` or `unsupported`."""
    boot_modes: tuple[str, ...] | None = None
    """Boot modes: `legacy-bios`, `uefi`."""
    tcp_established_timeout_s: int | None = None
    """Time after which idle TCP connections are no longer tracked, in seconds."""
    secondary_network_supported: bool | None = None
    """True if it takes interfaces of secondary networks (RoCE)."""
    roce_device_count: int | None = None
    """RoCE devices of an instance."""
    nvlink_domain_accelerators: int | None = None
    """Accelerators in one NVLink (or NeuronLink) domain; for P6e-GB200 it depends on the UltraServer."""
    purchase_options: tuple[str, ...] | None = None
    """Ways to buy it: `on-demand`, `spot`, `capacity-block`."""
    sold_in_ultraservers: bool | None = None
    """True if it comes in whole UltraServers only."""
    supports_on_demand_capacity_reservation: bool | None = None
    """True if AWS documents on-demand capacity reservations for it."""
    placement_group_strategies: tuple[str, ...] | None = None
    """Placement group strategies that the API allows."""
    zones: tuple[str, ...] | None = None
    """Zones that documents name. Others may exist."""


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class UltraServerTypeFacts:
    """Facts of an UltraServer type; all optional, None is unknown."""

    instance_count: int | None = None
    """Instances in it."""
    accelerator_count: int | None = None
    """Accelerators in it: one NVLink or NeuronLink domain."""
    efa_bandwidth_gbps: int | None = None
    """EFA bandwidth of all its instances together in Gbit/s."""
    neuronlink_node_counts: tuple[int, ...] | None = None
    """Numbers of its instances that NeuronLink joins for one job, where the Neuron driver tells them by its files."""
    zones: tuple[str, ...] | None = None
    """Zones that documents name. Others may exist."""
    region: str | None = None
    """Region, where documents name no zone."""
