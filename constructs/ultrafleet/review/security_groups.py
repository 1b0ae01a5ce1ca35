"""Security groups compared: rules that allow more than before."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.review.iam import text
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.networks import is_everybody
from ultrafleet.templates.template import Resource, Template

_GROUP: Final = "AWS::EC2::SecurityGroup"
_WAYS: Final = {"SecurityGroupIngress": "from", "SecurityGroupEgress": "to"}
_PEERS: Final = (
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "DestinationSecurityGroupId",
    "SourcePrefixListId",
    "DestinationPrefixListId",
)
_NUMBERS: Final = {"6": "tcp", "17": "udp", "1": "icmp"}


@dataclass(frozen=True, kw_only=True)
class SecurityGroupRule:
    """Rule of a security group: the traffic that it allows.

    Attributes:
        way: `from` or `to`.
        protocol: such as `tcp`; `-1` for all.
        low: first port.
        high: last port.
        peer: a network, a group or a prefix list.
    """

    way: str
    protocol: str
    low: int
    high: int
    peer: str

    def covers(self, other: "SecurityGroupRule") -> bool:
        """True if it allows everything that another rule allows."""
        ports = self.protocol == other.protocol and self.low <= other.low <= other.high <= self.high
        return self.way == other.way and (self.protocol == "-1" or ports) and _within(other.peer, self.peer)

    def __str__(self) -> str:
        """`tcp 22 from 0.0.0.0/0`."""
        if self.protocol == "-1":
            return f"everything {self.way} {self.peer}"
        ports = f"{self.low}" if self.low == self.high else f"{self.low}-{self.high}"
        return f"{self.protocol} {ports} {self.way} {self.peer}"


_ALL_OUT: Final = tuple(
    SecurityGroupRule(way="to", protocol="-1", low=0, high=65535, peer=peer) for peer in ("0.0.0.0/0", "::/0")
)
"""Egress of a group without rules of its own: everything (EC2 user guide, security groups, high)."""


def passages(template: Template) -> dict[str, set[SecurityGroupRule]]:
    """Rules of each group, by its logical id, or by its id where it is in no template."""
    found: dict[str, set[SecurityGroupRule]] = {}
    for group in template.of_type(_GROUP):
        own = found.setdefault(group.logical_id, set())
        if group.get("SecurityGroupEgress") is None:
            own.update(_ALL_OUT)
        for property_name, way in _WAYS.items():
            own.update(
                passage
                for rule in group.items(property_name)
                if isinstance(rule, Mapping)
                for passage in _passages(rule, way)
            )
    for property_name, way in _WAYS.items():
        for apart in template.of_type(f"AWS::EC2::{property_name}"):
            found.setdefault(_group_of(template, apart), set()).update(_passages(apart.properties, way))
    return found


def widened(
    before: Mapping[str, set[SecurityGroupRule]], after: Mapping[str, set[SecurityGroupRule]]
) -> Iterator[tuple[str, SecurityGroupRule]]:
    """Groups on both sides that allow more, with the rules that do."""
    for group in sorted(before.keys() & after.keys()):
        for passage in sorted(after[group] - before[group], key=str):
            if not any(old.covers(passage) for old in before[group]):
                yield group, passage


def opened(
    before: Mapping[str, set[SecurityGroupRule]], after: Mapping[str, set[SecurityGroupRule]]
) -> Iterator[tuple[str, SecurityGroupRule]]:
    """Rules of new groups that allow access from anywhere."""
    for group in sorted(after.keys() - before.keys()):
        for passage in sorted(after[group], key=str):
            if passage.way == "from" and is_everybody(passage.peer):
                yield group, passage


def _group_of(template: Template, rule: Resource) -> str:
    group = template.referred(rule.get("GroupId"))
    return group.logical_id if group is not None and group.template is template else text(rule.get("GroupId"))


def _passages(rule: Mapping[str, Any], way: str) -> Iterator[SecurityGroupRule]:
    stated = text(rule.get("IpProtocol"))
    low, high = as_int(rule.get("FromPort")), as_int(rule.get("ToPort"))
    for key in _PEERS:
        if rule.get(key) is not None:
            yield SecurityGroupRule(
                way=way,
                protocol=_NUMBERS.get(stated, stated),
                low=0 if low is None else low,
                high=65535 if high is None else high,
                peer=text(rule[key]),
            )


def _within(narrow: str, wide: str) -> bool:
    if narrow == wide:
        return True
    try:
        inner, outer = ipaddress.ip_network(narrow, strict=False), ipaddress.ip_network(wide, strict=False)
    except ValueError:
        return False  # groups and prefix lists
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
