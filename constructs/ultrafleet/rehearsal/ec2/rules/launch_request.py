"""Request to launch an instance, and the facts by which EC2 decides."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from moto.ec2.exceptions import InvalidSubnetIdError

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.network_card import INTERFACE_TYPES, NETWORK_INTERFACE_TYPES
from ultrafleet.layout import Interface, Violation, layout_violations
from ultrafleet.rehearsal.ec2.state.instance_types import NotSold, catalog_type, network_limits
from ultrafleet.rehearsal.ec2.state.moto_backend import backend
from ultrafleet.rehearsal.ec2.state.placement_groups import PlacementGroupRecord, PlacementGroups
from ultrafleet.rehearsal.ec2.state.reservation_groups import group_exists, group_members
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.ec2.state.secondary_networks import SecondaryNetworks, SecondarySubnetRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

CAPACITY_BLOCK = "capacity-block"
"""Market type, and reservation type, of capacity blocks."""


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """Request for one instance.

    Attributes:
        account_id: account of the request.
        region: region of the request.
        template: LaunchTemplateData of the resolved version, as the EC2 API spells it.
        instance_type: type, of the template or of the request.
        subnet_id: subnet of its interfaces.
        ami_architecture: architecture of the image that it boots.
        tags: put on the instance, beside those of the template's TagSpecifications.
    """

    account_id: str
    region: str
    template: Mapping[str, Any]
    instance_type: str
    subnet_id: str
    ami_architecture: Literal["arm64", "x86_64"]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class InterfaceRequest:
    """Network interface of a request.

    Attributes:
        at: card, device and type.
        groups: its security groups.
        description: its description.
        public_ip: whether it asks for a public address.
    """

    at: Interface
    groups: tuple[str, ...]
    description: str = ""
    public_ip: bool = False


@dataclass(frozen=True, kw_only=True)
class SecondaryRequest:
    """Secondary interface of a request.

    Attributes:
        at: card, device and type.
        subnet_id: secondary subnet that it names.
        subnet: that subnet; None where it doesn't exist.
        room: free addresses of the subnet.
    """

    at: Interface
    subnet_id: str
    subnet: SecondarySubnetRecord | None
    room: int


@dataclass(frozen=True, kw_only=True)
class LaunchFacts:
    """Request with everything it names looked up; None where it doesn't exist.

    Attributes:
        request: the request.
        interfaces: its interfaces; the primary one that EC2 adds, where the template has none.
        secondary: its secondary interfaces.
        names_interfaces: whether the template has interfaces.
        instance_groups: security groups that the template gives the whole instance.
        groups: security groups by id, as moto keeps them.
        subnet: the subnet, as moto keeps it.
        market: market type of the request.
        target_id: capacity reservation that it targets.
        target_group_arn: resource group of reservations that it targets.
        target_group_exists: whether there is that resource group.
        preference: capacity reservation preference.
        candidates: reservations that it could run in without naming one: the group's, or the open ones.
        reservation: reservation that it would run in.
        reservation_room: instances that could still be launched into it.
        placement_group_name: placement group that it names.
        placement_group: that group.
        tenancy: `default` or `dedicated`.
        platform: `Linux/UNIX`, ...
        user_data_bytes: size of the user data, decoded.
    """

    request: LaunchRequest
    interfaces: tuple[InterfaceRequest, ...]
    secondary: tuple[SecondaryRequest, ...]
    names_interfaces: bool
    instance_groups: tuple[str, ...]
    groups: Mapping[str, Any]
    subnet: Any
    market: str | None
    target_id: str | None
    target_group_arn: str | None
    target_group_exists: bool
    preference: str | None
    candidates: tuple[CapacityReservation, ...]
    reservation: CapacityReservation | None
    reservation_room: int
    placement_group_name: str | None
    placement_group: PlacementGroupRecord | None
    tenancy: str
    platform: str
    user_data_bytes: int

    @property
    def catalog_type(self) -> InstanceType | None:
        """Catalog entry of the type."""
        return catalog_type(self.request.instance_type)

    @property
    def zone(self) -> str | None:
        """Zone of the subnet."""
        return None if self.subnet is None else str(self.subnet.availability_zone)

    @property
    def is_sold_here(self) -> bool:
        """True unless EC2 doesn't sell the type in the subnet's zone, although the catalog has it there."""
        places = SIMULATED_ACCOUNT.part(NotSold, self.request.account_id, self.request.region).places
        return (self.request.instance_type, self.zone) not in places

    @property
    def addresses(self) -> int:
        """IPv4 addresses of the subnet that the launch takes."""
        return sum(interface.at.takes_ip for interface in self.interfaces)

    def layout_violations(self) -> list[Violation]:
        """Violations of the type's interface layout."""
        entry = self.catalog_type
        if entry is None:
            name = self.request.instance_type
            entry = InstanceType.of(name, facts=network_limits(name))
        at = [*(interface.at for interface in self.interfaces), *(interface.at for interface in self.secondary)]
        allowed = INTERFACE_TYPES if self.secondary else NETWORK_INTERFACE_TYPES
        return layout_violations(entry, at, allowed=allowed)


def facts_of(request: LaunchRequest) -> LaunchFacts:
    """Facts of a request: what it names, looked up."""
    template, store = request.template, backend(request.account_id, request.region)
    instance_groups = tuple(template.get("SecurityGroupIds") or ())
    names = template.get("NetworkInterfaces") or ()
    primary = InterfaceRequest(at=Interface(0, 0, "interface"), groups=instance_groups)
    interfaces = tuple(_interface(item) for item in names) or (primary,)
    wanted_groups = {group for interface in interfaces for group in interface.groups} | set(instance_groups)
    specification = template.get("CapacityReservationSpecification") or {}
    target = specification.get("CapacityReservationTarget") or {}
    reservations = SIMULATED_ACCOUNT.part(Reservations, request.account_id, request.region)
    reservation = reservations.by_id.get(target.get("CapacityReservationId") or "")
    placement = template.get("Placement") or {}
    group_name = placement.get("GroupName") or placement.get("GroupId")
    group_arn = target.get("CapacityReservationResourceGroupArn")
    preference = specification.get("CapacityReservationPreference")
    if group_arn:
        members = group_members(request.account_id, request.region, group_arn)
        candidates = tuple(reservations.by_id[one] for one in members if one in reservations.by_id)
    elif target or preference == "none":
        candidates = ()
    else:
        candidates = tuple(item for item in reservations.by_id.values() if item.match_criteria == "open")
    return LaunchFacts(
        request=request,
        interfaces=interfaces,
        secondary=_secondary(request),
        names_interfaces=bool(names),
        instance_groups=instance_groups,
        groups={one: store.get_security_group_from_id(one) for one in sorted(wanted_groups)},
        subnet=_subnet(store, request.subnet_id),
        market=(template.get("InstanceMarketOptions") or {}).get("MarketType"),
        target_id=target.get("CapacityReservationId"),
        target_group_arn=group_arn,
        target_group_exists=group_exists(request.account_id, request.region, group_arn) if group_arn else False,
        preference=preference,
        candidates=candidates,
        reservation=reservation,
        reservation_room=0 if reservation is None else reservations.available(reservation),
        placement_group_name=group_name,
        placement_group=SIMULATED_ACCOUNT.part(PlacementGroups, request.account_id, request.region).find(
            group_name or ""
        ),
        tenancy=placement.get("Tenancy") or "default",
        platform=_platform(store, template.get("ImageId")),
        user_data_bytes=_size(template.get("UserData")),
    )


def _interface(item: Mapping[str, Any]) -> InterfaceRequest:
    return InterfaceRequest(
        at=Interface(
            int(item.get("NetworkCardIndex") or 0),
            int(item.get("DeviceIndex") or 0),
            item.get("InterfaceType") or "interface",
        ),
        groups=tuple(item.get("Groups") or ()),
        description=item.get("Description") or "",
        public_ip=str(item.get("AssociatePublicIpAddress", "false")).lower() == "true",
    )


def _secondary(request: LaunchRequest) -> tuple[SecondaryRequest, ...]:
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, request.account_id, request.region)
    found = []
    for item in request.template.get("SecondaryInterfaces") or ():
        subnet_id = str(item.get("SecondarySubnetId") or "")
        at = Interface(int(item.get("NetworkCardIndex") or 0), int(item.get("DeviceIndex") or 0), "secondary")
        subnet = held.subnets.get(subnet_id)
        room = held.room(subnet_id) if subnet is not None else 0
        found.append(SecondaryRequest(at=at, subnet_id=subnet_id, subnet=subnet, room=room))
    return tuple(found)


def _subnet(store: Any, subnet_id: str) -> Any:
    try:
        return store.get_subnet(subnet_id)
    except InvalidSubnetIdError:
        return None


def _platform(store: Any, image_id: str | None) -> str:
    image = store.amis.get(image_id or "")
    return "Windows" if image is not None and str(image.platform).lower() == "windows" else "Linux/UNIX"


def _size(user_data: Any) -> int:
    return len(base64.b64decode(str(user_data))) if user_data else 0
