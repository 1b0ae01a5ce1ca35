"""Environment of NCCL on a network between nodes. Standard library only."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ROCE_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType(
    {"NCCL_NET_PLUGIN": "none", "NCCL_IB_HCA": "rocep", "NCCL_SOCKET_IFNAME": "eth0"}
)
"""NCCL's own verbs over the RoCE devices, past aws-ofi-nccl (NVIDIA/aicr #1413: all-reduce on p6e-gb300r, high)."""
EFA_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({"FI_PROVIDER": "efa"})
"""Libfabric's provider of aws-ofi-nccl (EKS user guide, EFA, high)."""
