"""Parts of an environment that are checked together.

What is wrong alone has no value in them: a check that reads it ends there, and the others are made beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ultrafleet.environment.collected import UnknownValueError, known
from ultrafleet.environment.document import near
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from ultrafleet.environment.pool_settings import PoolSettings
    from ultrafleet.environment.secondary_network_settings import SecondaryNetworkSettings
    from ultrafleet.environment.workloads import KubernetesSettings, ServedModelSettings, TeamSettings


class StatedSubnet(Protocol):
    """A subnet of a file."""

    @property
    def name(self) -> str:
        """Name of the subnet."""

    @property
    def kind(self) -> str:
        """Purpose of the subnet."""

    @property
    def availability_zone(self) -> str:
        """Zone of the subnet."""

    @property
    def cidr(self) -> str | None:
        """CIDR of the subnet, or None."""


class StatedReservation(Protocol):
    """An on-demand capacity reservation of a file."""

    @property
    def name(self) -> str:
        """Name of the reservation."""

    @property
    def capacity_reservation_id(self) -> str | None:
        """Id of one that exists, or None."""

    @property
    def instance_type(self) -> str:
        """Type of its instances."""

    @property
    def instance_count(self) -> int:
        """Number of them."""

    @property
    def availability_zone(self) -> str:
        """Zone of the instances."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Parts of an environment; in one that is wrong alone the keys that are right have values.

    Attributes:
        region: its region, or None where it is wrong.
        vpc_cidrs: CIDRs of its VPC; empty where they aren't known.
        subnets: subnets in the order of the file.
        reservations: on-demand capacity reservations.
        pools: pools.
        kubernetes: settings of the Kubernetes layer, or None where they are wrong.
        teams: teams.
        models: served models.
        secondary_network: secondary network; None where the file has none, or a wrong one.
        states_secondary_network: whether the file has one.
    """

    region: str | None
    vpc_cidrs: Sequence[str]
    subnets: "Sequence[StatedSubnet]"
    reservations: "Sequence[StatedReservation]"
    pools: "Sequence[PoolSettings]"
    kubernetes: "KubernetesSettings | None"
    teams: "Sequence[TeamSettings]"
    models: "Sequence[ServedModelSettings]"
    secondary_network: "SecondaryNetworkSettings | None" = None
    states_secondary_network: bool = False

    def names(self, kind: str) -> list[str]:
        """Names of the parts of a kind that are known, in the order of the file.

        Args:
            kind: such as `pools`.
        """
        return [name for item in getattr(self, kind) if (name := name_of(item)) is not None]

    def has(self, kind: str, name: str) -> bool:
        """True if a part of a kind has the name.

        Args:
            kind: such as `pools`.
            name: the name.

        Raises:
            UnknownValueError: none has it, and the name of one is wrong.
        """
        names = self.names(kind)
        if name not in names and len(names) < len(getattr(self, kind)):
            raise UnknownValueError(name)
        return name in names

    @property
    def workloads(self) -> set[str]:
        """Workloads of all pools, and of queues over cells."""
        manages = self.kubernetes.manages if self.kubernetes is not None else None
        over_cells = {queue.workload for queue in manages.queues} if manages is not None else set()
        return {pool.workload for pool in self.pools} | over_cells

    def subnet(self, name: str) -> "StatedSubnet | None":
        """The subnet of a name, or None where there is none.

        Args:
            name: the name.
        """
        if not self.has("subnets", name):
            return None
        return next(item for item in self.subnets if name_of(item) == name)

    def zone_of(self, subnet: str) -> str | None:
        """Zone of a subnet, or None where there is none.

        Args:
            subnet: its name.
        """
        found = self.subnet(subnet)
        return found.availability_zone if found is not None else None


def name_of(item: Any) -> str | None:  # noqa: ANN401 - a part of any kind
    """Name of a part, or None where it is wrong.

    Args:
        item: the part.
    """
    return known(partial(getattr, item, "name"), None)


def named_twice(where: str, count: int, name: str) -> FleetError:
    """Fault of a name that several entries have.

    Args:
        where: list that they are in.
        count: how many there are.
        name: the name.
    """
    return FleetError(
        path=where, verb="has", got=f"{count} entries named {name!r}", expected="each name once", remedy="rename one"
    )


def write_near(text: str, names: Sequence[str], otherwise: str) -> str:
    """Remedy for a name that isn't there: the nearest one, or another remedy.

    Args:
        text: as it is written.
        names: those that are there.
        otherwise: the other remedy.
    """
    found = near(text, names)
    return f"write {found}" if found else otherwise
