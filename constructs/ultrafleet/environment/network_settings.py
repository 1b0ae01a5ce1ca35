"""Network of an environment file as pydantic models: a VPC made here, or one that exists."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ultrafleet.environment.collected import Found, attempted
from ultrafleet.environment.fields import Name, RouteTableId, SecurityGroupId, Settings, SubnetId, VpcId, Zone
from ultrafleet.environment.secondary_network_settings import SecondaryNetworkSettings
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from ultrafleet.environment.document import KeyPath

_OF_A_NEW_VPC = ("egress", "interface_endpoints", "flow_logs")
"""Keys about what is made in a VPC that is made here, and never in one that exists."""


class SubnetSettings(Settings):
    """Subnet. Its CIDR is stated and never computed: CloudFormation would replace a subnet that changes it."""

    name: Name = Field(examples=["dallas"])
    """Name, by which pools and file systems refer to the subnet: lower-case letters, digits and hyphens."""
    kind: Literal["control_plane", "system", "accelerator", "nat"] = Field(examples=["accelerator"])
    """Purpose: `control_plane` (EKS, endpoints), `system` (nodes of controllers), `accelerator` (nodes of pools) or
    `nat` (a zonal NAT gateway)."""
    availability_zone: Zone = Field(examples=["us-east-1a"])
    """Name of the Availability Zone; for accelerators also a Local Zone, such as `us-east-1-dfw-2a`."""
    cidr: str | None = Field(default=None, examples=["10.64.32.0/19"])
    """Block of IPv4 addresses, a part of the VPC's, /16 to /28; of an existing subnet its own. `ultrafleet network plan
    ENV` proposes missing ones. Default: refused by synthesis."""
    subnet_id: SubnetId | None = Field(default=None, examples=["subnet-0123456789abcdef0"])
    """Existing subnet of the existing VPC, used as it is. Default: the subnet is made here."""
    route_table_id: RouteTableId | None = Field(default=None, examples=["rtb-0123456789abcdef0"])
    """Existing route table, the way out of a subnet that is made here in an existing VPC. Default: none."""

    @property
    def is_made_here(self) -> bool:
        """True if the environment makes the subnet."""
        return self.subnet_id is None


class NetworkSettings(Settings):
    """The environment's VPC: made here, or an existing one with `vpc_id`."""

    vpc_id: VpcId | None = Field(default=None, examples=["vpc-0123456789abcdef0"])
    """Existing VPC, in which no NAT gateway, endpoint, flow log or route table is made; see [adopt a
    cluster](guides/adopt-a-cluster.md). Default: a VPC is made here."""
    cidr: str | None = Field(default=None, examples=["10.64.0.0/16"])
    """CIDR of the VPC: IPv4, /16 to /28; of an existing one its first. Required, but in an existing VPC in which no
    subnet is made. Default: none."""
    secondary_cidrs: list[str] = Field(default=[], examples=[["100.64.0.0/16"]])
    """Further CIDRs of the VPC, where its first one has no room: `ultrafleet network plan` proposes one."""
    egress: Literal["regional_nat", "zonal_nat", "none"] | None = Field(default=None, examples=["zonal_nat"])
    """Way to the internet: `zonal_nat` (with a subnet of kind `nat`), `regional_nat`, or `none`: endpoints only; see
    [decision 4](decisions/0004-egress-and-api-access.md). Default: a regional NAT gateway; with a Local Zone it has
    to be stated."""
    interface_endpoints: list[str] | None = Field(default=None, examples=[["ecr.api", "ecr.dkr", "sts"]])
    """Interface endpoints, by short service names such as `ecr.api`. Default: those that nodes call."""
    flow_logs: bool = Field(default=True, examples=[False])
    """VPC flow logs in CloudWatch Logs."""
    efa_security_group_id: SecurityGroupId | None = Field(default=None, examples=["sg-0123456789abcdef0"])
    """Existing security group of EFA traffic in the existing VPC: it lets all traffic in from itself and out to itself.
    Default: one is made here."""
    secondary_network: SecondaryNetworkSettings | None = None
    """Secondary network of pools on RoCE, see [network](constructs/network.md#secondary-network). Default: none."""
    subnets: list[SubnetSettings] = []
    """Subnets: in a new VPC with a new cluster at least two of kind `control_plane` in two zones, and one of kind
    `accelerator` in the zone of each pool."""

    @property
    def is_made_here(self) -> bool:
        """True if the environment makes the VPC."""
        return self.vpc_id is None

    @property
    def cidrs(self) -> list[str]:
        """CIDRs of the VPC, its own first; none where that isn't stated."""
        return [] if self.cidr is None else [self.cidr, *self.secondary_cidrs]

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_a_new_vpc() if self.vpc_id is None else self._faults_of_an_existing_vpc()

    def _faults_of_a_new_vpc(self) -> Iterator[Found]:
        existing: list[tuple[KeyPath, str, str | None]] = [
            (("subnets", index, key), f"{key} of {subnet.name}", getattr(subnet, key))
            for index, subnet in enumerate(self.subnets)
            for key in ("subnet_id", "route_table_id")
        ]
        existing.append((("efa_security_group_id",), "efa_security_group_id", self.efa_security_group_id))
        for at, path, found in existing:
            if found is not None:
                yield (
                    at,
                    FleetError(
                        path=path,
                        got=f"{found} without a vpc_id",
                        expected="the existing VPC that it belongs to",
                        remedy="state network.vpc_id, or leave it out where the VPC is made here",
                    ),
                )

    def _faults_of_an_existing_vpc(self) -> Iterator[Found]:
        for key in _OF_A_NEW_VPC:
            if key in self.model_fields_set:
                yield (
                    (key,),
                    FleetError(
                        path=key,
                        got=f"stated with vpc_id {self.vpc_id}",
                        expected="none",
                        remedy="no NAT gateway, endpoint or flow log is made in a VPC that exists: remove it",
                    ),
                )
        ids: list[str] = []
        for index, subnet in enumerate(self.subnets):
            for inside, error in attempted(self._faults_of_a_subnet(subnet)):
                yield ("subnets", index, *inside), error
            if subnet.subnet_id in ids:
                yield (
                    ("subnets", index, "subnet_id"),
                    FleetError(
                        path="subnets",
                        verb="has",
                        got=f"{ids.count(subnet.subnet_id) + 1} entries of {subnet.subnet_id}",
                        expected="each subnet once",
                        remedy="let both uses name one entry",
                    ),
                )
            ids += [subnet.subnet_id] if subnet.subnet_id is not None else []

    def _faults_of_a_subnet(self, subnet: SubnetSettings) -> Iterator[Found]:
        at = f"subnet {subnet.name}"
        if subnet.kind == "nat":
            yield (
                ("kind",),
                FleetError(
                    path=at,
                    got="of kind nat in a VPC that exists",
                    expected="none",
                    remedy="its way out is the VPC's own: remove the subnet",
                ),
            )
            return
        if subnet.subnet_id is not None and subnet.route_table_id is not None:
            yield (
                ("route_table_id",),
                FleetError(
                    path=f"route_table_id of {at}",
                    got=f"stated for existing {subnet.subnet_id}",
                    expected="none",
                    remedy="an existing subnet keeps its own: remove it",
                ),
            )
        if subnet.subnet_id is None and subnet.route_table_id is None:
            yield (
                (),
                FleetError(
                    path=at,
                    verb="has",
                    got=f"neither subnet_id nor route_table_id in existing {self.vpc_id}",
                    expected="the id of an existing subnet, or a route table for one that is made here",
                    remedy="copy the subnet's id from EC2, or state the route table that gives its nodes a way out",
                ),
            )
        if subnet.subnet_id is not None and subnet.cidr is None and subnet.kind == "accelerator":
            yield (
                (),
                FleetError(
                    path=at,
                    verb="has",
                    got=f"no cidr beside existing {subnet.subnet_id}",
                    expected="its CIDR, by which the pools' IP addresses are counted",
                    remedy=f"aws ec2 describe-subnets --subnet-ids {subnet.subnet_id}",
                ),
            )
        if subnet.subnet_id is None and self.cidr is None:
            yield (
                (),
                FleetError(
                    path=f"cidr of network with new {at}",
                    got="not stated",
                    expected="the CIDR of the existing VPC",
                    remedy=f"aws ec2 describe-vpcs --vpc-ids {self.vpc_id}",
                ),
            )
