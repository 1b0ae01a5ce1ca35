"""Secondary network of an environment file: the network of pools on RoCE."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from ultrafleet.environment.collected import Found
from ultrafleet.environment.fields import SecondaryNetworkId, Settings, Zone
from ultrafleet.errors import FleetError
from ultrafleet.rules.secondary_network import DEFAULT_SUBNETS, SecondaryNetworkPlan


class SecondaryNetworkSettings(Settings):
    """Secondary network with its subnets, all in one zone. Not verified on AWS."""

    cidr: str = Field(examples=["172.16.0.0/16"])
    """CIDR of the network: IPv4, /12 to /28, apart from the VPC's. Its subnets are equal parts of it, so that it can't
    change later."""
    availability_zone: Zone = Field(examples=["us-west-2b"])
    """Zone of its subnets, which is the zone of the pools on RoCE."""
    subnets: Literal[1, 2, 4, 8] = Field(default=DEFAULT_SUBNETS, examples=[4], json_schema_extra={"unit": "subnets"})
    """Number of its subnets, over which the 8 interfaces of a node spread evenly; can't change later."""
    secondary_network_id: SecondaryNetworkId | None = Field(default=None, examples=["sn-0123456789abcdef0"])
    """Existing secondary network of that CIDR without subnets: needed in a region whose CloudFormation hasn't the type.
    Default: one is made here."""

    @property
    def plan(self) -> SecondaryNetworkPlan:
        """The network's subnets."""
        return SecondaryNetworkPlan(cidr=self.cidr, availability_zone=self.availability_zone, subnets=self.subnets)

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults()

    def _faults(self) -> Iterator[Found]:
        try:
            self.plan.subnet_cidrs  # noqa: B018 - refuses
        except FleetError as error:
            yield ("availability_zone",) if "zone" in str(error.path) else ("cidr",), error
