"""Secondary networks, their subnets, and interfaces of instances in them."""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.ec2.state.moto_backend import tags_of
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

_KEPT_FIRST = 4
"""Addresses at the beginning of a subnet that EC2 keeps; it keeps the last one, too (EC2 API, high)."""


@dataclass(kw_only=True)
class SecondaryNetworkRecord:
    """Secondary network.

    Attributes:
        id: `sn-…`.
        cidr: its CIDR.
    """

    id: str
    cidr: str


@dataclass(kw_only=True)
class SecondarySubnetRecord:
    """Secondary subnet.

    Attributes:
        id: its id.
        network_id: network that it is in.
        cidr: its CIDR.
        zone: its zone.
        token: client token of the call that made it.
    """

    id: str
    network_id: str
    cidr: str
    zone: str
    token: str | None


@dataclass(frozen=True, kw_only=True)
class SecondaryInterfaceRecord:
    """Interface of an instance in a secondary subnet.

    Attributes:
        id: its id.
        instance_id: the instance, with which it goes.
        subnet_id: the subnet.
        address: its address.
        card: network card index.
        device: device index.
        attached: when it was attached.
    """

    id: str
    instance_id: str
    subnet_id: str
    address: str
    card: int
    device: int
    attached: datetime


@dataclass
class SecondaryNetworks:
    """Secondary networks of an account and region."""

    account_id: str
    region: str
    networks: dict[str, SecondaryNetworkRecord] = field(default_factory=dict)
    subnets: dict[str, SecondarySubnetRecord] = field(default_factory=dict)
    _of_instance: dict[str, list[SecondaryInterfaceRecord]] = field(default_factory=dict)
    _of_subnet: dict[str, dict[str, SecondaryInterfaceRecord]] = field(default_factory=dict)

    def add(self, item: SecondaryInterfaceRecord) -> None:
        """Record an interface of a new instance."""
        self._of_instance.setdefault(item.instance_id, []).append(item)
        self._of_subnet.setdefault(item.subnet_id, {})[item.address] = item

    def interfaces(self, *, subnet_id: str | None = None) -> list[SecondaryInterfaceRecord]:
        """Interfaces of instances that aren't terminated, of all subnets or of one."""
        subnets = self._of_subnet if subnet_id is None else [subnet_id]
        return [item for one in subnets for item in self._in_use(one).values()]

    def next_address(self, subnet_id: str) -> str:
        """First free address of a subnet that has one."""
        used, first = self._in_use(subnet_id), ipaddress.IPv4Network(self.subnets[subnet_id].cidr)[_KEPT_FIRST]
        return next(str(first + number) for number in range(len(used) + 1) if str(first + number) not in used)

    def room(self, subnet_id: str) -> int:
        """Number of free addresses of a subnet."""
        size = ipaddress.IPv4Network(self.subnets[subnet_id].cidr).num_addresses - _KEPT_FIRST - 1
        return size - len(self._in_use(subnet_id))

    def _in_use(self, subnet_id: str) -> dict[str, SecondaryInterfaceRecord]:
        """Interfaces of a subnet by their addresses: those of terminated instances are gone with them."""
        lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, self.account_id, self.region)
        found = self._of_subnet.get(subnet_id, {})
        for address in [address for address, item in found.items() if not lifetimes.is_alive(item.instance_id)]:
            self._of_instance.pop(found.pop(address).instance_id, None)
        return found

    def tags(self, resource_id: str) -> list[dict[str, str]]:
        """Tags of a network or subnet."""
        return tags_of(self.account_id, self.region, resource_id)

    def network_answer(self, network: SecondaryNetworkRecord, state: str = "create-complete") -> dict[str, Any]:
        """Description of a network by the API."""
        return {
            "SecondaryNetworkId": network.id,
            "SecondaryNetworkArn": f"arn:aws:ec2:{self.region}:{self.account_id}:secondary-network/{network.id}",
            "OwnerId": self.account_id,
            "Type": "rdma",
            "State": state,
            "Ipv4CidrBlockAssociations": [_association(network.id, network.cidr)],
            "Tags": self.tags(network.id),
        }

    def subnet_answer(self, subnet: SecondarySubnetRecord, state: str = "create-complete") -> dict[str, Any]:
        """Description of a subnet by the API."""
        return {
            "SecondarySubnetId": subnet.id,
            "SecondarySubnetArn": f"arn:aws:ec2:{self.region}:{self.account_id}:secondary-subnet/{subnet.id}",
            "SecondaryNetworkId": subnet.network_id,
            "SecondaryNetworkType": "rdma",
            "OwnerId": self.account_id,
            "AvailabilityZone": subnet.zone,
            "State": state,
            "Ipv4CidrBlockAssociations": [_association(subnet.id, subnet.cidr)],
            "Tags": self.tags(subnet.id),
        }

    def interface_answer(self, item: SecondaryInterfaceRecord) -> dict[str, Any]:
        """Description of an interface by the API."""
        subnet = self.subnets.get(item.subnet_id)
        return {
            "SecondaryInterfaceId": item.id,
            "SecondaryInterfaceArn": f"arn:aws:ec2:{self.region}:{self.account_id}:secondary-interface/{item.id}",
            "SecondaryInterfaceType": "secondary",
            "SecondarySubnetId": item.subnet_id,
            "SecondaryNetworkId": subnet.network_id if subnet is not None else None,
            "SecondaryNetworkType": "rdma",
            "AvailabilityZone": subnet.zone if subnet is not None else None,
            "OwnerId": self.account_id,
            "Status": "in-use",
            "PrivateIpv4Addresses": [{"PrivateIpAddress": item.address}],
            "Attachment": {
                "AttachmentId": f"{item.id}-attachment",
                "AttachTime": item.attached,
                "DeleteOnTermination": True,
                "DeviceIndex": item.device,
                "InstanceId": item.instance_id,
                "InstanceOwnerId": self.account_id,
                "NetworkCardIndex": item.card,
                "Status": "attached",
            },
        }

    def of_instance_answer(self, instance_id: str) -> list[dict[str, Any]]:
        """Secondary interfaces of an instance as DescribeInstances shows them."""
        return [
            {
                "SecondaryInterfaceId": item.id,
                "InterfaceType": "secondary",
                "SecondarySubnetId": item.subnet_id,
                "SecondaryNetworkId": self.subnets[item.subnet_id].network_id,
                "OwnerId": self.account_id,
                "Status": "in-use",
                "PrivateIpAddresses": [{"PrivateIpAddress": item.address}],
                "Attachment": {
                    "AttachmentId": f"{item.id}-attachment",
                    "AttachTime": item.attached,
                    "DeleteOnTermination": True,
                    "DeviceIndex": item.device,
                    "NetworkCardIndex": item.card,
                    "Status": "attached",
                },
            }
            for item in self._of_instance.get(instance_id, ())
            if SIMULATED_ACCOUNT.part(Lifetimes, self.account_id, self.region).is_alive(instance_id)
        ]


def _association(resource_id: str, cidr: str) -> dict[str, str]:
    return {"AssociationId": f"{resource_id}-cidr", "CidrBlock": cidr, "State": "associated"}
