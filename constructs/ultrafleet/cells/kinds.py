"""Kinds of cells: UltraServer type, fabric and workload, with what a rack and a job take."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from ultrafleet.catalog import Fabric, UltraServerType
from ultrafleet.catalog.instance_type import InstanceType
from ultrafleet.environment.target_settings import Workload
from ultrafleet.errors import UnknownFactError
from ultrafleet.layout import Interface, fabric_layout
from ultrafleet.programme import TrancheSettings
from ultrafleet.rules.ip_budget import NodeIpDemand, node_ip_demand

_INSTEAD = "name a type of which it is known"


@dataclass(frozen=True, kw_only=True)
class CellKind:
    """Kind of cells that have one size.

    Attributes:
        ultraserver_type: type of the racks.
        fabric: `efa` or `roce`; None where the type has one only.
        workload: `training` or `inference`.
    """

    ultraserver_type: UltraServerType
    fabric: Literal["efa", "roce"] | None
    workload: Workload

    @classmethod
    def of(cls, tranche: TrancheSettings) -> Self:
        """Kind of the cells of a tranche.

        Args:
            tranche: a tranche of UltraServers.
        """
        return cls(ultraserver_type=UltraServerType.of(tranche.type), fabric=tranche.fabric, workload=tranche.workload)

    @property
    def member(self) -> InstanceType:
        """Type of the nodes.

        Raises:
            UnknownFactError: no source names it.
        """
        found = self.ultraserver_type.instance_type
        if found is None:
            raise UnknownFactError(
                path=f"instance type of {self.ultraserver_type}",
                got="not known",
                expected="a name",
                remedy=_INSTEAD,
            )
        return found

    @cached_property
    def nodes(self) -> int:
        """Nodes of a rack.

        Raises:
            UnknownFactError: no source states them.
        """
        return int(self.ultraserver_type.require("instance_count", instead=_INSTEAD))

    @cached_property
    def interfaces(self) -> tuple[Interface, ...]:
        """Network interfaces of a node.

        Raises:
            FleetError: the type hasn't the fabric, or has two and none is stated.
            UnknownFactError: no source publishes its layout.
        """
        return fabric_layout(self.member, fabric=None if self.fabric is None else Fabric(self.fabric))

    def per_node(self, max_pods: int) -> NodeIpDemand:
        """Addresses of a node.

        Args:
            max_pods: pods of a node.
        """
        return node_ip_demand(
            ip_interfaces=sum(interface.takes_ip for interface in self.interfaces),
            max_pods=max_pods,
            ipv4_per_interface=self.member.ipv4_per_interface,
        )

    def job_accelerators(self, spare_nodes: int) -> int:
        """Accelerators of a rack that a job can have.

        Args:
            spare_nodes: nodes that are kept closed to jobs.

        Raises:
            UnknownFactError: no source states how many a rack has.
        """
        all_of_them = int(self.ultraserver_type.require("accelerator_count", instead=_INSTEAD))
        return (self.nodes - spare_nodes) * (all_of_them // self.nodes)

    def job_racks(self, accelerators: int, spare_nodes: int) -> int:
        """Racks that a job takes.

        Args:
            accelerators: accelerators of the job.
            spare_nodes: nodes of each rack that are kept closed to jobs.
        """
        return -(-accelerators // self.job_accelerators(spare_nodes))
