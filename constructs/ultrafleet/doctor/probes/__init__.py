"""Every probe, in the order in which they are asked."""

from typing import Final

from ultrafleet.doctor.probe import Probe
from ultrafleet.doctor.probes.addons import ADDONS
from ultrafleet.doctor.probes.blocks import BLOCKS
from ultrafleet.doctor.probes.egress import EGRESS
from ultrafleet.doctor.probes.existing_cluster import (
    EXISTING_ADDON,
    EXISTING_CLUSTER,
    EXISTING_LOG_GROUP,
    EXISTING_NODE_ROLE,
)
from ultrafleet.doctor.probes.existing_network import EXISTING_EFA_GROUP, EXISTING_SUBNET, EXISTING_VPC
from ultrafleet.doctor.probes.group_target import GROUP_TARGET
from ultrafleet.doctor.probes.identity import ACCOUNT, REGION
from ultrafleet.doctor.probes.images import IMAGES
from ultrafleet.doctor.probes.instance_types import INTERFACES, OFFERING, TYPE_FACTS
from ultrafleet.doctor.probes.kernel_lines import KERNEL_LINES, XID_FILTER
from ultrafleet.doctor.probes.kubernetes_versions import KUBERNETES_VERSION
from ultrafleet.doctor.probes.machine import MACHINE
from ultrafleet.doctor.probes.metrics import METRICS_OF_GPUS
from ultrafleet.doctor.probes.node_group_sizes import NODE_GROUP_SIZES
from ultrafleet.doctor.probes.quotas import QUOTAS
from ultrafleet.doctor.probes.roles import ROLES
from ultrafleet.doctor.probes.scale_down import SCALE_DOWN, SCALE_DOWN_EXTENSION
from ultrafleet.doctor.probes.zones import CONTROL_PLANE_ZONE, ZONE_OPT_IN

PROBES: Final[tuple[Probe, ...]] = (
    ACCOUNT,
    REGION,
    ZONE_OPT_IN,
    CONTROL_PLANE_ZONE,
    OFFERING,
    INTERFACES,
    TYPE_FACTS,
    QUOTAS,
    ROLES,
    KUBERNETES_VERSION,
    IMAGES,
    ADDONS,
    EXISTING_VPC,
    EXISTING_SUBNET,
    EXISTING_EFA_GROUP,
    EXISTING_CLUSTER,
    EXISTING_ADDON,
    EXISTING_NODE_ROLE,
    EXISTING_LOG_GROUP,
    BLOCKS,
    MACHINE,
    EGRESS,
    SCALE_DOWN,
    SCALE_DOWN_EXTENSION,
    METRICS_OF_GPUS,
    XID_FILTER,
    KERNEL_LINES,
    NODE_GROUP_SIZES,
    GROUP_TARGET,
)
"""Every probe, those that create something last; their ids are unique."""
