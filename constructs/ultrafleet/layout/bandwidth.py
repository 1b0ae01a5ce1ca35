"""EFA bandwidth that a layout leaves unused: fewer EFA interfaces than the type needs for all of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ultrafleet.catalog import InstanceType
from ultrafleet.layout.interface import Interface


@dataclass(frozen=True, kw_only=True)
class EfaShortfall:
    """EFA interfaces that a layout lacks for the type's whole bandwidth.

    Attributes:
        instance_type: the type.
        interfaces: EFA interfaces of the layout.
        expected: the fewest with which the type has its whole bandwidth.
        full_gbps: EFA bandwidth of the type in Gbit/s; None where no source states it.
    """

    instance_type: InstanceType
    interfaces: int
    expected: int
    full_gbps: int | None

    @property
    def gbps(self) -> int | None:
        """EFA bandwidth of the layout in Gbit/s, taking each interface for an equal share; None where it is unknown."""
        return None if self.full_gbps is None else self.full_gbps * self.interfaces // self.expected

    @property
    def message(self) -> str:
        """Message: what the layout has, what is expected, and what to change."""
        lost = (
            "the others' bandwidth is lost"
            if self.full_gbps is None or self.gbps is None
            else f"{self.gbps:,} of {self.full_gbps:,} Gbit/s are left, {self.full_gbps - self.gbps:,} are lost"
        )
        return (
            f"{self.interfaces} EFA interface{'' if self.interfaces == 1 else 's'} on {self.instance_type}, expected "
            f"{self.expected}: {lost}, add an interface on each of the other cards"
        )


def efa_shortfall(instance_type: InstanceType, interfaces: Sequence[Interface]) -> EfaShortfall | None:
    """EFA interfaces that a layout lacks; None where it has enough, none at all, or the type's number is unknown.

    P6e-GB200 has its whole bandwidth by 4 interfaces as by 8, which EC2 documents, and takes up to 16.

    Args:
        instance_type: the type.
        interfaces: the layout, in any order.
    """
    efa = sum(interface.is_efa for interface in interfaces)
    documented = instance_type.documented_efa_interface_counts
    enough = min(documented) if documented else instance_type.max_efa_interfaces
    if enough is None or not 0 < efa < enough:
        return None
    return EfaShortfall(
        instance_type=instance_type, interfaces=efa, expected=enough, full_gbps=instance_type.efa_bandwidth_gbps
    )
