"""Launch rules on the instance: type, network, image and user data."""

from collections import Counter
from typing import Any, Final

from ultrafleet.catalog.limits import USER_DATA_BYTES
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchFacts
from ultrafleet.rehearsal.ec2.state.instance_types import architectures, is_known

_LIMITS: Final = ("efa-maximum", "efa-on-ena-only-card", "interface-maximum", "interfaces-per-card")
_SEVERAL_INTERFACES: Final = (
    "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces."
)


def type_unknown(facts: LaunchFacts) -> str | None:
    """The instance type is unknown."""
    name = facts.request.instance_type
    return None if is_known(name) else f"Invalid value '{name}' for InstanceType."


def subnet_unknown(facts: LaunchFacts) -> str | None:
    """There is no such subnet."""
    return None if facts.subnet is not None else f"The subnet ID '{facts.request.subnet_id}' does not exist"


def type_not_in_zone(facts: LaunchFacts) -> str | None:
    """The zone is none of those that the catalog names for the type, or EC2 doesn't sell the type there."""
    entry = facts.catalog_type
    zones = entry.zones if entry is not None else None
    if not facts.is_sold_here:
        zones = tuple(zone for zone in zones or () if zone != facts.zone)
    elif zones is None or facts.zone is None or facts.zone in zones:
        return None
    return (
        f"Your requested instance type ({facts.request.instance_type}) is not supported in your requested Availability "
        f"Zone ({facts.zone}). Please retry your request by not specifying an Availability Zone"
        + (f" or choosing {', '.join(zones)}." if zones else ".")
    )


def efa_unsupported(facts: LaunchFacts) -> str | None:
    """EFA is requested on a type without EFA."""
    if _has_no_efa(facts) and any(interface.at.is_efa for interface in facts.interfaces):
        return f"EFA interfaces are not supported on {facts.request.instance_type}"
    return None


def interface_limit(facts: LaunchFacts) -> str | None:
    """More interfaces are requested than the type or a card supports."""
    found = [item for item in facts.layout_violations() if item.rule in _LIMITS]
    return None if not found or _has_no_efa(facts) else found[0].message


def interface_layout(facts: LaunchFacts) -> str | None:
    """The interface layout is one that the instance type doesn't support."""
    found = [item for item in facts.layout_violations() if item.rule not in _LIMITS]
    return found[0].message if found else None


def public_ip_with_many_interfaces(facts: LaunchFacts) -> str | None:
    """A public address is requested with several interfaces."""
    several = len(facts.interfaces) > 1 and any(interface.public_ip for interface in facts.interfaces)
    return _SEVERAL_INTERFACES if several else None


def groups_beside_interfaces(facts: LaunchFacts) -> str | None:
    """Security groups are given for the instance beside its interfaces."""
    if facts.names_interfaces and facts.instance_groups:
        return "Network interfaces and an instance-level security groups may not be specified on the same request"
    return None


def security_group_unknown(facts: LaunchFacts) -> str | None:
    """There is no such security group."""
    missing = [group_id for group_id, group in facts.groups.items() if group is None]
    return f"The security group '{missing[0]}' does not exist" if missing else None


def security_group_of_another_vpc(facts: LaunchFacts) -> str | None:
    """A security group is in another VPC than the subnet."""
    if facts.subnet is None:
        return None
    for group_id, group in facts.groups.items():
        if group is not None and group.vpc_id != facts.subnet.vpc_id:
            return f"Security group {group_id} and subnet {facts.subnet.id} belong to different networks."
    return None


def efa_security_group(facts: LaunchFacts) -> str | None:
    """No security group of an EFA interface lets its members reach one another."""
    for interface in facts.interfaces:
        known = [facts.groups[one] for one in interface.groups if facts.groups[one] is not None]
        if not interface.at.is_efa or len(known) < len(interface.groups):
            continue
        if not any(_reaches_itself(group, group.ingress_rules, group.egress_rules) for group in known):
            return (
                f"the EFA interface at card {interface.at.card} device {interface.at.device} has security groups "
                f"{', '.join(interface.groups) or 'none'}, expected one that allows all traffic from and to itself"
            )
    return None


def user_data_too_long(facts: LaunchFacts) -> str | None:
    """User data is longer than EC2 accepts."""
    too_long = facts.user_data_bytes > USER_DATA_BYTES.value
    return f"User data is limited to {USER_DATA_BYTES.value} bytes" if too_long else None


def ami_architecture(facts: LaunchFacts) -> str | None:
    """The image is for another processor architecture."""
    known, image = architectures(facts.request.instance_type), facts.request.ami_architecture
    if not known or image in known:
        return None
    return (
        f"The architecture '{','.join(known)}' of the specified instance type does not match the architecture "
        f"'{image}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and "
        "try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the "
        "instance type or AMI."
    )


def subnet_full(facts: LaunchFacts) -> str | None:
    """The subnet has fewer free addresses than the launch needs."""
    if facts.subnet is None or facts.addresses <= facts.subnet.available_ip_address_count:
        return None
    return (
        f"There are not enough free addresses in subnet '{facts.subnet.id}' to satisfy the requested number of "
        "instances."
    )


def secondary_subnet_unknown(facts: LaunchFacts) -> str | None:
    """There is no such secondary subnet."""
    missing = [item.subnet_id for item in facts.secondary if item.subnet is None]
    return f"The secondary subnet ID '{missing[0]}' does not exist" if missing else None


def secondary_subnet_of_another_zone(facts: LaunchFacts) -> str | None:
    """A secondary subnet is in another zone than the instance's subnet."""
    for item in facts.secondary:
        if item.subnet is not None and facts.zone is not None and item.subnet.zone != facts.zone:
            return f"The secondary subnet '{item.subnet_id}' is in {item.subnet.zone} and the subnet in {facts.zone}."
    return None


def secondary_subnet_full(facts: LaunchFacts) -> str | None:
    """A secondary subnet has fewer free addresses than the launch needs."""
    needed = Counter(item.subnet_id for item in facts.secondary)
    for item in facts.secondary:
        if item.subnet is not None and needed[item.subnet_id] > item.room:
            return (
                f"There are not enough free addresses in secondary subnet '{item.subnet_id}' to satisfy the requested "
                "number of instances."
            )
    return None


def placement_group_unknown(facts: LaunchFacts) -> str | None:
    """There is no such placement group."""
    if facts.placement_group_name and facts.placement_group is None:
        return f"The Placement Group '{facts.placement_group_name}' is unknown."
    return None


def _has_no_efa(facts: LaunchFacts) -> bool:
    return any(item.rule == "efa-maximum" and "at most 0" in item.message for item in facts.layout_violations())


def _reaches_itself(group: Any, *directions: Any) -> bool:
    return all(
        any(rule.ip_protocol == "-1" and (rule.source_group or {}).get("GroupId") == group.id for rule in rules)
        for rules in directions
    )
