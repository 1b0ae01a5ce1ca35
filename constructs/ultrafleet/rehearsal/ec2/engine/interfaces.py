"""Network interfaces on several cards, which moto doesn't have: it keeps one for each device index."""

from typing import Any

from moto.ec2.models.elastic_network_interfaces import Attachment, NetworkInterface
from moto.ec2.models.instances import Instance as MotoInstance
from moto.ec2.utils import random_id

from ultrafleet.rehearsal.ec2.rules.launch_request import InterfaceRequest, LaunchFacts
from ultrafleet.rehearsal.ec2.state.secondary_networks import SecondaryInterfaceRecord, SecondaryNetworks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


def install() -> None:
    """Show the card index of attachments and the groups of each interface, once."""
    if hasattr(NetworkInterface, "network_card_index"):
        return
    NetworkInterface.network_card_index = 0  # type: ignore[attr-defined]  # says that moto is patched
    NetworkInterface.own_groups = None  # type: ignore[attr-defined]  # groups that an instance's don't add to
    make_attachment = Attachment.__init__
    groups_of: Any = NetworkInterface.__dict__["group_set"].fget

    def attachment(self: Any, eni: Any) -> None:
        make_attachment(self, eni)
        self.network_card_index = eni.network_card_index

    def group_set(self: Any) -> Any:
        return self.own_groups if self.own_groups is not None else groups_of(self)

    Attachment.__init__ = attachment  # type: ignore[method-assign]  # this is how moto is extended
    NetworkInterface.group_set = property(group_set)  # type: ignore[method-assign, assignment]  # the same
    MotoInstance.secondary_interfaces = property(_shown)  # type: ignore[attr-defined]  # of DescribeInstances


def _shown(instance: Any) -> list[dict[str, Any]]:
    store = instance.ec2_backend
    return SIMULATED_ACCOUNT.part(SecondaryNetworks, store.account_id, store.region_name).of_instance_answer(
        instance.id
    )


def attach_secondary_interfaces(instance: Any, facts: LaunchFacts) -> None:
    """Give a new instance its secondary interfaces, each with an address of its subnet."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, facts.request.account_id, facts.request.region)
    for wanted in facts.secondary:
        held.add(
            SecondaryInterfaceRecord(
                id=str(random_id("sni")),
                instance_id=instance.id,
                subnet_id=wanted.subnet_id,
                address=held.next_address(wanted.subnet_id),
                card=wanted.at.card,
                device=wanted.at.device,
                attached=SIMULATED_ACCOUNT.now,
            )
        )


def attach_interfaces(instance: Any, facts: LaunchFacts) -> None:
    """Give a new instance, which has its primary interface, the other ones."""
    ordered = sorted(facts.interfaces, key=lambda interface: interface.at)
    for number, wanted in enumerate(ordered):
        eni = instance.nics[0] if number == 0 else _attached(instance, number, wanted, facts)
        eni.network_card_index = wanted.at.card
        eni.interface_type = wanted.at.interface_type
        eni.attach_time = SIMULATED_ACCOUNT.now
        eni.own_groups = [facts.groups[one] for one in wanted.groups] or None
        if not wanted.at.takes_ip:
            eni.private_ip_address = None
            eni.private_ip_addresses = []
            eni.private_dns_name = None


def _attached(instance: Any, number: int, wanted: InterfaceRequest, facts: LaunchFacts) -> Any:
    address = facts.subnet.get_available_subnet_ip(instance=instance) if wanted.at.takes_ip else None
    eni = instance.ec2_backend.create_network_interface(
        facts.subnet,
        address,
        device_index=wanted.at.device,
        group_ids=list(wanted.groups),
        description=wanted.description,
        delete_on_termination=True,
    )
    # Moto keeps interfaces by device index, of which every card has its own; the number keeps them apart.
    instance.attach_eni(eni, number)
    eni.device_index = wanted.at.device
    return eni
