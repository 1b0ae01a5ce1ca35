"""Rules of security groups, subnets and FSx for Lustre."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.policy.cluster import clusters
from ultrafleet.policy.group import groups
from ultrafleet.policy.intrinsics import Unknown
from ultrafleet.policy.launch import as_int, launches
from ultrafleet.policy.networks import is_everybody
from ultrafleet.policy.rule import Problem, Rule, Severity, cannot_tell
from ultrafleet.policy.template import Resource, Template
from ultrafleet.rules.ip_budget import RESERVED_ADDRESSES
from ultrafleet.rules.lustre import LUSTRE_SMALL_GIB, LUSTRE_STEPS_GIB, validate_lustre_capacity
from ultrafleet.rules.zones import is_local_zone

_GROUP = "AWS::EC2::SecurityGroup"
_WAYS = {"SecurityGroupIngress": "ingress", "SecurityGroupEgress": "egress"}
_SSH = 22
_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-\d(-[a-z]{3}-\d)?[a-z]")


def _efa_group(template: Template) -> Iterator[Problem]:
    """Some group of an EFA interface lets all traffic pass within itself, both ways."""
    for launch in launches(template):
        for item in launch.interfaces:
            if not isinstance(item, Mapping) or item.get("InterfaceType") not in ("efa", "efa-only"):
                continue
            named = item.get("Groups")
            listed = named if isinstance(named, list) else []
            referred = [template.referred(value) for value in listed]
            own = [group for group in referred if group is not None and group.type == _GROUP]
            lacking = {way for way in _WAYS if not any(_lets_itself(group, way) for group in own)}
            others = [value for value, group in zip(listed, referred, strict=True) if group is None]
            unknown = next((value for value in (named, *others) if isinstance(value, Unknown)), None)
            if lacking and unknown is not None:
                what = "whether its security groups let EFA pass within themselves"
                yield cannot_tell(launch.resource.logical_id, what, unknown.reason)
            # What a group of somebody else's allows, no template shows.
            elif lacking and own and not others:
                yield Problem(
                    launch.resource.logical_id,
                    f"its security group has no {' and no '.join(sorted(_WAYS[way] for way in lacking))} rule for all "
                    "traffic (protocol -1) with itself, expected one each way: EFA drops what isn't allowed, and "
                    "0.0.0.0/0 isn't enough",
                )
            break


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
    for apart in group.template.of_type(f"AWS::EC2::{way}"):
        if _is_group(apart.get("GroupId"), group):
            yield apart.properties


def _open_to_everybody(template: Template) -> Iterator[Problem]:
    apart = [(rule, rule.properties) for rule in template.of_type("AWS::EC2::SecurityGroupIngress")]
    inline = [
        (group, rule)
        for group in template.of_type(_GROUP)
        for rule in group.items("SecurityGroupIngress")
        if isinstance(rule, Mapping)
    ]
    for resource, rule in (*inline, *apart):
        sources = [rule.get("CidrIp"), rule.get("CidrIpv6")]
        open_, unknown = (
            any(map(is_everybody, sources)),
            next((source for source in sources if isinstance(source, Unknown)), None),
        )
        protocol, low, high = (
            str(rule.get("IpProtocol")).lower(),
            as_int(rule.get("FromPort")),
            as_int(rule.get("ToPort")),
        )
        ssh = protocol in ("tcp", "6") and low is not None and high is not None and low <= _SSH <= high
        if unknown is not None and (ssh or protocol == "-1"):
            yield cannot_tell(resource.logical_id, "who reaches it by SSH", unknown.reason)
        elif open_ and protocol == "-1":
            yield Problem(resource.logical_id, "all traffic comes in from everybody, expected your networks: narrow it")
        elif open_ and ssh:
            yield Problem(
                resource.logical_id,
                "SSH (port 22) comes in from everybody, expected nobody: use Session Manager, or your networks",
            )
        elif open_ and any(isinstance(rule.get(key), Unknown) for key in ("FromPort", "ToPort", "IpProtocol")):
            yield cannot_tell(resource.logical_id, "ports that are open to everybody", "known at deployment")


def _lustre(template: Template) -> Iterator[Problem]:
    for system in template.of_type("AWS::FSx::FileSystem"):
        if system.get("FileSystemType") != "LUSTRE":
            continue
        capacity = system.get("StorageCapacity")
        throughput = system.get("LustreConfiguration", "PerUnitStorageThroughput")
        efa = str(system.get("LustreConfiguration", "EfaEnabled")).lower() == "true"
        deployment = system.get("LustreConfiguration", "DeploymentType")
        if deployment != "PERSISTENT_2" or throughput is None:
            if efa:
                yield Problem(system.logical_id, "EfaEnabled without PERSISTENT_2 on SSD, expected that: change it")
            elif not isinstance(deployment, Unknown) and as_int(capacity) is not None:
                yield from _older_lustre(system, str(deployment or "SCRATCH_1"), int(capacity))
            continue
        if isinstance(capacity, Unknown) or isinstance(throughput, Unknown) or capacity is None:
            yield cannot_tell(system.logical_id, "capacity and throughput", "known at deployment")
            continue
        try:
            validate_lustre_capacity(int(capacity), throughput_mbps_per_tib=int(throughput), efa=efa)
        except FleetError as error:
            yield Problem(system.logical_id, str(error))
        if efa and system.get("LustreConfiguration", "MetadataConfiguration") is None:
            yield Problem(system.logical_id, "EfaEnabled without MetadataConfiguration, expected one: add it")


def _older_lustre(system: Resource, deployment: str, capacity: int) -> Iterator[Problem]:
    step = LUSTRE_STEPS_GIB.get(deployment)
    if step is None or system.get("StorageType") not in (None, "SSD"):
        return
    if capacity not in LUSTRE_SMALL_GIB and (capacity < step or capacity % step):
        yield Problem(
            system.logical_id,
            f"StorageCapacity is {capacity} with {deployment}, expected {' or '.join(map(str, LUSTRE_SMALL_GIB))} or a "
            f"multiple of {step}: change it",
        )


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
                f"{cidr} has {usable:,} addresses and its nodes take {count:,} before any pod has one, expected as "
                "many at least: state a larger CidrBlock",
            )


def _cluster_subnets(template: Template) -> Iterator[Problem]:
    for cluster in clusters(template):
        zones = []
        for value in cluster.items("ResourcesVpcConfig", "SubnetIds"):
            subnet = template.referred(value)
            zone = subnet.get("AvailabilityZone") if subnet is not None else None
            if isinstance(zone, str) and _ZONE.fullmatch(zone):
                zones.append(zone)
        local = sorted(zone for zone in set(zones) if is_local_zone(zone))
        if local:
            yield Problem(
                cluster.logical_id,
                f"a subnet of the cluster is in Local Zone {local[0]}, expected Availability Zones: EKS can't create a "
                "cluster with it, only node groups go there, take it out",
            )
        elif zones and len(zones) == len(cluster.items("ResourcesVpcConfig", "SubnetIds")) and len(set(zones)) == 1:
            yield Problem(
                cluster.logical_id,
                f"every subnet of the cluster is in {zones[0]}, expected two zones: EKS refuses one, add a subnet",
            )


RULES = (
    Rule(
        id="efa-security-group",
        severity=Severity.ERROR,
        protects_from="jobs that hang: EFA's packets are dropped without a word",
        source="EC2 user guide, EFA security group (high)",
        remedy="ingress and egress of protocol -1 with the group itself",
        check=_efa_group,
    ),
    Rule(
        id="open-to-everybody",
        severity=Severity.ERROR,
        protects_from="whoever scans the internet",
        source="EC2 user guide, security groups (high); that nobody should: ours",
        remedy="name your networks, or use Session Manager",
        check=_open_to_everybody,
    ),
    Rule(
        id="subnet-addresses",
        severity=Severity.ERROR,
        protects_from="nodes that don't launch because the subnet is used up",
        source="VPC user guide, subnet CIDR blocks: five addresses are kept (high)",
        remedy="a larger CidrBlock, in a new subnet; `ultrafleet network plan` counts pods, too",
        check=_addresses,
    ),
    Rule(
        id="cluster-subnets",
        severity=Severity.ERROR,
        protects_from="a cluster that EKS refuses",
        source="EKS user guide, VPC requirements and Local Zones (high)",
        remedy="subnets in two Availability Zones; node groups may be in the Local Zone",
        check=_cluster_subnets,
    ),
    Rule(
        id="lustre",
        severity=Severity.ERROR,
        protects_from="a file system that FSx refuses",
        source="FSx for Lustre user guide and API reference (high)",
        remedy="a capacity of the steps that the message names",
        check=_lustre,
    ),
)
