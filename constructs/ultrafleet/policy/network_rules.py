"""Rules of security groups and FSx for Lustre."""

from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.policy.intrinsics import Unknown
from ultrafleet.policy.launch import launches
from ultrafleet.policy.rule import Problem, Rule, Severity, cannot_tell
from ultrafleet.policy.template import Resource, Template
from ultrafleet.rules.lustre import validate_lustre_capacity

_GROUP = "AWS::EC2::SecurityGroup"
_WAYS = {"SecurityGroupIngress": "ingress", "SecurityGroupEgress": "egress"}
_EVERYBODY = ("0.0.0.0/0", "::/0")
_SSH = 22


def _efa_group(template: Template) -> Iterator[Problem]:
    """Some group of an EFA interface lets all traffic pass within itself, both ways."""
    for launch in launches(template):
        for item in launch.interfaces:
            if not isinstance(item, Mapping) or item.get("InterfaceType") not in ("efa", "efa-only"):
                continue
            named = item.get("Groups")
            groups = [template.referred(value) for value in named] if isinstance(named, list) else []
            if not groups or any(group is None for group in groups):
                break  # somebody else's group
            lacking = {way for way in _WAYS if not any(_lets_itself(template, group, way) for group in groups if group)}
            if lacking:
                yield Problem(
                    launch.resource.logical_id,
                    f"its security group has no {' and no '.join(sorted(_WAYS[way] for way in lacking))} rule for all "
                    "traffic (protocol -1) with itself, expected one each way: EFA drops what isn't allowed, and "
                    "0.0.0.0/0 isn't enough",
                )
            break


def _lets_itself(template: Template, group: Resource, way: str) -> bool:
    return any(
        str(rule.get("IpProtocol")) == "-1" and _is_group(template, other, group)
        for rule in _rules(template, group, way)
        for other in (rule.get("SourceSecurityGroupId"), rule.get("DestinationSecurityGroupId"))
    )


def _is_group(template: Template, value: Any, group: Resource) -> bool:  # noqa: ANN401 - JSON
    found = template.referred(value)
    return found is not None and found.logical_id == group.logical_id


def _rules(template: Template, group: Resource, way: str) -> Iterator[Mapping[str, Any]]:
    for rule in group.items(way):
        if isinstance(rule, Mapping):
            yield rule
    for apart in template.of_type(f"AWS::EC2::{way}"):
        if _is_group(template, apart.get("GroupId"), group):
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
        if not any(source in _EVERYBODY for source in sources):
            continue
        protocol, low, high = str(rule.get("IpProtocol")), rule.get("FromPort"), rule.get("ToPort")
        if protocol == "-1":
            yield Problem(resource.logical_id, "all traffic comes in from everybody, expected your networks: narrow it")
        elif protocol in ("tcp", "6") and isinstance(low, int | str) and isinstance(high, int | str):
            if int(low) <= _SSH <= int(high):
                yield Problem(
                    resource.logical_id,
                    "SSH (port 22) comes in from everybody, expected nobody: use Session Manager, or your networks",
                )
        elif isinstance(low, Unknown) or isinstance(high, Unknown):
            yield cannot_tell(resource.logical_id, "ports that are open to everybody", "known at deployment")


def _lustre(template: Template) -> Iterator[Problem]:
    for system in template.of_type("AWS::FSx::FileSystem"):
        if system.get("FileSystemType") != "LUSTRE":
            continue
        capacity = system.get("StorageCapacity")
        throughput = system.get("LustreConfiguration", "PerUnitStorageThroughput")
        efa = str(system.get("LustreConfiguration", "EfaEnabled")).lower() == "true"
        if system.get("LustreConfiguration", "DeploymentType") != "PERSISTENT_2" or throughput is None:
            if efa:
                yield Problem(system.logical_id, "EfaEnabled without PERSISTENT_2 on SSD, expected that: change it")
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
        id="lustre",
        severity=Severity.ERROR,
        protects_from="a file system that FSx refuses",
        source="FSx for Lustre user guide and API reference (high)",
        remedy="a capacity of the steps that the message names",
        check=_lustre,
    ),
)
