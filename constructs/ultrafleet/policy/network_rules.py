"""Rules of security groups and subnets."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.rules.ip_budget import RESERVED_ADDRESSES
from ultrafleet.rules.zones import is_local_zone, is_zone
from ultrafleet.templates.cluster import clusters
from ultrafleet.templates.launch import as_int, launches
from ultrafleet.templates.node_group import groups
from ultrafleet.templates.once import once_per_template
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown

_GROUP = "AWS::EC2::SecurityGroup"
_WAYS = {"SecurityGroupIngress": "ingress", "SecurityGroupEgress": "egress"}


def _efa_group(template: Template) -> Iterator[Problem]:
    """The groups of an EFA interface, taken together, let all traffic pass within one of them, both ways."""
    for launch in launches(template):
        logical_id = launch.resource.logical_id
        found = (
            problem
            for item in launch.interfaces
            if isinstance(item, Mapping) and item.get("InterfaceType") in ("efa", "efa-only")
            for problem in _of_interface(template, logical_id, item.get("Groups"))
        )
        yield from dict.fromkeys(found)  # most interfaces have the same groups


def _of_interface(template: Template, logical_id: str, named: Any) -> Iterator[Problem]:  # noqa: ANN401 - JSON
    listed = named if isinstance(named, list) else [] if named is None or isinstance(named, Unknown) else [named]
    if not listed and not isinstance(named, Unknown):
        yield Problem(
            logical_id,
            "an EFA interface has no security group, expected one that lets all traffic pass within itself: the VPC's "
            "default group allows 0.0.0.0/0 out, which isn't enough, state Groups",
        )
        return
    referred = [template.referred(value) for value in listed]
    own = [group for group in referred if group is not None and group.type == _GROUP]
    others = [value for value, group in zip(listed, referred, strict=True) if group is None or group.type != _GROUP]
    lacking = {way for way in _WAYS if not any(_lets_itself(group, way) for group in own)}
    if not lacking:
        return
    # A group that has one of the rules is meant for EFA. One that has neither may be used beside one that has both: EKS
    # lately makes the cluster's own group so (EKS user guide, security group requirements, high; since when: unknown).
    if own and (len(lacking) < len(_WAYS) or not others):
        yield Problem(
            logical_id,
            f"its security group has no {' and no '.join(sorted(_WAYS[way] for way in lacking))} rule for all "
            "traffic (protocol -1) with itself, expected one each way: EFA drops what isn't allowed, and "
            "0.0.0.0/0 isn't enough",
        )
        return
    what = "whether its security groups let EFA pass within themselves"
    unknown = next((value for value in (named, *others) if isinstance(value, Unknown)), None)
    if unknown is not None:
        yield cannot_tell(logical_id, what, unknown.reason)
    elif own:
        yield cannot_tell(logical_id, what, "one of them is in no template, so that its rules aren't known")
    elif others:
        names = ", ".join(map(str, others))
        yield cannot_tell(logical_id, what, f"{names} is in no template, so that its rules aren't known")


def _lets_itself(group: Resource, way: str) -> bool:
    return any(
        str(rule.get("IpProtocol")) == "-1" and _is_group(other, group)
        for rule in _rules(group, way)
        for other in (rule.get("SourceSecurityGroupId"), rule.get("DestinationSecurityGroupId"))
    )


def _is_group(value: Any, group: Resource) -> bool:  # noqa: ANN401 - JSON
    return group.template.referred(value) is group


def _rules(group: Resource, way: str) -> Iterator[Mapping[str, Any]]:
    for rule in group.items(way):
        if isinstance(rule, Mapping):
            yield rule
    yield from _rules_apart(group.template).get((group.logical_id, way), ())


@once_per_template
def _rules_apart(template: Template) -> Mapping[tuple[str, str], list[Mapping[str, Any]]]:
    """Rules that are resources of their own, by the group of this template that they are of."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for way in _WAYS:
        for apart in template.of_type(f"AWS::EC2::{way}"):
            group = template.referred(apart.get("GroupId"))
            if group is not None and group.template is template:
                found.setdefault((group.logical_id, way), []).append(apart.properties)
    return found


def _addresses(template: Template) -> Iterator[Problem]:
    """At the least: one address for each interface that has one, in a subnet made here."""
    needed: dict[str, int] = {}
    subnets: dict[str, Resource] = {}
    for group in groups(template):
        size, layout = as_int(group.max_size), group.launch.layout if group.launch else None
        subnet = template.referred(group.subnets[0]) if len(group.subnets) == 1 else None
        if size is None or not isinstance(layout, list) or subnet is None:
            continue
        subnets[subnet.logical_id] = subnet
        with_address = sum(interface.interface_type != "efa-only" for interface in layout)
        needed[subnet.logical_id] = needed.get(subnet.logical_id, 0) + size * with_address
    for logical_id, count in needed.items():
        cidr = subnets[logical_id].get("CidrBlock")
        try:
            usable = ipaddress.IPv4Network(str(cidr)).num_addresses - RESERVED_ADDRESSES
        except ValueError:
            continue  # known at deployment, or IPv6
        if count > usable:
            yield Problem(
                logical_id,
                f"{cidr} has {usable:,} addresses and its nodes need {count:,} before any pod, expected at least "
                "as many: state a larger CidrBlock",
            )


def _cluster_subnets(template: Template) -> Iterator[Problem]:
    for cluster in clusters(template):
        zones = []
        for value in cluster.items("ResourcesVpcConfig", "SubnetIds"):
            subnet = template.referred(value)
            zone = subnet.get("AvailabilityZone") if subnet is not None else None
            if isinstance(zone, str) and is_zone(zone):
                zones.append(zone)
        local = sorted(zone for zone in set(zones) if is_local_zone(zone))
        if local:
            yield Problem(
                cluster.logical_id,
                f"a subnet of the cluster is in Local Zone {local[0]}, expected Availability Zones: EKS can't create a "
                "cluster with it, only node groups go there, remove it",
            )
        elif zones and len(zones) == len(cluster.items("ResourcesVpcConfig", "SubnetIds")) and len(set(zones)) == 1:
            yield Problem(
                cluster.logical_id,
                f"every subnet of the cluster is in {zones[0]}, expected two zones: EKS refuses one, add a subnet",
            )


RULES = (
    PolicyRule(
        id="efa-security-group",
        number=32,
        severity=Severity.ERROR,
        protects_from="jobs that hang: EFA's packets are dropped silently",
        source=Source("EC2 user guide, EFA security group"),
        remedy="ingress and egress of protocol -1 with the group itself",
        check=_efa_group,
    ),
    PolicyRule(
        id="subnet-addresses",
        number=34,
        severity=Severity.ERROR,
        protects_from="nodes that don't launch because the subnet is used up",
        source=Source("VPC user guide, subnet CIDR blocks: five addresses are kept"),
        remedy="a larger CidrBlock, in a new subnet; `ultrafleet network plan` counts pods, too",
        check=_addresses,
    ),
    PolicyRule(
        id="cluster-subnets",
        number=35,
        severity=Severity.ERROR,
        protects_from="a cluster that EKS refuses",
        source=Source("EKS user guide, VPC requirements and Local Zones"),
        remedy="subnets in two Availability Zones; node groups may be in the Local Zone",
        check=_cluster_subnets,
    ),
)
